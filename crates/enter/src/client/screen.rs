//! The user's own terminal: made raw for the time of a session, put back afterwards.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// A terminal in raw mode, put back when dropped.
#[derive(Debug)]
pub(super) struct Raw<'fd> {
    terminal: BorrowedFd<'fd>,
    before: Termios,
}

impl<'fd> Raw<'fd> {
    /// Every key goes to the session as it is. `None` where `terminal` is none.
    pub(super) fn new(terminal: BorrowedFd<'fd>) -> Option<Raw<'fd>> {
        let before = tcgetattr(terminal).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(terminal, OptionalActions::Now, &raw).ok()?;
        Some(Raw { terminal, before })
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Drain, &self.before);
    }
}

/// Columns and rows of a terminal; some say 0×0, which programs take for "unknown".
pub(super) fn size(terminal: impl AsFd) -> (u16, u16) {
    tcgetwinsize(terminal).map_or((0, 0), |size| (size.ws_col, size.ws_row))
}
