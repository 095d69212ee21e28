//! The table of threads: finding, adding, removing, and how threads belong together.

use std::ops::{Index, IndexMut};

use super::thread::{Thread, Threads, Tid, flag};

/// More threads than that are not kept: a hostile recording could name a new one with every event.
const MOST: usize = 131_072;
/// A chain of parents is no longer than this; a longer one is a ring.
const GENERATIONS: usize = 10_000;

/// Where a thread is in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u32);

impl Index<Place> for Threads {
    type Output = Thread;

    #[inline]
    fn index(&self, place: Place) -> &Thread {
        &self.slots[place.0 as usize]
    }
}

impl IndexMut<Place> for Threads {
    #[inline]
    fn index_mut(&mut self, place: Place) -> &mut Thread {
        &mut self.slots[place.0 as usize]
    }
}

impl Threads {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Thread> {
        self.places.values().map(|place| &self[*place])
    }

    /// Where all of them are, in no order.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.places.values().copied()
    }

    /// Where thread `tid` is.
    #[inline]
    pub fn find(&self, tid: Tid) -> Option<Place> {
        // Events of one thread come one after the other.
        if let Some((last, place)) = self.last.get()
            && last == tid
        {
            return Some(place);
        }
        let place = self.places.get(&tid).copied()?;
        self.last.set(Some((tid, place)));
        Some(place)
    }

    /// Thread `tid`.
    pub fn get(&self, tid: Tid) -> Option<&Thread> {
        self.find(tid).map(|place| &self[place])
    }

    /// Where thread `tid` is; if it was never heard of, it is from now on.
    #[inline]
    pub(super) fn find_or_add(&mut self, tid: Tid) -> Option<Place> {
        self.find(tid).or_else(|| {
            if self.len() >= MOST {
                return None;
            }
            let mut thread = Thread::unknown(tid);
            thread.children = self.followers.get(&tid).copied().unwrap_or_default().into();
            self.add(thread)
        })
    }

    /// Puts a thread in, in place of another with its number. Nothing if there is no room.
    pub(super) fn put(&mut self, thread: Thread) -> Option<Place> {
        if let Some(place) = self.find(thread.tid) {
            self.unfollow(self[place].pid);
            self.follow(thread.pid);
            self[place] = thread;
            return Some(place);
        }
        if self.len() >= MOST {
            return None;
        }
        self.follow(thread.pid);
        let tid = thread.tid;
        let place = match self.free.pop() {
            Some(place) => {
                self[place] = thread;
                place
            }
            None => {
                self.slots.push(thread);
                Place(u32::try_from(self.slots.len() - 1).ok()?)
            }
        };
        self.places.insert(tid, place);
        Some(place)
    }

    /// Says of which process a thread is.
    pub(super) fn set_process(&mut self, place: Place, pid: Tid) {
        self.unfollow(self[place].pid);
        self.follow(pid);
        self[place].pid = pid;
    }

    fn follow(&mut self, pid: Tid) {
        *self.followers.entry(pid).or_default() += 1;
    }

    fn unfollow(&mut self, pid: Tid) {
        if let Some(count) = self.followers.get_mut(&pid) {
            *count -= 1;
            if *count == 0 {
                self.followers.remove(&pid);
            }
        }
    }

    /// Puts a thread in and counts it at its main thread.
    pub(super) fn add(&mut self, thread: Thread) -> Option<Place> {
        let (tid, pid, flags) = (thread.tid, thread.pid, thread.flags);
        if self.len() >= MOST && self.find(tid).is_none() {
            return None;
        }
        if flags & flag::THREAD != 0
            && let Some(main) = self.find_or_add(pid)
        {
            self[main].children += 1;
        }
        self.put(thread)
    }

    /// Takes thread `tid` out; a main thread with others stays unless it is forced.
    pub(super) fn remove(&mut self, tid: Tid, force: Force) {
        let Some(place) = self.find(tid) else { return };
        let (children, flags, pid) = (self[place].children, self[place].flags, self[place].pid);
        if children != 0 && force == Force::No {
            return;
        }
        if flags & flag::THREAD != 0
            && let Some(main) = self.find(pid)
        {
            self[main].children = self[main].children.saturating_sub(1);
        }
        self.unfollow(pid);
        self.places.remove(&tid);
        self.last.set(None);
        self[place] = Thread::default();
        self.free.push(place);
        if children != 0 {
            self.count_children();
        }
    }

    /// Counts anew how many threads each process has.
    pub(super) fn count_children(&mut self) {
        let threads: Vec<_> = self.iter().map(|thread| (thread.pid, thread.flags & flag::THREAD != 0)).collect();
        self.slots.iter_mut().for_each(|thread| thread.children = 0);
        for (pid, _) in threads.into_iter().filter(|(_, counts)| *counts) {
            if let Some(main) = self.find_or_add(pid) {
                self[main].children += 1;
            }
        }
    }

    /// The main thread of the process of `place`.
    #[inline]
    pub fn main_of(&self, place: Place) -> Option<Place> {
        let thread = &self[place];
        if thread.is_main() { Some(place) } else { self.find_quietly(thread.pid) }
    }

    /// The same; if nobody ever saw the main thread, it is there from now on.
    pub(super) fn main_or_add(&mut self, place: Place) -> Option<Place> {
        self.main_of(place).or_else(|| self.find_or_add(self[place].pid))
    }

    /// Whose table has the descriptors of `place`.
    #[inline]
    pub fn table_of(&self, place: Place) -> Option<Place> {
        if self[place].flags & flag::FILES == 0 { Some(place) } else { self.main_of(place) }
    }

    /// Looks a thread up without taking the place of the one that was looked up last.
    #[inline]
    pub fn find_quietly(&self, tid: Tid) -> Option<Place> {
        match self.last.get() {
            Some((last, place)) if last == tid => Some(place),
            _ => self.places.get(&tid).copied(),
        }
    }

    /// The parent of `thread`, its parent, and so on. A ring ends somewhere.
    pub fn ancestors<'t>(&'t self, thread: &Thread) -> impl Iterator<Item = &'t Thread> {
        let parent = |tid: Tid| self.find_quietly(tid).map(|place| &self[place]);
        let own = |thread: &&'t Thread| thread.ptid != thread.tid;
        let mut own_parent = false;
        std::iter::successors(parent(thread.ptid), move |thread| parent(thread.ptid).filter(own))
            .take_while(move |thread| {
                let first = !std::mem::replace(&mut own_parent, thread.ptid == thread.tid);
                thread.tid != -1 && first
            })
            .take(GENERATIONS)
    }
}

/// Whether to remove what others depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Force {
    No,
    Yes,
}
