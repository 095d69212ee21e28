//! A conversation in pieces: one byte says of what, four say how much (big-endian), then that much.

use std::fmt;

use fathom_model::{Ending, Failure};
use serde::{Deserialize, Serialize};

use crate::Wish;

/// The longest payload. A piece of a stream is never longer; nor is any word.
pub const LONGEST: usize = 1 << 20;

const HEADER: usize = 5;

/// One piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// For the command's stdin or terminal; empty when it ends.
    Input(Vec<u8>),
    /// From the command's stdout or terminal.
    Output(Vec<u8>),
    /// From the command's stderr.
    Errors(Vec<u8>),
    /// Something said.
    Word(Word),
}

/// What is said besides the bytes of streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// The client begins.
    Wish(Wish),
    /// The client's terminal has this many columns and rows now.
    Resize(u16, u16),
    /// The client got this signal, named without `SIG`: numbers differ between systems.
    Signal(String),
    /// The client goes, the session stays.
    Detach,
    /// The session is to end.
    Kill,
    /// So many bytes of the streams have been handed on, and as many more may come: see [`crate::credit`].
    Room(u32),
    /// So many bytes of the archive are here; the rest is to follow.
    Have(u64),
    /// Whoever says it is there. A node's answer to a wish; then both say it every [`BEAT`].
    Alive,
    /// The session runs; its id.
    Started(String),
    /// The user should read this.
    Notice(String),
    /// The answer to a wish that has one, as JSON.
    Answer(String),
    /// The command has ended. The last word.
    Ended(Ending),
    /// What was wished did not come to be. The last word.
    Failed(Failure),
}

/// Whose bytes a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The command's stdin or terminal.
    Input,
    /// Its stdout or terminal.
    Output,
    /// Its stderr.
    Errors,
}

impl Stream {
    fn kind(self) -> u8 {
        match self {
            Stream::Input => b'i',
            Stream::Output => b'o',
            Stream::Errors => b'e',
        }
    }

    /// Appends a frame to `to` with at most `most` bytes that `fill` has, which are read to where they are sent from;
    /// none where it has nothing.
    pub fn append<E>(
        self,
        most: usize,
        to: &mut Vec<u8>,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let start = to.len();
        let payload = start + HEADER;
        to.resize(payload + most.min(LONGEST), 0);
        let filled = fill(&mut to[payload..]);
        let count = *filled.as_ref().unwrap_or(&0);
        to.truncate(if count == 0 { start } else { payload + count });
        if count > 0 {
            to[start..payload].copy_from_slice(&header(self.kind(), count));
        }
        filled
    }
}

/// How often both say that they are there.
pub const BEAT: std::time::Duration = std::time::Duration::from_secs(3);

/// Who has not been heard for so long is gone.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// Why bytes are no conversation of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Garbage {
    /// A kind of frame that nobody has heard of.
    Kind(u8),
    /// A length beyond [`LONGEST`].
    Length(u32),
    /// A word that says nothing.
    Word(String),
}

impl fmt::Display for Garbage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Garbage::Kind(kind) => write!(out, "a frame of the unknown kind {kind}"),
            Garbage::Length(length) => write!(out, "a frame of {length} bytes"),
            Garbage::Word(cause) => write!(out, "a word that cannot be read: {cause}"),
        }
    }
}

impl std::error::Error for Garbage {}

impl Frame {
    /// The frame as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append(&mut bytes);
        bytes
    }

    /// Appends the frame's bytes.
    pub fn append(&self, to: &mut Vec<u8>) {
        match self {
            Frame::Input(bytes) => framed(Stream::Input.kind(), bytes, to),
            Frame::Output(bytes) => framed(Stream::Output.kind(), bytes, to),
            Frame::Errors(bytes) => framed(Stream::Errors.kind(), bytes, to),
            Frame::Word(word) => framed(b'w', &serde_json::to_vec(word).expect("words are plain data"), to),
        }
    }

    fn decode(kind: u8, bytes: &[u8]) -> Result<Self, Garbage> {
        match kind {
            b'i' => Ok(Frame::Input(bytes.to_vec())),
            b'o' => Ok(Frame::Output(bytes.to_vec())),
            b'e' => Ok(Frame::Errors(bytes.to_vec())),
            b'w' => serde_json::from_slice(bytes).map(Frame::Word).map_err(|error| Garbage::Word(error.to_string())),
            other => Err(Garbage::Kind(other)),
        }
    }
}

fn header(kind: u8, length: usize) -> [u8; HEADER] {
    let [a, b, c, d] = (length as u32).to_be_bytes();
    [kind, a, b, c, d]
}

fn framed(kind: u8, bytes: &[u8], to: &mut Vec<u8>) {
    debug_assert!(bytes.len() <= LONGEST);
    to.reserve(HEADER + bytes.len());
    to.extend(header(kind, bytes.len()));
    to.extend_from_slice(bytes);
}

/// Bytes as they come, turned into frames.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// How much of `bytes` has been given out already.
    read: usize,
}

impl Decoder {
    /// Takes in what came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend(bytes);
    }

    /// The next whole frame, if there is one. After garbage nothing can be read any more.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Garbage> {
        let rest = &self.bytes[self.read..];
        let Some((header, rest)) = rest.split_at_checked(HEADER) else { return Ok(None) };
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        if length as usize > LONGEST {
            return Err(Garbage::Length(length));
        }
        let Some(payload) = rest.get(..length as usize) else { return Ok(None) };
        let frame = Frame::decode(header[0], payload)?;
        self.read += HEADER + payload.len();
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use fathom_model::Class;
    use proptest::prelude::*;

    use super::*;
    use crate::wish::Await;
    use crate::{Action, Bounds, Entry, Grant, Place};

    fn all() -> Vec<Frame> {
        let entry = Entry {
            place: Place::Container { id: "containerd://4f1c".into(), pod: "uid".into() },
            command: vec!["ls".into()],
            terminal: Some((80, 24)),
            ..Entry::default()
        };
        let place = Place::Incarnation {
            pod: "uid".into(),
            namespace: "shop".into(),
            name: "web-0".into(),
            container: "web".into(),
            after: Some("containerd://4f1c".into()),
        };
        let next = Entry { place, await_next: Some(Await::Hold), ..Entry::default() };
        let grant = Grant {
            server: "fathom".into(),
            session: "4f1c".into(),
            target: "shop/pod/web-0/web".into(),
            user: "jane".into(),
            uid: None,
            created: "2026-11-21T00:00:00Z".into(),
        };
        let granted = Entry { bounds: Some(Bounds::default()), grant: Some(grant), ..Entry::default() };
        let beside = Place::Here { target: "shop/pod/web-0/web".into(), id: "containerd://4f1c".into() };
        let beside = Entry { place: beside, ..entry.clone() };
        let whole = Place::Pod { pod: "uid".into(), namespace: "shop".into(), name: "web-0".into() };
        let traced = Entry { place: whole, command: vec!["--json".into()], ..Entry::default() };
        let wish = |action| Word::Wish(Wish { version: crate::VERSION, action });
        let words = [
            wish(Action::Enter(Box::new(entry))),
            wish(Action::Enter(Box::new(next))),
            wish(Action::Enter(Box::new(beside))),
            wish(Action::Trace(Box::new(traced))),
            wish(Action::Release { session: "abc".into() }),
            wish(Action::Command { id: Some("containerd://4f1c".into()), image: "web:1".into() }),
            Word::Resize(101, 33),
            Word::Signal("INT".into()),
            Word::Detach,
            Word::Kill,
            Word::Room(262_144),
            Word::Have(1 << 33),
            Word::Wish(Wish {
                version: crate::VERSION,
                action: Action::Bring { archive: "sha256:4f1c".into(), size: 1 << 33 },
            }),
            Word::Alive,
            Word::Started("abc".into()),
            Word::Notice("holding it".into()),
            Word::Answer("[]".into()),
            Word::Ended(Ending::Exited(7)),
            Word::Failed(Failure::new(Class::NotFound, "no such container").hinting("look again")),
            wish(Action::Enter(Box::new(granted))),
        ];
        let streams = [Frame::Input(vec![]), Frame::Output(vec![0, 255]), Frame::Errors(b"no\n".to_vec())];
        streams.into_iter().chain(words.map(Frame::Word)).collect()
    }

    #[test]
    fn what_is_read_into_place_is_the_same_frame() {
        let mut bytes = b"before".to_vec();
        let read = |to: &mut [u8]| -> Result<usize, ()> {
            to[..3].copy_from_slice(b"abc");
            Ok(3)
        };
        assert_eq!(Stream::Errors.append(10, &mut bytes, read), Ok(3));
        assert_eq!(bytes.strip_prefix(b"before"), Some(&Frame::Errors(b"abc".to_vec()).encode()[..]));
        let whole = bytes.clone();
        assert_eq!(Stream::Output.append(10, &mut bytes, |_| Err("nothing yet")), Err("nothing yet"));
        assert_eq!(Stream::Output.append(10, &mut bytes, |_| Ok::<_, ()>(0)), Ok(0));
        assert_eq!(bytes, whole);
    }

    #[track_caller]
    fn decoded(chunks: &[&[u8]]) -> Vec<Frame> {
        let mut decoder = Decoder::default();
        let mut got = Vec::new();
        for chunk in chunks {
            decoder.feed(chunk);
            while let Some(frame) = decoder.next_frame().expect("it is ours") {
                got.push(frame);
            }
        }
        got
    }

    #[test]
    fn every_frame_survives_the_way_in_one_piece_and_byte_by_byte() {
        let bytes: Vec<u8> = all().iter().flat_map(Frame::encode).collect();
        assert_eq!(decoded(&[&bytes]), all());
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(decoded(&single), all());
    }

    /// Other versions of ourselves have to understand it.
    #[test]
    fn words_are_what_was_promised() {
        let said: Vec<String> = all()
            .into_iter()
            .filter_map(|frame| if let Frame::Word(word) = frame { serde_json::to_string(&word).ok() } else { None })
            .collect();
        assert_eq!(said.join("\n") + "\n", include_str!("golden/words-v1.jsonl"));
    }

    #[test]
    fn a_node_chooses_whatever_a_client_leaves_out() {
        let entry: Entry = serde_json::from_str("{}").expect("every field has a default");
        assert_eq!(entry, Entry::default());
    }

    #[test]
    fn garbage_is_told() {
        let check = |bytes: &[u8], expect: Garbage| {
            let mut decoder = Decoder::default();
            decoder.feed(bytes);
            assert_eq!(decoder.next_frame(), Err(expect));
        };
        check(b"x\0\0\0\0", Garbage::Kind(b'x'));
        check(&[b'i', 0xff, 0, 0, 0], Garbage::Length(0xff00_0000));
        let mut decoder = Decoder::default();
        decoder.feed(b"w\0\0\0\x02{}");
        assert!(matches!(decoder.next_frame(), Err(Garbage::Word(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut decoder = Decoder::default();
            decoder.feed(&bytes);
            while let Ok(Some(_)) = decoder.next_frame() {}
        }
    }
}
