//! What is known of a machine at one moment of a recording: its threads and their descriptors, users, containers and
//! addresses. Filled from the tables that a capture begins with (`load`), changed by every event (`apply`).

pub mod address;
mod apply;
pub mod cgroup;
pub mod container;
pub mod described;
pub mod descriptor;
mod leaves;
mod load;
pub mod machine;
pub mod path;
pub mod thread;
mod threads;

use std::sync::Arc;

use fathom_scap::Event;
use fathom_scap::schema::number::{CHDIR, end};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::socket::Ports;
pub use address::Addresses;
pub use container::Container;
pub use descriptor::{Descriptor, Table, Thing};
pub use load::OnExec;
pub use machine::Machine;
pub use thread::{Thread, Threads, Tid};
pub use threads::Place;

/// Text of a capture: nobody knows that it is UTF-8. Shared, because children have it from their parents.
pub type Text = Arc<[u8]>;

/// The end of chdir, whose folder is relative to the one before.
const ENTERED: u16 = end(CHDIR);

/// A user of the machine.
#[derive(Debug, Clone, Default)]
pub struct User {
    /// Name.
    pub name: Text,
    /// Home folder.
    pub home: Text,
    /// What a login starts.
    pub shell: Text,
    /// Number of the first group.
    pub gid: u32,
}

/// Everything that is known.
#[derive(Default)]
pub struct State {
    /// Threads by their ids.
    pub threads: Threads,
    /// Users by their numbers.
    pub users: FxHashMap<u32, User>,
    /// Names of groups by their numbers.
    pub groups: FxHashMap<u32, Text>,
    /// Containers by the short form of their ids.
    pub containers: FxHashMap<Text, Container>,
    /// The machine.
    pub machine: Machine,
    /// Its own addresses.
    pub addresses: Addresses,
    /// When the first event happened.
    pub first: u64,
    /// How ports are written.
    pub ports: Ports,
    /// What becomes of descriptors that are closed on exec.
    pub exec: Exec,
    /// Ports that somebody listened on when the recording began.
    servers: FxHashSet<u16>,
    /// When each processor last changed from one thread to another.
    switched: Vec<u64>,
    /// Descriptors that end with the event that was seen last, and whose they are.
    closing: (Tid, Vec<i64>),
    /// Whose cgroups those are that are not called by an id.
    leaves: leaves::Leaves,
    /// Cgroups that nobody was asked about yet.
    strangers: leaves::Strangers,
    /// Stands for the thread of an event: where it describes a container, or is of a thread that has changed since.
    described: Option<Box<Thread>>,
    /// The thread that ended with it.
    exiting: Option<Tid>,
}

/// What becomes of descriptors that are closed on exec; and with that, whether everything is known from its beginning on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exec {
    /// They are known until their numbers are given again, as to sysdig 0.29.3: its text has their names afterwards.
    #[default]
    Keeps,
    /// They end.
    Closes,
}

/// One event's place in the state: whose it is, and which descriptor it is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Now {
    /// The thread, where events of this type are a thread's own.
    pub thread: Option<Place>,
    /// The descriptor.
    pub fd: Option<Handle>,
    /// Whether the descriptor's name is another one than before.
    pub renamed: bool,
    /// It is a message to the system's log, and may be shown as one.
    pub logged: bool,
    /// It is not to be shown.
    pub hidden: bool,
    /// It describes a container, which stands in the thread's place, or what the thread was does.
    pub describes: bool,
    /// Nanoseconds that the thread ran that the processor changes from.
    pub ran: u64,
}

/// A descriptor in the table of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle {
    /// Whose table it is in.
    pub table: Place,
    /// Its number.
    pub fd: i64,
}

impl State {
    /// Nothing is known yet.
    pub fn new(ports: Ports) -> Self {
        State { ports, ..State::default() }
    }

    /// From now on [`State::new_cgroups`] has every cgroup in which a thread is seen for the first time, those of threads
    /// that are known already and looked at included.
    pub fn watch_cgroups(&mut self) {
        self.strangers.begin();
        let looked_at = self.threads.iter().filter(|thread| !thread.aside);
        let known: Vec<Text> = looked_at.map(|thread| thread.cgroups.clone()).collect();
        known.iter().for_each(|cgroups| self.strangers.meet(cgroups));
    }

    /// Cgroups that were not there before, each as [`Thread::cgroups`] has them.
    #[inline]
    pub fn new_cgroups(&mut self) -> Vec<Text> {
        self.strangers.take()
    }

    /// The descriptor behind a handle, if it is still there.
    #[inline]
    pub fn descriptor(&self, handle: Handle) -> Option<&Descriptor> {
        self.threads[handle.table].fds.get(handle.fd)
    }

    /// Where descriptor `fd` of a thread is.
    #[inline]
    pub fn handle(&self, thread: Place, fd: i64) -> Option<Handle> {
        if fd < 0 {
            return None;
        }
        let table = self.threads.table_of(thread)?;
        self.threads[table].fds.get(fd).map(|_| Handle { table, fd })
    }

    /// Descriptor `fd` of a thread.
    pub fn descriptor_of(&self, thread: Place, fd: i64) -> Option<&Descriptor> {
        self.handle(thread, fd).and_then(|handle| self.descriptor(handle))
    }

    /// The thread that an event is shown to be of.
    #[inline]
    pub fn shown(&self, now: &Now, event: &Event<'_>) -> Option<&Thread> {
        if now.describes {
            return self.described.as_deref();
        }
        now.thread.or_else(|| self.threads.find(event.tid)).map(|place| &self.threads[place])
    }

    /// An event of `thread` as it was.
    pub(crate) fn stand_in(&mut self, thread: Thread) -> Now {
        self.described = Some(Box::new(thread));
        Now { describes: true, ..Now::default() }
    }

    /// An event of thread `tid` that changes nothing.
    pub(crate) fn find_caller(&mut self, tid: Tid) -> Now {
        Now { thread: self.threads.find_or_add(tid), ..Now::default() }
    }

    /// The folder of the event's thread, if the event may change it.
    pub(crate) fn folder_before(&self, event: &Event<'_>, now: &Now) -> Option<Text> {
        (event.number == ENTERED).then(|| now.thread.map(|place| self.threads[place].cwd.clone())).flatten()
    }

    /// Puts the event's thread into another folder; the one where it was.
    pub(crate) fn exchange_folder(&mut self, now: &Now, folder: Text) -> Text {
        match now.thread {
            Some(place) => std::mem::replace(&mut self.threads[place].cwd, folder),
            None => folder,
        }
    }

    /// What is known of the container of `thread`.
    pub fn container_of(&self, thread: &Thread) -> Option<&Container> {
        self.containers.get(&thread.container)
    }

    /// Whether `address` is one of the machine's own, or of the container of `thread`.
    pub fn is_local(&self, address: std::net::IpAddr, thread: &Thread) -> bool {
        if let Some(local) = self.in_container(address, thread) {
            return local;
        }
        self.addresses.has(address)
    }

    /// What the containers' own addresses say, if they say anything.
    fn in_container(&self, address: std::net::IpAddr, thread: &Thread) -> Option<bool> {
        if thread.container.is_empty() {
            return None;
        }
        let std::net::IpAddr::V4(address) = address else { return Some(false) };
        let container = self.container_of(thread)?;
        let own = match container.address {
            Some(own) => own == address,
            // It shares somebody else's network; nobody says whose. No address is as good as the one that means none.
            None => {
                let address = Some(address).filter(|address| !address.is_unspecified());
                self.containers.values().any(|other| other.address == address)
            }
        };
        own.then_some(true)
    }
}
