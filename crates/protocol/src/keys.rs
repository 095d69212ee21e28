//! What is typed: whether a session hears it, and the two keys, Ctrl-P Ctrl-Q as in docker, that leave it to itself.

/// Whether what is typed reaches the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// It does (`-i`).
    Forwarded,
    /// The command reads end of file.
    Closed,
}

const LEAVE: [u8; 2] = [0x10, 0x11];

/// What came from the keyboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// Bytes for the session; may be none yet.
    Bytes(Vec<u8>),
    /// The session is to be left.
    Leave,
}

/// Watches for the keys that leave a session.
#[derive(Debug, Default)]
pub struct Keys {
    /// The first of the two was the last key.
    half: bool,
}

impl Keys {
    /// What `bytes` mean after all that came before.
    pub fn sift(&mut self, bytes: &[u8]) -> Typed {
        let mut kept = Vec::with_capacity(bytes.len() + 1);
        for byte in bytes {
            match (self.half, *byte) {
                (true, key) if key == LEAVE[1] => return Typed::Leave,
                (half, key) => {
                    if half {
                        kept.push(LEAVE[0]);
                    }
                    self.half = key == LEAVE[0];
                    if !self.half {
                        kept.push(key);
                    }
                }
            }
        }
        Typed::Bytes(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(chunks: &[&[u8]], expect: &[u8], leaves: bool) {
        let mut keys = Keys::default();
        let mut got = Vec::new();
        for chunk in chunks {
            match keys.sift(chunk) {
                Typed::Bytes(bytes) => got.extend(bytes),
                Typed::Leave => return assert!(leaves && got == expect),
            }
        }
        assert_eq!((got.as_slice(), false), (expect, leaves));
    }

    #[test]
    fn two_keys_leave_and_nothing_else_is_lost() {
        check(&[b"ls\n"], b"ls\n", false);
        check(&[b"a\x10b"], b"a\x10b", false);
        check(&[b"a\x10", b"b"], b"a\x10b", false);
        check(&[b"a\x10\x10\x10b"], b"a\x10\x10\x10b", false);
        check(&[b"a\x10\x11"], b"", true);
        check(&[b"\x10", b"\x11"], b"", true);
    }
}
