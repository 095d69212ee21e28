//! The same words for a pod or a node of a cluster: an agent there does what this machine would have done, reached
//! through the server of the cluster, or with kubectl's rights alone.

use fathom_cluster::locate::Container;
use fathom_cluster::{AgentOptions, Cluster, Goal, Listener, Located, Next, Sandbox, Speaker};
use fathom_model::target::ObjectKind;
use fathom_model::{Class, Failure};
use fathom_protocol::api::Act;
use fathom_protocol::wish::Await;
use fathom_protocol::{Action, Entry, Input, Place};

use super::toolkit::Parcel;
use super::{Whom, ephemeral, toolkit};
use crate::conversation::{self, Last, Manner, Sink};
use crate::installed::{self, Way};
use crate::recording::Recording;
use crate::words::Enter;
use crate::{kubernetes, printer};

pub(super) fn enter(words: &Enter, whom: Whom, entry: Entry, input: Input) -> anyhow::Result<i32> {
    words.here.fit_a_cluster()?;
    match kubernetes::block_on(converse(words, whom, entry, input))? {
        Last::Ended(ending) => Ok(ending.status()),
        Last::Left(id) => {
            printer::data(&format!("{id}\n"));
            Ok(0)
        }
        Last::Answer(_) => Ok(0),
    }
}

async fn converse(words: &Enter, whom: Whom, mut entry: Entry, input: Input) -> Result<Last, Failure> {
    let flags = &words.cluster;
    let cluster = Cluster::open(&kubernetes::access(flags)).await?;
    let manner = Manner { terminal: entry.terminal.is_some(), input };
    let recording = recording(words, &whom, &entry)?;
    if words.ephemeral.ephemeral {
        let located = locate(&cluster, whom, flags.container.as_deref()).await?;
        let target = located.container.as_ref().ok_or_else(|| ephemeral::unwanted(&located.describe()))?;
        return ephemeral::visit(words, &cluster, target, entry, manner, recording).await;
    }
    // Whether there is a server is asked while the target is looked for.
    let found = find(&cluster, whom, flags.container.as_deref(), entry.await_next);
    let (found, way) = tokio::join!(found, installed::way(&cluster, &flags.reach));
    let (Found { goal, node, place, meant, sandbox }, way) = (found?, way?);
    if let Some((pod, sandbox)) = sandbox {
        let Some(target) = meant.filter(|_| !flags.reach.installed) else { return Err(sandbox.out_of_reach(&pod)) };
        let why = sandbox.describe(&pod);
        printer::notice(&format!("{why}; an ephemeral container in the pod itself is the way in"));
        return ephemeral::visit(words, &cluster, &target, entry, manner, recording).await;
    }
    if way == Way::Server {
        let parcel = Parcel::of(entry.toolkit.as_deref())?;
        let (speaker, listener) = through(&cluster, &goal, &node, entry, parcel.as_ref()).await?;
        return conversation::carry_to(Sink::Screen(recording), manner, speaker, listener).await;
    }
    entry.place = place;
    let options = kubernetes::agent(&flags.reach, words.ttl);
    match reach(&cluster, &node, &options, entry.clone()).await {
        Ok((speaker, listener)) => conversation::carry_to(Sink::Screen(recording), manner, speaker, listener).await,
        Err(failure) => match meant.filter(|_| fathom_cluster::is_against_pod_security(&failure)) {
            Some(target) => {
                printer::notice(&format!("{failure}; an ephemeral container in the pod itself does instead"));
                ephemeral::visit(words, &cluster, &target, entry, manner, recording).await
            }
            None => Err(failure),
        },
    }
}

/// An agent on the node that hears of the entry, with the toolkit that it needs.
async fn reach(
    cluster: &Cluster,
    node: &str,
    options: &AgentOptions,
    mut entry: Entry,
) -> Result<(Speaker, Listener), Failure> {
    entry.toolkit = toolkit::brought(cluster, node, options, entry.toolkit).await?;
    cluster.reach(node, options, Action::Enter(Box::new(entry))).await
}

/// The recording that is wished for.
pub(super) fn recording(words: &Enter, whom: &Whom, entry: &Entry) -> Result<Option<Recording>, Failure> {
    let Some(path) = &words.record else { return Ok(None) };
    if words.detach {
        return Err(Failure::new(Class::Usage, "in a cluster --record does not go with --detach: it is we who record")
            .hinting("leave one of them out"));
    }
    let title = match whom {
        Whom::Object(object) => object.to_string(),
        Whom::Labels(labels) => labels.clone(),
    };
    Recording::begin(path, &title, entry).map(Some)
}

/// A session through the server of the cluster, its toolkit before it.
pub(super) async fn through(
    cluster: &Cluster,
    goal: &Goal,
    node: &str,
    mut entry: Entry,
    parcel: Option<&Parcel>,
) -> Result<(Speaker, Listener), Failure> {
    if let Some(parcel) = parcel {
        // Asked for in the same words, so that who may not enter sends nothing.
        let asked = Entry { toolkit: None, ..entry.clone() };
        let session = cluster.ask(goal, asked, Some(parcel.archive())).await?;
        let (speaker, listener) = cluster.attach(&session.metadata.name).await?;
        entry.toolkit = Some(parcel.send(node, speaker, listener).await?);
    }
    cluster.begin_session(Act::Enter, goal, entry).await
}

/// Where an entry leads.
struct Found {
    /// As the server is told.
    goal: Goal,
    node: String,
    /// As the node is told, where there is no server.
    place: Place,
    /// The container that runs.
    meant: Option<Container>,
    /// The pod, where no agent on its node can reach into it, and why.
    sandbox: Option<(String, Sandbox)>,
}

async fn find(
    cluster: &Cluster,
    whom: Whom,
    container: Option<&str>,
    awaited: Option<Await>,
) -> Result<Found, Failure> {
    if awaited.is_some() {
        let next = locate_next(cluster, whom, container).await?;
        let sandbox = cluster.sandbox(next.runtime_class.as_deref()).await?;
        let sandbox = sandbox.map(|sandbox| (next.pod.clone(), sandbox));
        return Ok(Found { goal: Goal::from(&next), place: next.place(), node: next.node, meant: None, sandbox });
    }
    let located = locate(cluster, whom, container).await?;
    let class = located.container.as_ref().and_then(|container| container.runtime_class.as_deref());
    let sandbox = cluster.sandbox(class).await?.map(|sandbox| (located.pod_name().to_owned(), sandbox));
    let (goal, place) = (Goal::from(&located), place(&located));
    Ok(Found { goal, place, node: located.node, meant: located.container, sandbox })
}

/// Says which one it is where the words left that open.
pub(crate) async fn locate(cluster: &Cluster, whom: Whom, container: Option<&str>) -> Result<Located, Failure> {
    let (asked, located) = match whom {
        Whom::Labels(labels) => {
            let located = cluster.locate_only(&labels, container).await?;
            (labels, located)
        }
        Whom::Object(mut object) => {
            object.container = object.container.or_else(|| container.map(str::to_owned));
            let located = cluster.locate(&object).await?;
            if matches!(object.kind, ObjectKind::Pod | ObjectKind::Node) {
                return Ok(located);
            }
            (object.to_string(), located)
        }
    };
    printer::notice(&format!("{asked} is {}", located.describe()));
    Ok(located)
}

async fn locate_next(cluster: &Cluster, whom: Whom, container: Option<&str>) -> Result<Next, Failure> {
    let Whom::Object(mut object) = whom else {
        return Err(Failure::new(Class::Usage, "--wait and --hold do not go with -l").hinting("name the pod"));
    };
    object.container = object.container.or_else(|| container.map(str::to_owned));
    let next = cluster.locate_next(&object).await?;
    if object.kind != ObjectKind::Pod {
        printer::notice(&format!("{object} is {}", next.describe()));
    }
    Ok(next)
}

pub(crate) fn place(located: &Located) -> Place {
    match &located.container {
        None => Place::Node,
        Some(container) => Place::Container { id: container.id.clone(), pod: container.uid.clone() },
    }
}
