//! Calls about sockets.

use super::notation::*;
use crate::flags::{DESCRIPTOR, LEVEL, OPTION};
use crate::row::{Copy, Fd, Length, Row, When};
use crate::value::{Named, Value, Width};

/// The socket that a connection was accepted into.
const ACCEPTED: Piece = (When::Success, Copy::Socket(Fd::Return));

/// An address in the second piece, behind the socket in the first.
const ADDRESS: Option<(u8, Named)> = Some((1, Named::Address));
/// The same in a msghdr.
const MESSAGE: Option<(u8, Named)> = Some((1, Named::Message));

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    row("socket", 18, &[], &[n32(0), n32(1), n32(2)], &[RET, n32(0), n32(1), n32(2), b32(1, DESCRIPTOR)]),
    row("socketpair", 42, &[filled(3, 8), (When::Success, Copy::Socket(Fd::At(3)))], &[n32(0), n32(1), n32(2)],
        &[RET, fd_in(0, 0), fd_in(0, 4), inside(Width::U64, 1, 56, 8), inside(Width::U64, 1, 64, 8),
          n32(0), n32(1), n32(2)]),
    row("bind", 20, &[address(1, 2)], &[fd(0)], &[RET, Value::Address(0), fd(0)]),
    row("connect", 22, &[socket(0), address(1, 2)], &[fd(0), Value::Address(1)],
        &[RET, to(0, ADDRESS), fd(0), Value::Address(1)]),
    row("listen", 24, &[], &[fd(0), n32(1)], &[RET, fd(0), n32(1)]),
    row("accept", 246, &[ACCEPTED, socket(0)], &[],
        &[RET, from(0, None), PERCENT,
          WAITING, MOST]),
    row("accept4", 388, &[ACCEPTED, socket(0)], &[n32(3)],
        &[RET, from(0, None), PERCENT,
          WAITING, MOST,
          n32(3)]),
    row("sendto", 30, &[socket(0), address(4, 5), written(1, 2)], &[fd(0), n32(2), to(0, ADDRESS)],
        &[RET, bytes(2), fd(0), n32(2), to(0, ADDRESS)]),
    row("recvfrom", 34, &[socket(0), filled_address(4, 5), was_read(1)], &[fd(0), n32(2)],
        &[RET, bytes(2), from(0, ADDRESS), fd(0), n32(2)]),
    row("sendmsg", 48, &[socket(0), (When::Always, Copy::Message(1))],
        &[fd(0), Value::MessageSize(1), to(0, MESSAGE)],
        &[RET, Value::MessageBytes(1), fd(0), Value::MessageSize(1), to(0, MESSAGE)]),
    row("recvmsg", 52, &[socket(0), (When::Success, Copy::Message(1))], &[fd(0)],
        &[RET, RET32, Value::MessageBytes(1), from(0, MESSAGE), Value::State, fd(0)]),
    // Of many messages, the first; a struct mmsghdr begins with a msghdr.
    row("sendmmsg", 50, &[socket(0), (When::Always, Copy::Message(1))], &[],
        &[RET, fd(0), Value::MessageSize(1), Value::MessageBytes(1), to(0, MESSAGE)]),
    row("recvmmsg", 54, &[socket(0), (When::Success, Copy::Message(1))], &[],
        &[RET, fd(0), Value::MessageSize(1), Value::MessageBytes(1), from(0, MESSAGE), Value::State]),
    row("shutdown", 36, &[], &[fd(0), n8(1)], &[RET, fd(0), n8(1)]),
    row("getsockname", 38, &[], &[], &[]),
    row("getpeername", 40, &[], &[], &[]),
    row("setsockopt", 44, &[(When::Always, Copy::Array(3, Length::Arg(4), 1))], &[],
        &[RET, fd(0), c8(1, LEVEL), c8(2, OPTION), Value::Option(0), n32(4)]),
    row("getsockopt", 46, &[(When::Success, Copy::Array(3, Length::At(4), 1)), filled(4, 4)], &[],
        &[RET, fd(0), c8(1, LEVEL), c8(2, OPTION), Value::Option(0), inside(Width::U32, 1, 0, 4)]),
];
