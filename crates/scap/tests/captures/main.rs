//! Real captures of several generations against the counts that their table has, and captures of which bytes are
//! missing or wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod damage;
mod generations;
mod samples;
mod written;
