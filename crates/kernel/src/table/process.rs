//! Calls about processes, users, memory, signals, time and the machine.

use super::notation::*;
use crate::flags::{CLONE, DELETE_MODULE, EXECVEAT, MAPPING, PROTECTION, PTRACE, SEMCTL, SEMGET, SEMOP};
use crate::row::{Copy, Fd, Length, Row, When};
use crate::value::{Number, TaskField, Value, Width};

/// What execve is given: the caller's memory holds it, the old one's or the new one's.
const fn program(file: u8) -> [Piece; 5] {
    [
        TASK,
        (When::Always, Copy::Program(file)),
        (When::Always, Copy::Arguments(file + 1)),
        (When::Always, Copy::Environment(file + 2)),
        (When::Success, Copy::File(Fd::Program)),
    ]
}

/// What a call that made a task says of its caller, which is the new one too. Names and the folder come from its maker.
const fn born(flags: Value) -> [Value; 21] {
    [
        RET,
        Value::State,
        Value::State,
        task(TaskField::Tid),
        task(TaskField::Pid),
        task(TaskField::Parent),
        Value::State,
        task(TaskField::FdLimit),
        task(TaskField::MajorFaults),
        task(TaskField::MinorFaults),
        task(TaskField::Size),
        task(TaskField::Resident),
        task(TaskField::Swap),
        task(TaskField::Comm),
        Value::State,
        flags,
        task(TaskField::Uid),
        task(TaskField::Gid),
        task(TaskField::Vtid),
        task(TaskField::Vpid),
        Value::State,
    ]
}

/// What a call that executed a program says of its caller.
const EXECUTED: [Value; 31] = [
    RET,
    Value::First(2),
    Value::Rest(2),
    task(TaskField::Tid),
    task(TaskField::Pid),
    task(TaskField::Parent),
    Value::State,
    task(TaskField::FdLimit),
    task(TaskField::MajorFaults),
    task(TaskField::MinorFaults),
    task(TaskField::Size),
    task(TaskField::Resident),
    task(TaskField::Swap),
    task(TaskField::Comm),
    Value::State,
    bytes(3),
    task(TaskField::Tty),
    task(TaskField::Vpgid),
    task(TaskField::LoginUid),
    zero(Width::U32),
    task(TaskField::Inheritable),
    task(TaskField::Permitted),
    task(TaskField::Effective),
    inode(4),
    Value::State,
    Value::State,
    task(TaskField::Uid),
    Value::State,
    task(TaskField::Pgid),
    task(TaskField::Gid),
    text(1),
];

/// A limit: the one in force, the most.
const fn limit(piece: u8) -> [Value; 2] {
    [inside(Width::U64, piece, 0, 8), inside(Width::U64, piece, 8, 8)]
}

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    row("execve", 292, &program(0), &[text(1)], &EXECUTED),
    row("execveat", 330, &program(1), &[fd(0), text(1), b32(4, EXECVEAT)], EXECUTED.split_at(30).0),
    row("clone", 222, &[TASK], &[], &born(b32(0, CLONE))),
    row("clone3", 334, &[TASK, given(0, 8)], &[], &born(Value::Bits(Width::U32, Number::In(1, 0, 8), CLONE))),
    row("fork", 224, &[TASK], &[], &born(zero(Width::U32))),
    row("vfork", 226, &[TASK], &[], &born(zero(Width::U32))),
    row("setns", 240, &[], &[fd(0), b32(1, CLONE)], &[RET, fd(0), b32(1, CLONE)]),
    row("unshare", 284, &[], &[b32(0, CLONE)], &[RET, b32(0, CLONE)]),
    row("setsid", 274, &[], &[], &[RET]),
    row("setpgid", 294, &[], &[fd(0), fd(1)], &[RET, fd(0), fd(1)]),
    row("prctl", 400, &[], &[], &[RET, n32(0), Value::State, n64(1)]),
    row("ptrace", 168, &[], &[c16(0, PTRACE), fd(1)],
        &[RET, Value::State, Value::State, c16(0, PTRACE), fd(1)]),
    row("seccomp", 298, &[], &[n64(0), n64(1)], &[RET, n64(0), n64(1)]),
    row("capset", 352, &[TASK], &[],
        &[RET, task(TaskField::Inheritable), task(TaskField::Permitted), task(TaskField::Effective)]),
    row("process_vm_readv", 420, &[(When::Success, Copy::Vector(1, 2))], &[], &[RET, fd(0), Value::VectorBytes(0)]),
    row("process_vm_writev", 422, &[(When::Always, Copy::Vector(1, 2))], &[], &[RET, fd(0), Value::VectorBytes(0)]),

    row("setuid", 198, &[], &[n32(0)], &[RET, n32(0)]),
    row("setgid", 200, &[], &[n32(0)], &[RET, n32(0)]),
    row("getuid", 202, &[], &[], &[RET32]),
    row("geteuid", 204, &[], &[], &[RET32]),
    row("getgid", 206, &[], &[], &[RET32]),
    row("getegid", 208, &[], &[], &[RET32]),
    row("setreuid", 426, &[], &[], &[RET, n32(0), n32(1)]),
    row("setregid", 428, &[], &[], &[RET, n32(0), n32(1)]),
    row("setresuid", 192, &[], &[n32(0), n32(1), n32(2)], &[RET, n32(0), n32(1), n32(2)]),
    row("setresgid", 194, &[], &[n32(0), n32(1), n32(2)], &[RET, n32(0), n32(1), n32(2)]),
    row("getresuid", 210, &[filled(0, 4), filled(1, 4), filled(2, 4)], &[],
        &[RET, inside(Width::U32, 0, 0, 4), inside(Width::U32, 1, 0, 4), inside(Width::U32, 2, 0, 4)]),
    row("getresgid", 212, &[filled(0, 4), filled(1, 4), filled(2, 4)], &[],
        &[RET, inside(Width::U32, 0, 0, 4), inside(Width::U32, 1, 0, 4), inside(Width::U32, 2, 0, 4)]),

    row("getrlimit", 140, &[filled(1, 16)], &[n8(0)], &[RET, limit(0)[0], limit(0)[1], n8(0)]),
    row("setrlimit", 142, &[given(1, 16)], &[n8(0)], &[RET, limit(0)[0], limit(0)[1], n8(0)]),
    row("prlimit64", 144, &[given(2, 16), filled(3, 16)], &[fd(0), n8(1)],
        &[RET, limit(0)[0], limit(0)[1], limit(1)[0], limit(1)[1], fd(0), n8(1)]),

    row("brk", 158, &[MEMORY], &[n64(0)], &[RET, SIZE, RESIDENT, SWAP, n64(0)]),
    row("mmap", 160, &[MEMORY], &[n64(0), n64(1), b32(2, PROTECTION), b32(3, MAPPING), fd(4), n64(5)],
        &[RET, SIZE, RESIDENT, SWAP, n64(0), n64(1), b32(2, PROTECTION), b32(3, MAPPING), fd(4), n64(5)]),
    row("munmap", 164, &[MEMORY], &[n64(0), n64(1)], &[RET, SIZE, RESIDENT, SWAP, n64(0), n64(1)]),
    row("mprotect", 328, &[], &[n64(0), n64(1), b32(2, PROTECTION)], &[RET, n64(0), n64(1), b32(2, PROTECTION)]),
    row("mlock", 344, &[], &[], &[RET, n64(0), n64(1)]),
    row("mlock2", 370, &[], &[], &[RET, n64(0), n64(1), n32(2)]),
    row("munlock", 346, &[], &[], &[RET, n64(0), n64(1)]),
    row("mlockall", 348, &[], &[], &[RET, n32(0)]),
    row("munlockall", 350, &[], &[], &[RET]),

    row("kill", 128, &[], &[fd(0), n8(1)], &[RET, fd(0), n8(1)]),
    row("tkill", 130, &[], &[fd(0), n8(1)], &[RET, fd(0), n8(1)]),
    row("tgkill", 132, &[], &[fd(0), fd(1), n8(2)], &[RET, fd(0), fd(1), n8(2)]),
    row("nanosleep", 134, &[given(0, 16)], &[Value::Nanoseconds(0)], &[RET, Value::Nanoseconds(0)]),
    row("futex", 64, &[], &[n64(0), n16(1), n64(2)], &[RET, n64(0), n16(1), n64(2)]),
    // struct sembuf: number, operation, flags, two bytes each.
    row("semop", 250, &[(When::Always, Copy::Array(1, Length::Arg(2), 6))], &[n32(0)],
        &[RET, n32(2),
          inside(Width::U16, 0, 0, 2), inside(Width::U16, 0, 2, 2), Value::Bits(Width::U16, Number::In(0, 4, 2), SEMOP),
          inside(Width::U16, 0, 6, 2), inside(Width::U16, 0, 8, 2), Value::Bits(Width::U16, Number::In(0, 10, 2), SEMOP),
          n32(0)]),
    row("semget", 262, &[], &[n32(0), n32(1), b32(2, SEMGET)], &[RET, n32(0), n32(1), b32(2, SEMGET)]),
    row("semctl", 252, &[], &[n32(0), n32(1), c16(2, SEMCTL), n32(3)], &[RET, n32(0), n32(1), c16(2, SEMCTL), n32(3)]),

    row("bpf", 368, &[], &[fd(0)], &[RET, n32(0)]),
    row("init_module", 410, &[(When::Always, Copy::Data(0, Length::Arg(1))), path(2)], &[], &[RET, bytes(0), n64(1), text(1)]),
    row("finit_module", 412, &[path(1)], &[], &[RET, fd(0), text(0), n32(2)]),
    row("delete_module", 424, &[path(0)], &[], &[RET, text(0), b32(1, DELETE_MODULE)]),
    row("keyctl", 452, &[], &[], &[RET, n32(0), Value::State, Value::State, Value::State, Value::State]),
];
