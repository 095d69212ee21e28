//! The crate from outside: real files in, a real tree out. Images are built by [`builder`], and by GNU tar where
//! another writer's habits matter.

#![allow(unreachable_pub, reason = "modules of a test have nobody else to show things to")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod arrival;
mod builder;
mod damaged;
mod full;
mod hostile;
mod import;
mod laws;
mod registry;
mod together;
mod writers;
