//! Fields of sysdig 0.29.3 that no capture answers: what only the API of Mesos or Marathon knew, and spans, which
//! programs told by writing to a device that no kernel has any more. Filters and formats with them stay valid.

use fathom_model::Kind;

use super::{Place, Row, Takes};

/// Why there are no tasks and groups.
const NO_API: &str = "only the API of Mesos or Marathon knew it, and nothing asks that any more";
/// Why there are no spans.
const NO_DEVICE: &str = "programs told of spans through a device that no kernel has any more";

const fn task(name: &'static str) -> Row {
    Row::void(name, Kind::Text, "of Mesos or Marathon", NO_API)
}

const fn row(name: &'static str) -> Row {
    Row::void(name, Kind::Text, "of spans", NO_DEVICE)
}

const fn counts(name: &'static str) -> Row {
    Row::void(name, Kind::Unsigned, "of spans", NO_DEVICE)
}

const fn one(name: &'static str) -> Row {
    row(name).taking(Takes::Anything)
}

/// Fields of Mesos and Marathon.
pub(super) const MESOS: &[Row] = &[
    task("mesos.task.name"),
    task("mesos.task.id"),
    task("mesos.task.label").taking(Takes::Label),
    task("mesos.task.labels"),
    task("mesos.framework.name"),
    task("mesos.framework.id"),
    task("marathon.app.name"),
    task("marathon.app.id"),
    task("marathon.app.label").taking(Takes::Label),
    task("marathon.app.labels"),
    task("marathon.group.name"),
    task("marathon.group.id"),
];

/// Fields of spans.
pub(super) const SPANS: &[Row] = &[
    counts("span.id"),
    row("span.time"),
    counts("span.ntags"),
    counts("span.nargs"),
    row("span.tags"),
    one("span.tag"),
    row("span.args"),
    one("span.arg"),
    row("span.enterargs"),
    one("span.enterarg"),
    counts("span.duration"),
    row("span.duration.human"),
    counts("span.duration.quantized").only(Place::View),
];

/// Fields of the span that an event is in.
pub(super) const WITHIN: &[Row] = &[
    counts("evtin.span.id"),
    counts("evtin.span.ntags"),
    counts("evtin.span.nargs"),
    row("evtin.span.tags"),
    one("evtin.span.tag"),
    row("evtin.span.args"),
    one("evtin.span.arg"),
    counts("evtin.span.p.id"),
    counts("evtin.span.p.ntags"),
    counts("evtin.span.p.nargs"),
    row("evtin.span.p.tags"),
    one("evtin.span.p.tag"),
    row("evtin.span.p.args"),
    one("evtin.span.p.arg"),
    counts("evtin.span.s.id"),
    counts("evtin.span.s.ntags"),
    counts("evtin.span.s.nargs"),
    row("evtin.span.s.tags"),
    one("evtin.span.s.tag"),
    row("evtin.span.s.args"),
    one("evtin.span.s.arg"),
    counts("evtin.span.m.id"),
    counts("evtin.span.m.ntags"),
    counts("evtin.span.m.nargs"),
    row("evtin.span.m.tags"),
    one("evtin.span.m.tag"),
    row("evtin.span.m.args"),
    one("evtin.span.m.arg"),
];
