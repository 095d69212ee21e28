//! Who listens while something is done on this machine: what is said goes to stderr, as lines or as a bar.

use fathom_agent::Listener;
use fathom_toolkit::Progress;

use super::output::progress::Bar;
use crate::printer;

/// Hears what happens on this machine, and shows it.
#[derive(Default)]
pub(crate) struct Listening {
    bar: Option<Bar>,
}

impl Listener for Listening {
    fn notice(&mut self, text: &str) {
        printer::notice(text);
    }

    fn progress(&mut self, progress: &Progress) {
        self.bar.get_or_insert_with(Bar::new).show(progress);
    }
}
