//! Whoever ends it, and however: nothing is left.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use fathom_demo::{Error, Outcome, down, status, up};
use fathom_host::Host;
use fathom_testkit::{Need, needs};
use rustix::event::{Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::shop::*;

#[test]
fn nothing_is_left_after_down() {
    needs!(Need::Root);
    let shop = Shop::new("demo-down");
    shop.up();
    let trace = shop.trace();
    assert!(trace.processes().len() >= 5, "{:?}", trace.processes());
    assert!(!cgroups_named(&shop.cgroup).is_empty());
    assert_eq!(down(&shop.place).expect("it closes").sandboxes, 4);
    shop.assert_gone(&trace);
    assert_eq!(down(&shop.place).expect("there is nothing to close").sandboxes, 0);
    let closed = status(&shop.place).unwrap();
    assert_eq!((closed.keeper, closed.sandboxes.len()), (None, 0));
}

#[test]
fn a_killed_keeper_takes_all_with_it_and_the_next_verb_clears_up() {
    needs!(Need::Root);
    let shop = Shop::new("demo-sigkill");
    for verb in ["down", "up"] {
        let sandboxes = shop.up();
        let trace = shop.trace();
        let handles: Vec<_> = sandboxes.iter().filter_map(|sandbox| sandbox.pid).map(handle).collect();
        pidfd_send_signal(handle(shop.keeper()), Signal::KILL).unwrap();
        handles.iter().for_each(assert_ends);
        eventually(|| trace.processes().is_empty().then_some(()));
        assert_eq!(status(&shop.place).unwrap().keeper, None);
        if verb == "up" {
            assert_eq!(up(&shop.place, Some(Path::new(PROGRAM))).unwrap().outcome, Outcome::Started);
        }
        down(&shop.place).expect("it closes");
        shop.assert_gone(&trace);
    }
}

#[test]
fn a_keeper_told_to_end_by_somebody_else_clears_up_itself() {
    needs!(Need::Root);
    let shop = Shop::new("demo-sigterm");
    shop.up();
    let (trace, keeper) = (shop.trace(), handle(shop.keeper()));
    pidfd_send_signal(&keeper, Signal::TERM).unwrap();
    assert_ends(keeper);
    shop.assert_gone(&trace);
}

#[test]
fn killing_the_keeper_while_it_opens_leaves_nothing() {
    needs!(Need::Root);
    for delay in 0..12u32 {
        let shop = Shop::new("demo-early");
        let record = shop.place.folder().join("keeper.record");
        let opening = std::thread::spawn({
            let place = shop.place.clone();
            move || up(&place, Some(Path::new(PROGRAM)))
        });
        let keeper = eventually(|| {
            let text = fs::read_to_string(&record).ok()?;
            let number = text.split(['"', ':', ',', '}']).find_map(|word| word.parse::<i32>().ok())?;
            pidfd_open(Pid::from_raw(number)?, PidfdFlags::empty()).ok()
        });
        let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: i64::from(delay) * 1_500_000 }));
        let _ = pidfd_send_signal(&keeper, Signal::KILL);
        assert_ends(&keeper);
        match opening.join().unwrap() {
            Err(Error::Lost { .. }) => assert!(!shop.place.folder().exists(), "a failed `up` clears up"),
            // It was open already.
            Ok(_) => drop(down(&shop.place).unwrap()),
            Err(error) => panic!("{error}"),
        }
        // Those who had not executed the program yet notice it themselves.
        let folder = shop.place.folder().to_str().unwrap().to_owned();
        eventually(|| processes_that_mention(&folder).is_empty().then_some(()));
        shop.assert_gone(&Trace::default());
    }
}

/// The keeper's forks carry its command line until they execute something else.
fn processes_that_mention(folder: &str) -> Vec<u32> {
    let says = |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let pids = Host::local().pids().expect("/proc is there").into_iter();
    pids.filter(|pid| String::from_utf8_lossy(&says(pid)).contains(folder)).collect()
}

#[test]
fn killing_who_opens_the_shop_leaves_one_that_can_be_closed() {
    needs!(Need::Root);
    let shop = Shop::new("demo-opener");
    let mut opener = Command::new(PROGRAM);
    opener.arg("up").arg(shop.place.folder()).arg(&shop.cgroup).stdout(Stdio::null());
    let mut opener = opener.spawn().unwrap();
    eventually(|| shop.place.folder().join("keeper.record").exists().then_some(()));
    opener.kill().unwrap();
    opener.wait().unwrap();
    // The keeper may go on; whoever wants a shop has one, and it is the only one.
    let sandboxes = shop.up();
    assert_eq!(sandboxes.len(), 4);
    let folder = shop.place.folder().to_str().unwrap();
    assert_eq!(processes_that_mention(folder), [shop.keeper()]);
    let trace = shop.trace();
    down(&shop.place).expect("it closes");
    shop.assert_gone(&trace);
}
