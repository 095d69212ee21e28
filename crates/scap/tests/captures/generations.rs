//! Generations of lists and events that no capture at hand has.

use fathom_scap::{Item, Process, Reader, Tolerance};

use fathom_testkit::capture::{Capture, short};

/// A process as generation `version` writes it, without a length.
fn process(version: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in [7_i64, 7, 1] {
        bytes.extend(number.to_le_bytes());
    }
    let since = |first: u8| version >= first;
    if since(6) {
        bytes.extend(5_i64.to_le_bytes());
    }
    if since(8) {
        bytes.extend(6_i64.to_le_bytes());
    }
    bytes.extend([short("sh"), short("/bin/sh")].concat());
    if since(7) {
        bytes.extend(short("/usr/bin/sh"));
    }
    bytes.extend([short("-c\0true\0"), short("/tmp")].concat());
    bytes.extend(1024_u64.to_le_bytes());
    for number in [0_u32, 1000, 100] {
        bytes.extend(number.to_le_bytes());
    }
    if since(2) {
        bytes.extend([[1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0]].concat());
        bytes.extend([4_u64.to_le_bytes(), 5_u64.to_le_bytes()].concat());
    }
    if since(3) {
        bytes.extend(short("HOME=/\0"));
    }
    if since(4) {
        bytes.extend([8_i64.to_le_bytes(), 9_i64.to_le_bytes()].concat());
        bytes.extend(short("cpu=/x\0"));
    }
    if since(5) {
        bytes.extend(short("/root"));
    }
    bytes
}

fn check(version: u8, kind: u32, body: &[u8], look: impl Fn(&Process<'_>)) {
    let mut capture = Capture::default().section();
    capture.block(kind, body);
    let mut reader = Reader::new(&capture.0, Tolerance::Strict).unwrap();
    let mut seen = 0;
    while let Some(item) = reader.next().unwrap() {
        let Item::Processes(processes) = item else { continue };
        for process in processes {
            let process = process.unwrap();
            assert_eq!((process.tid, process.ptid, process.comm, process.cwd), (7, 1, &b"sh"[..], &b"/tmp"[..]));
            assert_eq!((process.uid, process.gid, process.fdlimit), (1000, 100, 1024));
            assert_eq!(process.sid, if version >= 6 { 5 } else { -1 });
            assert_eq!(process.vpgid, if version >= 8 { 6 } else { -1 });
            assert_eq!(process.exepath, if version >= 7 { &b"/usr/bin/sh"[..] } else { b"" });
            assert_eq!((process.vmswap, process.pfminor), if version >= 2 { (3, 5) } else { (0, 0) });
            assert_eq!(process.env, if version >= 3 { &b"HOME=/\0"[..] } else { b"" });
            assert_eq!(process.vpid, if version >= 4 { 9 } else { -1 });
            assert_eq!(process.root, if version >= 5 { &b"/root"[..] } else { b"" });
            look(&process);
            seen += 1;
        }
    }
    assert_eq!(seen, 2, "generation {version}");
}

#[test]
fn processes_of_every_generation() {
    let kinds = [(1, 0x202), (2, 0x207), (3, 0x209), (4, 0x210), (5, 0x211), (6, 0x212), (7, 0x213), (8, 0x214)];
    for (version, kind) in kinds.into_iter().chain([(1, 0x8000_ABCD), (2, 0x8013_ABCD), (3, 0x8014_ABCD)]) {
        let body = [process(version), process(version)].concat();
        check(version, kind, &body, |process| assert_eq!(process.loginuid, u32::MAX));
    }
}

#[test]
fn both_tails_of_the_ninth_generation() {
    let older = [&1000_u32.to_le_bytes()[..], &[1]].concat();
    let older_with_rights = [&older[..], &[0; 24]].concat();
    let newer = [&77_u64.to_le_bytes()[..], &5_u32.to_le_bytes(), &older_with_rights, &[0; 34]].concat();
    for (tail, tty) in [(older, 0), (older_with_rights, 0), (newer, 5)] {
        let entry = [process(9), tail].concat();
        let entry = [&((entry.len() + 4) as u32).to_le_bytes()[..], &entry].concat();
        check(9, 0x215, &[entry.clone(), entry].concat(), |process| {
            assert_eq!((process.loginuid, process.exe_writable, process.tty), (1000, true, tty));
        });
    }
}

#[test]
fn events_of_both_generations_are_the_same() {
    let fd = 3_i64.to_le_bytes();
    let params: &[&[u8]] = &[&fd, b"/etc/passwd\0", &1_u32.to_le_bytes(), &0_u32.to_le_bytes()];
    let capture = Capture::default().section().event(3, params).first_event(3, params);
    let mut reader = Reader::new(&capture.0, Tolerance::Strict).unwrap();
    let mut seen = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Event(event) = item {
            assert_eq!((event.i64(0), event.param(1), event.u32(2)), (Some(3), Some(&b"/etc/passwd\0"[..]), Some(1)));
            assert_eq!((event.param(4), event.u64(2)), (None, None));
            seen.push((event.ts, event.tid, event.cpu, event.count()));
        }
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn merged_captures_are_sections_one_after_the_other() {
    let one = Capture::default().section().event(4, &[&[0; 8]]).0;
    let both = [one.clone(), one].concat();
    let mut reader = Reader::new(&both, Tolerance::Strict).unwrap();
    let mut order = String::new();
    while let Some(item) = reader.next().unwrap() {
        order.push(match item {
            Item::Section { minor: 2 } => 's',
            Item::Event(_) => 'e',
            _ => '?',
        });
    }
    assert_eq!(order, "sese");
}

#[test]
fn a_block_that_nobody_knows_is_passed_over_wherever_it_is() {
    let mut capture = Capture::default().section();
    capture.block(0xF00, b"private");
    let mut capture = capture.event(4, &[&[0; 8]]);
    capture.block(0xF00, b"private");
    let mut reader = Reader::new(&capture.0, Tolerance::Strict).unwrap();
    let mut events = 0;
    while let Some(item) = reader.next().unwrap() {
        events += usize::from(matches!(item, Item::Event(_)));
    }
    assert_eq!(events, 1);
}
