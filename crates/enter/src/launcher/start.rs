//! How a launcher is started: what the client hands over, in one message.
//!
//! The plan travels in a memory file (it may hold a whole environment), everything that is already open as
//! descriptors, each with its role.

use std::ffi::{CStr, CString};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fathom_host::namespace::Kind;
use fathom_host::sys::{self, Cloned};
use fathom_model::{Class, Failure};
use rustix::fs::{MemfdFlags, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Pid, WaitOptions};
use serde::{Deserialize, Serialize};

use crate::failure::Step;
use crate::plan::{Ground, Plan};
use crate::wire;

/// What a descriptor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// The plan, as JSON.
    Plan,
    /// The target's root directory.
    Root,
    /// A detached read-only mount of this program's file.
    Program,
    /// A namespace to join.
    Namespace(Kind),
    /// The command's stdin, stdout or stderr (0, 1, 2).
    Stream(u8),
    /// A socket in which the machine's root directory and mount namespace wait.
    WayBack,
    /// Keeps the toolkit's tree from being removed while the session lives.
    Hold,
    /// A file that gets the terminal's output with times.
    Recording,
}

/// Everything open that the launcher needs.
#[derive(Debug, Default)]
pub(crate) struct Material(Vec<(Role, OwnedFd)>);

impl Material {
    /// Adds a descriptor.
    pub(crate) fn add(&mut self, role: Role, fd: OwnedFd) {
        self.0.push((role, fd));
    }

    /// Takes the descriptor of this role out.
    pub(super) fn take(&mut self, role: Role) -> Option<OwnedFd> {
        let at = self.0.iter().position(|(own, _)| *own == role)?;
        Some(self.0.swap_remove(at).1)
    }

    /// The descriptor of this role, which stays.
    pub(super) fn borrow(&self, role: Role) -> Option<BorrowedFd<'_>> {
        self.0.iter().find(|(own, _)| *own == role).map(|(_, fd)| fd.as_fd())
    }

    /// Takes out one that the client always sends.
    pub(super) fn need(&mut self, role: Role) -> Result<OwnedFd, Failure> {
        self.take(role)
            .ok_or_else(|| Failure::new(Class::System, format!("the client sent no descriptor for {role:?}")))
    }
}

/// The descriptor on which a launcher finds its client.
const CONTROL: i32 = 3;

/// Starts a launcher for `plan`. Returns the control socket and the launcher's process number.
pub(crate) fn start(plan: &Plan, mut material: Material, program: BorrowedFd<'_>) -> Result<(OwnedFd, Pid), Failure> {
    let (ours, theirs) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .step("make the control socket")?;
    let name = CString::new(super::NAME).expect("the name has no NUL");
    let id = CString::new(plan.id.as_str()).expect("an id is letters and digits");
    // SAFETY: clients call this before they start a thread.
    #[allow(unsafe_code, reason = "the launcher is forked off")]
    let cloned = unsafe { sys::clone_process(None) }.step("fork")?;
    match cloned {
        Cloned::Child => become_launcher(&theirs, program, &[&name, &id]),
        Cloned::Parent(pid) => {
            drop(theirs);
            match hand_over(plan, &mut material, &ours) {
                Ok(()) => Ok((ours, pid)),
                Err(failure) => {
                    // One that got nothing ends as soon as it hears that there will be nothing, if it still lives.
                    drop(ours);
                    let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
                    Err(failure)
                }
            }
        }
    }
}

fn hand_over(plan: &Plan, material: &mut Material, control: &OwnedFd) -> Result<(), Failure> {
    let text = serde_json::to_vec(plan).expect("a plan is plain data");
    let file = rustix::fs::memfd_create("plan", MemfdFlags::CLOEXEC).step("make a memory file")?;
    std::fs::File::from(file.try_clone().step("copy a descriptor")?).write_all(&text).step("write the plan")?;
    material.add(Role::Plan, file);
    if plan.ground == Ground::Made {
        material.add(Role::WayBack, way_back()?);
    }
    let roles: Vec<Role> = material.0.iter().map(|(role, _)| *role).collect();
    let fds: Vec<BorrowedFd<'_>> = material.0.iter().map(|(_, fd)| fd.as_fd()).collect();
    let header = serde_json::to_vec(&roles).expect("roles are plain data");
    wire::send_fds(control, &header, &fds).step("hand the plan to the launcher")
}

/// A socket that holds the machine's root directory and our mount namespace until somebody takes them out.
fn way_back() -> Result<OwnedFd, Failure> {
    let (put, take) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .step("make a socket")?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open("/", flags, rustix::fs::Mode::empty()).step("open the machine's root directory")?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let mounts =
        rustix::fs::open("/proc/self/ns/mnt", flags, rustix::fs::Mode::empty()).step("open our own mount namespace")?;
    wire::send_fds(&put, b"/", &[root.as_fd(), mounts.as_fd()]).step("keep the way back")?;
    Ok(take)
}

/// The forked child: executes the program afresh. Nothing of the client's is kept but the control socket.
fn become_launcher(control: &OwnedFd, program: BorrowedFd<'_>, arguments: &[&CStr]) -> ! {
    #[allow(unsafe_code, reason = "descriptor 3 is the agreed one")]
    let placed = rustix::io::fcntl_dupfd_cloexec(program, 10).map_err(std::io::Error::from).and_then(|program| {
        // SAFETY: the process is about to exec; nothing else here uses descriptor 3 from now on.
        unsafe { sys::place(control.as_fd(), CONTROL) }?;
        Ok(program)
    });
    if let Ok(program) = placed
        && sys::close_on_exec_from(CONTROL + 1).is_ok()
    {
        // The error cannot be told: the client sees the socket close.
        sys::exec_fd(program.as_fd(), arguments, &[]);
    }
    sys::exit_now(70)
}

/// The launcher's side: adopts the control socket and reads what the client sends.
pub(super) fn receive() -> Result<(OwnedFd, Plan, Material), Option<OwnedFd>> {
    // SAFETY: `become_launcher` put it there, and this is the first thing that the program does.
    #[allow(unsafe_code, reason = "descriptor 3 is the agreed one")]
    let control = unsafe { sys::adopt(CONTROL) };
    if rustix::io::fcntl_setfd(&control, rustix::io::FdFlags::CLOEXEC).is_err() {
        return Err(None);
    }
    match read_start(&control) {
        Some((plan, material)) => Ok((control, plan, material)),
        None => Err(Some(control)),
    }
}

fn read_start(control: &OwnedFd) -> Option<(Plan, Material)> {
    let (header, fds) = wire::receive_fds(control).ok()?;
    let roles: Vec<Role> = serde_json::from_slice(&header).ok()?;
    if roles.len() != fds.len() {
        return None;
    }
    let mut material = Material(roles.into_iter().zip(fds).collect());
    let mut file = std::fs::File::from(material.take(Role::Plan)?);
    let mut text = Vec::new();
    file.rewind().ok()?;
    file.read_to_end(&mut text).ok()?;
    Some((serde_json::from_slice(&text).ok()?, material))
}
