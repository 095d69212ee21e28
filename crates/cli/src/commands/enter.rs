//! `fathom enter TARGET [-- CMD]`: from words to a plan, from the plan to a status.

use std::fs::File;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use fathom_enter::client::{self, Input, Outcome};
use fathom_enter::failure::refused;
use fathom_enter::options::{Attachment, Lifetime, Options, Place, Streams, Toolkit, View};
use fathom_enter::subject::Nature;
use fathom_enter::{Class, Failure, Plan, Profile, Subject, session};
use fathom_host::Host;
use fathom_host::cgroup::Limits;

use crate::await_target::{self, Arrival, Held};
use crate::words::{Cgroup, Enter, Root};
use crate::{environment, exit, printer, resolve, toolkit};

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
    let host = Host::local();
    let registry = environment::registry();
    fathom_enter::sweep::sweep(&registry);
    // Before any waiting, so that nothing slow comes between an arrival and its entry.
    let chosen = toolkit::choose(words.toolkit.as_deref().or(environment::text("FATHOM_TOOLKIT").as_deref()))?;
    let (subject, image, held) = subject(&host, words)?;
    let options = options(words, &subject, chosen.toolkit)?;
    let mut facts = subject.facts(&host)?;
    if options.profile == Profile::AsTarget {
        facts.filters = subject.filters()?;
    }
    let id = session::fresh_id()?;
    let mut plan = fathom_enter::plan::plan(&facts, &options, &id, &registry)?;
    plan.held = held.as_ref().map(|held| held.freezer.clone());
    if words.dry_run {
        printer::data(&crate::output::plan::show(&plan));
        return Ok(0);
    }
    start(words, plan, subject, chosen.hold.into_iter().chain(image).collect(), held)
}

type Found = (Subject, Option<File>, Option<Held>);

fn subject(host: &Host, words: &Enter) -> Result<Found, Failure> {
    let arrival = match (words.wait, words.hold) {
        (_, true) => Arrival::Hold,
        (true, false) => Arrival::Enter,
        (false, false) => return resolve::subject(host, &words.target).map(|(subject, image)| (subject, image, None)),
    };
    if words.dry_run || words.profile == Some(Profile::AsTarget) {
        return Err(Failure::new(
            Class::Usage,
            "--wait and --hold go neither with --dry-run nor with --profile as-target",
        )
        .hinting("leave one of them out"));
    }
    await_target::next(host, &words.target, arrival).map(|(subject, held)| (subject, None, held))
}

fn start(words: &Enter, plan: Plan, subject: Subject, holds: Vec<File>, held: Option<Held>) -> anyhow::Result<i32> {
    let recording = match &words.record {
        Some(path) => {
            Some(File::create(path).map_err(|error| refused(format!("record to {}", path.display()), error))?)
        }
        None => None,
    };
    let session = client::start(plan, subject, recording, holds)?;
    let id = session.id().to_owned();
    // From here on supervisor, init and record answer for a frozen target.
    if let Some(held) = held {
        session.wait_until_on_record();
        held.guard.relieve();
    }
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

fn options(words: &Enter, subject: &Subject, toolkit: Toolkit) -> Result<Options, Failure> {
    let streams = streams(words)?;
    if words.record.is_some() && streams == Streams::Pipes {
        return Err(Failure::new(Class::Usage, "--record needs a terminal to record").hinting("add -t"));
    }
    Ok(Options {
        view: match words.root {
            Root::Tools => View::Tools,
            Root::Target => View::Target,
        },
        toolkit,
        namespaces: words.ns.clone(),
        profile: words.profile.unwrap_or(match subject.nature {
            Nature::Host => Profile::Host,
            Nature::Network => Profile::Netadmin,
            Nature::Process | Nature::Image { .. } => Profile::General,
        }),
        user: words.user.clone(),
        workdir: words.workdir.clone(),
        env: variables(words, streams),
        command: words.command.clone(),
        streams,
        limits: Limits { memory: Some(words.memory), pids: Some(words.pids), cpu_weight: Some(50) },
        place: match words.cgroup {
            Cgroup::Own => Place::Own,
            Cgroup::Target => Place::Target,
        },
        scratch: words.scratch,
        lifetime: if words.survive { Lifetime::Survive } else { Lifetime::WithTarget },
        ttl: words.ttl,
        attachment: if words.detach { Attachment::Detached } else { Attachment::Attached },
    })
}

/// A terminal when one is asked for, or when nothing is asked for and we have one ourselves.
fn streams(words: &Enter) -> Result<Streams, Failure> {
    let ours = std::io::stdin().is_terminal();
    if words.tty && words.stdin && !ours && !words.detach {
        return Err(Failure::new(Class::Usage, "stdin is not a terminal, so -t cannot connect it to one")
            .hinting("leave -t out"));
    }
    let implied = !words.stdin && ours && std::io::stdout().is_terminal();
    if !words.tty && !implied {
        return Ok(Streams::Pipes);
    }
    let (columns, rows) = client::terminal_size(std::io::stdout());
    Ok(Streams::Terminal { columns, rows })
}

fn variables(words: &Enter, streams: Streams) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    if matches!(streams, Streams::Terminal { .. }) {
        variables.push(("TERM".to_owned(), environment::text("TERM").unwrap_or_else(|| "xterm".to_owned())));
    }
    for word in &words.env {
        match word.split_once('=') {
            Some((name, value)) => variables.push((name.to_owned(), value.to_owned())),
            // As docker: a name alone passes our own value on.
            None => variables.extend(std::env::var(word).ok().map(|value| (word.clone(), value))),
        }
    }
    variables
}
