//! `fathom why`: reads a cluster, this machine, a saved state or manifests, asks `diagnose`, prints the answer. Exit status 1 when
//! something was found.

mod afar;
mod live;
mod manifests;
mod save;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
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
    let asked = asked(words)?;
    let here = here(words, asked.as_deref());
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
        return written(words, asked.as_deref(), path);
    }
    let (snapshot, question) = match (words.from.as_ref(), here) {
        (Some(path), _) => saved(words, asked.as_deref(), path)?,
        (None, Some(target)) => (local(target, further.probe)?, Question::Everything),
        (None, None) => live::read(asked.as_deref(), &words.cluster, &further)?,
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
    let named = words.name.is_some();
    let told = is_saved(words) || words.explain.is_some() || words.facts_of.is_some();
    !told && (named || here(words, words.target.as_deref()).is_none())
}

fn is_saved(words: &Why) -> bool {
    words.from.is_some() || words.manifests.is_some()
}

/// What is asked about, as one word; to kubectl's users a bare word in a saved cluster is a pod, as in one that runs.
fn asked(words: &Why) -> Result<Option<String>, Failure> {
    Ok(match (&words.target, &words.name) {
        (Some(kind), Some(name)) if kind.contains('/') || name.contains('/') => {
            let message = format!("`{kind}` and `{name}` are two targets");
            return Err(Failure::new(Class::Usage, message).hinting("name one, or a namespace with --namespace"));
        }
        (Some(kind), Some(name)) => Some(format!("{kind}/{name}")),
        (Some(pod), None) if !pod.contains('/') && is_saved(words) && environment::is_plugin() => {
            Some(format!("pod/{pod}"))
        }
        (target, _) => target.clone(),
    })
}

/// The target, where it is on this machine. Objects of a cluster have a slash; to kubectl's users a bare word is a pod.
fn here<'a>(words: &Why, target: Option<&'a str>) -> Option<&'a str> {
    let target = target.filter(|_| !is_saved(words))?;
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

fn saved(words: &Why, asked: Option<&str>, path: &Path) -> anyhow::Result<(Snapshot, Question)> {
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
    let question = question(words, asked, &snapshot)?;
    Ok((snapshot, question))
}

/// What is asked of what was read.
fn question(words: &Why, asked: Option<&str>, snapshot: &Snapshot) -> anyhow::Result<Question> {
    let namespace = words.cluster.namespace.as_deref();
    Ok(match (asked, namespace) {
        (Some(asked), _) => target::question(snapshot, asked, namespace)?,
        (None, Some(namespace)) => target::namespace(snapshot, namespace)?,
        (None, None) => Question::Everything,
    })
}

/// Judges manifests. One that cannot be read is an error, after the answer for the others.
fn written(words: &Why, asked: Option<&str>, path: &Path) -> anyhow::Result<i32> {
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
    let report = diagnose(&snapshot, &question(words, asked, &snapshot)?);
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
    let unbuilt = [(catalogue::NEEDS, "it takes"), (catalogue::LEFT, "it is left out:")];
    for (rows, why) in unbuilt {
        if let Some((code, text)) = rows.iter().find(|(known, _)| *known == code) {
            printer::data(&format!("{code}\n  is not looked for; {why} {text}\n"));
            return Ok(0);
        }
    }
    let failure = Failure::new(Class::NotFound, format!("`{code}` is no cause that is known"));
    Err(failure.hinting(alike(&code.to_lowercase())).into())
}

/// The codes that may be meant by what is no code: those that contain it, or a word that is near.
fn alike(text: &str) -> String {
    let unlooked = catalogue::NEEDS.iter().chain(catalogue::LEFT).map(|(code, _)| *code);
    let known: Vec<&str> = rules::all().map(|rule| rule.code).chain(unlooked).collect();
    let containing = |text: &str| known.iter().copied().filter(|code| code.contains(text)).collect::<Vec<_>>();
    let near = || {
        if let Some(near) = eval::selector::nearest(text, known.iter().copied()) {
            return vec![near];
        }
        let words = known.iter().flat_map(|code| code.split(['.', '-'])).filter(|word| word.len() > 2);
        eval::selector::nearest(text, words).map(containing).unwrap_or_default()
    };
    let meant = Some(containing(text)).filter(|found| !found.is_empty()).unwrap_or_else(near);
    let named: Vec<String> = meant.iter().take(CODES).map(|code| format!("`{code}`")).collect();
    match meant.len() {
        0 => {
            let groups: BTreeSet<&str> = known.iter().filter_map(|code| code.split('.').next()).collect();
            format!("codes begin with {}", groups.into_iter().collect::<Vec<_>>().join(", "))
        }
        1 => format!("there is {}", named.concat()),
        more if more > CODES => format!("there are {} and {} more", named.join(", "), more - CODES),
        _ => format!("there are {}", named.join(", ")),
    }
}

/// How many codes are named before they are counted.
const CODES: usize = 12;

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
    for file in files_below(path, LARGEST, true, gathering) {
        take(path, &file, gathering);
    }
    Ok(())
}

/// The files of a folder and of the folders in it that are no larger than this, in order, with or without hidden ones.
fn files_below(root: &Path, largest: u64, hidden: bool, gathering: &mut Gathering) -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                gathering.damaged(format!("cannot list {}: {error}", folder.display()));
                continue;
            }
        };
        let shown = |entry: &fs::DirEntry| hidden || !entry.file_name().to_string_lossy().starts_with('.');
        for entry in entries.flatten().filter(shown) {
            // Links may lead out of the folder, or in circles; mounted ConfigMaps are made of them.
            match entry.metadata() {
                Ok(about) if about.is_dir() => open.push(entry.path()),
                Ok(about) if about.is_file() && about.len() <= largest => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    files
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
