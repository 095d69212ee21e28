//! Of whom a recording has tables: of those that are looked at everything, of those who have started them the names, of
//! others nothing. What other programs were given as arguments and environment is nobody's who asked about one container.

use fathom_filter::{Known, Predicate, Sketch};
use fathom_scap::Event;
use fathom_scap::event::Head;
use fathom_scap::schema::number::GENERIC;
use fathom_scap::schema::{EventType, event_type};
use rustc_hash::FxHashSet;

use crate::fields::Bound;
use crate::moment::{Moment, Purpose, Style};
use crate::state::thread::{Thread, Tid};
use crate::state::{Now, State, Text};

/// What is told of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Everything,
    Name,
    Nothing,
}

/// Of whom anything is told.
pub(super) enum Whom {
    Everybody,
    /// Processes, threads of which only the name is told, and containers.
    These {
        members: FxHashSet<Tid>,
        named: FxHashSet<Tid>,
        containers: FxHashSet<Text>,
    },
}

impl Whom {
    /// Those that are looked at; of them only those with events that `asked` may let pass.
    pub(super) fn of(state: &State, asked: Option<&Predicate<Bound>>) -> Whom {
        if asked.is_none() && !state.threads.iter().any(|thread| thread.aside) {
            return Whom::Everybody;
        }
        let may_pass = |thread: &Thread| asked.is_none_or(|asked| may_pass(state, thread, asked));
        let looked_at = state.threads.iter().filter(|thread| !thread.aside && may_pass(thread));
        let members: FxHashSet<Tid> = looked_at.map(|thread| thread.pid).collect();
        let theirs = || state.threads.iter().filter(|thread| members.contains(&thread.pid));
        let above = theirs().flat_map(|thread| state.threads.ancestors(thread));
        let named = above.filter(|thread| !members.contains(&thread.pid)).map(|thread| thread.tid).collect();
        let containers = theirs().map(|thread| thread.container.clone()).collect();
        Whom::These { members, named, containers }
    }

    pub(super) fn is_everybody(&self) -> bool {
        matches!(self, Whom::Everybody)
    }

    pub(super) fn told(&self, thread: &Thread) -> Told {
        match self {
            Whom::Everybody => Told::Everything,
            Whom::These { members, .. } if members.contains(&thread.pid) => Told::Everything,
            Whom::These { named, .. } if named.contains(&thread.tid) => Told::Name,
            Whom::These { .. } => Told::Nothing,
        }
    }

    /// Whether somebody of whom anything is told is in the container.
    pub(super) fn has_container(&self, id: &Text) -> bool {
        match self {
            Whom::Everybody => true,
            Whom::These { containers, .. } => containers.contains(id),
        }
    }
}

/// Fields that are a process's own for as long as it executes the same program; a final `*` stands for any end.
const OWN: &[&str] = &[
    "proc.pid",
    "proc.exe",
    "proc.exepath",
    "proc.name",
    "proc.args",
    "proc.env",
    "proc.cmdline",
    "proc.exeline",
    "proc.pname",
    "proc.ppid",
    "proc.aname",
    "proc.apid",
    "proc.sid",
    "proc.sname",
    "proc.loginshellid",
    "proc.vpid",
    "container.*",
    "k8s.*",
];

/// A process without an event.
struct Process<'s> {
    state: &'s State,
    thread: &'s Thread,
    event: Event<'s>,
    kind: &'static EventType,
}

/// Whether an event of the thread may pass that says nothing more than whose it is.
fn may_pass(state: &State, thread: &Thread, asked: &Predicate<Bound>) -> bool {
    let Some(kind) = event_type(GENERIC) else { return true };
    let event = Event::new(Head { ts: state.first, tid: thread.tid, number: GENERIC, cpu: 0 }, &[], &[]);
    asked.outlook(&Process { state, thread, event, kind }).holds
}

impl Sketch<Bound> for Process<'_> {
    fn known(&self, field: &Bound) -> Known {
        let name = field.row.name;
        let fits = |own: &&str| own.strip_suffix('*').map_or(*own == name, |begin| name.starts_with(begin));
        if !OWN.iter().any(fits) {
            return Known::Nothing;
        }
        let now = Now { thread: self.state.threads.find_quietly(self.thread.tid), ..Now::default() };
        let (style, purpose) = (&Style::default(), Purpose::Compare);
        let (state, event, kind) = (self.state, &self.event, self.kind);
        let moment = Moment { event, kind, state, now: &now, number: 0, style, purpose };
        let mut scratch = Vec::new();
        Known::is(&field.get(&moment, &mut scratch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::rows;

    #[test]
    fn every_name_in_the_table_is_one() {
        for own in OWN {
            let begin = own.trim_end_matches('*');
            assert!(rows().any(|row| row.name.starts_with(begin)), "{own}");
        }
    }
}
