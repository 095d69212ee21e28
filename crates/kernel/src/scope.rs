//! What is looked at: decided in the kernel, before anything else happens.

use crate::number;
use crate::record::CALLS;
use crate::row::Mode;
use crate::tally::Tally;

/// Which tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// These processes with all that they have started, and will.
    Trees(Vec<u32>),
    /// What runs in these cgroups of version 2, or below them; a cgroup's id is the inode of its folder.
    Cgroups(Vec<u64>),
    /// What runs in these pid namespaces, by their inodes.
    PidNamespaces(Vec<u64>),
    /// Everything but ourselves.
    Machine,
}

/// Whether what a task starts is looked at too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Children, threads, and theirs.
    Forks,
    /// Only the tasks of the beginning.
    Nothing,
}

/// Which system calls, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    modes: Vec<Mode>,
}

impl Calls {
    /// All, in this way.
    pub fn all(mode: Mode) -> Calls {
        Calls { modes: vec![mode; CALLS] }
    }

    /// None, to begin with.
    pub fn none() -> Calls {
        Calls::all(Mode::Off)
    }

    /// With `name` in this way; a name that this kind of machine has no call for changes nothing.
    #[must_use]
    pub fn with(mut self, name: &str, mode: Mode) -> Calls {
        if let Some(number) = number::number(name)
            && let Some(slot) = self.modes.get_mut(usize::from(number))
        {
            *slot = mode;
        }
        self
    }

    /// Calls that have no row of their own, and those of 32-bit programs, in this way.
    #[must_use]
    pub fn with_others(mut self, mode: Mode) -> Calls {
        self.modes[CALLS - 1] = mode;
        self
    }

    /// Of calls that have no row, and of 32-bit programs.
    pub(crate) fn other(&self) -> Mode {
        self.mode(CALLS - 1)
    }

    /// Of the call with this number.
    pub fn mode(&self, number: usize) -> Mode {
        self.modes.get(number).copied().unwrap_or_default()
    }
}

/// What a [`crate::Source`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Which tasks.
    pub scope: Scope,
    /// Whether their children too.
    pub follow: Follow,
    /// Which calls.
    pub calls: Calls,
    /// The most bytes of what a program reads or writes that come along, at most 65000.
    pub snaplen: u32,
    /// Bytes of one processor's ring: a power of two, at least a page.
    pub ring: u32,
    /// Whether beginnings of calls are looked at too.
    pub ends: Ends,
    /// What happens besides calls.
    pub besides: &'static [Besides],
    /// What is counted in the kernel, beside what is told.
    pub tally: Option<Tally>,
}

/// Which ends of a call are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Both: how long a call took is known, and one that has not returned is shown.
    Both,
    /// Only its return, which costs less. What execve was given is known from the new program alone.
    Returns,
}

/// What is told only if asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Besides {
    /// A processor turns from a task that is looked at to another one.
    Switches,
    /// A page was not there.
    Faults,
}

impl Options {
    /// All calls of `scope` and of what it starts, with 80 bytes of data, as sysdig has it, and rings of [`usual_ring`].
    pub fn of(scope: Scope) -> Options {
        Options {
            scope,
            follow: Follow::Forks,
            calls: Calls::all(Mode::All),
            snaplen: 80,
            ring: usual_ring(),
            ends: Ends::Both,
            besides: &[],
            tally: None,
        }
    }
}

impl Options {
    /// The same with every call told that would be counted: for whoever cannot count.
    #[must_use]
    pub fn telling(mut self) -> Options {
        if let Some(tally) = self.tally.take() {
            let modes = self.calls.modes.iter_mut().enumerate();
            modes.filter(|(number, _)| tally.counts(*number)).for_each(|(_, mode)| *mode = Mode::All);
        }
        self
    }
}

/// Bytes of all rings where nobody asks for another size.
pub fn usual_memory() -> u64 {
    u64::from(usual_ring()) * u64::from(crate::program::processors())
}

/// Bytes of one ring where nobody asks for another size: a quarter of a gibibyte for all processors, but for each no less
/// than 8 MiB and no more than 32. A busy processor fills the most in 80 ms.
pub fn usual_ring() -> u32 {
    let each = (256 << 20) / crate::program::processors();
    (1 << each.max(1).ilog2()).clamp(8 << 20, 32 << 20)
}
