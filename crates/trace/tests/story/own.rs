//! The recordings in `tests/recordings`: what they show, and that they hold nothing of the machine that made them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fathom_scap::schema::event_type;
use fathom_scap::user::Account;
use fathom_scap::{Interface, Item, Reader, Tolerance};
use fathom_trace::{Fields, Format, Lines};

/// All of them.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "scap")).collect();
    files.sort();
    files
}

fn shown(name: &str, format: &str, filter: &str) -> Vec<String> {
    let file = files().into_iter().find(|file| file.ends_with(name)).unwrap();
    let mut lines = Lines::new(Format::parse(format).unwrap());
    lines.filter = Some(fathom_filter::compile(filter, &Fields).unwrap());
    let mut reader = Reader::stream(fs::File::open(file).unwrap(), Tolerance::Strict).unwrap();
    let mut text = Vec::new();
    lines.write(&mut reader, &mut text, None).unwrap();
    String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
}

/// Variables that a shell has without being given any.
const VARIABLES: &[&str] = &["PATH", "PWD", "OLDPWD", "SHLVL", "TZ", "HOME", "SHELL", "USER", "LOGNAME", "_"];

fn variables(env: &[u8]) -> BTreeSet<String> {
    let all = env.split(|byte| *byte == 0).filter(|variable| !variable.is_empty());
    all.map(|one| String::from_utf8_lossy(one).split('=').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn they_hold_nothing_of_the_machine_that_made_them() {
    let allowed: BTreeSet<String> = VARIABLES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(files().len(), 3);
    for file in files() {
        let name = file.display();
        let mut reader = Reader::stream(fs::File::open(&file).unwrap(), Tolerance::Strict).unwrap();
        let mut events = 0;
        while let Some(item) = reader.next().unwrap() {
            match item {
                Item::Machine(machine) => assert_eq!(machine.hostname, b"shop", "{name}"),
                Item::Users(users) => users.map(Result::unwrap).for_each(|account| match account {
                    Account::User { name, .. } | Account::Group { name, .. } => {
                        assert!([&b"root"[..], b"web"].contains(&name), "{name:?}");
                    }
                }),
                Item::Interfaces(all) => all.map(Result::unwrap).for_each(|interface| match interface {
                    Interface::V4 { address, .. } => assert!(address.is_loopback(), "{name} {address}"),
                    Interface::V6 { address, .. } => assert!(address.is_loopback(), "{name} {address}"),
                }),
                Item::Processes(processes) => processes.map(Result::unwrap).for_each(|process| {
                    let comm = String::from_utf8_lossy(process.comm).into_owned();
                    assert!(["busybox", "fathom", "sh"].contains(&comm.as_str()), "{name} {comm}");
                    assert!(process.tid < 1000, "{name}: the numbers are those of its own pid namespace");
                    assert!(variables(process.env).is_subset(&allowed), "{name} {:?}", variables(process.env));
                    let groups = String::from_utf8_lossy(process.cgroups).into_owned();
                    assert!(groups.split('\0').all(|one| one.is_empty() || one.ends_with("=/")), "{name} {groups}");
                }),
                Item::Event(event) => {
                    events += 1;
                    let env = event_type(event.number).and_then(|kind| kind.position("env"));
                    let env = env.and_then(|index| event.param(index)).unwrap_or_default();
                    assert!(variables(env).is_subset(&allowed), "{name} {:?}", variables(env));
                }
                _ => {}
            }
        }
        assert!(events > 200 && events < 5000, "{name}: {events} events");
    }
}

#[test]
fn they_show_what_their_scripts_do() {
    let read =
        shown("shell.scap", "%proc.name %fd.name %evt.buffer", "evt.type=read and evt.dir=< and fd.name=/tmp/text");
    assert!(read.iter().any(|line| line.starts_with("wc /tmp/text a line with a tab.and an ")), "{read:#?}");
    let users =
        shown("shell.scap", "%user.name %evt.res", "evt.type in (open, openat) and evt.dir=< and fd.name=/etc/shadow");
    assert!(users.iter().any(|line| line == "web EACCES"), "{users:#?}");
    let killed = shown("shell.scap", "%evt.type %evt.info", "evt.type=signaldeliver and evt.info contains SIGUSR1");
    assert_eq!(killed.len(), 1, "{killed:#?}");
    let inside =
        shown("shell.scap", "%proc.vpid", "evt.type=write and evt.dir=< and evt.buffer startswith 1 and proc.vpid=1");
    assert_eq!(inside, ["1"]);
    let asked = shown("web.scap", "%proc.name %fd.sport", "evt.type=connect and evt.dir=< and fd.sport=80");
    assert!(asked.len() >= 3 && asked.iter().all(|line| line == "wget 80"), "{asked:#?}");
    let logged = shown("log.scap", "%fd.name %evt.buffer", "evt.dir=< and proc.name=syslogd and fd.name=/dev/log");
    let said =
        logged.iter().filter(|line| line.starts_with("/dev/log <27>") && line.contains("web: no room for orders"));
    assert_eq!(said.count(), 1, "{logged:#?}");
}
