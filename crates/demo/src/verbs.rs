//! The three verbs. Whoever opens or closes a shop holds its door meanwhile, so that two at once take turns.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FlockOperation;
use rustix::process::Signal;

use crate::error::{Error, Step as _, Words};
use crate::keeper::{self, Answer};
use crate::place::Place;
use crate::record::{KeeperRecord, Record, Stage};
use crate::report::{Gone, Outcome, Report, SandboxStatus, Status};
use crate::shop::SANDBOXES;
use crate::sweep;

/// How long web may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Opens the shop at `place`, unless it is open. Returns when web answers.
///
/// The sandboxes are made out of `program`, which must hand arguments that name a [`role`](crate::role) to
/// [`main`](crate::main()); `None` is the program that calls.
///
/// # Errors
/// Where this user may not make namespaces, or something is in the way; then nothing is left behind.
pub fn up(place: &Place, program: Option<&Path>) -> Result<Report, Error> {
    let began = Instant::now();
    let door = place.lock_door()?;
    let mut outcome = Outcome::AlreadyUp;
    let opened = loop {
        if !place.is_kept() {
            sweep::clear(place)?;
            outcome = Outcome::Started;
            if let Err(error) = start_keeper(place, program) {
                let _ = close(place);
                sweep::remove_folder(place, door);
                return Err(error);
            }
        }
        // Kept and not yet open: somebody was killed while he opened it, and the keeper goes on.
        match KeeperRecord::read(place) {
            Some(record) if record.stage == Stage::Open => break record,
            _ if began.elapsed() > PATIENCE => return Err(Error::Late(PATIENCE.as_secs())),
            _ => sweep::pause(),
        }
    };
    Ok(Report { outcome, sandboxes: sandboxes(place), missing: opened.missing, took: began.elapsed() })
}

/// Closes the shop at `place` and clears whatever an earlier one left there.
///
/// # Errors
/// Where it is another user's, or something of it does not die.
pub fn down(place: &Place) -> Result<Gone, Error> {
    if !place.folder().exists() {
        // Files may be lost in a reboot of /run, cgroups cannot: they are looked for all the same.
        return Ok(Gone { sandboxes: sweep::clear(place)? });
    }
    let door = place.lock_door()?;
    let sandboxes = close(place)?;
    sweep::remove_folder(place, door);
    Ok(Gone { sandboxes })
}

/// What is there at `place`.
///
/// # Errors
/// Where its files may not be read.
pub fn status(place: &Place) -> Result<Status, Error> {
    let closed = Status { keeper: None, sandboxes: Vec::new(), missing: Vec::new() };
    // Shared: it waits for whoever opens or closes, not for others who look.
    let Some(_door) = place.try_door(FlockOperation::LockShared)? else { return Ok(closed) };
    if !place.is_kept() {
        return Ok(closed);
    }
    let Some(opened) = KeeperRecord::read(place) else { return Ok(closed) };
    Ok(Status { keeper: Some(opened.keeper.pid), sandboxes: sandboxes(place), missing: opened.missing })
}

fn sandboxes(place: &Place) -> Vec<SandboxStatus> {
    SANDBOXES.iter().filter_map(|sandbox| Record::read(place, sandbox.name)).map(Record::status).collect()
}

/// Starts a keeper and waits until it says that the shop is open.
fn start_keeper(place: &Place, program: Option<&Path>) -> Result<(), Error> {
    let program = match program {
        Some(path) => path.canonicalize(),
        None => std::env::current_exe(),
    };
    let program = program.step("find the demo's program")?;
    let log = place.folder().join("keeper.log");
    let stderr = fs::File::create(&log).step(format!("write {}", log.display()))?;
    let mut command = keeper_command(&program, place);
    let mut starter = command.arg("detach").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn();
    let starter = starter.as_mut().map_err(|error| io::Error::from(error.kind()));
    let starter = starter.step(format!("run {}", program.display()))?;
    let mut said = Vec::new();
    let heard = starter.stdout.take().map(|stdout| listen(stdout, &mut said));
    let _ = starter.wait();
    heard.unwrap_or(Ok(()))?;
    match serde_json::from_slice(&said) {
        Ok(Answer::Open) => Ok(()),
        Ok(Answer::Refused(refusal)) => Err(refusal.into()),
        Err(_) => {
            let words = fs::read_to_string(log).unwrap_or_default();
            Err(Error::Lost { source: Words(words.trim().to_owned()) })
        }
    }
}

/// The keeper's command line, for [`orders`](crate::roles) to read.
pub(crate) fn keeper_command(program: &Path, place: &Place) -> Command {
    let mut command = Command::new(program);
    command.arg0(keeper::NAME).arg(place.folder()).arg(place.cgroup().unwrap_or_default());
    command
}

/// Reads all that the keeper says before it hangs up.
fn listen(mut stdout: std::process::ChildStdout, said: &mut Vec<u8>) -> Result<(), Error> {
    let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    match poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&patience)) {
        Ok(0) => Err(Error::Late(PATIENCE.as_secs())),
        _ => stdout.read_to_end(said).map(drop).step("hear from the keeper"),
    }
}

/// Ends the keeper, and clears what it has not cleared itself. The caller holds the door.
fn close(place: &Place) -> Result<usize, Error> {
    let on_record = SANDBOXES.iter().filter(|sandbox| Record::read(place, sandbox.name).is_some()).count();
    let started = Instant::now();
    while place.is_kept() {
        // The first that it does with the lock is to write its number.
        let keeper = KeeperRecord::read(place).map(|record| record.keeper);
        let Some((keeper, process)) = keeper.and_then(|keeper| Some((keeper, keeper.signal(Signal::TERM)?))) else {
            if started.elapsed() > PATIENCE {
                return Err(Error::Late(PATIENCE.as_secs()));
            }
            sweep::pause();
            continue;
        };
        if sweep::await_end(&process, keeper.pid).is_err() {
            let killed = keeper.signal(Signal::KILL);
            killed.map_or(Ok(()), |process| sweep::await_end(&process, keeper.pid))?;
        }
    }
    Ok(on_record.max(sweep::clear(place)?))
}

/// Reads the keeper's command line and frees it from whoever started it, or runs it.
pub(crate) fn keeper_main(arguments: &[std::ffi::OsString]) -> i32 {
    let (Some(folder), Some(cgroup)) = (arguments.first(), arguments.get(1)) else { return 2 };
    let place = Place::at(PathBuf::from(folder), cgroup.to_str().filter(|name| !name.is_empty()));
    let Ok(program) = std::env::current_exe() else { return 70 };
    if arguments.get(2).is_none() {
        return keeper::main(keeper::Orders { place, program });
    }
    // Descriptors that the caller had open for its own ends must not stay open for as long as the shop.
    if fathom_host::sys::close_on_exec_from(3).is_err() || rustix::process::setsid().is_err() {
        return 70;
    }
    // stdout and stderr are inherited; nobody waits for it, so that it is nobody's child.
    match keeper_command(&program, &place).stdin(Stdio::null()).spawn() {
        Ok(_) => 0,
        Err(_) => 70,
    }
}
