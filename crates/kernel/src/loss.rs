//! What was sent and what found no room: exact, for each processor and kind.

use crate::record::Kind;
use crate::sys::Shared;
use crate::tally::Sum;

/// Numbers of one processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Records that went into the ring, by [`Kind`].
    pub sent: [u64; 8],
    /// Records that found it full.
    pub lost: [u64; 8],
}

/// Numbers of all processors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loss {
    /// By processor.
    pub processors: Vec<Tally>,
    /// Calls of 32-bit programs, which are told without names.
    pub compat: u64,
    /// Requests that went to io_uring: work that no system call shows.
    pub uring: u64,
    /// Threads whose calls cannot be shown before they return, because there were too many at once.
    pub unslotted: u64,
    /// The highest slot so far.
    pub(crate) high: u64,
    /// Of calls that found no room among the totals, by whose turn it was.
    pub(crate) rest: [Sum; 2],
}

impl Loss {
    /// Reads `struct tally` of each processor.
    pub(crate) fn read(tallies: &Shared, bytes: usize) -> Loss {
        let mut loss = Loss::default();
        for start in (0..tallies.bytes() / bytes).map(|cpu| cpu * bytes) {
            let word = |index: usize| tallies.load(start + index * 8);
            loss.processors
                .push(Tally { sent: std::array::from_fn(word), lost: std::array::from_fn(|kind| word(8 + kind)) });
            loss.compat += word(16);
            loss.uring += word(17);
            loss.unslotted += word(18);
            loss.high = loss.high.max(word(19));
            for (rest, at) in loss.rest.iter_mut().zip([20, 24]) {
                *rest += Sum { count: word(at), bytes: word(at + 1), time: word(at + 2), errors: word(at + 3) };
            }
        }
        loss
    }

    /// Together with what another source, that looked before or after, has sent and lost.
    #[must_use]
    pub fn and(mut self, other: &Loss) -> Loss {
        self.processors.resize(self.processors.len().max(other.processors.len()), Tally::default());
        for (tally, other) in self.processors.iter_mut().zip(&other.processors) {
            tally.sent.iter_mut().zip(other.sent).for_each(|(sum, more)| *sum += more);
            tally.lost.iter_mut().zip(other.lost).for_each(|(sum, more)| *sum += more);
        }
        self.compat += other.compat;
        self.uring += other.uring;
        self.unslotted += other.unslotted;
        self
    }

    /// Records of this kind that were sent.
    pub fn sent(&self, kind: Kind) -> u64 {
        self.processors.iter().map(|tally| tally.sent[kind as usize]).sum()
    }

    /// Records of this kind that are missing.
    pub fn lost(&self, kind: Kind) -> u64 {
        self.processors.iter().map(|tally| tally.lost[kind as usize]).sum()
    }

    /// Records of any kind that are missing.
    pub fn total(&self) -> u64 {
        Kind::ALL.iter().map(|kind| self.lost(*kind)).sum()
    }
}
