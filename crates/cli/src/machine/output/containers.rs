//! The columns of `fathom ps`.

use std::borrow::Cow;

use fathom_model::field::Shown;
use fathom_model::{Container, Field, Kind, State, Value};

use crate::output::sessions::age;

/// One row per column.
pub(crate) const FIELDS: &[Field<Container>] = &[
    Field {
        name: "id",
        kind: Kind::Text,
        doc: "the engine's id; tables and names show the first twelve characters of a random one",
        shown: Shown::Always,
        get: |c| Value::Id(&c.id, c.short_id()),
    },
    Field {
        name: "name",
        kind: Kind::Text,
        doc: "what people call it",
        shown: Shown::Always,
        get: |c| Value::maybe(c.name.as_deref()),
    },
    Field {
        name: "image",
        kind: Kind::Text,
        doc: "the image it was made from",
        shown: Shown::Always,
        get: |c| Value::maybe(c.image.as_deref()),
    },
    Field {
        name: "runtime",
        kind: Kind::Text,
        doc: "the engine that made it",
        shown: Shown::Always,
        get: |c| Value::text(c.engine.scheme()),
    },
    Field { name: "pid", kind: Kind::Number, doc: "its first process", shown: Shown::Always, get: |c| number(c.pid) },
    Field {
        name: "user",
        kind: Kind::Number,
        doc: "uid of its first process, as this machine sees it",
        shown: Shown::Always,
        get: |c| number(c.uid),
    },
    Field {
        name: "age",
        kind: Kind::Age,
        doc: "time since its first process started",
        shown: Shown::Always,
        get: |c| c.started.map_or(Value::Unknown, age),
    },
    Field {
        name: "state",
        kind: Kind::Text,
        doc: "created, running, paused or exited",
        shown: Shown::Wide,
        get: |c| Value::text(state(c.state)),
    },
    Field { name: "pod", kind: Kind::Text, doc: "namespace and name of its pod", shown: Shown::Wide, get: |c| pod(c) },
    Field {
        name: "cgroup",
        kind: Kind::Text,
        doc: "its cgroup path",
        shown: Shown::Wide,
        get: |c| Value::maybe(c.cgroup.as_deref()),
    },
    Field { name: "labels", kind: Kind::Pairs, doc: "the engine's labels", shown: Shown::Wide, get: |c| labels(c) },
];

fn number(value: Option<u32>) -> Value<'static> {
    value.map_or(Value::Unknown, |value| Value::Number(value.into()))
}

fn state(state: State) -> &'static str {
    match state {
        State::Created => "created",
        State::Running => "running",
        State::Paused => "paused",
        State::Exited => "exited",
    }
}

fn pod(container: &Container) -> Value<'_> {
    container
        .pod
        .as_ref()
        .map_or(Value::Unknown, |pod| Value::Text(Cow::Owned(format!("{}/{}", pod.namespace, pod.name))))
}

fn labels(container: &Container) -> Value<'_> {
    Value::Pairs(container.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect())
}
