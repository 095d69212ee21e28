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
    let blocks = block::cut(text);
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

/// A log belongs to whom its command names.
fn log(lines: &[&str], asked: Option<&command::Command>, place: &str) -> Option<(LogName, Vec<String>)> {
    let asked = asked?;
    let pod = asked.names.first()?;
    let pod = pod.split_once('/').map_or(pod.as_str(), |(_, name)| name);
    let run = if asked.previous { Run::Previous } else { Run::Current };
    let container = asked.container.clone().or_else(|| asked.names.get(1).cloned()).unwrap_or_default();
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
