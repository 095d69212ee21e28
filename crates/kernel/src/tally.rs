//! Totals in place of events: calls are counted in the kernel by what was chosen, and nothing is sent for each of them.
//!
//! What a call is of is a [`Key`]: its columns that were not chosen are zero. Nothing is lost, however many calls there
//! are: what finds no room among the keys is part of one more total, [`Drained::rest`].

use crate::number;
use crate::record::{ARGS, CALLS};

/// What calls are told apart by. Each costs some nanoseconds per call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Column {
    /// The process.
    Process,
    /// The thread; if both are chosen, the process goes without saying.
    Thread,
    /// Which call it is.
    Call,
    /// The number of its descriptor.
    Descriptor,
    /// The file behind its descriptor, by inode and device: a number that is given again means another one.
    File,
    /// Which sort of file that is, and the family of a socket.
    Shape,
    /// The error that it returned.
    Error,
}

impl Column {
    /// `BY_` of `bpf/record.h`.
    const ALL: [Column; 7] =
        [Column::Process, Column::Thread, Column::Call, Column::Descriptor, Column::File, Column::Shape, Column::Error];

    fn bit(self) -> u32 {
        let place = Column::ALL.iter().position(|column| *column == self);
        1 << place.expect("every column is among all columns")
    }
}

/// Whether it is summed up how long calls take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// It is, which means to look at the clock once more per call.
    Summed,
    /// Not: totals have zero.
    Ignored,
}

/// `COUNT_TIME`.
const TIME: u32 = 128;

/// Which descriptor a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descriptor {
    /// An argument, from 0.
    Arg(u8),
    /// What it returns.
    Return,
    /// None.
    None,
}

/// What is counted, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// What calls are told apart by.
    pub by: Vec<Column>,
    /// Whether time is summed up.
    pub time: Time,
    /// How many totals there can be at once, on all processors.
    pub room: u32,
    calls: Vec<Option<Descriptor>>,
}

impl Tally {
    /// Counts nothing yet.
    pub fn by(by: impl Into<Vec<Column>>) -> Tally {
        Tally { by: by.into(), time: Time::Ignored, room: usual_room(), calls: vec![None; CALLS] }
    }

    /// Counts the call `name` too; a name that this kind of machine has no call for changes nothing. What it returned is
    /// taken for a number of bytes.
    #[must_use]
    pub fn with(mut self, name: &str, descriptor: Descriptor) -> Tally {
        if let Some(number) = number::number(name)
            && let Some(call) = self.calls.get_mut(usize::from(number))
        {
            *call = Some(descriptor);
        }
        self
    }

    /// Whether the call `number` is counted.
    pub(crate) fn counts(&self, number: usize) -> bool {
        self.calls.get(number).is_some_and(Option::is_some)
    }

    /// Whether any call is counted.
    pub fn counts_any(&self) -> bool {
        self.calls.iter().any(Option::is_some)
    }

    /// How the kernel's half is told: columns in one word.
    pub(crate) fn word(&self) -> u32 {
        let time = if self.time == Time::Summed { TIME } else { 0 };
        self.by.iter().fold(COUNTING | time, |word, column| word | column.bit())
    }

    /// The two bytes of the row of call `number`: whether it counts, and which argument is its descriptor.
    pub(crate) fn of(&self, number: usize) -> [u8; 2] {
        const NONE: u8 = 0xff;
        const RETURN: u8 = ARGS as u8;
        match self.calls.get(number).copied().flatten() {
            None => [0, NONE],
            Some(Descriptor::Arg(arg)) => [1, arg.min(RETURN - 1)],
            Some(Descriptor::Return) => [1, RETURN],
            Some(Descriptor::None) => [1, NONE],
        }
    }
}

/// Set whenever anything is counted.
const COUNTING: u32 = 256;

/// How many totals there can be where nobody says it: 64 MiB for all processors, but no more than 16384.
fn usual_room() -> u32 {
    let each = SUM_BYTES as u32 * crate::program::processors() + 96;
    ((32 << 20) / each).clamp(1024, 16384)
}

/// What a total is of. What calls are not told apart by is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Key {
    /// The process, or the thread if that was chosen, by its number in the outermost pid namespace.
    pub task: u32,
    /// How many programs the task had executed since it was looked at, if calls are told apart by tasks: what it is
    /// called depends on that.
    pub programs: u16,
    /// The call's number.
    pub call: u16,
    /// The number of the descriptor; -1 if the call is about none.
    pub descriptor: i32,
    /// The file's inode.
    pub inode: u64,
    /// The device that the file is on, as the kernel has it within.
    pub device: u32,
    /// `S_IFMT` of the file's mode; zero of what is of no sort, as what epoll makes.
    pub shape: u32,
    /// `AF_` of a socket.
    pub family: u8,
    /// The error, above zero; zero for calls that returned none.
    pub error: u16,
}

/// What calls add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How many there were.
    pub count: u64,
    /// What they returned that was above zero.
    pub bytes: u64,
    /// How long they took, in nanoseconds; of calls whose beginning was not seen, nothing.
    pub time: u64,
    /// How many returned an error.
    pub errors: u64,
}

impl std::ops::AddAssign for Sum {
    fn add_assign(&mut self, other: Sum) {
        self.count += other.count;
        self.bytes += other.bytes;
        self.time += other.time;
        self.errors += other.errors;
    }
}

impl Sum {
    /// What has come since it was `earlier`.
    pub(crate) fn since(self, earlier: Sum) -> Sum {
        Sum {
            count: self.count - earlier.count,
            bytes: self.bytes - earlier.bytes,
            time: self.time - earlier.time,
            errors: self.errors - earlier.errors,
        }
    }
}

/// What was counted since the last time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drained {
    /// Until when, in nanoseconds since 1970: what returned later counts the next time.
    pub time: u64,
    /// By key, in no order; each key once.
    pub totals: Vec<(Key, Sum)>,
    /// Of all calls that found no room among the keys.
    pub rest: Sum,
}

/// Bytes of `struct sum_key` and `struct sum`.
pub(crate) const KEY_BYTES: usize = 32;
pub(crate) const SUM_BYTES: usize = 32;

/// Reads one `struct sum_key`.
pub(crate) fn key(bytes: &[u8]) -> Key {
    let word = |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_ne_bytes);
    let half = |at: usize| bytes.get(at..at + 2).and_then(|half| half.try_into().ok()).map_or(0, u16::from_ne_bytes);
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    Key {
        inode: long(bytes, 0),
        task: word(8),
        descriptor: word(12) as i32,
        device: word(16),
        call: half(20),
        error: half(22),
        shape: u32::from(byte(24)) << 12,
        family: byte(25),
        programs: half(26),
    }
}

/// Adds up a `struct sum` for each processor.
pub(crate) fn sum(bytes: &[u8]) -> Sum {
    let mut all = Sum::default();
    for one in bytes.chunks_exact(SUM_BYTES) {
        all += Sum { count: long(one, 0), bytes: long(one, 8), time: long(one, 16), errors: long(one, 24) };
    }
    all
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_the_bits_of_the_program() {
        let tally = Tally::by([Column::Process, Column::File]).with("read", Descriptor::Arg(0));
        assert_eq!(tally.word(), 256 | 1 | 16);
        let read = usize::from(number::number("read").expect("every machine has it"));
        assert_eq!(tally.of(read), [1, 0]);
        assert_eq!(tally.of(read + 1), [0, 0xff]);
        let timed = Tally { time: Time::Summed, ..Tally::by([Column::Error]) };
        assert_eq!(timed.word(), 256 | 128 | 64);
    }

    #[test]
    fn totals_of_processors_are_added_up() {
        let mut bytes = Vec::new();
        for number in [1_u64, 2, 3, 4, 10, 20, 30, 40] {
            bytes.extend(number.to_ne_bytes());
        }
        assert_eq!(sum(&bytes), Sum { count: 11, bytes: 22, time: 33, errors: 44 });
        let mut bytes = 7_u64.to_ne_bytes().to_vec();
        bytes.extend([9_u32, u32::MAX, 5].map(u32::to_ne_bytes).concat());
        bytes.extend([3_u16, 2].map(u16::to_ne_bytes).concat());
        bytes.extend([8, 0, 4, 0, 0, 0, 0, 0]);
        let expected = Key {
            inode: 7,
            task: 9,
            descriptor: -1,
            device: 5,
            call: 3,
            error: 2,
            shape: libc::S_IFREG,
            family: 0,
            programs: 4,
        };
        assert_eq!(key(&bytes), expected);
        assert_eq!(key(&[]), Key::default());
    }
}
