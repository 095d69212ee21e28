//! Many rings, one stream in the order of time.
//!
//! A record comes when its call ends, and tells of two moments. In its ring, ends are in order; beginnings mostly are too,
//! as most calls begin after whatever their processor did before. Where one does not, it waits in a heap. Nothing is let
//! out before the watermark has passed it: the earliest moment at which a call can have begun that has not come yet.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use crate::event::{self, Event, What};
use crate::record::{Head, Kind, Record};
use crate::ring::record_at;

/// The bytes of one ring that were drained and are not let out yet.
#[derive(Debug, Default)]
struct Lane {
    bytes: Vec<u8>,
    /// Where the next record begins.
    at: usize,
    /// How far records were looked at as they came in.
    seen: usize,
    /// Bytes that were dropped from the front so far: places in the heap count from the very first byte.
    dropped: u64,
    /// The latest moment among the records seen.
    last: u64,
    /// Places of records whose beginnings are in the heap, or were shown before.
    detached: VecDeque<u64>,
    /// Whether the beginning of the record at `at` is out already.
    halfway: bool,
}

/// A beginning that is earlier than the record before it in its lane, or has no record yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Early {
    time: u64,
    lane: usize,
    /// A place in the lane, or an index of `pending`, where `lane` is [`NO_LANE`].
    place: u64,
}

const NO_LANE: usize = usize::MAX;

/// What happens next in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    time: u64,
    lane: usize,
}

/// All lanes, and what waits.
#[derive(Debug)]
pub(crate) struct Order {
    lanes: Vec<Lane>,
    early: BinaryHeap<Reverse<Early>>,
    /// Records of calls that are still under way, and are shown by their beginnings.
    pending: HashMap<u64, Vec<u8>>,
    pendings: u64,
    /// Calls that were shown by their beginning: thread to when.
    shown: HashMap<u32, u64>,
    /// What is added to the kernel's clock.
    epoch: u64,
}

impl Order {
    pub(crate) fn new(lanes: usize, epoch: u64) -> Order {
        Order {
            lanes: (0..lanes).map(|_| Lane::default()).collect(),
            early: BinaryHeap::new(),
            pending: HashMap::new(),
            pendings: 0,
            shown: HashMap::new(),
            epoch,
        }
    }

    /// Takes in what `fill` appends to a lane.
    pub(crate) fn fill(&mut self, lane: usize, fill: impl FnOnce(&mut Vec<u8>) -> usize) -> usize {
        let to = &mut self.lanes[lane];
        to.compact();
        let bytes = fill(&mut to.bytes);
        while let Some((data, next)) = record_at(&to.bytes, to.seen) {
            let place = to.seen;
            to.seen = next;
            let Some(record) = Record::new(data) else { continue };
            // A thread that executes a program takes the number of its process, and is shown under it from then on.
            if record.kind() == Kind::Exec
                && let Some(enter) = self.shown.remove(&(record.args()[0] as u32))
            {
                self.shown.insert(record.tid(), enter);
            }
            let enter = record.enter();
            if enter != 0 {
                let was_shown = self.shown.get(&record.tid()) == Some(&enter);
                if was_shown {
                    self.shown.remove(&record.tid());
                }
                if was_shown || enter < to.last {
                    let place = to.dropped + place as u64;
                    to.detached.push_back(place);
                    if !was_shown {
                        self.early.push(Reverse(Early { time: enter, lane, place }));
                    }
                }
            }
            to.last = record.time();
        }
        bytes
    }

    /// A moment of the kernel's clock as events have it.
    pub(crate) fn time_of(&self, moment: u64) -> u64 {
        moment.wrapping_add(self.epoch)
    }

    /// Whether the call of `tid` that began at `enter` is shown, or about to be.
    pub(crate) fn has_shown(&self, tid: u32, enter: u64) -> bool {
        self.shown.get(&tid) == Some(&enter)
    }

    /// Waits for a call no longer: if it is told, then by its end alone.
    pub(crate) fn keep_quiet(&mut self, tid: u32, enter: u64) {
        self.shown.insert(tid, enter);
    }

    /// Shows a call by its beginning, before its end is known; with as much of its memory as can be read by now.
    pub(crate) fn show(&mut self, head: &Head, pieces: &[Option<Vec<u8>>]) {
        self.shown.insert(head.tid, head.enter);
        self.early.push(Reverse(Early { time: head.enter, lane: NO_LANE, place: self.pendings }));
        self.pending.insert(self.pendings, head.compose(pieces));
        self.pendings += 1;
    }

    /// How many bytes of a lane are not let out yet.
    pub(crate) fn held(&self, lane: usize) -> usize {
        self.lanes[lane].bytes.len() - self.lanes[lane].at
    }

    /// Lets out what happened up to `watermark`, all of it or at least `most` events; says how many events that were.
    pub(crate) fn release(&mut self, watermark: u64, most: u64, deliver: &mut dyn FnMut(Event<'_>)) -> u64 {
        let mut count = 0;
        let mut heads: BinaryHeap<Reverse<Next>> = BinaryHeap::with_capacity(self.lanes.len());
        for (lane, of) in self.lanes.iter_mut().enumerate() {
            heads.extend(of.next_time().map(|time| Reverse(Next { time, lane })));
        }
        loop {
            let early = self.early.peek().map_or(u64::MAX, |Reverse(early)| early.time);
            let head = heads.peek().map_or(u64::MAX, |Reverse(next)| next.time);
            if early.min(head) > watermark || early.min(head) == u64::MAX || count >= most {
                return count;
            }
            if early <= head {
                let Some(Reverse(early)) = self.early.pop() else { return count };
                self.deliver_early(early, deliver);
                count += 1;
                continue;
            }
            let Some(Reverse(Next { lane, .. })) = heads.pop() else { return count };
            // As long as nobody else is earlier, it is this lane's turn.
            let rival = heads.peek().map_or(u64::MAX, |Reverse(next)| next.time);
            let limit = rival.min(early).min(watermark);
            let of = &mut self.lanes[lane];
            let mut next = of.next_time();
            while let Some(time) = next
                && time <= limit
                && count < most
            {
                count += of.deliver(self.epoch, deliver);
                next = of.next_time();
            }
            heads.extend(next.map(|time| Reverse(Next { time, lane })));
        }
    }

    fn deliver_early(&mut self, early: Early, deliver: &mut dyn FnMut(Event<'_>)) {
        let epoch = self.epoch;
        if early.lane == NO_LANE {
            // Nobody knows on which processor it sleeps: the record says 0.
            let bytes = self.pending.remove(&early.place).unwrap_or_default();
            if let Some(record) = Record::new(&bytes) {
                deliver(event_of(&record, record.enter(), epoch, What::Enter(event::call(&record))));
            }
            return;
        }
        let lane = &self.lanes[early.lane];
        let Some(place) = early.place.checked_sub(lane.dropped) else { return };
        if let Some(record) = record_at(&lane.bytes, place as usize).and_then(|(data, _)| Record::new(data)) {
            deliver(event_of(&record, record.enter(), epoch, What::Enter(event::call(&record))));
        }
    }
}

impl Lane {
    /// When the next thing happens; skips what is no record.
    fn next_time(&mut self) -> Option<u64> {
        loop {
            let (data, next) = record_at(&self.bytes, self.at)?;
            let Some(record) = Record::new(data) else {
                self.at = next;
                continue;
            };
            if self.begins_here(&record) {
                return Some(record.enter());
            }
            return Some(record.time());
        }
    }

    /// Whether the beginning of the record at `at` is still to come from this lane.
    fn begins_here(&self, record: &Record<'_>) -> bool {
        record.enter() != 0 && !self.halfway && self.detached.front() != Some(&(self.dropped + self.at as u64))
    }

    /// Lets the next thing out, and says how many events that were.
    fn deliver(&mut self, epoch: u64, deliver: &mut dyn FnMut(Event<'_>)) -> u64 {
        let Some((data, next)) = record_at(&self.bytes, self.at) else { return 0 };
        let Some(record) = Record::new(data) else { return 0 };
        if self.begins_here(&record) {
            deliver(event_of(&record, record.enter(), epoch, What::Enter(event::call(&record))));
            self.halfway = true;
            // What will never return has no other end than that of its thread.
            if record.kind() == Kind::Entered {
                self.advance(next);
            }
            return 1;
        }
        let mut count = 0;
        if record.lost() > 0 {
            deliver(event_of(&record, record.time(), epoch, What::Lost(record.lost())));
            count += 1;
        }
        if let Some(what) = event::what(&record, epoch) {
            deliver(event_of(&record, record.time(), epoch, what));
            count += 1;
        }
        self.advance(next);
        count
    }

    fn advance(&mut self, next: usize) {
        if self.detached.front() == Some(&(self.dropped + self.at as u64)) {
            self.detached.pop_front();
        }
        self.at = next;
        self.halfway = false;
    }

    /// Drops what is out, if that is worth the copying.
    fn compact(&mut self) {
        if self.at == self.bytes.len() {
            self.bytes.clear();
        } else if self.at > self.bytes.len() / 2 {
            self.bytes.drain(..self.at);
        } else {
            return;
        }
        self.dropped += self.at as u64;
        self.seen -= self.at;
        self.at = 0;
    }
}

fn event_of<'a>(record: &Record<'_>, time: u64, epoch: u64, what: What<'a>) -> Event<'a> {
    Event { time: time.wrapping_add(epoch), cpu: record.cpu(), tid: record.tid(), pid: record.pid(), what }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::HEAD;

    /// A call as the kernel writes it, with the head that its ring gives it.
    fn record(enter: u64, time: u64, tid: u32) -> Vec<u8> {
        let mut bytes = vec![0; 8 + HEAD];
        bytes[..4].copy_from_slice(&(HEAD as u32).to_ne_bytes());
        bytes[8 + 8..8 + 12].copy_from_slice(&tid.to_ne_bytes());
        bytes[8 + 16..8 + 24].copy_from_slice(&time.to_ne_bytes());
        bytes[8 + 24..8 + 32].copy_from_slice(&enter.to_ne_bytes());
        bytes
    }

    /// What comes out of these calls, given by lane, once all are in: moment, thread, whether it is a beginning.
    fn released(lanes: &[Vec<(u64, u64, u32)>]) -> Vec<(u64, u32, bool)> {
        let mut order = Order::new(lanes.len(), 0);
        for (lane, calls) in lanes.iter().enumerate() {
            for (enter, time, tid) in calls {
                order.fill(lane, |to| {
                    to.extend(record(*enter, *time, *tid));
                    1
                });
            }
        }
        let mut out = Vec::new();
        // A few at a time, and what happens later comes in between.
        let mut later = u64::MAX / 2;
        while order.release(u64::MAX / 2, 3, &mut |event| {
            out.push((event.time, event.tid, matches!(event.what, What::Enter(_))));
        }) >= 3
        {
            later += 2;
            order.fill(0, |to| {
                to.extend(record(later, later + 1, 0));
                1
            });
        }
        out
    }

    #[test]
    fn a_long_call_begins_before_what_happened_meanwhile() {
        let out = released(&[vec![(20, 30, 1), (10, 40, 2)], vec![(15, 35, 3)]]);
        let expected = [(10, 2, true), (15, 3, true), (20, 1, true), (30, 1, false), (35, 3, false), (40, 2, false)];
        assert_eq!(out, expected);
    }

    #[test]
    fn what_was_shown_is_not_shown_again() {
        let mut order = Order::new(1, 0);
        let call = Kind::Call;
        let head =
            Head { kind: call, compat: false, number: 0, tid: 9, pid: 9, time: 5, enter: 5, ret: 0, args: [0; 6] };
        order.show(&head, &[]);
        let mut out = Vec::new();
        let mut keep = |event: Event<'_>| out.push((event.time, matches!(event.what, What::Enter(_))));
        assert_eq!(order.release(100, u64::MAX, &mut keep), 1);
        order.fill(0, |to| {
            to.extend(record(5, 200, 9));
            1
        });
        assert_eq!(order.release(300, u64::MAX, &mut keep), 1);
        assert_eq!(out, [(5, true), (200, false)]);
        assert!(!order.has_shown(9, 5));
    }

    proptest! {
        /// In each lane ends are in order, as the kernel writes them; beginnings are anywhere before.
        #[test]
        fn all_come_out_once_and_in_order(
            lanes in prop::collection::vec(prop::collection::vec((1_u64..1000, 0_u64..50), 0..20), 1..5),
        ) {
            let mut tid = 0;
            let lanes: Vec<Vec<(u64, u64, u32)>> = lanes
                .into_iter()
                .map(|mut calls| {
                    calls.sort_by_key(|(end, _)| *end);
                    let number = |(end, length): (u64, u64)| {
                        tid += 1;
                        (end.saturating_sub(length).max(1), end, tid)
                    };
                    calls.into_iter().map(number).collect()
                })
                .collect();
            let out = released(&lanes);
            prop_assert!(out.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{out:?}");
            let mut expected: Vec<(u64, u32, bool)> = lanes
                .iter()
                .flatten()
                .flat_map(|(enter, time, tid)| [(*enter, *tid, true), (*time, *tid, false)])
                .collect();
            let mut found = out;
            expected.sort_unstable();
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn no_bytes_panic(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8)) {
            let mut order = Order::new(2, 0);
            for (index, chunk) in chunks.iter().enumerate() {
                order.fill(index % 2, |to| {
                    to.extend(chunk);
                    chunk.len()
                });
                order.release(u64::MAX - 1, u64::MAX, &mut |event| {
                    let mut parameters = crate::capture::Parameters::default();
                    crate::capture::encode(&event, |_| 0, &mut parameters);
                });
            }
        }
    }
}
