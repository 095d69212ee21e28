//! The columns of `fathom doctor`.

use fathom_model::field::Shown;
use fathom_model::{Field, Kind, Value};

use crate::exit;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    /// Its part of the machine.
    pub(crate) area: Area,
    /// What it is called.
    pub(crate) name: String,
    /// How it is.
    pub(crate) state: State,
    /// What it is for or like; for a gap, what is lost.
    pub(crate) note: String,
    /// Why it is a gap.
    pub(crate) cause: Option<String>,
    /// What to do about a gap.
    pub(crate) remedy: Option<String>,
    /// The first Linux that has it.
    pub(crate) since: Option<&'static str>,
}

/// A part of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only a cluster is looked at from there"))]
pub(crate) enum Area {
    /// Who runs this program, and where.
    Caller,
    /// The kernel, its configuration and our rights.
    Kernel,
    /// Where control groups are mounted.
    Cgroup,
    /// Who manages containers.
    Engine,
    /// What can be brought along.
    Toolkit,
    /// A cluster, and what the caller may do in it.
    Cluster,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// There, and it works.
    Works,
    /// Not there, and nothing is lost: there is another way, or it is a matter of taste.
    Absent,
    /// Not there, and something is lost.
    Gap,
    /// Not there, and nothing can be entered.
    Blocks,
}

/// 0: all that an entry needs is there. 1: something is lost. 5: there is no way in.
pub(crate) fn status(checks: &[Check]) -> i32 {
    let is = |state| checks.iter().any(|check| check.state == state);
    match (is(State::Blocks), is(State::Gap)) {
        (true, _) => exit::CANNOT,
        (false, true) => 1,
        (false, false) => 0,
    }
}

/// One row per column.
pub(crate) const FIELDS: &[Field<Check>] = &[
    Field {
        name: "name",
        kind: Kind::Text,
        doc: "what was looked at",
        shown: Shown::Always,
        get: |c| Value::text(&c.name),
    },
    Field {
        name: "area",
        kind: Kind::Text,
        doc: "caller, kernel, cgroup, engine, toolkit or cluster",
        shown: Shown::Always,
        get: |c| Value::text(area(c.area)),
    },
    Field {
        name: "state",
        kind: Kind::Text,
        doc: "works; absent (nothing is lost); gap (something is); blocks (nothing can be entered)",
        shown: Shown::Always,
        get: |c| Value::text(state(c.state)),
    },
    Field {
        name: "note",
        kind: Kind::Text,
        doc: "what it is for; where it is missing, what is lost",
        shown: Shown::Always,
        get: |c| Value::text(&c.note),
    },
    Field {
        name: "remedy",
        kind: Kind::Text,
        doc: "what to do about it",
        shown: Shown::Always,
        get: |c| Value::maybe(c.remedy.as_deref()),
    },
    Field {
        name: "since",
        kind: Kind::Text,
        doc: "the first Linux that has it",
        shown: Shown::Wide,
        get: |c| Value::maybe(c.since),
    },
    Field {
        name: "cause",
        kind: Kind::Text,
        doc: "what the kernel, the engine or the cluster said",
        shown: Shown::Wide,
        get: |c| Value::maybe(c.cause.as_deref()),
    },
];

fn area(area: Area) -> &'static str {
    match area {
        Area::Caller => "caller",
        Area::Kernel => "kernel",
        Area::Cgroup => "cgroup",
        Area::Engine => "engine",
        Area::Toolkit => "toolkit",
        Area::Cluster => "cluster",
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Works => "works",
        State::Absent => "absent",
        State::Gap => "gap",
        State::Blocks => "blocks",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_state_decides() {
        let check = |state| Check {
            area: Area::Kernel,
            name: "x".to_owned(),
            state,
            note: "y".to_owned(),
            cause: None,
            remedy: None,
            since: None,
        };
        assert_eq!(status(&[check(State::Works), check(State::Absent)]), 0);
        assert_eq!(status(&[check(State::Gap), check(State::Works)]), 1);
        assert_eq!(status(&[check(State::Gap), check(State::Blocks)]), exit::CANNOT);
    }
}
