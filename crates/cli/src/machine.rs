//! This machine, where it is one with Linux: what can be looked at and entered on it. Other systems have `elsewhere.rs`
//! in its place, with the same names.
//!
//! One file per verb, as in `commands`.

mod agent;
mod archive;
mod demo;
mod doctor;
mod enter;
mod hold;
mod image;
mod install;
mod listening;
mod names;
mod node;
mod output;
mod place;
mod program;
mod ps;
mod reference;
mod serve;
mod sessions;
mod toolkit;
mod trace;
mod why;
mod words;

pub(crate) use doctor::checks;
pub(crate) use enter::enter;
pub(crate) use names::{containers, session_ids, toolkits};
pub(crate) use place::is_same_file;
pub(crate) use program::called;
pub(crate) use sessions::sessions;
pub(crate) use trace::{standing, trace};
pub(crate) use why::{facts, node_facts, probe};
pub(crate) use words::{Here, TARGETS, Verb};

/// Does what was asked.
pub(crate) fn run(verb: Verb) -> anyhow::Result<i32> {
    match verb {
        Verb::Ps(words) => ps::run(&words),
        Verb::Toolkit(words) => toolkit::run(&words),
        Verb::Image(words) => image::run(&words),
        Verb::Demo(words) => demo::run(&words),
        Verb::Agent(words) => agent::run(&words),
        Verb::Hold(words) => hold::run(&words),
        Verb::RunEntrypoint(words) => hold::run_entrypoint(&words),
        Verb::Relay => agent::relay(),
        Verb::Install(words) => install::run(&words),
        Verb::Serve(words) => serve::run(&words),
        Verb::Reference(words) => reference::run(&words),
    }
}
