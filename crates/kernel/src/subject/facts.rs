//! Facts about a task or a file, found in `/proc`, in the layout that the kernel's half has for them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::identity;
use crate::snapshot::{Protocol, Snapshot, Socket};

/// `struct task_facts` of a thread. What `/proc` does not tell is 0.
pub(crate) fn task(tid: u32) -> Option<Vec<u8>> {
    let process = Snapshot::local().process(tid)?;
    let pid = crate::source::process_of(tid);
    let vtid = process.threads.iter().find(|thread| thread.tid == tid).map_or(process.vpid, |thread| thread.vtid);
    let mut bytes = Vec::with_capacity(192);
    let words = [
        [tid, pid, process.parent, process.parent],
        [process.uid, process.gid, process.uid, process.gid],
        [vtid, process.vpid, process.pgid, process.sid],
        [process.vpgid, process.vsid, process.loginuid, process.tty],
    ];
    bytes.extend(words.iter().flatten().flat_map(|word| word.to_ne_bytes()));
    let longs = [
        u64::from(process.flags),
        process.fd_limit,
        process.minor_faults,
        process.major_faults,
        0,
        // The clock of proc(5) ticks a hundred times a second.
        process.start * 10_000_000,
        process.shared_cgroups,
        process.inheritable,
        process.permitted,
        process.effective,
    ];
    bytes.extend(longs.iter().flat_map(|long| long.to_ne_bytes()));
    let namespace = fs::metadata(format!("/proc/{tid}/ns/pid")).map_or(0, |found| found.ino() as u32);
    let words = [process.size_kib, process.resident_kib, process.swap_kib, namespace];
    bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    let mut comm = process.comm;
    comm.resize(16, 0);
    bytes.extend(comm);
    Some(bytes)
}

/// `struct memory_facts` of a process.
pub(crate) fn memory(tid: u32) -> Option<Vec<u8>> {
    let status = fs::read(format!("/proc/{tid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u32>().ok()).unwrap_or(0)
    };
    let words = [kib("VmSize:"), kib("VmRSS:"), kib("VmSwap:"), 0];
    Some(words.iter().flat_map(|word| word.to_ne_bytes()).collect())
}

/// `struct file_facts` of what `link` leads to.
pub(crate) fn file(link: &Path, flags: u32) -> Option<Vec<u8>> {
    let metadata = fs::metadata(link).ok()?;
    let (inode, device) = identity(&metadata);
    let mut bytes = inode.to_ne_bytes().to_vec();
    bytes.extend([device, flags, metadata.mode(), 0].iter().flat_map(|word| word.to_ne_bytes()));
    Some(bytes)
}

/// `struct socket_facts` of a descriptor. The tables of `/proc` have no queues and no peers of Unix sockets.
pub(crate) fn socket(tid: u32, fd: i32) -> Option<Vec<u8>> {
    let mut facts = Facts::default();
    match Snapshot::local().socket_at(tid, fd)? {
        Socket::Internet { protocol, local, remote, listening } => {
            facts.family = if local.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 } as u16;
            facts.state = if listening { 10 } else { 1 };
            (facts.kind, facts.protocol) = match protocol {
                Protocol::Tcp => (libc::SOCK_STREAM as u16, libc::IPPROTO_TCP as u16),
                Protocol::Udp => (libc::SOCK_DGRAM as u16, libc::IPPROTO_UDP as u16),
                Protocol::Icmp => (libc::SOCK_DGRAM as u16, libc::IPPROTO_ICMP as u16),
                Protocol::Raw => (libc::SOCK_RAW as u16, 0),
            };
            facts.ports = [local.port(), remote.port()];
            facts.ends = [sixteen(local.ip()), sixteen(remote.ip())];
        }
        Socket::Unix(mut path) => {
            facts.family = libc::AF_UNIX as u16;
            // In the tables, an abstract name begins with `@` in place of NUL.
            if let Some(first) = path.first_mut().filter(|first| **first == b'@') {
                *first = 0;
            }
            facts.path = path;
        }
        Socket::Netlink => facts.family = libc::AF_NETLINK as u16,
        Socket::Packet => facts.family = libc::AF_PACKET as u16,
    }
    Some(facts.bytes())
}

/// What of a socket's facts can be known from outside.
#[derive(Debug, Default)]
struct Facts {
    family: u16,
    state: u16,
    kind: u16,
    protocol: u16,
    ports: [u16; 2],
    ends: [[u8; 16]; 2],
    path: Vec<u8>,
}

impl Facts {
    /// In the order and with the gaps of the structure.
    fn bytes(mut self) -> Vec<u8> {
        let halves = [self.family, self.state, self.kind, self.protocol, self.ports[0], self.ports[1]];
        let mut bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_ne_bytes()).collect();
        // The queue, its most.
        bytes.extend([0; 8]);
        bytes.extend(self.ends.concat());
        // A gap, the socket itself, its peer.
        bytes.extend([0; 4 + 8 + 8]);
        self.path.truncate(108);
        let length = self.path.len() as u32;
        self.path.resize(108, 0);
        bytes.extend(self.path);
        bytes.extend(length.to_ne_bytes());
        bytes
    }
}

/// An address; those of version 4 are the first four bytes.
fn sixteen(address: std::net::IpAddr) -> [u8; 16] {
    match address {
        std::net::IpAddr::V6(address) => address.octets(),
        std::net::IpAddr::V4(address) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&address.octets());
            bytes
        }
    }
}
