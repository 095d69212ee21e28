//! The same recordings and the same words to this crate and to Debian's sysdig: the text must be the same, byte for
//! byte. What is not compared is in [`reference`], with the reason.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod around;
mod filters;
mod kept;
mod lines;
mod random;
mod reference;
#[path = "../story/tale.rs"]
mod tale;
mod views;
