//! Events that happen now: what the kernel tells becomes events as recordings have them, for the same engine.
//!
//! Programs are attached first, then [`Tables`] are taken, then events are handed on: nothing falls between. What the
//! kernel leaves open, because only the state knows it, `compose` fills in.

mod cgroups;
mod compose;
mod processors;
mod tables;
mod totals;
pub mod wanted;

use fathom_kernel::tally::Drained;
use fathom_kernel::{Event, What};

pub use tables::Tables;

use crate::replay::{Flow, Replay, Watcher};
use crate::state::Exec;
use compose::Composer;
use totals::Totals;

/// Whether processor times are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Processors {
    Ignored,
    Told,
}

/// The engine, fed by the kernel.
pub struct Live {
    /// What keeps the state and asks the filter.
    pub replay: Replay,
    composer: Composer,
    /// A thread that is not yet what it is looked at for.
    unborn: Option<u32>,
    /// A thread that was not yet that when we came.
    held: Option<u32>,
    /// Whether processor times are asked for.
    processors: Processors,
    /// What is counted beside events, if anything is.
    totals: Option<Totals>,
}

impl Live {
    /// Begins with what there is.
    pub fn new(mut replay: Replay, tables: &Tables) -> Self {
        // Of this machine it is known which descriptors end.
        replay.state.exec = Exec::Closes;
        tables.load(&mut replay);
        let mut composer = Composer::default();
        tables.shared_cgroups().for_each(|(number, list)| composer.cgroups.learn(number, list));
        Live { replay, composer, unborn: None, held: None, processors: Processors::Ignored, totals: None }
    }

    /// More is looked at from now on: what there is is known anew.
    pub fn look_wider(&mut self, tables: &Tables) {
        tables.load(&mut self.replay);
        tables.shared_cgroups().for_each(|(number, list)| self.composer.cgroups.learn(number, list));
        self.replay.state.finish_loading();
    }

    /// Nothing of thread `tid` counts before it executes a program: until then it is a copy of whoever started it.
    pub fn begin_with_exec(&mut self, tid: u32) {
        (self.unborn, self.held) = (Some(tid), Some(tid));
        let threads = &mut self.replay.state.threads;
        if let Some(place) = threads.find_quietly(tid.into()) {
            // It has used nothing yet.
            threads[place].cpu.iter_mut().for_each(|usage| usage.told = true);
        }
    }

    /// From now on, [`Live::counted`] has totals beside events.
    pub fn wait_for_totals(&mut self) {
        self.totals = Some(Totals::without(self.held));
    }

    /// What was counted: told once all that happened before is.
    pub fn counted(&mut self, drained: Drained) {
        if let Some(totals) = &mut self.totals {
            totals.wait(drained);
        }
    }

    /// Nothing is left to be told of what happened before `time`: totals of that are handed on.
    pub fn settle(&mut self, time: u64, each: &mut impl Watcher) -> Flow {
        match &mut self.totals {
            Some(totals) if totals.are_due(time) => totals.tell(time, &mut self.composer, &mut self.replay, each),
            _ => Flow::On,
        }
    }

    /// Whether a thread still has to become what it is looked at for.
    fn is_unborn(&mut self, event: &Event<'_>) -> bool {
        let executes = match &event.what {
            What::Enter(call) => call.name().is_some_and(|name| name.starts_with("execve")),
            What::Exec(_) => true,
            _ => false,
        };
        if executes {
            self.unborn = None;
        }
        !executes
    }

    /// Something happened: the events that recordings have of it are handed on, if they are asked for.
    #[inline]
    pub fn event(&mut self, event: &Event<'_>, each: &mut impl Watcher) -> Flow {
        if self.unborn == Some(event.tid) && self.is_unborn(event) {
            return Flow::On;
        }
        if self.totals.is_some() {
            let flow = self.settle(event.time, each);
            if let Some(totals) = &mut self.totals {
                totals.follow(event, &mut self.replay);
            }
            if flow == Flow::Enough {
                return flow;
            }
        }
        if let What::Exec(program) = &event.what {
            if let Some(task) = &program.task {
                self.composer.cgroups.executes(event.pid, task.cgroups);
            }
            if program.old_tid != event.tid {
                self.replay.state.take_over(program.old_tid.into(), event.tid.into());
            }
        }
        if let What::End { used, .. } = event.what
            && self.processors == Processors::Told
            && used != [0; 2]
            && processors::tell_last(&mut self.replay, event.time, event.tid.into(), used, each) == Flow::Enough
        {
            return Flow::Enough;
        }
        match self.composer.compose(event, &self.replay.state) {
            Some(event) => self.replay.event(&event, each),
            None => Flow::On,
        }
    }

    /// Tells how much threads used of processors up to `time`: once a second, where a view asks for it. From then on those
    /// that end tell it too.
    pub fn processors(&mut self, time: u64, each: &mut impl Watcher) -> Flow {
        self.processors = Processors::Told;
        let flow = processors::tell(&mut self.replay, time, each);
        each.told_use(time);
        flow
    }
}
