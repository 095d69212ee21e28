//! What can be wrong with a capture, and what was passed over because of it.

use fathom_model::Hint;

/// Why a capture cannot be read (any further).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not begin as one.
    #[error("this is no capture: it begins with {begin}")]
    NoCapture {
        /// The first bytes, readable.
        begin: String,
    },
    /// Written on a machine of the other byte order.
    #[error("the capture was written on a big-endian machine, which cannot be read")]
    ByteOrder,
    /// A format that did not exist when this program was built.
    #[error("the capture is of version {major} of the format, and this program knows version 1")]
    Version {
        /// What it says it is.
        major: u16,
    },
    /// Something in it contradicts itself.
    #[error("the capture is damaged at byte {offset}: {damage}")]
    Damaged {
        /// Where, in the unpacked capture.
        offset: u64,
        /// How.
        damage: Damage,
    },
    /// The system did not give us the bytes.
    #[error("cannot read the capture at byte {offset}")]
    Read {
        /// Where, in the unpacked capture.
        offset: u64,
        /// Why.
        source: std::io::Error,
    },
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Error::NoCapture { .. } => "give a .scap file as sysdig, csysdig or `fathom trace -w` write it",
            Error::ByteOrder => "open it on the machine that wrote it",
            Error::Version { .. } => "update this program",
            Error::Damaged { .. } | Error::Read { .. } => return None,
        };
        Some(text.to_owned())
    }
}

/// One contradiction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The capture ends inside a block.
    #[error("it ends in the middle of a block of {length} bytes, of which {there} are there")]
    Truncated {
        /// The length that the block claims.
        length: u64,
        /// How much of it is there.
        there: u64,
    },
    /// It is packed, and ends before the packing does.
    #[error("it is packed and has no end: it was cut off, or whoever wrote it was stopped")]
    Endless,
    /// A block's two lengths differ.
    #[error("a block of {header} bytes says at its end that it has {trailer}")]
    Trailer {
        /// The length before the body.
        header: u32,
        /// The length after it.
        trailer: u32,
    },
    /// A block is too short for what it is, or longer than any can be.
    #[error("a block of type {kind:#x} cannot be {length} bytes long")]
    Length {
        /// Its type.
        kind: u32,
        /// Its length.
        length: u32,
    },
    /// An entry of a list ends behind the list.
    #[error("entry {index} of a list of {what} is broken")]
    Entry {
        /// What the list holds.
        what: &'static str,
        /// How many entries before it were sound.
        index: usize,
    },
    /// The lengths of an event's parameters do not add up.
    #[error("the parameters of an event of type {kind} do not add up to its length")]
    Event {
        /// The event's type.
        kind: u16,
    },
}

/// What was passed over in a damaged capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Where it begins, in the unpacked capture.
    pub offset: u64,
    /// How many bytes were passed over.
    pub length: u64,
    /// Why.
    pub damage: Damage,
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Gap { offset, length, damage } = self;
        match length {
            0 => write!(f, "the capture ends at byte {offset}: {damage}"),
            1 => write!(f, "a byte at byte {offset} of the capture was passed over: {damage}"),
            _ => write!(f, "{length} bytes at byte {offset} of the capture were passed over: {damage}"),
        }
    }
}
