//! What the server does for whoever has been authenticated: grants, carries, lists and ends sessions, each on record.

use std::sync::{Arc, PoisonError, RwLock};

use fathom_cluster::Cluster;
use fathom_cluster::server::{Kept, Person, Told};
use fathom_model::{Class, Ending, Failure};
use fathom_protocol::api::{Act, Archive, EnterSpec, Phase, Session};
use fathom_protocol::wish::Await;
use fathom_protocol::{Action, Decoder, Frame, Seen, Word};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tokio_tungstenite::tungstenite::Message;

use crate::Settings;
use crate::admission::{self, Target};
use crate::agents::{Agents, Conversation};
use crate::audit::{Happened, Line, Sink};
use crate::bridge::{self, Client, Outcome};
use crate::front::Front;
use crate::legacy::{self, Legacy};
use crate::refusal::Refusal;
use crate::sessions::{Held, Sessions};

/// Everything that requests share.
pub(crate) struct Server {
    pub(crate) cluster: Cluster,
    pub(crate) settings: Arc<Settings>,
    pub(crate) policy: Kept,
    pub(crate) remembered: Kept,
    pub(crate) agents: Agents,
    pub(crate) sessions: Sessions,
    pub(crate) legacy: tokio::sync::Mutex<Legacy>,
    pub(crate) front: RwLock<Arc<Front>>,
    pub(crate) sink: Sink,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) person: Person,
    /// The request in the audit log of the API server.
    pub(crate) audit_id: Option<String>,
}

impl Server {
    pub(crate) fn front(&self) -> Arc<Front> {
        self.front.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Grants a session, or says why not; both are on record.
    pub(crate) async fn grant(
        &self,
        visit: &Visit,
        act: Act,
        target: Target,
        spec: EnterSpec,
    ) -> Result<Session, Refusal> {
        let asked = Line {
            act,
            target: Some(target.title()),
            profile: (act == Act::Enter).then(|| target.profile(&spec.entry).to_owned()),
            command: spec.archive.is_none().then(|| spec.entry.command.clone()),
            awaits: spec.entry.await_next,
            archive: spec.archive.as_ref().map(|archive| archive.digest.clone()),
            audit_id: visit.audit_id.clone(),
            ..Line::new(Happened::Denied).by(&visit.person)
        };
        match admission::admit(&self.cluster, &self.policy, &visit.person, act, target, spec).await {
            Ok(granted) => {
                let held = self.sessions.create(visit.person.clone(), granted, &self.settings.namespace);
                (self.sink)(&Line { audit_id: asked.audit_id, ..line(Happened::Granted, &held) });
                Ok(held.object())
            }
            Err(refusal) => {
                let Failure { message, cause, .. } = &refusal.failure;
                let cause = cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"));
                (self.sink)(&asked.because(format!("{message}{cause}")));
                Err(refusal)
            }
        }
    }

    /// Takes session `id` for its creator, and speaks with its agent.
    pub(crate) async fn come(&self, visit: &Visit, id: &str) -> Result<(Held, Conversation), Refusal> {
        let held = self.known(id, &visit.person).await.and_then(|_| self.sessions.take(id, &visit.person));
        let held = held.inspect_err(|refusal| {
            let line =
                Line { session: Some(id.to_owned()), audit_id: visit.audit_id.clone(), ..Line::new(Happened::Denied) };
            (self.sink)(&line.by(&visit.person).because(refusal.failure.message.clone()));
        })?;
        let action = match (&held.there, &held.granted.archive) {
            (Some(session), _) => Action::Attach { session: session.clone() },
            (None, Some(Archive { digest, size })) => Action::Bring { archive: digest.clone(), size: *size },
            (None, None) => {
                let entry = Box::new(held.granted.entry.clone());
                match held.granted.act {
                    Act::Enter => Action::Enter(entry),
                    Act::Trace => Action::Trace(entry),
                }
            }
        };
        match self.agents.converse(&held.granted.node, action).await {
            Ok(agent) => Ok((held, agent)),
            Err(failure) => {
                self.settle(
                    &held,
                    Outcome::AgentGone(failure.cause.clone().unwrap_or_else(|| failure.message.clone())),
                );
                Err(failure.into())
            }
        }
    }

    /// Carries a session until its client or its agent ends that. Without a client, it has not come after all.
    pub(crate) async fn carry(&self, held: Held, client: Option<Client>, agent: Conversation) {
        let Some(client) = client else { return self.settle(&held, Outcome::ClientGone) };
        let first = held.there.is_none();
        let told = async {
            if first
                && held.granted.archive.is_none()
                && let Err(failure) = self.cluster.tell(told(&held)).await
            {
                (self.sink)(&line(Happened::Trouble, &held).because(failure.to_string()));
            }
        };
        let notices = if first && held.granted.archive.is_none() { held.granted.notices.as_slice() } else { &[] };
        let started = |there: &str| {
            self.sessions.started(&held.id, there);
            (self.sink)(&line(if first { Happened::Started } else { Happened::Attached }, &held));
        };
        let ((), outcome) = tokio::join!(told, bridge::carry(client, agent, &held.id, notices, started, &held.stop));
        self.settle(&held, outcome);
    }

    /// Puts on record how a client's time in a session ended, and whether the session goes on.
    fn settle(&self, held: &Held, outcome: Outcome) {
        let stays = held.granted.entry.detach || held.there.is_some();
        let end = |event, ending: Option<Ending>, reason: Option<String>| {
            self.sessions.end(&held.id);
            (self.sink)(&Line { ending, reason, ..line(event, held) });
        };
        match outcome {
            Outcome::Ended(ending) => end(Happened::Ended, Some(ending), None),
            Outcome::Failed(failure) => end(Happened::Failed, None, Some(failure.message)),
            Outcome::Answered => end(Happened::Brought, None, None),
            Outcome::Stopped => end(Happened::Ended, None, Some(BY_CREATOR.to_owned())),
            Outcome::Left => {
                self.sessions.leave(&held.id);
                (self.sink)(&line(Happened::Detached, held));
            }
            // What has been detached once goes on without its clients.
            Outcome::ClientGone if stays && self.runs(held) => {
                self.sessions.leave(&held.id);
                (self.sink)(&line(Happened::Detached, held).because("its client is gone"));
            }
            Outcome::ClientGone => end(Happened::Ended, None, Some("its client is gone".to_owned())),
            Outcome::AgentGone(why) if stays && self.runs(held) => {
                // Whether it goes on is asked when somebody wants to know.
                self.sessions.leave(&held.id);
                (self.sink)(&line(Happened::Detached, held).because(format!("the agent is gone: {why}")));
            }
            Outcome::AgentGone(why) => end(Happened::Failed, None, Some(format!("the agent is gone: {why}"))),
        }
    }

    fn runs(&self, held: &Held) -> bool {
        self.sessions.find(&held.id, &held.creator).is_ok_and(|held| held.there.is_some())
    }

    /// The sessions of `person`. Those without a client are asked for where they run.
    pub(crate) async fn list(&self, person: &Person) -> Vec<Session> {
        self.recall().await;
        self.forget_ended(self.sessions.of(person)).await;
        self.sessions.of(person).iter().map(Held::object).collect()
    }

    /// Ends a session of whoever asks.
    pub(crate) async fn kill(&self, visit: &Visit, id: &str) -> Result<(), Refusal> {
        let held = self.known(id, &visit.person).await?;
        let reason = Some(BY_CREATOR.to_owned());
        match &held.there {
            Some(session) => self.tell(&held, Action::Kill { session: session.clone() }).await?,
            // Nothing runs yet: what it waits for there has no end of its own.
            None if held.phase == Phase::Attached => held.stop.notify_one(),
            None => {}
        }
        // Its client hears the end from the agent, and has that put on record.
        if held.phase != Phase::Attached && self.sessions.end(id).is_some() {
            (self.sink)(&Line { reason, audit_id: visit.audit_id.clone(), ..line(Happened::Ended, &held) });
        }
        Ok(())
    }

    /// Lets the container that a session of whoever asks holds go on.
    pub(crate) async fn release(&self, visit: &Visit, id: &str) -> Result<(), Refusal> {
        let held = self.known(id, &visit.person).await?;
        let Some(session) = &held.there else {
            let what = format!("session {id} does not run yet, so it holds nothing");
            return Err(Refusal::conflict(Failure::new(Class::Usage, what).hinting("try again when it does")));
        };
        self.tell(&held, Action::Release { session: session.clone() }).await?;
        (self.sink)(&Line { audit_id: visit.audit_id.clone(), ..line(Happened::Released, &held) });
        Ok(())
    }

    /// Has a session's agent do something that needs no client.
    async fn tell(&self, held: &Held, action: Action) -> Result<(), Refusal> {
        let mut agent = self.agents.converse(&held.granted.node, action).await?;
        match last(&mut agent).await {
            Some(Frame::Word(Word::Failed(failure))) => Err(failure.into()),
            _ => Ok(()),
        }
    }

    /// The session `id` of `person`. One that we know nothing of may be of the server before us.
    async fn known(&self, id: &str, person: &Person) -> Result<Held, Refusal> {
        match self.sessions.find(id, person) {
            Ok(held) => Ok(held),
            Err(_) => {
                self.recall().await;
                self.sessions.find(id, person)
            }
        }
    }

    /// Finds what the server before us granted and still runs.
    async fn recall(&self) {
        // Held until they have answered, so that whoever comes meanwhile waits for that.
        let mut legacy = self.legacy.lock().await;
        if legacy.looks_again() {
            let texts = self.cluster.kept(&self.remembered).await.ok().flatten();
            legacy.learn(texts.unwrap_or_default().into_keys());
        }
        let due = legacy.due().into_iter();
        let asked: Vec<_> = due.map(|node| async move { (self.running(&node).await, node) }).collect();
        let mut answers = futures_util::stream::iter(asked).buffer_unordered(legacy::AT_ONCE);
        let until = tokio::time::Instant::now() + legacy::PATIENCE;
        // What has not come in time is asked for when somebody comes again.
        while let Ok(Some((answer, node))) = tokio::time::timeout_at(until, answers.next()).await {
            legacy.note(&node, answer.is_some());
            for seen in answer.into_iter().flatten() {
                if let Some(held) = self.sessions.adopt(&node, seen, &self.settings.namespace) {
                    (self.sink)(&line(Happened::Adopted, &held));
                }
            }
        }
    }

    /// Puts on record what ended without a client, and what nobody came for; and what was granted before us.
    pub(crate) async fn tidy(&self) {
        self.recall().await;
        for held in self.sessions.lapse() {
            (self.sink)(&line(Happened::Failed, &held).because("nobody came for it in time"));
        }
        self.forget_ended(self.sessions.detached()).await;
    }

    async fn forget_ended(&self, held: Vec<Held>) {
        let detached: Vec<Held> = held.into_iter().filter(|held| held.phase == Phase::Detached).collect();
        let mut nodes: Vec<&str> = detached.iter().map(|held| held.granted.node.as_str()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let asked = nodes.into_iter().map(|node| async move { (node, self.running(node).await) });
        let running: Vec<(&str, Option<Vec<Seen>>)> = join_all(asked).await;
        for held in &detached {
            // An agent that does not answer says nothing about its sessions.
            let there = running.iter().find(|(node, _)| *node == held.granted.node).and_then(|(_, ids)| ids.as_ref());
            let lives =
                there.is_none_or(|ids| held.there.as_ref().is_some_and(|id| ids.iter().any(|seen| seen.id == *id)));
            if !lives && self.sessions.end(&held.id).is_some() {
                (self.sink)(&line(Happened::Ended, held).because("it ended while no client was there"));
            }
        }
    }

    /// The sessions that run on `node`, as its agent says; none where it does not answer.
    async fn running(&self, node: &str) -> Option<Vec<Seen>> {
        let mut agent = self.agents.converse(node, Action::List).await.ok()?;
        let Some(Frame::Word(Word::Answer(text))) = last(&mut agent).await else { return None };
        serde_json::from_str(&text).ok()
    }
}

const BY_CREATOR: &str = "its creator ended it";

/// The one word that an agent has to say to what needs no session.
async fn last(agent: &mut Conversation) -> Option<Frame> {
    let patience = std::time::Duration::from_secs(5);
    let mut decoder = Decoder::default();
    while let Ok(Some(Ok(message))) = tokio::time::timeout(patience, agent.next()).await {
        if let Message::Binary(bytes) = message {
            decoder.feed(&bytes);
        }
        while let Ok(Some(frame)) = decoder.next_frame() {
            if frame != Frame::Word(Word::Alive) {
                return Some(frame);
            }
        }
    }
    None
}

fn line(event: Happened, held: &Held) -> Line {
    Line {
        target: Some(held.granted.title.clone()),
        node: Some(held.granted.node.clone()),
        act: held.granted.act,
        profile: (held.granted.act == Act::Enter).then(|| held.granted.profile.clone()),
        command: held.granted.archive.is_none().then(|| held.granted.entry.command.clone()),
        awaits: held.granted.entry.await_next,
        archive: held.granted.archive.as_ref().map(|archive| archive.digest.clone()),
        session: Some(held.id.clone()),
        ..Line::new(event).by(&held.creator)
    }
}

/// What `kubectl describe` shows of it.
fn told(held: &Held) -> Told {
    let command = match held.granted.entry.command.as_slice() {
        [] => "a shell".to_owned(),
        command => format!("`{}`", command.join(" ")),
    };
    let (namespace, name) = match &held.granted.target {
        Target::Pod { namespace, name } => (Some(namespace.clone()), name.clone()),
        Target::Node { name } => (None, name.clone()),
    };
    let enters = match held.granted.entry.await_next {
        None => "enters",
        Some(Await::Enter) => "waits for the next",
        Some(Await::Hold) => "waits for and holds the next",
    };
    let (user, title, id) = (&held.creator.name, &held.granted.title, &held.id);
    let (reason, message) = match held.granted.act {
        Act::Enter => {
            let profile = &held.granted.profile;
            let message = format!("{user} {enters} {title} with the profile {profile} to run {command} (session {id})");
            ("Entered", message)
        }
        Act::Trace => ("Traced", format!("{user} looks at {title} (session {id})")),
    };
    // An event's message holds 1024 bytes.
    let message = message.chars().take(250).collect();
    Told { namespace, name, uid: held.granted.uid.clone(), reason: reason.to_owned(), message }
}
