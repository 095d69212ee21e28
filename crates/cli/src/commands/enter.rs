//! `fathom enter TARGET [-- CMD]`: from words to an entry, from the entry to a status.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use fathom_model::target::{Object, ObjectKind};
use fathom_model::{Class, Failure, Target};
use fathom_protocol::wish::Await;
use fathom_protocol::{Entry, Input};

use crate::terminal::size;
use crate::words::{Cgroup, Enter, Root};
use crate::{environment, exit, machine};

mod ephemeral;
mod fork;
mod many;
mod remote;
mod toolkit;

pub(crate) use remote::{locate, place};

pub(crate) fn run(words: &Enter) -> anyhow::Result<i32> {
    let result = enter(words);
    if let Some(file) = &words.status_file {
        let (from, status) = match &result {
            Ok(status) => ("command", *status),
            Err(error) => ("fathom", exit::of(error)),
        };
        let text = serde_json::json!({"from": from, "status": status});
        std::fs::write(file, format!("{text}\n")).with_context(|| format!("cannot write {}", file.display()))?;
    }
    result
}

fn enter(words: &Enter) -> anyhow::Result<i32> {
    match asked(words) {
        Asked::OfCluster(whom) if words.fork.fork => fork::enter(words, whom, entry(words)?, input(words)),
        Asked::OfCluster(whom) if words.pods.all => many::enter(words, &whom, entry(words)?),
        Asked::OfCluster(whom) => remote::enter(words, whom, entry(words)?, input(words)),
        Asked::OfThisMachine(target) if words.fork.fork => Err(fork::unwanted(target).into()),
        Asked::OfThisMachine(target) if words.ephemeral.ephemeral => Err(ephemeral::unwanted(target).into()),
        Asked::OfThisMachine(target) if words.pods.all => Err(many::unwanted(target).into()),
        Asked::OfThisMachine(target) => machine::enter(words, target, &entry(words)?, input(words)),
    }
}

/// Whether the target is in a cluster.
pub(crate) fn is_remote(words: &Enter) -> bool {
    matches!(asked(words), Asked::OfCluster(_))
}

/// Where the words lead.
enum Asked<'a> {
    OfCluster(Whom),
    OfThisMachine(&'a str),
}

/// What is looked for in a cluster.
pub(crate) enum Whom {
    /// One thing by its name.
    Object(Object),
    /// Pods by their labels.
    Labels(String),
}

/// To kubectl's users a bare word is a pod.
fn asked(words: &Enter) -> Asked<'_> {
    let target = match (&words.target, &words.pods.selector) {
        (_, Some(labels)) => return Asked::OfCluster(Whom::Labels(labels.clone())),
        (target, None) => target.as_deref().unwrap_or_default(),
    };
    match target.parse() {
        Ok(Target::Object(object)) => Asked::OfCluster(Whom::Object(object)),
        Ok(Target::Container { engine: None, name }) if environment::is_plugin() => {
            Asked::OfCluster(Whom::Object(Object { namespace: None, kind: ObjectKind::Pod, name, container: None }))
        }
        _ => Asked::OfThisMachine(target),
    }
}

/// Without `-i` and `-t`, what a shell would do: stdin is passed on.
fn input(words: &Enter) -> Input {
    if words.stdin || !words.tty { Input::Forwarded } else { Input::Closed }
}

/// What the words say, for whichever node carries it out.
fn entry(words: &Enter) -> Result<Entry, Failure> {
    let terminal = terminal(words)?;
    if words.record.is_some() && terminal.is_none() {
        return Err(Failure::new(Class::Usage, "--record needs a terminal to record").hinting("add -t"));
    }
    Ok(Entry {
        command: words.command.clone(),
        terminal,
        target_root: words.root == Root::Target,
        toolkit: words.toolkit.clone(),
        profile: words.profile.map(|profile| profile.name().to_owned()),
        namespaces: words.ns.as_ref().map(|kinds| kinds.iter().map(|kind| kind.name().to_owned()).collect()),
        user: words.user.clone(),
        workdir: words.workdir.clone(),
        env: variables(words, terminal.is_some()),
        memory: Some(words.memory),
        pids: Some(words.pids),
        scratch: Some(words.scratch),
        target_cgroup: words.cgroup == Cgroup::Target,
        detach: words.detach,
        ttl: words.ttl.map(|ttl| ttl.as_secs()),
        survive: words.survive,
        await_next: match (words.wait, words.hold) {
            (_, true) => Some(Await::Hold),
            (true, false) => Some(Await::Enter),
            (false, false) => None,
        },
        ..Entry::default()
    })
}

/// A terminal when one is asked for, or when nothing is asked for and we have one ourselves.
fn terminal(words: &Enter) -> Result<Option<(u16, u16)>, Failure> {
    let ours = std::io::stdin().is_terminal();
    if words.tty && words.stdin && !ours && !words.detach {
        return Err(Failure::new(Class::Usage, "stdin is not a terminal, so -t cannot connect it to one")
            .hinting("leave -t out"));
    }
    let implied = !words.stdin && !words.pods.all && ours && std::io::stdout().is_terminal();
    Ok((words.tty || implied).then(size))
}

fn variables(words: &Enter, terminal: bool) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    if terminal {
        variables.insert("TERM".to_owned(), environment::text("TERM").unwrap_or_else(|| "xterm".to_owned()));
    }
    for word in &words.env {
        match word.split_once('=') {
            Some((name, value)) => variables.insert(name.to_owned(), value.to_owned()),
            // As docker: a name alone passes our own value on.
            None => std::env::var(word).ok().and_then(|value| variables.insert(word.clone(), value)),
        };
    }
    variables
}
