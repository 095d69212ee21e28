//! The machine that a capture is of, and its network interfaces.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::block::Lengths;
use crate::cursor::{Cursor, until_nul};
use crate::error::Damage;

/// The machine.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    /// Processors.
    pub cpus: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// The highest process id that it gives out.
    pub max_pid: u64,
    /// Its name.
    pub hostname: &'a [u8],
    /// When it was started, in nanoseconds since 1970; older recorders write nothing.
    pub booted: u64,
}

impl<'a> Machine<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(body);
        Some(Machine {
            cpus: cursor.u32()?,
            memory: cursor.u64()?,
            max_pid: cursor.u64()?,
            hostname: cursor.take(128).map(until_nul)?,
            booted: cursor.u64().unwrap_or(0),
        })
    }
}

/// A network interface with one of its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interface {
    /// Of the fourth version.
    V4 {
        /// Address.
        address: Ipv4Addr,
        /// Which of its bits are the network's.
        mask: Ipv4Addr,
        /// As the system calls it.
        name: Vec<u8>,
    },
    /// Of the sixth version.
    V6 {
        /// Address.
        address: Ipv6Addr,
        /// As the system calls it.
        name: Vec<u8>,
    },
}

/// The interfaces of one block.
#[derive(Debug, Clone, Copy)]
pub struct Interfaces<'a> {
    pub(crate) cursor: Cursor<'a>,
    pub(crate) lengths: Lengths,
    pub(crate) index: usize,
}

impl Interfaces<'_> {
    fn entry(&mut self) -> Option<Option<Interface>> {
        let own = match self.lengths {
            Lengths::With => Some(self.cursor.u32()? as usize),
            Lengths::Without => None,
        };
        let mut whole = self.cursor;
        if let Some(length) = own {
            whole = Cursor(self.cursor.take(length)?);
        }
        let (kind, name_length) = (whole.u16()?, usize::from(whole.u16()?));
        let speed = if kind <= 2 { 8 } else { 0 };
        let interface = match kind {
            1 | 3 => {
                let (address, mask, _broadcast) = (whole.array::<4>()?, whole.array::<4>()?, whole.array::<4>()?);
                whole.take(speed)?;
                let name = until_nul(whole.take(name_length)?).to_vec();
                Some(Interface::V4 { address: address.into(), mask: mask.into(), name })
            }
            2 | 4 => {
                let address = whole.array::<16>()?;
                whole.take(32 + speed)?;
                let name = until_nul(whole.take(name_length)?).to_vec();
                Some(Interface::V6 { address: address.into(), name })
            }
            _ if own.is_some() => None,
            _ => return None,
        };
        if own.is_none() {
            self.cursor = whole;
        }
        Some(interface)
    }
}

impl Iterator for Interfaces<'_> {
    type Item = Result<Interface, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        // Less than four bytes are padding.
        while self.cursor.left() >= 4 {
            let index = self.index;
            self.index += 1;
            match self.entry() {
                Some(Some(interface)) => return Some(Ok(interface)),
                Some(None) => {}
                None => {
                    self.cursor = Cursor(&[]);
                    return Some(Err(Damage::Entry { what: "network interfaces", index }));
                }
            }
        }
        None
    }
}
