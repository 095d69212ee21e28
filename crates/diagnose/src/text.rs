//! What kubectl prints for a person, back into the objects that rules read: `get`, `describe`, `logs`, `get events`,
//! `top`, in one file, in any order, in the middle of a chat.
//!
//! Comes from [`crate::snapshot::Gathering`], goes back there as sketches: objects of which it is known what the text
//! does not tell. Grammars are those of kubectl 1.20 to 1.36; each has its file.

mod block;
mod command;
mod describe;
mod event;
mod moment;
mod row;
mod sketch;
mod table;
mod tree;

use std::collections::BTreeSet;

use block::{Block, Body};
use command::{Command, Scope};
pub use sketch::Sketch;

use crate::snapshot::{LogName, Run};
use crate::time::Time;

/// The namespace of an object that is in one, and does not say in which.
pub const SOMEWHERE: &str = "*";

/// What a text tells.
#[derive(Debug, Default)]
pub struct Reading {
    /// Objects, as far as they are told of.
    pub sketches: Vec<Sketch>,
    /// Logs: whose, and the lines.
    pub logs: Vec<(LogName, Vec<String>)>,
    /// Kinds that were listed whole: of a namespace, or of all.
    pub listed: Vec<(String, Option<String>)>,
    /// Moments that had passed.
    pub moments: Vec<Time>,
    /// Objects in JSON or YAML between the rest.
    pub documents: Vec<String>,
}

/// Reads a text; what it does not understand it passes over.
pub fn read(text: &str) -> Reading {
    let mut blocks = block::cut(text);
    settle(&mut blocks);
    let mut reading = Reading::default();
    let home = home(&blocks);
    for Block { command, body } in &blocks {
        let asked = command.as_ref();
        let place = asked.and_then(|asked| asked.namespace.as_deref()).unwrap_or(&home);
        match body {
            Body::Table(lines) => table::read(lines, asked, place, &mut reading),
            Body::Description(lines) => describe::read(lines, asked, place, &mut reading),
            Body::Log(lines) => reading.logs.extend(log(lines, asked, place)),
            Body::Document(lines) => reading.documents.push(lines.join("\n")),
            Body::Events(lines) => reading.sketches.extend(event::of_lines(lines).into_iter().map(event::Told::sketch)),
            Body::Nothing => table::nothing(asked, place, &mut reading),
        }
    }
    reading.logs.retain(|(_, lines)| !lines.is_empty());
    name_containers(&mut reading);
    reading
}

/// The namespace of those who name none: the one that the rest is about, if it is about one.
fn home(blocks: &[Block<'_>]) -> String {
    let named = blocks.iter().filter_map(|block| match &block.body {
        Body::Description(lines) => {
            lines.iter().take(4).find_map(|line| line.strip_prefix("Namespace:")).map(str::trim)
        }
        _ => block.command.as_ref()?.namespace.as_deref(),
    });
    let named: BTreeSet<&str> = named.collect();
    match named.iter().next() {
        Some(one) if named.len() == 1 => (*one).to_owned(),
        _ => "default".to_owned(),
    }
}

/// Commands that name no namespace ask in the current one: the one of what such a command has described.
fn settle(blocks: &mut [Block<'_>]) {
    let unnamed = |command: &Command| command.namespace.is_none() && command.scope != Scope::All;
    let described = blocks.iter().filter_map(|block| match &block.body {
        Body::Description(lines) => {
            block.command.as_ref().filter(|command| command.verb == "describe" && unnamed(command))?;
            lines.iter().take(4).find_map(|line| line.strip_prefix("Namespace:")).map(|place| place.trim().to_owned())
        }
        _ => None,
    });
    let described: BTreeSet<String> = described.filter(|place| !place.is_empty()).collect();
    // Where nobody names one it is the same for all, whatever it is called.
    let placed = blocks.iter().any(|block| match &block.body {
        Body::Table(lines) => lines.first().is_some_and(|line| line.starts_with("NAMESPACE")),
        Body::Description(lines) => lines.iter().take(4).any(|line| line.starts_with("Namespace:")),
        Body::Document(_) => true,
        _ => false,
    });
    let named = blocks.iter().filter_map(|block| block.command.as_ref()).any(|command| !unnamed(command));
    let current = match described.len() {
        1 => described.first().cloned(),
        0 if !placed && !named => Some("default".to_owned()),
        _ => None,
    };
    let Some(current) = current else { return };
    for command in blocks.iter_mut().filter_map(|block| block.command.as_mut()).filter(|command| unnamed(command)) {
        command.namespace = Some(current.clone());
    }
}

/// What the one who pasted a log wrote below it: words to people, after an empty line.
fn remarked(lines: &[&str]) -> usize {
    const PERSONAL: [&str; 8] = ["i", "i'm", "i've", "anyone", "anybody", "ideas", "idea", "thanks"];
    let to_people = |line: &&str| {
        let prose = line.chars().all(|letter| letter.is_alphabetic() || " .,;!?'()-".contains(letter));
        prose
            && line.to_lowercase().split([' ', '.', ',', ';', '!', '?', '(', ')']).any(|word| PERSONAL.contains(&word))
    };
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let begin = lines[..end].iter().rposition(|line| line.is_empty()).map_or(0, |empty| empty + 1);
    if begin > 1 && lines[begin..end].iter().all(to_people) { begin } else { end }
}

/// A log belongs to whom its command names.
fn log(lines: &[&str], asked: Option<&Command>, place: &str) -> Option<(LogName, Vec<String>)> {
    let asked = asked?;
    let pod = asked.names.first()?;
    let pod = pod.split_once('/').map_or(pod.as_str(), |(_, name)| name);
    let run = if asked.previous { Run::Previous } else { Run::Current };
    let container = asked.container.clone().or_else(|| asked.names.get(1).cloned()).unwrap_or_default();
    let lines = &lines[..remarked(lines)];
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let refused = ["Error from server", "error: ", "Defaulted container "];
    let kept = lines[..end].iter().filter(|line| !refused.iter().any(|word| line.starts_with(word)));
    let name = LogName { namespace: place.to_owned(), pod: pod.to_owned(), container, run };
    Some((name, kept.map(|line| (*line).to_owned()).collect()))
}

/// `kubectl logs` without a container takes the first one; its name is known where the pod is described.
fn name_containers(reading: &mut Reading) {
    use crate::object::Fields as _;
    let sketches = &reading.sketches;
    for (name, _) in reading.logs.iter_mut().filter(|(name, _)| name.container.is_empty()) {
        let is = |sketch: &&Sketch| {
            let value = &sketch.value;
            value.text("/kind") == "Pod"
                && value.text("/metadata/name") == name.pod
                && value.text("/metadata/namespace") == name.namespace
        };
        let first = sketches.iter().filter(is).map(|sketch| sketch.value.text("/spec/containers/0/name"));
        if let Some(first) = first.clone().find(|first| !first.is_empty()) {
            name.container = first.to_owned();
        }
    }
}
