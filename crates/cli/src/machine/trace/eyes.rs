//! Who tells what happens: the programs in the kernel or, of a command, the stops at both ends of its calls.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use fathom_kernel::tally::Drained;
use fathom_kernel::{Error, Event, Loss, Progress, Source, Stepper};

/// So many steps before anything else is looked after.
const STEPS: usize = 256;
/// How long nothing need be looked after while a command is stepped through: its stops are heard.
const PATIENCE: Duration = Duration::from_millis(50);

/// Where events come from.
#[derive(Debug)]
pub(super) enum Eyes {
    /// The kernel tells of everything, or of a command that was started.
    Kernel(Box<Source>, Option<Child>),
    /// The command stops.
    Steps(Box<Stepper>),
}

/// What is left when nobody looks any more.
#[derive(Debug)]
pub(super) struct Rest {
    /// What is missing.
    pub(super) loss: Loss,
    /// The command, if it goes on.
    pub(super) command: Option<Child>,
    /// How it has ended, if it has.
    pub(super) status: Option<ExitStatus>,
}

impl Eyes {
    /// Hands out what has happened; how many events that were.
    pub(super) fn poll(&mut self, deliver: &mut dyn FnMut(Event<'_>)) -> u64 {
        match self {
            Eyes::Kernel(source, _) => source.poll(deliver),
            Eyes::Steps(stepper) => {
                let stepped = |_: &usize| stepper.poll(deliver) == Progress::Stepped;
                (0..STEPS).take_while(stepped).count() as u64
            }
        }
    }

    /// Whether calls are counted beside what is told.
    pub(super) fn count(&self) -> bool {
        matches!(self, Eyes::Kernel(source, _) if source.counts())
    }

    /// What was counted since the last time.
    pub(super) fn counted(&mut self) -> Result<Drained, Error> {
        match self {
            Eyes::Kernel(source, _) => source.counted(),
            Eyes::Steps(_) => Ok(Drained::default()),
        }
    }

    /// Looks at nothing any more; what happened can still be asked for.
    pub(super) fn close(&mut self) {
        if let Eyes::Kernel(source, _) = self {
            source.detach();
        }
    }

    /// How long to wait before the next look.
    pub(super) fn pause(&self) -> Duration {
        match self {
            Eyes::Kernel(source, _) => source.pause(),
            Eyes::Steps(_) => PATIENCE,
        }
    }

    /// The process of the command.
    pub(super) fn command(&self) -> Option<u32> {
        match self {
            Eyes::Kernel(_, child) => child.as_ref().map(Child::id),
            Eyes::Steps(stepper) => Some(stepper.id()),
        }
    }

    /// Whether nothing is left to look at.
    pub(super) fn see_nobody(&mut self) -> bool {
        match self {
            // Where that cannot be found out, one goes on.
            Eyes::Kernel(source, _) => source.left().is_ok_and(|left| left == 0),
            Eyes::Steps(_) => false,
        }
    }

    /// How the command has ended, if it has.
    pub(super) fn ending(&mut self) -> io::Result<Option<ExitStatus>> {
        match self {
            Eyes::Kernel(_, child) => child.as_mut().map_or(Ok(None), Child::try_wait),
            Eyes::Steps(stepper) => Ok(stepper.ending().map(ExitStatus::from_raw)),
        }
    }

    /// Looks no longer, and hands out what is left.
    ///
    /// # Errors
    /// Where the command could not be started; who is told of by its steps is known of only now.
    pub(super) fn finish(mut self, deliver: &mut dyn FnMut(Event<'_>)) -> io::Result<Rest> {
        let status = self.ending()?;
        let (loss, command) = match self {
            Eyes::Kernel(source, child) => (source.finish(deliver), child),
            Eyes::Steps(stepper) => (stepper.loss(), Some(stepper.finish()?)),
        };
        Ok(Rest { loss, command: command.filter(|_| status.is_none()), status })
    }
}
