//! The tables that a capture begins with.

use fathom_scap::descriptor::{Descriptor as Loaded, Thing as LoadedThing};
use fathom_scap::user::Account;
use fathom_scap::{Damage, Descriptors, Interface, Interfaces, Process, Processes, Transport, Users};

use super::container::Container;
use super::descriptor::{Descriptor, Thing, Tuple, flag};
use super::thread::flag as thread_flag;
use super::{State, Text, Thread, Tid, User, cgroup};
use crate::socket::{self, Ports};

/// What becomes of a descriptor when its process executes another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExec {
    /// Captures do not say it of everything.
    Unknown,
    /// It stays.
    Stays,
    /// It ends.
    Ends,
}

impl State {
    /// Forgets everything, for another section.
    pub fn clear(&mut self) {
        *self = State { ports: self.ports, exec: self.exec, ..State::default() };
    }

    /// Users and groups.
    pub fn load_users(&mut self, users: Users<'_>) -> Result<(), Damage> {
        for account in users {
            self.load_account(&account?);
        }
        Ok(())
    }

    /// A user or a group.
    pub fn load_account(&mut self, account: &Account<'_>) {
        match *account {
            Account::User { uid, gid, name, home, shell } => {
                self.users.insert(uid, User { name: name.into(), home: home.into(), shell: shell.into(), gid });
            }
            Account::Group { gid, name } => {
                self.groups.insert(gid, name.into());
            }
        }
    }

    /// Interfaces. They count once all tables are there.
    pub fn load_interfaces(&mut self, interfaces: Interfaces<'_>) -> Result<(), Damage> {
        for interface in interfaces {
            self.load_interface(&interface?);
        }
        Ok(())
    }

    /// An interface.
    pub fn load_interface(&mut self, interface: &Interface) {
        self.addresses.add(interface);
    }

    /// Processes.
    pub fn load_processes(&mut self, processes: Processes<'_>) -> Result<(), Damage> {
        for process in processes {
            self.load_process(&process?);
        }
        Ok(())
    }

    /// A thread.
    pub fn load_process(&mut self, process: &Process<'_>) {
        let mut thread = thread(process);
        self.settle(&mut thread);
        self.threads.put(thread);
    }

    /// The thread is none of those that are looked at, until something is seen of it.
    #[cfg(target_os = "linux")]
    pub(crate) fn put_aside(&mut self, tid: Tid) {
        if let Some(place) = self.threads.find(tid) {
            self.threads[place].aside = true;
        }
    }

    /// Descriptors of one thread; of a thread that is not there, none.
    pub fn load_descriptors(&mut self, descriptors: Descriptors<'_>) -> Result<(), Damage> {
        let tid = descriptors.tid;
        if self.threads.find(tid).is_none() {
            return Ok(());
        }
        for loaded in descriptors {
            self.load_descriptor(tid, &loaded?, OnExec::Unknown);
        }
        Ok(())
    }

    /// A descriptor of one thread; of a thread that is not there, none.
    pub fn load_descriptor(&mut self, tid: Tid, loaded: &Loaded<'_>, on_exec: OnExec) {
        let Some(place) = self.threads.find(tid) else { return };
        let Some(mut descriptor) = descriptor(&loaded.thing, loaded.number, self.ports) else { return };
        descriptor.inode = loaded.inode;
        if on_exec != OnExec::Unknown {
            descriptor.set_ends_on_exec(on_exec == OnExec::Ends);
        }
        if matches!(descriptor.thing, Thing::V4Server | Thing::V6Server) {
            self.servers.insert(descriptor.tuple.dport);
        }
        if contains(&descriptor.name, b"/dev/log") {
            descriptor.flags |= flag::LOG;
        }
        self.threads[place].fds.add(loaded.fd, descriptor);
    }

    /// All tables are there: who belongs to whom, and who began which connection?
    pub fn finish_loading(&mut self) {
        self.threads.count_children();
        let (servers, ports) = (&self.servers, self.ports);
        for descriptor in self.threads.slots.iter_mut().flat_map(|thread| thread.fds.iter_mut()) {
            if descriptor.thing != Thing::V4 {
                continue;
            }
            if servers.contains(&descriptor.tuple.sport) {
                descriptor.tuple.turn();
                let mut name = Vec::new();
                socket::write_tuple(&descriptor.tuple, ports, &mut name);
                descriptor.name = name.into();
                descriptor.flags |= flag::SERVER;
            } else {
                descriptor.flags |= flag::CLIENT;
            }
        }
    }

    /// Puts a container in that somebody knows from elsewhere.
    pub fn add_container(&mut self, container: Container) {
        self.containers.insert(container.id.clone(), container);
    }
}

fn thread(process: &Process<'_>) -> Thread {
    let mut thread = Thread {
        pid: process.pid,
        ptid: process.ptid,
        sid: process.sid,
        vpgid: process.vpgid,
        pgid: process.pgid,
        vtid: process.vtid,
        vpid: process.vpid,
        comm: process.comm.into(),
        exe: process.exe.into(),
        exepath: process.exepath.into(),
        args: process.args.into(),
        root: process.root.into(),
        cgroups: cgroup::normalised(process.cgroups),
        flags: process.flags | thread_flag::ACTIVE,
        uid: process.uid,
        gid: process.gid,
        loginuid: process.loginuid,
        tty: process.tty,
        exe_writable: process.exe_writable,
        program: process.program,
        capabilities: process.capabilities,
        namespace_began: process.namespace_began,
        fdlimit: process.fdlimit,
        memory: [process.vmsize, process.vmrss, process.vmswap],
        faults: [process.pfmajor, process.pfminor],
        ..Thread::blank(process.tid)
    };
    // Others have these from their main thread.
    if thread.is_main() {
        thread.env = environment(process.env);
        thread.enter_folder(process.cwd);
    }
    thread
}

/// Variables up to where nothing but NULs follows.
pub(super) fn environment(env: &[u8]) -> Text {
    let used = env.len() - env.iter().rev().take_while(|byte| **byte == 0).count();
    // The last one's own NUL.
    env[..env.len().min(used + usize::from(used > 0))].into()
}

fn descriptor(loaded: &LoadedThing<'_>, number: u8, ports: Ports) -> Option<Descriptor> {
    let connected = |transport: Transport| if transport == Transport::Tcp { flag::CONNECTED } else { 0 };
    let stream = |thing: Thing, tuple: Tuple| {
        let mut name = Vec::new();
        socket::write_tuple(&tuple, ports, &mut name);
        Descriptor { tuple, flags: connected(tuple.transport), ..Descriptor::named(thing, name) }
    };
    let server = |thing: Thing, tuple: Tuple| {
        let mut name = Vec::new();
        socket::write_end(tuple.target, tuple.dport, tuple.transport, ports, &mut name);
        Descriptor { tuple, ..Descriptor::named(thing, name) }
    };
    Some(match *loaded {
        LoadedThing::V4 { source, target, sport, dport, transport } => {
            stream(Thing::V4, Tuple { source: source.into(), target: target.into(), sport, dport, transport })
        }
        LoadedThing::V6 { source, target, sport, dport, transport } => {
            match (socket::inner(source), socket::inner(target)) {
                (Some(source), Some(target)) => {
                    stream(Thing::V4, Tuple { source: source.into(), target: target.into(), sport, dport, transport })
                }
                _ => stream(Thing::V6, Tuple { source: source.into(), target: target.into(), sport, dport, transport }),
            }
        }
        LoadedThing::V4Server { address, port, transport } => {
            server(Thing::V4Server, Tuple { target: address.into(), dport: port, transport, ..Tuple::default() })
        }
        LoadedThing::V6Server { address, port, transport } => {
            server(Thing::V6Server, Tuple { target: address.into(), dport: port, transport, ..Tuple::default() })
        }
        LoadedThing::Unix { source, target, name } => Descriptor {
            pair: (source, target),
            flags: if name.is_empty() { flag::CLIENT } else { flag::SERVER },
            ..Descriptor::named(Thing::Unix, name)
        },
        LoadedThing::File { open_flags, name, device } => {
            let flags = Descriptor::layer(open_flags);
            Descriptor { open_flags, device, flags, ..Descriptor::named(Thing::File, name) }
        }
        LoadedThing::Named(name) => Descriptor::named(Thing::of(number), name),
        LoadedThing::Unknown => return None,
    })
}

/// Whether `part` is in `whole`.
pub(super) fn contains(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}
