//! Run a process inside a target, with tools, leaving nothing behind.
//!
//! **Owns** the plan of an entry (pure), the launcher that carries it out, the session that lives until its command
//! ends, and the sweep that clears after a crash. **Does not** resolve names (`cli` does, with `host` and `runtime`)
//! nor unpack images (`toolkit` does).
//!
//! Read in this order: [`options`] (what was asked), [`subject`] (what it is asked of), [`plan`] (what will be done),
//! [`client`] (who asks for it and carries the streams), [`launcher`] (who does it), [`session`] and [`sweep`] (what
//! is on record meanwhile, and who clears it).

pub mod beside;
pub mod client;
pub mod failure;
pub mod idmap;
pub mod label;
pub mod launcher;
pub mod options;
pub mod plan;
pub mod profile;
pub mod session;
pub mod subject;
pub mod sweep;
pub mod trampoline;
pub mod wire;

pub use fathom_model::{Class, Failure};
pub use options::Options;
pub use plan::Plan;
pub use profile::Profile;
pub use subject::Subject;
