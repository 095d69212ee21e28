//! The asking side: starts a launcher, carries streams and signals, hears the end.
//!
//! It never joins anything itself and may have threads once the launcher is running.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use fathom_host::cgroup::KillSwitch;
use fathom_host::namespace::Kind;
use fathom_host::sys::Recursion;
use fathom_model::{Class, Failure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, WaitOptions};

use crate::failure::Step;
use crate::launcher::{self, Material, Role, tree};
use crate::options::{Attachment, Streams};
use crate::plan::{Ground, Plan};
use crate::session::Registry;
use crate::subject::{Nature, Subject};

mod attach;
mod pump;
mod relay;
mod screen;

pub use attach::{attach, kill, line, release};
pub use relay::Outcome;

/// Our ends of the command's three pipes.
#[derive(Debug)]
pub struct Pipes {
    /// To its stdin.
    pub input: OwnedFd,
    /// From its stdout.
    pub output: OwnedFd,
    /// From its stderr.
    pub errors: OwnedFd,
}

/// An open line to a session, for whoever carries its streams elsewhere than to our own terminal or pipes.
#[derive(Debug)]
pub struct Line {
    /// The session's id.
    pub id: String,
    /// Messages from and to the supervisor.
    pub control: OwnedFd,
    /// The command's pipes, where it has some of ours.
    pub pipes: Option<Pipes>,
    /// Whether the command has a terminal, whose bytes are messages.
    pub has_terminal: bool,
}

/// A session that has been started.
#[derive(Debug)]
pub struct Session {
    control: OwnedFd,
    supervisor: Option<Pid>,
    pipes: Option<Pipes>,
    plan: Plan,
}

/// Starts the session that `plan` describes on `subject`, which the plan was made of.
///
/// `holds` stay open for as long as the session lives. The process must have one thread: it forks.
pub fn start(plan: Plan, subject: Subject, recording: Option<File>, holds: Vec<File>) -> Result<Session, Failure> {
    check_kernel()?;
    let program = own_program()?;
    let mut material = Material::default();
    if !matches!(plan.nature, Nature::Image { .. }) {
        add_target(subject, &plan, &mut material);
    }
    material.add(Role::Program, program.try_clone().step("copy a descriptor")?);
    begin(plan, &program, material, recording, holds)
}

/// Starts the session that `plan` describes right where we are.
///
/// The process must have one thread: it forks.
pub fn start_here(plan: Plan, recording: Option<File>) -> Result<Session, Failure> {
    debug_assert!(plan.ground == Ground::Found, "nothing is made here");
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let program = rustix::fs::open("/proc/self/exe", flags, Mode::empty()).step("open this program's file")?;
    begin(plan, &program, Material::default(), recording, Vec::new())
}

fn begin(
    plan: Plan,
    program: &OwnedFd,
    mut material: Material,
    recording: Option<File>,
    holds: Vec<File>,
) -> Result<Session, Failure> {
    let pipes = match (plan.streams, plan.attachment) {
        (Streams::Pipes, Attachment::Attached) => Some(make_pipes(&mut material)?),
        _ => None,
    };
    if let Some(file) = recording {
        material.add(Role::Recording, file.into());
    }
    for hold in holds {
        material.add(Role::Hold, hold.into());
    }
    let (control, supervisor) = launcher::start(&plan, material, program.as_fd())?;
    Ok(Session { control, supervisor: Some(supervisor), pipes, plan })
}

/// Without these calls there is no way in; which one it is, is easier said before than after.
fn check_kernel() -> Result<(), Failure> {
    let Some(call) = fathom_host::feature::lacking_call() else { return Ok(()) };
    let message = format!("this kernel has no {}, which Linux has since {}: {}", call.name, call.since, call.loss);
    Err(Failure::new(Class::Unsupported, message).hinting(call.remedy))
}

/// This program's file, on a read-only mount of its own that is attached nowhere: what runs from it, and what the
/// session sees of it, nobody can write to through `/proc/PID/exe`.
fn own_program() -> Result<OwnedFd, Failure> {
    let program =
        tree::clone_followed(Path::new("/proc/self/exe"), Recursion::Alone).step("open this program's file")?;
    tree::restrict(program, tree::READ_ONLY).step("make this program's file read-only")
}

fn make_pipes(material: &mut Material) -> Result<Pipes, Failure> {
    let pipe = || {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).step("make a pipe")?;
        // Fewer and larger steps; a user over the limit keeps the default size.
        let _ = rustix::pipe::fcntl_setpipe_size(&write, pump::SIZE);
        Ok::<_, Failure>((read, write))
    };
    let ((input_end, input), (output, output_end), (errors, errors_end)) = (pipe()?, pipe()?, pipe()?);
    for (number, fd) in [input_end, output_end, errors_end].into_iter().enumerate() {
        material.add(Role::Stream(number as u8), fd);
    }
    Ok(Pipes { input, output, errors })
}

/// The target's root and the namespaces that the plan joins.
fn add_target(subject: Subject, plan: &Plan, material: &mut Material) {
    let Subject { pinned, network, .. } = subject;
    let wanted = |kind: Kind| {
        plan.join.contains(&kind) || (kind == Kind::User && plan.user_namespace == crate::plan::UserNamespace::Join)
    };
    for namespace in pinned.namespaces {
        let kind = namespace.kind;
        if wanted(kind) && !(kind == Kind::Net && network.is_some()) {
            material.add(Role::Namespace(kind), namespace.into_fd());
        }
    }
    if let Some(network) = network {
        material.add(Role::Namespace(Kind::Net), network.into_fd());
    }
    material.add(Role::Root, pinned.root);
}

impl Session {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.plan.id
    }

    /// The line to it. The session itself is kept for [`Session::clear_up`].
    pub fn line(&mut self) -> Result<Line, Failure> {
        let control = rustix::io::fcntl_dupfd_cloexec(&self.control, 3).step("copy a descriptor")?;
        let has_terminal = matches!(self.plan.streams, Streams::Terminal { .. });
        Ok(Line { id: self.plan.id.clone(), control, pipes: self.pipes.take(), has_terminal })
    }

    /// Waits until whoever finds the session dead will also find what it held (or the session has failed already).
    pub fn wait_until_on_record(&self) {
        while self.plan.registry.state(&self.plan.id).is_err() {
            let mut fds = [PollFd::new(&self.control, PollFlags::IN)];
            let _ = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 500_000 }));
            if !fds[0].revents().is_empty() {
                return;
            }
        }
    }

    /// The supervisor is gone without a word: killed, most likely. Init takes the processes down; what remains is
    /// removed here.
    pub fn clear_up(&self) -> Failure {
        if let Some(leaf) = &self.plan.leaf
            && leaf.exists()
        {
            take_down(leaf.kill_switch().ok());
            crate::launcher::undo(&self.plan);
        } else {
            self.plan.registry.forget(&self.plan.id);
        }
        if let Some(pid) = self.supervisor {
            collect(pid);
        }
        Failure::new(Class::System, "the session's supervisor was killed")
            .hinting("the session was cleared up; start it again")
    }
}

/// Collects a child that has closed its socket, which comes a moment before its end.
fn collect(child: Pid) {
    for _ in 0..1000 {
        if !matches!(rustix::process::waitpid(Some(child), WaitOptions::NOHANG), Ok(None)) {
            return;
        }
        let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 1_000_000 }));
    }
}

/// Init has until now to end everything; then we do.
fn take_down(kill: Option<KillSwitch>) {
    let Some(mut kill) = kill else { return };
    for round in 0..800 {
        if kill.is_empty().unwrap_or(true) {
            return;
        }
        if round == 200 {
            let _ = kill.kill();
        }
        let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 1_000_000 }));
    }
}

/// The registry of whoever runs this program.
pub fn registry(runtime_dir: Option<std::path::PathBuf>) -> Registry {
    Registry::of_user(rustix::process::geteuid().as_raw(), runtime_dir)
}
