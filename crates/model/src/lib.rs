//! The nouns everybody uses: what a target is called, what a container is, who runs where.
//!
//! **Owns** the vocabulary that crosses crate borders. **Does not** do I/O and knows no async: whoever learns
//! something about the machine or the cluster writes it into these types.
//! Read [`target`] first: it is what a person types.

pub mod command;
pub mod container;
pub mod detail;
pub mod directory;
pub mod fact;
pub mod failure;
pub mod field;
pub mod hint;
pub mod namespace;
pub mod profile;
pub mod quantity;
pub mod target;

pub use command::Command;
pub use container::{Claim, Container, Engine, PodRef, State};
pub use detail::Detail;
pub use directory::Directory;
pub use fact::{Fact, Facts};
pub use failure::{Class, Ending, Failure};
pub use field::{Field, Kind, Value};
pub use hint::Hint;
pub use profile::Profile;
pub use target::Target;
