//! Which system calls this kernel has and lets us use.

use std::io;
use std::os::fd::AsFd;

use super::{Cloned, clone_process, exit_now};

/// A system call whose existence can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the kernel's own")]
pub enum Call {
    PidfdOpen,
    Clone3,
    /// clone3 with a cgroup to start in.
    CloneIntoCgroup,
    Openat2,
    OpenTree,
    Fsopen,
    MoveMount,
    MountSetattr,
    /// close_range with the flag that closes on exec only.
    CloseRange,
}

/// Makes `call` with arguments that no kernel accepts, so that nothing happens but the answer.
///
/// # Errors
/// `ErrorKind::Unsupported` where the kernel does not know it, `PermissionDenied` where it is kept from us.
pub fn ask(call: Call) -> io::Result<()> {
    let null = std::ptr::null::<u8>();
    // No bit beyond the lowest few is a flag of any of these.
    let no_flags = u32::MAX;
    // SAFETY: pointers are null with a size of 0, descriptors are -1, flags are unknown: each call is refused before
    // it reads or changes anything. The two that may be accepted are dealt with where they are made.
    let answer = unsafe {
        match call {
            Call::PidfdOpen => libc::syscall(libc::SYS_pidfd_open, -1, no_flags),
            Call::Clone3 => libc::syscall(libc::SYS_clone3, null, 0usize),
            Call::CloneIntoCgroup => return ask_for_cgroups(),
            Call::Openat2 => libc::syscall(libc::SYS_openat2, -1, c"".as_ptr(), null, 0usize),
            Call::OpenTree => libc::syscall(libc::SYS_open_tree, -1, c"".as_ptr(), no_flags),
            Call::Fsopen => libc::syscall(libc::SYS_fsopen, c"".as_ptr(), no_flags),
            Call::MoveMount => libc::syscall(libc::SYS_move_mount, -1, c"".as_ptr(), -1, c"".as_ptr(), no_flags),
            Call::MountSetattr => libc::syscall(libc::SYS_mount_setattr, -1, c"".as_ptr(), no_flags, null, 0usize),
            // Nothing is open at the largest number, so this one is done, and changes nothing.
            Call::CloseRange => libc::syscall(libc::SYS_close_range, u32::MAX, u32::MAX, libc::CLOSE_RANGE_CLOEXEC),
        }
    };
    if answer != -1 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match (call, error.raw_os_error()) {
        (_, Some(libc::ENOSYS)) => Err(error),
        (_, Some(libc::EPERM | libc::EACCES)) => Err(error),
        // 5.9 and 5.10 have the call without the flag.
        (Call::CloseRange, Some(libc::EINVAL)) => Err(io::Error::from_raw_os_error(libc::ENOSYS)),
        _ => Ok(()),
    }
}

/// A kernel that knows the flag looks at the descriptor, and it is none; one that does not says EINVAL.
fn ask_for_cgroups() -> io::Result<()> {
    let folder = std::fs::File::open("/dev/null")?;
    // SAFETY: /dev/null is no cgroup, so no process is made; if one were, it would do nothing but end, which needs
    // neither memory nor locks of other threads.
    match unsafe { clone_process(Some(folder.as_fd())) } {
        Ok(Cloned::Child) => exit_now(0),
        Ok(Cloned::Parent(pid)) => {
            rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty())?;
            Ok(())
        }
        Err(error) => match error.raw_os_error() {
            Some(libc::EINVAL | libc::E2BIG) => Err(io::Error::from_raw_os_error(libc::ENOSYS)),
            Some(libc::ENOSYS | libc::EPERM) => Err(error),
            _ => Ok(()),
        },
    }
}
