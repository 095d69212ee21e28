//! One event: a header of 26 bytes (22 in the first generation, which has no count), the lengths of its parameters,
//! the parameters. Borrowed from the block; nothing is copied.

use crate::block::Framing;
use crate::error::Damage;
use crate::schema::{self, EventType, Traits};

/// Flag of an event that is in the capture for what it changes, and is not to be shown.
pub const STATE_ONLY: u32 = 1;

/// Time, thread, length and type: what every generation has in its header.
const FIXED: usize = 22;

/// One event of a capture.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Nanoseconds since 1970.
    pub ts: u64,
    /// The thread that it is of.
    pub tid: i64,
    /// Its number in the schema; may be one that the schema does not know.
    pub number: u16,
    /// The processor where it happened.
    pub cpu: u16,
    /// [`STATE_ONLY`] and others.
    pub flags: u32,
    /// How many parameters are there.
    count: usize,
    /// Their lengths, two or four bytes each.
    lengths: &'a [u8],
    /// The parameters one after the other.
    data: &'a [u8],
    large: bool,
}

/// What stands before an event's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Nanoseconds since 1970.
    pub ts: u64,
    /// The thread that it is of.
    pub tid: i64,
    /// Its number in the schema.
    pub number: u16,
    /// The processor where it happened.
    pub cpu: u16,
}

impl<'a> Event<'a> {
    /// An event that happens now: `lengths` has two bytes for each of the parameters in `data`, four where its type
    /// says so.
    pub fn new(head: Head, lengths: &'a [u8], data: &'a [u8]) -> Self {
        let Head { ts, tid, number, cpu } = head;
        let large = schema::event_type(number).is_some_and(|kind| kind.traits.any(Traits::LARGE));
        let count = lengths.len() / if large { 4 } else { 2 };
        Event { ts, tid, number, cpu, flags: 0, count, lengths, data, large }
    }

    /// Takes the body of an event's block apart.
    #[inline]
    pub fn parse(body: &'a [u8], framing: Framing) -> Result<Self, Damage> {
        let short = Damage::Event { kind: 0 };
        let (cpu, body) = body.split_first_chunk().ok_or(short)?;
        let (flags, body) = match framing.flagged {
            true => body.split_first_chunk().map(|(flags, body)| (u32::from_le_bytes(*flags), body)).ok_or(short)?,
            false => (0, body),
        };
        let (fixed, body) = body.split_first_chunk::<FIXED>().ok_or(short)?;
        let [ts, tid] = [0, 8].map(|at| u64::from_le_bytes(part(fixed, at)));
        let (length, number) = (u32::from_le_bytes(part(fixed, 16)), u16::from_le_bytes(part(fixed, 20)));
        let (tid, cpu) = (tid as i64, u16::from_le_bytes(*cpu));
        let broken = Damage::Event { kind: number };
        // Padding, and what a broken length claims beyond the block, is not the event's.
        let within = |header: usize, body: &'a [u8]| &body[..(length as usize).saturating_sub(header).min(body.len())];
        if framing.counted {
            let (count, body) = body.split_first_chunk().ok_or(broken)?;
            let count = u32::from_le_bytes(*count) as usize;
            let large = schema::event_type(number).map_or(framing.large, |kind| kind.traits.any(Traits::LARGE));
            let lengths = count.checked_mul(if large { 4 } else { 2 }).ok_or(broken)?;
            let (lengths, data) = within(FIXED + 4, body).split_at_checked(lengths).ok_or(broken)?;
            return Ok(Event { ts, tid, number, cpu, flags, count, lengths, data, large });
        }
        let whole = first_generation(number, within(FIXED, body));
        let count = count_of(whole).ok_or(broken)?;
        let (lengths, data) = whole.split_at(count * 2);
        Ok(Event { ts, tid, number, cpu, flags, count, lengths, data, large: false })
    }

    /// Its row of the schema.
    pub fn kind(&self) -> Option<&'static EventType> {
        schema::event_type(self.number)
    }

    /// Bytes of lengths and parameters.
    pub fn size(&self) -> usize {
        self.lengths.len() + self.data.len()
    }

    /// The parameter called `name`, in whichever place its type has it.
    pub fn named(&self, name: &str) -> Option<&'a [u8]> {
        self.param(self.kind()?.position(name)?)
    }

    /// How many parameters the capture holds; may be fewer or more than the schema knows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The bytes of parameter `index`, if they are there.
    pub fn param(&self, index: usize) -> Option<&'a [u8]> {
        if index >= self.count {
            return None;
        }
        let mut start = 0usize;
        for before in 0..index {
            start = start.checked_add(self.length(before))?;
        }
        self.data.get(start..start.checked_add(self.length(index))?)
    }

    /// All parameters in order. Ends early where lengths lead out of the event.
    pub fn params(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (event, mut rest) = (*self, self.data);
        (0..self.count).map_while(move |index| {
            let (param, after) = rest.split_at_checked(event.length(index))?;
            rest = after;
            Some(param)
        })
    }

    fn length(&self, index: usize) -> usize {
        if self.large {
            self.lengths[index * 4..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
        } else {
            self.lengths[index * 2..].first_chunk().map_or(0, |bytes| usize::from(u16::from_le_bytes(*bytes)))
        }
    }
}

macro_rules! numbers {
    ($($name:ident)*) => {
        /// Parameters as numbers: nothing where the parameter is missing or too short.
        impl Event<'_> {
            $(
                #[doc = concat!("Parameter `index` as `", stringify!($name), "`.")]
                pub fn $name(&self, index: usize) -> Option<$name> {
                    self.param(index)?.first_chunk().map(|bytes| $name::from_le_bytes(*bytes))
                }
            )*
        }
    };
}

numbers!(i8 i16 i32 i64 u8 u16 u32 u64);

/// A copy of an event, in memory that is used again for the next.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    bytes: Vec<u8>,
    split: usize,
    ts: u64,
    tid: i64,
    number: u16,
    cpu: u16,
    count: usize,
    large: bool,
}

impl Kept {
    /// Takes the event's place.
    pub fn keep(&mut self, event: &Event<'_>) {
        self.bytes.clear();
        self.bytes.extend_from_slice(event.lengths);
        self.bytes.extend_from_slice(event.data);
        self.split = event.lengths.len();
        (self.ts, self.tid, self.number, self.cpu) = (event.ts, event.tid, event.number, event.cpu);
        (self.count, self.large) = (event.count, event.large);
    }

    /// The event that was kept last.
    pub fn event(&self) -> Event<'_> {
        let (lengths, data) = self.bytes.split_at(self.split);
        let Kept { ts, tid, number, cpu, count, large, .. } = *self;
        Event { ts, tid, number, cpu, flags: 0, count, lengths, data, large }
    }
}

/// Bytes of the header from `at` on.
#[inline]
fn part<const N: usize>(fixed: &[u8; FIXED], at: usize) -> [u8; N] {
    std::array::from_fn(|index| fixed[at + index])
}

/// Two types of the first generation claim three bytes too many.
fn first_generation(number: u16, whole: &[u8]) -> &[u8] {
    const TOO_LONG: [u16; 2] = [280, 286];
    if TOO_LONG.contains(&number) { &whole[..whole.len().saturating_sub(3)] } else { whole }
}

/// How many parameters there must be for lengths and data to fill `whole`. More parameters always need more bytes, so
/// there is at most one answer.
fn count_of(whole: &[u8]) -> Option<usize> {
    let (mut count, mut needed) = (0usize, 0usize);
    while needed < whole.len() {
        let length = whole.get(count * 2..count * 2 + 2)?;
        needed += 2 + usize::from(u16::from_le_bytes([length[0], length[1]]));
        count += 1;
    }
    (needed == whole.len()).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_generation_is_counted_by_its_lengths() {
        assert_eq!(count_of(&[]), Some(0));
        assert_eq!(count_of(&[2, 0, 7, 7]), Some(1));
        assert_eq!(count_of(&[1, 0, 2, 0, 7, 8, 8]), Some(2));
        assert_eq!(count_of(&[0, 0, 0, 0]), Some(2));
        assert_eq!(count_of(&[1, 0, 7, 7]), None);
        assert_eq!(count_of(&[9]), None);
    }
}
