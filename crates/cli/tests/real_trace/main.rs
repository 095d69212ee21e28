//! `fathom trace -- CMD` with the real programs in the real kernel, and without them; only what a test starts is looked at.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod agree;
mod counts;
mod ends;
mod kept;
mod lacks;
mod names;
mod screen;
mod shown;
mod soon;
mod support;
mod ways;
mod whom;
