//! `--ephemeral`, and the way in where there is no other: a container of ours in the pod itself.

use fathom_cluster::ephemeral::Grant;
use fathom_cluster::locate::Container;
use fathom_cluster::{Agent, Beside, Cluster, Listener, Speaker};
use fathom_model::{Class, Failure};
use fathom_protocol::{Action, Entry, Place};

use crate::conversation::{self, Last, Manner, Sink};
use crate::recording::Recording;
use crate::words::{Cgroup, Enter, Root};
use crate::{kubernetes, printer};

/// Words that need a root, a cgroup or namespaces of the session's own.
fn check(words: &Enter) -> Result<(), Failure> {
    let apart = [
        (words.root == Root::Target, "--root target"),
        (words.ns.is_some(), "--ns"),
        (words.cgroup == Cgroup::Target, "--cgroup target"),
        (words.survive, "--survive"),
        (words.toolkit.as_ref().is_some_and(|toolkit| toolkit != "mini"), "--toolkit"),
    ];
    match apart.into_iter().find(|(said, _)| *said) {
        Some((_, word)) => Err(Failure::new(Class::Usage, format!("{word} does not go with an ephemeral container"))
            .hinting("leave it out: `/` is our image there, and the target's tree is at /target")),
        None => Ok(()),
    }
}

pub(super) fn unwanted(target: &str) -> Failure {
    Failure::new(Class::Usage, format!("`{target}` cannot have an ephemeral container: only pods can"))
        .hinting("leave --ephemeral out")
}

/// Enters a container of ours beside `target`.
pub(super) async fn visit(
    words: &Enter,
    cluster: &Cluster,
    target: &Container,
    mut entry: Entry,
    manner: Manner,
    recording: Option<Recording>,
) -> Result<Last, Failure> {
    check(words)?;
    let grants = Grant::of(words.profile)?;
    let described = format!("{}/pod/{}/{}", target.namespace, target.pod, target.name);
    entry.place = Place::Here { target: described, id: target.id.clone() };
    entry.toolkit = None;
    let (beside, agent) = stand(words, cluster, target, &grants, None).await?;
    let spoken = match converse(cluster, &agent, &beside, &entry).await {
        // One that goes just when we come.
        Err(failure) if agent.found && failure.class != Class::Denied => {
            let (beside, agent) = stand(words, cluster, target, &grants, Some(&beside.name)).await?;
            converse(cluster, &agent, &beside, &entry).await
        }
        spoken => spoken,
    };
    let (speaker, listener) = spoken?;
    conversation::carry_to(Sink::Screen(recording), manner, speaker, listener).await
}

async fn converse(
    cluster: &Cluster,
    agent: &Agent,
    beside: &Beside,
    entry: &Entry,
) -> Result<(Speaker, Listener), Failure> {
    let entry = Entry { profile: Some(beside.grant.profile().name().to_owned()), ..entry.clone() };
    cluster.converse(agent, Action::Enter(Box::new(entry))).await
}

/// Has one there that runs, and says what that means for the pod.
async fn stand(
    words: &Enter,
    cluster: &Cluster,
    target: &Container,
    grants: &[Grant],
    not: Option<&str>,
) -> Result<(Beside, Agent), Failure> {
    let options = kubernetes::agent(&words.cluster.reach, words.ttl);
    let beside = cluster.beside(target, &options, grants, not).await?;
    let place = format!("the pod {}/{}", beside.namespace, beside.pod);
    printer::notice(&match beside.found {
        true => format!("{} is in {place} already; Kubernetes keeps its entry until the pod goes", beside.name),
        false => format!(
            "{place} has the ephemeral container {} now, whose entry Kubernetes cannot remove until \
             the pod goes; what runs in it ends by itself",
            beside.name
        ),
    });
    if beside.grant != grants[0] {
        let grant = beside.grant.name();
        printer::notice(&format!("its rights are `{grant}`: Pod Security in {} allows no more", beside.namespace));
    }
    if !beside.left_out.is_empty() {
        printer::notice(&format!("not mounted there, but below /target: {}", beside.left_out.join(", ")));
    }
    let agent = cluster.until_it_is_beside(&beside, &options).await?;
    Ok((beside, agent))
}
