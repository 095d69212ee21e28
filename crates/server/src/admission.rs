//! Whether somebody gets a session, and which: the cluster decides about rights, the policy about the rest, and every
//! doubt is a no.

use fathom_cluster::Cluster;
use fathom_cluster::server::{Asked, Kept, Person, PodFacts, Verdict};
use fathom_model::{Class, Failure};
use fathom_protocol::api::{Act, Archive, EnterSpec, GROUP};
use fathom_protocol::wish::Await;
use fathom_protocol::{Entry, Place, tracing};

use crate::policy::{self, Policy};
use crate::refusal::Refusal;

/// What somebody wants to enter, or to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Pod { namespace: String, name: String },
    Node { name: String },
}

/// What was granted: everything is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) act: Act,
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

impl Granted {
    /// What runs, as whoever lists sessions sees it.
    pub(crate) fn command(&self) -> Vec<String> {
        match self.act {
            Act::Enter => self.entry.command.clone(),
            Act::Trace => {
                ["fathom", "trace"].map(str::to_owned).into_iter().chain(self.entry.command.clone()).collect()
            }
        }
    }
}

/// What stands for a profile where somebody only looks.
pub(crate) const TRACE: &str = "trace";

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

    /// The right to do this there.
    fn asked(&self, act: Act) -> Asked<'_> {
        let (resource, name) = match self {
            Target::Pod { name, .. } => ("pods", name.as_str()),
            Target::Node { name } => ("nodes", name.as_str()),
        };
        Asked { verb: "create", resource, subresource: act.name(), namespace: self.namespace(), name }
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
    act: Act,
    target: Target,
    spec: EnterSpec,
) -> Result<Granted, Refusal> {
    match act {
        Act::Enter => admit_entry(cluster, policy, person, target, spec).await,
        Act::Trace => admit_trace(cluster, policy, person, target, spec).await,
    }
}

async fn admit_entry(
    cluster: &Cluster,
    policy: &Kept,
    person: &Person,
    target: Target,
    spec: EnterSpec,
) -> Result<Granted, Refusal> {
    let EnterSpec { pod_uid, container, mut entry, archive } = spec;
    let profile = target.profile(&entry).to_owned();
    let (namespace, enter) = (target.namespace(), target.asked(Act::Enter));
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
        None => (enter.name.to_owned(), target.title(), Place::Node),
        Some(facts) => placed(facts, pod_uid.as_deref(), container.as_deref(), entry.await_next)?,
    };
    let notices = policy.hold(namespace, &mut entry)?;
    if let Some(archive) = &archive {
        policy.admit(&archive.digest)?;
    }
    entry.place = place;
    entry.profile = Some(profile.clone());
    let uid = facts.map(|facts| facts.uid);
    Ok(Granted { act: Act::Enter, title, uid, node, profile, entry, archive, notices, target })
}

/// Who looks at what runs needs the one right to do so there: no process is added, and nothing is changed.
async fn admit_trace(
    cluster: &Cluster,
    policy: &Kept,
    person: &Person,
    target: Target,
    spec: EnterSpec,
) -> Result<Granted, Refusal> {
    let (namespace, trace) = (target.namespace(), target.asked(Act::Trace));
    let (may, policy, facts) =
        tokio::join!(cluster.review(person, trace), cluster.kept(policy), look(cluster, &target));
    allowed(may, person, trace)?;
    let texts = policy?;
    let policy = Policy::read(texts.as_ref().and_then(|texts| texts.get(policy::KEY)).map(String::as_str))?;
    let facts = facts?;
    let EnterSpec { pod_uid, container, entry, archive } = spec;
    tracing::check(&entry.command).map_err(|unknown| {
        Failure::new(Class::Usage, unknown.to_string()).hinting("use the same version of fathom on both sides")
    })?;
    if archive.is_some() || entry.await_next.is_some() || entry.detach {
        return Err(Failure::new(Class::Usage, "a trace takes no archive, waits for nothing and needs a client").into());
    }
    let (node, title, place) = match &facts {
        None => (trace.name.to_owned(), target.title(), Place::Node),
        Some(facts) if container.is_none() => whole(facts, pod_uid.as_deref())?,
        Some(facts) => placed(facts, pod_uid.as_deref(), container.as_deref(), None)?,
    };
    // Nothing else of an entry has a meaning, or is for a client to say.
    let Entry { command, terminal, ttl, env, .. } = entry;
    let env = env.into_iter().filter(|(name, value)| tracing::is_variable(name, value)).collect();
    let mut entry = Entry { place, command, terminal, ttl, env, ..Entry::default() };
    let notices = policy.hold_trace(namespace, &mut entry)?;
    let uid = facts.map(|facts| facts.uid);
    let profile = TRACE.to_owned();
    Ok(Granted { act: Act::Trace, title, uid, node, profile, entry, archive: None, notices, target })
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
    check_uid(facts, uid)?;
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

/// The same of a pod with all that runs in it.
fn whole(facts: &PodFacts, uid: Option<&str>) -> Result<(String, String, Place), Refusal> {
    check_uid(facts, uid)?;
    let located = facts.container(None)?;
    let (namespace, name) = (facts.namespace.clone(), facts.name.clone());
    let title = format!("{namespace}/pod/{name}");
    Ok((located.node, title, Place::Pod { pod: facts.uid.clone(), namespace, name }))
}

/// Whether the pod is the one that its user has seen.
fn check_uid(facts: &PodFacts, uid: Option<&str>) -> Result<(), Refusal> {
    match uid {
        None | Some("") => Err(Failure::new(Class::Usage, "the wish does not say which pod is meant")
            .hinting("spec.podUid is the pod's metadata.uid")
            .into()),
        Some(uid) if uid != facts.uid => {
            let what = format!("the pod {}/{} is another one by now", facts.namespace, facts.name);
            let cause = format!("its uid is {}, not {uid}", facts.uid);
            let failure = Failure { cause: Some(cause), ..Failure::new(Class::NotFound, what) };
            Err(Refusal::conflict(failure.hinting("try again")))
        }
        Some(_) => Ok(()),
    }
}
