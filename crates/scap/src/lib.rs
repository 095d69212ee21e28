//! The system-call event schema, and the .scap format: the language in which recordings of system calls are kept.
//!
//! **Owns** what an event's number and parameters mean ([`schema`]) and how captures of every generation are read
//! ([`Reader`]) and written ([`Writer`]). **Does not** know the kernel, or what an event does to a process: that is `trace`.
//! Read [`schema`] first, then [`reader`].
//!
//! A capture is read from bytes in memory, which borrows everything from them, or from a stream (a pipe, gzip), which
//! holds one block at a time. Nothing is believed about a length before so many bytes are there.

pub mod block;
mod cursor;
pub mod descriptor;
pub mod error;
pub mod event;
mod input;
pub mod machine;
pub mod process;
pub mod reader;
pub mod schema;
pub mod user;
pub mod writer;

pub use descriptor::{Descriptor, Descriptors, Transport};
pub use error::{Damage, Error, Gap};
pub use event::Event;
pub use machine::{Interface, Interfaces, Machine};
pub use process::{Process, Processes, Program};
pub use reader::{Item, Reader, Tolerance};
pub use user::{Account, Users};
pub use writer::{Beginnings, Blocks, Packing, Profile, Writer};
