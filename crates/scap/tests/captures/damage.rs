//! Bytes that are missing, wrong or hostile: never a panic, never memory for a length that nobody checked, and what is
//! sound behind the damage is read.

use fathom_model::Hint;
use fathom_scap::{Damage, Error, Item, Reader, Tolerance};
use proptest::prelude::*;

use fathom_testkit::capture::Capture;

/// A capture of `count` events.
fn capture(count: usize) -> Vec<u8> {
    let close = |capture: Capture, _| capture.event(4, &[&[0; 8]]);
    (0..count).fold(Capture::default().section(), close).0
}

/// Reads everything, every list too; how many events there were, and the gaps.
fn exhaust(bytes: &[u8]) -> Option<(usize, Vec<fathom_scap::Gap>)> {
    let (mut events, mut gaps) = (0, Vec::new());
    let mut reader = Reader::new(bytes, Tolerance::Salvage).ok()?;
    while let Ok(Some(item)) = reader.next() {
        match item {
            Item::Event(event) => {
                events += 1;
                event.params().for_each(drop);
                assert!((event.count()..40).all(|index| event.param(index).is_none()));
            }
            Item::Processes(all) => all.for_each(drop),
            Item::Descriptors(all) => all.for_each(drop),
            Item::Users(all) => all.for_each(drop),
            Item::Interfaces(all) => all.for_each(drop),
            Item::Gap(gap) => gaps.push(gap),
            Item::Section { .. } | Item::Machine(_) | Item::Other(_) => {}
        }
    }
    Some((events, gaps))
}

#[test]
fn what_is_no_capture_is_refused_with_what_it_is() {
    for (bytes, expected) in [
        (&b"#!/bin/sh\n"[..], "this is no capture: it begins with `#!/bin/s`"),
        (b"", "this is no capture: it begins with nothing"),
    ] {
        let error = Reader::new(bytes, Tolerance::Salvage).err().unwrap();
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some());
    }
    let mut other = capture(1);
    other[8..12].reverse();
    assert!(matches!(Reader::new(&other, Tolerance::Strict), Err(Error::ByteOrder)));
    let mut newer = capture(1);
    newer[12] = 2;
    assert!(matches!(Reader::new(&newer, Tolerance::Strict), Err(Error::Version { major: 2 })));
}

#[test]
fn a_capture_that_was_cut_off_is_read_up_to_there() {
    let whole = capture(5);
    let size = (whole.len() - 28) / 5;
    for end in 16..whole.len() {
        let (events, gaps) = exhaust(&whole[..end]).unwrap();
        assert_eq!(events, end.saturating_sub(28) / size, "{end}");
        let cut = end < 28 || !(end - 28).is_multiple_of(size);
        assert_eq!(gaps.len(), usize::from(cut), "{end}");
        assert_eq!(gaps.iter().map(|gap| gap.offset + gap.length).next().unwrap_or(end as u64), end as u64);
    }
    let mut strict = Reader::new(&whole[..whole.len() - 1], Tolerance::Strict).unwrap();
    let error = loop {
        match strict.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the last event is not whole"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Damaged { damage: Damage::Truncated { .. }, .. }), "{error}");
}

#[test]
fn what_is_behind_the_damage_is_read() {
    let mut bytes = capture(9);
    let size = (bytes.len() - 28) / 9;
    // The fourth event's length, and a hole in the sixth.
    bytes[28 + 3 * size + 4] = 0xff;
    bytes.drain(28 + 5 * size + 7..28 + 5 * size + 10);
    let (events, gaps) = exhaust(&bytes).unwrap();
    assert_eq!(events, 7);
    assert_eq!(gaps.iter().map(|gap| gap.offset).collect::<Vec<_>>(), [(28 + 3 * size) as u64, (28 + 5 * size) as u64]);
}

#[test]
fn a_length_of_four_gigabytes_takes_no_memory() {
    let mut bytes = capture(2);
    bytes[28 + 4..28 + 8].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut reader = Reader::stream(&bytes[..], Tolerance::Salvage).unwrap();
    let mut seen = (0, 0);
    while let Some(item) = reader.next().unwrap() {
        seen.0 += usize::from(matches!(item, Item::Event(_)));
        seen.1 += usize::from(matches!(item, Item::Gap(_)));
    }
    assert_eq!(seen, (1, 1));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut whole = capture(1);
        whole.extend(&bytes);
        whole.extend(&capture(1)[28..]);
        exhaust(&whole);
        exhaust(&bytes);
    }

    #[test]
    fn no_flipped_bits_make_it_panic(flips in proptest::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..12)) {
        let mut whole = capture(6);
        for (index, bit) in flips {
            let at = index.index(whole.len());
            whole[at] ^= 1 << bit;
        }
        exhaust(&whole);
    }

    #[test]
    fn no_list_makes_it_panic(kind in 0_usize..31, body in proptest::collection::vec(any::<u8>(), 0..300)) {
        const KINDS: [u32; 31] = [
            0x0A0D_0D0A, 0x201, 0x8002_ABCD, 0x205, 0x8011_ABCD, 0x219, 0x206, 0x8012_ABCD, 0x220, 0x202, 0x8000_ABCD,
            0x207, 0x8013_ABCD, 0x209, 0x8014_ABCD, 0x210, 0x211, 0x212, 0x213, 0x214, 0x215, 0x203, 0x8001_ABCD, 0x218,
            0x204, 0x8010_ABCD, 0x208, 0x216, 0x217, 0x221, 0x222,
        ];
        let mut capture = Capture::default().section();
        capture.block(KINDS[kind], &body);
        prop_assert!(exhaust(&capture.0).is_some());
    }
}
