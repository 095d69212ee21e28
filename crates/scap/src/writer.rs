//! A capture, written block by block from the structures that the reader gives. Each block goes out in one piece, so
//! that what has arrived is readable to its last whole block whatever happens afterwards.

mod blocks;
mod entry;
mod older;

use std::io::{self, Write};

use crate::block::SECTION;
use crate::descriptor::Descriptor;
use crate::event::{Event, STATE_ONLY};
use crate::machine::{Interface, Machine};
use crate::process::Process;
use crate::reader::Item;
use crate::schema::{Traits, event_type};
use crate::user::Account;
pub use blocks::{Blocks, Packing};
use older::{Older, Other, Told};

/// Who is to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Everybody from sysdig 0.29 on: both ends of each call, types and tables as they were then.
    #[default]
    Legacy,
    /// The newest readers: everything as it is.
    Modern,
}

/// How a beginning is written that was not there, and that older readers need to understand the call's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Beginnings {
    /// As any other: recorders of today leave beginnings out, and have everything in the end.
    #[default]
    Shown,
    /// So that readers do not show it: it was there, and nobody asked for it.
    Hidden,
}

/// Numbers of the blocks that are written; the newest generation of each.
mod kind {
    pub(super) const MACHINE: u32 = 0x201;
    pub(super) const PROCESSES: u32 = 0x215;
    pub(super) const DESCRIPTORS: u32 = 0x218;
    pub(super) const INTERFACES: u32 = 0x219;
    pub(super) const USERS: u32 = 0x220;
    /// Without and with flags; those of 32-bit lengths behind them.
    pub(super) const EVENTS: [[u32; 2]; 2] = [[0x216, 0x217], [0x221, 0x222]];
}

/// Writes a capture.
pub struct Writer<W> {
    out: W,
    profile: Profile,
    older: Older,
    beginnings: Beginnings,
    block: Vec<u8>,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// One that has written nothing yet.
    pub fn new(out: W, profile: Profile) -> Self {
        let (older, beginnings) = (Older::default(), Beginnings::default());
        Writer { out, profile, older, beginnings, block: Vec::new(), written: 0 }
    }

    /// The same, with beginnings that were not there written in this way.
    #[must_use]
    pub fn with_beginnings(self, beginnings: Beginnings) -> Self {
        Writer { beginnings, ..self }
    }

    /// How many bytes were written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Calls of which only the name was written, or not even that, because [`Profile::Legacy`] has no type for them.
    pub fn bare(&self) -> u64 {
        self.older.bare
    }

    /// Where it goes.
    pub fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Begins a section: what follows stands for itself.
    ///
    /// # Errors
    /// What whoever takes the bytes says; so do all others.
    pub fn section(&mut self) -> io::Result<()> {
        self.older.forget();
        self.begin(SECTION);
        self.block.extend(0x1A2B_3C4D_u32.to_le_bytes());
        self.block.extend([1_u16, 2].map(u16::to_le_bytes).as_flattened());
        // The section's length, which nobody knows yet.
        self.block.extend(u64::MAX.to_le_bytes());
        self.end()
    }

    /// The machine.
    pub fn machine(&mut self, machine: &Machine<'_>) -> io::Result<()> {
        self.begin(kind::MACHINE);
        entry::machine(machine, &mut self.block);
        self.end()
    }

    /// Its interfaces.
    pub fn interfaces<'i>(&mut self, all: impl IntoIterator<Item = &'i Interface>) -> io::Result<()> {
        self.begin(kind::INTERFACES);
        all.into_iter().for_each(|interface| entry::interface(interface, &mut self.block));
        self.end()
    }

    /// Its users and groups.
    pub fn users<'u>(&mut self, all: impl IntoIterator<Item = Account<'u>>) -> io::Result<()> {
        self.begin(kind::USERS);
        all.into_iter().for_each(|account| entry::account(&account, self.profile, &mut self.block));
        self.end()
    }

    /// Its threads.
    pub fn processes<'p>(&mut self, all: impl IntoIterator<Item = Process<'p>>) -> io::Result<()> {
        self.begin(kind::PROCESSES);
        all.into_iter().for_each(|process| entry::process(&process, self.profile, &mut self.block));
        self.end()
    }

    /// The descriptors of thread `tid`.
    pub fn descriptors<'d>(&mut self, tid: i64, all: impl IntoIterator<Item = Descriptor<'d>>) -> io::Result<()> {
        self.begin(kind::DESCRIPTORS);
        self.block.extend(tid.to_le_bytes());
        all.into_iter().for_each(|descriptor| entry::descriptor(&descriptor, self.profile, &mut self.block));
        self.end()
    }

    /// What happened.
    pub fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        if self.profile == Profile::Modern {
            // Newer readers too look for a beginning where the thread has begun another call before.
            if self.beginnings == Beginnings::Hidden
                && let Some(beginning) = self.older.beginning(event)
            {
                self.put_other(event, &beginning)?;
            }
            return self.put(event, event.number, || event.params());
        }
        match self.older.tell(event) {
            Told::Same => self.put(event, event.number, || event.params()),
            Told::First(count) => self.put(event, event.number, || event.params().take(count)),
            Told::Otherwise(others) => others.iter().try_for_each(|other| self.put_other(event, other)),
        }
    }

    /// An event in other words, or its beginning.
    fn put_other(&mut self, event: &Event<'_>, other: &Other<'_>) -> io::Result<()> {
        let mut event = *event;
        if event.number & 1 != other.number & 1 && self.beginnings == Beginnings::Hidden {
            event.flags |= STATE_ONLY;
        }
        self.put(&event, other.number, || other.params.iter().map(|param| &**param))
    }

    /// Anything that the reader gives. Blocks of unknown types and gaps are left out, entries behind damage too.
    pub fn item(&mut self, item: &Item<'_>) -> io::Result<()> {
        match item {
            Item::Section { .. } => self.section(),
            Item::Machine(machine) => self.machine(machine),
            Item::Interfaces(all) => self.interfaces(&all.flatten().collect::<Vec<_>>()),
            Item::Users(all) => self.users(all.flatten()),
            Item::Processes(all) => self.processes(all.flatten()),
            Item::Descriptors(all) => self.descriptors(all.tid, all.flatten()),
            Item::Event(event) => self.event(event),
            Item::Other(_) | Item::Gap(_) => Ok(()),
        }
    }

    /// One event of type `number`, with everything else of `event` but its parameters.
    fn put<'p, I: Iterator<Item = &'p [u8]>>(
        &mut self,
        event: &Event<'_>,
        number: u16,
        params: impl Fn() -> I,
    ) -> io::Result<()> {
        let (mut count, mut size, mut longest) = (0_u32, 0, 0);
        for param in params() {
            (count, size, longest) = (count + 1, size + param.len(), longest.max(param.len()));
        }
        // Readers know of a type whether its lengths are long ones; of a type that they do not know, the block says it.
        let large = match event_type(number) {
            Some(kind) => kind.traits.any(Traits::LARGE),
            None => longest > usize::from(u16::MAX),
        };
        if !large && longest > usize::from(u16::MAX) {
            // No reader makes such an event, and no length could say it.
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a parameter of an event is longer than 65535 bytes",
            ));
        }
        self.begin(kind::EVENTS[usize::from(large)][usize::from(event.flags != 0)]);
        let block = &mut self.block;
        block.extend(event.cpu.to_le_bytes());
        if event.flags != 0 {
            block.extend(event.flags.to_le_bytes());
        }
        block.extend(event.ts.to_le_bytes());
        block.extend(event.tid.to_le_bytes());
        let lengths = count as usize * if large { 4 } else { 2 };
        block.extend(u32::try_from(26 + lengths + size).unwrap_or(u32::MAX).to_le_bytes());
        block.extend(number.to_le_bytes());
        block.extend(count.to_le_bytes());
        for param in params() {
            let length = (param.len() as u32).to_le_bytes();
            block.extend_from_slice(if large { &length } else { &length[..2] });
        }
        params().for_each(|param| block.extend_from_slice(param));
        self.end()
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.block.extend(kind.to_le_bytes());
        self.block.extend([0; 4]);
    }

    fn end(&mut self) -> io::Result<()> {
        let padded = self.block.len().next_multiple_of(4);
        self.block.resize(padded, 0);
        let length = u32::try_from(padded + 4)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a table of the capture is longer than 4 GiB"))?;
        self.block.extend(length.to_le_bytes());
        self.block[4..8].copy_from_slice(&length.to_le_bytes());
        self.out.write_all(&self.block)?;
        self.written += u64::from(length);
        Ok(())
    }
}
