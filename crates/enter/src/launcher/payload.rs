//! The last steps before the command: its cgroup, session, terminal, user and rights, then exec.
//!
//! Runs in the forked child of init. Whatever fails is written to a pipe that exec closes.
#![allow(unsafe_code, reason = "descriptors are placed at 0, 1, 2 right before exec")]

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use fathom_host::cgroup::Door;
use fathom_host::namespace::{Kind, link_type};
use fathom_host::sys;
use fathom_model::{Class, Failure};

use super::capabilities;
use super::terminal::{Ends, Terminal};
use crate::failure::{Step, refused};
use crate::plan::{Ground, Plan, UserNamespace};

/// What only the command's process needs.
#[derive(Debug)]
pub(super) struct Threshold {
    /// The way into the leaf.
    pub(super) door: Option<Door>,
    /// The command's descriptors.
    pub(super) ends: Ends,
    /// Namespaces that init itself does not enter.
    pub(super) user: Option<OwnedFd>,
    /// See `user`.
    pub(super) cgroup: Option<OwnedFd>,
}

/// Becomes the command. Returns only with the reason why it did not.
pub(super) fn become_command(plan: &Plan, threshold: &Threshold) -> Failure {
    match prepare(plan, threshold) {
        Ok(()) => run(plan),
        Err(failure) => failure,
    }
}

fn prepare(plan: &Plan, threshold: &Threshold) -> Result<(), Failure> {
    if let Some(door) = &threshold.door {
        // `v2_procs` is still there where the kernel could not start us in the leaf.
        for tasks in door.v2_procs.iter().chain(&door.v1_tasks) {
            rustix::io::write(tasks, b"0").step("enter the session's cgroup")?;
        }
    }
    // First to die under memory pressure. Raising needs no right.
    let _ = File::options().write(true).open("/proc/self/oom_score_adj").and_then(|mut file| file.write_all(b"1000"));
    if plan.ground == Ground::Found && plan.leaf.is_some() {
        // The container that we stand in may be killed with all that is in its cgroup, which init is and we are not.
        let with_init = Some(rustix::process::Signal::KILL);
        rustix::process::set_parent_process_death_signal(with_init).step("go with the session's init")?;
    }
    rustix::process::setsid().step("start a session")?;
    if let Ends::Terminal(slave) = &threshold.ends {
        Terminal::take(slave)?;
    }
    for (number, fd) in threshold.ends.each().into_iter().enumerate() {
        // SAFETY: descriptors 0 to 2 are /dev/null by now, and nobody else's.
        unsafe { sys::place(fd, number as i32) }.step("connect the command's streams")?;
    }
    for (kind, fd) in [(Kind::Cgroup, &threshold.cgroup), (Kind::User, &threshold.user)] {
        if let Some(fd) = fd {
            rustix::thread::move_into_link_name_space(fd.as_fd(), Some(link_type(kind)))
                .map_err(|error| refused(format!("join the target's {} namespace", kind.name()), error))?;
        }
    }
    sys::close_on_exec_from(3).step("close our descriptors")?;
    sys::reset_signals();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    rustix::process::chdir(&plan.workdir).map_err(|error| no_workdir(plan, error.into()))?;
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable);
    debug_assert!(plan.user_namespace == UserNamespace::Join || threshold.user.is_none());
    match plan.ground {
        Ground::Made => capabilities::assume(&plan.credentials),
        Ground::Found => capabilities::change_user(&plan.credentials),
    }
}

fn no_workdir(plan: &Plan, error: io::Error) -> Failure {
    let message = format!("cannot start in {} in {}", plan.workdir.display(), plan.target);
    Failure { cause: Some(error.to_string()), ..Failure::new(Class::NotExecutable, message) }
        .hinting("name an existing folder with -w")
}

/// Executes the command, looked for on PATH as execvp does.
fn run(plan: &Plan) -> Failure {
    let text = |text: &str| CString::new(text.as_bytes());
    let Ok(arguments) = plan.command.iter().map(|word| text(word)).collect::<Result<Vec<_>, _>>() else {
        return plan.cannot_run(Class::Usage, "an argument holds a NUL byte");
    };
    let env: Vec<CString> = plan.env.iter().filter_map(|(name, value)| text(&format!("{name}={value}")).ok()).collect();
    let arguments: Vec<&CStr> = arguments.iter().map(CString::as_c_str).collect();
    let env: Vec<&CStr> = env.iter().map(CString::as_c_str).collect();
    let mut worst = io::Error::from_raw_os_error(libc::ENOENT);
    for candidate in candidates(plan) {
        let error = sys::exec(&candidate, &arguments, &env);
        // A folder that has no such file says nothing; one whose file cannot be executed does.
        if !matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) {
            worst = error;
        } else if file_exists(&candidate) {
            return plan.cannot_run(Class::NotExecutable, "its interpreter or loader is not there");
        }
    }
    match worst.raw_os_error() {
        Some(libc::ENOENT) => plan.cannot_run(Class::NoCommand, "no such command"),
        _ => plan.cannot_run(Class::NotExecutable, worst.to_string()),
    }
}

fn candidates(plan: &Plan) -> Vec<CString> {
    let program = plan.program();
    if program.contains('/') {
        return CString::new(program).into_iter().collect();
    }
    let folders = plan.search_path().split(':').map(|folder| if folder.is_empty() { "." } else { folder });
    folders.filter_map(|folder| CString::new(format!("{folder}/{program}")).ok()).collect()
}

fn file_exists(path: &CStr) -> bool {
    std::fs::metadata(std::ffi::OsStr::from_bytes(path.to_bytes())).is_ok_and(|meta| meta.is_file())
}
