//! What is known at one moment, as the tables that a recording begins with: the other direction of `state/load.rs`.

use std::io;
use std::net::IpAddr;

use fathom_scap::descriptor::{Descriptor as Kept, Thing as KeptThing};
use fathom_scap::event::{Head, Kept as Described};
use fathom_scap::schema::number::{CONTAINER, CONTAINER_LONG};
use fathom_scap::user::Account;
use fathom_scap::{Event, Machine, Process, Writer};
use rustc_hash::FxHashSet;

use super::Keeper;
use super::whom::{Told, Whom};
use crate::state::descriptor::{Descriptor, Thing, flag};
use crate::state::thread::{Thread, flag as thread_flag};
use crate::state::{Container, State, User};

/// Writes what of them is of `whom`. `time` is that of the event that follows; `preface` has descriptions of containers as
/// somebody else wrote them, if nothing has happened since.
pub(super) fn write(
    state: &State,
    whom: &Whom,
    (time, preface): (u64, &[Described]),
    writer: &mut Writer<Box<dyn Keeper>>,
) -> io::Result<()> {
    writer.section()?;
    let machine = &state.machine;
    writer.machine(&Machine {
        cpus: machine.cpus,
        memory: machine.memory,
        max_pid: machine.max_pid,
        hostname: &machine.hostname,
        booted: machine.booted,
    })?;
    writer.interfaces(state.addresses.interfaces())?;
    writer.users(accounts(state))?;
    let told = |thread: &&Thread| is_worth_it(thread) && whom.told(thread) != Told::Nothing;
    let mut threads: Vec<&Thread> = state.threads.iter().filter(told).collect();
    threads.sort_unstable_by_key(|thread| thread.tid);
    writer.processes(threads.iter().map(|thread| match whom.told(thread) {
        Told::Everything => process(thread),
        Told::Name | Told::Nothing => name(thread),
    }))?;
    threads.retain(|thread| whom.told(thread) == Told::Everything);
    let listening = listening(&threads);
    for thread in threads.into_iter().filter(|thread| !thread.fds.is_empty()) {
        let mut open: Vec<_> = thread.fds.iter().filter_map(|(fd, open)| descriptor(*fd, open, &listening)).collect();
        open.sort_unstable_by_key(|open| open.fd);
        writer.descriptors(thread.tid, open)?;
    }
    if !preface.is_empty() && whom.is_everybody() {
        return preface.iter().try_for_each(|described| writer.event(&described.event()));
    }
    let is_told = |one: &&Container| !one.said.is_empty() && whom.has_container(&one.id);
    let mut containers: Vec<&Container> = state.containers.values().filter(is_told).collect();
    containers.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    containers.into_iter().try_for_each(|container| describe(container, time, writer))
}

/// Of a thread that somebody has mentioned and nobody has described, there is nothing to say.
fn is_worth_it(thread: &Thread) -> bool {
    thread.flags & thread_flag::CLOSED == 0 && !(thread.is_unknown() && thread.fds.is_empty() && thread.cwd.is_empty())
}

fn accounts<'s>(state: &'s State) -> Vec<Account<'s>> {
    let mut users: Vec<_> = state.users.iter().collect();
    users.sort_unstable_by_key(|(uid, _)| **uid);
    let mut groups: Vec<_> = state.groups.iter().collect();
    groups.sort_unstable_by_key(|(gid, _)| **gid);
    let user = |(uid, user): (&u32, &'s User)| {
        let User { name, home, shell, gid } = user;
        Account::User { uid: *uid, gid: *gid, name, home, shell }
    };
    let groups = groups.into_iter().map(|(gid, name)| Account::Group { gid: *gid, name });
    users.into_iter().map(user).chain(groups).collect()
}

/// Of a process outside of what is looked at: that it is there, what it is called, and whose child it is.
fn name(thread: &Thread) -> Process<'_> {
    Process {
        tid: thread.tid,
        pid: thread.pid,
        ptid: thread.ptid,
        sid: thread.sid,
        vpgid: thread.vpgid,
        pgid: thread.pgid,
        vtid: thread.vtid,
        vpid: thread.vpid,
        comm: &thread.comm,
        flags: thread.flags & !thread_flag::ACTIVE,
        uid: thread.uid,
        gid: thread.gid,
        loginuid: thread.loginuid,
        ..Process::default()
    }
}

fn process(thread: &Thread) -> Process<'_> {
    let [vmsize, vmrss, vmswap] = thread.memory;
    let [pfmajor, pfminor] = thread.faults;
    Process {
        tid: thread.tid,
        pid: thread.pid,
        ptid: thread.ptid,
        sid: thread.sid,
        vpgid: thread.vpgid,
        comm: &thread.comm,
        exe: &thread.exe,
        exepath: &thread.exepath,
        args: &thread.args,
        // As the system says it: the root alone ends with a slash.
        cwd: match &thread.cwd[..] {
            b"/" => b"/",
            cwd => cwd.strip_suffix(b"/").unwrap_or(cwd),
        },
        fdlimit: thread.fdlimit,
        flags: thread.flags & !thread_flag::ACTIVE,
        uid: thread.uid,
        gid: thread.gid,
        vmsize,
        vmrss,
        vmswap,
        pfmajor,
        pfminor,
        env: &thread.env,
        vtid: thread.vtid,
        vpid: thread.vpid,
        cgroups: &thread.cgroups,
        root: &thread.root,
        loginuid: thread.loginuid,
        exe_writable: thread.exe_writable,
        tty: thread.tty,
        pgid: thread.pgid,
        capabilities: thread.capabilities,
        namespace_began: thread.namespace_began,
        program: thread.program,
    }
}

/// Ports that readers will know somebody listens on.
fn listening(threads: &[&Thread]) -> FxHashSet<u16> {
    let open = threads.iter().flat_map(|thread| thread.fds.iter());
    let servers = open.filter(|(_, open)| matches!(open.thing, Thing::V4Server | Thing::V6Server));
    servers.map(|(_, open)| open.tuple.dport).collect()
}

fn descriptor<'d>(fd: i64, open: &'d Descriptor, listening: &FxHashSet<u16>) -> Option<Kept<'d>> {
    // It has ended, and is there until another event begins.
    if fd == i64::MAX {
        return None;
    }
    let thing = match open.thing {
        Thing::Unknown => return None,
        Thing::V4 | Thing::V6 => stream(open, listening)?,
        Thing::V4Server | Thing::V6Server => server(open)?,
        Thing::Unix => KeptThing::Unix { source: open.pair.0, target: open.pair.1, name: &open.name },
        Thing::File => KeptThing::File { open_flags: open.open_flags, name: &open.name, device: open.device },
        _ => KeptThing::Named(&open.name),
    };
    Some(Kept { fd, inode: open.inode, number: open.thing.number(), thing })
}

fn stream<'d>(open: &Descriptor, listening: &FxHashSet<u16>) -> Option<KeptThing<'d>> {
    let mut tuple = open.tuple;
    // Tables have the own end first; whoever reads them finds out that somebody listens on its port, and turns it.
    if open.thing == Thing::V4 && open.flags & flag::SERVER != 0 && listening.contains(&tuple.dport) {
        std::mem::swap(&mut tuple.source, &mut tuple.target);
        std::mem::swap(&mut tuple.sport, &mut tuple.dport);
    }
    let (sport, dport, transport) = (tuple.sport, tuple.dport, tuple.transport);
    match (tuple.source, tuple.target) {
        (IpAddr::V4(source), IpAddr::V4(target)) if open.thing == Thing::V4 => {
            Some(KeptThing::V4 { source, target, sport, dport, transport })
        }
        (source, target) => {
            let [source, target] = [source, target].map(|address| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            });
            (open.thing == Thing::V6).then_some(KeptThing::V6 { source, target, sport, dport, transport })
        }
    }
}

fn server<'d>(open: &Descriptor) -> Option<KeptThing<'d>> {
    let (port, transport) = (open.tuple.dport, open.tuple.transport);
    match (open.thing, open.tuple.target) {
        (Thing::V4Server, IpAddr::V4(address)) => Some(KeptThing::V4Server { address, port, transport }),
        (Thing::V6Server, IpAddr::V6(address)) => Some(KeptThing::V6Server { address, port, transport }),
        (Thing::V6Server, IpAddr::V4(address)) => {
            Some(KeptThing::V6Server { address: address.to_ipv6_mapped(), port, transport })
        }
        _ => None,
    }
}

fn describe(container: &Container, time: u64, writer: &mut Writer<Box<dyn Keeper>>) -> io::Result<()> {
    let said = [&container.said[..], b"\0"].concat();
    let (number, lengths) = match u16::try_from(said.len()) {
        Ok(length) => (CONTAINER, length.to_le_bytes().to_vec()),
        Err(_) => (CONTAINER_LONG, (said.len() as u32).to_le_bytes().to_vec()),
    };
    writer.event(&Event::new(Head { ts: time, tid: -1, number, cpu: 0 }, &lengths, &said))
}
