//! `fathom trace` of what happens now: the kernel's events, of this machine or of a command that is started here.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use fathom_host::sys;
use fathom_kernel::{Event, Held, Options, Scope, Source};
use fathom_model::{Class, Failure, Target};
use fathom_trace::lines::{Page, Stopped};
use fathom_trace::live::{Tables, wanted};
use fathom_trace::replay::Replay;
use fathom_trace::{Early, Flow, Live, Shown};
use rustix::event::{PollFd, PollFlags, poll};

use crate::commands::trace::recording;
use crate::printer;
use crate::words::Trace;

mod names;
mod target;
mod told;

use names::Naming;
pub(crate) use target::standing;
use told::Stats;

/// Bytes of data that are kept of a call, as in sysdig.
const SNAPLEN: u32 = 80;
/// Nobody waits longer for a line.
const LATE: Duration = Duration::from_millis(50);

/// Shows what happens until somebody ends it, or the command has ended, whose status is passed on.
pub(crate) fn trace(words: &Trace, target: Option<&Target>, replay: Replay, page: Page<'_>) -> anyhow::Result<i32> {
    // Before any thread exists, so that all have it.
    let signals = sys::signal_fd(&[libc::SIGINT, libc::SIGTERM, libc::SIGHUP])?;
    let held = if words.command.is_empty() { None } else { Some(hold(&words.command)?) };
    let scope = match (&held, target) {
        (Some(held), _) => Scope::Trees(vec![held.id()]),
        (None, Some(target)) => target::scope(target)?,
        (None, None) => Scope::Machine,
    };
    let snaplen = words.snaplen.unwrap_or(SNAPLEN);
    let shown = if replay.recorder.is_some() { Shown::Whole } else { Shown::Fields(page.fields()) };
    let early = Early::new(replay.filter.as_ref(), &shown);
    let options = wanted::narrow(&early, Options { snaplen, ..Options::of(scope) });
    let mut source = Source::attach(&options).map_err(Failure::from)?;
    let tables = held.as_ref().map_or_else(|| Tables::of(source.found()), |held| Tables::of_trees(&[held.id()]));
    let mut live = Live::new(replay, &tables);
    let naming = Naming::begin(&mut live);
    let mut child = None;
    if let Some(held) = held {
        live.begin_with_exec(held.id());
        child = Some(held.go().map_err(|error| cannot_start(&words.command[0], &error))?);
    }
    let deadline = words.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let watch = Watch { source, live, naming, page, signals, deadline };
    watch.until_the_end(child, words)
}

/// Starts a command up to its execve. What it prints is not what we print.
fn hold(words: &[OsString]) -> Result<Held, Failure> {
    let mut command = Command::new(found(&words[0]));
    command.arg0(&words[0]).args(&words[1..]);
    let failed = |error| cannot_start(&words[0], &error);
    command.stdout(Stdio::from(io::stderr().as_fd().try_clone_to_owned().map_err(failed)?));
    Held::start(command).map_err(failed)
}

/// Where the command is, so that it is tried in one place only.
fn found(name: &OsString) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |path: &PathBuf| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file();
    let bare = Path::new(name).components().count() == 1 && !name.as_encoded_bytes().contains(&b'/');
    let mut candidates = std::env::split_paths(&folders).map(|folder| folder.join(name)).filter(is_there);
    if bare { candidates.next().unwrap_or_else(|| name.into()) } else { name.into() }
}

fn cannot_start(name: &OsString, error: &io::Error) -> Failure {
    let class = if error.kind() == io::ErrorKind::NotFound { Class::NoCommand } else { Class::NotExecutable };
    let message = format!("cannot start `{}`", name.display());
    Failure { cause: Some(error.to_string()), ..Failure::new(class, message) }
}

/// Everything that is at work while one looks.
struct Watch<'o> {
    source: Source,
    live: Live,
    naming: Naming,
    page: Page<'o>,
    signals: OwnedFd,
    deadline: Option<Instant>,
}

impl Watch<'_> {
    fn until_the_end(mut self, mut child: Option<Child>, words: &Trace) -> anyhow::Result<i32> {
        let mut flow = Flow::On;
        let mut status = None;
        let mut written = Instant::now();
        let mut last = 0;
        while flow == Flow::On && status.is_none() && !self.is_over() {
            let deliver = &mut |event: Event<'_>| {
                last = event.time;
                if flow == Flow::On {
                    flow = self.live.event(&event, &mut |moment| self.page.take(moment));
                }
            };
            let count = self.source.poll(deliver);
            self.naming.go_on(&mut self.live, last);
            if count == 0 || written.elapsed() > LATE {
                written = Instant::now();
                flow = if self.page.flush() == Flow::Enough { Flow::Enough } else { flow };
                if let Some(recorder) = &mut self.live.replay.recorder {
                    recorder.flush();
                }
            }
            if let Some(child) = &mut child {
                status = child.try_wait()?;
            }
            if status.is_none() && hear(&self.signals, self.source.pause())? {
                break;
            }
        }
        let Watch { source, mut live, mut page, .. } = self;
        let loss = source.finish(&mut |event| {
            if flow == Flow::On {
                flow = live.event(&event, &mut |moment| page.take(moment));
            }
        });
        match page.finish() {
            Ok(()) => {}
            // Nobody reads any more: `fathom trace | head`.
            Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => {
                let message = "cannot write what was asked for";
                return Err(Failure { cause: Some(error.to_string()), ..Failure::new(Class::System, message) }.into());
            }
        }
        let kept = recording::close(&mut live.replay, words);
        told::losses(&loss, if words.stats { Stats::All } else { Stats::Losses });
        // What was started goes on undisturbed if there is nothing more to show of it.
        if let (Some(child), None) = (&mut child, status) {
            status = Some(child.wait()?);
        }
        match (kept, status) {
            // The command's own status is worth more; what we could not do is said all the same.
            (Err(failure), Some(_)) => printer::trouble(&failure),
            (Err(failure), None) => return Err(failure.into()),
            (Ok(()), _) => {}
        }
        Ok(status.map_or(0, passed_on))
    }

    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// Waits so long; whether somebody wants us to end.
fn hear(signals: &OwnedFd, pause: Duration) -> io::Result<bool> {
    let timeout = rustix::time::Timespec { tv_sec: 0, tv_nsec: i64::from(pause.subsec_nanos()) };
    match poll(&mut [PollFd::new(signals, PollFlags::IN)], Some(&timeout)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ok(false),
        Ok(_) => Ok(sys::read_signal(signals)?.is_some()),
        Err(error) => Err(error.into()),
    }
}

/// The status of what was started, as a shell tells it.
fn passed_on(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(0)
}
