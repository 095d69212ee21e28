//! Short words for the columns of the table.

use crate::flags::{Bits, Choice};
use crate::row::{Copy, Fd, Length, Row, When};
use crate::value::{FileField, MemoryField, Named, Number, QueueField, TaskField, Tuple, Value, Way, Width};

pub(super) type Piece = (When, Copy);

pub(super) const fn row(
    name: &'static str,
    event: u16,
    copies: &'static [Piece],
    enter: &'static [Value],
    exit: &'static [Value],
) -> Row {
    Row { name, event, copies, enter, exit }
}

// Memory: the argument that points to it.

/// A path or other text.
pub(super) const fn path(arg: u8) -> Piece {
    (When::Always, Copy::Text(arg))
}
/// A structure that the caller fills.
pub(super) const fn given(arg: u8, bytes: u8) -> Piece {
    (When::Always, Copy::Struct(arg, bytes))
}
/// A structure that the kernel fills.
pub(super) const fn filled(arg: u8, bytes: u8) -> Piece {
    (When::Success, Copy::Struct(arg, bytes))
}
/// What was read: as long as was returned.
pub(super) const fn was_read(arg: u8) -> Piece {
    (When::Success, Copy::Data(arg, Length::Return))
}
/// What was, or was to be, written.
pub(super) const fn written(arg: u8, length: u8) -> Piece {
    (When::Always, Copy::Data(arg, Length::ReturnOr(length)))
}
/// The socket behind an argument, as it is at the end.
pub(super) const fn socket(arg: u8) -> Piece {
    (When::Always, Copy::Socket(Fd::Arg(arg)))
}
/// A socket address whose length is an argument too.
pub(super) const fn address(arg: u8, length: u8) -> Piece {
    (When::Always, Copy::Address(arg, Length::Arg(length)))
}
/// A socket address that the kernel fills, with its length in memory.
pub(super) const fn filled_address(arg: u8, length: u8) -> Piece {
    (When::Success, Copy::Address(arg, Length::At(length)))
}
/// The file that a call has opened.
pub(super) const OPENED: Piece = (When::Success, Copy::File(Fd::Return));
/// How much memory the caller has.
pub(super) const MEMORY: Piece = (When::Always, Copy::Memory);
/// The caller.
pub(super) const TASK: Piece = (When::Always, Copy::Task);

// Parameters.

/// What was returned.
pub(super) const RET: Value = Value::Plain(Width::U64, Number::Return);
/// The same, of which four bytes count.
pub(super) const RET32: Value = Value::Plain(Width::U32, Number::Return);
/// A descriptor, process or other number with a sign, in eight bytes.
pub(super) const fn fd(arg: u8) -> Value {
    Value::Plain(Width::Signed, Number::Arg(arg))
}
pub(super) const fn n8(arg: u8) -> Value {
    Value::Plain(Width::U8, Number::Arg(arg))
}
pub(super) const fn n16(arg: u8) -> Value {
    Value::Plain(Width::U16, Number::Arg(arg))
}
pub(super) const fn n32(arg: u8) -> Value {
    Value::Plain(Width::U32, Number::Arg(arg))
}
pub(super) const fn n64(arg: u8) -> Value {
    Value::Plain(Width::U64, Number::Arg(arg))
}
/// A number in a piece of memory.
pub(super) const fn inside(width: Width, piece: u8, at: u8, bytes: u8) -> Value {
    Value::Plain(width, Number::In(piece, at, bytes))
}
/// A descriptor in a piece of memory.
pub(super) const fn fd_in(piece: u8, at: u8) -> Value {
    inside(Width::Signed, piece, at, 4)
}
pub(super) const fn b8(arg: u8, bits: Bits) -> Value {
    Value::Bits(Width::U8, Number::Arg(arg), bits)
}
pub(super) const fn b16(arg: u8, bits: Bits) -> Value {
    Value::Bits(Width::U16, Number::Arg(arg), bits)
}
pub(super) const fn b32(arg: u8, bits: Bits) -> Value {
    Value::Bits(Width::U32, Number::Arg(arg), bits)
}
pub(super) const fn c8(arg: u8, choice: Choice) -> Value {
    Value::Choice(Width::U8, Number::Arg(arg), choice)
}
pub(super) const fn c16(arg: u8, choice: Choice) -> Value {
    Value::Choice(Width::U16, Number::Arg(arg), choice)
}
pub(super) const fn zero(width: Width) -> Value {
    Value::Constant(width, 0)
}
pub(super) const fn text(piece: u8) -> Value {
    Value::Text(piece)
}
pub(super) const fn bytes(piece: u8) -> Value {
    Value::Bytes(piece)
}
pub(super) const fn device(piece: u8) -> Value {
    Value::File(piece, FileField::Device)
}
pub(super) const fn inode(piece: u8) -> Value {
    Value::File(piece, FileField::Inode)
}
pub(super) const fn task(field: TaskField) -> Value {
    Value::Task(0, field)
}
pub(super) const SIZE: Value = Value::Memory(0, MemoryField::Size);
pub(super) const RESIDENT: Value = Value::Memory(0, MemoryField::Resident);
pub(super) const SWAP: Value = Value::Memory(0, MemoryField::Swap);
/// Of the listening socket, in the second piece.
pub(super) const PERCENT: Value = Value::Queue(1, QueueField::Percent);
pub(super) const WAITING: Value = Value::Queue(1, QueueField::Length);
pub(super) const MOST: Value = Value::Queue(1, QueueField::Most);
/// A connection from us to the other end, whose address is in `named` if the call names it.
pub(super) const fn to(socket: u8, named: Option<(u8, Named)>) -> Value {
    Value::Tuple(Tuple { socket, named, way: Way::Out })
}
/// A connection from the other end to us.
pub(super) const fn from(socket: u8, named: Option<(u8, Named)>) -> Value {
    Value::Tuple(Tuple { socket, named, way: Way::In })
}
