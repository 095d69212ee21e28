//! Blocks: `u32` type, `u32` length of the whole, body padded to four bytes, the length again. What the numbers of the
//! types are; nothing here looks into a body.

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A section begins: byte order and version.
    Section,
    /// The machine.
    Machine,
    /// Its network interfaces; entries begin with their length or not.
    Interfaces(Lengths),
    /// Users and groups.
    Users(Lengths),
    /// Processes, in one of nine generations.
    Processes(u8),
    /// The descriptors of one thread.
    Descriptors(Lengths),
    /// One event.
    Event(Framing),
}

/// Whether entries of a list begin with their length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// The first generation: they do not.
    Without,
    /// The second: they do, so that they can grow.
    With,
}

/// How an event lies in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// The header has a count of parameters.
    pub counted: bool,
    /// 32 bits of flags stand before the header.
    pub flagged: bool,
    /// Lengths of parameters have 32 bits.
    pub large: bool,
}

const fn event(counted: bool, flagged: bool, large: bool) -> Content {
    Content::Event(Framing { counted, flagged, large })
}

/// Type of a section's first block; also what a capture begins with.
pub const SECTION: u32 = 0x0A0D_0D0A;

/// Types of blocks, those first of which nearly all of a capture consists. Those with the highest bit are of recorders
/// before the format was published.
const TYPES: &[(u32, Content)] = &[
    (0x216, event(true, false, false)),
    (0x217, event(true, true, false)),
    (0x208, event(false, true, false)),
    (0x204, event(false, false, false)),
    (0x8010_ABCD, event(false, false, false)),
    (0x221, event(true, false, true)),
    (0x222, event(true, true, true)),
    (SECTION, Content::Section),
    (0x201, Content::Machine),
    (0x8002_ABCD, Content::Machine),
    (0x205, Content::Interfaces(Lengths::Without)),
    (0x8011_ABCD, Content::Interfaces(Lengths::Without)),
    (0x219, Content::Interfaces(Lengths::With)),
    (0x206, Content::Users(Lengths::Without)),
    (0x8012_ABCD, Content::Users(Lengths::Without)),
    (0x220, Content::Users(Lengths::With)),
    (0x202, Content::Processes(1)),
    (0x8000_ABCD, Content::Processes(1)),
    (0x207, Content::Processes(2)),
    (0x8013_ABCD, Content::Processes(2)),
    (0x209, Content::Processes(3)),
    (0x8014_ABCD, Content::Processes(3)),
    (0x210, Content::Processes(4)),
    (0x211, Content::Processes(5)),
    (0x212, Content::Processes(6)),
    (0x213, Content::Processes(7)),
    (0x214, Content::Processes(8)),
    (0x215, Content::Processes(9)),
    (0x203, Content::Descriptors(Lengths::Without)),
    (0x8001_ABCD, Content::Descriptors(Lengths::Without)),
    (0x218, Content::Descriptors(Lengths::With)),
];

/// What a block of this type holds; unknown ones are passed over by every reader.
#[inline]
pub fn content(kind: u32) -> Option<Content> {
    TYPES.iter().find(|(number, _)| *number == kind).map(|(_, content)| *content)
}

/// One block as it lies in the capture.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// Its type.
    pub kind: u32,
    /// What is between header and trailer, padding included.
    pub body: &'a [u8],
    /// Where it begins, in bytes from the start of the (unpacked) capture.
    pub offset: u64,
}
