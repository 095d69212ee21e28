//! The crate from outside: real files in, a real tree out. Images are built by [`builder`], and by GNU tar where
//! another writer's habits matter.

#![allow(unreachable_pub, reason = "modules of a test have nobody else to show things to")]

mod builder;
mod import;
