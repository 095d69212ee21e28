//! The same words for a pod or a node of a cluster: an agent there does what this machine would have done.

use fathom_cluster::{Cluster, Located};
use fathom_model::Failure;
use fathom_model::target::{Object, ObjectKind};
use fathom_protocol::{Action, Entry, Input, Place};

use super::toolkit;
use crate::conversation::{self, Last, Manner};
use crate::words::Enter;
use crate::{kubernetes, printer};

pub(super) fn enter(words: &Enter, object: Object, entry: Entry, input: Input) -> anyhow::Result<i32> {
    words.here.fit_a_cluster()?;
    match kubernetes::block_on(converse(words, object, entry, input))? {
        Last::Ended(ending) => Ok(ending.status()),
        Last::Left(id) => {
            printer::data(&format!("{id}\n"));
            Ok(0)
        }
        Last::Answer(_) => Ok(0),
    }
}

async fn converse(words: &Enter, mut object: Object, mut entry: Entry, input: Input) -> Result<Last, Failure> {
    let flags = &words.cluster;
    let cluster = Cluster::open(&kubernetes::access(flags)).await?;
    object.container = object.container.or_else(|| flags.container.clone());
    let asked = object.to_string();
    let located = cluster.locate(&object).await?;
    if !matches!(object.kind, ObjectKind::Pod | ObjectKind::Node) {
        printer::notice(&format!("{asked} is {}", located.describe()));
    }
    entry.place = place(&located);
    let manner = Manner { terminal: entry.terminal.is_some(), input };
    let options = kubernetes::agent(flags, words.ttl);
    entry.toolkit = toolkit::brought(&cluster, &located.node, &options, entry.toolkit).await?;
    let (speaker, listener) = cluster.reach(&located.node, &options, Action::Enter(Box::new(entry))).await?;
    conversation::carry(manner, speaker, listener).await
}

fn place(located: &Located) -> Place {
    match &located.container {
        None => Place::Node,
        Some(container) => Place::Container { id: container.id.clone(), pod: container.uid.clone() },
    }
}
