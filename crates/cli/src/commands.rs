//! One file per verb: what was typed goes in, an exit status comes out.

mod demo;
mod enter;
mod ps;
mod reference;
mod sessions;
mod toolkit;

use crate::words::{Verb, Words};

/// Does what was asked.
pub(crate) fn run(words: Words) -> anyhow::Result<i32> {
    match words.verb {
        Verb::Enter(words) => enter::run(&words),
        Verb::Ps(words) => ps::run(&words),
        Verb::Sessions(words) => sessions::run(&words),
        Verb::Toolkit(words) => toolkit::run(&words),
        Verb::Demo(words) => demo::run(&words),
        Verb::Reference(words) => reference::run(&words),
    }
}
