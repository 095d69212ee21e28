//! Parameters of events as text: the number or text itself, and what it stands for where that is known.

pub mod buffer;
pub mod names;
pub mod number;
mod param;

pub(crate) use param::{list, thread_place};
pub use param::{write, write_meaning};
