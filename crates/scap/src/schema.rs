//! What an event's number, parameters and bits mean. The tables are [`events`], [`names`] and [`syscalls`]; reading,
//! printing, filtering and writing all go through them, so an event type is a row and nothing else.
//!
//! Numbers, names and orders are those of the capture format itself (driver API 10, schema 4.5, and for the types up
//! to 335 those of sysdig 0.29.3, whose text we equal). The format only ever appends parameters, so this one table
//! and the count in an event's header decode every generation.

pub mod events;
pub mod names;
pub mod number;
pub mod syscalls;

pub use events::EVENTS;

/// How a parameter is laid out, and how it is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "integers of the width that they name")]
pub enum Kind {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    /// Printable, ends with a NUL.
    Text,
    /// Raw bytes.
    Bytes,
    /// `i64`: a result; below zero an error of the system.
    Errno,
    /// One byte of family, then an address.
    SockAddr,
    /// One byte of family, then source and destination.
    SockTuple,
    /// `i64`: a descriptor.
    Fd,
    /// `i64`: a process or thread.
    Pid,
    /// `u16` count, then descriptor (`i64`) and flags (`i16`) of each.
    FdList,
    /// A path, ends with a NUL; relative to the working folder.
    Path,
    /// `u16`: a row of [`syscalls`].
    Syscall,
    /// `u8`: a signal.
    Signal,
    /// `u64` nanoseconds.
    RelTime,
    /// `u64` nanoseconds since 1970.
    AbsTime,
    /// `u16`: a port in host order.
    Port,
    /// One byte that says which of several kinds follows.
    Dynamic,
    /// Bits with names.
    Flags8,
    Flags16,
    Flags32,
    /// Values with names.
    Enum8,
    Enum16,
    Enum32,
    /// `u32`: a user; all ones is nobody.
    Uid,
    /// `u32`: a group; all ones is nobody.
    Gid,
    /// `u32`: the lower 32 signals as bits.
    SigSet,
    /// A list of texts, in memory only.
    Tags,
    /// A list of pairs of texts, in memory only.
    TagPairs,
    /// `u32`: permission bits.
    Mode,
    /// A path relative to the descriptor in another parameter.
    RelPath,
    /// `i32`: a descriptor.
    Fd32,
    /// `i32`: a process or thread.
    Pid32,
    /// An IPv4 address.
    Address4,
    /// An IPv6 address.
    Address6,
}

/// In which base a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Ten.
    Decimal,
    /// Sixteen, upper case, no prefix.
    Hex,
    /// Eight, with a leading zero.
    Octal,
}

/// What else is to be known of a parameter.
#[derive(Debug, Clone, Copy)]
pub enum Meaning {
    /// Nothing.
    Plain,
    /// Names of its bits or values, in the order in which they are printed.
    Names(&'static [(&'static str, u32)]),
    /// The parameter that holds the descriptor which the path is relative to.
    Within(usize),
    /// What a [`Kind::Dynamic`] can be, by its first byte.
    OneOf(&'static [(Kind, Base)]),
}

/// One parameter of an event.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name, as in `evt.arg.NAME`.
    pub name: &'static str,
    /// Its layout.
    pub kind: Kind,
    /// How it is written.
    pub base: Base,
    /// Names, reference or alternatives.
    pub meaning: Meaning,
}

/// What a system call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum Category {
    Unknown,
    Other,
    File,
    Net,
    Ipc,
    Memory,
    Process,
    Sleep,
    System,
    Signal,
    User,
    Time,
    Processing,
    /// Reads through a descriptor of any kind.
    Read,
    /// Writes through a descriptor of any kind.
    Write,
    /// Works on a descriptor of any kind, and neither reads nor writes.
    Io,
    Wait,
    Scheduler,
    /// Of the recorder itself; not shown.
    Internal,
}

impl Category {
    /// Whether the descriptor decides what it is about.
    pub fn is_io(self) -> bool {
        matches!(self, Category::Read | Category::Write | Category::Io)
    }
}

/// What an event does, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits(pub u16);

impl Traits {
    /// A new descriptor comes of it.
    pub const CREATES_FD: Traits = Traits(1);
    /// A descriptor ends with it.
    pub const DESTROYS_FD: Traits = Traits(1 << 1);
    /// Its first parameter is a descriptor (on the way in), or belongs to one (on the way out).
    pub const USES_FD: Traits = Traits(1 << 2);
    /// It reads data.
    pub const READS: Traits = Traits(1 << 3);
    /// It writes data.
    pub const WRITES: Traits = Traits(1 << 4);
    /// It changes what later events mean, so no filter may keep it from being followed.
    pub const STATE: Traits = Traits(1 << 5);
    /// Nobody writes it.
    pub const UNUSED: Traits = Traits(1 << 6);
    /// Its thread waits.
    pub const WAITS: Traits = Traits(1 << 7);
    /// It stands beside the thread's calls and is none of them.
    pub const ASIDE: Traits = Traits(1 << 8);
    /// A newer type has taken its place.
    pub const OLD: Traits = Traits(1 << 9);
    /// Lengths of its parameters take 32 bits.
    pub const LARGE: Traits = Traits(1 << 11);

    /// Whether any of `others` is among them.
    pub const fn any(self, others: Traits) -> bool {
        self.0 & others.0 != 0
    }

    /// Both.
    #[must_use]
    pub const fn and(self, other: Traits) -> Traits {
        Traits(self.0 | other.0)
    }
}

/// One event type: even numbers are on the way into a call, odd ones on the way out.
#[derive(Debug, Clone, Copy)]
pub struct EventType {
    /// Its number in captures.
    pub number: u16,
    /// The name of the call.
    pub name: &'static str,
    /// What it is about.
    pub category: Category,
    /// What it does.
    pub traits: Traits,
    /// Its parameters in order; captures may hold fewer.
    pub params: &'static [Param],
}

impl EventType {
    /// Whether it is on the way into the call.
    pub const fn is_enter(&self) -> bool {
        self.number & 1 == 0
    }

    /// Where the parameter called `name` stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|param| param.name == name)
    }
}

/// The type with this number, if it is a known one.
pub fn event_type(number: u16) -> Option<&'static EventType> {
    EVENTS.get(usize::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_where_their_numbers_say() {
        for (index, row) in EVENTS.iter().enumerate() {
            assert_eq!(index, usize::from(row.number), "{}", row.name);
        }
    }

    #[test]
    fn what_uses_a_descriptor_has_one_first_on_the_way_in() {
        for row in EVENTS.iter().filter(|row| row.is_enter() && row.traits.any(Traits::USES_FD)) {
            // mmap of newer recorders, and calls of which nothing was kept, have none.
            let Some(first) = row.params.first() else { continue };
            assert!(matches!(first.kind, Kind::Fd | Kind::U64), "{} {}", row.number, row.name);
        }
    }

    #[test]
    fn relative_paths_refer_to_a_descriptor() {
        for row in EVENTS {
            for param in row.params {
                if let Meaning::Within(index) = param.meaning {
                    // Two rows of the format name a wrong parameter; both are kept, because text depends on them.
                    let sound = row.params.get(index).is_some_and(|other| other.kind == Kind::Fd);
                    assert!(sound || [326].contains(&row.number), "{} {} {}", row.number, row.name, param.name);
                }
            }
        }
    }

    #[test]
    fn names_are_there_for_what_has_names() {
        for param in EVENTS.iter().flat_map(|row| row.params) {
            let named = matches!(param.kind, Kind::Enum8 | Kind::Enum16 | Kind::Enum32);
            assert!(!named || matches!(param.meaning, Meaning::Names(_)), "{}", param.name);
        }
    }
}
