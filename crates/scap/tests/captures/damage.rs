//! Bytes that are missing, wrong or hostile: never a panic, never memory for a length that nobody checked, and what is
//! sound behind the damage is read.

use std::io::Write as _;

use fathom_model::Hint;
use fathom_scap::{Damage, Error, Item, Reader, Tolerance};
use proptest::prelude::*;

use fathom_testkit::capture::Capture;
use fathom_testkit::memory;
use flate2::Compression;
use flate2::write::GzEncoder;

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

/// Packed by gzip.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// How far a strict reader comes, and where it says that the damage is.
fn strictly(reader: Result<Reader<'_>, Error>) -> (usize, Option<u64>) {
    let mut events = 0;
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(error) => panic!("{error}"),
    };
    loop {
        match reader.next() {
            Ok(None) => return (events, None),
            Ok(Some(item)) => events += usize::from(matches!(item, Item::Event(_))),
            Err(Error::Damaged { offset, .. }) => return (events, Some(offset)),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_strict_reader_says_where_a_capture_was_cut_off() {
    let whole = capture(5);
    let size = (whole.len() - 28) / 5;
    for end in 16..=whole.len() {
        let read = end.saturating_sub(28) / size;
        let begin = if end < 28 { 0 } else { 28 + read * size };
        let expected = (read, (begin != end).then_some(begin as u64));
        assert_eq!(strictly(Reader::new(&whole[..end], Tolerance::Strict)), expected, "{end}");
        assert_eq!(strictly(Reader::stream(&whole[..end], Tolerance::Strict)), expected, "{end} of a stream");
    }
}

#[test]
fn a_packed_capture_may_end_anywhere_too() {
    let whole = packed(&capture(50));
    let mut before = 0;
    for end in 0..=whole.len() {
        let (mut events, mut gaps) = (0, 0);
        if let Ok(mut reader) = Reader::stream(&whole[..end], Tolerance::Salvage) {
            while let Some(item) = reader.next().unwrap() {
                events += usize::from(matches!(item, Item::Event(_)));
                gaps += usize::from(matches!(item, Item::Gap(_)));
            }
            assert_eq!(gaps, usize::from(end < whole.len()), "{end} of {} bytes", whole.len());
        }
        assert!(events >= before, "{events} of {end} bytes, {before} of fewer");
        before = events;
    }
    assert_eq!(before, 50);
}

#[test]
fn absurd_lengths_are_damage_and_no_memory() {
    let peak = memory::peak();
    for length in
        [0, 4, 11, 12, 13, 15, 1 << 20, 1 << 26, 1 << 30, (1 << 30) + 1, i32::MAX as u32, u32::MAX - 3, u32::MAX]
    {
        // Of an event, of a list of processes, of a block that nobody knows, of a section.
        for kind in [0x216_u32, 0x215, 0xF00, 0x0A0D_0D0A] {
            for at in [0, 4] {
                let mut bytes = capture(2);
                let begin = bytes.len();
                let mut block = [kind.to_le_bytes(), 24_u32.to_le_bytes()].concat();
                block.extend([0; 12]);
                block.extend(24_u32.to_le_bytes());
                let place = if at == 0 { 4 } else { 20 };
                block[place..place + 4].copy_from_slice(&length.to_le_bytes());
                bytes.extend(&block);
                bytes.extend(&capture(1)[28..]);
                let (events, gaps) = exhaust(&bytes).unwrap();
                assert!(events == 3 && gaps.len() <= 1, "{kind:#x} {length} {events} {gaps:?}");
                let (_, offset) = strictly(Reader::stream(&bytes[..], Tolerance::Strict));
                assert_eq!(offset.unwrap_or(begin as u64), begin as u64, "{kind:#x} {length}");
            }
        }
    }
    memory::assert_grew_at_most(peak, 64);
}

/// Little gzip that becomes a hundred megabytes, in a block that claims them all.
#[test]
fn a_small_file_does_not_become_much_memory() {
    let mut bytes = capture(1);
    let length: u32 = 100 << 20;
    bytes.extend([0x216_u32.to_le_bytes(), length.to_le_bytes()].concat());
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&bytes).unwrap();
    let zeros = vec![0; 1 << 20];
    (0..100).for_each(|_| packer.write_all(&zeros).unwrap());
    packer.write_all(&capture(3)[28..]).unwrap();
    let file = packer.finish().unwrap();
    assert!(file.len() < 1 << 20, "{}", file.len());
    let peak = memory::peak();
    let (events, gaps) = exhaust(&file).unwrap();
    assert_eq!((events, gaps.len()), (4, 1));
    memory::assert_grew_at_most(peak, 64);
}

#[test]
fn sections_within_sections_are_sections_one_after_the_other() {
    let section = Capture::default().section().0;
    // A section that holds another one is passed over as a whole.
    let mut nested = Capture::default().section();
    nested.block(0x0A0D_0D0A, &[&section[8..24], &section.repeat(50_000)[..]].concat());
    let (events, gaps) = exhaust(&[&nested.0[..], &capture(2)].concat()).unwrap();
    assert_eq!((events, gaps.len()), (2, 0));
    let many = [section.repeat(100_000), capture(2)].concat();
    assert_eq!(exhaust(&many).map(|(events, gaps)| (events, gaps.len())), Some((2, 0)));
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
