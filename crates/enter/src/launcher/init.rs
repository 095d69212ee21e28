//! The session's init: in the target's pid namespace, outside the leaf, with no rights but its descriptors.
//!
//! It adopts what the command leaves behind, reports how the command ended, and takes the rest down: when the command
//! is over, when the supervisor says so, and when the supervisor is gone. It holds no folder of the machine.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};

use fathom_host::cgroup::KillSwitch;
use fathom_host::sys::{self, Cloned};
use fathom_model::{Class, Ending, Failure};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::CWD;
use rustix::mount::MountAttrFlags;
use rustix::process::{Pid, Signal, WaitOptions};

use super::payload::{Threshold, become_command};
use super::{capabilities, offspring, tree};
use crate::failure::{Step, refused};
use crate::options::View;
use crate::plan::{Ground, Pids, Plan};
use crate::wire::{self, Message, Received};

/// What init is given.
#[derive(Debug)]
pub(super) struct Init {
    /// To the supervisor.
    pub(super) socket: OwnedFd,
    /// Held, never used: while we have it, no sweep takes the session for abandoned.
    pub(super) lock: OwnedFd,
    /// Takes the leaf down.
    pub(super) kill: Option<KillSwitch>,
    /// What the target is frozen by, and the word that lets it go on.
    pub(super) frozen: Option<(File, String)>,
    /// For the command.
    pub(super) threshold: Threshold,
}

impl Init {
    /// Runs the command and stays until all of the session's processes are gone.
    pub(super) fn main(mut self, plan: &Plan) -> ! {
        let _ = rustix::thread::set_name(super::INIT);
        let status = match self.start(plan) {
            Ok((command, signals)) => {
                let _ = wire::send(&self.socket, &Message::Started);
                sys::forget_code();
                self.run(command, &signals);
                0
            }
            Err(failure) => {
                self.thaw();
                let _ = wire::send(&self.socket, &Message::Failed(failure));
                1
            }
        };
        drop(self);
        sys::exit_now(status)
    }

    fn start(&mut self, plan: &Plan) -> Result<(Pid, OwnedFd), Failure> {
        if plan.ground == Ground::Made {
            mount_proc(plan)?;
        }
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).step("adopt orphans")?;
        let signals =
            sys::signal_fd(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP]).step("receive signals")?;
        let (report, reporter) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).step("make a pipe")?;
        let command = match self.clone_command()? {
            Cloned::Child => {
                let failure = become_command(plan, &self.threshold);
                let text = serde_json::to_vec(&failure).unwrap_or_default();
                let _ = rustix::io::write(&reporter, &text);
                sys::exit_now(127)
            }
            Cloned::Parent(pid) => pid,
        };
        drop(reporter);
        self.close_threshold();
        // Without a leaf they are what ends a command of another user.
        if plan.ground == Ground::Made {
            capabilities::drop_all()?;
        }
        let mut text = Vec::new();
        File::from(report).read_to_end(&mut text).step("hear from the command")?;
        if text.is_empty() {
            return Ok((command, signals));
        }
        // It is our child, and nobody else's to collect.
        let _ = rustix::process::waitpid(Some(command), WaitOptions::empty());
        let lost = || Failure::new(Class::System, "the command's process ended before it could say why");
        Err(serde_json::from_slice(&text).unwrap_or_else(|_| lost()))
    }

    /// Straight into the leaf where the kernel can (5.7); otherwise the child's first act is to go there.
    fn clone_command(&mut self) -> Result<Cloned, Failure> {
        let door = self.threshold.door.as_mut();
        if let Some(leaf) = door.and_then(|door| door.v2.take()) {
            // SAFETY: init has one thread.
            #[allow(unsafe_code, reason = "the command is forked off")]
            match unsafe { sys::clone_process(Some(leaf.as_fd())) } {
                Err(error)
                    if matches!(
                        error.raw_os_error(),
                        Some(libc::ENOSYS | libc::EINVAL | libc::EPERM | libc::E2BIG)
                    ) => {}
                cloned => {
                    self.threshold.door.as_mut().and_then(|door| door.v2_procs.take());
                    return cloned.step("start the command in its cgroup");
                }
            }
        }
        // SAFETY: as above.
        #[allow(unsafe_code, reason = "the command is forked off")]
        unsafe { sys::clone_process(None) }.step("start the command")
    }

    /// The command has its own copies; ours would keep pipes open and the machine's folders within reach.
    fn close_threshold(&mut self) {
        let Ok(null) = rustix::fs::open(
            "/dev/null",
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .or_else(|_| rustix::io::fcntl_dupfd_cloexec(&self.lock, 3)) else {
            return;
        };
        self.threshold =
            Threshold { door: None, ends: super::terminal::Ends::Terminal(null), user: None, cgroup: None };
    }

    fn run(&mut self, command: Pid, signals: &OwnedFd) {
        let mut ended = false;
        loop {
            let mut fds = [PollFd::new(signals, PollFlags::IN), PollFd::new(&self.socket, PollFlags::IN)];
            let _ = poll(&mut fds, None);
            let (signalled, spoken) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
            if signalled {
                while let Ok(Some(_)) = sys::read_signal(signals) {}
                ended |= self.reap(command);
            }
            if spoken {
                ended |= self.obey(command);
            }
            if ended {
                return self.take_down(command);
            }
        }
    }

    /// Collects every child that has ended. Returns whether the command was among them.
    fn reap(&self, command: Pid) -> bool {
        let mut ended = false;
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if pid == command {
                let ending = match (status.exit_status(), status.terminating_signal()) {
                    (Some(status), _) => Ending::Exited(status),
                    (None, signal) => Ending::Killed(signal.unwrap_or(libc::SIGKILL)),
                };
                let _ = wire::send(&self.socket, &Message::Ended(ending));
                ended = true;
            }
        }
        ended
    }

    /// Does what the supervisor says. Returns whether the session is to end.
    fn obey(&mut self, command: Pid) -> bool {
        match wire::receive(&self.socket) {
            Ok(Received::Message(Message::Signal(number))) => {
                if let Some(signal) = Signal::from_named_raw(number) {
                    // The whole group: the command is its leader, as in a shell.
                    let _ = rustix::process::kill_process_group(command, signal);
                }
                false
            }
            Ok(Received::Message(Message::Release)) => {
                self.thaw();
                false
            }
            Ok(Received::Message(Message::Kill) | Received::Gone) | Err(_) => true,
            Ok(Received::Message(_) | Received::Nothing) => false,
        }
    }

    /// Lets a held target go on.
    fn thaw(&mut self) {
        if let Some((mut file, word)) = self.frozen.take() {
            let _ = file.write_all(word.as_bytes());
        }
    }

    /// Kills whatever is left, in the leaf and below us, and collects it. Those that left the leaf are still our
    /// children, or become it when their parents die.
    fn take_down(&mut self, command: Pid) {
        self.thaw();
        if let Some(kill) = &mut self.kill {
            let _ = kill.kill();
        }
        offspring::end(|pid, status| {
            if pid == command {
                let ending = status.terminating_signal().map_or(Ending::Exited(0), Ending::Killed);
                let ending = status.exit_status().map_or(ending, Ending::Exited);
                let _ = wire::send(&self.socket, &Message::Ended(ending));
            }
        });
    }
}

/// What of a fresh /proc only reads, for profiles that may not change the machine: the same that docker protects.
const PROTECTED: &[&str] = &["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// A /proc of the session's own pid namespace, where `/` has none that fits.
fn mount_proc(plan: &Plan) -> Result<(), Failure> {
    let has_one = plan.view == View::Target && plan.pids != Pids::Own && std::fs::metadata("/proc/self").is_ok();
    if has_one {
        return Ok(());
    }
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = tree::filesystem("proc", &[], attributes).step("make /proc")?;
    tree::attach(&proc, CWD, "/proc").step("attach /proc")?;
    if plan.credentials.may_administer() {
        return Ok(());
    }
    for name in PROTECTED {
        let path = format!("/proc/{name}");
        let protected = tree::clone(CWD, &path, fathom_host::sys::Recursion::Alone)
            .and_then(|part| tree::attach(tree::restrict(part, tree::READ_ONLY)?, CWD, &path));
        match protected {
            Err(error) if error.raw_os_error() != Some(libc::ENOENT) => {
                return Err(refused(format!("protect {path}"), error));
            }
            _ => {}
        }
    }
    Ok(())
}
