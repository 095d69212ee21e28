//! The shop's keeper: one process, detached from whoever opened the shop, that starts the four sandboxes and the
//! customer, writes down what they say, starts again who ends, and takes all down when it is told to.
//!
//! It lives in the bridge's network namespace (and, without root, in a user namespace), otherwise where it was
//! started. It has one thread.

mod journal;
mod part;

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fathom_host::namespace::Kind;
use fathom_host::sys;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open};
use rustix::thread::CapabilitySet;

use crate::error::{Error, Refusal, Step as _};
use crate::network::Network;
use crate::place::Place;
use crate::record::{Identity, KeeperRecord, Stage};
use crate::sandbox::{LIMITS, Part, Power, Workshop};
use crate::shop::SANDBOXES;
use crate::sweep;
use part::Kept;

/// The keeper, and the process that sets it free from its caller.
pub(crate) const NAME: &str = "fathom-demo-keeper";

/// How long the lock may be held by somebody who only looks.
const LOOK: Duration = Duration::from_secs(1);

/// What the keeper is told by its arguments.
#[derive(Debug)]
pub(crate) struct Orders {
    pub(crate) place: Place,
    pub(crate) program: PathBuf,
}

/// Runs the shop until it is closed. Returns the exit status.
pub(crate) fn main(orders: Orders) -> i32 {
    let place = orders.place.clone();
    match Keeper::open(orders) {
        Ok(keeper) => {
            keeper.run();
            0
        }
        Err(error) => {
            tell(&Answer::Refused(error.into()));
            // Nobody may be left to do it. Whoever waits at the door finds it gone.
            let _ = sweep::clear(&place);
            1
        }
    }
}

/// What is said on the keeper's stdout, once.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Answer {
    /// Web has answered.
    Open,
    /// The shop cannot be opened.
    Refused(Refusal),
}

/// Says it and hangs up.
fn tell(answer: &Answer) {
    let text = serde_json::to_vec(answer).unwrap_or_default();
    let _ = io::stdout().write_all(&text).and_then(|()| io::stdout().flush());
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(null);
    }
}

/// A shop that is open, or about to be.
#[derive(Debug)]
struct Keeper {
    workshop: Workshop,
    kept: Vec<Kept>,
    signals: OwnedFd,
    /// Held locked.
    _file: File,
    record: KeeperRecord,
}

impl Keeper {
    fn open(orders: Orders) -> Result<Keeper, Error> {
        let _ = rustix::thread::set_name(c"fathom-demo");
        rustix::process::chdir("/").step("enter /")?;
        let file = lock(&orders.place)?;
        let identity = Identity::of(std::process::id());
        let keeper = identity.ok_or(io::ErrorKind::NotFound).step("find the keeper in /proc")?;
        let mut record = KeeperRecord { keeper, stage: Stage::Opening, missing: Vec::new() };
        record.write(&orders.place).step("write the keeper's record")?;
        let power = take_power(&mut record.missing)?;
        sys::unshare(&[Kind::Net]).step("make a network namespace")?;
        Network::open().and_then(|network| network.make_bridge()).step("make the shop's bridge")?;
        std::fs::create_dir_all(orders.place.volume()).step("make db's volume")?;
        make_leaves(&orders.place, &mut record.missing);
        let own = rustix::process::getpid();
        rustix::process::set_child_subreaper(Some(own)).step("adopt the sandboxes")?;
        let keeper = pidfd_open(own, PidfdFlags::empty()).step("open a handle of the keeper")?;
        let signals = sys::signal_fd(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGPIPE])
            .step("receive signals")?;
        let workshop = Workshop { place: orders.place, power, program: orders.program, keeper };
        let parts = SANDBOXES.iter().map(Part::Sandbox).chain([Part::Customer]);
        let mut kept = parts.map(|part| Kept::new(part, &workshop.place)).collect::<Result<Vec<_>, _>>()?;
        if let Err(error) = start_together(&workshop, &mut kept) {
            end_all();
            return Err(error);
        }
        Ok(Keeper { workshop, kept, signals, _file: file, record })
    }

    fn run(mut self) {
        loop {
            match self.wait() {
                Wake::Asked => break,
                Wake::Due => {}
            }
            self.hear();
            self.bury();
            for kept in &mut self.kept {
                kept.revive_if_due(&self.workshop);
            }
        }
        self.close();
    }

    /// Sleeps until there is something to do.
    fn wait(&self) -> Wake {
        let now = Instant::now();
        let next = self.kept.iter().filter_map(|kept| kept.due()).min();
        let timeout = next.and_then(|due| Timespec::try_from(due.saturating_duration_since(now)).ok());
        let mut polled: Vec<PollFd<'_>> = vec![PollFd::new(&self.signals, PollFlags::IN)];
        polled.extend(self.kept.iter().map(|kept| PollFd::new(kept.words(), PollFlags::IN)));
        let _ = poll(&mut polled, timeout.as_ref());
        while let Ok(Some(signal)) = sys::read_signal(&self.signals) {
            if matches!(signal, libc::SIGTERM | libc::SIGINT) {
                return Wake::Asked;
            }
        }
        Wake::Due
    }

    /// Writes down what the parts have said. The customer's first good news opens the shop.
    fn hear(&mut self) {
        let mut answered = false;
        for kept in &mut self.kept {
            let said = kept.hear();
            answered |= matches!(kept.part(), Part::Customer) && String::from_utf8_lossy(&said).contains(" 200 ");
        }
        if answered && self.record.stage == Stage::Opening {
            self.record.stage = Stage::Open;
            match self.record.write(&self.workshop.place).step("write the keeper's record") {
                Ok(()) => tell(&Answer::Open),
                Err(error) => tell(&Answer::Refused(error.into())),
            }
        }
    }

    /// Collects whoever has ended.
    fn bury(&mut self) {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if let Some(kept) = self.kept.iter_mut().find(|kept| kept.pid() == Some(pid)) {
                let ending = status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal));
                kept.ended(ending, &self.workshop.place);
            }
        }
    }

    /// Takes all down, and the files with it. The lock goes last, with this process.
    fn close(self) {
        end_all();
        let _ = sweep::clear(&self.workshop.place);
        // `down` holds the door itself and removes it; told by somebody else, we do.
        if let Ok(Some(door)) = self.workshop.place.try_door(FlockOperation::NonBlockingLockExclusive) {
            sweep::remove_folder(&self.workshop.place, door);
        }
    }
}

/// Why the keeper woke up.
enum Wake {
    /// It is told to close the shop.
    Asked,
    /// Somebody spoke, ended, or is to be started again.
    Due,
}

/// The lock of a living keeper. Somebody who looks whether there is one may hold it for a moment.
fn lock(place: &Place) -> Result<File, Error> {
    let path = place.keeper_file();
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.step(format!("open {}", path.display()))?;
    let started = Instant::now();
    while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if started.elapsed() > LOOK {
            return Err(error).step(format!("lock {}", path.display()));
        }
        sweep::pause();
    }
    Ok(file)
}

/// Root's power where we have it, else root's in a user namespace of our own.
fn take_power(missing: &mut Vec<String>) -> Result<Power, Error> {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN | CapabilitySet::SETUID | CapabilitySet::MKNOD;
    let held = rustix::thread::capabilities(None).step("read the capabilities")?.effective;
    let map = |file| std::fs::read_to_string(file).unwrap_or_default();
    let maps = [map("/proc/self/uid_map"), map("/proc/self/gid_map")];
    let maps_all = maps.iter().all(|map| SANDBOXES.iter().all(|sandbox| is_mapped(map, sandbox.user)));
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    match (held.contains(needed), maps_all) {
        (true, true) => return Ok(Power::Root),
        (true, false) => {
            missing.push(format!("all sandboxes run as uid {uid}: this user namespace has no other ids"));
            return Ok(Power::OneId);
        }
        (false, _) => {}
    }
    sys::unshare(&[Kind::User]).step("make a user namespace")?;
    let write = |file: &str, text: String| {
        std::fs::write(Path::new("/proc/self").join(file), text).step("map our own id into the user namespace")
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("0 {uid} 1"))?;
    write("gid_map", format!("0 {gid} 1"))?;
    missing
        .push(format!("all sandboxes run as root of a user namespace, which is your uid {uid}: other ids need root"));
    Ok(Power::OneId)
}

/// Whether `id` exists in the user namespace that has this map: lines `FIRST OUTSIDE COUNT`.
fn is_mapped(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_ascii_whitespace().filter_map(|word| word.parse::<u32>().ok());
        let (first, count) = (numbers.next(), numbers.nth(1));
        first.zip(count).is_some_and(|(first, count)| id.checked_sub(first).is_some_and(|offset| offset < count))
    })
}

/// A cgroup for each sandbox, or a word about why there is none.
fn make_leaves(place: &Place, missing: &mut Vec<String>) {
    if place.cgroup().is_none() {
        missing.push("the sandboxes have no memory limit and no cgroup of their own: cgroups need root".to_owned());
        return;
    }
    let mut unmet = Vec::new();
    for sandbox in SANDBOXES {
        let Some(leaf) = place.leaf(sandbox.name) else {
            missing.push("the sandboxes have no memory limit: no cgroup file system is mounted".to_owned());
            return;
        };
        match leaf.create(&LIMITS) {
            Ok(controllers) => unmet.extend(controllers),
            Err(error) => {
                let _ = leaf.remove();
                missing.push(format!("{} has no memory limit: {error}", sandbox.name));
            }
        }
    }
    unmet.sort_unstable();
    unmet.dedup();
    if !unmet.is_empty() {
        missing.push(format!("the sandboxes' use of {} is not limited: this machine cannot", unmet.join(" and ")));
    }
}

/// Kills and collects every child: parts that run, and those that were on their way.
fn end_all() {
    loop {
        let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
        for pid in children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(Pid::from_raw) {
            // Not collected yet, so the number is still its own.
            let _ = kill_process(pid, Signal::KILL);
        }
        // Each end may leave us another child: a stager's.
        if rustix::process::wait(WaitOptions::empty()).is_err() {
            return;
        }
    }
}

/// All sandboxes are on their way before the first is waited for. The customer comes when all are there: an address
/// that is asked for too early is asked for again a second later.
fn start_together(workshop: &Workshop, kept: &mut [Kept]) -> Result<(), Error> {
    for group in kept.chunk_by_mut(|a, b| matches!((a.part(), b.part()), (Part::Sandbox(_), Part::Sandbox(_)))) {
        let starts = group.iter().map(|kept| kept.begin(workshop)).collect::<Result<Vec<_>, _>>()?;
        for (kept, start) in group.iter_mut().zip(starts) {
            let pid = start.finish()?;
            kept.started(pid, &workshop.place);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_looked_for_in_every_range() {
        let whole = "         0          0 4294967295\n";
        let rootless = "0 1000 1\n1 100000 65536\n";
        for (map, id, expect) in [
            (whole, 65532, true),
            ("0 1000 1\n", 0, true),
            ("0 1000 1\n", 1000, false),
            (rootless, 65532, true),
            (rootless, 65537, false),
            ("", 0, false),
            ("0 0", 0, false),
        ] {
            assert_eq!(is_mapped(map, id), expect, "{map:?} {id}");
        }
    }
}
