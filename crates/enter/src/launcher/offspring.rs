//! The end of everything below a process that adopts orphans: kill, collect, look again, until nobody is left.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

/// Kills all that is below this process, and tells who ended how. Gives up after some seconds.
pub(crate) fn end(mut ended: impl FnMut(Pid, WaitStatus)) {
    const PATIENCE: Duration = Duration::from_secs(5);
    let mut children = File::open("/proc/thread-self/children").ok();
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        // Grandchildren become our children when their parents die.
        for child in list(children.as_mut()) {
            let _ = rustix::process::kill_process(child, Signal::KILL);
        }
        match rustix::process::wait(WaitOptions::NOHANG) {
            Err(_) => return,
            Ok(Some((pid, status))) => ended(pid, status),
            Ok(None) => wait_for_a_child(),
        }
    }
}

fn list(children: Option<&mut File>) -> Vec<Pid> {
    let Some(file) = children else { return Vec::new() };
    let mut text = String::new();
    if file.rewind().and_then(|()| file.read_to_string(&mut text)).is_err() {
        return Vec::new();
    }
    text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw)).collect()
}

/// SIGCHLD is blocked, so it interrupts nothing; a short poll is enough for the few times that a kill takes longer.
fn wait_for_a_child() {
    let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 200_000 }));
}
