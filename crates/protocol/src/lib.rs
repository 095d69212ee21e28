//! What a client and a node say to each other, whatever carries it: an exec stream of Kubernetes, a WebSocket, a pipe.
//!
//! **Owns** the [`Wish`] that begins a conversation, the [`Word`]s that are said in it, and the [`Frame`]s that both
//! and the bytes of streams travel in. **Does not** open, read or write anything: whoever has a carrier brings the
//! bytes. What is here is promised to other versions of ourselves: [`VERSION`] and the golden file say which.
//!
//! Read [`wish`] first, then [`frame`], then [`answer`]; [`tracing`] is what may be asked of a trace; [`api`] and [`link`] are for clusters where a server is
//! installed.

pub mod answer;
pub mod api;
pub mod cast;
pub mod credit;
pub mod frame;
pub mod keys;
pub mod link;
pub mod tracing;
pub mod wish;

pub use answer::Seen;
pub use frame::{Decoder, Frame, Word};
pub use keys::Input;
pub use wish::{Action, Bounds, Entry, Grant, Place, Wish};

/// Grows when a node of the version before would misunderstand.
pub const VERSION: u32 = 1;
