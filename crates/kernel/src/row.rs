//! One row per system call: which memory to copy in the kernel. The same row tells the decoder what each piece is.

use crate::record::OPS;
use crate::value::Value;

/// Which descriptor of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fd {
    /// An argument, from 0.
    Arg(u8),
    /// What the call returned.
    Return,
    /// A 32-bit number in memory, which the argument points to.
    At(u8),
    /// The file of the program that the caller is.
    Program,
}

/// How long a piece of memory is, in units of its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// An argument says it.
    Arg(u8),
    /// What was returned; nothing if the call failed.
    Return,
    /// What was returned, or the argument if the call failed.
    ReturnOr(u8),
    /// A 32-bit number in memory, which the argument points to.
    At(u8),
}

/// One piece of memory that the kernel copies for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    /// Text that ends with NUL, mostly a path, at an argument.
    Text(u8),
    /// What a program reads or writes, at an argument; cut at the snap length.
    Data(u8, Length),
    /// An array at an argument: so many elements of so many bytes.
    Array(u8, Length, u8),
    /// A structure of so many bytes at an argument.
    Struct(u8, u8),
    /// A socket address at an argument.
    Address(u8, Length),
    /// An iovec at the first argument with as many parts as the second says: eight bytes of the sum of lengths, then
    /// data, cut at the snap length.
    Vector(u8, u8),
    /// A msghdr at an argument: eight bytes of the address's length, eight of control data's, the address, then as a
    /// vector.
    Message(u8),
    /// A vector of texts that ends with NULL, at an argument: text after text with its NUL.
    Texts(u8),
    /// [`crate::facts::TaskFacts`] of the caller.
    Task,
    /// [`crate::facts::MemoryFacts`] of the caller.
    Memory,
    /// [`crate::facts::SocketFacts`] of a descriptor.
    Socket(Fd),
    /// [`crate::facts::FileFacts`] of a descriptor.
    File(Fd),
    /// The file that execve executes, at an argument, as it was named.
    Program(u8),
    /// What execve gives it: text after text with its NUL, cut at 4096 bytes.
    Arguments(u8),
    /// The same of the environment.
    Environment(u8),
}

/// When a piece is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Whatever the call returned.
    Always,
    /// Where the kernel wrote it, which it does only if the call succeeds.
    Success,
    /// Where success leaves nothing of it: the memory of who called execve.
    Failure,
}

/// A system call: its memory, and the events that it makes.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name in the kernel, which gives its number.
    pub name: &'static str,
    /// The type of the event that it begins with, in the numbering of captures; one more is the type of its end.
    pub event: u16,
    /// What to copy, in the order in which it arrives.
    pub copies: &'static [(When, Copy)],
    /// Parameters of its beginning; none where the type has no beginning.
    pub enter: &'static [Value],
    /// Parameters of its end.
    pub exit: &'static [Value],
}

/// Whether a call is told, which the kernel decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Not at all.
    #[default]
    Off,
    /// Always.
    All,
    /// Only if it fails.
    Failed,
}

/// `struct row` of `bpf/record.h`.
pub(crate) const ROW_BYTES: usize = 8 + OPS * 8;

/// The row as the kernel's half reads it.
pub(crate) fn encode(copies: &[(When, Copy)], mode: Mode, counted: [u8; 2]) -> [u8; ROW_BYTES] {
    let mut bytes = [0; ROW_BYTES];
    bytes[0] = mode as u8;
    bytes[1] = copies.len().min(OPS) as u8;
    bytes[2..4].copy_from_slice(&counted);
    for (to, (when, copy)) in bytes[8..].chunks_exact_mut(8).zip(copies) {
        to.copy_from_slice(&operation(*when, *copy));
    }
    bytes
}

/// `struct op`: kind, argument, length, extra argument, unit, when, whether the snap length cuts it.
fn operation(when: When, copy: Copy) -> [u8; 8] {
    const RETURN: u8 = 6;
    let of = |fd: Fd| match fd {
        Fd::Arg(arg) => (arg, (0, 0)),
        Fd::Return => (RETURN, (0, 0)),
        Fd::At(arg) => (arg, (0, 1)),
        Fd::Program => (0, (0, 2)),
    };
    let length = |length: Length| match length {
        Length::Arg(arg) => (arg, 0),
        Length::Return => (RETURN, 0),
        Length::ReturnOr(arg) => (7, arg),
        Length::At(arg) => (8, arg),
    };
    let (kind, arg, (length, extra), unit, cut) = match copy {
        Copy::Text(arg) => (1, arg, (0, 0), 0, 0),
        Copy::Data(arg, by) => (2, arg, length(by), 1, 1),
        Copy::Array(arg, by, unit) => (2, arg, length(by), unit, 0),
        Copy::Struct(arg, bytes) => (3, arg, (0, 0), bytes, 0),
        Copy::Address(arg, by) => (4, arg, length(by), 1, 0),
        Copy::Vector(arg, count) => (5, arg, (count, 0), 1, 1),
        Copy::Message(arg) => (6, arg, (0, 0), 1, 1),
        Copy::Texts(arg) => (7, arg, (0, 0), 0, 0),
        Copy::Task => (8, 0, (0, 0), 0, 0),
        Copy::Memory => (9, 0, (0, 0), 0, 0),
        Copy::Socket(fd) => (10, of(fd).0, of(fd).1, 0, 0),
        Copy::File(fd) => (11, of(fd).0, of(fd).1, 0, 0),
        Copy::Program(arg) => (12, arg, (0, 0), 0, 0),
        Copy::Arguments(arg) => (13, arg, (0, 0), 0, 0),
        Copy::Environment(arg) => (14, arg, (0, 0), 0, 0),
    };
    [kind, arg, length, extra, unit, when as u8, cut, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_what_the_program_reads() {
        let row = encode(
            &[
                (When::Always, Copy::Text(1)),
                (When::Success, Copy::Data(1, Length::ReturnOr(2))),
                (When::Failure, Copy::File(Fd::Return)),
            ],
            Mode::Failed,
            [1, 6],
        );
        assert_eq!(row[..8], [2, 3, 1, 6, 0, 0, 0, 0]);
        assert_eq!(row[8..16], [1, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(row[16..24], [2, 1, 7, 2, 1, 1, 1, 0]);
        assert_eq!(row[24..32], [11, 6, 0, 0, 0, 2, 0, 0]);
        assert!(row[32..].iter().all(|byte| *byte == 0));
    }
}
