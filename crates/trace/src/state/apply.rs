//! What an event does to the state. [`State::begin`] finds whose it is, [`State::apply`] changes what its type changes,
//! by one row per type; what ends with an event ends when the next one begins, because it is still to be shown.

mod call;
mod file;
mod process;
mod socket;

use fathom_scap::Event;
use fathom_scap::event::Kept;
use fathom_scap::schema::number::*;
use fathom_scap::schema::{EventType, Traits};

use super::descriptor::{Descriptor, REPLACED, flag};
use super::thread::{NO_EVENT, flag as thread_flag};
use super::threads::{Force, Place};
use super::{Handle, Now, State};

/// What one event type does.
type Transition = fn(&mut State, &Event<'_>, &mut Now);

/// Rows of all parts.
const PARTS: &[&[(u16, Transition)]] = &[process::ROWS, file::ROWS, socket::ROWS, call::ROWS];

/// The same by number.
static TRANSITIONS: [Option<Transition>; EVENTS_COUNT] = by_number();
const EVENTS_COUNT: usize = 454;

const fn by_number() -> [Option<Transition>; EVENTS_COUNT] {
    let mut table: [Option<Transition>; EVENTS_COUNT] = [None; EVENTS_COUNT];
    let mut part = 0;
    while part < PARTS.len() {
        let mut row = 0;
        while row < PARTS[part].len() {
            let (number, transition) = PARTS[part][row];
            table[number as usize] = Some(transition);
            row += 1;
        }
        part += 1;
    }
    table
}

/// A clone's end, of which the child's event may be the first one of its thread.
const CLONES: &[u16] = &[
    end(CLONE_11),
    end(CLONE_16),
    end(FORK),
    end(VFORK),
    end(CLONE_17),
    end(FORK_17),
    end(VFORK_17),
    end(CLONE_20),
    end(FORK_20),
    end(VFORK_20),
    end(CLONE3),
];
/// Containers.
const CONTAINERS: &[u16] = &[CONTAINER, CONTAINER_LONG];
/// The end of a write.
const WRITTEN: u16 = end(WRITE);
/// A copy from one file to another; its end names the second descriptor.
const COPY_END: u16 = end(COPY_FILE_RANGE);
/// Bigger events than this are not kept.
const KEPT: usize = 4096 - 26;

impl State {
    /// Ends what ended with the event before, and finds whose `event` is.
    pub fn begin(&mut self, event: &Event<'_>, kind: &EventType) -> Now {
        if let Some(tid) = self.exiting.take() {
            self.threads.remove(tid, Force::No);
        }
        if !self.closing.1.is_empty() {
            self.close_what_ended();
        }
        let mut now = Now::default();
        if CONTAINERS.contains(&event.number) {
            return now;
        }
        if self.first == 0 {
            self.first = event.ts;
        }
        if kind.traits.any(Traits::ASIDE) {
            if event.number == PROCESSOR_TIME {
                now.thread = self.threads.find(event.tid);
            }
            return now;
        }
        let quiet = event.number == SWITCH || CLONES.contains(&event.number);
        now.thread = if quiet { self.threads.find(event.tid) } else { self.threads.find_or_add(event.tid) };
        if event.number == SWITCH {
            return now;
        }
        let Some(place) = now.thread else { return now };
        let thread = &mut self.threads[place];
        if !quiet {
            thread.flags |= thread_flag::ACTIVE;
        }
        thread.aside = false;
        if kind.is_enter() {
            thread.last_fd = -1;
            thread.last_type = event.number;
            thread.latency = 0;
            thread.entered = event.ts;
            if kind.traits.any(Traits::USES_FD) {
                let fd = event.i64(0).unwrap_or(-1);
                thread.last_fd = fd;
                now.fd = self.find_descriptor(place, fd);
            }
            return now;
        }
        if thread.entered != 0 {
            thread.latency = event.ts.wrapping_sub(thread.entered);
        }
        thread.kept_valid = event.number == thread.last_type.wrapping_add(1);
        if !thread.kept_valid && !self.stands_alone(place, event, kind) {
            return now;
        }
        if kind.traits.any(Traits::USES_FD) {
            if event.number == COPY_END {
                self.threads[place].last_fd = event.i64(1).unwrap_or(-1);
            }
            now.fd = self.find_descriptor(place, self.threads[place].last_fd);
            if let Some(handle) = now.fd
                && let Some(descriptor) = self.descriptor_mut(handle)
                && descriptor.has(flag::REPLACED)
            {
                descriptor.flags &= !flag::REPLACED;
                self.end(place, REPLACED);
            }
        }
        now
    }

    /// Newer recorders write no event on the way in, and the descriptor on the way out.
    fn stands_alone(&mut self, place: Place, event: &Event<'_>, kind: &EventType) -> bool {
        if self.threads[place].entered != 0 {
            return false;
        }
        let newer = kind.params.iter().take(event.count()).skip(1).position(|param| param.name == "fd");
        let Some(fd) = newer.and_then(|index| event.i64(index + 1)) else { return false };
        self.threads[place].last_fd = fd;
        true
    }

    /// Changes what the event changes.
    #[inline]
    pub fn apply(&mut self, event: &Event<'_>, now: &mut Now) {
        if let Some(Some(transition)) = TRANSITIONS.get(usize::from(event.number)) {
            transition(self, event, now);
        }
    }

    /// What is written keeps its descriptor though the beginning of the call was filtered away; what is read does not.
    /// sysdig looks for writes to its own device at this point, and fields such as evt.buflen depend on it.
    #[inline]
    pub fn recall(&self, event: &Event<'_>, now: &mut Now) {
        if event.number == WRITTEN
            && now.fd.is_none()
            && let Some(place) = now.thread
        {
            now.fd = self.handle(place, self.threads[place].last_fd);
        }
    }

    /// The event was shown, or would have been.
    #[inline]
    pub fn finish(&mut self, kind: &EventType, now: &Now) {
        if let Some(place) = now.thread
            && !kind.is_enter()
        {
            self.threads[place].kept_valid = false;
            self.threads[place].kept_there = false;
        }
    }

    /// The event was not asked for: the thread's call is not followed to its end, as in sysdig, whose fields depend
    /// on it (an end whose beginning was filtered away has no descriptor of its own).
    #[inline]
    pub fn forget_call(&mut self, event: &Event<'_>, kind: &EventType, now: &Now) {
        if let Some(place) = now.thread
            && !kind.traits.any(Traits::ASIDE)
            && event.number != SWITCH
        {
            self.threads[place].last_type = NO_EVENT;
        }
    }

    fn close_what_ended(&mut self) {
        let (tid, fds) = std::mem::take(&mut self.closing);
        if let Some(place) = self.threads.find_or_add(tid)
            && let Some(table) = self.table_or_add(place)
        {
            fds.iter().for_each(|fd| self.threads[table].fds.remove(*fd));
        }
        // The memory is used again.
        self.closing.1 = fds;
        self.closing.1.clear();
    }

    /// The table that a thread's descriptors are in.
    pub(super) fn table_or_add(&mut self, place: Place) -> Option<Place> {
        let shared = self.threads[place].flags & thread_flag::FILES != 0;
        if shared { self.threads.main_or_add(place) } else { Some(place) }
    }

    #[inline]
    fn find_descriptor(&mut self, place: Place, fd: i64) -> Option<Handle> {
        if fd < 0 {
            return None;
        }
        let table = self.table_or_add(place)?;
        self.threads[table].fds.get(fd).map(|_| Handle { table, fd })
    }

    fn descriptor_mut(&mut self, handle: Handle) -> Option<&mut Descriptor> {
        self.threads[handle.table].fds.get_mut(handle.fd)
    }

    /// Gives a thread a descriptor.
    fn add_descriptor(&mut self, place: Place, fd: i64, descriptor: Descriptor) -> Option<Handle> {
        let table = self.table_or_add(place)?;
        let added = self.threads[table].fds.add(fd, descriptor);
        self.threads[place].last_fd = fd;
        added.then_some(Handle { table, fd })
    }

    /// Descriptor `fd` ends when the next event begins.
    fn end(&mut self, place: Place, fd: i64) {
        self.closing.0 = self.threads[place].tid;
        self.closing.1.push(fd);
    }

    /// Keeps an event for the end of its call.
    fn keep(&mut self, event: &Event<'_>, now: &mut Now) {
        let Some(place) = now.thread else { return };
        if event.size() <= KEPT {
            self.threads[place].kept.get_or_insert_default().keep(event);
            self.threads[place].kept_there = true;
        }
    }

    /// The event with which the call began that `event` ends. To be given back.
    fn take_kept(&mut self, event: &Event<'_>, now: &Now) -> Option<Box<Kept>> {
        let thread = &mut self.threads[now.thread?];
        let fits = thread.kept_valid
            && thread.kept_there
            && thread.kept.as_ref().is_some_and(|kept| kept.event().number + 1 == event.number);
        if fits { thread.kept.take() } else { None }
    }

    fn give_back(&mut self, now: &Now, kept: Option<Box<Kept>>) {
        if let (Some(place), Some(kept)) = (now.thread, kept) {
            self.threads[place].kept = Some(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use fathom_scap::schema::EVENTS;

    use super::*;

    #[test]
    fn every_type_has_room_and_no_type_has_two_rows() {
        assert_eq!(EVENTS.len(), EVENTS_COUNT);
        let mut numbers: Vec<_> = PARTS.iter().flat_map(|part| part.iter().map(|row| row.0)).collect();
        numbers.sort_unstable();
        let twice: Vec<_> = numbers.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }

    #[test]
    fn clones_are_clones() {
        for number in CLONES {
            assert!(["clone", "fork", "vfork", "clone3"].contains(&EVENTS[usize::from(*number)].name), "{number}");
        }
    }
}
