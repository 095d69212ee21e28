//! One parameter of an event: its value, and what the value stands for.

use std::io::Write;

use fathom_scap::Transport;
use fathom_scap::schema::syscalls::syscall;
use fathom_scap::schema::{Kind, Meaning, Param};

use super::{buffer, names, number};
use crate::moment::Moment;
use crate::socket::{Packed, Ports, write_address, write_number};
use crate::state::path::{append, printable, until_nul};
use crate::state::{Descriptor, Text};

/// The working folder, where a descriptor could be given.
const HERE: i64 = -100;

/// Appends parameter `index`, and behind it what it stands for, if that is known. Where the latter begins.
pub fn write(moment: &Moment<'_>, index: usize, into: &mut Vec<u8>) -> usize {
    let Some(param) = moment.kind.params.get(index) else { return into.len() };
    let bytes = moment.event.param(index).unwrap_or_default();
    let (kind, bytes) = match (param.kind, param.meaning) {
        (Kind::Dynamic, Meaning::OneOf(kinds)) => match bytes.split_first() {
            Some((which, rest)) if usize::from(*which) < kinds.len() => (kinds[usize::from(*which)].0, rest),
            _ => (Kind::Dynamic, bytes),
        },
        _ => (param.kind, bytes),
    };
    let mut writing = Writing { moment, param, kind, bytes, value: into, resolved: None };
    writing.write();
    writing.resolved.unwrap_or(into.len())
}

/// Appends what parameter `index` stands for, or if that is not known, the parameter.
pub fn write_meaning(moment: &Moment<'_>, index: usize, into: &mut Vec<u8>) {
    let begin = into.len();
    let resolved = write(moment, index, into);
    if resolved < into.len() {
        into.drain(begin..resolved);
    }
}

struct Writing<'w, 'm> {
    moment: &'w Moment<'m>,
    param: &'w Param,
    kind: Kind,
    bytes: &'w [u8],
    value: &'w mut Vec<u8>,
    /// Where in it begins what the value stands for.
    resolved: Option<usize>,
}

impl Writing<'_, '_> {
    fn write(&mut self) {
        let base = self.param.base;
        match self.kind {
            Kind::I8 => number::based(self.int::<1>(), 8, base, self.value),
            Kind::I16 => number::based(self.int::<2>(), 16, base, self.value),
            Kind::I32 => number::based(self.int::<4>(), 32, base, self.value),
            Kind::I64 => number::based(self.int::<8>(), 64, base, self.value),
            Kind::U8 => number::based(self.int::<1>() & 0xff, 8, base, self.value),
            Kind::U16 | Kind::Port => number::based(self.int::<2>() & 0xffff, 16, base, self.value),
            // In base ten these are written as if they had a sign.
            Kind::U32 | Kind::Mode => {
                number::based(self.int::<4>(), 32, base, self.value);
                if self.kind == Kind::Mode {
                    self.names(self.int::<4>() as u32);
                }
            }
            Kind::U64 | Kind::AbsTime => number::based(self.int::<8>(), 64, base, self.value),
            Kind::Errno => {
                let result = self.int::<8>();
                number::signed(result, self.value);
                if result < 0 {
                    self.resolve(names::error(result));
                }
            }
            Kind::Fd => self.descriptor(self.int::<8>()),
            Kind::Fd32 => self.descriptor(self.int::<4>()),
            Kind::Pid => self.process(self.int::<8>()),
            Kind::Pid32 => self.process(self.int::<4>()),
            Kind::Text => self.value.extend_from_slice(until_nul(self.bytes)),
            Kind::Path | Kind::RelPath => self.path(),
            Kind::Bytes => buffer::write(self.bytes, self.moment.style, self.value),
            Kind::SockAddr => Packed::address(self.bytes).write(self.transport(), self.ports(), self.value),
            Kind::SockTuple => Packed::tuple(self.bytes).write(self.transport(), self.ports(), self.value),
            Kind::FdList => self.descriptors(),
            Kind::Syscall => self.syscall(),
            Kind::Signal => {
                let signal = self.int::<1>() as u8;
                write_number(signal.into(), self.value);
                self.resolve(names::signal(signal));
            }
            Kind::RelTime => self.time(),
            Kind::Flags8 | Kind::Enum8 => self.flags(self.int::<1>() as u32 & 0xff),
            Kind::Flags16 | Kind::Enum16 => self.flags(self.int::<2>() as u32 & 0xffff),
            Kind::Flags32 | Kind::Enum32 => self.flags(self.int::<4>() as u32),
            Kind::Uid => {
                let users = &self.moment.state.users;
                self.account(self.int::<4>() as u32, |id| users.get(&id).map(|user| &user.name));
            }
            Kind::Gid => {
                let groups = &self.moment.state.groups;
                self.account(self.int::<4>() as u32, |id| groups.get(&id));
            }
            Kind::SigSet => self.signals(),
            Kind::Address4 | Kind::Address6 => self.address(),
            Kind::Dynamic => self.value.extend_from_slice(b"INVALID DYNAMIC PARAMETER"),
            // Lists of texts are never in a capture.
            Kind::Tags | Kind::TagPairs => {}
        }
    }

    /// The value as a number with a sign; what is missing counts as zero.
    fn int<const N: usize>(&self) -> i64 {
        let Some(bytes) = self.bytes.first_chunk::<N>() else { return 0 };
        let mut whole = if bytes[N - 1] & 0x80 != 0 { [0xff; 8] } else { [0; 8] };
        whole[..N].copy_from_slice(bytes);
        i64::from_le_bytes(whole)
    }

    /// The value is written: what follows is what it stands for.
    fn resolved(&mut self) -> &mut Vec<u8> {
        self.resolved.get_or_insert(self.value.len());
        self.value
    }

    fn resolve(&mut self, name: Option<&str>) {
        self.resolved().extend_from_slice(name.unwrap_or_default().as_bytes());
    }

    fn ports(&self) -> Ports {
        self.moment.style.ports
    }

    fn transport(&self) -> Transport {
        let about = self.moment.now.fd.and_then(|handle| self.moment.state.descriptor(handle));
        about.and_then(Descriptor::transport).unwrap_or_default()
    }

    fn descriptor(&mut self, fd: i64) {
        number::signed(fd, self.value);
        let Some(thread) = thread_place(self.moment) else { return };
        match fd {
            0.. => {
                if let Some(found) = self.moment.state.descriptor_of(thread, fd) {
                    let resolved = self.resolved();
                    resolved.extend_from_slice(&[b'<', found.thing.letter()]);
                    if found.thing.is_net() {
                        resolved.extend(found.transport().and_then(letter));
                    }
                    resolved.push(b'>');
                    printable(&found.name, resolved);
                }
            }
            HERE => self.resolve(Some("AT_FDCWD")),
            _ => self.resolve(names::error(fd)),
        }
    }

    fn descriptors(&mut self) {
        let Some(thread) = thread_place(self.moment) else { return };
        for (index, entry) in list(self.bytes).enumerate() {
            if index > 0 {
                self.value.push(b' ');
            }
            let letter = self.moment.state.descriptor_of(thread, entry.0).map_or(b'?', |found| found.thing.letter());
            write_number(entry.0 as u64, self.value);
            self.value.extend_from_slice(&[b':', letter]);
            let _ = write!(self.value, "{:x}", i32::from(entry.1));
        }
    }

    fn process(&mut self, pid: i64) {
        number::signed(pid, self.value);
        if let Some(place) = self.moment.state.threads.find_quietly(pid) {
            let comm = &self.moment.state.threads[place].comm;
            self.resolved().extend_from_slice(comm);
        }
    }

    fn path(&mut self) {
        printable(self.bytes, self.value);
        if self.bytes.is_empty() || self.bytes.starts_with(b"<NA>") {
            return;
        }
        let Some(place) = thread_place(self.moment) else { return };
        // An absolute path stands for itself.
        if self.bytes.first() == Some(&b'/') {
            return;
        }
        match folder(self.moment, self.param, place) {
            Some((base, slash)) => {
                let mut folder = Vec::with_capacity(base.len() + 1);
                if slash {
                    printable(&base, &mut folder)
                } else {
                    folder.extend_from_slice(&base)
                }
                folder.extend_from_slice(if slash { b"/" } else { b"" });
                append(&folder, self.bytes, self.resolved());
            }
            None => append(b"", self.bytes, self.resolved()),
        }
    }

    fn syscall(&mut self) {
        let id = self.int::<2>() as u16;
        match syscall(id) {
            Some((name, _)) => {
                write_number(id.into(), self.value);
                self.resolve(Some(name));
            }
            None => self.value.extend_from_slice(b"<unknown syscall>"),
        }
    }

    fn time(&mut self) {
        let nanoseconds = self.int::<8>() as u64;
        if nanoseconds == u64::MAX {
            return self.value.extend_from_slice(b"none");
        }
        write_number(nanoseconds, self.value);
        number::general(nanoseconds as f64 / 1e9, self.resolved());
        self.value.push(b's');
    }

    fn flags(&mut self, bits: u32) {
        write_number(bits.into(), self.value);
        self.names(bits);
    }

    fn names(&mut self, bits: u32) {
        let Meaning::Names(table) = self.param.meaning else { return };
        match self.kind {
            Kind::Enum8 | Kind::Enum16 | Kind::Enum32 => names::of_value(bits, table, self.resolved()),
            _ => names::bits(bits, table, self.resolved()),
        }
    }

    fn account<'n>(&mut self, id: u32, name: impl Fn(u32) -> Option<&'n Text>) {
        if id == u32::MAX {
            self.value.extend_from_slice(b"-1");
            return self.resolve(Some("<NONE>"));
        }
        number::signed(i64::from(id as i32), self.value);
        match name(id) {
            Some(name) => printable(name, self.resolved()),
            None => self.resolve(Some("<NA>")),
        }
    }

    fn signals(&mut self) {
        let bits = self.int::<4>() as u32;
        let set = (0..32_u8).filter(|bit| bits >> bit & 1 == 1).filter_map(|bit| names::signal(bit + 1));
        for (index, name) in set.enumerate() {
            if index > 0 {
                self.value.push(b' ');
            }
            self.value.extend_from_slice(name.as_bytes());
        }
    }

    fn address(&mut self) {
        if let Some(four) = self.bytes.first_chunk::<4>().filter(|_| self.kind == Kind::Address4) {
            write_address(std::net::Ipv4Addr::from(*four).into(), self.value);
        } else if let Some(all) = self.bytes.first_chunk::<16>() {
            write_address(std::net::Ipv6Addr::from(*all).into(), self.value);
        }
    }
}

/// The thread whose descriptors an event's numbers are.
pub(crate) fn thread_place(moment: &Moment<'_>) -> Option<crate::state::Place> {
    moment.now.thread.or_else(|| moment.state.threads.find(moment.event.tid))
}

/// The folder that a path is relative to, and whether a slash must follow.
fn folder(moment: &Moment<'_>, param: &Param, place: crate::state::Place) -> Option<(Text, bool)> {
    let threads = &moment.state.threads;
    let here = || threads.main_of(place).map(|main| (threads[main].cwd.clone(), false));
    let Meaning::Within(index) = param.meaning else { return here() };
    let known = moment.kind.params.get(index).is_some_and(|other| other.kind == Kind::Fd);
    match moment.event.i64(index) {
        Some(fd) if known && fd != HERE => {
            let found = moment.state.descriptor_of(place, fd)?;
            (!found.name.is_empty()).then(|| (found.name.clone(), true))
        }
        _ => here(),
    }
}

/// Descriptors and flags of a list.
pub(crate) fn list(bytes: &[u8]) -> impl Iterator<Item = (i64, i16)> {
    let count = bytes.first_chunk().map_or(0, |count| usize::from(u16::from_le_bytes(*count)));
    let entries = bytes.get(2..).unwrap_or_default().chunks_exact(10).take(count);
    entries.filter_map(|entry| {
        let fd = i64::from_le_bytes(*entry.first_chunk()?);
        Some((fd, i16::from_le_bytes([entry[8], entry[9]])))
    })
}

/// The letter of what carries a socket's bytes.
fn letter(transport: Transport) -> Option<u8> {
    match transport {
        Transport::Tcp => Some(b't'),
        Transport::Udp => Some(b'u'),
        Transport::Icmp => Some(b'i'),
        Transport::Raw => Some(b'r'),
        Transport::Unknown => None,
    }
}
