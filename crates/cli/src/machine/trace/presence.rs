//! Whether anything is left of what is looked at, asked now and then: who looks at a container ends with it.

use std::time::{Duration, Instant};

use fathom_kernel::Scope;

use super::eyes::Eyes;
use crate::printer;

/// So often it is asked: a look at all tasks of the machine.
const EVERY: Duration = Duration::from_millis(500);

/// What is looked at, if it can end.
#[derive(Debug)]
pub(super) struct Presence {
    title: Option<String>,
    asked: Instant,
    /// Whether nothing was left the last time. What ends has all of its last events told by the next.
    gone: bool,
}

impl Presence {
    /// Of what is called so. A machine does not end, and a command says so itself.
    pub(super) fn of(title: Option<String>, scope: &Scope) -> Presence {
        let title = title.filter(|_| *scope != Scope::Machine);
        Presence { title, asked: Instant::now(), gone: false }
    }

    /// Whether all of it has ended; that is said.
    pub(super) fn has_ended(&mut self, eyes: &mut Eyes) -> bool {
        let Some(title) = self.title.as_ref().filter(|_| self.asked.elapsed() >= EVERY) else { return false };
        self.asked = Instant::now();
        let is_gone = eyes.see_nobody();
        if !std::mem::replace(&mut self.gone, is_gone) || !is_gone {
            return false;
        }
        printer::notice(&format!("nothing of {title} runs any more"));
        true
    }
}
