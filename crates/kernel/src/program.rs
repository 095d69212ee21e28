//! Our programs in the kernel: told what to look at, fitted to this kernel, loaded, attached; and their maps.
//!
//! The objects are built from `bpf/` by `cargo xtask bpf`. They come in two kinds: marks of tasks live in task storage, or
//! before Linux 5.11 in a hash table.

mod loading;
mod object;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use aya::Ebpf;
use aya::maps::{Map, MapData};
use aya::programs::tp_btf::BtfTracePointLink;
use aya::programs::{BtfTracePoint, Iter, Program, ProgramError, RawTracePoint};
use aya_obj::btf::BtfKind;
use rustix::mm::ProtFlags;

use crate::scope::{Options, Scope};
use crate::support::{self, STORAGE, URING};
use crate::sys::{self, Shared};
use crate::tally::{self, Key, Sum};
use crate::types::Types;
use crate::{Error, types};
use loading::FINDERS;
pub(crate) use object::objects;
use object::{WITH_STORAGE, WITHOUT_STORAGE, blank_loader, fit};

/// Threads whose calls under way can be seen at once; more are traced all the same.
pub(crate) const SLOTS: u32 = 16384;
/// Slots that are free at first; more are handed out as they are taken.
pub(crate) const SPARE: u32 = 1024;
/// Bytes of `struct park` and of `struct tally`.
pub(crate) const SLOT_BYTES: usize = 64;
pub(crate) const TALLY_BYTES: usize = 320;

/// Where marks of tasks live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// Wherever this kernel can keep them best.
    Best,
    /// In a table, as on kernels before 5.11.
    Table,
}

/// Where [`Programs::counted`] has what.
const ADOPTED: usize = 0;
const LEFT: usize = 1;

/// Programs that are attached until dropped.
#[derive(Debug)]
pub(crate) struct Programs {
    ebpf: Ebpf,
    rings: Vec<OwnedFd>,
    links: Vec<BtfTracePointLink>,
    slots: u32,
    /// Whether what there is already can be found within the kernel.
    can_find: bool,
}

impl Programs {
    /// Loads and attaches all that `options` needs; tasks that exist are looked at after [`Programs::adopt`].
    pub(crate) fn attach(options: &Options, marks: Marks) -> Result<Programs, Error> {
        if let Some(lack) = support::refusals().first() {
            return Err(Error::Unsupported(*lack));
        }
        let (loader, btf, rings) = std::thread::scope(|scope| {
            let prepared = scope.spawn(|| {
                let rings: Result<Vec<_>, _> = (0..processors()).map(|_| sys::create_ring(options.ring)).collect();
                // A loader reads all types of the kernel, whatever it is told afterwards, unless there are none where it
                // looks. Where we may not do that it reads them, while we read those that we need.
                let _ = sys::hide_files();
                (blank_loader(), rings)
            });
            let btf = types::of_kernel(&objects());
            let panicked = |_| (blank_loader(), Err(io::Error::other("a thread has panicked")));
            let (loader, rings) = prepared.join().unwrap_or_else(panicked);
            (loader, btf, rings)
        });
        let Types { numbered: btf, few } = btf.map_err(|_| Error::Unsupported(support::Lack::Types))?;
        let rings = rings.map_err(|source| Error::Map { what: "make a ring for each processor", source })?;
        let has = |name, kind| btf.id_by_type_name_kind(name, kind).is_ok();
        let object = if marks == Marks::Best && has(STORAGE, BtfKind::Func) { WITH_STORAGE } else { WITHOUT_STORAGE };
        let mut programs =
            Programs { ebpf: fit(loader, object, options, &few)?, rings, links: Vec::new(), slots: 0, can_find: false };
        programs.fill(options)?;
        if has(URING, BtfKind::Typedef) {
            programs.attach_raw("uring_request", "io_uring_submit_req")?;
        }
        let (tracepoints, iterators) = (loading::tracepoints(options), loading::iterators(options));
        let finders = if object == WITH_STORAGE { FINDERS } else { &[] };
        let named = [&tracepoints, &iterators, finders].concat();
        let table = programs.map("rings").try_clone_to_owned();
        let table = table.map_err(|source| Error::Map { what: "hand the rings to the programs", source })?;
        let rings: Vec<_> = programs.rings.iter().map(AsRawFd::as_raw_fd).collect();
        let (handed, mut failed) = std::thread::scope(|scope| {
            // After each of these the kernel waits until no program is at work that might see what was there before.
            let handed = scope.spawn(|| sys::set_all(table.as_fd(), &rings));
            let failed = loading::load(&mut programs.ebpf, &named, &btf);
            (handed.join().unwrap_or_else(|_| Err(io::Error::other("a thread has panicked"))), failed)
        });
        handed.map_err(|source| Error::Map { what: "hand the rings to the programs", source })?;
        // Where the kernel refuses these, `/proc` says the same.
        let is_finder = |name| finders.iter().any(|row| row.0 == name);
        programs.can_find = !finders.is_empty() && !failed.iter().any(|failed| is_finder(failed.0));
        failed.retain(|failed| !is_finder(failed.0));
        if let Some((program, source)) = failed.pop() {
            return Err(Error::Load { program, source: Box::new(source) });
        }
        for (program, _) in tracepoints {
            programs.attach_tracepoint(program)?;
        }
        Ok(programs)
    }

    fn attach_tracepoint(&mut self, program: &'static str) -> Result<(), Error> {
        let said = |source| Error::Load { program, source: Box::new(source) };
        let loaded: &mut BtfTracePoint = self.program(program).try_into().map_err(said)?;
        let link = loaded.attach().and_then(|id| loaded.take_link(id)).map_err(said)?;
        self.links.push(link);
        Ok(())
    }

    fn attach_raw(&mut self, program: &'static str, tracepoint: &str) -> Result<(), Error> {
        let said = |source| Error::Load { program, source: Box::new(source) };
        let loaded: &mut RawTracePoint = self.program(program).try_into().map_err(said)?;
        loaded.load().and_then(|()| loaded.attach(tracepoint).map(drop)).map_err(said)
    }

    /// Runs an iterator over all that it goes through. What it writes can be read.
    fn iterate(&mut self, program: &'static str) -> Result<impl io::Read, Error> {
        let said = |source: ProgramError| Error::Load { program, source: Box::new(source) };
        let iterator: &mut Iter = self.program(program).try_into().map_err(said)?;
        let link = iterator.attach().and_then(|id| iterator.take_link(id)).map_err(said)?;
        link.into_file().map_err(|error| Error::Map { what: "go through all tasks", source: io::Error::other(error) })
    }

    /// What the iterators find: tasks, and files that they have open. Nothing where this kernel has no such iterators.
    pub(crate) fn find(&mut self) -> Result<Option<[Vec<u8>; 2]>, Error> {
        if !self.can_find {
            return Ok(None);
        }
        let mut all = [Vec::new(), Vec::new()];
        for (program, to) in ["find_task", "find_file"].into_iter().zip(&mut all) {
            let mut from = self.iterate(program)?;
            let said = |source| Error::Map { what: "go through all tasks", source };
            io::Read::read_to_end(&mut from, to).map_err(said)?;
        }
        Ok(Some(all))
    }

    fn program(&mut self, name: &str) -> &mut Program {
        self.ebpf.program_mut(name).expect("the object that was built in has this program")
    }

    /// Marks the tasks of `roots` and all that descend from them, until a pass over all tasks finds no new one.
    pub(crate) fn adopt(&mut self, roots: &[u32]) -> Result<(), Error> {
        for root in roots {
            sys::update(self.map("roots"), Some(root), &1_u8)
                .map_err(|source| Error::Map { what: "tell the kernel a process", source })?;
        }
        while self.count("adopt", ADOPTED)? > 0 {}
        // Whoever gets one of these numbers later is somebody else.
        for root in roots {
            let _ = sys::delete(self.map("roots"), root);
        }
        Ok(())
    }

    /// How many tasks are looked at, but for those that are ending.
    pub(crate) fn left(&mut self) -> Result<u32, Error> {
        self.count("remain", LEFT)
    }

    /// Runs an iterator over all tasks, and says how many it has counted.
    fn count(&mut self, program: &'static str, counter: usize) -> Result<u32, Error> {
        let before = self.counted()?[counter];
        io::copy(&mut self.iterate(program)?, &mut io::sink())
            .map_err(|source| Error::Map { what: "go through all tasks", source })?;
        Ok(self.counted()?[counter].wrapping_sub(before))
    }

    /// What iterators have counted so far: `counted` of `bpf/state.h`.
    fn counted(&self) -> Result<[u32; 2], Error> {
        let globals = self.ebpf.map(".bss").expect("the object that was built in has variables");
        let said = |error| Error::Map { what: "read a variable of the programs", source: io::Error::other(error) };
        let globals: aya::maps::Array<&MapData, [u32; 2]> = globals.try_into().map_err(said)?;
        globals.get(&0, 0).map_err(said)
    }

    /// Hands out slots, and says what is wanted.
    fn fill(&mut self, options: &Options) -> Result<(), Error> {
        self.hand_out(threads() + SPARE)?;
        let (Scope::Cgroups(wanted) | Scope::PidNamespaces(wanted)) = &options.scope else { return Ok(()) };
        for id in wanted {
            sys::update(self.map("wanted"), Some(id), &1_u8)
                .map_err(|source| Error::Map { what: "tell the kernel a container", source })?;
        }
        Ok(())
    }

    /// Hands slots to the programs until they have had so many. The last that is put in is the first to be taken: low
    /// numbers are used first.
    pub(crate) fn hand_out(&mut self, slots: u32) -> Result<(), Error> {
        let slots = slots.min(SLOTS);
        for slot in (self.slots..slots).rev() {
            sys::update::<u32, u32>(self.map("free_slots"), None, &slot)
                .map_err(|source| Error::Map { what: "hand slots to the programs", source })?;
        }
        self.slots = self.slots.max(slots);
        Ok(())
    }

    /// How many slots the programs have had.
    pub(crate) fn handed_out(&self) -> u32 {
        self.slots
    }

    /// Looks at nothing any more; what was told stays in the rings.
    pub(crate) fn detach(&mut self) {
        self.links.clear();
        sys::wait_for_programs();
    }

    /// Takes out what was counted in one of the two tables, and has programs count in the other one meanwhile. `turn` is
    /// whose turn it was.
    pub(crate) fn drain_sums(&self, turn: u32) -> Result<Vec<(Key, Sum)>, Error> {
        sys::update(self.map("turns"), Some(&0_u32), &(turn + 1))
            .map_err(|source| Error::Map { what: "tell the kernel where to count", source })?;
        sys::wait_for_programs();
        let table = self.map(if turn & 1 == 0 { "sums_even" } else { "sums_odd" });
        let mut totals = Vec::new();
        let each = processors() as usize * tally::SUM_BYTES;
        sys::take_all(table, tally::KEY_BYTES, each, &mut |key, sums| totals.push((tally::key(key), tally::sum(sums))))
            .map_err(|source| Error::Map { what: "read what was counted", source })?;
        Ok(totals)
    }

    /// A map of ours, by its name in `bpf/`.
    fn map(&self, name: &str) -> BorrowedFd<'_> {
        let map = self.ebpf.map(name).expect("the object that was built in has this map");
        let (Map::Array(data)
        | Map::HashMap(data)
        | Map::PerCpuHashMap(data)
        | Map::Stack(data)
        | Map::ArrayOfMaps(data)
        | Map::Unsupported(data)) = map
        else {
            unreachable!("maps of ours are of these kinds")
        };
        data.fd().as_fd()
    }

    /// One ring per processor.
    pub(crate) fn rings(&self) -> &[OwnedFd] {
        &self.rings
    }

    /// The calls under way.
    pub(crate) fn slots(&self) -> Result<Shared, Error> {
        Shared::map(self.map("slots"), 0, SLOTS as usize * SLOT_BYTES, ProtFlags::READ)
            .map_err(|source| Error::Map { what: "map the calls under way", source })
    }

    /// The counters of each processor.
    pub(crate) fn tallies(&self) -> Result<Shared, Error> {
        Shared::map(self.map("tallies"), 0, processors() as usize * TALLY_BYTES, ProtFlags::READ)
            .map_err(|source| Error::Map { what: "map the counters", source })
    }
}

/// How many threads there are on the machine.
fn threads() -> u32 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let threads = load.split_once('/').and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
    threads.unwrap_or(SLOTS)
}

/// How many processors there can be.
pub(crate) fn processors() -> u32 {
    let possible = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    let last = possible.trim().rsplit(['-', ',']).next().and_then(|last| last.parse::<u32>().ok());
    last.map_or(1, |last| last + 1)
}
