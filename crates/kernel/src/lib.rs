//! The kernel: what happens to processes, seen through BPF programs of our own.
//!
//! **Owns** loading the programs of `bpf/`, draining their rings, ordering and decoding what comes out, and [`support()`],
//! which says what this kernel can do and why not. **Does not** know what an event means: names of files, containers
//! and users are found elsewhere. Data comes from the kernel and goes to whoever calls [`Source::poll`].
//!
//! Read [`source`](Source) first, then [`event`] and [`table`]. [`Stepper`] makes the same events of a command that it
//! starts, where BPF cannot be used. [`Snapshot`] knows what there was before one began to look.

mod address;
pub mod capture;
pub mod error;
pub mod event;
pub mod facts;
pub mod flags;
mod held;
pub mod loss;
pub mod number;
mod order;
mod program;
pub mod record;
mod ring;
pub mod row;
pub mod scope;
pub mod snapshot;
mod source;
pub mod stepper;
mod subject;
pub mod support;
mod sys;
pub mod table;
pub mod tally;
mod types;
pub mod value;

pub use error::Error;
pub use event::{Event, What};
pub use held::Held;
pub use loss::Loss;
pub use program::Marks;
pub use scope::{Options, Scope};
pub use snapshot::Snapshot;
pub use source::Source;
pub use stepper::{Progress, Stepper};
pub use support::{Support, support};
pub use tally::Tally;
