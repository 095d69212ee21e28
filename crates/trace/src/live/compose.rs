//! One event of the kernel as an event of a recording. Which call it is and most of its parameters come from the
//! kernel's own table; what only the state knows, by the rows here.

use std::sync::OnceLock;

use fathom_kernel::Event;
use fathom_kernel::capture::{self, Parameters};
use fathom_scap::event::Head;
use fathom_scap::schema::number::{CLONE_20, CLONE3, EXECVE_19, EXECVEAT, FORK_20, VFORK_20, end};
use fathom_scap::schema::syscalls::SYSCALLS;
use fathom_scap::schema::{Traits, event_type};
use rustc_hash::FxHashMap;

use super::cgroups::Cgroups;
use crate::state::{State, Thread};

/// What the kernel leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// What the program is called.
    Exe,
    /// Its other arguments.
    Args,
    /// The cgroups that a new thread has of its maker.
    Inherited,
    /// The cgroups of a process; whoever starts containers moves it before it executes anything.
    Cgroups,
}

/// The end of a call that made a thread.
const BORN: &[(usize, Open)] = &[(1, Open::Exe), (2, Open::Args), (14, Open::Inherited)];
/// The end of one that executed a program.
const EXECUTED: &[(usize, Open)] = &[(14, Open::Cgroups)];

/// By event type, which parameters are open.
const LEFT: &[(u16, &[(usize, Open)])] = &[
    (end(CLONE_20), BORN),
    (end(FORK_20), BORN),
    (end(VFORK_20), BORN),
    (end(CLONE3), BORN),
    (end(EXECVE_19), EXECUTED),
    (end(EXECVEAT), EXECUTED),
];

/// Where an event that made a thread names the thread's parent.
const PARENT: usize = 5;

/// Makes events; its memory is used again for the next.
#[derive(Debug, Default)]
pub(super) struct Composer {
    parameters: Parameters,
    lengths: Vec<u8>,
    data: Vec<u8>,
    /// Where those are that execute programs.
    pub(super) cgroups: Cgroups,
}

impl Composer {
    /// The event as recordings have it; nothing for what they do not have.
    #[inline]
    pub(super) fn compose(&mut self, event: &Event<'_>, state: &State) -> Option<fathom_scap::Event<'_>> {
        let number = capture::encode(event, identity, &mut self.parameters)?;
        let kind = event_type(number)?;
        let large = kind.traits.any(Traits::LARGE);
        let head = Head { ts: event.time, tid: event.tid.into(), number, cpu: event.cpu };
        let left = LEFT.iter().find(|row| row.0 == number).map_or(&[][..], |row| row.1);
        if left.is_empty() && !large {
            return Some(fathom_scap::Event::new(head, self.parameters.lengths(), self.parameters.bytes()));
        }
        self.lengths.clear();
        self.data.clear();
        let maker = if left.is_empty() { None } else { self.maker(event, state) };
        for (index, param) in self.parameters.iter().enumerate() {
            let start = self.data.len();
            match left.iter().find(|(open, _)| *open == index) {
                None => self.data.extend_from_slice(param),
                Some((_, open)) => open.fill(event, maker, &mut self.cgroups, &mut self.data),
            }
            let length = (self.data.len() - start).min(if large { u32::MAX as usize } else { u16::MAX.into() });
            self.data.truncate(start + length);
            let width = if large { 4 } else { 2 };
            self.lengths.extend_from_slice(&(length as u32).to_le_bytes()[..width]);
        }
        Some(fathom_scap::Event::new(head, &self.lengths, &self.data))
    }

    /// Who is known of the thread that the event is of, or of the one that has made it.
    fn maker<'s>(&self, event: &Event<'_>, state: &'s State) -> Option<&'s Thread> {
        let parent = self.parameters.get(PARENT).and_then(|bytes| bytes.first_chunk());
        let parent = parent.map(|bytes| i64::from_le_bytes(*bytes));
        let found = [Some(event.tid.into()), Some(event.pid.into()), parent];
        let threads = || found.into_iter().flatten().filter_map(|tid| state.threads.find_quietly(tid));
        // Of one that began before we looked, and has ended since, nothing is known but whose child it was; of one that
        // ended while we looked, all but its cgroups.
        let known = || threads().map(|place| &state.threads[place]).filter(|thread| !thread.is_unknown());
        known().find(|thread| !thread.cgroups.is_empty()).or_else(|| known().next())
    }
}

impl Open {
    fn fill(self, event: &Event<'_>, maker: Option<&Thread>, cgroups: &mut Cgroups, to: &mut Vec<u8>) {
        match self {
            Open::Exe => {
                to.extend_from_slice(maker.map_or(&[][..], |maker| &maker.exe));
                to.push(0);
            }
            Open::Args => to.extend_from_slice(maker.map_or(&[][..], |maker| &maker.args)),
            Open::Inherited => to.extend_from_slice(maker.map_or(&[][..], |maker| &maker.cgroups)),
            Open::Cgroups => match cgroups.of(event.pid) {
                Some(list) => to.extend_from_slice(&list),
                None => Open::Inherited.fill(event, maker, cgroups, to),
            },
        }
    }
}

/// Calls that recordings call otherwise.
const OTHERWISE: &[(&str, &str)] = &[("rt_sigreturn", "sigreturn")];

/// The number of a call in recordings, which is the same on all machines.
fn identity(name: &str) -> u16 {
    static NUMBERS: OnceLock<FxHashMap<&str, u16>> = OnceLock::new();
    let numbers = || {
        let mut numbers = FxHashMap::default();
        // Some names stand twice; newer machines have the first.
        (0_u16..).zip(SYSCALLS).for_each(|(number, (name, _))| {
            numbers.entry(*name).or_insert(number);
        });
        OTHERWISE.iter().for_each(|(name, other)| {
            numbers.insert(name, numbers.get(other).copied().unwrap_or_default());
        });
        numbers
    };
    NUMBERS.get_or_init(numbers).get(name).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_open_is_where_the_rows_say() {
        for (number, left) in LEFT {
            let kind = event_type(*number).expect("it is a type");
            for (index, open) in *left {
                let name = match open {
                    Open::Exe => "exe",
                    Open::Args => "args",
                    Open::Inherited | Open::Cgroups => "cgroups",
                };
                assert_eq!(kind.position(name), Some(*index), "{number} {}", kind.name);
            }
            assert_eq!(kind.position("ptid"), Some(PARENT));
        }
    }

    #[test]
    fn calls_have_the_numbers_of_recordings() {
        assert_eq!(identity("read"), 3);
        assert_eq!(identity("no such call"), 0);
        let unknown: Vec<_> =
            (0..512).filter_map(fathom_kernel::number::name).filter(|name| identity(name) == 0).collect();
        // Numbers that no kernel has ever done anything for.
        let never = ["putpmsg", "afs_syscall", "tuxcall", "security", "vserver"];
        assert!(unknown.iter().all(|name| never.contains(name)), "{unknown:?}");
    }
}
