//! Bytes as they come from one of many commands, turned into whole lines with whose they are in front.

/// A line longer than this is shown in pieces: nobody ends it, and nobody can be kept waiting for its end.
const LONGEST: usize = 64 << 10;

/// One stream of one command.
#[derive(Debug)]
pub(crate) struct Lines {
    prefix: String,
    /// A line that has no end yet.
    half: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(prefix: &str) -> Self {
        Lines { prefix: prefix.to_owned(), half: Vec::new() }
    }

    /// The lines that are whole by now.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut whole = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(end) => {
                    self.half.extend(end);
                    self.give(&mut whole);
                }
                None => self.half.extend(piece),
            }
            while self.half.len() > LONGEST {
                let rest = self.half.split_off(LONGEST);
                self.give(&mut whole);
                self.half = rest;
            }
        }
        whole
    }

    /// The last line, if the stream ended within it.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        let mut whole = Vec::new();
        if !self.half.is_empty() {
            self.give(&mut whole);
        }
        whole
    }

    fn give(&mut self, whole: &mut Vec<u8>) {
        whole.extend(self.prefix.as_bytes());
        whole.append(&mut self.half);
        whole.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&[u8]], expect: &str) {
        let mut lines = Lines::new("web-0 | ");
        let mut got: Vec<u8> = pieces.iter().flat_map(|piece| lines.feed(piece)).collect();
        assert!(got.is_empty() || got.ends_with(b"\n"), "a half line was given out");
        got.extend(lines.end());
        assert_eq!(String::from_utf8_lossy(&got), expect);
    }

    #[test]
    fn every_line_says_whose_it_is_and_comes_whole() {
        check(&[], "");
        check(&[b"one\ntwo\n"], "web-0 | one\nweb-0 | two\n");
        check(&[b"o", b"n", b"e\nt", b"wo"], "web-0 | one\nweb-0 | two\n");
        check(&[b"\n\n"], "web-0 | \nweb-0 | \n");
        check(&[b"no end"], "web-0 | no end\n");
    }

    #[test]
    fn a_line_without_end_comes_in_pieces() {
        let long = vec![b'x'; LONGEST + 1];
        let piece = "x".repeat(LONGEST);
        check(&[&long, b"y\n"], &format!("web-0 | {piece}\nweb-0 | xy\n"));
    }
}
