//! Which names can stand where: each comes from this machine or from a cluster, in a short time or not at all.

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use clap::ArgMatches;
use fathom_cluster::{Access, Cluster as Api};
use fathom_model::target::{Object, ObjectKind};
use fathom_model::{Failure, Profile, Target, namespace};

use super::target::{self, Next};
use crate::{environment, kubernetes, machine};

/// Nobody waits longer for a word.
const PATIENCE: Duration = Duration::from_secs(1);

/// What finds the names: the line so far and the word that is being typed.
type Complete = fn(&Line, &str) -> Vec<String>;

/// What has names: the verbs with what they do, the word's id in the command tree, and who finds them.
pub(super) const COMPLETERS: &[(&[&str], &str, Complete)] = &[
    (&["enter", "why"], "target", targets),
    (&["trace"], "words", trace_words),
    (&["trace"], "target", targets),
    (&["trace"], "filter", fields),
    (&["trace"], "views", views),
    (&["trace"], "view", views),
    (&["why"], "explain", |_, _| fathom_diagnose::rules::all().map(|rule| rule.code.to_owned()).collect()),
    (&["enter", "trace"], "container", containers),
    (&["enter", "trace", "why"], "namespace", |line, _| line.ask(|api| async move { api.namespaces().await })),
    (&["enter", "trace", "sessions"], "agent_namespace", |line, _| {
        line.ask(|api| async move { api.namespaces().await })
    }),
    (&["enter", "trace", "why", "sessions"], "context", contexts),
    (&["enter", "trace"], "selector", |line, _| line.ask(|api| async move { api.labels().await })),
    (&["sessions attach", "sessions kill", "sessions release"], "id", |_, _| machine::session_ids()),
    (&["enter"], "profile", |_, _| Profile::ALL.iter().map(|(_, name)| (*name).to_owned()).collect()),
    (&["enter"], "ns", |_, _| namespace::Kind::ALL.iter().map(|(_, name)| (*name).to_owned()).collect()),
    (&["enter"], "toolkit", |_, _| toolkits()),
];

/// Kinds by the shortest name that is offered.
const KINDS: &[&str] = &["pod", "deploy", "sts", "ds", "job", "svc", "node"];

/// A line that is being typed.
#[derive(Clone)]
pub(super) struct Line {
    /// Its words before the one that is being typed, and before the flag of that.
    words: Vec<OsString>,
}

impl Line {
    pub(super) fn of(line: &[OsString]) -> Self {
        let mut words = line[..line.len().saturating_sub(1)].to_vec();
        // A flag whose value is being typed has none yet; any other before the word says nothing of names.
        words.pop_if(|word| word.to_string_lossy().starts_with('-'));
        Line { words }
    }

    /// What the verb's words say so far; what is missing or wrong is passed over.
    fn matches(&self) -> Option<ArgMatches> {
        let tree = super::set_tree(&self.words).ignore_errors(true);
        let matches = tree.try_get_matches_from(&self.words).ok()?;
        matches.subcommand().map(|(_, matches)| matches.clone())
    }

    /// How its words say that a cluster is reached.
    fn access(&self) -> Option<Access> {
        let matches = self.matches()?;
        let one = |id: &str| matches.try_get_one::<String>(id).ok().flatten().cloned();
        let file = matches.try_get_one::<PathBuf>("kubeconfig").ok().flatten().cloned();
        let groups = matches.try_get_many::<String>("groups").ok().flatten();
        Some(Access {
            kubeconfig: file,
            context: one("context"),
            impersonate: one("impersonate"),
            groups: groups.map(|groups| groups.cloned().collect()).unwrap_or_default(),
            namespace: one("namespace"),
            ..Access::default()
        })
    }

    /// The target that it has already.
    fn target(&self) -> Option<Target> {
        let matches = self.matches()?;
        let named = matches.try_get_one::<String>("target").ok().flatten();
        let first = || matches.try_get_many::<String>("words").ok().flatten()?.next();
        named.or_else(first)?.parse().ok()
    }

    /// Whether the word that is being typed is the first of its verb.
    fn is_at_its_first(&self) -> bool {
        let words = self.matches().and_then(|matches| Some(matches.try_get_many::<String>("words").ok()??.len()));
        words.unwrap_or_default() == 0
    }

    /// What a cluster answers in time. Who we are may be told by a program that never ends, so nobody waits for the end.
    fn ask<F>(&self, question: impl FnOnce(Api) -> F + Send + 'static) -> Vec<String>
    where
        F: Future<Output = Result<Vec<String>, Failure>>,
    {
        let Some(access) = self.access() else { return Vec::new() };
        let (answer, answered) = mpsc::channel();
        std::thread::spawn(move || {
            let asked = async { question(Api::open(&access).await?).await };
            answer.send(kubernetes::block_on(asked).unwrap_or_default())
        });
        answered.recv_timeout(PATIENCE).unwrap_or_default()
    }
}

fn targets(line: &Line, word: &str) -> Vec<String> {
    match target::next(word) {
        Next::Kind { namespace } => {
            let before = namespace.map_or_else(String::new, |namespace| format!("{namespace}/"));
            let kinds = KINDS.iter().filter(|kind| namespace.is_none() || **kind != "node");
            let kinds = kinds.map(|kind| format!("{before}{kind}/")).collect();
            if namespace.is_some() { kinds } else { [bare(line), kinds].concat() }
        }
        Next::Name { before, namespace, kind } => prefixed(&before, names(line, kind, namespace)),
        Next::Container { before, object } => prefixed(&before, containers_of(line, object)),
    }
}

/// A target where none stands yet, and the fields that a filter begins with.
fn trace_words(line: &Line, word: &str) -> Vec<String> {
    let mut words = if line.is_at_its_first() { targets(line, word) } else { Vec::new() };
    words.extend(fields(line, word));
    words
}

/// Fields, once there is a letter: they are many.
fn fields(_: &Line, word: &str) -> Vec<String> {
    let rows = fathom_trace::fields::rows().filter(|_| !word.is_empty());
    rows.map(|field| field.name.to_owned()).collect()
}

fn views(_: &Line, _: &str) -> Vec<String> {
    fathom_trace::views::rows().map(|view| view.name.to_owned()).collect()
}

/// What is named without its kind: pods to kubectl's users, containers to all others.
fn bare(line: &Line) -> Vec<String> {
    if environment::is_plugin() {
        return names(line, ObjectKind::Pod, None);
    }
    let mut names = machine::containers();
    names.push("host".to_owned());
    names
}

fn names(line: &Line, kind: ObjectKind, namespace: Option<String>) -> Vec<String> {
    line.ask(move |api| async move { api.names(kind, namespace.as_deref()).await })
}

fn containers(line: &Line, _: &str) -> Vec<String> {
    let object = match line.target() {
        Some(Target::Object(object)) => object,
        Some(Target::Container { engine: None, name }) if environment::is_plugin() => {
            Object { namespace: None, kind: ObjectKind::Pod, name, container: None }
        }
        _ => return Vec::new(),
    };
    containers_of(line, object)
}

fn containers_of(line: &Line, object: Object) -> Vec<String> {
    line.ask(move |api| async move { api.containers(&object).await })
}

fn contexts(line: &Line, _: &str) -> Vec<String> {
    let access = line.access().unwrap_or_default();
    fathom_cluster::contexts(&access).unwrap_or_default()
}

fn toolkits() -> Vec<String> {
    let mut names = vec!["mini".to_owned(), "full".to_owned()];
    names.extend(machine::toolkits());
    names.sort_unstable();
    names.dedup();
    names
}

fn prefixed(before: &str, names: Vec<String>) -> Vec<String> {
    names.into_iter().map(|name| format!("{before}{name}")).collect()
}
