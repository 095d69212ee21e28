//! The descriptors that a thread had when a capture began: one block per thread.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::block::Lengths;
use crate::cursor::Cursor;
use crate::error::Damage;

/// What carries a socket's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum Transport {
    #[default]
    Unknown,
    Tcp,
    Udp,
    Icmp,
    Raw,
}

impl Transport {
    fn of(number: u8) -> Self {
        match number {
            2 => Transport::Tcp,
            3 => Transport::Udp,
            4 => Transport::Icmp,
            5 => Transport::Raw,
            _ => Transport::Unknown,
        }
    }

    /// The format's number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Transport::Unknown => 0,
            Transport::Tcp => 2,
            Transport::Udp => 3,
            Transport::Icmp => 4,
            Transport::Raw => 5,
        }
    }
}

/// What a descriptor leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "addresses and ports of source and destination, in host order")]
pub enum Thing<'a> {
    V4 {
        source: Ipv4Addr,
        target: Ipv4Addr,
        sport: u16,
        dport: u16,
        transport: Transport,
    },
    V6 {
        source: Ipv6Addr,
        target: Ipv6Addr,
        sport: u16,
        dport: u16,
        transport: Transport,
    },
    V4Server {
        address: Ipv4Addr,
        port: u16,
        transport: Transport,
    },
    V6Server {
        address: Ipv6Addr,
        port: u16,
        transport: Transport,
    },
    Unix {
        source: u64,
        target: u64,
        name: &'a [u8],
    },
    File {
        open_flags: u32,
        name: &'a [u8],
        device: u32,
    },
    /// Everything that has a name and nothing else; which it is, is in [`Descriptor::number`].
    Named(&'a [u8]),
    /// A type that did not exist when this program was built.
    Unknown,
}

/// One descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor<'a> {
    /// Its number in the thread.
    pub fd: i64,
    /// Inode.
    pub inode: u64,
    /// Type as the format numbers it.
    pub number: u8,
    /// What it leads to.
    pub thing: Thing<'a>,
}

impl<'a> Descriptor<'a> {
    /// `cursor` ends where the entry ends if its length is known.
    fn parse(c: &mut Cursor<'a>, lengths: Lengths) -> Option<Self> {
        let (fd, inode, number) = (c.i64()?, c.u64()?, c.u8()?);
        let thing = match number {
            3 => Thing::V4 {
                source: c.array::<4>()?.into(),
                target: c.array::<4>()?.into(),
                sport: c.u16()?,
                dport: c.u16()?,
                transport: Transport::of(c.u8()?),
            },
            4 => Thing::V6 {
                source: c.array::<16>()?.into(),
                target: c.array::<16>()?.into(),
                sport: c.u16()?,
                dport: c.u16()?,
                transport: Transport::of(c.u8()?),
            },
            5 => Thing::V4Server { address: c.array::<4>()?.into(), port: c.u16()?, transport: Transport::of(c.u8()?) },
            6 => {
                Thing::V6Server { address: c.array::<16>()?.into(), port: c.u16()?, transport: Transport::of(c.u8()?) }
            }
            8 => Thing::Unix { source: c.u64()?, target: c.u64()?, name: c.text()? },
            16 => {
                let (open_flags, name) = (c.u32()?, c.text()?);
                let device = if lengths == Lengths::With { c.u32().unwrap_or(0) } else { 0 };
                Thing::File { open_flags, name, device }
            }
            0 => Thing::Unknown,
            1..=21 => Thing::Named(c.text()?),
            // Without a length nobody knows where the next one begins.
            _ if lengths == Lengths::With => Thing::Unknown,
            _ => return None,
        };
        Some(Descriptor { fd, inode, number, thing })
    }
}

/// The descriptors of one block.
#[derive(Debug, Clone, Copy)]
pub struct Descriptors<'a> {
    /// The thread that has them.
    pub tid: i64,
    pub(crate) cursor: Cursor<'a>,
    pub(crate) lengths: Lengths,
    pub(crate) index: usize,
}

impl<'a> Descriptors<'a> {
    fn entry(&mut self) -> Option<Descriptor<'a>> {
        match self.lengths {
            Lengths::Without => Descriptor::parse(&mut self.cursor, self.lengths),
            Lengths::With => {
                // The length counts itself.
                let length = (self.cursor.u32()? as usize).checked_sub(4)?;
                Descriptor::parse(&mut Cursor(self.cursor.take(length)?), self.lengths)
            }
        }
    }
}

impl<'a> Iterator for Descriptors<'a> {
    type Item = Result<Descriptor<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.left() < 4 {
            return None;
        }
        let index = self.index;
        self.index += 1;
        Some(self.entry().ok_or_else(|| {
            self.cursor = Cursor(&[]);
            Damage::Entry { what: "descriptors", index }
        }))
    }
}
