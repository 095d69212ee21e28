//! `fathom hold`, the first process of a container that waits, and `fathom run-entrypoint`, which runs beside it what
//! it would have run.

use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fathom_cluster::fork;
use fathom_enter::failure::refused;
use fathom_host::sys;
use fathom_model::{Class, Failure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Gid, Uid, WaitOptions};

use super::words::{Hold, RunEntrypoint, Under};
use crate::printer;

/// A copy in which nobody has been for so long is nobody's.
const ALONE: Duration = Duration::from_secs(300);

/// How often is looked whether anybody is here.
const LOOK: Duration = Duration::from_secs(5);

/// Waits, as a container's first process: for SIGTERM, or for the time when nobody has been here for long.
pub(crate) fn run(words: &Hold) -> anyhow::Result<i32> {
    if let Some(folder) = &words.install {
        return install(folder);
    }
    let signals = sys::signal_fd(&[libc::SIGTERM, libc::SIGINT, libc::SIGCHLD]).context("cannot receive signals")?;
    let mut company = Instant::now();
    while company.elapsed() < ALONE {
        let mut fds = [PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
        let _ = poll(&mut fds, Some(&Timespec { tv_sec: LOOK.as_secs() as i64, tv_nsec: 0 }));
        while let Some(signal) = sys::read_signal(&signals).context("cannot receive signals")? {
            if signal != libc::SIGCHLD {
                return Ok(0);
            }
        }
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        if !is_alone() {
            company = Instant::now();
        }
    }
    Ok(0)
}

/// Where `/proc` tells nothing, somebody may be here.
fn is_alone() -> bool {
    let own = std::process::id().to_string();
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let Ok(entries) = fs::read_dir("/proc") else { return false };
    let mut others = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    !others.any(|name| is_process(&name) && name != own)
}

/// Whoever the container runs as has to be able to execute it.
fn install(folder: &Path) -> anyhow::Result<i32> {
    let own = std::env::current_exe().context("cannot find this program's own file")?;
    let place = folder.join("fathom");
    let copied = fs::copy(own, &place).and_then(|_| fs::set_permissions(&place, fs::Permissions::from_mode(0o555)));
    copied.with_context(|| format!("cannot copy this program to {}", place.display()))?;
    Ok(0)
}

/// Becomes what the container would have run, with its environment and working directory.
pub(crate) fn run_entrypoint(words: &RunEntrypoint) -> anyhow::Result<i32> {
    let held = find().ok_or_else(|| {
        Failure::new(Class::NotFound, "nothing is held here")
            .hinting("`kubectl fathom enter POD --fork` makes a copy in which `fathom run-entrypoint` works")
    })?;
    let argv = held.argv;
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Failure::new(Class::NotFound, "what the container would have run was not known")
            .hinting("run the command itself: its image's documentation has it")
            .into());
    };
    if words.show {
        printer::data(&format!("{}\n", argv.join(" ")));
        return Ok(0);
    }
    if !Path::new(fork::PROGRAM).exists() {
        return Err(Failure::new(Class::Usage, "`/` is not the copy's own tree here")
            .hinting("enter it with --root target")
            .into());
    }
    let mut command = match words.under {
        None => Command::new(program),
        Some(Under::Strace) => Command::new("strace"),
        Some(Under::Gdb) => Command::new("gdb"),
    };
    match words.under {
        None => command.args(arguments),
        Some(Under::Strace) => command.args(["-f", "--"]).args(&argv),
        Some(Under::Gdb) => command.arg("--args").args(&argv),
    };
    let environment = read_words(&format!("/proc/{}/environ", held.pid));
    let pairs = environment.iter().filter_map(|pair| pair.split_once('='));
    if words.under.is_none() {
        command.env_clear();
    }
    command.envs(pairs.filter(|(name, _)| words.under.is_none() || *name != "PATH"));
    if let Ok(folder) = fs::read_link(format!("/proc/{}/cwd", held.pid)) {
        command.current_dir(folder);
    }
    become_user(held.pid)?;
    let error = command.exec();
    let name = command.get_program().to_string_lossy().into_owned();
    let class = if error.kind() == std::io::ErrorKind::NotFound { Class::NoCommand } else { Class::NotExecutable };
    let failure = Failure { class, ..refused(format!("execute `{name}`"), error) };
    Err(match words.under {
        Some(_) => failure.hinting("the full toolkit has it: `fathom toolkit build`"),
        None => failure,
    }
    .into())
}

/// The container's own user and groups, where the session has another.
fn become_user(pid: u32) -> Result<(), Failure> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = |name: &str| -> Vec<u32> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
    };
    let (Some(uid), Some(gid)) = (numbers("Uid:").get(1).copied(), numbers("Gid:").get(1).copied()) else {
        return Ok(());
    };
    if (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()) == (uid, gid) {
        return Ok(());
    }
    let groups: Vec<Gid> = numbers("Groups:").into_iter().map(Gid::from_raw).collect();
    let changed = rustix::thread::set_thread_groups(&groups)
        .and_then(|()| rustix::thread::set_thread_gid(Gid::from_raw(gid)))
        .and_then(|()| rustix::thread::set_thread_uid(Uid::from_raw(uid)));
    changed.map_err(|error| refused(format!("become the container's user {uid}"), error))
}

/// A process that waits, with what it would have been.
struct Held {
    pid: u32,
    argv: Vec<String>,
}

/// The first process, but where the pod shares the node's processes.
fn find() -> Option<Held> {
    let pids = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut pids: Vec<u32> = pids.collect();
    pids.sort_unstable();
    pids.into_iter().find_map(|pid| {
        let words = read_words(&format!("/proc/{pid}/cmdline"));
        let rest = words.strip_prefix([fork::PROGRAM, "hold", "--"].map(str::to_owned).as_slice())?;
        Some(Held { pid, argv: rest.to_vec() })
    })
}

/// Words that end with a zero byte each.
fn read_words(path: &str) -> Vec<String> {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let words = text.strip_suffix('\0').unwrap_or(&text);
    if words.is_empty() { Vec::new() } else { words.split('\0').map(str::to_owned).collect() }
}
