//! One file per verb: what was typed goes in, an exit status comes out.

mod doctor;
mod enter;
mod ps;
mod sessions;

use crate::words::{Verb, Words};

/// Does what was asked.
pub(crate) fn run(words: Words) -> anyhow::Result<i32> {
    match words.verb {
        Verb::Enter(words) => enter::run(&words),
        Verb::Ps(words) => ps::run(&words),
        Verb::Sessions(words) => sessions::run(&words),
        Verb::Doctor(words) => doctor::run(&words),
    }
}
