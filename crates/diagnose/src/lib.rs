//! Why is it broken: the cause, with proof.
//!
//! **Owns** the snapshot of a cluster, the rules that judge it, and the choice of roots. **Does not** ask a cluster, the
//! clock or the disk: whoever has lists and logs hands them to [`snapshot::Gathering`].
//!
//! Read [`rules`] first, then [`scene`], then [`cause`]; [`eval`] is what parts of Kubernetes would decide.

pub mod catalogue;
pub mod cause;
pub mod claim;
pub mod diagnosis;
pub mod eval;
pub mod kinds;
pub mod object;
pub mod probing;
pub mod quantity;
pub mod report;
pub mod rule;
pub mod rules;
pub mod scene;
pub mod snapshot;
pub mod target;
pub mod text;
pub mod time;
pub mod value;
pub mod wishes;

pub use diagnosis::{Question, diagnose};
pub use object::Ref;
pub use probing::Probing;
pub use report::Report;
pub use snapshot::{Gathering, Snapshot, parts};
