//! Descriptors: what each leads to, and a thread's table of them.

use std::net::{IpAddr, Ipv4Addr};

use fathom_scap::Transport;
use rustc_hash::FxHashMap;

use super::Text;

/// More descriptors than that are not kept for one process.
const MOST: usize = 4096;

/// `O_CLOEXEC`, as recorders write it.
pub(crate) const CLOSE_ON_EXEC: u32 = 1 << 12;

/// Bits of [`Descriptor::flags`].
pub mod flag {
    /// This side began the connection.
    pub const CLIENT: u32 = 1 << 2;
    /// The other side did.
    pub const SERVER: u32 = 1 << 3;
    /// A thread is closing it.
    pub const CLOSING: u32 = 1 << 4;
    /// While a thread closed it, another one opened it anew.
    pub const REPLACED: u32 = 1 << 5;
    /// The connection stands.
    pub const CONNECTED: u32 = 1 << 13;
    /// What is written goes to the system's log.
    pub const LOG: u32 = 1 << 20;
    /// A file of the upper layer of an overlay.
    pub const UPPER_LAYER: u32 = 1 << 24;
    /// A file of the lower layer of an overlay.
    pub const LOWER_LAYER: u32 = 1 << 25;
}

/// Under this number stands the old descriptor while a new one has its place.
pub(super) const REPLACED: i64 = i64::MAX;

/// What a descriptor leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum Thing {
    #[default]
    Unknown,
    File,
    Folder,
    V4,
    V6,
    V4Server,
    V6Server,
    Pipe,
    Unix,
    Event,
    Unsupported,
    Signal,
    Epoll,
    Inotify,
    Timer,
    Netlink,
    Bpf,
    PageFaults,
    IoUring,
    Memory,
    Process,
}

/// The capture format's number, which it is, the letter and the word for it.
pub(super) const THINGS: &[(u8, Thing, u8, &str)] = &[
    (0, Thing::Unknown, b'o', "<NA>"),
    (1, Thing::File, b'f', "file"),
    (2, Thing::Folder, b'd', "directory"),
    (3, Thing::V4, b'4', "ipv4"),
    (4, Thing::V6, b'6', "ipv6"),
    (5, Thing::V4Server, b'4', "ipv4"),
    (6, Thing::V6Server, b'6', "ipv6"),
    (7, Thing::Pipe, b'p', "pipe"),
    (8, Thing::Unix, b'u', "unix"),
    (9, Thing::Event, b'e', "event"),
    (10, Thing::Unsupported, b'X', "<NA>"),
    (11, Thing::Signal, b's', "signalfd"),
    (12, Thing::Epoll, b'l', "eventpoll"),
    (13, Thing::Inotify, b'i', "inotify"),
    (14, Thing::Timer, b't', "timerfd"),
    (15, Thing::Netlink, b'n', "netlink"),
    (16, Thing::File, b'f', "file"),
    (17, Thing::Bpf, b'b', "bpf"),
    (18, Thing::PageFaults, b'u', "userfault"),
    (19, Thing::IoUring, b'r', "io_uring"),
    (20, Thing::Memory, b'm', "memfd"),
    (21, Thing::Process, b'P', "pidfd"),
];

impl Thing {
    /// What the capture format calls `number`.
    pub(super) fn of(number: u8) -> Self {
        THINGS.iter().find(|row| row.0 == number).map_or(Thing::Unknown, |row| row.1)
    }

    fn row(self) -> &'static (u8, Thing, u8, &'static str) {
        THINGS.iter().find(|row| row.1 == self).unwrap_or(&THINGS[0])
    }

    /// The capture format's number for it; of several, the newest.
    pub(crate) fn number(self) -> u8 {
        THINGS.iter().rev().find(|row| row.1 == self).map_or(0, |row| row.0)
    }

    /// One letter.
    pub fn letter(self) -> u8 {
        self.row().2
    }

    /// One word.
    pub fn word(self) -> &'static str {
        self.row().3
    }

    /// Whether it is a connection, or could become one.
    pub fn is_stream(self) -> bool {
        matches!(self, Thing::V4 | Thing::V6)
    }

    /// Whether it speaks the internet protocol.
    pub fn is_net(self) -> bool {
        matches!(self, Thing::V4 | Thing::V6 | Thing::V4Server | Thing::V6Server)
    }
}

/// Both ends of a socket. What listens has its own address as the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuple {
    /// Who began, where that is known.
    pub source: IpAddr,
    /// The other one.
    pub target: IpAddr,
    /// The source's port.
    pub sport: u16,
    /// The target's port.
    pub dport: u16,
    /// What carries the bytes.
    pub transport: Transport,
}

impl Default for Tuple {
    fn default() -> Self {
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Tuple { source: nowhere, target: nowhere, sport: 0, dport: 0, transport: Transport::Unknown }
    }
}

impl Tuple {
    /// Source becomes target.
    pub(super) fn turn(&mut self) {
        std::mem::swap(&mut self.source, &mut self.target);
        std::mem::swap(&mut self.sport, &mut self.dport);
    }
}

/// One descriptor.
#[derive(Debug, Clone, Default)]
pub struct Descriptor {
    /// What it leads to.
    pub thing: Thing,
    /// The path of a file, the ends of a connection.
    pub name: Text,
    /// Bits, see [`flag`].
    pub flags: u32,
    /// How a file was opened, as [`fathom_scap::schema::names::FILE_FLAGS`].
    pub open_flags: u32,
    /// The device that a file is on.
    pub device: u32,
    /// Inode.
    pub inode: u64,
    /// Ends of a socket.
    pub tuple: Tuple,
    /// Kernel addresses of both ends of a unix socket.
    pub pair: (u64, u64),
}

impl Descriptor {
    pub(super) fn named(thing: Thing, name: impl Into<Text>) -> Self {
        Descriptor { thing, name: name.into(), ..Descriptor::default() }
    }

    /// The layer of an overlay that a file is in, by what recorders add to the flags of open.
    pub(super) fn layer(open_flags: u32) -> u32 {
        const UPPER: u32 = 0x8000;
        const LOWER: u32 = 0x10000;
        match open_flags {
            flags if flags & UPPER != 0 => flag::UPPER_LAYER,
            flags if flags & LOWER != 0 => flag::LOWER_LAYER,
            _ => 0,
        }
    }

    /// Whether nobody knows who began the connection.
    pub fn is_roleless(&self) -> bool {
        self.flags & (flag::CLIENT | flag::SERVER) == 0
    }

    pub(super) fn has(&self, bits: u32) -> bool {
        self.flags & bits != 0
    }

    /// What carries a socket's bytes; nothing for what is no such socket, or of which nobody knows who began.
    pub fn transport(&self) -> Option<Transport> {
        let transport = self.tuple.transport;
        match self.thing {
            Thing::V4 | Thing::V6 if transport != Transport::Raw && self.is_roleless() => None,
            thing if thing.is_net() => Some(transport),
            _ => None,
        }
    }

    /// Whether it ends when its process executes another program.
    pub(super) fn ends_on_exec(&self) -> bool {
        self.open_flags & CLOSE_ON_EXEC != 0
    }

    /// Says whether it does; a copy has its own mind.
    pub(super) fn set_ends_on_exec(&mut self, ends: bool) {
        self.open_flags = if ends { self.open_flags | CLOSE_ON_EXEC } else { self.open_flags & !CLOSE_ON_EXEC };
    }

    pub(super) fn is_tcp4(&self) -> bool {
        self.thing == Thing::V4 && self.tuple.transport == Transport::Tcp
    }

    pub(super) fn is_udp4(&self) -> bool {
        self.thing == Thing::V4 && self.tuple.transport == Transport::Udp
    }

    /// Major and minor number of the device.
    pub fn device_numbers(&self) -> (u32, u32) {
        ((self.device & 0xfff00) >> 8, (self.device & 0xff) | ((self.device >> 12) & 0xfff00))
    }
}

/// A thread's descriptors by their numbers.
#[derive(Debug, Clone, Default)]
pub struct Table(FxHashMap<i64, Descriptor>);

impl Table {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&i64, &Descriptor)> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Descriptor> {
        self.0.values_mut()
    }

    /// Descriptor `fd`.
    #[inline]
    pub fn get(&self, fd: i64) -> Option<&Descriptor> {
        self.0.get(&fd)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, fd: i64) -> Option<&mut Descriptor> {
        self.0.get_mut(&fd)
    }

    /// Puts one in. One that is being closed stays for as long as that lasts, under another number.
    pub(super) fn add(&mut self, fd: i64, mut new: Descriptor) -> bool {
        let full = self.0.len() >= MOST;
        match self.0.get_mut(&fd) {
            Some(old) if old.has(flag::CLOSING) => {
                new.flags = (new.flags & !flag::CLOSING) | flag::REPLACED;
                let old = std::mem::replace(old, new);
                self.0.insert(REPLACED, old);
            }
            Some(old) => *old = new,
            None if full => return false,
            None => {
                self.0.insert(fd, new);
            }
        }
        true
    }

    /// Ends those that end when another program is executed.
    pub(super) fn execute(&mut self) {
        self.0.retain(|_, descriptor| !descriptor.ends_on_exec());
    }

    pub(super) fn remove(&mut self, fd: i64) {
        self.0.remove(&fd);
    }
}
