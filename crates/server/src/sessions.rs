//! The sessions that were granted and have not ended, each with its creator, who alone may come to it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fathom_cluster::server::Person;
use fathom_model::{Class, Failure};
use fathom_protocol::api::{Act, GROUP_VERSION, Metadata, Phase, Session, SessionSpec, SessionStatus};
use fathom_protocol::{Entry, Grant, Seen};
use tokio::sync::Notify;

use crate::admission::{Granted, TRACE, Target};
use crate::refusal::Refusal;

/// A session that nobody comes for is none after this time.
pub(crate) const LAPSE: Duration = Duration::from_secs(60);

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) id: String,
    pub(crate) creator: Person,
    pub(crate) granted: Granted,
    pub(crate) phase: Phase,
    /// What its agent calls it, once it runs.
    pub(crate) there: Option<String>,
    /// Ends what is carried between its client and its agent.
    pub(crate) stop: Arc<Notify>,
    created: String,
    since: Instant,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    all: Mutex<HashMap<String, Held>>,
}

impl Sessions {
    /// A new one, which waits for its creator. Its agent is told whose it is, for whoever asks it after us, the server
    /// in `home`.
    pub(crate) fn create(&self, creator: Person, mut granted: Granted, home: &str) -> Held {
        let (id, created) = (crate::fresh_id(), jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        granted.entry.grant = Some(Grant {
            server: home.to_owned(),
            session: id.clone(),
            target: granted.title.clone(),
            user: creator.name.clone(),
            uid: creator.uid.clone(),
            created: created.clone(),
        });
        let held = Held {
            id,
            creator,
            granted,
            phase: Phase::Waiting,
            there: None,
            stop: Arc::default(),
            created,
            since: Instant::now(),
        };
        self.with(|all| all.insert(held.id.clone(), held.clone()));
        held
    }

    /// Takes in what runs on `node` and was granted by the server in `home` before us, unless it is known.
    pub(crate) fn adopt(&self, node: &str, seen: Seen, home: &str) -> Option<Held> {
        let grant = seen.grant.filter(|grant| grant.server == home && is_id(&grant.session))?;
        let entry = Entry {
            command: seen.command,
            terminal: seen.terminal.then_some((80, 24)),
            detach: true,
            ..Entry::default()
        };
        let granted = Granted {
            act: if seen.profile == TRACE { Act::Trace } else { Act::Enter },
            target: Target::titled(&grant.target)?,
            title: grant.target,
            uid: None,
            node: node.to_owned(),
            profile: seen.profile,
            entry,
            archive: None,
            notices: Vec::new(),
        };
        let held = Held {
            id: grant.session,
            creator: Person { name: grant.user, uid: grant.uid, ..Person::default() },
            granted,
            phase: Phase::Detached,
            there: Some(seen.id),
            stop: Arc::default(),
            created: grant.created,
            since: Instant::now(),
        };
        self.with(|all| {
            let is_new = !all.contains_key(&held.id);
            is_new.then(|| all.entry(held.id.clone()).or_insert(held).clone())
        })
    }

    /// The session `id` for `person`, who takes it: nobody else can until it is [let go](Self::leave). Somebody else's
    /// and one that there is not are the same to whoever asks.
    pub(crate) fn take(&self, id: &str, person: &Person) -> Result<Held, Refusal> {
        self.with(|all| {
            let held = all
                .get_mut(id)
                .filter(|held| is_of(held, person) && !lapsed(held))
                .ok_or_else(|| Refusal::from(unknown(id)))?;
            if held.phase == Phase::Attached {
                let what = format!("session {id} has a client already");
                return Err(Refusal::conflict(Failure::new(Class::Usage, what).hinting("end that one first")));
            }
            let taken = held.clone();
            held.phase = Phase::Attached;
            Ok(taken)
        })
    }

    /// The session `id` of `person`, to look at.
    pub(crate) fn find(&self, id: &str, person: &Person) -> Result<Held, Refusal> {
        self.with(|all| all.get(id).filter(|held| is_of(held, person) && !lapsed(held)).cloned())
            .ok_or_else(|| unknown(id).into())
    }

    /// It runs, and its agent calls it `there`.
    pub(crate) fn started(&self, id: &str, there: &str) {
        self.with(|all| {
            if let Some(held) = all.get_mut(id) {
                held.there = Some(there.to_owned());
            }
        });
    }

    /// Its client has gone, and it goes on.
    pub(crate) fn leave(&self, id: &str) {
        self.with(|all| {
            if let Some(held) = all.get_mut(id) {
                held.phase = Phase::Detached;
            }
        });
    }

    /// It is no more.
    pub(crate) fn end(&self, id: &str) -> Option<Held> {
        self.with(|all| all.remove(id))
    }

    /// Those of `person`, the oldest first.
    pub(crate) fn of(&self, person: &Person) -> Vec<Held> {
        let mut own: Vec<Held> =
            self.with(|all| all.values().filter(|held| is_of(held, person) && !lapsed(held)).cloned().collect());
        own.sort_by(|a, b| (&a.created, a.since).cmp(&(&b.created, b.since)));
        own
    }

    /// Those that go on without a client.
    pub(crate) fn detached(&self) -> Vec<Held> {
        self.with(|all| all.values().filter(|held| held.phase == Phase::Detached).cloned().collect())
    }

    /// Takes out those that nobody came for.
    pub(crate) fn lapse(&self) -> Vec<Held> {
        self.with(|all| {
            let gone: Vec<Held> = all.values().filter(|held| lapsed(held)).cloned().collect();
            gone.iter().for_each(|held| drop(all.remove(&held.id)));
            gone
        })
    }

    fn with<T>(&self, what: impl FnOnce(&mut HashMap<String, Held>) -> T) -> T {
        what(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Held {
    /// As its creator sees it.
    pub(crate) fn object(&self) -> Session {
        Session {
            api_version: GROUP_VERSION.to_owned(),
            kind: "Session".to_owned(),
            metadata: Metadata { name: self.id.clone(), creation_timestamp: self.created.clone() },
            spec: SessionSpec {
                target: self.granted.title.clone(),
                node: self.granted.node.clone(),
                user: self.creator.name.clone(),
                profile: self.granted.profile.clone(),
                command: self.granted.command(),
                terminal: self.granted.entry.terminal.is_some(),
            },
            status: SessionStatus { phase: self.phase, notices: self.granted.notices.clone() },
        }
    }
}

/// As we make them.
fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_of(held: &Held, person: &Person) -> bool {
    (&held.creator.name, &held.creator.uid) == (&person.name, &person.uid)
}

fn lapsed(held: &Held) -> bool {
    held.phase == Phase::Waiting && held.since.elapsed() > LAPSE
}

fn unknown(id: &str) -> Failure {
    Failure::new(Class::NotFound, format!("you have no session `{id}`"))
        .hinting("`kubectl fathom sessions` lists yours")
}
