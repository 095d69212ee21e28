//! `fathom sessions`: who is inside, and back in. Here those of the agents of a cluster, as `kubectl fathom sessions`.

use std::io::IsTerminal as _;

use fathom_cluster::{Agent, AgentOptions, Cluster};
use fathom_model::{Class, Failure};
use fathom_protocol::{Action, Input, Seen};

use crate::conversation::{self, Last, Manner};
use crate::installed::{Way, way};
use crate::output::sessions::Placed;
use crate::words::{Format, Sessions, SessionsAction};
use crate::{environment, kubernetes, machine, output, printer};

mod installed;

pub(crate) fn run(words: &Sessions) -> anyhow::Result<i32> {
    if is_remote(words) { remote(words) } else { machine::sessions(words) }
}

/// Whether the sessions of a cluster are meant.
pub(crate) fn is_remote(words: &Sessions) -> bool {
    words.remote || environment::is_plugin()
}

fn remote(words: &Sessions) -> anyhow::Result<i32> {
    let options = kubernetes::agent(&words.cluster.reach, None);
    if kubernetes::block_on(async { way(&open(words).await?, &words.cluster.reach).await })? == Way::Server {
        if matches!(words.action, Some(SessionsAction::Cleanup)) {
            let copies = kubernetes::block_on(async { remove_copies(&open(words).await?, &options).await })?;
            printer::data(&format!("{copies} copies removed\n"));
        }
        return installed::run(words);
    }
    match &words.action {
        None | Some(SessionsAction::List) => {
            let seen = kubernetes::block_on(async { seen(&open(words).await?, &options).await })?;
            let placed = |(agent, sessions): (Agent, Vec<Seen>)| {
                sessions.into_iter().map(move |seen| Placed { node: Some(agent.node.clone()), seen })
            };
            let seen = seen.into_iter().flat_map(placed);
            show(&seen.collect::<Vec<_>>(), words.output)?;
            Ok(0)
        }
        Some(SessionsAction::Attach { id }) => {
            // A session that has a terminal is attached to from one, as on one machine.
            let terminal = std::io::stdin().is_terminal();
            let manner = Manner { terminal, input: if terminal { Input::Forwarded } else { Input::Closed } };
            let attach = Action::Attach { session: id.clone() };
            Ok(status(kubernetes::block_on(with(words, &options, id, attach, manner))?))
        }
        Some(SessionsAction::Kill { id }) => {
            let manner = Manner { terminal: false, input: Input::Closed };
            let kill = Action::Kill { session: id.clone() };
            kubernetes::block_on(with(words, &options, id, kill, manner))?;
            Ok(0)
        }
        Some(SessionsAction::Release { id }) => {
            let manner = Manner { terminal: false, input: Input::Closed };
            let release = Action::Release { session: id.clone() };
            kubernetes::block_on(with(words, &options, id, release, manner))?;
            Ok(0)
        }
        Some(SessionsAction::Cleanup) => {
            let removed = kubernetes::block_on(async {
                let cluster = open(words).await?;
                let agents = remove_idle(&cluster, &options).await? + remove_stray(&cluster, &options).await?;
                Ok((agents, remove_copies(&cluster, &options).await?))
            })?;
            let (agents, copies) = removed;
            printer::data(&format!("{agents} agents removed, {copies} copies removed\n"));
            Ok(0)
        }
    }
}

/// Prints them. Which node it is matters in a cluster.
fn show(placed: &[Placed], format: Format) -> anyhow::Result<()> {
    let format = if format == Format::Table { Format::Wide } else { format };
    printer::data(&output::records(output::sessions::FIELDS, placed, format)?);
    Ok(())
}

async fn open(words: &Sessions) -> Result<Cluster, Failure> {
    Cluster::open(&kubernetes::access(&words.cluster)).await
}

/// The sessions of every agent that answers.
async fn seen(cluster: &Cluster, options: &AgentOptions) -> Result<Vec<(Agent, Vec<Seen>)>, Failure> {
    let mut seen = Vec::new();
    for agent in cluster.agents(options).await? {
        match list(cluster, &agent).await {
            Ok(sessions) => seen.push((agent, sessions)),
            Err(failure) => printer::notice(&format!("{} on {} does not answer: {failure}", agent.pod, agent.node)),
        }
    }
    Ok(seen)
}

async fn list(cluster: &Cluster, agent: &Agent) -> Result<Vec<Seen>, Failure> {
    let (speaker, listener) = cluster.converse(agent, Action::List).await?;
    let manner = Manner { terminal: false, input: Input::Closed };
    let unread = |why: String| Failure::new(Class::System, format!("cannot read its list of sessions: {why}"));
    match conversation::carry(manner, speaker, listener).await? {
        Last::Answer(text) => serde_json::from_str(&text).map_err(|error| unread(error.to_string())),
        other => Err(unread(format!("{other:?}"))),
    }
}

/// Agents that say that nobody is in them need not wait for their grace. One that says nothing stays.
async fn remove_idle(cluster: &Cluster, options: &AgentOptions) -> Result<usize, Failure> {
    let seen = seen(cluster, options).await?;
    // One in an ephemeral container cannot be removed, and goes by itself.
    let is_idle = |(agent, sessions): &&(Agent, Vec<Seen>)| agent.job.is_some() && sessions.is_empty();
    let idle: Vec<&Agent> = seen.iter().filter(is_idle).map(|(agent, _)| agent).collect();
    for agent in &idle {
        cluster.remove(agent).await?;
    }
    Ok(idle.len())
}

/// Agents that never ran, and whose clients are gone.
async fn remove_stray(cluster: &Cluster, options: &AgentOptions) -> Result<usize, Failure> {
    let stray = cluster.stray_agents(options).await?;
    for agent in &stray {
        cluster.remove(agent).await?;
    }
    Ok(stray.len())
}

/// Copies of clients that were killed, in the namespace of what is named without one.
async fn remove_copies(cluster: &Cluster, options: &AgentOptions) -> Result<usize, Failure> {
    let stray = cluster.stray_copies(&cluster.namespace, options.patience).await?;
    for copy in &stray {
        cluster.take_away(copy).await?;
    }
    Ok(stray.len())
}

/// Says `action` to the agent that has session `id`.
async fn with(
    words: &Sessions,
    options: &AgentOptions,
    id: &str,
    action: Action,
    manner: Manner,
) -> Result<Last, Failure> {
    let cluster = open(words).await?;
    let has = |sessions: &[Seen]| sessions.iter().any(|session| session.id == id);
    let found = seen(&cluster, options).await?.into_iter().find(|(_, sessions)| has(sessions));
    let (agent, _) = found.ok_or_else(|| {
        Failure::new(Class::NotFound, format!("no agent in {} has a session `{id}`", options.namespace))
            .hinting("`kubectl fathom sessions` lists them; --agent-namespace names another namespace")
    })?;
    let (speaker, listener) = cluster.converse(&agent, action).await?;
    conversation::carry(manner, speaker, listener).await
}

fn status(last: Last) -> i32 {
    match last {
        Last::Ended(ending) => ending.status(),
        Last::Left(_) | Last::Answer(_) => 0,
    }
}
