//! Calls that make, copy and end descriptors which are no sockets, and those that change the working folder.

use fathom_scap::Event;
use fathom_scap::schema::number::*;

use super::Transition;
use crate::state::descriptor::{CLOSE_ON_EXEC, Descriptor, REPLACED, Thing, flag};
use crate::state::load::contains;
use crate::state::thread::flag as thread_flag;
use crate::state::threads::Place;
use crate::state::{Handle, Now, State, path};

/// Event types and what they do.
pub(super) const ROWS: &[(u16, Transition)] = &[
    // open, creat, openat in three generations, openat2, open_by_handle_at
    (OPEN, State::keep),
    (end(OPEN), opened),
    (CREAT, State::keep),
    (end(CREAT), opened),
    (OPENAT, State::keep),
    (end(OPENAT), opened),
    (OPENAT_2, State::keep),
    (end(OPENAT_2), opened),
    (OPENAT2, State::keep),
    (end(OPENAT2), opened),
    (end(OPEN_BY_HANDLE_AT), opened_by_handle),
    // close
    (CLOSE, closing),
    (end(CLOSE), closed),
    // dup, dup in its newer form, dup2, dup3; fcntl can do the same
    (end(DUP), copied),
    (end(DUP2), copied),
    (end(DUP3), copied),
    (end(DUP_1), copied),
    (FCNTL, fcntl),
    (end(FCNTL), fcntl_ended),
    // pipe, pipe2
    (end(PIPE), piped),
    (end(PIPE2), piped),
    // eventfd, signalfd, timerfd_create, inotify_init, and their newer forms
    (EVENTFD, State::keep),
    (end(EVENTFD), |state, event, now| made(state, event, now, Thing::Event)),
    (end(SIGNALFD), |state, event, now| made(state, event, now, Thing::Signal)),
    (end(TIMERFD_CREATE), |state, event, now| made(state, event, now, Thing::Timer)),
    (end(INOTIFY_INIT), |state, event, now| made(state, event, now, Thing::Inotify)),
    (end(EPOLL_CREATE), |state, event, now| made(state, event, now, Thing::Epoll)),
    (end(EPOLL_CREATE1), |state, event, now| made(state, event, now, Thing::Epoll)),
    (end(INOTIFY_INIT1), |state, event, now| made(state, event, now, Thing::Inotify)),
    (end(EVENTFD2), |state, event, now| made(state, event, now, Thing::Event)),
    (end(SIGNALFD4), |state, event, now| made(state, event, now, Thing::Signal)),
    (end(IO_URING_SETUP), |state, event, now| made(state, event, now, Thing::IoUring)),
    (end(MEMFD_CREATE), |state, event, now| made(state, event, now, Thing::Memory)),
    (end(PIDFD_OPEN), |state, event, now| made(state, event, now, Thing::Process)),
    // chdir, fchdir, getcwd, chroot
    (CHDIR, State::keep),
    (end(CHDIR), entered),
    (FCHDIR, State::keep),
    (end(FCHDIR), entered_descriptor),
    (end(GETCWD), entered),
    (end(CHROOT), changed_root),
];

/// The command of `fcntl` that copies a descriptor.
const COPY: u8 = 1;
/// The one whose copy ends when another program is executed.
const COPY_ENDING: u8 = 26;
/// The one that says whether a descriptor does.
const SET: u8 = 3;
/// The working folder, where a descriptor could be given.
const HERE: i64 = -100;
/// The end of creat.
const CREATED: u16 = end(CREAT);
/// The flag of a folder among those of open.
const FOLDER: u32 = 1 << 10;

/// Where things stand in an event that opens something: descriptor of a folder, name, flags, and the device.
struct Layout {
    folder: Option<usize>,
    name: usize,
    flags: Option<usize>,
    device: Option<usize>,
    inode: Option<usize>,
}

impl Layout {
    /// On the way out, by type.
    fn out(number: u16) -> Option<Self> {
        Some(match number {
            3 => Layout { folder: None, name: 1, flags: Some(2), device: Some(4), inode: Some(5) },
            59 => Layout { folder: None, name: 1, flags: None, device: Some(3), inode: Some(4) },
            307 => Layout { folder: Some(1), name: 2, flags: Some(3), device: Some(5), inode: Some(6) },
            327 => Layout { folder: Some(1), name: 2, flags: Some(3), device: Some(6), inode: Some(7) },
            _ => return None,
        })
    }

    /// On the way in, which the kernel has not looked at yet.
    fn into(number: u16) -> Self {
        let first = usize::from(!matches!(number, 2 | 58));
        Layout {
            folder: (first == 1).then_some(0),
            name: first,
            flags: (number != CREAT).then_some(first + 1),
            device: None,
            inode: None,
        }
    }
}

/// What was opened, and from where.
struct Opening<'a> {
    folder: i64,
    name: &'a [u8],
    flags: u32,
}

impl<'a> Opening<'a> {
    fn of(event: &Event<'a>, layout: &Layout) -> Option<Self> {
        Some(Opening {
            folder: layout.folder.map_or(Some(HERE), |index| event.i64(index))?,
            name: event.param(layout.name)?,
            flags: layout.flags.map_or(Some(0), |index| event.u32(index))?,
        })
    }
}

fn opened(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let Some(place) = now.thread else { return };
    let kept = state.take_kept(event, now);
    let fd = event.i64(0).unwrap_or(-1);
    let layout = Layout::out(event.number);
    let device = layout.as_ref().and_then(|layout| event.u32(layout.device?)).unwrap_or_default();
    let inode = layout.as_ref().and_then(|layout| event.u64(layout.inode?)).unwrap_or_default();
    // Which layer a file is in is known when it is open.
    let layer = match event.number {
        CREATED => event.u16(5).map_or(0, |flags| Descriptor::layer(u32::from(flags & 3) << 15)),
        _ => layout.as_ref().and_then(|layout| event.u32(layout.flags?)).map_or(0, Descriptor::layer),
    };
    let mut opening = layout.as_ref().and_then(|layout| Opening::of(event, layout));
    // What was asked for is better than what came back, except where nobody could read it.
    let before = kept.as_ref().and_then(|kept| {
        let event = kept.event();
        Opening::of(&event, &Layout::into(event.number))
            .map(|opening| (opening.folder, opening.name.to_vec(), opening.flags))
    });
    if let Some((folder, name, flags)) = &before
        && (layout.is_none() || (!name.is_empty() && path::until_nul(name) != b"(NULL)"))
    {
        opening = Some(Opening { folder: *folder, name, flags: *flags });
    }
    if let Some(opening) = opening {
        let whole = resolve(state, place, now, layout.is_none_or(|layout| layout.folder.is_some()), &opening);
        if fd >= 0 {
            let thing = if opening.flags & FOLDER != 0 { Thing::Folder } else { Thing::File };
            let named = Descriptor::named(thing, whole);
            let mut descriptor = Descriptor { open_flags: opening.flags, device, inode, flags: layer, ..named };
            if contains(&descriptor.name, b"/dev/log") {
                descriptor.flags |= flag::LOG;
            }
            now.renamed = !descriptor.name.is_empty();
            now.fd = state.add_descriptor(place, fd, descriptor);
        }
    }
    state.give_back(now, kept);
}

/// The whole path of what was opened.
fn resolve(state: &mut State, place: Place, now: &mut Now, by_descriptor: bool, opening: &Opening<'_>) -> Vec<u8> {
    let name = opening.name;
    if !by_descriptor {
        return path::join(&folder_of(state, place), name);
    }
    if name.first() == Some(&b'/') {
        return path::join(b".", name);
    }
    if opening.folder == HERE {
        return path::join(&folder_of(state, place), name);
    }
    // Whether it succeeds or not, the folder is the descriptor that the event is about.
    now.fd = state.find_descriptor(place, opening.folder);
    match now.fd.and_then(|handle| state.descriptor(handle)) {
        Some(folder) => path::join(&[&folder.name[..], b"/"].concat(), name),
        None => path::join(b"<UNKNOWN>", name),
    }
}

/// The working folder of a thread's process.
pub(super) fn folder_of(state: &mut State, place: Place) -> crate::state::Text {
    state.threads.main_or_add(place).map_or_else(|| b"./"[..].into(), |main| state.threads[main].cwd.clone())
}

fn opened_by_handle(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let (Some(place), Some(fd), Some(name)) = (now.thread, event.i64(0).filter(|fd| *fd >= 0), event.named("path"))
    else {
        return;
    };
    let name = path::join(&folder_of(state, place), name);
    now.renamed = true;
    let (device, inode) = (event.u32(4).unwrap_or_default(), event.u64(5).unwrap_or_default());
    let flags = event.u32(2).map_or(0, Descriptor::layer);
    let file = Descriptor { device, inode, flags, ..Descriptor::named(Thing::File, name) };
    now.fd = state.add_descriptor(place, fd, file);
}

fn closing(state: &mut State, _: &Event<'_>, now: &mut Now) {
    if let Some(handle) = now.fd
        && let Some(descriptor) = state.descriptor_mut(handle)
    {
        descriptor.flags |= flag::CLOSING;
    }
}

fn closed(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let (Some(place), Some(handle)) = (now.thread, now.fd) else { return };
    let failed = event.i64(0).unwrap_or(-1) < 0;
    let last = state.threads[place].last_fd;
    let Some(descriptor) = state.descriptor_mut(handle) else { return };
    if failed {
        descriptor.flags &= !flag::CLOSING;
        return;
    }
    let replaced = descriptor.has(flag::REPLACED);
    descriptor.flags &= !flag::REPLACED;
    state.end(place, if replaced { REPLACED } else { last });
}

fn copied(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let (Some(place), Some(fd)) = (now.thread, event.i64(0).filter(|fd| *fd >= 0)) else { return };
    if fd <= 1 {
        state.threads[place].flags |= thread_flag::PIPES;
    }
    let ends = event.u32(3).is_some_and(|flags| flags & CLOSE_ON_EXEC != 0);
    copy(state, now, (place, fd), ends);
}

fn copy(state: &mut State, now: &mut Now, (place, fd): (Place, i64), ends_on_exec: bool) {
    if let Some(mut descriptor) = now.fd.and_then(|handle| state.descriptor(handle)).cloned() {
        descriptor.set_ends_on_exec(ends_on_exec);
        now.fd = state.add_descriptor(place, fd, descriptor);
    }
}

fn fcntl(state: &mut State, event: &Event<'_>, now: &mut Now) {
    match event.u8(1) {
        Some(COPY | COPY_ENDING) => state.keep(event, now),
        // What is set is not recorded: better a name that is too old than none.
        Some(SET) => {
            if let Some(descriptor) = now.fd.and_then(|handle| state.descriptor_mut(handle)) {
                descriptor.set_ends_on_exec(false);
            }
        }
        _ => {}
    }
}

fn fcntl_ended(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let kept = state.take_kept(event, now);
    if let (Some(place), Some(call), Some(fd)) = (now.thread, &kept, event.i64(0).filter(|fd| *fd >= 0)) {
        copy(state, now, (place, fd), call.event().u8(1) == Some(COPY_ENDING));
    }
    state.give_back(now, kept);
}

fn piped(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let Some(place) = now.thread else { return };
    if event.i64(0).unwrap_or(-1) < 0 {
        return;
    }
    let inode = event.u64(3).unwrap_or_default();
    for fd in [event.i64(1), event.i64(2)].into_iter().flatten() {
        let open_flags = event.u32(4).unwrap_or_default();
        let pipe = Descriptor { inode, open_flags, ..Descriptor::named(Thing::Pipe, &b""[..]) };
        now.fd = state.add_descriptor(place, fd, pipe);
    }
}

fn made(state: &mut State, event: &Event<'_>, now: &mut Now, thing: Thing) {
    if let (Some(place), Some(fd)) = (now.thread, event.i64(0).filter(|fd| *fd >= 0)) {
        now.fd = state.add_descriptor(place, fd, Descriptor::named(thing, &b""[..]));
    }
}

fn entered(state: &mut State, event: &Event<'_>, now: &mut Now) {
    if let (Some(place), Some(0..), Some(folder)) = (now.thread, event.i64(0), event.param(1)) {
        enter(state, place, folder);
    }
}

fn entered_descriptor(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let name = |state: &State, handle: Handle| state.descriptor(handle).map(|descriptor| descriptor.name.clone());
    if let (Some(place), Some(0..), Some(handle)) = (now.thread, event.i64(0), now.fd)
        && let Some(folder) = name(state, handle)
    {
        enter(state, place, &folder);
    }
}

fn enter(state: &mut State, place: Place, folder: &[u8]) {
    if let Some(main) = state.threads.main_or_add(place) {
        state.threads[main].enter_folder(folder);
    }
}

fn changed_root(state: &mut State, event: &Event<'_>, now: &mut Now) {
    if let (Some(place), Some(0), Some(root)) = (now.thread, event.i64(0), event.param(1)) {
        let root = path::join(&folder_of(state, place), root);
        state.threads[place].root = root.into();
        state.settle_at(place);
    }
}
