//! Calls about files by name.

use super::notation::*;
use crate::flags::{CHOWNAT, DESCRIPTOR, OPEN, RESOLVE};
use crate::row::{Copy, Fd, Length, Row, When};
use crate::value::{Number, Value, Width};

/// What openat2 takes: flags, mode, how to resolve, eight bytes each.
const HOW_FLAGS: Value = Value::Bits(Width::U32, Number::In(1, 0, 8), OPEN);
const HOW_MODE: Value = inside(Width::U32, 1, 8, 8);
const HOW_RESOLVE: Value = Value::Bits(Width::U32, Number::In(1, 16, 8), RESOLVE);

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    row("open", 2, &[path(0), OPENED], &[text(0), b32(1, OPEN), n32(2)],
        &[RET, text(0), b32(1, OPEN), n32(2), device(1), inode(1)]),
    row("creat", 58, &[path(0), OPENED], &[text(0), n32(1)],
        &[RET, text(0), n32(1), device(1), inode(1), zero(Width::U16)]),
    row("openat", 306, &[path(1), OPENED], &[fd(0), text(0), b32(2, OPEN), n32(3)],
        &[RET, fd(0), text(0), b32(2, OPEN), n32(3), device(1), inode(1)]),
    row("openat2", 326, &[path(1), given(2, 24), OPENED], &[fd(0), text(0), HOW_FLAGS, HOW_MODE, HOW_RESOLVE],
        &[RET, fd(0), text(0), HOW_FLAGS, HOW_MODE, HOW_RESOLVE, device(2), inode(2)]),
    row("open_by_handle_at", 336, &[OPENED], &[],
        &[RET, fd(0), b32(2, OPEN), Value::State, device(0), inode(0)]),
    row("stat", 66, &[path(0)], &[], &[RET, text(0)]),
    row("lstat", 68, &[path(0)], &[], &[RET, text(0)]),
    row("newfstatat", 418, &[path(1)], &[], &[RET, fd(0), text(0), n32(3)]),
    row("access", 264, &[path(0)], &[n32(1)], &[RET, text(0), n32(1)]),
    row("chdir", 94, &[path(0)], &[], &[RET, text(0)]),
    row("chroot", 266, &[path(0)], &[], &[RET, text(0)]),
    row("getcwd", 92, &[(When::Success, Copy::Text(0))], &[], &[RET, text(0)]),
    row("mkdir", 276, &[path(0)], &[n32(1)], &[RET, text(0), n32(1)]),
    row("mkdirat", 304, &[path(1)], &[], &[RET, fd(0), text(0), n32(2)]),
    row("rmdir", 278, &[path(0)], &[], &[RET, text(0)]),
    row("unlink", 300, &[path(0)], &[], &[RET, text(0)]),
    row("unlinkat", 302, &[path(1)], &[], &[RET, fd(0), text(0), n32(2)]),
    row("rename", 174, &[path(0), path(1)], &[], &[RET, text(0), text(1)]),
    row("renameat", 176, &[path(1), path(3)], &[], &[RET, fd(0), text(0), fd(2), text(1)]),
    row("renameat2", 318, &[path(1), path(3)], &[], &[RET, fd(0), text(0), fd(2), text(1), n32(4)]),
    row("link", 308, &[path(0), path(1)], &[], &[RET, text(0), text(1)]),
    row("linkat", 310, &[path(1), path(3)], &[], &[RET, fd(0), text(0), fd(2), text(1), n32(4)]),
    row("symlink", 178, &[path(0), path(1)], &[], &[RET, text(0), text(1)]),
    row("symlinkat", 180, &[path(0), path(2)], &[], &[RET, text(0), fd(1), text(1)]),
    row("chmod", 314, &[path(0)], &[], &[RET, text(0), n32(1)]),
    row("fchmodat", 312, &[path(1)], &[], &[RET, fd(0), text(0), n32(2)]),
    row("chown", 378, &[path(0)], &[], &[RET, text(0), n32(1), n32(2)]),
    row("lchown", 380, &[path(0)], &[], &[RET, text(0), n32(1), n32(2)]),
    row("fchownat", 384, &[path(1)], &[], &[RET, fd(0), text(0), n32(2), n32(3), b32(4, CHOWNAT)]),
    row("mknod", 414, &[path(0)], &[], &[RET, text(0), n32(1), n32(2)]),
    row("mknodat", 416, &[path(1)], &[], &[RET, fd(0), text(0), n32(2), n32(3)]),
    row("mount", 256, &[path(0), path(1), path(2)], &[n32(3)], &[RET, text(0), text(1), text(2), n32(3)]),
    // One call, whose flags a program may leave out; captures have a type for each, and this is the one with flags.
    row("umount2", 390, &[path(0)], &[n32(1)], &[RET, text(0), n32(1)]),
    // Of quotas, only what they are of.
    row("quotactl", 190, &[path(1)], &[Value::State; 4],
        &[RET, text(0), Value::State, Value::State, Value::State, Value::State, Value::State, Value::State,
          Value::State, Value::State, Value::State, Value::State, Value::State, Value::State, Value::State,
          Value::State, Value::State, Value::State]),
    row("fsconfig", 372, &[path(2), (When::Always, Copy::Data(3, Length::Arg(4)))], &[],
        &[RET, fd(0), n32(1), text(0), bytes(1), Value::State, n32(4)]),
    row("memfd_create", 404, &[path(0)], &[], &[RET, text(0), n32(1)]),
    row("pipe", 60, &[filled(0, 8), (When::Success, Copy::File(Fd::At(0)))], &[],
        &[RET, fd_in(0, 0), fd_in(0, 4), inode(1)]),
    row("pipe2", 392, &[filled(0, 8), (When::Success, Copy::File(Fd::At(0)))], &[],
        &[RET, fd_in(0, 0), fd_in(0, 4), inode(1), b32(1, DESCRIPTOR)]),
];
