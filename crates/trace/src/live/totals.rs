//! What calls added up to in the kernel, told as so many events that are like one another: of each total one event of
//! either end is made, and whoever watches adds it as often as it was.
//!
//! A total is of a thread and the program that it was. By the time it is told, the thread may be another program, or
//! gone: what it was is kept until then.

use std::collections::VecDeque;

use fathom_kernel::event::{Call, Returned};
use fathom_kernel::record::Memory;
use fathom_kernel::tally::{Drained, Key, Sum};
use fathom_kernel::{Event, What};
use rustc_hash::FxHashMap;

use super::compose::Composer;
use crate::moment::Amount;
use crate::replay::{Flow, Replay, Watcher};
use crate::state::Thread;

/// Sums that wait for the events before them, and what threads were.
#[derive(Debug, Default)]
pub(super) struct Totals {
    waiting: VecDeque<Drained>,
    /// Until when sums were told.
    before: u64,
    /// A thread of which nothing counts before it executes a program.
    held: Option<u32>,
    /// How many programs a process has executed since it is looked at.
    programs: FxHashMap<u32, u16>,
    /// Threads, by how many programs they had executed then, and until when.
    were: FxHashMap<(u32, u16), (Thread, u64)>,
}

impl Totals {
    /// Without what `held` did before it executed a program.
    pub(super) fn without(held: Option<u32>) -> Self {
        Totals { held, ..Totals::default() }
    }

    pub(super) fn wait(&mut self, drained: Drained) {
        self.waiting.push_back(drained);
    }

    /// Whether sums up to a moment before `time` wait.
    #[inline]
    pub(super) fn are_due(&self, time: u64) -> bool {
        self.waiting.front().is_some_and(|drained| drained.time <= time)
    }

    /// Keeps what threads are that are about to be something else.
    pub(super) fn follow(&mut self, event: &Event<'_>, replay: &mut Replay) {
        match &event.what {
            What::Fork { pid, .. } if *pid != event.pid => {
                self.programs.remove(pid);
            }
            What::Exec(program) => {
                self.keep(event, event.tid, replay);
                if program.old_tid != event.tid {
                    self.keep(event, program.old_tid, replay);
                }
                let count = self.programs.entry(event.pid).or_default();
                *count = count.wrapping_add(1);
            }
            What::End { .. } => self.keep(event, event.tid, replay),
            _ => {}
        }
    }

    fn keep(&mut self, event: &Event<'_>, tid: u32, replay: &mut Replay) {
        let programs = self.programs.get(&event.pid).copied().unwrap_or_default();
        let Some(place) = replay.state.threads.find_quietly(tid.into()) else { return };
        self.were.insert((tid, programs), (replay.state.threads[place].portrait(), event.time));
    }

    /// Tells what added up before `time`.
    pub(super) fn tell(
        &mut self,
        time: u64,
        composer: &mut Composer,
        replay: &mut Replay,
        each: &mut impl Watcher,
    ) -> Flow {
        let mut flow = Flow::On;
        while flow == Flow::On && self.are_due(time) {
            let Some(drained) = self.waiting.pop_front() else { break };
            let counts = |key: &Key| key.programs > 0 || self.held != Some(key.task);
            for (key, sum) in drained.totals.iter().filter(|(key, _)| counts(key)) {
                self.tell_one(key, sum, drained.time, composer, replay, each);
            }
            // While it was asked, calls that ended counted for the next time already.
            self.were.retain(|_, (_, until)| *until > self.before);
            self.before = drained.time;
            flow = each.settled(drained.time);
        }
        flow
    }

    fn tell_one(
        &self,
        key: &Key,
        sum: &Sum,
        time: u64,
        composer: &mut Composer,
        replay: &mut Replay,
        each: &mut impl Watcher,
    ) {
        let then = || self.were.get(&(key.task, key.programs)).map(|(thread, _)| thread.clone());
        let call = Call { number: key.call, compat: false, args: Default::default(), memory: Memory::NONE };
        // One call that returned what all of them did.
        let value = match key.error {
            0 => i64::try_from(sum.bytes).unwrap_or(i64::MAX),
            error => -i64::from(error),
        };
        let ends = [(What::Enter(call), 0), (What::Exit(call, Returned { value, began: None }), sum.time)];
        for (what, took) in ends {
            let event = Event { time, cpu: 0, tid: key.task, pid: key.task, what };
            if let Some(event) = composer.compose(&event, &replay.state) {
                replay.total(&event, then(), &Amount { count: sum.count, time: took }, each);
            }
        }
    }
}
