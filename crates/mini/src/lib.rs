//! The mini toolkit: the tools that come along inside the fathom binary itself.
//!
//! **Owns** one table of applets, [`APPLETS`]; in a session's root `/bin/NAME` is a link to the one static program,
//! which looks its own name up with [`find`] and runs that row. The shell, coreutils, find and sed are other people's
//! permissively licensed crates; what reads /proc, speaks netlink or asks a name server is ours.
//! **Does not** know containers or sessions, and keeps nothing alive after `run` has returned.
//! Read [`table`] first: each applet's name stands there and nowhere else.

mod coreutils;
mod frame;
mod net;
mod process;
mod shell;
mod system;
pub mod table;
mod terminal;
mod text;

pub use table::{APPLETS, Applet, Group, called, find};
