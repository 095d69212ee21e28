//! Clearing what a shop leaves: processes that should have died with their keeper, cgroups, files.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::Signal;

use crate::error::Error;
use crate::place::Place;
use crate::record::Record;
use crate::shop::SANDBOXES;

/// How long somebody may take to die.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends what still runs of a shop without a keeper and removes all of it but its door and folder. Returns how many
/// sandboxes were on record.
pub(crate) fn clear(place: &Place) -> Result<usize, Error> {
    let mut found = 0;
    for sandbox in SANDBOXES {
        if let Some(record) = Record::read(place, sandbox.name) {
            found += 1;
            if let Some(process) = record.identity().and_then(|process| process.signal(Signal::KILL)) {
                await_end(&process, record.pid.unwrap_or_default())?;
            }
        }
        clear_cgroup(place, sandbox.name)?;
    }
    let names = SANDBOXES.iter().map(|sandbox| sandbox.name).chain(["customer"]);
    for name in names {
        for kind in ["json", "new", "log", "log.old"] {
            let _ = fs::remove_file(place.folder().join(format!("{name}.{kind}")));
        }
    }
    let _ = fs::remove_dir_all(place.volume());
    for name in ["keeper.log", "keeper.record", "keeper.new", "keeper"] {
        let _ = fs::remove_file(place.folder().join(name));
    }
    Ok(found)
}

/// Removes the folder and the door in it, which the caller holds; and root's or a user's `fathom` folder above, if
/// nothing else is in it.
pub(crate) fn remove_folder(place: &Place, door: File) {
    let _ = fs::remove_file(place.folder().join("door"));
    let _ = fs::remove_dir(place.folder());
    let parent = place.folder().parent();
    let is_ours = |name: &std::ffi::OsStr| name == "fathom" || name.as_encoded_bytes().starts_with(b"fathom-");
    if let Some(parent) = parent.filter(|path| path.file_name().is_some_and(is_ours)) {
        let _ = fs::remove_dir(parent);
    }
    drop(door);
}

fn clear_cgroup(place: &Place, name: &str) -> Result<(), Error> {
    let Some(leaf) = place.leaf(name).filter(|leaf| leaf.exists()) else { return Ok(()) };
    let started = Instant::now();
    if let Ok(mut kill) = leaf.kill_switch() {
        while !kill.is_empty().unwrap_or(true) && started.elapsed() < PATIENCE {
            let _ = kill.kill();
            pause();
        }
    }
    // Busy for a moment after the last process has gone.
    loop {
        match leaf.remove() {
            Ok(()) => return Ok(()),
            Err(error) if started.elapsed() > PATIENCE => return Err(error.into()),
            Err(_) => pause(),
        }
    }
}

/// Waits for the end of a process that was told to end.
pub(crate) fn await_end(process: &OwnedFd, pid: u32) -> Result<(), Error> {
    let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    match poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&patience)) {
        Ok(0) => Err(Error::Stuck(pid)),
        _ => Ok(()),
    }
}

/// For what has no event to wait for.
pub(crate) fn pause() {
    let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 1_000_000 }));
}
