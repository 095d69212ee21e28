//! How much of the streams may be under way in each direction, so that neither side ever has to stop listening.
//!
//! Who sends bytes of a stream has an [`Allowance`], which shrinks by them. Who has handed them on (to a command, a
//! terminal, a pipe) says so with [`Word::Room`], and the allowance grows again. Whatever was sent can therefore be
//! taken off the carrier at once and kept: words, signs of life among them, are never stuck behind bytes that nobody
//! reads.

use crate::Word;

/// What may be under way in one direction, and what a side has to be able to keep for the other.
pub const WINDOW: usize = 2 << 20;

/// What a side may still send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance(usize);

impl Default for Allowance {
    fn default() -> Self {
        Allowance(WINDOW)
    }
}

impl Allowance {
    /// How much may be sent now.
    pub fn left(&self) -> usize {
        self.0
    }

    /// So much is sent.
    pub fn spend(&mut self, count: usize) {
        self.0 = self.0.saturating_sub(count);
    }

    /// The other side has room for more. It never has more than it said at first.
    pub fn grow(&mut self, room: u32) {
        self.0 = self.0.saturating_add(room as usize).min(WINDOW);
    }
}

/// What a side has handed on and has not said yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed(usize);

impl Passed {
    /// So much was handed on; sometimes that is worth a word.
    pub fn add(&mut self, count: usize) -> Option<Word> {
        self.0 += count;
        if self.0 < WINDOW / 8 {
            return None;
        }
        let room = u32::try_from(std::mem::take(&mut self.0)).unwrap_or(u32::MAX);
        Some(Word::Room(room))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the pieces are, a sender comes to its end, and no more than the window is ever under way.
        #[test]
        fn everything_arrives_and_nothing_overflows(pieces in prop::collection::vec(1_usize..300_000, 1..80)) {
            let (mut allowance, mut passed, mut under_way) = (Allowance::default(), Passed::default(), 0);
            for piece in pieces {
                let mut rest = piece;
                while rest > 0 {
                    let count = rest.min(allowance.left());
                    allowance.spend(count);
                    (rest, under_way) = (rest - count, under_way + count);
                    prop_assert!(under_way <= WINDOW);
                    if count == 0 {
                        // Only who has to wait is answered, which is the hardest case.
                        prop_assert!(under_way > 0, "both wait for each other");
                        if let Some(Word::Room(room)) = passed.add(under_way) {
                            allowance.grow(room);
                        }
                        under_way = 0;
                    }
                }
            }
        }
    }
}
