//! The warden of a detached session: takes the client's part when there is no client. It waits on the session's lock,
//! and clears up if supervisor and init are gone and the session is still on record.

use fathom_host::sys::{self, Cloned};
use fathom_model::Failure;

use crate::failure::Step;
use crate::session::Registry;
use crate::sweep;

/// Leaves a warden behind for session `id`.
///
/// Must be called before the process has a second thread.
pub(crate) fn post(registry: &Registry, id: &str) -> Result<(), Failure> {
    // SAFETY: a client that detaches has started no thread.
    #[allow(unsafe_code, reason = "the warden is forked off")]
    let cloned = unsafe { sys::clone_process(None) }.step("leave a warden behind")?;
    if matches!(cloned, Cloned::Child) {
        let _ = rustix::thread::set_name(c"fathom-warden");
        let _ = rustix::process::setsid();
        let _ = rustix::process::chdir("/");
        sys::ignore_signal(libc::SIGHUP);
        let _ = super::silence_streams();
        // SAFETY: the child ends by `exit_now`, so nothing that owns a descriptor is ever dropped.
        #[allow(unsafe_code, reason = "the client's descriptors go no further")]
        unsafe {
            sys::close_from(3);
        }
        sys::forget_code();
        if let Some(_lock) = registry.outlive(id) {
            sweep::clear(registry, id);
        }
        sys::exit_now(0)
    }
    Ok(())
}
