//! The columns of `fathom toolkit list`.

use std::borrow::Cow;

use fathom_model::field::Shown;
use fathom_model::{Field, Kind, Value};
use fathom_toolkit::Entry;

/// One row per column.
pub(crate) const FIELDS: &[Field<Entry>] = &[
    Field {
        name: "name",
        kind: Kind::Text,
        doc: "what --toolkit takes",
        shown: Shown::Always,
        get: |e| Value::text(e.name()),
    },
    Field {
        name: "digest",
        kind: Kind::Text,
        doc: "the image's id",
        shown: Shown::Always,
        get: |e| Value::Text(Cow::Owned(e.digest.to_string().chars().take(19).collect())),
    },
    Field {
        name: "mib",
        kind: Kind::Number,
        doc: "size of its files",
        shown: Shown::Always,
        get: |e| Value::Number((e.size >> 20) as i64),
    },
    Field {
        name: "created",
        kind: Kind::Text,
        doc: "when it was made, as it says itself",
        shown: Shown::Always,
        get: |e| Value::maybe(e.created.as_deref()),
    },
    Field {
        name: "command",
        kind: Kind::Text,
        doc: "what runs in it when nothing is said",
        shown: Shown::Wide,
        get: |e| Value::Text(Cow::Owned(e.config.command().join(" "))),
    },
    Field {
        name: "entries",
        kind: Kind::Number,
        doc: "files, folders and links",
        shown: Shown::Wide,
        get: |e| Value::Number(e.entries as i64),
    },
    Field {
        name: "path",
        kind: Kind::Text,
        doc: "where it is unpacked",
        shown: Shown::Wide,
        get: |e| Value::Text(Cow::Owned(e.root().to_string_lossy().into_owned())),
    },
];
