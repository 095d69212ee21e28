//! Calls that change numbers of a thread, and events that are no calls: limits, memory, users, processors, containers.

use fathom_scap::Event;
use fathom_scap::schema::number::*;

use super::Transition;
use crate::render::names::CAPABILITIES;
use crate::state::thread::Usage;
use crate::state::{Exec, Now, State};

/// Event types and what they do.
pub(super) const ROWS: &[(u16, Transition)] = &[
    // getrlimit, setrlimit, prlimit
    (GETRLIMIT, State::keep),
    (end(GETRLIMIT), limited),
    (SETRLIMIT, State::keep),
    (end(SETRLIMIT), limited),
    (PRLIMIT, State::keep),
    (end(PRLIMIT), limited_other),
    // setresuid, setresgid, setuid, setgid, setsid, setpgid
    (SETRESUID, State::keep),
    (end(SETRESUID), |state, event, now| became(state, event, now, 1, |thread, id| thread.uid = id)),
    (SETRESGID, State::keep),
    (end(SETRESGID), |state, event, now| became(state, event, now, 1, |thread, id| thread.gid = id)),
    (SETUID, State::keep),
    (end(SETUID), |state, event, now| became(state, event, now, 0, |thread, id| thread.uid = id)),
    (SETGID, State::keep),
    (end(SETGID), |state, event, now| became(state, event, now, 0, |thread, id| thread.gid = id)),
    (end(SETSID), began_session),
    (SETPGID, State::keep),
    // capset; unshare and setns, which can enter a user namespace
    (end(CAPSET), got_capabilities),
    (end(UNSHARE), |state, event, now| entered_namespaces(state, event, now, 1)),
    (end(SETNS), |state, event, now| entered_namespaces(state, event, now, 2)),
    // A processor changes from one thread to another, in two generations.
    (SWITCH_1, switched),
    (SWITCH, switched),
    // brk, mmap, mmap2, munmap
    (end(BRK_4), allocated),
    (end(MMAP), allocated),
    (end(MMAP2), allocated),
    (end(MUNMAP), allocated),
    // Processor time; containers in three generations.
    (PROCESSOR_TIME, used_processor),
    (CONTAINER_OLD, |state, event, _| state.older_container_seen(event)),
    (CONTAINER, State::container_seen),
    (CONTAINER_LONG, State::container_seen),
    // Users and groups of the machine.
    (USER_ADDED, user_seen),
    (GROUP_ADDED, group_seen),
];

/// A user namespace, among the flags of clone.
const USER_NAMESPACE: u32 = 1 << 20;
/// Every capability that there is.
const ALL_CAPABILITIES: u64 = (1 << CAPABILITIES.len()) - 1;
/// The limit of descriptors among all limits.
const DESCRIPTORS: u8 = 7;

fn limited(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let kept = state.take_kept(event, now);
    let resource = kept.as_ref().and_then(|kept| kept.event().u8(0));
    if let (Some(place), Some(0..), Some(DESCRIPTORS), Some(limit)) = (now.thread, event.i64(0), resource, event.i64(1))
        && limit != -1
        && let Some(main) = state.threads.main_or_add(place)
    {
        state.threads[main].fdlimit = limit;
    }
    state.give_back(now, kept);
}

fn limited_other(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let kept = state.take_kept(event, now);
    let asked = kept.as_ref().and_then(|kept| Some((kept.event().i64(0)?, kept.event().u8(1)?)));
    if let (Some((tid, DESCRIPTORS)), Some(0..), Some(limit)) = (asked, event.i64(0), event.i64(1))
        && limit != -1
        && let Some(place) = state.threads.find_or_add(if tid == 0 { event.tid } else { tid })
        && let Some(main) = state.threads.main_or_add(place)
    {
        state.threads[main].fdlimit = limit;
    }
    state.give_back(now, kept);
}

/// Another user or group; `index` says where the call has the number that counts.
fn became(state: &mut State, event: &Event<'_>, now: &mut Now, index: usize, set: fn(&mut crate::state::Thread, u32)) {
    let kept = state.take_kept(event, now);
    let id = kept.as_ref().and_then(|kept| kept.event().u32(index));
    // Of the calls with several numbers, all ones leaves one as it is.
    let id = id.filter(|id| index == 0 || *id != u32::MAX);
    if let (Some(place), Some(0..), Some(id)) = (now.thread, event.i64(0), id) {
        set(&mut state.threads[place], id);
    }
    state.give_back(now, kept);
}

fn began_session(state: &mut State, event: &Event<'_>, now: &mut Now) {
    if let (Some(place), Some(sid @ 0..)) = (now.thread, event.i64(0)) {
        state.threads[place].sid = sid;
    }
}

fn got_capabilities(state: &mut State, event: &Event<'_>, now: &mut Now) {
    if let (Some(place), Some(0), Some(inheritable), Some(permitted), Some(effective)) =
        (now.thread, event.i64(0), event.u64(1), event.u64(2), event.u64(3))
    {
        state.threads[place].capabilities = [inheritable, permitted, effective];
    }
}

/// Who enters a user namespace has all rights in it.
fn entered_namespaces(state: &mut State, event: &Event<'_>, now: &mut Now, flags: usize) {
    if let (Some(place), Some(0..), Some(flags)) = (now.thread, event.i64(0), event.u32(flags))
        && flags & USER_NAMESPACE != 0
    {
        state.threads[place].capabilities = [ALL_CAPABILITIES; 3];
    }
}

fn switched(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let cpu = usize::from(event.cpu);
    if state.switched.len() <= cpu {
        state.switched.resize(cpu + 1, 0);
    }
    let before = std::mem::replace(&mut state.switched[cpu], event.ts);
    now.ran = if before == 0 { 0 } else { event.ts.wrapping_sub(before) };
    let Some(place) = now.thread else { return };
    let ran = &mut state.threads[place].ran;
    *ran = ran.wrapping_add(now.ran);
    let (Some(major), Some(minor)) = (event.u64(1), event.u64(2)) else { return };
    state.threads[place].faults = [major, minor];
    if let (Some(main), Some(size), Some(resident), Some(swapped)) =
        (state.threads.main_or_add(place), event.u32(3), event.u32(4), event.u32(5))
    {
        state.threads[main].memory = [size, resident, swapped];
    }
}

fn allocated(state: &mut State, event: &Event<'_>, now: &mut Now) {
    if let (Some(place), Some(size), Some(resident), Some(swapped)) =
        (now.thread, event.u32(1), event.u32(2), event.u32(3))
    {
        state.threads[place].memory = [size, resident, swapped];
    }
}

/// A text of which something is known.
fn known(event: &Event<'_>, name: &str) -> Option<crate::state::Text> {
    let text = crate::state::path::until_nul(event.named(name)?);
    (!text.is_empty() && text != b"<NA>").then(|| text.into())
}

fn user_seen(state: &mut State, event: &Event<'_>, _: &mut Now) {
    // Users of containers have their own numbers.
    if let (Some(uid), Some(name), None) = (event.u32(0), known(event, "name"), known(event, "container_id")) {
        let (home, shell) = (known(event, "home").unwrap_or_default(), known(event, "shell").unwrap_or_default());
        let gid = event.u32(1).unwrap_or(u32::MAX);
        state.users.insert(uid, crate::state::User { name, home, shell, gid });
    }
}

fn group_seen(state: &mut State, event: &Event<'_>, _: &mut Now) {
    if let (Some(gid), Some(name), None) = (event.u32(0), known(event, "name"), known(event, "container_id")) {
        state.groups.insert(gid, name);
    }
}

fn used_processor(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let Some(place) = now.thread else { return };
    let [user, system] = [0, 1].map(|index| event.u64(index).unwrap_or_default());
    let totals = [user, system, user.wrapping_add(system)];
    let thread = &mut state.threads[place];
    let born = thread.started != 0;
    for (usage, total) in thread.cpu.iter_mut().zip(totals) {
        let known = match state.exec {
            // A recording does not say when a thread began to be told of.
            Exec::Keeps => usage.total != 0,
            Exec::Closes => usage.told || born,
        };
        let recent = if known { total.saturating_sub(usage.total) } else { 0 };
        *usage = Usage { told: true, total, recent };
    }
}
