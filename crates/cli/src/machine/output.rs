//! What is told about this machine: the columns of its records, a plan, how far something is.

pub(crate) mod containers;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod sandboxes;
pub(crate) mod toolkits;
