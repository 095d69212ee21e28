//! The columns of `fathom sessions`.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use fathom_model::field::Shown;
use fathom_model::{Field, Kind, Value};
use fathom_protocol::Seen;

/// A session and where it is.
pub(crate) struct Placed {
    /// The node of a cluster; none on this machine.
    pub(crate) node: Option<String>,
    pub(crate) seen: Seen,
}

/// One row per column.
pub(crate) const FIELDS: &[Field<Placed>] = &[
    Field {
        name: "id",
        kind: Kind::Text,
        doc: "what `attach` and `kill` take",
        shown: Shown::Always,
        get: |s| Value::text(&s.seen.id),
    },
    Field {
        name: "target",
        kind: Kind::Text,
        doc: "what was entered",
        shown: Shown::Always,
        get: |s| Value::text(&s.seen.target),
    },
    Field {
        name: "profile",
        kind: Kind::Text,
        doc: "what its command may do",
        shown: Shown::Always,
        get: |s| Value::text(&s.seen.profile),
    },
    Field {
        name: "state",
        kind: Kind::Text,
        doc: "attached or detached when it was started",
        shown: Shown::Always,
        get: |s| Value::text(if s.seen.detached { "detached" } else { "attached" }),
    },
    Field {
        name: "age",
        kind: Kind::Age,
        doc: "time since it was started",
        shown: Shown::Always,
        get: |s| age(s.seen.started),
    },
    Field {
        name: "command",
        kind: Kind::Text,
        doc: "what runs in it",
        shown: Shown::Always,
        get: |s| Value::Text(Cow::Owned(s.seen.command.join(" "))),
    },
    Field {
        name: "node",
        kind: Kind::Text,
        doc: "the node that it is on, in a cluster",
        shown: Shown::Wide,
        get: |s| Value::maybe(s.node.as_deref()),
    },
    Field {
        name: "supervisor",
        kind: Kind::Number,
        doc: "process number of its supervisor",
        shown: Shown::Wide,
        get: |s| of_node(s, s.seen.supervisor),
    },
    Field {
        name: "owner",
        kind: Kind::Number,
        doc: "uid of who started it",
        shown: Shown::Wide,
        get: |s| of_node(s, s.seen.owner),
    },
];

/// A number that only the node of a session knows; a server, which lists it, does not.
fn of_node(placed: &Placed, number: u32) -> Value<'static> {
    if placed.seen.supervisor == 0 { Value::Unknown } else { Value::Number(number.into()) }
}

/// The time since a moment given in seconds since 1970.
pub(crate) fn age(started: u64) -> Value<'static> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Value::Age(now.saturating_sub(Duration::from_secs(started)))
}
