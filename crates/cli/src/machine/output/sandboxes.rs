//! The columns of `fathom demo up` and `fathom demo status`.

use std::borrow::Cow;

use fathom_demo::{SandboxStatus, State};
use fathom_model::field::Shown;
use fathom_model::{Field, Kind, Value};

use crate::output::sessions::age;

/// One row per column.
pub(crate) const FIELDS: &[Field<SandboxStatus>] = &[
    Field {
        name: "target",
        kind: Kind::Text,
        doc: "what `enter` takes",
        shown: Shown::Always,
        get: |s| Value::Text(Cow::Owned(format!("demo/{}", s.name))),
    },
    Field {
        name: "state",
        kind: Kind::Text,
        doc: "running, or restarting after it ended",
        shown: Shown::Always,
        get: |s| Value::text(if s.state == State::Running { "running" } else { "restarting" }),
    },
    Field {
        name: "pid",
        kind: Kind::Number,
        doc: "its first process",
        shown: Shown::Always,
        get: |s| s.pid.map_or(Value::Unknown, |pid| Value::Number(pid.into())),
    },
    Field {
        name: "address",
        kind: Kind::Text,
        doc: "address and port in the shop's network",
        shown: Shown::Always,
        get: address,
    },
    Field {
        name: "restarts",
        kind: Kind::Number,
        doc: "how often it was started again",
        shown: Shown::Always,
        get: |s| Value::Number(s.restarts.into()),
    },
    Field {
        name: "exit",
        kind: Kind::Number,
        doc: "how its last incarnation ended",
        shown: Shown::Wide,
        get: |s| s.last_exit.map_or(Value::Unknown, |status| Value::Number(status.into())),
    },
    Field {
        name: "age",
        kind: Kind::Age,
        doc: "time since it started",
        shown: Shown::Always,
        get: |s| s.started.map_or(Value::Unknown, age),
    },
];

fn address(sandbox: &SandboxStatus) -> Value<'_> {
    let port = sandbox.port.map_or(String::new(), |port| format!(":{port}"));
    Value::Text(Cow::Owned(format!("{}{port}", sandbox.address)))
}
