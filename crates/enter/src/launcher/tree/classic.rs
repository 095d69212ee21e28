//! Restricting a mount on a kernel without mount_setattr (before 5.12): the older `mount` can do it only to a mount
//! that is attached somewhere, so a child process attaches it in a mount namespace of its own, and sends back a copy.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use fathom_host::namespace::Kind;
use fathom_host::sys::{self, Cloned, Recursion};
use rustix::fs::{CWD, FileType, Mode, StatVfsMountFlags};
use rustix::mount::{MountAttrFlags, MountFlags, MountPropagationFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::WaitOptions;

use crate::wire;

/// A copy of the detached mount `tree` with `attributes`, attached nowhere. The process must have one thread.
pub(super) fn restricted(tree: &OwnedFd, attributes: u64) -> io::Result<OwnedFd> {
    let (ours, theirs) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    // SAFETY: whoever restricts mounts has one thread: the client before it starts any, and the launcher always.
    #[allow(unsafe_code, reason = "the child is forked off")]
    let cloned = unsafe { sys::clone_process(None) }?;
    let child = match cloned {
        Cloned::Child => {
            drop(ours);
            let sent = restrict_attached(tree, attributes)
                .and_then(|copy| wire::send_fds(&theirs, b"tree", &[copy.as_fd()]).map_err(io::Error::from));
            sys::exit_now(sent.err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO)))
        }
        Cloned::Parent(pid) => pid,
    };
    drop(theirs);
    let copy = wire::receive_fds(&ours).ok().and_then(|(_, mut fds)| fds.pop());
    let ended = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(child), WaitOptions::empty()))?;
    let error = ended.and_then(|(_, status)| status.exit_status()).filter(|status| *status != 0).unwrap_or(libc::EIO);
    copy.ok_or_else(|| io::Error::from_raw_os_error(error))
}

/// The child: nobody else sees what is mounted here.
fn restrict_attached(tree: &OwnedFd, attributes: u64) -> io::Result<OwnedFd> {
    const PLACE: &str = "tree";
    sys::unshare(&[Kind::Mnt])?;
    rustix::mount::mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?;
    let scratch = super::filesystem("tmpfs", &[("mode", "700")], MountAttrFlags::empty())?;
    super::attach(&scratch, CWD, "/")?;
    rustix::process::fchdir(&scratch)?;
    match FileType::from_raw_mode(rustix::fs::fstat(tree)?.st_mode) {
        FileType::Directory => rustix::fs::mkdir(PLACE, Mode::RWXU)?,
        _ => std::fs::write(PLACE, "")?,
    }
    super::attach(tree, CWD, PLACE)?;
    // A remount sets all flags anew, and the kernel does not let us drop those of a more privileged owner.
    let had = rustix::fs::fstatvfs(tree)?.f_flag;
    let kept = [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
    ];
    let kept = kept.into_iter().filter(|(flag, _)| had.contains(*flag)).map(|(_, flag)| flag);
    // MOUNT_ATTR_RDONLY, NOSUID, NODEV and NOEXEC have the same bits as MS_*.
    let flags = kept.fold(MountFlags::from_bits_truncate(attributes as u32), |all, one| all | one);
    rustix::mount::mount_remount(PLACE, MountFlags::BIND | flags, c"")?;
    super::clone(CWD, PLACE, Recursion::Alone)
}
