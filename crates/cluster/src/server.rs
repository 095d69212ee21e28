//! What the server in a cluster asks and tells the API server, with the rights of its own account.

pub mod event;
pub mod facts;
pub mod front;
pub mod kept;
pub mod review;

pub use event::Told;
pub use facts::PodFacts;
pub use front::{Announced, FrontProxy};
pub use kept::{Kept, KeptIn};
pub use review::{Asked, Person, Verdict};
