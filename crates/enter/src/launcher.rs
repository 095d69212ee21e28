//! The process side of an entry: this program again, executed afresh as `fathom-enter` with one thread, from a
//! read-only mount of its own file, so that nobody in the target can write to what runs (CVE-2019-5736).
//!
//! ```text
//! supervisor   our pid namespace, outside the session's cgroup     builds the root, carries the terminal, clears up
//!  └ init      the target's pid namespace, outside the leaf too     adopts orphans, kills the leaf, reports the status
//!     └ command   the target's namespaces, in the leaf
//! ```
//!
//! Each of the three notices when one of the others is gone: the supervisor by the client's socket and by SIGCHLD,
//! init by the supervisor's socket, the client by the supervisor's.

mod capabilities;
mod device;
mod filter;
pub mod guard;
mod init;
pub(crate) mod offspring;
mod payload;
mod root;
mod start;
mod supervisor;
mod terminal;
pub(crate) mod tree;
mod warden;

use fathom_host::sys;
use fathom_model::Failure;
use std::os::fd::AsFd as _;

use crate::failure::Step as _;

pub(crate) use start::{Material, Role, start};
pub use supervisor::main;
pub(crate) use supervisor::undo;
pub(crate) use warden::post;

/// The name under which this program is the launcher.
pub const NAME: &str = "fathom-enter";

/// What init calls itself, so that a scan of /proc knows it.
pub const INIT: &std::ffi::CStr = c"fathom-init";

/// Whatever the caller had as stdin, stdout and stderr goes no further than here.
fn silence_streams() -> Result<(), Failure> {
    let null = rustix::fs::open(
        "/dev/null",
        rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )
    .step("open /dev/null")?;
    for number in 0..3 {
        // SAFETY: the launcher owns its three standard descriptors, and uses none of them.
        #[allow(unsafe_code, reason = "descriptors 0 to 2 are replaced")]
        unsafe { sys::place(null.as_fd(), number) }.step("let go of the caller's streams")?;
    }
    Ok(())
}
