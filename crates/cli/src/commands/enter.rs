//! `fathom enter TARGET [-- CMD]`: from words to an entry, from the entry to a status.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use fathom_agent::entry::{self, Prepared, Sought};
use fathom_enter::client::{self, Input, Outcome};
use fathom_enter::failure::refused;
use fathom_model::target::{Object, ObjectKind};
use fathom_model::{Class, Failure, Target};
use fathom_protocol::Entry;
use fathom_protocol::wish::Await;

use crate::words::{Cgroup, Enter, Root};
use crate::{environment, exit, printer};

mod remote;

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
    check(words)?;
    if let Some(object) = object(&words.target) {
        return remote::enter(words, object, self::entry(words)?);
    }
    let prepared = entry::prepare(
        &environment::node(),
        Sought::Named(&words.target),
        &self::entry(words)?,
        &mut printer::Listening::default(),
    )?;
    if words.dry_run {
        printer::data(&crate::output::plan::show(&prepared.plan));
        return Ok(0);
    }
    carry(words, prepared)
}

/// What is looked for in a cluster. To kubectl's users a bare word is a pod.
fn object(target: &str) -> Option<Object> {
    match target.parse() {
        Ok(Target::Object(object)) => Some(object),
        Ok(Target::Container { engine: None, name }) if environment::is_plugin() => {
            Some(Object { namespace: None, kind: ObjectKind::Pod, name, container: None })
        }
        _ => None,
    }
}

/// Words that do not go together.
fn check(words: &Enter) -> Result<(), Failure> {
    if words.dry_run && (words.wait || words.hold) {
        return Err(
            Failure::new(Class::Usage, "--wait and --hold do not go with --dry-run").hinting("leave one of them out")
        );
    }
    if words.record.is_some() && terminal(words)?.is_none() {
        return Err(Failure::new(Class::Usage, "--record needs a terminal to record").hinting("add -t"));
    }
    Ok(())
}

fn carry(words: &Enter, prepared: Prepared) -> anyhow::Result<i32> {
    let recording = match &words.record {
        Some(path) => {
            Some(File::create(path).map_err(|error| refused(format!("record to {}", path.display()), error))?)
        }
        None => None,
    };
    let session = prepared.start(recording)?;
    let id = session.id().to_owned();
    match session.carry(input(words), &mut |text| printer::notice(text))? {
        Outcome::Ended(ending) => Ok(ending.status()),
        Outcome::Detached => {
            printer::data(&format!("{id}\n"));
            Ok(0)
        }
    }
}

/// Without `-i` and `-t`, what a shell would do: stdin is passed on.
fn input(words: &Enter) -> Input {
    if words.stdin || !words.tty { Input::Forwarded } else { Input::Closed }
}

/// What the words say, for whichever node carries it out.
fn entry(words: &Enter) -> Result<Entry, Failure> {
    let terminal = terminal(words)?;
    Ok(Entry {
        command: words.command.clone(),
        terminal,
        target_root: words.root == Root::Target,
        toolkit: words.toolkit.clone().or_else(|| environment::text("FATHOM_TOOLKIT")),
        profile: words.profile.map(|profile| profile.row().name.to_owned()),
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
    let implied = !words.stdin && ours && std::io::stdout().is_terminal();
    Ok((words.tty || implied).then(|| client::terminal_size(std::io::stdout())))
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
