//! The session's supervisor: builds it, carries its terminal, ends it, clears up after it.
//!
//! It lives in our pid namespace, where the target cannot see it. While it runs it owns the session's record, its
//! cgroup and its terminal; all that happens to it comes in as one [`Event`].

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

use fathom_host::cgroup::KillSwitch;
use fathom_host::incarnation::Freezer;
use fathom_host::namespace::{Kind, link_type};
use fathom_host::sys::{self, Cloned};
use fathom_model::Failure;
use fathom_protocol::Seen;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{DumpableBehavior, Pid};

use super::init::Init;
use super::payload::Threshold;
use super::terminal::{Ends, Terminal};
use super::{Material, Role, root, start};
use crate::failure::{Step, refused};
use crate::options::{Attachment, Streams};
use crate::plan::{Ground, Pids, Plan, UserNamespace};
use crate::session::{Record, State};
use crate::wire::{self, Message};

mod clients;
mod closing;
mod recording;
mod serve;

use clients::Clients;
pub(crate) use closing::undo;
use recording::Recording;

/// The program under the name [`super::NAME`]: runs one session. Returns its own exit status, which only tests read.
pub fn main() -> i32 {
    let _ = rustix::thread::set_name(c"fathom-enter");
    let Ok((control, plan, material)) = start::receive() else { return 70 };
    let mut clients = Clients::new(control);
    match Supervisor::set_up(&plan, material, &mut clients) {
        Ok(supervisor) => {
            fathom_host::sys::forget_code();
            supervisor.serve(&plan, clients);
            0
        }
        Err(failure) => {
            closing::undo(&plan);
            clients.tell(&Message::Failed(failure));
            1
        }
    }
}

/// A session that runs.
#[derive(Debug)]
struct Supervisor {
    init: Pid,
    /// To init.
    socket: OwnedFd,
    kill: Option<KillSwitch>,
    /// Processes of the leaf that init did not take down.
    survivors: Vec<u32>,
    terminal: Option<OwnedFd>,
    /// The command's stdout and stderr, where no client reads them.
    outputs: Vec<OwnedFd>,
    recording: Option<Recording>,
    /// Locks of the trees that it uses.
    _holds: Vec<OwnedFd>,
    /// Its lock says that the session has a living owner.
    _record: Record,
    signals: OwnedFd,
    deadline: Option<Instant>,
}

impl Supervisor {
    fn set_up(plan: &Plan, mut material: Material, clients: &mut Clients) -> Result<Supervisor, Failure> {
        // Nobody but the machine's root may look into what holds the machine's descriptors.
        let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
        super::silence_streams()?;
        rustix::process::umask(rustix::fs::Mode::empty());
        let record = plan.registry.open(&plan.id)?;
        // On record before it exists: a sweep finds by the record what it has to remove.
        write_state(plan, &record)?;
        let (kill, door) = make_leaf(plan, clients)?;
        clients.listen(&record.folder.join("socket"));

        let user = join_namespaces(plan, &mut material)?;
        let terminal = match plan.streams {
            Streams::Terminal { columns, rows } if plan.ground == Ground::Found => {
                Some(Terminal::found(columns, rows)?)
            }
            Streams::Terminal { columns, rows } => Some(Terminal::open(plan.user, columns, rows)?),
            Streams::Pipes => None,
        };
        let (terminal, slave, mount) = match terminal {
            Some(Terminal { master, slave, mount }) => (Some(master), Some(slave), mount),
            None => (None, None, None),
        };
        let cgroup = material.take(Role::Namespace(Kind::Cgroup));
        let recording = material.take(Role::Recording).map(|file| Recording::begin(file, plan));
        let frozen = open_freezer(plan)?;
        let way_back = material.take(Role::WayBack);
        let holds: Vec<OwnedFd> = std::iter::from_fn(|| material.take(Role::Hold)).collect();
        let (ends, outputs) = ends(plan, slave, &mut material)?;
        match plan.ground {
            Ground::Made => {
                if let Some(loss) = root::build(plan, &mut material, mount)? {
                    clients.tell(&Message::Notice(loss.to_owned()));
                }
            }
            // There is no leaf to find them by: what init leaves behind becomes ours.
            Ground::Found => {
                rustix::process::set_child_subreaper(Some(rustix::process::getpid())).step("adopt orphans")?;
            }
        }
        join_pids(plan, &mut material)?;

        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .step("make init's socket")?;
        let signals = sys::signal_fd(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGPIPE])
            .step("receive signals")?;
        // SAFETY: the launcher has one thread.
        #[allow(unsafe_code, reason = "init is forked off")]
        let cloned = unsafe { sys::clone_process(None) }.step("start the session's init")?;
        let init = match cloned {
            Cloned::Parent(pid) => pid,
            Cloned::Child => {
                let kill = plan.leaf.as_ref().and(kill);
                let frozen = frozen.map(|file| {
                    (file, plan.held.as_ref().map_or(String::new(), |held| held.word_for_thawing().to_owned()))
                });
                clients.close_all();
                drop((ours, signals, terminal, outputs, recording, material, way_back, holds));
                let Record { lock, .. } = record;
                Init { socket: theirs, lock, kill, frozen, threshold: Threshold { door, ends, user, cgroup } }
                    .main(plan)
            }
        };
        drop((theirs, ends, user, cgroup, door, frozen));
        way_back.iter().for_each(return_to_machine);
        let deadline = plan.ttl.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        Ok(Supervisor {
            init,
            socket: ours,
            kill,
            survivors: Vec::new(),
            terminal,
            outputs,
            recording,
            _holds: holds,
            _record: record,
            signals,
            deadline,
        })
    }
}

/// For init: it lets the target go on when nobody else can.
fn open_freezer(plan: &Plan) -> Result<Option<File>, Failure> {
    let open = |held: &Freezer| File::options().write(true).open(&held.file);
    plan.held.as_ref().map(open).transpose().step("open the target's freezer")
}

type Leaf = (Option<KillSwitch>, Option<fathom_host::cgroup::Door>);

fn make_leaf(plan: &Plan, clients: &mut Clients) -> Result<Leaf, Failure> {
    let Some(leaf) = &plan.leaf else {
        let v1_tasks = plan.target_cgroups.iter().filter_map(|path| open_for_writing(&path.join("tasks"))).collect();
        let v2_procs = plan.target_cgroups.first().and_then(|path| open_for_writing(&path.join("cgroup.procs")));
        return Ok((None, Some(fathom_host::cgroup::Door { v2: None, v2_procs, v1_tasks })));
    };
    let unmet = leaf.create(&plan.limits)?;
    if !unmet.is_empty() {
        clients.tell(&Message::Notice(format!("this machine cannot limit the session's {}", unmet.join(" and "))));
    }
    Ok((Some(leaf.kill_switch()?), Some(leaf.door()?)))
}

fn open_for_writing(path: &std::path::Path) -> Option<OwnedFd> {
    std::fs::File::options().write(true).open(path).ok().map(Into::into)
}

fn write_state(plan: &Plan, record: &Record) -> Result<(), Failure> {
    let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let seen = Seen {
        version: Seen::VERSION,
        id: plan.id.clone(),
        target: plan.target.clone(),
        command: plan.command.clone(),
        profile: plan.profile.clone(),
        owner: rustix::process::getuid().as_raw(),
        started,
        supervisor: std::process::id(),
        detached: plan.attachment == Attachment::Detached,
        terminal: matches!(plan.streams, Streams::Terminal { .. }),
        grant: plan.grant.clone(),
    };
    record.write(&State { seen, leaf: plan.leaf.clone(), held: plan.held.clone() })
}

/// Joins what can be joined now. Returns the user namespace, which only the command enters.
fn join_namespaces(plan: &Plan, material: &mut Material) -> Result<Option<OwnedFd>, Failure> {
    for kind in plan.join.iter().filter(|kind| matches!(kind, Kind::Net | Kind::Ipc | Kind::Uts)) {
        let namespace = material.need(Role::Namespace(*kind))?;
        rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(link_type(*kind)))
            .map_err(|error| refused(format!("join the target's {} namespace", kind.name()), error))?;
    }
    if matches!(plan.nature, crate::subject::Nature::Image { .. }) {
        sys::unshare(&[Kind::Net, Kind::Ipc, Kind::Uts]).step("make namespaces for the image")?;
    }
    match plan.user_namespace {
        UserNamespace::Join => {
            let own = material.borrow(Role::Namespace(Kind::User)).map(|fd| rustix::io::fcntl_dupfd_cloexec(fd, 3));
            own.transpose().step("copy a descriptor")
        }
        UserNamespace::Stay => Ok(None),
    }
}

/// Decides whose process numbers our children get; our own stay as they are.
fn join_pids(plan: &Plan, material: &mut Material) -> Result<(), Failure> {
    match plan.pids {
        Pids::Machine => Ok(()),
        Pids::Own => sys::unshare(&[Kind::Pid]).step("make a pid namespace"),
        Pids::Target => {
            let namespace = material.need(Role::Namespace(Kind::Pid))?;
            rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(link_type(Kind::Pid)))
                .step("join the target's pid namespace")
        }
    }
}

/// The command's three descriptors, and those of its outputs that we read ourselves.
fn ends(plan: &Plan, slave: Option<OwnedFd>, material: &mut Material) -> Result<(Ends, Vec<OwnedFd>), Failure> {
    if let Some(slave) = slave {
        return Ok((Ends::Terminal(slave), Vec::new()));
    }
    if plan.attachment == Attachment::Attached {
        let pipes = [material.need(Role::Stream(0))?, material.need(Role::Stream(1))?, material.need(Role::Stream(2))?];
        return Ok((Ends::Pipes(pipes), Vec::new()));
    }
    let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).step("make a pipe");
    // Nobody will ever write: end of file at once.
    let (input, _) = pipe()?;
    let ((output, output_end), (errors, errors_end)) = (pipe()?, pipe()?);
    Ok((Ends::Pipes([input, output_end, errors_end]), vec![output, errors]))
}

/// Our paths are the machine's again. Its root directory and mount namespace waited inside a socket until now, so that
/// init, which the target can see, never had them open.
///
/// The directory alone would do until the client is gone: where the client was the last in its mount namespace, as
/// under `ip netns exec`, everything that was mounted there goes with it.
fn return_to_machine(way_back: &OwnedFd) {
    if let Ok((_, fds)) = wire::receive_fds(way_back)
        && let [machine, mounts] = fds.as_slice()
    {
        let _ = rustix::thread::move_into_link_name_space(mounts.as_fd(), Some(link_type(Kind::Mnt)));
        if rustix::process::fchdir(machine).is_ok() {
            let _ = rustix::process::chroot(".");
        }
    }
}

/// What can happen to a session.
#[derive(Debug)]
enum Event {
    /// Init has something to say, or is gone.
    Init(wire::Received),
    /// A process below us has ended.
    Child,
    /// We are asked to end.
    Asked,
    /// The terminal or an output has bytes, or is closed (by index: the terminal is 0).
    Output(usize),
    /// A client has something to say, or is gone.
    Client(usize, wire::Received),
    /// Somebody attaches.
    Knock,
    /// The session's time is up.
    Deadline,
}
