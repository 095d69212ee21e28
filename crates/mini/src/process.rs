//! Tools for processes. All they know comes from /proc, read by [`table`]; all they do is send signals.

pub(crate) mod lsof;
pub(crate) mod pgrep;
pub(crate) mod ps;
pub(crate) mod setsid;
pub(crate) mod signal;
pub(crate) mod table;
pub(crate) mod top;
