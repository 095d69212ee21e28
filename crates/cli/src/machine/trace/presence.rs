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
    after: After,
    asked: Instant,
    /// Whether nothing was left the last time. What ends has all of its last events told by the next.
    gone: bool,
}

/// What is to be done when all of it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing more: it was what the user has named.
    End,
    /// A filter asks for it, which asks for whoever is called so next too.
    Widen,
}

impl Presence {
    /// Of what the user has named. A machine does not end, and a command says so itself.
    pub(super) fn of(title: Option<String>, scope: &Scope) -> Presence {
        let title = title.filter(|_| *scope != Scope::Machine);
        Presence { title, after: After::End, asked: Instant::now(), gone: false }
    }

    /// Of what a filter has named.
    pub(super) fn of_filter(title: String) -> Presence {
        Presence { title: Some(title), after: After::Widen, asked: Instant::now(), gone: false }
    }

    /// Whether all of it has ended, and what is to be done then; that is said, once.
    pub(super) fn has_ended(&mut self, eyes: &mut Eyes) -> Option<After> {
        let title = self.title.as_ref().filter(|_| self.asked.elapsed() >= EVERY)?;
        self.asked = Instant::now();
        let is_gone = eyes.see_nobody();
        if !std::mem::replace(&mut self.gone, is_gone) || !is_gone {
            return None;
        }
        match self.after {
            After::End => printer::notice(&format!("nothing of {title} runs any more")),
            After::Widen => printer::notice(&format!(
                "nothing of {title} runs any more: the whole machine is looked at, for whoever the filter lets pass next"
            )),
        }
        self.title = None;
        Some(self.after)
    }
}
