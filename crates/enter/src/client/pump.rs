//! Bytes from one descriptor to another, in the kernel where it can: one end is always a pipe.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;

/// How much is moved at once, and how large our pipes are.
pub(super) const SIZE: usize = 1 << 20;

/// Moves bytes until `from` ends or `to` is closed. The first error that is neither is returned.
pub(super) fn pump(from: impl AsFd, to: impl AsFd) -> rustix::io::Result<()> {
    let (from, to) = (from.as_fd(), to.as_fd());
    if has_position(to) {
        return copy(from, to);
    }
    loop {
        match rustix::pipe::splice(from, None, to, None, SIZE, SpliceFlags::MOVE) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            // A file opened for appending, some terminals and devices cannot be spliced.
            Err(Errno::INVAL) => return copy(from, to),
            Err(Errno::AGAIN) => wait(from, to),
            Err(Errno::PIPE) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// A file's position is often shared, by our stdout and stderr or with whoever writes after us. A splice reads it when
/// it begins to wait and sets it when it ends, over whatever was written meanwhile; a write takes its turn.
fn has_position(to: BorrowedFd<'_>) -> bool {
    let kind = rustix::fs::fstat(to).map(|stat| FileType::from_raw_mode(stat.st_mode));
    matches!(kind, Ok(FileType::RegularFile | FileType::BlockDevice))
}

fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let mut buffer = vec![0u8; 128 * 1024];
    loop {
        let mut bytes = match rustix::io::read(from, buffer.as_mut_slice()) {
            Ok(0) => return Ok(()),
            Ok(count) => &buffer[..count],
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => {
                wait(from, to);
                continue;
            }
            // A terminal whose other side is gone.
            Err(Errno::IO) => return Ok(()),
            Err(error) => return Err(error),
        };
        while !bytes.is_empty() {
            match rustix::io::write(to, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => wait(from, to),
                Err(Errno::PIPE) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// The caller gave us a non-blocking descriptor: wait until something can move.
fn wait(from: BorrowedFd<'_>, to: BorrowedFd<'_>) {
    use rustix::event::{PollFd, PollFlags, poll};
    let _ = poll(&mut [PollFd::from_borrowed_fd(from, PollFlags::IN)], None);
    let _ = poll(&mut [PollFd::from_borrowed_fd(to, PollFlags::OUT)], None);
}
