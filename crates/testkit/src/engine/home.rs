//! What one engine lives in: a folder, cgroups and a daemon of its own, all taken away on drop.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::account::Account;
use super::cgroup::Cgroups;
use super::process::eventually;
use crate::Scratch;

/// What [`Home::new`] is called with.
const ENGINES: &[&str] = &["runc", "containerd", "docker", "podman"];

static SWEPT: Once = Once::new();

/// The folder is laid out like `/`, so that a reader rooted at it finds `run/…` and `var/lib/…` where it would there.
#[derive(Debug)]
pub(super) struct Home {
    daemon: Option<Child>,
    /// Paths outside the folder that an engine makes and no option moves.
    guests: Vec<PathBuf>,
    pub(super) cgroups: Cgroups,
    scratch: Scratch,
}

impl Home {
    pub(super) fn new(name: &str) -> Self {
        SWEPT.call_once(sweep);
        let scratch = Scratch::new(name);
        // Containers' own users pass through it on the way to their root.
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).expect("our own folder obeys");
        let home = Home { daemon: None, guests: Vec::new(), cgroups: Cgroups::default(), scratch };
        home.cgroups.expect(&home.cgroup());
        home
    }

    pub(super) fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// A path in the folder; the folder above it exists.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        let place = self.scratch.join(name);
        fs::create_dir_all(place.parent().expect("it lies in the folder")).expect("the folder can be written to");
        place
    }

    /// Writes a file into the folder and says where it is.
    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let place = self.place(name);
        fs::write(&place, text).expect("the folder can be written to");
        place
    }

    /// The cgroup, below each hierarchy's root, that holds all containers of this engine.
    pub(super) fn cgroup(&self) -> String {
        let folder = self.path().file_name().expect("a scratch folder has a name");
        format!("/{}", folder.to_string_lossy())
    }

    /// `paths`, which lie elsewhere, go as well, unless they were there before.
    pub(super) fn take_along(&mut self, paths: &[&str]) {
        self.guests.extend(paths.iter().map(PathBuf::from).filter(|path| !path.exists()));
    }

    /// Starts a daemon and returns when it listens on `socket`.
    ///
    /// # Panics
    /// When it ends or does not listen; the message holds its log.
    pub(super) fn start(&mut self, command: &mut Command, socket: &Path) {
        let log = self.place("daemon.log");
        let file = fs::File::create(&log).expect("the folder can be written to");
        let stdout = file.try_clone().expect("a file can be shared");
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(file).spawn();
        let child = self.daemon.insert(child.unwrap_or_else(|error| panic!("{command:?}: {error}")));
        let mut ended = false;
        eventually(|| {
            ended = child.try_wait().is_ok_and(|status| status.is_some());
            ended || UnixStream::connect(socket).is_ok()
        });
        let said = fs::read_to_string(&log).unwrap_or_default();
        assert!(!ended && UnixStream::connect(socket).is_ok(), "{command:?} does not listen:\n{said}");
    }

    /// Ends the daemon the way a person would: SIGTERM, then SIGKILL.
    pub(super) fn stop(&mut self) {
        let Some(mut child) = self.daemon.take() else { return };
        let pid = Pid::from_child(&child);
        let _ = kill_process(pid, Signal::TERM);
        if !eventually(|| child.try_wait().is_ok_and(|status| status.is_some())) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.stop();
        self.cgroups.kill();
        clear(self.path());
        for guest in &self.guests {
            let _ = fs::remove_dir_all(guest).or_else(|_| fs::remove_file(guest));
        }
    }
}

/// Ends what runs from `folder` and what is mounted below it.
fn clear(folder: &Path) {
    eventually(|| kill_processes_of(folder) == 0);
    unmount_below(folder);
}

/// Takes away what tests left that were killed before they could: their folders carry the pid of a process that is
/// no more.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_orphan = owner_of(&name).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists());
        if is_orphan {
            let cgroups = Cgroups::left(&name);
            cgroups.kill();
            clear(&entry.path());
            Account::remove(&name);
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The pid in `fathom-ENGINE-PID-N`.
fn owner_of(name: &str) -> Option<u32> {
    let rest =
        ENGINES.iter().find_map(|engine| name.strip_prefix("fathom-")?.strip_prefix(engine)?.strip_prefix('-'))?;
    let (pid, count) = rest.split_once('-')?;
    count.parse::<u32>().ok()?;
    pid.parse().ok()
}

/// Kills what was started with a word that names `folder`: shims and monitors, which survive their engine on purpose.
/// Says how many there were. No other program can name the folder, because its name is made of our pid.
fn kill_processes_of(folder: &Path) -> usize {
    let name = folder.to_str().expect("tests use readable paths");
    let mut count = 0;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let Some(pid) = number.filter(|pid| *pid != rustix::process::getpid()) else { continue };
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if names(&String::from_utf8_lossy(&words), name) {
            let _ = pidfd_send_signal(&process, Signal::KILL);
            count += 1;
        }
    }
    count
}

/// Whether `folder` stands in `words`, and not only the beginning of `…-10` when it is `…-1`.
fn names(words: &str, folder: &str) -> bool {
    words.match_indices(folder).any(|(at, _)| !words[at + folder.len()..].starts_with(|c: char| c.is_ascii_digit()))
}

/// Detaches every mount below `folder`, the last one first.
fn unmount_below(folder: &Path) {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points =
        table.lines().rev().filter_map(|line| line.split(' ').nth(4)).filter(|at| Path::new(at).starts_with(folder));
    for point in points {
        let _ = rustix::mount::unmount(point, rustix::mount::UnmountFlags::DETACH);
    }
}
