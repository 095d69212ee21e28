//! What the kernel's half writes, byte for byte: `bpf/record.h` in Rust. Reads records out of the bytes of a ring.
//!
//! Nothing here trusts a length: a record that is cut short has absent data, never a panic.

/// Arguments of a system call.
pub const ARGS: usize = 6;
/// Pieces of memory that one call can bring along.
pub const OPS: usize = 6;
/// Rows of the table; the last is for every other call.
pub(crate) const CALLS: usize = 512;
/// Length of a record's head in bytes.
pub(crate) const HEAD: usize = 104;
/// Marks a piece of memory that could not be read.
const ABSENT: u16 = 0xffff;

/// What a record tells of; numbers as in `enum kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A system call that has returned.
    Call,
    /// A system call that will never return, told as its caller ends.
    Entered,
    /// A process or thread was made.
    Fork,
    /// A program was executed.
    Exec,
    /// A thread ended.
    Exit,
    /// A signal was delivered.
    Signal,
    /// The processor turned to another task.
    Switch,
    /// A page was not there.
    Fault,
}

impl Kind {
    /// All, in the order of their numbers.
    pub const ALL: [Kind; 8] =
        [Kind::Call, Kind::Entered, Kind::Fork, Kind::Exec, Kind::Exit, Kind::Signal, Kind::Switch, Kind::Fault];

    /// How it is called where losses are told.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Call => "calls",
            Kind::Entered => "calls without an end",
            Kind::Fork => "forks",
            Kind::Exec => "executed programs",
            Kind::Exit => "exits",
            Kind::Signal => "signals",
            Kind::Switch => "switches",
            Kind::Fault => "page faults",
        }
    }
}

/// One record, borrowed from the bytes of a ring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    head: &'a [u8; HEAD],
    data: &'a [u8],
}

macro_rules! word {
    ($name:ident, $type:ty, $at:expr) => {
        pub(crate) fn $name(&self) -> $type {
            let mut bytes = [0; size_of::<$type>()];
            bytes.copy_from_slice(&self.head[$at..$at + size_of::<$type>()]);
            <$type>::from_ne_bytes(bytes)
        }
    };
}

impl<'a> Record<'a> {
    /// A record, if there are enough bytes for its head and it is of a kind that we know.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Record<'a>> {
        let (head, data) = bytes.split_first_chunk::<HEAD>()?;
        (usize::from(head[0]) < Kind::ALL.len()).then_some(Record { head, data })
    }

    pub(crate) fn kind(&self) -> Kind {
        Kind::ALL[usize::from(self.head[0]) % Kind::ALL.len()]
    }

    /// Whether the call came from a 32-bit program.
    pub(crate) fn is_compat(&self) -> bool {
        self.head[1] & 1 != 0
    }

    word!(nr, u16, 2);
    word!(lost, u32, 4);
    word!(tid, u32, 8);
    word!(pid, u32, 12);
    word!(time, u64, 16);
    word!(enter, u64, 24);
    word!(ret, i64, 32);
    word!(cpu, u16, 102);

    pub(crate) fn args(&self) -> [u64; ARGS] {
        let word = |index: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&self.head[40 + index * 8..48 + index * 8]);
            u64::from_ne_bytes(bytes)
        };
        std::array::from_fn(word)
    }

    pub(crate) fn memory(&self) -> Memory<'a> {
        let half = |at: usize| u16::from_ne_bytes([self.head[at], self.head[at + 1]]);
        let count = usize::from(half(100)).min(OPS);
        Memory {
            lengths: std::array::from_fn(|index| if index < count { half(88 + index * 2) } else { ABSENT }),
            data: self.data,
        }
    }
}

/// The memory that a call brought along: one piece per copy in its row, in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory<'a> {
    lengths: [u16; OPS],
    data: &'a [u8],
}

impl<'a> Memory<'a> {
    /// No memory at all.
    pub const NONE: Memory<'static> = Memory { lengths: [ABSENT; OPS], data: &[] };

    /// The piece for the row's copy `index`; `None` where it could not be read, or the call did not get so far.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let length = *self.lengths.get(index)?;
        if length == ABSENT {
            return None;
        }
        let before = self.lengths[..index].iter().filter(|length| **length != ABSENT);
        let start: usize = before.map(|length| usize::from(*length)).sum();
        self.data.get(start..start + usize::from(length))
    }

    /// The piece as text, without the NUL that ends it.
    pub fn text(&self, index: usize) -> Option<&'a [u8]> {
        let bytes = self.get(index)?;
        Some(bytes.split(|byte| *byte == 0).next().unwrap_or(bytes))
    }

    /// All pieces, with those that are absent.
    pub fn pieces(&self) -> impl Iterator<Item = Option<&'a [u8]>> + '_ {
        (0..OPS).map(|index| self.get(index))
    }
}

/// A record of our own making, for events that do not come from the programs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) compat: bool,
    pub(crate) number: u16,
    pub(crate) tid: u32,
    pub(crate) pid: u32,
    pub(crate) time: u64,
    pub(crate) enter: u64,
    pub(crate) ret: i64,
    pub(crate) args: [u64; ARGS],
}

impl Head {
    /// The bytes of the record, with these pieces of memory behind its head.
    pub(crate) fn compose(&self, pieces: &[Option<Vec<u8>>]) -> Vec<u8> {
        let mut bytes = vec![self.kind as u8, u8::from(self.compat)];
        bytes.extend(self.number.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.tid.to_ne_bytes());
        bytes.extend(self.pid.to_ne_bytes());
        bytes.extend(self.time.to_ne_bytes());
        bytes.extend(self.enter.to_ne_bytes());
        bytes.extend(self.ret.to_ne_bytes());
        bytes.extend(self.args.iter().flat_map(|arg| arg.to_ne_bytes()));
        let length = |index: usize| match pieces.get(index) {
            Some(Some(piece)) => piece.len().min(usize::from(ABSENT) - 1) as u16,
            _ => ABSENT,
        };
        bytes.extend((0..OPS).flat_map(|index| length(index).to_ne_bytes()));
        bytes.extend((pieces.len().min(OPS) as u16).to_ne_bytes());
        bytes.extend([0; 2]);
        for (index, piece) in pieces.iter().take(OPS).enumerate() {
            let piece = piece.as_deref().unwrap_or_default();
            bytes.extend(&piece[..piece.len().min(usize::from(length(index)))]);
        }
        bytes
    }
}
