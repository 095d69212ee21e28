//! The node side: finds what is meant on this machine, and carries out what a client wishes, be the client the
//! command line on this machine or one far away.
//!
//! **Owns** the way from a name or a [`fathom_protocol::Entry`] to a session, and the relay that speaks the protocol
//! over its stdin and stdout. **Does not** print, nor read the environment: `cli` says where things are, as a
//! [`Node`], and listens.
//!
//! Read in this order: [`node`], [`resolve`] (a name to a process), [`entry`] (an entry to a session), [`relay`].
//! [`tracer`] is a trace in a session; [`scope`] is a name as the kernel is told it, [`names`] finds out whose a cgroup is.
//! [`beside`] is the same in an ephemeral container, where nothing can be made. [`installed`] listens where a server is installed, and has a relay for each conversation.

pub mod beside;
pub mod directory;
pub mod entry;
pub mod facts;
pub mod installed;
pub mod names;
mod next;
pub mod node;
pub mod relay;
pub mod resolve;
pub mod scope;
pub mod tools;
pub mod tracer;
pub mod watch;

pub use names::Names;
pub use node::{Listener, Node};
