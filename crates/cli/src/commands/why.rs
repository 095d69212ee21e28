//! `fathom why`: reads a cluster, this machine, a saved state or manifests, asks `diagnose`, prints the answer. Exit status 1 when
//! something was found.

mod afar;
mod live;
mod manifests;
mod save;

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::Context;
use fathom_diagnose::eval::reach::Peer;
use fathom_diagnose::report::{Report, markdown, sarif, text};
use fathom_diagnose::time::Time;
use fathom_diagnose::{Gathering, Question, Snapshot, catalogue, diagnose, eval, rules, target};
use fathom_model::{Class, Failure, Target};

use self::afar::Further;
use crate::output::nested;
use crate::words::{Answer, Why};
use crate::{environment, machine, printer};

/// Files that are larger are no lists of objects or logs, and are left out.
const LARGEST: u64 = 2 << 30;

pub(crate) fn run(words: &Why) -> anyhow::Result<i32> {
    if let Some(code) = &words.explain {
        return explain(code);
    }
    if let Some(node) = &words.facts_of {
        let facts = machine::node_facts(node)?;
        printer::data(&format!("{}\n", serde_json::to_string(&facts).context("cannot write the facts")?));
        return Ok(0);
    }
    let here = here(words);
    let further = Further {
        probe: words.probe.as_ref().map(|peer| peer.as_deref().map(peer_of).transpose()).transpose()?,
        from: words.near.probe_from.as_deref(),
        nodes: words.near.node_facts,
        agent: &words.near.agent,
    };
    if let (Some(target), true) = (here, further.nodes || further.from.is_some()) {
        let option = if further.nodes { "--node-facts" } else { "--probe-from" };
        return Err(Failure::new(
            Class::Usage,
            format!("{option} is for a cluster, and `{target}` is on this machine"),
        )
        .hinting(format!("leave {option} out: of this machine all is read anyway"))
        .into());
    }
    if let Some(path) = &words.manifests {
        return written(words, path);
    }
    let (snapshot, question) = match (words.from.as_ref(), here) {
        (Some(path), _) => saved(words, path)?,
        (None, Some(target)) => (local(target, further.probe)?, Question::Everything),
        (None, None) => live::read(words.target.as_deref(), &words.cluster, &further)?,
    };
    if let Some(path) = &words.save {
        save::write(&snapshot, path)?;
    }
    let report = diagnose(&snapshot, &question);
    printer::data(&show(&report, words.output)?);
    Ok(i32::from(report.found_something()))
}

/// Whether a cluster is asked.
pub(crate) fn is_remote(words: &Why) -> bool {
    !is_saved(words) && words.explain.is_none() && words.facts_of.is_none() && here(words).is_none()
}

fn is_saved(words: &Why) -> bool {
    words.from.is_some() || words.manifests.is_some()
}

/// The target, where it is on this machine. Objects of a cluster have a slash; to kubectl's users a bare word is a pod.
fn here(words: &Why) -> Option<&str> {
    let target = words.target.as_deref().filter(|_| !is_saved(words))?;
    let (is_object, is_bare) = (target.contains('/') && !target.contains("://"), !target.contains(':'));
    let is_of_cluster = is_object || (is_bare && environment::is_plugin());
    (!is_of_cluster).then_some(target)
}

/// What was read of this machine, and what was tried from the target's network where that is asked for.
fn local(target: &str, peer: Option<Option<Peer>>) -> anyhow::Result<Snapshot> {
    let target: Target = target.parse().map_err(Failure::from)?;
    let mut facts = machine::facts(&target)?;
    if let Some(peer) = peer {
        machine::probe(&target, peer, &mut facts)?;
    }
    let mut gathering = Gathering::new();
    gathering.facts(&facts);
    Ok(gathering.finish())
}

fn peer_of(text: &str) -> Result<Peer, Failure> {
    Peer::parse(text).filter(|peer| peer.port.is_some()).ok_or_else(|| {
        Failure::new(Class::Usage, format!("`{text}` is no host with a port")).hinting("write --probe=HOST:PORT")
    })
}

fn saved(words: &Why, path: &Path) -> anyhow::Result<(Snapshot, Question)> {
    let mut gathering = Gathering::new();
    read(path, &mut gathering)?;
    if gathering.is_empty() {
        let message = format!("no object is in `{}`", path.display());
        return Err(Failure::new(Class::NotFound, message)
            .hinting(
                "give what `kubectl get pods,services,events,nodes -A -o json` writes, a dump or a bundle, or what `kubectl describe` prints",
            )
            .into());
    }
    let snapshot = gathering.finish();
    let question = asked(words, &snapshot)?;
    Ok((snapshot, question))
}

/// What is asked of what was read.
fn asked(words: &Why, snapshot: &Snapshot) -> anyhow::Result<Question> {
    let namespace = words.cluster.namespace.as_deref();
    Ok(match (&words.target, namespace) {
        (Some(target), _) => target::question(snapshot, target, namespace)?,
        (None, Some(namespace)) => Question::Namespace(namespace.to_owned()),
        (None, None) => Question::Everything,
    })
}

/// Judges manifests. One that cannot be read is an error, after the answer for the others.
fn written(words: &Why, path: &Path) -> anyhow::Result<i32> {
    let mut gathering = manifests::read(path, words.cluster.namespace.as_deref())?;
    let unreadable = manifests::unreadable(gathering.faults());
    if gathering.is_empty() {
        let nothing = || {
            Failure::new(Class::NotFound, format!("no manifest is in `{}`", path.display()))
                .hinting("give files of YAML or JSON that `kubectl apply -f` takes")
        };
        return Err(unreadable.unwrap_or_else(nothing).into());
    }
    let snapshot = gathering.finish();
    let report = diagnose(&snapshot, &asked(words, &snapshot)?);
    printer::data(&show(&report, words.output)?);
    match unreadable {
        Some(failure) => Err(failure.into()),
        None => Ok(i32::from(report.found_something())),
    }
}

fn show(report: &Report, output: Answer) -> anyhow::Result<String> {
    Ok(match output {
        Answer::Table => text::render(report),
        Answer::Markdown => markdown::render(report),
        Answer::Json => format!("{}\n", serde_json::to_string_pretty(report).context("cannot write the answer")?),
        Answer::Yaml => nested::document(&serde_json::to_value(report).context("cannot write the answer")?),
        Answer::Sarif => format!("{:#}\n", sarif::render(report)),
    })
}

fn explain(code: &str) -> anyhow::Result<i32> {
    if let Some(rule) = rules::find(code) {
        printer::data(&catalogue::explain(rule));
        return Ok(0);
    }
    let known = rules::all().map(|rule| rule.code);
    let unbuilt = [(catalogue::NEEDS, "it takes"), (catalogue::LEFT, "it is left out:")];
    for (rows, why) in unbuilt {
        if let Some((code, text)) = rows.iter().find(|(known, _)| *known == code) {
            printer::data(&format!("{code}\n  is not looked for; {why} {text}\n"));
            return Ok(0);
        }
    }
    let failure = Failure::new(Class::NotFound, format!("`{code}` is no cause that is known"));
    let near = eval::selector::nearest(code, known);
    Err(near.map_or_else(|| failure.clone(), |near| failure.clone().hinting(format!("there is `{near}`"))).into())
}

/// A file or an archive, all files of a folder, or with `-` what comes in.
fn read(path: &Path, gathering: &mut Gathering) -> anyhow::Result<()> {
    if path.as_os_str() == "-" {
        gathering.stream("stdin", Box::new(std::io::stdin().lock()));
        return Ok(());
    }
    let about = fs::metadata(path).map_err(|error| missing(path, &error))?;
    if !about.is_dir() {
        let file = fs::File::open(path).map_err(|error| missing(path, &error))?;
        let written = about.modified().ok().and_then(|moment| moment.duration_since(UNIX_EPOCH).ok());
        let written = written.and_then(|since| i64::try_from(since.as_secs()).ok());
        written.into_iter().for_each(|seconds| gathering.written_at(Time(seconds)));
        gathering.stream(&path.display().to_string(), Box::new(file));
        return Ok(());
    }
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                gathering.damaged(format!("cannot list {}: {error}", folder.display()));
                continue;
            }
        };
        for entry in entries.flatten() {
            let file = entry.path();
            // Links may lead out of the folder, or in circles.
            match entry.metadata() {
                Ok(about) if about.is_dir() => open.push(file),
                Ok(about) if about.is_file() && about.len() <= LARGEST => take(path, &file, gathering),
                _ => {}
            }
        }
    }
    Ok(())
}

fn take(root: &Path, file: &Path, gathering: &mut Gathering) {
    let parts = file.strip_prefix(root).unwrap_or(file).components();
    let name: Vec<String> = parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    match fs::read(file) {
        Ok(bytes) => gathering.file(&name.join("/"), &bytes),
        Err(error) => gathering.damaged(format!("cannot read {}: {error}", file.display())),
    }
}

fn missing(path: &Path, error: &std::io::Error) -> Failure {
    let class = match error.kind() {
        std::io::ErrorKind::PermissionDenied => Class::Denied,
        _ => Class::NotFound,
    };
    Failure { cause: Some(error.to_string()), ..Failure::new(class, format!("cannot read `{}`", path.display())) }
}
