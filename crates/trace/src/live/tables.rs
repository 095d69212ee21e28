//! What there is when one begins to look, in the shape that recordings begin with.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use fathom_kernel::Snapshot;
use fathom_kernel::flags::OPEN;
use fathom_kernel::snapshot::{self, Opened, Protocol, Socket};
use fathom_scap::descriptor::Thing;
use fathom_scap::user::Account;
use fathom_scap::{Descriptor, Interface, Process, Transport};

use super::cgroups;
use crate::lines::Accounts;
use crate::replay::Replay;
use crate::state::Machine;
use crate::state::OnExec;
use crate::state::descriptor::CLOSE_ON_EXEC;
use crate::state::thread::{Tid, flag};

/// Processes with what they have open.
#[derive(Debug, Default)]
pub struct Tables {
    processes: Vec<Found>,
    /// Where the machine's tree is, if it is not ours.
    root: Option<PathBuf>,
}

/// One process.
#[derive(Debug)]
struct Found {
    process: snapshot::Process,
    cgroups: Vec<u8>,
    descriptors: Vec<Open>,
    /// It is none of those that are looked at.
    aside: bool,
}

impl Tables {
    /// Of what a source has found.
    pub fn of(found: snapshot::Found) -> Tables {
        let mut open = found.descriptors;
        let with = |process: snapshot::Process| {
            let named = |open: snapshot::Descriptor| Open { name: name(&open), open };
            let descriptors = open.remove(&process.pid).unwrap_or_default().into_iter().map(named).collect();
            Found { cgroups: cgroups::listed(&process.cgroups), process, descriptors, aside: false }
        };
        Tables { processes: found.processes.into_iter().map(with).collect(), root: None }
    }

    /// The same, of which only these processes are looked at: recordings have no more of the others than the names of those
    /// that have started them.
    #[must_use]
    pub fn looking_at(mut self, members: &BTreeSet<u32>) -> Tables {
        self.processes.iter_mut().for_each(|found| found.aside = !members.contains(&found.process.pid));
        self
    }

    /// Of a process that has not started anything yet, which is looked at, and of those that have started it.
    pub fn of_newborn(pid: u32) -> Tables {
        let mut snapshot = Snapshot::local();
        let mut tables = Tables::default();
        let mut next = Some(pid);
        while let Some(pid) = next.filter(|pid| !tables.has(*pid)) {
            next = tables.add(&mut snapshot, pid);
        }
        tables.looking_at(&BTreeSet::from([pid]))
    }

    /// Of a machine whose tree is below `root`, which says who its users are.
    #[must_use]
    pub fn below(mut self, root: Option<PathBuf>) -> Tables {
        self.root = root;
        self
    }

    fn has(&self, pid: u32) -> bool {
        self.processes.iter().any(|found| found.process.pid == pid)
    }

    /// Takes a process in, and says which has started it; nothing if it has ended.
    fn add(&mut self, snapshot: &mut Snapshot, pid: u32) -> Option<u32> {
        let process = snapshot.process(pid)?;
        let parent = process.parent;
        let named = |open: snapshot::Descriptor| Open { name: name(&open), open };
        let descriptors = snapshot.descriptors(pid).into_iter().map(named).collect();
        let cgroups = cgroups::listed(&process.cgroups);
        self.processes.push(Found { process, cgroups, descriptors, aside: false });
        Some(parent)
    }

    /// All threads.
    pub fn processes(&self) -> impl Iterator<Item = Process<'_>> {
        self.processes.iter().flat_map(Found::threads)
    }

    /// All descriptors, each with the process that has it and with what becomes of it when that executes a program.
    pub fn descriptors(&self) -> impl Iterator<Item = (Tid, Descriptor<'_>, OnExec)> {
        let of = |found: &'_ Found| -> Tid { found.process.pid.into() };
        self.processes.iter().flat_map(move |found| {
            found.descriptors.iter().map(move |open| (of(found), open.descriptor(), open.on_exec()))
        })
    }

    /// The cgroups that processes share, by the kernel's number for them.
    pub(super) fn shared_cgroups(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.processes.iter().map(|found| (found.process.shared_cgroups, found.cgroups.as_slice()))
    }

    pub(super) fn load(&self, replay: &mut Replay) {
        let state = &mut replay.state;
        let snapshot::Machine { cpus, memory, max_pid, hostname, booted } = Snapshot::local().machine();
        state.machine = Machine { cpus, memory, max_pid, hostname: hostname.into(), booted };
        if replay.accounts == Accounts::Recorded {
            let root = self.root.as_deref().unwrap_or(Path::new("/"));
            Snapshot::accounts(root).iter().for_each(|account| state.load_account(&named(account)));
        }
        snapshot::interfaces()
            .unwrap_or_default()
            .into_iter()
            .for_each(|found| state.load_interface(&interface(found)));
        self.processes().for_each(|process| state.load_process(&process));
        self.descriptors().for_each(|(tid, descriptor, on_exec)| state.load_descriptor(tid, &descriptor, on_exec));
        let aside = self.processes.iter().filter(|found| found.aside);
        aside.flat_map(|found| &found.process.threads).for_each(|thread| state.put_aside(thread.tid.into()));
    }
}

fn interface(found: snapshot::Interface) -> Interface {
    let name = found.name;
    match (found.address, found.mask) {
        (IpAddr::V4(address), Some(IpAddr::V4(mask))) => Interface::V4 { address, mask, name },
        (IpAddr::V4(address), _) => Interface::V4 { address, mask: Ipv4Addr::BROADCAST, name },
        (IpAddr::V6(address), _) => Interface::V6 { address, name },
    }
}

fn named(account: &snapshot::Account) -> Account<'_> {
    match account {
        snapshot::Account::User { uid, gid, texts: [name, home, shell] } => Account::User {
            uid: *uid,
            gid: *gid,
            name: name.as_bytes(),
            home: home.as_bytes(),
            shell: shell.as_bytes(),
        },
        snapshot::Account::Group { gid, name } => Account::Group { gid: *gid, name: name.as_bytes() },
    }
}

impl Found {
    /// The main thread, then the others, which have its descriptors.
    fn threads(&self) -> impl Iterator<Item = Process<'_>> {
        self.process.threads.iter().map(|thread| {
            let main = thread.tid == self.process.pid;
            let flags = if main { 0 } else { flag::THREAD | flag::FILES };
            let (exe, args) = first(&self.process.args);
            Process {
                tid: thread.tid.into(),
                pid: self.process.pid.into(),
                ptid: self.process.parent.into(),
                sid: self.process.sid.into(),
                vpgid: self.process.vpgid.into(),
                vtid: thread.vtid.into(),
                vpid: self.process.vpid.into(),
                comm: &thread.comm,
                exe,
                exepath: &self.process.exe,
                args,
                cwd: &self.process.cwd,
                root: &self.process.root,
                env: &self.process.env,
                cgroups: &self.cgroups,
                fdlimit: self.process.fd_limit as i64,
                flags,
                uid: self.process.uid,
                gid: self.process.gid,
                loginuid: self.process.loginuid,
                tty: self.process.tty,
                vmsize: self.process.size_kib,
                vmrss: self.process.resident_kib,
                vmswap: self.process.swap_kib,
                pfmajor: self.process.major_faults,
                pfminor: self.process.minor_faults,
                pgid: self.process.pgid.into(),
                capabilities: [self.process.inheritable, self.process.permitted, self.process.effective],
                ..Process::default()
            }
        })
    }
}

/// The first text, without its NUL, and the others.
fn first(texts: &[u8]) -> (&[u8], &[u8]) {
    let end = texts.iter().position(|byte| *byte == 0).unwrap_or(texts.len());
    (&texts[..end], texts.get(end + 1..).unwrap_or_default())
}

/// A descriptor, and the name that recordings have for it.
#[derive(Debug)]
struct Open {
    open: snapshot::Descriptor,
    name: Vec<u8>,
}

fn name(open: &snapshot::Descriptor) -> Vec<u8> {
    match &open.what {
        Opened::File(path) | Opened::Folder(path) => path.clone(),
        Opened::Pipe(path) if !path.is_empty() => path.clone(),
        Opened::Pipe(_) => format!("pipe:[{}]", open.inode).into_bytes(),
        Opened::Socket(Some(Socket::Unix(path))) => path.clone(),
        Opened::Socket(_) | Opened::Anonymous(_) => Vec::new(),
    }
}

/// The format's number of what the kernel made of nothing, by the word that the kernel has for it.
const ANONYMOUS: &[(&str, u8)] = &[
    ("eventfd", 9),
    ("signalfd", 11),
    ("eventpoll", 12),
    ("inotify", 13),
    ("timerfd", 14),
    ("bpf-map", 17),
    ("bpf-prog", 17),
    ("bpf_link", 17),
    ("userfaultfd", 18),
    ("io_uring", 19),
    ("pidfd", 21),
];
/// Memory with a name that looks like a path.
const MEMORY: (&[u8], u8) = (b"/memfd:", 20);
const UNSUPPORTED: u8 = 10;

impl Open {
    fn on_exec(&self) -> OnExec {
        if OPEN.translate(self.open.flags.into()) & CLOSE_ON_EXEC != 0 { OnExec::Ends } else { OnExec::Stays }
    }

    fn descriptor(&self) -> Descriptor<'_> {
        let name = &self.name[..];
        let (number, thing) = match &self.open.what {
            Opened::File(path) if path.starts_with(MEMORY.0) => (MEMORY.1, Thing::Named(name)),
            Opened::File(_) => {
                let open_flags = OPEN.translate(self.open.flags.into());
                (16, Thing::File { open_flags, name, device: self.open.device as u32 })
            }
            Opened::Folder(_) => (2, Thing::Named(name)),
            Opened::Pipe(_) => (7, Thing::Named(name)),
            Opened::Socket(socket) => socket.as_ref().map_or((0, Thing::Unknown), |socket| end(socket, name)),
            Opened::Anonymous(kind) => {
                let number = ANONYMOUS.iter().find(|row| row.0 == kind).map_or(UNSUPPORTED, |row| row.1);
                (number, Thing::Named(name))
            }
        };
        Descriptor { fd: self.open.fd.into(), inode: self.open.inode, number, thing }
    }
}

/// A socket: what has no other end yet is one that serves.
fn end<'a>(socket: &Socket, name: &'a [u8]) -> (u8, Thing<'a>) {
    let (protocol, local, remote) = match socket {
        Socket::Internet { protocol, local, remote, .. } => (protocol, local, remote),
        Socket::Unix(_) => return (8, Thing::Unix { source: 0, target: 0, name }),
        Socket::Netlink => return (15, Thing::Named(name)),
        Socket::Packet => return (UNSUPPORTED, Thing::Named(name)),
    };
    let transport = match protocol {
        Protocol::Tcp => Transport::Tcp,
        Protocol::Udp => Transport::Udp,
        Protocol::Icmp => Transport::Icmp,
        Protocol::Raw => Transport::Raw,
    };
    let (sport, dport) = (local.port(), remote.port());
    match (local.ip(), remote.ip()) {
        (IpAddr::V4(address), target) if target.is_unspecified() => {
            (5, Thing::V4Server { address, port: sport, transport })
        }
        (IpAddr::V6(address), target) if target.is_unspecified() => {
            (6, Thing::V6Server { address, port: sport, transport })
        }
        (IpAddr::V4(source), IpAddr::V4(target)) => (3, Thing::V4 { source, target, sport, dport, transport }),
        (IpAddr::V6(source), IpAddr::V6(target)) => (4, Thing::V6 { source, target, sport, dport, transport }),
        // The tables have one version per line.
        _ => (0, Thing::Unknown),
    }
}
