//! One file per verb that speaks to a cluster or reads a file, on any system: what was typed goes in, an exit status
//! comes out. Where words may mean this machine instead, [`machine`] takes over.

mod doctor;
mod enter;
mod sessions;
pub(crate) mod trace;
mod why;

use crate::words::{Verb, Words};
use crate::{completion, machine};

/// Does what was asked.
pub(crate) fn run(words: Words) -> anyhow::Result<i32> {
    match words.verb {
        Verb::Enter(words) => enter::run(&words),
        Verb::Why(words) => why::run(&words),
        Verb::Sessions(words) => sessions::run(&words),
        Verb::Doctor(words) => doctor::run(&words),
        Verb::Trace(words) => trace::run(&words),
        Verb::Completion(words) => completion::script(words.shell),
        Verb::Machine(verb) => machine::run(verb),
    }
}

/// Whether this leads to a cluster.
pub(crate) fn speak_to_a_cluster(verb: &Verb) -> bool {
    match verb {
        Verb::Enter(words) => enter::is_remote(words),
        Verb::Sessions(words) => sessions::is_remote(words),
        Verb::Doctor(words) => doctor::is_remote(words),
        Verb::Why(words) => why::is_remote(words),
        Verb::Trace(_) | Verb::Completion(_) | Verb::Machine(_) => false,
    }
}
