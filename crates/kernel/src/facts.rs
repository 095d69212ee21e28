//! What the kernel knows of a task, its memory, a socket or a file: the structures of `bpf/record.h`, out of bytes.

/// Reads numbers out of a structure, one after the other.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn half(&mut self) -> Option<u16> {
        self.take().map(u16::from_ne_bytes)
    }

    fn word(&mut self) -> Option<u32> {
        self.take().map(u32::from_ne_bytes)
    }

    fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_ne_bytes)
    }
}

/// A task, as it was at that moment. Numbers are of the outermost pid namespace; those with a v are what the task itself
/// sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "names are the field's own, as in proc(5)")]
pub struct TaskFacts<'a> {
    pub tid: u32,
    pub pid: u32,
    pub parent: u32,
    pub parent_tid: u32,
    pub uid: u32,
    pub gid: u32,
    pub euid: u32,
    pub egid: u32,
    pub vtid: u32,
    pub vpid: u32,
    pub pgid: u32,
    pub sid: u32,
    pub vpgid: u32,
    pub vsid: u32,
    pub loginuid: u32,
    /// The device of its terminal, as stat(2) has it; 0: it has none.
    pub tty: u32,
    /// The kernel's flags of the task, `PF_` in include/linux/sched.h.
    pub flags: u64,
    pub fd_limit: u64,
    pub minor_faults: u64,
    pub major_faults: u64,
    /// The id of its cgroup of version 2.
    pub cgroup: u64,
    /// When it began, in nanoseconds since boot.
    pub start: u64,
    /// Tasks in the same cgroups, of all hierarchies, have the same number here.
    pub cgroups: u64,
    /// Capabilities, as bits.
    pub inheritable: u64,
    pub permitted: u64,
    pub effective: u64,
    pub memory: MemoryFacts,
    /// Inode of the pid namespace that it is in.
    pub pid_namespace: u32,
    /// Its name, without the NULs behind it.
    pub comm: &'a [u8],
}

impl<'a> TaskFacts<'a> {
    /// Out of `struct task_facts`.
    pub fn new(bytes: &'a [u8]) -> Option<TaskFacts<'a>> {
        let mut from = Reader(bytes);
        let mut facts = TaskFacts {
            tid: from.word()?,
            pid: from.word()?,
            parent: from.word()?,
            parent_tid: from.word()?,
            uid: from.word()?,
            gid: from.word()?,
            euid: from.word()?,
            egid: from.word()?,
            vtid: from.word()?,
            vpid: from.word()?,
            pgid: from.word()?,
            sid: from.word()?,
            vpgid: from.word()?,
            vsid: from.word()?,
            loginuid: from.word()?,
            tty: from.word()?,
            flags: from.long()?,
            fd_limit: from.long()?,
            minor_faults: from.long()?,
            major_faults: from.long()?,
            cgroup: from.long()?,
            start: from.long()?,
            cgroups: from.long()?,
            inheritable: from.long()?,
            permitted: from.long()?,
            effective: from.long()?,
            memory: MemoryFacts { size_kib: from.word()?, resident_kib: from.word()?, swap_kib: from.word()? },
            pid_namespace: from.word()?,
            comm: &[],
        };
        let comm = from.0.get(..16)?;
        facts.comm = comm.split(|byte| *byte == 0).next().unwrap_or(comm);
        Some(facts)
    }
}

/// How much memory a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "names say it, with their unit")]
pub struct MemoryFacts {
    pub size_kib: u32,
    pub resident_kib: u32,
    pub swap_kib: u32,
}

impl MemoryFacts {
    /// Out of `struct memory_facts`.
    pub fn new(bytes: &[u8]) -> Option<MemoryFacts> {
        let mut from = Reader(bytes);
        Some(MemoryFacts { size_kib: from.word()?, resident_kib: from.word()?, swap_kib: from.word()? })
    }
}

/// A socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "names are the field's own, as in socket(2)")]
pub struct SocketFacts<'a> {
    /// `AF_` as in socket(2).
    pub family: u16,
    /// `TCP_` as in include/net/tcp_states.h, also of Unix sockets.
    pub state: u16,
    /// `SOCK_` as in socket(2).
    pub kind: u16,
    pub protocol: u16,
    pub local_port: u16,
    pub remote_port: u16,
    /// Connections that wait to be accepted, and how many may.
    pub backlog: u32,
    pub backlog_max: u32,
    /// Addresses; those of version 4 are the first four bytes.
    pub local: [u8; 16],
    pub remote: [u8; 16],
    /// Of a Unix socket: itself and its peer, as the kernel tells them apart.
    pub own: u64,
    pub peer: u64,
    /// Of a Unix socket: its path or, if it has none, that of its peer. Abstract ones begin with NUL.
    pub path: &'a [u8],
}

impl<'a> SocketFacts<'a> {
    /// Out of `struct socket_facts`.
    pub fn new(bytes: &'a [u8]) -> Option<SocketFacts<'a>> {
        let mut from = Reader(bytes);
        let mut facts = SocketFacts {
            family: from.half()?,
            state: from.half()?,
            kind: from.half()?,
            protocol: from.half()?,
            local_port: from.half()?,
            remote_port: from.half()?,
            backlog: from.word()?,
            backlog_max: from.word()?,
            local: from.take()?,
            // Four bytes of alignment stand before what is eight bytes long.
            remote: from.take()?,
            own: {
                from.word()?;
                from.long()?
            },
            peer: from.long()?,
            path: &[],
        };
        let path = from.0.get(..108)?;
        let length = Reader(from.0.get(108..)?).word()? as usize;
        facts.path = path.get(..length)?;
        Some(facts)
    }
}

/// An open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "names are the field's own, as in stat(2)")]
pub struct FileFacts {
    pub inode: u64,
    /// As the kernel keeps it: the major number from the 20th bit on.
    pub device: u32,
    /// `O_` as in open(2).
    pub flags: u32,
    pub mode: u32,
}

impl FileFacts {
    /// The device as stat(2) has it, in its lower 32 bits.
    pub fn encoded_device(&self) -> u32 {
        let (major, minor) = (self.device >> 20, self.device & 0xf_ffff);
        (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
    }

    /// Out of `struct file_facts`.
    pub fn new(bytes: &[u8]) -> Option<FileFacts> {
        let mut from = Reader(bytes);
        Some(FileFacts { inode: from.long()?, device: from.word()?, flags: from.word()?, mode: from.word()? })
    }
}
