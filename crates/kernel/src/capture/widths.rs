//! The table of calls against the schema of captures: each parameter as wide as its type says, and none too many. What
//! is read back would be shifted or cut otherwise, in our own hands and in everybody else's.

use fathom_scap::schema::{EventType, Kind, event_type};

use super::{Parameters, WITHOUT_BEGINNING, encode};
use crate::event::{Event, What};
use crate::table;
use crate::value::{FileField, QueueField, TaskField, Value, Width};

/// How parameters lie in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// A number of so many bytes.
    Number(usize),
    /// Ends with a NUL.
    Text,
    Bytes,
    Address,
    Tuple,
    Descriptors,
    /// A byte that says which kind follows.
    Dynamic,
}

fn wanted(kind: Kind) -> Layout {
    match kind {
        Kind::I8 | Kind::U8 | Kind::Signal | Kind::Flags8 | Kind::Enum8 => Layout::Number(1),
        Kind::I16 | Kind::U16 | Kind::Syscall | Kind::Port | Kind::Flags16 | Kind::Enum16 => Layout::Number(2),
        Kind::I32 | Kind::U32 | Kind::Flags32 | Kind::Enum32 | Kind::Uid | Kind::Gid => Layout::Number(4),
        Kind::SigSet | Kind::Mode | Kind::Fd32 | Kind::Pid32 | Kind::Address4 => Layout::Number(4),
        Kind::I64 | Kind::U64 | Kind::Errno | Kind::Fd | Kind::Pid => Layout::Number(8),
        Kind::RelTime | Kind::AbsTime => Layout::Number(8),
        Kind::Text | Kind::Path | Kind::RelPath => Layout::Text,
        Kind::Bytes | Kind::Tags | Kind::TagPairs | Kind::Address6 => Layout::Bytes,
        Kind::SockAddr => Layout::Address,
        Kind::SockTuple => Layout::Tuple,
        Kind::FdList => Layout::Descriptors,
        Kind::Dynamic => Layout::Dynamic,
    }
}

/// What a value of the table writes; nothing if it writes nothing here.
fn written(value: &Value) -> Option<Layout> {
    let number = |width| match width {
        Width::U8 => Layout::Number(1),
        Width::U16 => Layout::Number(2),
        Width::U32 => Layout::Number(4),
        Width::U64 | Width::Signed => Layout::Number(8),
    };
    Some(match *value {
        Value::Plain(width, _) | Value::Constant(width, _) => number(width),
        Value::Bits(width, ..) | Value::Choice(width, ..) => number(width),
        Value::Text(_) | Value::First(_) => Layout::Text,
        Value::Rest(_) | Value::Bytes(_) | Value::VectorBytes(_) | Value::MessageBytes(_) => Layout::Bytes,
        Value::VectorSize(_) | Value::MessageSize(_) | Value::Memory(..) => Layout::Number(4),
        Value::Address(_) => Layout::Address,
        Value::Tuple(_) => Layout::Tuple,
        Value::Polls(..) => Layout::Descriptors,
        Value::Nanoseconds(_) => Layout::Number(8),
        Value::Task(_, field) => match field {
            TaskField::Comm => Layout::Text,
            TaskField::Size | TaskField::Resident | TaskField::Swap => Layout::Number(4),
            TaskField::Uid | TaskField::Gid | TaskField::Tty | TaskField::LoginUid => Layout::Number(4),
            _ => Layout::Number(8),
        },
        Value::File(_, FileField::Device) => Layout::Number(4),
        Value::File(_, FileField::Inode) => Layout::Number(8),
        Value::Queue(_, QueueField::Percent) => Layout::Number(1),
        Value::Queue(..) => Layout::Number(4),
        Value::Option(_) => Layout::Dynamic,
        Value::State => return None,
    })
}

fn compare(event: &EventType, values: &[Value], wrong: &mut Vec<String>) {
    if values.len() > event.params.len() {
        wrong.push(format!(
            "{} {}: {} values, {} parameters",
            event.number,
            event.name,
            values.len(),
            event.params.len()
        ));
    }
    for (value, param) in values.iter().zip(event.params) {
        let (written, wanted) = (written(value), wanted(param.kind));
        if written.is_some_and(|written| written != wanted) {
            let name = format!("{} {} {}", event.number, event.name, param.name);
            wrong.push(format!("{name}: {written:?}, and captures have {wanted:?}"));
        }
    }
}

#[test]
fn parameters_are_as_wide_as_captures_have_them() {
    let mut wrong = Vec::new();
    for row in table::rows() {
        let (begin, end) = (event_type(row.event).unwrap(), event_type(row.event + 1).unwrap());
        if row.event < WITHOUT_BEGINNING {
            compare(begin, row.enter, &mut wrong);
        }
        compare(end, row.exit, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is no call has no row: it is made, and measured.
#[test]
fn what_is_no_call_is_as_wide_too() {
    let all = [
        What::End { status: 0x8b, used: [1, 2] },
        What::Signal { number: 9, sender: 1 },
        What::Switch { next: 7, major_faults: 1, minor_faults: 2, memory: [3; 3] },
        What::Fault { address: 1, instruction: 2, code: 3 },
    ];
    for what in all {
        let mut parameters = Parameters::default();
        let number = encode(&Event { time: 0, cpu: 0, tid: 1, pid: 1, what }, |_| 0, &mut parameters).unwrap();
        let event = event_type(number).unwrap();
        for (bytes, param) in parameters.iter().zip(event.params) {
            let name = format!("{number} {} {}", event.name, param.name);
            if let (Layout::Number(width), false) = (wanted(param.kind), bytes.is_empty()) {
                assert_eq!(bytes.len(), width, "{name}");
            }
        }
        assert!(parameters.len() <= event.params.len(), "{number}");
    }
}
