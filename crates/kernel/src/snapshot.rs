//! What there is already when one begins to look: processes, what they have open, whom their sockets speak with.
//!
//! Taken from `/proc` after the programs are attached, so that whatever changes while this is read comes as an event too.
//! A process that ends meanwhile is left out. Nothing here knows what a container or a user is called.

mod found;
mod machine;
mod network;
mod process;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub use found::Found;
pub(crate) use found::{descriptors as found_descriptors, processes as found_processes};
pub use machine::{Account, Machine};
pub use network::{Protocol, Socket};
pub use process::{Process, Thread};

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// As the system calls it.
    pub name: Vec<u8>,
    /// The address.
    pub address: IpAddr,
    /// Which of its bits are the network's.
    pub mask: Option<IpAddr>,
}

/// All addresses of the network namespace that we are in.
///
/// # Errors
/// Where the kernel does not tell.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    crate::sys::interfaces()
}

/// One open descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Its number.
    pub fd: i32,
    /// What it is.
    pub what: Opened,
    /// Inode of the file, pipe or socket.
    pub inode: u64,
    /// Device of the file, as stat(2) has it.
    pub device: u64,
    /// `O_` as in open(2).
    pub flags: u32,
}

/// What is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// A regular file, a device, or another thing with a path.
    File(Vec<u8>),
    /// A folder.
    Folder(Vec<u8>),
    /// A pipe; a named one has a path.
    Pipe(Vec<u8>),
    /// A socket, if its namespace's tables tell of it.
    Socket(Option<Socket>),
    /// A file that the kernel made of nothing, by its kind: `eventfd`, `eventpoll`, `bpf-map`.
    Anonymous(String),
}

/// `/proc`, with what was read of network namespaces so far.
#[derive(Debug)]
pub struct Snapshot {
    proc: PathBuf,
    sockets: HashMap<u64, HashMap<u64, Socket>>,
}

impl Snapshot {
    /// Of this machine.
    pub fn local() -> Snapshot {
        Snapshot::at("/proc")
    }

    /// Of a recorded folder in the shape of `/proc`.
    pub fn at(proc: impl Into<PathBuf>) -> Snapshot {
        Snapshot { proc: proc.into(), sockets: HashMap::new() }
    }

    /// The machine itself.
    pub fn machine(&self) -> Machine {
        machine::read(&self.proc)
    }

    /// Users and groups of the machine whose tree is below `root`.
    pub fn accounts(root: &Path) -> Vec<Account> {
        machine::accounts(&root.join("etc"))
    }

    /// The numbers of all processes.
    pub fn processes(&self) -> Vec<u32> {
        numbers(&self.proc)
    }

    /// A process with its threads; nothing if it has ended.
    pub fn process(&self, pid: u32) -> Option<Process> {
        process::read(&self.proc.join(pid.to_string()), pid)
    }

    /// Process `pid` and all that descend from it, parents first.
    pub fn tree(&self, pid: u32) -> Vec<Process> {
        let parent = |pid: u32| process::parent(&self.proc.join(pid.to_string())).map(|parent| (parent, pid));
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for (parent, pid) in self.processes().into_iter().filter_map(parent) {
            children.entry(parent).or_default().push(pid);
        }
        let (mut found, mut next) = (Vec::new(), vec![pid]);
        while let Some(pid) = next.pop() {
            found.extend(self.process(pid));
            // Taken out, so that no circle of what changed while it was read can hold us.
            next.extend(children.remove(&pid).unwrap_or_default());
        }
        found
    }

    /// What a process has open.
    pub fn descriptors(&mut self, pid: u32) -> Vec<Descriptor> {
        let folder = self.proc.join(pid.to_string());
        let mut descriptors = Vec::new();
        for fd in numbers(&folder.join("fd")) {
            let link = folder.join("fd").join(fd.to_string());
            let Ok(name) = fs::read_link(&link) else { continue };
            let name = name.into_os_string().into_vec();
            let stat = fs::metadata(&link).ok();
            let inode = bracketed(&name).or(stat.as_ref().map(MetadataExt::ino)).unwrap_or(0);
            let what = self.opened(&folder, name, inode, stat.as_ref().map_or(0, MetadataExt::mode));
            let device = stat.as_ref().map_or(0, MetadataExt::dev);
            let flags = fs::read(folder.join("fdinfo").join(fd.to_string())).map_or(0, |text| opened_with(&text));
            descriptors.push(Descriptor { fd: fd as i32, what, inode, device, flags });
        }
        descriptors
    }

    /// Everything at once, file by file: what [`crate::Source::found`] does where the kernel cannot.
    pub fn all(&mut self) -> Found {
        let mut found = Found::default();
        for pid in self.processes() {
            let Some(process) = self.process(pid) else { continue };
            found.descriptors.insert(pid, self.descriptors(pid));
            found.processes.push(process);
        }
        found
    }

    /// The socket behind a descriptor of a process or thread.
    pub fn socket_at(&mut self, pid: u32, fd: i32) -> Option<Socket> {
        let folder = self.proc.join(pid.to_string());
        let name = fs::read_link(folder.join("fd").join(fd.to_string())).ok()?.into_os_string().into_vec();
        let inode = name.starts_with(b"socket:[").then(|| bracketed(&name)).flatten()?;
        self.socket(&folder, inode)
    }

    fn opened(&mut self, folder: &Path, name: Vec<u8>, inode: u64, mode: u32) -> Opened {
        if name.starts_with(b"socket:[") {
            return Opened::Socket(self.socket(folder, inode));
        }
        if name.starts_with(b"pipe:[") {
            return Opened::Pipe(Vec::new());
        }
        if let Some(kind) = anonymous(&name) {
            return Opened::Anonymous(kind);
        }
        match mode & libc::S_IFMT {
            libc::S_IFDIR => Opened::Folder(name),
            libc::S_IFIFO => Opened::Pipe(name),
            _ => Opened::File(name),
        }
    }

    /// The socket of this inode, in the network namespace of the process in `folder`.
    fn socket(&mut self, folder: &Path, inode: u64) -> Option<Socket> {
        let namespace = fs::metadata(folder.join("ns/net")).ok()?.ino();
        let tables = self.sockets.entry(namespace).or_insert_with(|| network::read(&folder.join("net")));
        if !tables.contains_key(&inode) {
            // Made after the tables were read.
            *tables = network::read(&folder.join("net"));
        }
        tables.get(&inode).cloned()
    }
}

/// The kind of a file that the kernel made of nothing, which is what its path says.
fn anonymous(path: &[u8]) -> Option<String> {
    let kind = String::from_utf8_lossy(path.strip_prefix(b"anon_inode:")?);
    Some(kind.trim_matches(['[', ']']).to_owned())
}

/// Whether a process of this machine is there.
pub fn is_there(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// Hundredths of seconds that a thread of this machine used in its own code and in the kernel; nothing if it has ended.
pub fn used(pid: u32, tid: u32) -> Option<[u64; 2]> {
    process::used(&fs::read(format!("/proc/{pid}/task/{tid}/stat")).ok()?)
}

/// The file `cgroup` of a process of this machine; nothing if it has ended.
pub fn cgroups_of(pid: u32) -> Option<Vec<u8>> {
    cgroups(&Path::new("/proc").join(pid.to_string()))
}

/// The same, by its folder in `/proc`. Of one that is ending the kernel says the roots of version 1, before anybody has
/// heard of its end.
fn cgroups(folder: &Path) -> Option<Vec<u8>> {
    let file = fs::read(folder.join("cgroup")).ok()?;
    // Read after it, so that what was ending then is ending now.
    let stat = fs::read(folder.join("stat")).ok()?;
    (!process::is_ending(&stat)?).then_some(file)
}

/// Entries of a folder whose names are numbers, in order.
fn numbers(folder: &Path) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// The number in `pipe:[4026]`.
fn bracketed(name: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(name).ok()?;
    let (kind, rest) = text.split_once(":[")?;
    if !["pipe", "socket"].contains(&kind) {
        return None;
    }
    rest.strip_suffix(']')?.parse().ok()
}

/// The line `flags:` of a descriptor's information, which is octal.
fn opened_with(text: &[u8]) -> u32 {
    let text = String::from_utf8_lossy(text);
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).unwrap_or(0)
}
