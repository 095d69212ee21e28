//! Our own terminal, or the pipes in its place: raw for the time of a session, how large it is, what it and the system
//! tell us. One half for Unix, one for Windows, with the same names.

#[cfg_attr(unix, path = "terminal/unix.rs")]
#[cfg_attr(windows, path = "terminal/windows.rs")]
mod system;
#[cfg(any(windows, test))]
mod text;

pub(crate) use system::{Events, Raw, Stdin, screen, size};

/// What happens to a client besides bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The terminal has this many columns and rows now.
    Resized(u16, u16),
    /// Somebody wants us to hear this signal, named as in the protocol.
    Signal(&'static str),
}
