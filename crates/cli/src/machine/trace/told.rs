//! What is said on stderr once all events are shown: what was lost, and what no event shows.

use fathom_kernel::Loss;
use fathom_kernel::record::Kind;

use crate::printer;

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stats {
    /// What is missing.
    Losses,
    /// What was there, too.
    All,
}

/// Says what is missing, exactly; if `stats` are asked for, also what was there.
pub(super) fn losses(loss: &Loss, stats: Stats) {
    for (cpu, tally) in loss.processors.iter().enumerate() {
        for kind in Kind::ALL {
            let (sent, lost) = (tally.sent[kind as usize], tally.lost[kind as usize]);
            if lost > 0 || (stats == Stats::All && sent > 0) {
                printer::notice(&format!("processor {cpu}: {} {}, of which {lost} are lost", sent + lost, kind.word()));
            }
        }
    }
    if loss.compat > 0 {
        printer::notice(&format!("{} calls of 32-bit programs are shown without their names", loss.compat));
    }
    if loss.uring > 0 {
        printer::notice(&format!("{} requests went through io_uring, which no system call shows", loss.uring));
    }
    if loss.unslotted > 0 {
        let text = format!("{} threads were too many to show their calls before they return", loss.unslotted);
        printer::notice(&text);
    }
}
