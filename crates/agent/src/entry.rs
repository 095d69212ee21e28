//! From an [`Entry`] to a session: find, look, plan, start.

use std::fs::File;
use std::time::Duration;

use fathom_enter::client::{self, Session};
use fathom_enter::options::{Attachment, Lifetime, Options, Place as Cgroup, Streams, Toolkit, View};
use fathom_enter::subject::Nature;
use fathom_enter::{Plan, Profile, Subject, session, sweep};
use fathom_host::cgroup::Limits;
use fathom_host::namespace::Kind;
use fathom_model::{Class, Failure};
use fathom_protocol::{Entry, Place};

use crate::next::{self, Held, Wanted};
use crate::{Listener, Node, beside, resolve, tools};

/// How the target is said.
#[derive(Debug, Clone, Copy)]
pub enum Sought<'a> {
    /// In the words of a person on this machine.
    Named(&'a str),
    /// As a client far away says it.
    Placed(&'a Place),
}

/// An entry that is worked out; nothing has happened yet.
#[derive(Debug)]
pub struct Prepared {
    /// What will be done.
    pub plan: Plan,
    /// None where the session is right where we are.
    subject: Option<Subject>,
    /// What keeps toolkit and image in the store.
    holds: Vec<File>,
    held: Option<Held>,
}

/// Memory that a session may use, unless its entry says otherwise.
pub const MEMORY: u64 = 512 << 20;
/// Processes that it may have.
pub const PIDS: u64 = 1024;
/// Bytes that may be written to its own root.
pub const SCRATCH: u64 = 256 << 20;

/// Finds the target and plans. Waits for it, and freezes it, where the entry says so.
pub fn prepare(
    node: &Node,
    sought: Sought<'_>,
    entry: &Entry,
    listener: &mut dyn Listener,
) -> Result<Prepared, Failure> {
    sweep::sweep(&node.registry);
    let profile = entry.profile.as_deref().map(str::parse::<Profile>).transpose().map_err(wrong)?;
    if let Sought::Placed(Place::Here { target, id }) = sought {
        let plan = beside::prepare(node, (target, id), entry, |toolkit| {
            options(entry, profile.unwrap_or(Profile::General), toolkit)
        })?;
        return Ok(Prepared::here(plan));
    }
    // Before any waiting, so that nothing slow comes between an arrival and its entry.
    let chosen = tools::choose(&node.store, entry.toolkit.as_deref(), entry.bounds.as_ref(), listener)?;
    let (subject, image, held) = find(node, sought, entry, profile, listener)?;
    let options = options(entry, profile.unwrap_or_else(|| usual(&subject)), chosen.toolkit)?;
    let mut facts = subject.facts(&node.host)?;
    if options.profile == Profile::AsTarget {
        facts.filters = subject.filters()?;
    }
    let mut plan = fathom_enter::plan::plan(&facts, &options, &session::fresh_id()?, &node.registry)?;
    plan.held = held.as_ref().map(|held| held.freezer.clone());
    plan.grant = entry.grant.clone();
    Ok(Prepared { plan, subject: Some(subject), holds: chosen.hold.into_iter().chain(image).collect(), held })
}

impl Prepared {
    /// A session right where we are.
    pub(crate) fn here(plan: Plan) -> Self {
        Prepared { plan, subject: None, holds: Vec::new(), held: None }
    }

    /// Starts the session. The process must have one thread: it forks.
    pub fn start(self, recording: Option<File>) -> Result<Session, Failure> {
        let Some(subject) = self.subject else { return client::start_here(self.plan, recording) };
        let session = client::start(self.plan, subject, recording, self.holds)?;
        // From here on supervisor, init and record answer for a frozen target.
        if let Some(held) = self.held {
            session.wait_until_on_record();
            held.guard.relieve();
        }
        Ok(session)
    }
}

fn wrong(what: String) -> Failure {
    Failure::new(Class::Usage, what).hinting("`fathom enter --help` has the list")
}

type Found = (Subject, Option<File>, Option<Held>);

fn find(
    node: &Node,
    sought: Sought<'_>,
    entry: &Entry,
    profile: Option<Profile>,
    listener: &mut dyn Listener,
) -> Result<Found, Failure> {
    let Some(arrival) = entry.await_next else {
        let (subject, image) = match sought {
            Sought::Named(text) => resolve::named(node, text, listener)?,
            Sought::Placed(place) => resolve::placed(node, place)?,
        };
        return Ok((subject, image, None));
    };
    if profile == Some(Profile::AsTarget) {
        return Err(Failure::new(Class::Usage, "--wait and --hold do not go with --profile as-target")
            .hinting("leave one of them out"));
    }
    let (subject, held) = match sought {
        Sought::Named(text) => next::next(node, text, arrival, listener)?,
        Sought::Placed(Place::Incarnation { pod, namespace, name, container, after }) => {
            let wanted = Wanted { pod, namespace, name, container, after: after.as_deref() };
            next::next_of_pod(node, &wanted, arrival, listener)?
        }
        Sought::Placed(_) => {
            return Err(Failure::new(Class::Usage, "only a container of a pod comes back, by its name")
                .hinting("leave --wait and --hold out"));
        }
    };
    Ok((subject, None, held))
}

/// The profile where none is asked for.
fn usual(subject: &Subject) -> Profile {
    match subject.nature {
        Nature::Host => Profile::Host,
        Nature::Network => Profile::Netadmin,
        Nature::Process | Nature::Image { .. } => Profile::General,
    }
}

fn options(entry: &Entry, profile: Profile, toolkit: Toolkit) -> Result<Options, Failure> {
    let namespaces = entry.namespaces.as_ref().map(|names| names.iter().map(|name| name.parse::<Kind>()).collect());
    Ok(Options {
        view: if entry.target_root { View::Target } else { View::Tools },
        toolkit,
        namespaces: namespaces.transpose().map_err(|error| wrong(error.to_string()))?,
        profile,
        user: entry.user.clone(),
        workdir: entry.workdir.clone(),
        env: entry.env.clone().into_iter().collect(),
        command: entry.command.clone(),
        streams: entry.terminal.map_or(Streams::Pipes, |(columns, rows)| Streams::Terminal { columns, rows }),
        limits: Limits {
            memory: Some(entry.memory.unwrap_or(MEMORY)),
            pids: Some(entry.pids.unwrap_or(PIDS)),
            cpu_weight: Some(50),
        },
        place: if entry.target_cgroup { Cgroup::Target } else { Cgroup::Own },
        scratch: entry.scratch.unwrap_or(SCRATCH),
        lifetime: if entry.survive { Lifetime::Survive } else { Lifetime::WithTarget },
        ttl: entry.ttl.map(Duration::from_secs),
        attachment: if entry.detach { Attachment::Detached } else { Attachment::Attached },
    })
}
