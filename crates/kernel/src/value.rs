//! Parameters of events in captures, made of a call's numbers and memory. Each variant has one layout, that of
//! `scap`'s schema; a test compares the two.

use crate::event::{Call, Returned};
use crate::facts::{FileFacts, MemoryFacts, SocketFacts, TaskFacts};
use crate::flags::{Bits, Choice};

/// Where a number comes from.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// An argument.
    Arg(u8),
    /// What the call returned.
    Return,
    /// Memory: which piece, from which byte, how many bytes.
    In(u8, u8, u8),
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// One byte.
    U8,
    /// Two.
    U16,
    /// Four.
    U32,
    /// Eight.
    U64,
    /// Eight, of a number that has four and a sign: descriptors, processes.
    Signed,
}

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    /// A number as it is.
    Plain(Width, Number),
    /// A number whose bits captures have elsewhere.
    Bits(Width, Number, Bits),
    /// A number for which captures have another.
    Choice(Width, Number, Choice),
    /// A number that means the same always.
    Constant(Width, u64),
    /// A piece of memory, with the NUL that ends it.
    Text(u8),
    /// The first of many texts in a piece, with its NUL.
    First(u8),
    /// The others.
    Rest(u8),
    /// A piece of memory.
    Bytes(u8),
    /// The sum of an iovec's lengths, `u32`.
    VectorSize(u8),
    /// What is in it.
    VectorBytes(u8),
    /// The same of a msghdr.
    MessageSize(u8),
    /// The same of a msghdr.
    MessageBytes(u8),
    /// A socket address in memory: family, address, port.
    Address(u8),
    /// Both ends of a connection.
    Tuple(Tuple),
    /// An array of pollfd: what is asked for, or what was found.
    Polls(u8, Polls),
    /// A timespec, as nanoseconds.
    Nanoseconds(u8),
    /// Of a task.
    Task(u8, TaskField),
    /// Of a memory map: `u32` KiB.
    Memory(u8, MemoryField),
    /// Of an open file.
    File(u8, FileField),
    /// Of a socket that accepts.
    Queue(u8, QueueField),
    /// A socket option's value: one byte of kind, then bytes.
    Option(u8),
    /// What only whoever keeps the state of processes can tell; empty here.
    State,
}

/// Which ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuple {
    /// The piece with [`SocketFacts`].
    pub socket: u8,
    /// The piece with the other end's address, where the call names it, and what it is.
    pub named: Option<(u8, Named)>,
    /// Which way bytes go.
    pub way: Way,
}

/// How a call names the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// By an address.
    Address,
    /// In a msghdr.
    Message,
}

/// Which end is the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Ours.
    Out,
    /// The other.
    In,
}

/// What of a pollfd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polls {
    /// `events`.
    Asked,
    /// `revents`, of those that have any.
    Found,
}

/// What of a task; see [`TaskFacts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "names are the field's own")]
pub enum TaskField {
    Tid,
    Pid,
    Parent,
    FdLimit,
    MajorFaults,
    MinorFaults,
    Size,
    Resident,
    Swap,
    Comm,
    Uid,
    Gid,
    Vtid,
    Vpid,
    Tty,
    Pgid,
    Vpgid,
    LoginUid,
    Inheritable,
    Permitted,
    Effective,
}

/// What of a memory map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "names are the field's own")]
pub enum MemoryField {
    Size,
    Resident,
    Swap,
}

/// What of an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileField {
    /// `u32`, as stat(2) has it in its first 32 bits.
    Device,
    /// `u64`.
    Inode,
}

/// What of a queue of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueField {
    /// `u8`: how full, in percent.
    Percent,
    /// `u32`: how many wait.
    Length,
    /// `u32`: how many may.
    Most,
}

impl Value {
    /// Appends the parameter. What is not known is empty, as captures have it.
    pub(crate) fn append(&self, call: &Call<'_>, returned: Option<Returned>, to: &mut Vec<u8>) {
        let piece = |index: u8| call.memory.get(usize::from(index));
        match *self {
            Value::Plain(width, number) => write_if(to, width, number.of(call, returned)),
            Value::Bits(width, number, bits) => {
                write_if(to, width, number.of(call, returned).map(|number| u64::from(bits.translate(number))));
            }
            Value::Choice(width, number, choice) => {
                write_if(to, width, number.of(call, returned).map(|number| u64::from(choice.translate(number))));
            }
            Value::Constant(width, number) => write(to, width, number),
            Value::Text(index) => append_text(to, call.memory.text(usize::from(index))),
            Value::First(index) => append_text(to, call.memory.text(usize::from(index))),
            Value::Rest(index) => {
                let texts = piece(index).unwrap_or_default();
                let first = texts.iter().position(|byte| *byte == 0).map_or(texts.len(), |end| end + 1);
                to.extend_from_slice(&texts[first..]);
            }
            Value::Bytes(index) => to.extend_from_slice(piece(index).unwrap_or_default()),
            Value::VectorSize(index) => write_if(to, Width::U32, piece(index).and_then(vector).map(|vector| vector.0)),
            Value::VectorBytes(index) => {
                to.extend_from_slice(piece(index).and_then(vector).map_or(&[][..], |vector| vector.1));
            }
            Value::MessageSize(index) => {
                let size = piece(index).and_then(message).and_then(|message| vector(message.1));
                write_if(to, Width::U32, size.map(|vector| vector.0));
            }
            Value::MessageBytes(index) => {
                let data = piece(index).and_then(message).and_then(|message| vector(message.1));
                to.extend_from_slice(data.map_or(&[][..], |vector| vector.1));
            }
            Value::Address(index) => crate::address::append(to, piece(index).unwrap_or_default()),
            Value::Tuple(tuple) => {
                let facts = piece(tuple.socket).and_then(SocketFacts::new);
                let named = tuple.named.and_then(|(index, how)| match how {
                    Named::Address => piece(index),
                    Named::Message => piece(index).and_then(message).map(|message| message.0),
                });
                crate::address::append_tuple(to, facts.as_ref(), named.unwrap_or_default(), tuple.way);
            }
            Value::Polls(index, which) => append_polls(to, piece(index).unwrap_or_default(), which),
            Value::Nanoseconds(index) => write_if(to, Width::U64, piece(index).and_then(nanoseconds)),
            Value::Task(index, field) => {
                if let Some(facts) = piece(index).and_then(TaskFacts::new) {
                    append_task(to, &facts, field);
                }
            }
            Value::Memory(index, field) => {
                let facts = piece(index).and_then(MemoryFacts::new);
                let number = facts.map(|facts| match field {
                    MemoryField::Size => facts.size_kib,
                    MemoryField::Resident => facts.resident_kib,
                    MemoryField::Swap => facts.swap_kib,
                });
                write_if(to, Width::U32, number.map(u64::from));
            }
            Value::File(index, field) => {
                let facts = piece(index).and_then(FileFacts::new);
                match field {
                    FileField::Device => {
                        write(to, Width::U32, facts.map_or(0, |facts| u64::from(facts.encoded_device())));
                    }
                    FileField::Inode => write(to, Width::U64, facts.map_or(0, |facts| facts.inode)),
                }
            }
            Value::Queue(index, field) => {
                let facts = piece(index).and_then(SocketFacts::new);
                let (length, most) = facts.map_or((0, 0), |facts| (facts.backlog, facts.backlog_max));
                match field {
                    QueueField::Percent => {
                        let percent = (u64::from(length) * 100).checked_div(u64::from(most)).unwrap_or(0);
                        write(to, Width::U8, percent.min(255));
                    }
                    QueueField::Length => write(to, Width::U32, u64::from(length)),
                    QueueField::Most => write(to, Width::U32, u64::from(most)),
                }
            }
            Value::Option(index) => {
                to.push(0);
                to.extend_from_slice(piece(index).unwrap_or_default());
            }
            Value::State => {}
        }
    }
}

impl Number {
    /// The number; nothing where its memory is absent, or the call has not returned.
    fn of(self, call: &Call<'_>, returned: Option<Returned>) -> Option<u64> {
        match self {
            Number::Arg(index) => call.args.get(usize::from(index)).copied(),
            Number::Return => returned.map(|returned| returned.value as u64),
            Number::In(index, at, bytes) => {
                let piece = call.memory.get(usize::from(index))?;
                let piece = piece.get(usize::from(at)..usize::from(at) + usize::from(bytes))?;
                let mut word = [0; 8];
                word.get_mut(..piece.len())?.copy_from_slice(piece);
                Some(u64::from_le_bytes(word))
            }
        }
    }
}

fn write(to: &mut Vec<u8>, width: Width, number: u64) {
    match width {
        Width::U8 => to.push(number as u8),
        Width::U16 => to.extend_from_slice(&(number as u16).to_le_bytes()),
        Width::U32 => to.extend_from_slice(&(number as u32).to_le_bytes()),
        Width::U64 => to.extend_from_slice(&number.to_le_bytes()),
        Width::Signed => to.extend_from_slice(&i64::from(number as i32).to_le_bytes()),
    }
}

fn write_if(to: &mut Vec<u8>, width: Width, number: Option<u64>) {
    if let Some(number) = number {
        write(to, width, number);
    }
}

fn append_text(to: &mut Vec<u8>, text: Option<&[u8]>) {
    if let Some(text) = text {
        to.extend_from_slice(text);
        to.push(0);
    }
}

/// The sum and the bytes of what [`crate::row::Copy::Vector`] brings.
fn vector(piece: &[u8]) -> Option<(u64, &[u8])> {
    let (sum, bytes) = piece.split_first_chunk::<8>()?;
    Some((u64::from_ne_bytes(*sum), bytes))
}

/// The address and the vector of what [`crate::row::Copy::Message`] brings.
fn message(piece: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = piece.split_first_chunk::<8>()?;
    let length = u64::from_ne_bytes(*length) as usize;
    rest.get(8..)?.split_at_checked(length)
}

fn nanoseconds(piece: &[u8]) -> Option<u64> {
    let (seconds, rest) = piece.split_first_chunk::<8>()?;
    let nanoseconds = u64::from_ne_bytes(*rest.first_chunk::<8>()?);
    Some(u64::from_ne_bytes(*seconds).wrapping_mul(1_000_000_000).wrapping_add(nanoseconds))
}

/// A count, then descriptor and flags of each.
fn append_polls(to: &mut Vec<u8>, array: &[u8], which: Polls) {
    let start = to.len();
    to.extend_from_slice(&[0, 0]);
    let mut count: u16 = 0;
    for poll in array.chunks_exact(8) {
        let fd = i32::from_ne_bytes([poll[0], poll[1], poll[2], poll[3]]);
        let asked = u64::from(u16::from_ne_bytes([poll[4], poll[5]]));
        let found = u64::from(u16::from_ne_bytes([poll[6], poll[7]]));
        if which == Polls::Found && found == 0 {
            continue;
        }
        let flags = crate::flags::POLL.translate(if which == Polls::Asked { asked } else { found });
        to.extend_from_slice(&i64::from(fd).to_le_bytes());
        to.extend_from_slice(&(flags as u16).to_le_bytes());
        count = count.saturating_add(1);
    }
    to[start..start + 2].copy_from_slice(&count.to_le_bytes());
}

fn append_task(to: &mut Vec<u8>, facts: &TaskFacts<'_>, field: TaskField) {
    let (width, number) = match field {
        TaskField::Comm => return append_text(to, Some(facts.comm)),
        TaskField::Tid => (Width::Signed, facts.tid.into()),
        TaskField::Pid => (Width::Signed, facts.pid.into()),
        TaskField::Parent => (Width::Signed, facts.parent.into()),
        TaskField::FdLimit => (Width::U64, facts.fd_limit),
        TaskField::MajorFaults => (Width::U64, facts.major_faults),
        TaskField::MinorFaults => (Width::U64, facts.minor_faults),
        TaskField::Size => (Width::U32, facts.memory.size_kib.into()),
        TaskField::Resident => (Width::U32, facts.memory.resident_kib.into()),
        TaskField::Swap => (Width::U32, facts.memory.swap_kib.into()),
        TaskField::Uid => (Width::U32, facts.euid.into()),
        TaskField::Gid => (Width::U32, facts.egid.into()),
        TaskField::Vtid => (Width::Signed, facts.vtid.into()),
        TaskField::Vpid => (Width::Signed, facts.vpid.into()),
        TaskField::Tty => (Width::U32, facts.tty.into()),
        TaskField::Pgid => (Width::Signed, facts.pgid.into()),
        TaskField::Vpgid => (Width::Signed, facts.vpgid.into()),
        TaskField::Inheritable => (Width::U64, facts.inheritable),
        TaskField::Permitted => (Width::U64, facts.permitted),
        TaskField::Effective => (Width::U64, facts.effective),
        TaskField::LoginUid => (Width::U32, facts.loginuid.into()),
    };
    write(to, width, number);
}
