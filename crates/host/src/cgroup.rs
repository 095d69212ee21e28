//! Control groups on v2, v1 and hybrid machines: where they are mounted, whose they are by their path, and leaves
//! of our own that limit a session and take it down as a whole.

pub mod kill;
pub mod layout;
pub mod leaf;
pub mod naming;

pub use kill::KillSwitch;
pub use layout::Layout;
pub use leaf::{Door, Leaf, Limits};
