//! Signals by name and number.

use rustix::process::Signal;

/// Linux's numbers, from `signal(7)`; the same on every architecture this is built for.
const NAMES: [(&str, i32); 31] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
];

/// What to send: a signal, or nothing but the question whether it could be sent (signal 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sending {
    /// A signal.
    Signal(Signal),
    /// Signal 0.
    Nothing,
}

/// Reads `9`, `KILL`, `SIGKILL` or `kill`.
pub(crate) fn read(text: &str) -> Option<Sending> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let number = match NAMES.iter().find(|(known, _)| *known == name) {
        Some((_, number)) => *number,
        None => text.parse().ok()?,
    };
    if number == 0 { Some(Sending::Nothing) } else { Signal::from_named_raw(number).map(Sending::Signal) }
}

/// Every number with its name, in order.
pub(crate) fn all() -> impl Iterator<Item = (i32, &'static str)> {
    NAMES.iter().map(|(name, number)| (*number, *name))
}

/// The name that belongs to a number (128 and more: to the status of a command that it killed).
pub(crate) fn name_of(number: i32) -> Option<&'static str> {
    let number = if number > 128 { number - 128 } else { number };
    all().find(|(known, _)| *known == number).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_known_by_name_and_number() {
        for text in ["9", "KILL", "SIGKILL", "kill"] {
            assert_eq!(read(text), Some(Sending::Signal(Signal::KILL)), "{text}");
        }
        assert_eq!(read("0"), Some(Sending::Nothing));
        assert_eq!((read("NOSUCH"), read("99"), read("-1")), (None, None, None));
        assert_eq!((name_of(137), name_of(15), name_of(0)), (Some("KILL"), Some("TERM"), None));
    }
}
