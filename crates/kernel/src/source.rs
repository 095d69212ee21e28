//! Tasks that are looked at, and what they do: attach, look at the rings every now and then, finish.

use std::time::Duration;

use crate::event::Event;
use crate::loss::Loss;
use crate::order::Order;
use crate::program::{Marks, Programs, SLOT_BYTES, SLOTS, SPARE, TALLY_BYTES};
use crate::record::{ARGS, Head, Kind};
use crate::ring::Ring;
use crate::row::Mode;
use crate::scope::{Calls, Options, Scope};
use crate::snapshot::{self, Found, Snapshot};
use crate::subject::Subject;
use crate::sys::Shared;
use crate::tally::{Drained, Sum};
use crate::{Error, capture};

/// A call that takes longer is shown by its beginning; what happened after it waits no longer.
pub(crate) const PATIENCE: Duration = Duration::from_millis(50);
/// So many events are handed out before the rings are emptied again.
const AT_ONCE: u64 = 1024;
/// What one processor may have stored and another may not see yet.
const BLUR: u64 = 50_000;

/// A live source of events, until dropped.
#[derive(Debug)]
pub struct Source {
    programs: Programs,
    rings: Vec<Ring>,
    slots: Shared,
    tallies: Shared,
    order: Order,
    watermark: u64,
    snaplen: u64,
    /// Bytes of one ring.
    ring: usize,
    calls: Calls,
    pause: Duration,
    turn: u32,
    /// Of totals without room, what was told already.
    rest: [Sum; 2],
    /// Whether anything is counted.
    counts: bool,
}

impl Source {
    /// Begins to look. What `options` name is looked at when this returns, with all its threads.
    ///
    /// # Errors
    /// Where this kernel or our rights do not suffice, see [`crate::support()`].
    pub fn attach(options: &Options) -> Result<Source, Error> {
        Source::attach_with(options, Marks::Best)
    }

    /// The same with a choice that else the kernel's age makes.
    pub fn attach_with(options: &Options, marks: Marks) -> Result<Source, Error> {
        let mut programs = Programs::attach(options, marks)?;
        let ring = |ring| Ring::new(ring, options.ring);
        let rings: Result<Vec<Ring>, _> = programs.rings().iter().map(ring).collect();
        let rings = rings.map_err(|source| Error::Map { what: "map a ring", source })?;
        let slots = programs.slots()?;
        let tallies = programs.tallies()?;
        let watermark = now();
        let order = Order::new(rings.len(), epoch());
        if let Scope::Trees(roots) = &options.scope {
            programs.adopt(roots)?;
        }
        Ok(Source {
            programs,
            rings,
            slots,
            tallies,
            order,
            watermark,
            snaplen: options.snaplen.into(),
            ring: options.ring as usize,
            calls: options.calls.clone(),
            pause: SHORTEST,
            turn: 0,
            rest: [Sum::default(); 2],
            counts: options.tally.is_some(),
        })
    }

    /// Looks at more processes, with what they have started, from now on.
    pub fn adopt(&mut self, roots: &[u32]) -> Result<(), Error> {
        self.programs.adopt(roots)
    }

    /// How many tasks are left of those that are looked at, without those that are ending: a look at all tasks of the
    /// machine, within the kernel, and thus not for each event.
    ///
    /// # Errors
    /// Where the kernel does not go through its tasks, which it did when this began.
    pub fn left(&mut self) -> Result<u32, Error> {
        self.programs.left()
    }

    /// All processes and what they have open, as of now: what there was before one began to look, if it is asked for at
    /// once. Gone through within the kernel, or where that cannot, in `/proc`.
    pub fn found(&mut self) -> Found {
        match self.programs.find() {
            Ok(Some([tasks, files])) => {
                Found { processes: snapshot::found_processes(&tasks), descriptors: snapshot::found_descriptors(&files) }
            }
            Ok(None) | Err(_) => Snapshot::local().all(),
        }
    }

    /// Hands out what has come and is in order; says how many events that were. Never waits: [`Source::pause`] says for
    /// how long to do something else.
    ///
    /// However long `deliver` takes: rings are emptied between events too, as long as what waits here of a processor is no
    /// more than its ring holds. What then finds the ring full is lost, and counted as any other loss.
    pub fn poll(&mut self, deliver: &mut dyn FnMut(Event<'_>)) -> u64 {
        let watermark = self.look(PATIENCE.as_nanos() as u64);
        let bytes = self.drain();
        self.pause = if bytes > 0 { SHORTEST } else { (self.pause * 2).min(LONGEST) };
        self.watermark = self.watermark.max(watermark);
        let mut count = 0;
        loop {
            let released = self.order.release(self.watermark, AT_ONCE, deliver);
            count += released;
            if released < AT_ONCE {
                return count;
            }
            self.make_room();
        }
    }

    /// How long nothing will be missed if nobody calls [`Source::poll`]; longer the less there was.
    pub fn pause(&self) -> Duration {
        self.pause
    }

    /// Hands out all that is left, calls that are under way by their beginnings. Nothing is looked at any more.
    pub fn finish(mut self, deliver: &mut dyn FnMut(Event<'_>)) -> Loss {
        self.detach();
        self.look(0);
        self.drain();
        self.order.release(u64::MAX - 1, u64::MAX, deliver);
        self.loss()
    }

    /// Whether [`Options::tally`] asked for totals.
    pub fn counts(&self) -> bool {
        self.counts
    }

    /// What was counted since the last time, each call once; a call counts when it returns.
    ///
    /// # Errors
    /// Where the kernel does not hand it out, which it does from Linux 5.6 on.
    pub fn counted(&mut self) -> Result<Drained, Error> {
        let totals = self.programs.drain_sums(self.turn)?;
        let time = self.order.time_of(now());
        let turn = (self.turn & 1) as usize;
        self.turn += 1;
        let all = self.loss().rest[turn];
        let told = std::mem::replace(&mut self.rest[turn], all);
        Ok(Drained { time, totals, rest: all.since(told) })
    }

    /// Looks at nothing any more. What has happened can still be asked for.
    pub fn detach(&mut self) {
        self.programs.detach();
    }

    /// What was sent, and what was lost, so far.
    pub fn loss(&self) -> Loss {
        Loss::read(&self.tallies, TALLY_BYTES)
    }

    fn drain(&mut self) -> usize {
        let mut bytes = 0;
        for (lane, ring) in self.rings.iter_mut().enumerate() {
            bytes += self.order.fill(lane, |to| ring.drain(to, usize::MAX));
        }
        bytes
    }

    /// Empties the rings as far as there is room here. What comes is later than the watermark, and waits for the next poll.
    fn make_room(&mut self) {
        for (lane, ring) in self.rings.iter_mut().enumerate() {
            let most = self.ring.saturating_sub(self.order.held(lane));
            self.order.fill(lane, |to| ring.drain(to, most));
        }
    }

    /// Goes through the calls under way. Shows those that have taken longer than `patience`, and says until when all
    /// others are known.
    fn look(&mut self, patience: u64) -> u64 {
        let now = now();
        let mut watermark = now.saturating_sub(BLUR);
        let high = self.loss().high.min(u64::from(SLOTS)) as usize;
        if high as u32 + SPARE / 2 > self.programs.handed_out() {
            // Where there are none left, calls are told by their ends alone, and that is counted.
            let _ = self.programs.hand_out(high as u32 + SPARE);
        }
        for slot in (0..high).map(|slot| slot * SLOT_BYTES) {
            let enter = self.slots.load(slot);
            match enter {
                0 => continue,
                1 => {
                    watermark = watermark.min(self.watermark);
                    continue;
                }
                _ => {}
            }
            let word = self.slots.load_u32(slot + 12);
            let (number, compat) = (word as u16, word >> 16 & 1 != 0);
            let mode = if compat { self.calls.other() } else { self.calls.mode(number.into()) };
            if mode == Mode::Off {
                // It is only counted, and nothing will be told of it.
                continue;
            }
            let tid = self.slots.load_u32(slot + 8);
            if self.order.has_shown(tid, enter) {
                continue;
            }
            if now.saturating_sub(enter) <= patience {
                watermark = watermark.min(enter - 1);
                continue;
            }
            let args: [u64; ARGS] = std::array::from_fn(|arg| self.slots.load(slot + 16 + arg * 8));
            // The call may have ended meanwhile, and the next one begun.
            if self.slots.load(slot) != enter {
                watermark = watermark.min(enter - 1);
                continue;
            }
            if mode != Mode::All {
                // Whether it fails is not known yet.
                self.order.keep_quiet(tid, enter);
                continue;
            }
            let row = if compat { None } else { capture::row_of(number) };
            let subject = Subject { tid, args: &args, returned: None, snaplen: self.snaplen };
            let mut pieces = subject.pieces(row.map_or(&[][..], |row| row.copies));
            if self.slots.load(slot) != enter {
                pieces.clear();
            }
            let (kind, pid) = (Kind::Call, process_of(tid));
            self.order.show(&Head { kind, compat, number, tid, pid, time: enter, enter, ret: 0, args }, &pieces);
        }
        watermark
    }
}

const SHORTEST: Duration = Duration::from_micros(200);
const LONGEST: Duration = Duration::from_millis(4);

/// The kernel's clock, as `bpf_ktime_get_ns` has it.
pub(crate) fn now() -> u64 {
    nanoseconds(rustix::time::ClockId::Monotonic)
}

/// What has to be added to it to get nanoseconds since 1970. Taken once: time never runs backwards in a stream.
pub(crate) fn epoch() -> u64 {
    nanoseconds(rustix::time::ClockId::Realtime).wrapping_sub(now())
}

fn nanoseconds(clock: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The process that a thread belongs to; itself if that cannot be found out any more.
pub(crate) fn process_of(tid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    line.and_then(|line| line.trim().parse().ok()).unwrap_or(tid)
}
