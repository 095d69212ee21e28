//! Views that only add up: the kernel counts, is asked once a second, and what has no place in a table is said at the end.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fathom_kernel::tally::Drained;
use fathom_model::Failure;
use fathom_trace::Live;
use fathom_trace::lines::Page;

use super::eyes::Eyes;
use crate::printer;

/// What is counted, if anything is.
#[derive(Debug)]
pub(super) struct Adding {
    /// The second in which it was asked for last.
    asked: Option<u64>,
    /// Calls that are in no row.
    rest: u64,
}

impl Adding {
    /// Whoever shows totals is told that they come.
    pub(super) fn begin(eyes: &Eyes, live: &mut Live, page: &mut Page<'_>) -> Adding {
        let counts = eyes.count();
        if counts {
            live.wait_for_totals();
            page.wait_for_totals(now().as_nanos() as u64);
        }
        Adding { asked: counts.then(|| now().as_secs()), rest: 0 }
    }

    /// Asks, if a second is over.
    pub(super) fn go_on(&mut self, eyes: &mut Eyes, live: &mut Live) -> Result<(), Failure> {
        if self.asked.is_none() {
            return Ok(());
        }
        let second = Some(now().as_secs());
        if self.asked != second {
            self.asked = second;
            self.take(eyes.counted()?, live);
        }
        Ok(())
    }

    /// Asks for the last time: nothing is looked at any more.
    pub(super) fn finish(&mut self, eyes: &mut Eyes, live: &mut Live) -> Result<(), Failure> {
        if self.asked.is_some() {
            eyes.close();
            self.take(eyes.counted()?, live);
        }
        Ok(())
    }

    fn take(&mut self, drained: Drained, live: &mut Live) {
        self.rest += drained.rest.count;
        live.counted(drained);
    }

    /// Says how many calls are in no row.
    pub(super) fn tell_of_the_rest(&self) {
        if self.rest > 0 {
            let text = format!("{} calls are in no row: there were too many threads to tell them apart", self.rest);
            printer::notice(&text);
        }
    }
}

/// Since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
