//! Processes and what they have open, gone through within the kernel: two passes instead of some dozen files of `/proc`
//! for each process. Out of `struct found_task` and `struct found_file` of `bpf/record.h`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use super::{Descriptor, Opened, Process, Protocol, Socket, Thread, anonymous};
use crate::facts::{FileFacts, SocketFacts, TaskFacts};
use crate::sys;

/// All that there is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Every process with its threads.
    pub processes: Vec<Process>,
    /// What processes have open, by their numbers.
    pub descriptors: HashMap<u32, Vec<Descriptor>>,
}

const TASK_FACTS: usize = 176;
const FOUND_TASK: usize = TASK_FACTS + 80;
const FILE_FACTS: usize = 24;
const SOCKET_FACTS: usize = 184;
const FOUND_FILE: usize = 16 + FILE_FACTS + SOCKET_FACTS;
/// More of arguments or environment is not read.
const GIVEN: u64 = 128 << 10;
/// Ticks of the clock that proc(5) counts in, which is the same everywhere.
const TICK: u64 = 10_000_000;

/// Processes with their threads, out of what the kernel found. What only `/proc` tells is read from there.
pub(crate) fn processes(bytes: &[u8]) -> Vec<Process> {
    let tasks = || bytes.chunks_exact(FOUND_TASK).filter_map(|task| Some((TaskFacts::new(task)?, task)));
    let (mut cgroups, mut paths) = (HashMap::new(), Paths::default());
    let mut processes: Vec<Process> = Vec::new();
    let mut places: HashMap<u32, usize> = HashMap::new();
    for (facts, task) in tasks().filter(|(facts, _)| facts.tid == facts.pid) {
        places.insert(facts.pid, processes.len());
        processes.push(process(&facts, task, &mut cgroups, &mut paths));
    }
    for (facts, _) in tasks() {
        // A thread may outlive the thread that its process began with, but not leave it out of the list.
        if let Some(process) = places.get(&facts.pid).and_then(|place| processes.get_mut(*place)) {
            process.threads.push(Thread { tid: facts.tid, vtid: facts.vtid, comm: facts.comm.to_vec() });
        }
    }
    processes
}

/// Where a file is: its mount and its entry there, as the kernel tells them apart.
type Place = (u64, u64);

/// Paths of places. A process may leave one while we look, so that a path is believed when two processes have it.
#[derive(Debug, Default)]
struct Paths(HashMap<Place, (Vec<u8>, bool)>);

impl Paths {
    /// The path of a place, which `read` says of one process.
    fn of(&mut self, place: Place, read: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
        if place == (0, 0) {
            return Vec::new();
        }
        match self.0.entry(place) {
            Entry::Occupied(known) if known.get().1 => known.get().0.clone(),
            Entry::Occupied(mut said) => {
                let path = read();
                let agree = said.get().0 == path;
                said.insert((path.clone(), agree));
                path
            }
            Entry::Vacant(none) => none.insert((read(), false)).0.clone(),
        }
    }
}

fn process(facts: &TaskFacts<'_>, task: &[u8], cgroups: &mut HashMap<u64, Vec<u8>>, paths: &mut Paths) -> Process {
    let long = |index: usize| long(task, TASK_FACTS + index * 8);
    let pid = facts.pid;
    let folder = Path::new("/proc").join(pid.to_string());
    let link = |name: &str| {
        let path = fs::read_link(folder.join(name));
        path.map(|path| path.into_os_string().into_vec()).unwrap_or_default()
    };
    let mut path = |name: &str, at: usize| paths.of((long(at), long(at + 1)), || link(name));
    let [args, env] = given(pid, [long(0), long(1)], [long(2), long(3)]);
    let shared = facts.cgroups;
    if !cgroups.contains_key(&shared)
        && let Some(file) = super::cgroups(&folder)
    {
        cgroups.insert(shared, file);
    }
    let cgroups = cgroups.get(&shared).cloned().unwrap_or_default();
    Process {
        pid,
        parent: facts.parent,
        vpid: facts.vpid,
        pgid: facts.pgid,
        vpgid: facts.vpgid,
        sid: facts.sid,
        vsid: facts.vsid,
        tty: facts.tty,
        flags: facts.flags as u32,
        minor_faults: facts.minor_faults,
        major_faults: facts.major_faults,
        start: facts.start / TICK,
        uid: facts.euid,
        gid: facts.egid,
        loginuid: facts.loginuid,
        inheritable: facts.inheritable,
        permitted: facts.permitted,
        effective: facts.effective,
        size_kib: facts.memory.size_kib,
        resident_kib: facts.memory.resident_kib,
        swap_kib: facts.memory.swap_kib,
        fd_limit: facts.fd_limit,
        comm: facts.comm.to_vec(),
        args,
        env,
        exe: path("exe", 4),
        root: path("root", 6),
        cwd: path("cwd", 8),
        cgroups,
        shared_cgroups: shared,
        threads: Vec::new(),
    }
}

/// Arguments and environment, each from here to there in a process's memory.
fn given(pid: u32, args: [u64; 2], env: [u64; 2]) -> [Vec<u8>; 2] {
    // The environment stands right behind the arguments, unless the process has moved it.
    let length = args[1].saturating_sub(args[0]);
    if args[1] == env[0]
        && env[1] > args[0]
        && env[1] - args[0] <= GIVEN
        && let Some(mut both) = sys::read_memory(pid, args[0], (env[1] - args[0]) as usize)
    {
        let env = both.split_off((length as usize).min(both.len()));
        return [both, env];
    }
    [args, env].map(|[from, to]| {
        let length = to.saturating_sub(from).min(GIVEN) as usize;
        if length == 0 { Vec::new() } else { sys::read_memory(pid, from, length).unwrap_or_default() }
    })
}

/// What processes have open, out of what the kernel found.
pub(crate) fn descriptors(mut bytes: &[u8]) -> HashMap<u32, Vec<Descriptor>> {
    let mut descriptors: HashMap<u32, Vec<Descriptor>> = HashMap::new();
    while let Some((file, rest)) = bytes.split_at_checked(FOUND_FILE) {
        let word = |at: usize| word(file, at);
        let Some((path, rest)) = rest.split_at_checked(word(8 + FILE_FACTS + 4) as usize) else { break };
        bytes = rest;
        let Some(facts) = FileFacts::new(&file[8..]) else { break };
        let path = path.strip_suffix(b"\0").unwrap_or(path);
        let socket = (word(8 + FILE_FACTS) != 0).then(|| SocketFacts::new(&file[16 + FILE_FACTS..])).flatten();
        descriptors.entry(word(0)).or_default().push(Descriptor {
            fd: word(4) as i32,
            what: opened(path, &facts, socket.as_ref()),
            inode: facts.inode,
            device: facts.encoded_device().into(),
            flags: facts.flags,
        });
    }
    descriptors
}

fn opened(path: &[u8], facts: &FileFacts, socket: Option<&SocketFacts<'_>>) -> Opened {
    if let Some(facts) = socket {
        return Opened::Socket(self::socket(facts));
    }
    if path.starts_with(b"pipe:[") {
        return Opened::Pipe(Vec::new());
    }
    if let Some(kind) = anonymous(path) {
        return Opened::Anonymous(kind);
    }
    match facts.mode & libc::S_IFMT {
        libc::S_IFDIR => Opened::Folder(path.to_vec()),
        libc::S_IFIFO => Opened::Pipe(path.to_vec()),
        _ => Opened::File(path.to_vec()),
    }
}

/// `TCP_LISTEN`, include/net/tcp_states.h.
const LISTENING: u16 = 10;

fn socket(facts: &SocketFacts<'_>) -> Option<Socket> {
    match i32::from(facts.family) {
        libc::AF_UNIX => {
            let path = facts.path.strip_prefix(b"\0").map_or_else(
                || facts.path.split(|byte| *byte == 0).next().unwrap_or_default().to_vec(),
                |name| [b"@", name].concat(),
            );
            Some(Socket::Unix(path))
        }
        libc::AF_NETLINK => Some(Socket::Netlink),
        libc::AF_PACKET => Some(Socket::Packet),
        libc::AF_INET | libc::AF_INET6 => {
            let protocol = match (i32::from(facts.kind), i32::from(facts.protocol)) {
                (libc::SOCK_RAW, _) => Protocol::Raw,
                (_, libc::IPPROTO_TCP) => Protocol::Tcp,
                (_, libc::IPPROTO_UDP) => Protocol::Udp,
                (_, libc::IPPROTO_ICMP | libc::IPPROTO_ICMPV6) => Protocol::Icmp,
                _ => return None,
            };
            let address = |bytes: [u8; 16], port: u16| {
                let address = match i32::from(facts.family) {
                    libc::AF_INET => IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])),
                    _ => IpAddr::V6(Ipv6Addr::from(bytes)),
                };
                SocketAddr::new(address, port)
            };
            let listening = protocol == Protocol::Tcp && facts.state == LISTENING;
            let (local, remote) = (address(facts.local, facts.local_port), address(facts.remote, facts.remote_port));
            Some(Socket::Internet { protocol, local, remote, listening })
        }
        _ => None,
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_ne_bytes(*word))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u64::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_believed_when_two_have_it() {
        let mut paths = Paths::default();
        let mut ask = |place, path: Option<&str>| {
            let read = || path.expect("it is known by now").as_bytes().to_vec();
            String::from_utf8(paths.of(place, read)).expect("it is text")
        };
        assert_eq!(ask((0, 0), None), "", "there is no such place");
        // The first has left it meanwhile.
        for (said, expect) in [(Some("/gone"), "/gone"), (Some("/a"), "/a"), (Some("/a"), "/a"), (None, "/a")] {
            assert_eq!(ask((1, 2), said), expect);
        }
        assert_eq!(ask((1, 3), Some("/b")), "/b");
    }
}
