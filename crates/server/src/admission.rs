//! Whether somebody gets a session, and which: the cluster decides about rights, the policy about the rest, and every
//! doubt is a no.

use fathom_cluster::Cluster;
use fathom_cluster::server::{Asked, Kept, Person, PodFacts, Verdict};
use fathom_model::{Class, Failure};
use fathom_protocol::api::{Archive, EnterSpec, GROUP};
use fathom_protocol::wish::Await;
use fathom_protocol::{Entry, Place};

use crate::policy::{self, Policy};
use crate::refusal::Refusal;

/// What somebody wants to enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Pod { namespace: String, name: String },
    Node { name: String },
}

/// What was granted: everything is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) target: Target,
    /// `NAMESPACE/pod/NAME/CONTAINER`, `node/NAME`.
    pub(crate) title: String,
    /// The pod's uid.
    pub(crate) uid: Option<String>,
    pub(crate) node: String,
    pub(crate) profile: String,
    /// What the agent is told.
    pub(crate) entry: Entry,
    /// What the agent takes in instead.
    pub(crate) archive: Option<Archive>,
    /// What the policy changed.
    pub(crate) notices: Vec<String>,
}

/// The profile that gives the node away.
const HOST: &str = "host";

/// The least of those that may stop what runs in a container, as a debugger does.
const GENERAL: &str = "general";

/// The others that may.
const ABOVE_GENERAL: [&str; 2] = ["sysadmin", HOST];

impl Target {
    /// As a person would type it, without a container.
    pub(crate) fn title(&self) -> String {
        match self {
            Target::Pod { namespace, name } => format!("{namespace}/pod/{name}"),
            Target::Node { name } => format!("node/{name}"),
        }
    }

    /// Of what an earlier server called it, with or without a container.
    pub(crate) fn titled(title: &str) -> Option<Self> {
        let parts: Vec<&str> = title.split('/').collect();
        match parts.as_slice() {
            ["node", name] => Some(Target::Node { name: (*name).to_owned() }),
            [namespace, "pod", name] | [namespace, "pod", name, _] => {
                Some(Target::Pod { namespace: (*namespace).to_owned(), name: (*name).to_owned() })
            }
            _ => None,
        }
    }

    pub(crate) fn namespace(&self) -> Option<&str> {
        match self {
            Target::Pod { namespace, .. } => Some(namespace),
            Target::Node { .. } => None,
        }
    }

    /// The profile of an entry that names none; the same that a node would choose.
    pub(crate) fn profile<'a>(&self, entry: &'a Entry) -> &'a str {
        let usual = match self {
            Target::Pod { .. } => "general",
            Target::Node { .. } => HOST,
        };
        entry.profile.as_deref().unwrap_or(usual)
    }
}

/// Decides.
pub(crate) async fn admit(
    cluster: &Cluster,
    policy: &Kept,
    person: &Person,
    target: Target,
    spec: EnterSpec,
) -> Result<Granted, Refusal> {
    let EnterSpec { pod_uid, container, mut entry, archive } = spec;
    let profile = target.profile(&entry).to_owned();
    let (resource, name) = match &target {
        Target::Pod { name, .. } => ("pods", name.as_str()),
        Target::Node { name } => ("nodes", name.as_str()),
    };
    let namespace = target.namespace();
    let enter = Asked { verb: "create", resource, subresource: "enter", namespace, name };
    let (may, with, policy, facts) = tokio::join!(
        cluster.review(person, enter),
        cluster.review(person, using(namespace, &profile)),
        cluster.kept(policy),
        look(cluster, &target),
    );
    // In this order: who may not enter a pod is not told whether it exists.
    allowed(may, person, enter)?;
    let texts = policy?;
    let policy = Policy::read(texts.as_ref().and_then(|texts| texts.get(policy::KEY)).map(String::as_str))?;
    allowed(with, person, using(namespace, &profile))?;
    let facts = facts?;
    let near = near_node(facts.as_ref(), &entry);
    if let Some(why) = near.filter(|_| profile != HOST) {
        let verdict = cluster.review(person, using(namespace, HOST)).await;
        allowed(verdict, person, using(namespace, HOST)).map_err(|failure| because(failure, &part_of_node(&why)))?;
    }
    if entry.await_next == Some(Await::Hold) && profile != GENERAL && !ABOVE_GENERAL.contains(&profile.as_str()) {
        let verdict = cluster.review(person, using(namespace, GENERAL)).await;
        let why = "whoever holds a container stops it, as a debugger does";
        allowed(verdict, person, using(namespace, GENERAL)).map_err(|failure| because(failure, why))?;
    }
    let (node, title, place) = match &facts {
        None if entry.await_next.is_some() => return Err(never_comes(&target).into()),
        None => (name.to_owned(), target.title(), Place::Node),
        Some(facts) => placed(facts, pod_uid.as_deref(), container.as_deref(), entry.await_next)?,
    };
    let notices = policy.hold(namespace, &mut entry)?;
    if let Some(archive) = &archive {
        policy.admit(&archive.digest)?;
    }
    entry.place = place;
    entry.profile = Some(profile.clone());
    let uid = facts.map(|facts| facts.uid);
    Ok(Granted { title, uid, node, profile, entry, archive, notices, target })
}

fn using<'a>(namespace: Option<&'a str>, profile: &'a str) -> Asked<'a> {
    Asked { verb: "use", resource: "profiles", subresource: "", namespace, name: profile }
}

/// The pod; none for a node, which has to exist.
async fn look(cluster: &Cluster, target: &Target) -> Result<Option<PodFacts>, Failure> {
    match target {
        Target::Pod { namespace, name } => cluster.pod_facts(namespace, name).await.map(Some),
        Target::Node { name } if cluster.has_node(name).await? => Ok(None),
        Target::Node { name } => {
            Err(Failure::new(Class::NotFound, format!("there is no node {name}"))
                .hinting("`kubectl get nodes` lists them"))
        }
    }
}

/// A yes of the cluster; everything else is a no, one that could not be asked for too.
fn allowed(verdict: Result<Verdict, Failure>, person: &Person, asked: Asked<'_>) -> Result<(), Failure> {
    let cause = match verdict {
        Ok(Verdict::Allowed) => return Ok(()),
        Ok(Verdict::Denied(reason)) => reason,
        Err(failure) => {
            let cause = failure.cause.unwrap_or(failure.message);
            return Err(Failure {
                cause: Some(cause),
                ..Failure::new(Class::System, "the cluster does not say whether this may be, so it may not")
            }
            .hinting("try again; `fathom enter --agentless` goes by other rights"));
        }
    };
    let place = asked.namespace.map_or_else(String::new, |namespace| format!(" in the namespace {namespace}"));
    let message = format!(
        "{}.{GROUP} \"{}\" is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{GROUP}\"{place}",
        asked.path(),
        asked.name,
        person.name,
        asked.verb,
        asked.path(),
    );
    let kind = if asked.namespace.is_some() { "Role" } else { "ClusterRole" };
    let names =
        if asked.resource == "profiles" { format!("\nresourceNames: [\"{}\"]", asked.name) } else { String::new() };
    let hint = format!(
        "a {kind} with this rule allows it:\napiGroups: [\"{GROUP}\"]\nresources: [\"{}\"]{names}\nverbs: [\"{}\"]",
        asked.path(),
        asked.verb,
    );
    Err(Failure { cause, ..Failure::new(Class::Denied, message) }.hinting(hint))
}

fn because(failure: Failure, why: &str) -> Failure {
    Failure { cause: Some(why.to_owned()), ..failure }
}

fn part_of_node(why: &str) -> String {
    format!("whoever enters it has a part of its node, because of {why}")
}

fn never_comes(target: &Target) -> Failure {
    Failure::new(Class::Usage, format!("`{}` does not come back: only containers do", target.title()))
        .hinting("leave --wait and --hold out")
}

/// What makes an entry one into the node, whatever its profile.
fn near_node(facts: Option<&PodFacts>, entry: &Entry) -> Option<String> {
    let Some(facts) = facts else { return Some("the node itself".to_owned()) };
    if let Some(why) = facts.near_node.first() {
        return Some(why.clone());
    }
    // A namespace that is not joined is the node's.
    entry.namespaces.is_some().then(|| "--ns, which may leave namespaces of the node".to_owned())
}

/// Where it is: its node, its title, and what its agent is told. A container that is still to come is judged by its pod,
/// which has the same uid and the same volumes and rights whenever it comes; the agent holds what comes to that uid.
fn placed(
    facts: &PodFacts,
    uid: Option<&str>,
    container: Option<&str>,
    awaited: Option<Await>,
) -> Result<(String, String, Place), Refusal> {
    match uid {
        None | Some("") => {
            return Err(Failure::new(Class::Usage, "the wish does not say which pod is meant")
                .hinting("spec.podUid is the pod's metadata.uid")
                .into());
        }
        Some(uid) if uid != facts.uid => {
            let what = format!("the pod {}/{} is another one by now", facts.namespace, facts.name);
            let cause = format!("its uid is {}, not {uid}", facts.uid);
            let failure = Failure { cause: Some(cause), ..Failure::new(Class::NotFound, what) };
            return Err(Refusal::conflict(failure.hinting("try again")));
        }
        Some(_) => {}
    }
    if awaited.is_some() {
        let next = facts.next(container)?;
        let title = next.describe();
        return Ok((next.node.clone(), title, next.place()));
    }
    let located = facts.container(container)?;
    let title = located.describe();
    let container = located.container.expect("it is of a pod");
    Ok((located.node, title, Place::Container { id: container.id, pod: container.uid }))
}
