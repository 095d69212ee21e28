//! What is written is read again as it was: any tables, any events, and every real capture.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};

use fathom_scap::descriptor::{Descriptor, Thing, Transport};
use fathom_scap::event::STATE_ONLY;
use fathom_scap::schema::{EVENTS, Traits};
use fathom_scap::user::Account;
use fathom_scap::{Beginnings, Event, Interface, Item, Machine, Process, Profile, Reader, Tolerance, Writer};
use proptest::prelude::*;

use fathom_testkit::capture::Capture;

/// Everything in a capture as text, an item per line.
fn told(bytes: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(bytes, Tolerance::Strict).unwrap();
    let mut lines = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Event(event) => lines.push(line(&event)),
            Item::Section { .. } => lines.push("section".to_owned()),
            Item::Machine(machine) => lines.push(format!("{machine:?}")),
            Item::Interfaces(all) => lines.extend(all.map(|one| format!("{:?}", one.unwrap()))),
            Item::Users(all) => lines.extend(all.map(|one| format!("{:?}", one.unwrap()))),
            Item::Processes(all) => lines.extend(all.map(|one| format!("{:?}", one.unwrap()))),
            Item::Descriptors(all) => {
                lines.push(format!("descriptors of {}", all.tid));
                lines.extend(all.map(|one| format!("{:?}", one.unwrap())));
            }
            Item::Other(block) => panic!("block of type {:#x}", block.kind),
            Item::Gap(gap) => panic!("{gap}"),
        }
    }
    lines
}

fn line(event: &Event<'_>) -> String {
    let params: Vec<_> = event.params().collect();
    let Event { ts, tid, number, cpu, flags, .. } = event;
    format!("{ts} {tid} {number} {cpu} {flags} {params:?}")
}

/// Without what the older tail of a process has no place for: its terminal.
fn without_terminals(lines: &[String]) -> Vec<String> {
    let cut = |line: &String| line.split_once(", tty: ").map_or(line.clone(), |(before, _)| before.to_owned());
    lines.iter().map(cut).collect()
}

/// The same capture, read and written.
fn again(bytes: &[u8], profile: Profile) -> Vec<u8> {
    let mut reader = Reader::new(bytes, Tolerance::Strict).unwrap();
    let mut writer = Writer::new(Vec::new(), profile);
    while let Some(item) = reader.next().unwrap() {
        writer.item(&item).unwrap();
    }
    let written = writer.written();
    let out = std::mem::take(writer.out());
    assert_eq!(out.len() as u64, written);
    out
}

#[test]
fn every_real_capture_is_the_same_after_it_was_written() {
    let Some(folder) = crate::samples::folder() else { return };
    for (name, _) in crate::samples::table(&folder) {
        let bytes = fs::read(folder.join(&name)).unwrap();
        let before = told(&bytes);
        for profile in [Profile::Modern, Profile::Legacy] {
            let written = again(&bytes, profile);
            let (mut before, mut after) = (before.clone(), told(&written));
            if profile == Profile::Legacy {
                // Of newer parameters older readers know nothing.
                (before, after) = (without_terminals(&before), without_terminals(&after));
                before.retain(|line| !line.starts_with(|first: char| first.is_ascii_digit()));
                after.retain(|line| !line.starts_with(|first: char| first.is_ascii_digit()));
            }
            let differ = before.iter().zip(&after).find(|(before, after)| before != after);
            assert_eq!(differ, None, "{name} {profile:?}");
            assert_eq!(before.len(), after.len(), "{name} {profile:?}");
            assert!(again(&written, profile) == written, "{name}: what is written twice is the same");
        }
    }
}

/// The older tail of a process has a place for them too.
#[test]
fn capabilities_are_kept_for_every_reader() {
    for profile in [Profile::Legacy, Profile::Modern] {
        let mut writer = Writer::new(Vec::new(), profile);
        writer.section().unwrap();
        let capabilities = [1, 2, 3 << 32];
        let kept = Process { tid: 7, pid: 7, comm: b"web", loginuid: 1000, capabilities, ..Process::default() };
        writer.processes([kept, Process { tid: 8, ..kept }]).unwrap();
        let bytes = std::mem::take(writer.out());
        let mut reader = Reader::new(&bytes, Tolerance::Strict).unwrap();
        let mut found = Vec::new();
        while let Some(item) = reader.next().unwrap() {
            let Item::Processes(processes) = item else { continue };
            found.extend(processes.map(Result::unwrap).map(|one| (one.tid, one.loginuid, one.capabilities)));
        }
        assert_eq!(found, [(7, 1000, capabilities), (8, 1000, capabilities)], "{profile:?}");
    }
}

/// Events of newer recorders, and how those that read legacy files see them.
#[test]
fn what_older_readers_do_not_know_is_told_otherwise() {
    let (fd, size) = (7_i64.to_le_bytes(), 9_u32.to_le_bytes());
    let (res, zero) = (3_i64.to_le_bytes(), [0; 4]);
    let capture = Capture::default()
        .section()
        // The end of a read without its beginning, as newer recorders write it; and one that has it.
        .event(7, &[&res, b"abc", &fd, &size])
        .event(6, &[&fd, &size])
        .event(7, &[&res, b"abc", &fd, &size])
        // An end that was always without: the recording began in the middle of the call.
        .event(7, &[&res, b"abc"])
        // dup2, a call without a number of its own then, memfd_create, close_range; a user, which is no call.
        .event(363, &[&res, &fd, &res])
        .event(1, &[&400_u16.to_le_bytes()])
        .event(404, &[])
        .event(405, &[&fd, b"memory\0", &zero])
        .event(451, &[&[0; 8], &zero, &zero, &zero])
        .event(354, &[&zero, &zero, b"root\0", b"/\0", b"/bin/sh\0", b"\0"]);
    let mut writer = Writer::new(Vec::new(), Profile::Legacy);
    let mut reader = Reader::new(&capture.0, Tolerance::Strict).unwrap();
    while let Some(item) = reader.next().unwrap() {
        writer.item(&item).unwrap();
    }
    assert_eq!(writer.bare(), 3);
    let bytes = std::mem::take(writer.out());
    let mut reader = Reader::new(&bytes, Tolerance::Strict).unwrap();
    let mut seen = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Event(event) = item {
            seen.push((event.number, event.count(), event.i64(0).filter(|_| event.number > 1)));
        }
    }
    let (read, ended) = ((6, 2, Some(7)), (7, 2, Some(3)));
    let calls = [(0, 2, None), (1, 1, None)];
    let dup = [(124, 1, Some(7)), (125, 1, Some(3))];
    let users = [(354, 6, None)];
    let unnamed = [(1, 1, None)];
    let expected = [&[read, ended, read, ended, (7, 2, Some(3))][..], &dup, &unnamed, &calls, &calls, &users].concat();
    assert_eq!(seen, expected);
}

/// Types and flags of what older readers get of these events.
fn types(capture: &Capture, beginnings: Beginnings) -> Vec<(u16, u32)> {
    let mut writer = Writer::new(Vec::new(), Profile::Legacy).with_beginnings(beginnings);
    let mut reader = Reader::new(&capture.0, Tolerance::Strict).unwrap();
    while let Some(item) = reader.next().unwrap() {
        writer.item(&item).unwrap();
    }
    let bytes = std::mem::take(writer.out());
    let mut reader = Reader::new(&bytes, Tolerance::Strict).unwrap();
    let mut seen = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Event(event) = item {
            seen.push((event.number, event.flags));
        }
    }
    seen
}

#[test]
fn beginnings_that_nobody_asked_for_are_not_shown() {
    let fd = 7_i64.to_le_bytes();
    let capture = Capture::default().section().event(7, &[&3_i64.to_le_bytes(), b"abc", &fd, &[0; 4]]);
    assert_eq!(types(&capture, Beginnings::Shown), [(6, 0), (7, 0)]);
    assert_eq!(types(&capture, Beginnings::Hidden), [(6, STATE_ONLY), (7, 0)]);
}

#[test]
fn a_new_thread_began_no_call() {
    let zero = [0; 8];
    for number in [223, 225, 227, 335] {
        let capture = Capture::default().section().event(number, &[&zero[..]; 21]);
        assert_eq!(types(&capture, Beginnings::Shown), [(number, 0)]);
    }
}

/// Texts without a NUL, as tables have them.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(1..=255_u8, 0..40)
}

#[derive(Debug, Clone)]
struct Names(Vec<Vec<u8>>);

fn names() -> impl Strategy<Value = Names> {
    prop::collection::vec(text(), 12).prop_map(Names)
}

fn transport() -> impl Strategy<Value = Transport> {
    prop::sample::select(vec![Transport::Unknown, Transport::Tcp, Transport::Udp, Transport::Icmp, Transport::Raw])
}

fn thing(names: &Names, which: usize, numbers: [u64; 4], transport: Transport) -> (u8, Thing<'_>) {
    let (sport, dport) = (numbers[0] as u16, numbers[1] as u16);
    let v4 = |number: u64| Ipv4Addr::from_bits(number as u32);
    let v6 = |number: u64| Ipv6Addr::from_bits(u128::from(number) << 50);
    let [one, other] = [numbers[2], numbers[3]];
    match which {
        0 => (3, Thing::V4 { source: v4(one), target: v4(other), sport, dport, transport }),
        1 => (4, Thing::V6 { source: v6(one), target: v6(other), sport, dport, transport }),
        2 => (5, Thing::V4Server { address: v4(one), port: sport, transport }),
        3 => (6, Thing::V6Server { address: v6(one), port: dport, transport }),
        4 => (8, Thing::Unix { source: one, target: other, name: &names.0[0] }),
        5 => (16, Thing::File { open_flags: one as u32, name: &names.0[1], device: other as u32 }),
        6 => ([1, 2, 7, 9, 10, 11, 12, 13, 14, 15][one as usize % 10], Thing::Named(&names.0[2])),
        7 => ([17, 18, 19, 20, 21][one as usize % 5], Thing::Named(&names.0[3])),
        _ => (0, Thing::Unknown),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn tables_are_read_as_they_were_written(
        names in names(),
        numbers in any::<[i64; 8]>(),
        small in any::<[u32; 10]>(),
        things in prop::collection::vec((0..9_usize, any::<[u64; 4]>(), transport()), 0..6),
        modern: bool,
    ) {
        let profile = if modern { Profile::Modern } else { Profile::Legacy };
        let text = |index: usize| &names.0[index][..];
        let machine = Machine { cpus: small[0], memory: 5, max_pid: 6, hostname: text(0), booted: 7 };
        let mask = Ipv4Addr::from_bits(small[1]);
        let interfaces = [
            Interface::V4 { address: Ipv4Addr::from_bits(small[2]), mask, name: names.0[1].clone() },
            Interface::V6 { address: Ipv6Addr::from_bits(u128::from(small[3])), name: names.0[2].clone() },
        ];
        let user = Account::User { uid: small[4], gid: small[5], name: text(3), home: text(4), shell: text(5) };
        let users = [user, Account::Group { gid: small[6], name: text(6) }];
        #[allow(clippy::needless_update, reason = "whoever adds a field need not come here first")]
        let process = Process {
            tid: numbers[0], pid: numbers[1], ptid: numbers[2], sid: numbers[3], vpgid: numbers[4],
            comm: text(0), exe: text(1), exepath: text(2), args: text(3), cwd: text(4), fdlimit: numbers[5],
            flags: small[0], uid: small[1], gid: small[2], vmsize: small[3], vmrss: small[4], vmswap: small[5],
            pfmajor: numbers[6] as u64, pfminor: 8, env: text(5), vtid: numbers[7], vpid: 9, cgroups: text(6),
            root: text(7), loginuid: small[6], exe_writable: modern, tty: if modern { small[7] } else { 0 },
            ..Process::default()
        };
        let descriptors: Vec<_> = things.iter().map(|(which, numbers, transport)| {
            let (number, thing) = thing(&names, *which, *numbers, *transport);
            Descriptor { fd: numbers[0] as i64, inode: numbers[1], number, thing }
        }).collect();

        let mut writer = Writer::new(Vec::new(), profile);
        writer.section().unwrap();
        writer.machine(&machine).unwrap();
        writer.interfaces(&interfaces).unwrap();
        writer.users(users).unwrap();
        writer.processes([process, process]).unwrap();
        writer.descriptors(numbers[0], descriptors.iter().copied()).unwrap();
        let bytes = std::mem::take(writer.out());

        let mut expected = vec!["section".to_owned(), format!("{machine:?}")];
        expected.extend(interfaces.iter().map(|one| format!("{one:?}")));
        expected.extend(users.iter().map(|one| format!("{one:?}")));
        // Readers know of nobody's process group what these do not write.
        let read = told(&bytes);
        let shown = format!("{process:?}");
        prop_assert_eq!(&read[..expected.len()], &expected[..]);
        let rest = &read[expected.len()..];
        let until = shown.find("tty").unwrap();
        prop_assert!(rest[..2].iter().all(|line| line.starts_with(&shown[..until])), "{} {}", rest[0], shown);
        let kept = descriptors.iter();
        let mut lines = vec![format!("descriptors of {}", numbers[0])];
        lines.extend(kept.map(|one| {
            let number = if !modern && one.number > 16 { 10 } else { one.number };
            format!("{:?}", Descriptor { number, ..*one })
        }));
        prop_assert_eq!(&rest[2..], &lines[..]);
    }

    #[test]
    fn events_are_read_as_they_were_written(
        number in 0..454_u16,
        params in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..12),
        (tid, after) in any::<(i64, u64)>(),
        flagged: bool,
    ) {
        // What has long lengths is written by nobody but us; see the next test.
        prop_assume!(!EVENTS[usize::from(number)].traits.any(Traits::LARGE));
        let params: Vec<_> = params.iter().map(|param| &param[..]).collect();
        let capture = Capture::default().section().event_of(tid, after, number, &params).0;
        let mut reader = Reader::new(&capture, Tolerance::Strict).unwrap();
        reader.next().unwrap();
        let Some(Item::Event(mut event)) = reader.next().unwrap() else { panic!("an event was written") };
        event.flags = if flagged { STATE_ONLY } else { 0 };
        let mut writer = Writer::new(Vec::new(), Profile::Modern);
        writer.section().unwrap();
        writer.event(&event).unwrap();
        let bytes = std::mem::take(writer.out());
        prop_assert_eq!(&told(&bytes)[1..], &[line(&event)][..]);
        // As legacy it is at least readable, and nothing panics.
        let mut writer = Writer::new(Vec::new(), Profile::Legacy);
        writer.section().unwrap();
        writer.event(&event).unwrap();
        told(&std::mem::take(writer.out()));
    }
}
