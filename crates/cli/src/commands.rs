//! One file per verb: what was typed goes in, an exit status comes out.

mod agent;
mod demo;
mod doctor;
mod enter;
mod image;
mod ps;
mod reference;
mod sessions;
mod toolkit;

use crate::words::{Verb, Words};

/// Does what was asked.
pub(crate) fn run(words: Words) -> anyhow::Result<i32> {
    match words.verb {
        Verb::Enter(words) => enter::run(&words),
        Verb::Image(words) => image::run(&words),
        Verb::Agent(words) => agent::run(&words),
        Verb::Relay => agent::relay(),
        Verb::Ps(words) => ps::run(&words),
        Verb::Sessions(words) => sessions::run(&words),
        Verb::Toolkit(words) => toolkit::run(&words),
        Verb::Demo(words) => demo::run(&words),
        Verb::Reference(words) => reference::run(&words),
        Verb::Doctor(words) => doctor::run(&words),
    }
}
