//! A capture as a sequence of items: sections, tables, events, and the gaps where it is damaged.
//!
//! Merged captures are several sections one after the other; each begins with [`Item::Section`], after which tables
//! are new. Items borrow from the reader: take what is needed before asking for the next.

use std::io::Read;

use crate::block::{Block, Content, SECTION, content};
use crate::cursor::Cursor;
use crate::descriptor::Descriptors;
use crate::error::{Damage, Error, Gap};
use crate::event::Event;
use crate::input::Input;
use crate::machine::{Interfaces, Machine};
use crate::process::Processes;
use crate::user::Users;

/// Longer than any list is: the processes of the largest machines take a few hundred MiB.
const LONGEST_LIST: u32 = 1 << 30;
/// Longer than any other block is. What claims more is damaged, and is not waited for.
const LONGEST: u32 = 1 << 26;
/// Header and trailer.
const FRAME: usize = 12;
/// A block that is found behind a gap may be so long; an event of more than that is none.
const PLAUSIBLE: u32 = 1 << 20;
/// So much is looked at together.
const WINDOW: usize = 4 * PLAUSIBLE as usize;

/// What to do where a capture is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// Stop and say so.
    Strict,
    /// Go on at the next block that is sound; what lies between is an [`Item::Gap`].
    Salvage,
}

/// One thing in a capture.
#[derive(Debug)]
pub enum Item<'a> {
    /// A section begins; older tables are void.
    Section {
        /// Version of the format, after the first number, which is 1.
        minor: u16,
    },
    /// The machine.
    Machine(Machine<'a>),
    /// Its interfaces.
    Interfaces(Interfaces<'a>),
    /// Its users and groups.
    Users(Users<'a>),
    /// Its processes.
    Processes(Processes<'a>),
    /// The descriptors of one thread.
    Descriptors(Descriptors<'a>),
    /// Something happened.
    Event(Event<'a>),
    /// A block of a type that this program does not know.
    Other(Block<'a>),
    /// Something could not be read, and what follows can.
    Gap(Gap),
}

/// Reads a capture.
pub struct Reader<'a> {
    input: Input<'a>,
    tolerance: Tolerance,
}

/// Where a block lies in what was peeked at.
struct Frame {
    kind: u32,
    length: usize,
    offset: u64,
}

impl<'a> Reader<'a> {
    /// Of a capture in memory, packed or not.
    pub fn new(bytes: &'a [u8], tolerance: Tolerance) -> Result<Self, Error> {
        Reader::begin(Input::memory(bytes), tolerance)
    }

    /// Of a capture that comes through a pipe or from a file, packed or not.
    pub fn stream(source: impl Read + Send + 'a, tolerance: Tolerance) -> Result<Self, Error> {
        let input = Input::stream(source).map_err(|source| Error::Read { offset: 0, source })?;
        Reader::begin(input, tolerance)
    }

    /// How many bytes of the (unpacked) capture were read so far.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    fn begin(mut input: Input<'a>, tolerance: Tolerance) -> Result<Self, Error> {
        let lost = |source| Error::Read { offset: 0, source };
        if input.peek(16).map_err(lost)?.is_empty() && input.is_cut() {
            return Err(Error::Damaged { offset: 0, damage: Damage::Endless });
        }
        let head = input.peek(16).map_err(lost)?;
        // The type of a section's block reads the same in both byte orders; its magic number does not.
        if !head.starts_with(&SECTION.to_le_bytes()) {
            let begin = if head.is_empty() {
                "nothing".to_owned()
            } else {
                format!("`{}`", head[..head.len().min(8)].escape_ascii())
            };
            return Err(Error::NoCapture { begin });
        }
        if head.get(8..12) == Some(&0x1A2B_3C4D_u32.to_be_bytes()) {
            return Err(Error::ByteOrder);
        }
        if let Some(&[low, high]) = head.get(12..14)
            && u16::from_le_bytes([low, high]) > 1
        {
            return Err(Error::Version { major: u16::from_le_bytes([low, high]) });
        }
        Ok(Reader { input, tolerance })
    }

    /// The next item, or nothing at the end.
    ///
    /// # Errors
    /// What the system says; damage if the reader is strict.
    #[allow(clippy::should_implement_trait, reason = "items borrow from the reader, which an iterator's cannot")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, Error> {
        let offset = self.input.offset();
        let frame = match self.frame() {
            Ok(None) => return Ok(None),
            Ok(Some(frame)) => frame,
            Err(Stop::Read(source)) => return Err(Error::Read { offset, source }),
            Err(Stop::Damage(damage)) => return self.pass_over(offset, damage),
        };
        match item(self.input.last(frame.length), &frame) {
            Ok(item) => Ok(Some(item)),
            Err(damage) => match self.tolerance {
                Tolerance::Strict => Err(Error::Damaged { offset, damage }),
                Tolerance::Salvage => Ok(Some(Item::Gap(Gap { offset, length: frame.length as u64, damage }))),
            },
        }
    }

    /// The next block, checked and taken off the input.
    #[inline]
    fn frame(&mut self) -> Result<Option<Frame>, Stop> {
        let offset = self.input.offset();
        let there = self.input.peek(FRAME).map_err(Stop::Read)?;
        if there.is_empty() {
            return if self.input.is_cut() { Err(Stop::Damage(Damage::Endless)) } else { Ok(None) };
        }
        let cut = |length: usize, there: usize| {
            Stop::Damage(Damage::Truncated { length: length as u64, there: there as u64 })
        };
        let (Some(kind), Some(length)) = (number(there, 0), number(there, 4)) else {
            let cut = cut(8, there.len());
            self.input.is_cut();
            return Err(cut);
        };
        if (length as usize) < FRAME || length > longest(kind) {
            return Err(Stop::Damage(Damage::Length { kind, length }));
        }
        let whole = length as usize;
        let there = self.input.peek(whole).map_err(Stop::Read)?;
        if there.len() < whole {
            let cut = cut(whole, there.len());
            // It is told already that something is missing.
            self.input.is_cut();
            return Err(cut);
        }
        let trailer = number(there, whole - 4).unwrap_or_default();
        if trailer != length {
            return Err(Stop::Damage(Damage::Trailer { header: length, trailer }));
        }
        self.input.skip(whole);
        Ok(Some(Frame { kind, length: whole, offset }))
    }

    /// Searches the next sound block behind `offset`.
    fn pass_over(&mut self, offset: u64, damage: Damage) -> Result<Option<Item<'_>>, Error> {
        if self.tolerance == Tolerance::Strict {
            return Err(Error::Damaged { offset, damage });
        }
        let lost = |source| Error::Read { offset, source };
        let mut first = true;
        loop {
            let there = self.input.peek(WINDOW).map_err(lost)?;
            // Not the place where we are: it has just been found unsound.
            let begin = usize::from(std::mem::take(&mut first));
            // Each place is looked at once, when all is there that could begin at it.
            let is_rest = there.len() < WINDOW;
            let end = if is_rest { there.len() } else { there.len() - PLAUSIBLE as usize };
            let found = (begin..end).find(|at| is_sound(&there[*at..]));
            self.input.skip(found.unwrap_or(end));
            if is_rest || found.is_some() {
                break;
            }
        }
        let length = self.input.offset() - offset;
        Ok(Some(Item::Gap(Gap { offset, length, damage })))
    }
}

/// Why no block could be read.
enum Stop {
    Read(std::io::Error),
    Damage(Damage),
}

#[inline]
fn longest(kind: u32) -> u32 {
    match content(kind) {
        Some(Content::Processes(_) | Content::Descriptors(_) | Content::Users(_)) => LONGEST_LIST,
        _ => LONGEST,
    }
}

#[inline]
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// Whether a block of a known type begins here and ends where it says.
fn is_sound(bytes: &[u8]) -> bool {
    let (Some(kind), Some(length)) = (number(bytes, 0), number(bytes, 4)) else { return false };
    let plausible = (FRAME as u32 + 4..=PLAUSIBLE).contains(&length);
    plausible && content(kind).is_some() && number(bytes, length as usize - 4) == Some(length)
}

/// What a whole block holds.
#[inline]
fn item<'b>(block: &'b [u8], frame: &Frame) -> Result<Item<'b>, Damage> {
    let body = &block[8..block.len() - 4];
    let cursor = Cursor(body);
    let short = Damage::Length { kind: frame.kind, length: frame.length as u32 };
    Ok(match content(frame.kind) {
        Some(Content::Event(framing)) => Item::Event(Event::parse(body, framing)?),
        Some(Content::Section) => {
            let version = body.get(6..8).ok_or(short)?;
            Item::Section { minor: u16::from_le_bytes([version[0], version[1]]) }
        }
        Some(Content::Machine) => Item::Machine(Machine::parse(body).ok_or(short)?),
        Some(Content::Interfaces(lengths)) => Item::Interfaces(Interfaces { cursor, lengths, index: 0 }),
        Some(Content::Users(lengths)) => Item::Users(Users { cursor, lengths, index: 0 }),
        Some(Content::Processes(version)) => Item::Processes(Processes { cursor, version, index: 0 }),
        Some(Content::Descriptors(lengths)) => {
            let mut cursor = cursor;
            let tid = cursor.i64().ok_or(short)?;
            Item::Descriptors(Descriptors { tid, cursor, lengths, index: 0 })
        }
        None => Item::Other(Block { kind: frame.kind, body, offset: frame.offset }),
    })
}
