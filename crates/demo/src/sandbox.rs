//! How a sandbox is made out of a fork of the keeper.
//!
//! ```text
//! keeper ── fork ──▶ stager            new namespaces; connects the network
//!                     └── fork ──▶ 1    first in the new pid namespace, in its cgroup: builds the root, gives up
//!                                      rights, becomes the program
//! ```
//!
//! The stager says the number of its child to the keeper and ends, so that the keeper becomes its parent; the
//! keeper's word lets the child go on. Whoever notices that the keeper has ended ends too; once the program runs, the
//! kernel sees to it.

mod credentials;
mod root;

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use fathom_host::cgroup::{Door, Limits};
use fathom_host::namespace::Kind;
use fathom_host::sys::{self, Cloned};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, set_parent_process_death_signal, waitpid};

use crate::error::{Error, Refusal, Step as _};
use crate::network::Network;
use crate::place::Place;
use crate::shop::{self, Rights, Sandbox};

/// Whether ids and cgroups are ours to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    /// The machine's root.
    Root,
    /// Root in a user namespace that maps one id.
    OneId,
}

/// What all that the keeper starts have in common.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) place: Place,
    pub(crate) power: Power,
    /// This program's file.
    pub(crate) program: PathBuf,
    /// Readable when the keeper has ended.
    pub(crate) keeper: OwnedFd,
}

/// Who is started.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// One of the four.
    Sandbox(&'static Sandbox),
    /// Who asks web for its page.
    Customer,
}

impl Part {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Part::Sandbox(sandbox) => sandbox.name,
            Part::Customer => "customer",
        }
    }
}

/// A part that is on its way; several can be at once.
#[derive(Debug)]
pub(crate) struct Start {
    socket: OwnedFd,
    forked: Pid,
    part: Part,
}

/// How long a part may take at each of its steps.
const PATIENCE: Duration = Duration::from_secs(5);

/// The keeper's word.
const GO: &[u8] = b"go";

impl Workshop {
    /// Sets `part` on its way; what it says goes to `output`.
    pub(crate) fn begin(&self, part: Part, output: &OwnedFd) -> Result<Start, Error> {
        let (socket, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .step("make a socket")?;
        match fork(None).step("fork")? {
            Cloned::Parent(forked) => Ok(Start { socket, forked, part }),
            Cloned::Child => {
                drop(socket);
                let child = Child { workshop: self, socket: theirs, output };
                let failure = child.become_part(part);
                child.tell(failure);
                sys::exit_now(1)
            }
        }
    }
}

impl Start {
    /// Waits until the program runs. Returns its process.
    pub(crate) fn finish(self) -> Result<Pid, Error> {
        set_socket_timeout(&self.socket, Timeout::Recv, Some(PATIENCE)).step("limit a wait")?;
        let pid = match self.part {
            Part::Customer => self.forked,
            Part::Sandbox(_) => self.adopt()?,
        };
        // Its end of the socket closes when the program is executed.
        let ran = self.hear().and_then(|word| if word.is_empty() { Ok(pid) } else { Err(self.lost()) });
        if ran.is_err() {
            // Still our child, and nobody has collected it.
            let _ = kill_process(pid, Signal::KILL);
        }
        ran
    }

    /// Becomes the parent of the sandbox's first process in the stager's place, and lets it go on.
    fn adopt(&self) -> Result<Pid, Error> {
        let said = self.hear();
        if said.is_err() {
            let _ = kill_process(self.forked, Signal::KILL);
        }
        let _ = waitpid(Some(self.forked), WaitOptions::empty());
        let number: Option<i32> = std::str::from_utf8(&said?).ok().and_then(|text| text.parse().ok());
        let pid = number.and_then(Pid::from_raw).ok_or_else(|| self.lost())?;
        rustix::net::send(&self.socket, GO, SendFlags::NOSIGNAL).step("let a sandbox go on")?;
        Ok(pid)
    }

    fn hear(&self) -> Result<Vec<u8>, Error> {
        let mut message = vec![0; 4096];
        let (_, length) = rustix::net::recv(&self.socket, &mut message[..], RecvFlags::empty())
            .step(format!("hear from {}", self.part.name()))?;
        message.truncate(length);
        match serde_json::from_slice::<Refusal>(&message) {
            Ok(refusal) => Err(refusal.into()),
            Err(_) => Ok(message),
        }
    }

    fn lost(&self) -> Error {
        let source = io::Error::other("it ended before it could say why");
        Error::Step { what: format!("start {}", self.part.name()), source }
    }
}

/// The stager, the sandbox's first process before it is the program, and the customer before it is.
struct Child<'a> {
    workshop: &'a Workshop,
    socket: OwnedFd,
    output: &'a OwnedFd,
}

impl Child<'_> {
    /// Returns only with the reason why it did not.
    fn become_part(&self, part: Part) -> Error {
        let became = match part {
            Part::Customer => self.become_customer(),
            Part::Sandbox(sandbox) => self.stage(sandbox),
        };
        match became {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    fn tell(&self, error: Error) {
        let text = serde_json::to_vec(&Refusal::from(error)).unwrap_or_default();
        let _ = rustix::net::send(&self.socket, &text, SendFlags::NOSIGNAL);
    }

    fn become_customer(&self) -> Result<std::convert::Infallible, Error> {
        credentials::assume(Rights::Bare, 65532, self.workshop.power)?;
        self.die_with_keeper()?;
        let program = CString::new(self.workshop.program.as_os_str().as_bytes()).step("name the program")?;
        self.execute(&program, c"fathom-demo-customer", &[])
    }

    fn stage(&self, sandbox: &'static Sandbox) -> Result<std::convert::Infallible, Error> {
        self.die_with_keeper()?;
        // The keeper has made it, or said that this machine has none.
        let leaf = self.workshop.place.leaf(sandbox.name).filter(|leaf| leaf.exists());
        let door = leaf.map(|leaf| leaf.door()).transpose()?;
        // A socket of its own: answers on a shared one would reach whoever reads first.
        let network = Network::open().step("open a netlink socket")?;
        sys::unshare(&[Kind::Mnt, Kind::Pid, Kind::Net, Kind::Ipc, Kind::Uts]).step("make namespaces")?;
        network.connect(sandbox).step(format!("connect {} to the network", sandbox.name))?;
        match clone_into(door.as_ref())? {
            Cloned::Child => self.become_sandbox(sandbox, door),
            Cloned::Parent(pid) => {
                let number = pid.as_raw_nonzero().to_string();
                let _ = rustix::net::send(&self.socket, number.as_bytes(), SendFlags::NOSIGNAL);
                sys::exit_now(0)
            }
        }
    }

    fn become_sandbox(&self, sandbox: &'static Sandbox, door: Option<Door>) -> Result<std::convert::Infallible, Error> {
        for tasks in door.iter().flat_map(|door| &door.v1_tasks) {
            rustix::io::write(tasks, b"0").step("enter the cgroup")?;
        }
        drop(door);
        // From within, its own cgroup is the root of all.
        sys::unshare(&[Kind::Cgroup]).step("make a cgroup namespace")?;
        rustix::system::sethostname(sandbox.name.as_bytes()).step("set the host name")?;
        root::build(self.workshop, sandbox)?;
        self.wait_for_word()?;
        credentials::assume(sandbox.rights, sandbox.user, self.workshop.power)?;
        self.die_with_keeper()?;
        let program = CString::new(format!("/{}", sandbox.name)).step("name the program")?;
        let role = CString::new(format!("fathom-demo-{}", sandbox.name)).step("name the role")?;
        let host = CString::new(format!("HOSTNAME={}", sandbox.name)).step("name the host")?;
        self.execute(&program, &role, &[c"PATH=/", &host])
    }

    /// After a change of user, which clears the wish; and whoever was too late to wish notices it here.
    fn die_with_keeper(&self) -> Result<(), Error> {
        set_parent_process_death_signal(Some(Signal::KILL)).step("die with the keeper")?;
        // A keeper that is ending has gone past us and is not dead yet, for as long as it holds the lock that this takes.
        let _ = rustix::process::setsid();
        let mut keeper = [PollFd::new(&self.workshop.keeper, PollFlags::IN)];
        match poll(&mut keeper, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            Ok(0) => Ok(()),
            _ => sys::exit_now(1),
        }
    }

    fn wait_for_word(&self) -> Result<(), Error> {
        let mut both = [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(&self.workshop.keeper, PollFlags::IN)];
        poll(&mut both, None).step("wait for the keeper")?;
        let mut word = [0; 8];
        match rustix::net::recv(&self.socket, &mut word[..], RecvFlags::DONTWAIT) {
            Ok((_, length)) if &word[..length] == GO => Ok(()),
            _ => sys::exit_now(1),
        }
    }

    fn execute(&self, program: &CStr, role: &CStr, environment: &[&CStr]) -> Result<std::convert::Infallible, Error> {
        let null = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty())
            .step("open /dev/null")?;
        rustix::stdio::dup2_stdin(&null).step("set stdin")?;
        rustix::stdio::dup2_stdout(self.output).step("set stdout")?;
        rustix::stdio::dup2_stderr(self.output).step("set stderr")?;
        sys::close_on_exec_from(3).step("close what the program must not have")?;
        sys::reset_signals();
        Err(sys::exec(program, &[role], environment)).step(format!("run {}", program.to_string_lossy()))
    }
}

/// Straight into the v2 leaf where the kernel can (5.7); otherwise the child's first act is to go there.
fn clone_into(door: Option<&Door>) -> Result<Cloned, Error> {
    if let Some(leaf) = door.and_then(|door| door.v2.as_ref()) {
        match fork(Some(leaf.as_fd())) {
            Err(error)
                if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL | libc::EPERM | libc::E2BIG)) => {}
            other => return other.step("start a sandbox in its cgroup"),
        }
    }
    let cloned = fork(None).step("start a sandbox")?;
    if let (Cloned::Child, Some(procs)) = (&cloned, door.and_then(|door| door.v2_procs.as_ref())) {
        rustix::io::write(procs, b"0").step("enter the cgroup")?;
    }
    Ok(cloned)
}

fn fork(into: Option<BorrowedFd<'_>>) -> io::Result<Cloned> {
    // SAFETY: only the keeper and its stagers come here, and neither ever starts a thread.
    #[allow(unsafe_code, reason = "sandboxes are forked off")]
    unsafe {
        sys::clone_process(into)
    }
}

/// What a sandbox may use.
pub(crate) const LIMITS: Limits = Limits { memory: Some(shop::MEMORY), pids: Some(shop::PIDS), cpu_weight: None };
