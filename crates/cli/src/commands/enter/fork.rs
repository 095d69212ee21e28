//! `--fork`: a copy of the pod that waits instead of crashing, entered, and taken away with the session.

use fathom_cluster::fork::{self, Init, Options};
use fathom_cluster::{Cluster, Forked, Located, Original};
use fathom_model::target::{Object, ObjectKind};
use fathom_model::{Class, Command, Failure};
use fathom_protocol::{Action, Entry, Input};

use super::{Whom, remote, toolkit};
use crate::conversation::{self, Last, Manner, Sink};
use crate::recording::Recording;
use crate::words::Enter;
use crate::{kubernetes, printer};

/// Words that make no sense for a copy.
fn check(words: &Enter) -> Result<(), Failure> {
    let apart = [
        (words.wait, "--wait"),
        (words.hold, "--hold"),
        (words.pods.all, "--all"),
        (words.pods.selector.is_some(), "-l"),
        (words.detach && !words.fork.keep, "--detach without --keep"),
    ];
    match apart.into_iter().find(|(said, _)| *said) {
        Some((_, word)) => {
            Err(Failure::new(Class::Usage, format!("{word} does not go with --fork")).hinting("leave one of them out"))
        }
        None => Ok(()),
    }
}

pub(super) fn unwanted(target: &str) -> Failure {
    Failure::new(Class::Usage, format!("`{target}` cannot be copied: only pods can")).hinting("leave --fork out")
}

pub(super) fn enter(words: &Enter, whom: Whom, entry: Entry, input: Input) -> anyhow::Result<i32> {
    check(words)?;
    let recording = remote::recording(words, &whom, &entry)?;
    let object = match whom {
        Whom::Object(object) if object.kind != ObjectKind::Node => object,
        Whom::Object(object) => return Err(unwanted(&object.to_string()).into()),
        Whom::Labels(labels) => return Err(unwanted(&labels).into()),
    };
    match kubernetes::block_on(visit(words, object, entry, input, recording))? {
        Last::Ended(ending) => Ok(ending.status()),
        Last::Left(id) => {
            printer::data(&format!("{id}\n"));
            Ok(0)
        }
        Last::Answer(_) => Ok(0),
    }
}

async fn visit(
    words: &Enter,
    mut object: Object,
    entry: Entry,
    input: Input,
    recording: Option<Recording>,
) -> Result<Last, Failure> {
    let flags = &words.cluster;
    let cluster = Cluster::open(&kubernetes::access(flags)).await?;
    object.container = object.container.or_else(|| flags.container.clone());
    let (original, options) = plan(words, &cluster, &object).await?;
    let forked = cluster.fork(&original, &options).await?;
    printer::notice(&format!("the copy is {}/pod/{}", forked.namespace, forked.name));
    let result = tokio::select! {
        result = converse(words, &cluster, &forked, &options, entry, input, recording) => result,
        // Before there is a session, nobody else answers for it; a session passes its signals on.
        _ = tokio::signal::ctrl_c() => Err(Failure::new(Class::System, "was interrupted")),
    };
    if words.fork.keep {
        printer::notice(&format!("it stays: `kubectl -n {} delete pod {}`", forked.namespace, forked.name));
        return result;
    }
    match (result, cluster.take_away(&forked).await) {
        (Ok(last), Ok(())) => Ok(last),
        (Err(failure), _) | (Ok(_), Err(failure)) => Err(failure),
    }
}

/// Everything that is to be known before the copy is made.
async fn plan(words: &Enter, cluster: &Cluster, object: &Object) -> Result<(Original, Options), Failure> {
    let flags = &words.cluster;
    let original = cluster.locate_original(object).await?;
    let class = original.pod.spec.as_ref().and_then(|spec| spec.runtime_class_name.as_deref());
    if let Some(sandbox) = cluster.sandbox(class).await? {
        return Err(sandbox.out_of_reach(&original.name));
    }
    if object.kind != ObjectKind::Pod {
        printer::notice(&format!("{object} is {}/pod/{}", original.namespace, original.name));
    }
    let known = if original.says_all() { Command::default() } else { ask(words, cluster, &original).await? };
    let argv = original.argv(&known);
    if argv.is_none() {
        printer::notice(
            "what the container runs is not known: neither the pod nor its node's engine says it, so \
             `fathom run-entrypoint` will not work; run the command itself",
        );
    }
    let options = Options {
        stem: fork::stem(&original.name),
        container: original.container.clone(),
        image: flags.reach.agent_image.clone(),
        pull_secrets: flags.reach.image_pull_secret.clone(),
        keep_labels: words.fork.keep_labels.clone(),
        init: if words.fork.skip_init { Init::Skipped } else { Init::Kept },
        deadline: kubernetes::agent(&flags.reach, words.ttl).deadline.as_secs(),
        node: cluster.node_of_volumes(&original.pod).await?,
        argv: argv.unwrap_or_default(),
    };
    Ok((original, options))
}

/// The API does not know an image's ENTRYPOINT; the engine of the node where the original is or was does.
async fn ask(words: &Enter, cluster: &Cluster, original: &Original) -> Result<Command, Failure> {
    let Some(node) = &original.node else { return Ok(Command::default()) };
    let action = Action::Command { id: original.id.clone(), image: original.image.clone() };
    let options = kubernetes::agent(&words.cluster.reach, None);
    let (speaker, listener) = cluster.reach(node, &options, action).await?;
    let manner = Manner { terminal: false, input: Input::Closed };
    let unread = |why: String| Failure::new(Class::System, format!("cannot read what {node} says: {why}"));
    match conversation::carry(manner, speaker, listener).await? {
        Last::Answer(text) => serde_json::from_str(&text).map_err(|error| unread(error.to_string())),
        other => Err(unread(format!("{other:?}"))),
    }
}

async fn converse(
    words: &Enter,
    cluster: &Cluster,
    forked: &Forked,
    options: &Options,
    mut entry: Entry,
    input: Input,
    recording: Option<Recording>,
) -> Result<Last, Failure> {
    let agents = kubernetes::agent(&words.cluster.reach, words.ttl);
    let located: Located = cluster.until_it_runs(forked, &options.container, agents.patience).await?;
    entry.place = remote::place(&located);
    // What is run there has to find its files where it would have found them.
    entry.target_root = true;
    let manner = Manner { terminal: entry.terminal.is_some(), input };
    entry.toolkit = toolkit::brought(cluster, &located.node, &agents, entry.toolkit).await?;
    let (speaker, listener) = cluster.reach(&located.node, &agents, Action::Enter(Box::new(entry))).await?;
    conversation::carry_to(Sink::Screen(recording), manner, speaker, listener).await
}
