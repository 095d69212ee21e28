//! The few system calls that no library wraps, each behind a safe face or with its condition written down.
//!
//! The only other places with `unsafe` are `kernel` and `enter`'s launcher.
#![allow(unsafe_code, reason = "this file is where the system calls live; every block says why it is sound")]

mod calls;
mod refusal;
mod signals;

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::thread::UnshareFlags;

use crate::namespace::Kind;
pub use calls::{Call, ask};
pub use refusal::{Refusal, forbid_fragments, keep_refusals, refusal};
pub use signals::{ignore_signal, read_signal, read_signal_and_sender, reset_signals, signal_fd};

/// What [`clone_process`] made.
#[derive(Debug)]
pub enum Cloned {
    /// We are the new process.
    Child,
    /// The new process, in our pid namespace.
    Parent(rustix::process::Pid),
}

/// Forks, straight into a cgroup if one is given.
///
/// # Errors
/// `ENOSYS` where the kernel (before 5.7) or a seccomp filter has no clone3, `EBUSY` and `EOPNOTSUPP` where the
/// cgroup takes no processes: then call again without it.
///
/// # Safety
/// The calling process has one thread. The child shares nothing but descriptors.
pub unsafe fn clone_process(into: Option<BorrowedFd<'_>>) -> io::Result<Cloned> {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let pid = match into {
        None => {
            // SAFETY: with one thread, fork leaves the child's memory whole.
            unsafe { libc::fork() }
        }
        Some(cgroup) => {
            // SAFETY: an all-zero clone_args is a valid one.
            let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
            args.flags = CLONE_INTO_CGROUP;
            args.exit_signal = libc::SIGCHLD as u64;
            args.cgroup = cgroup.as_raw_fd() as u64;
            // SAFETY: without CLONE_VM this is a fork; `args` lives through the call.
            unsafe { libc::syscall(libc::SYS_clone3, &args, size_of::<libc::clone_args>()) as libc::pid_t }
        }
    };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Cloned::Child),
        pid => {
            rustix::process::Pid::from_raw(pid).map(Cloned::Parent).ok_or_else(|| io::Error::other("fork gave no pid"))
        }
    }
}

/// Moves this process (or its children, for pid) into new namespaces of these kinds.
pub fn unshare(kinds: &[Kind]) -> io::Result<()> {
    let flag = |kind: &Kind| match kind {
        Kind::User => UnshareFlags::NEWUSER,
        Kind::Mnt => UnshareFlags::NEWNS,
        Kind::Pid => UnshareFlags::NEWPID,
        Kind::Net => UnshareFlags::NEWNET,
        Kind::Ipc => UnshareFlags::NEWIPC,
        Kind::Uts => UnshareFlags::NEWUTS,
        Kind::Cgroup => UnshareFlags::NEWCGROUP,
    };
    let flags = kinds.iter().map(flag).fold(UnshareFlags::empty(), |all, one| all | one);
    // SAFETY: only unsharing the table of descriptors (CLONE_FILES) is unsafe, and none of these flags does.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

/// Attributes of a mount, as in `mount_setattr(2)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct MountAttributes<'fd> {
    /// `MOUNT_ATTR_*` bits to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` bits to clear.
    pub clear: u64,
    /// `MS_PRIVATE` and the like, or 0 for no change.
    pub propagation: u64,
    /// The user namespace whose mapping the mount is seen through.
    pub idmap: Option<BorrowedFd<'fd>>,
}

/// Changes the mount at `tree`, and all below it if `recursive` says so.
///
/// # Errors
/// `ENOSYS` before Linux 5.12; `EINVAL` where the file system cannot be mapped.
pub fn mount_setattr(tree: BorrowedFd<'_>, recursive: Recursion, attributes: MountAttributes<'_>) -> io::Result<()> {
    const MOUNT_ATTR_IDMAP: u64 = 0x0010_0000;
    let raw = libc::mount_attr {
        attr_set: attributes.set | attributes.idmap.map_or(0, |_| MOUNT_ATTR_IDMAP),
        attr_clr: attributes.clear,
        propagation: attributes.propagation,
        userns_fd: attributes.idmap.map_or(0, |fd| fd.as_raw_fd() as u64),
    };
    let flags = libc::AT_EMPTY_PATH | if matches!(recursive, Recursion::WithAllBelow) { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a C string, and `raw` lives through the call and has the size that is passed.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether a change concerns one mount or the tree below it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recursion {
    /// Only the mount itself.
    Alone,
    /// The mount and every mount below it.
    WithAllBelow,
}

/// Runs the program that `file` refers to in place of this one. Returns only with the reason why it did not.
pub fn exec_fd(file: BorrowedFd<'_>, arguments: &[&CStr], environment: &[&CStr]) -> io::Error {
    let arguments = pointers(arguments);
    let environment = pointers(environment);
    // SAFETY: both vectors end with a null pointer and point to C strings that outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            file.as_raw_fd(),
            c"".as_ptr(),
            arguments.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
    }
    io::Error::last_os_error()
}

/// Runs the program at `path` in place of this one. Returns only with the reason why it did not.
pub fn exec(path: &CStr, arguments: &[&CStr], environment: &[&CStr]) -> io::Error {
    let arguments = pointers(arguments);
    let environment = pointers(environment);
    // SAFETY: as in `exec_fd`.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

fn pointers(strings: &[&CStr]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Marks every descriptor from `first` up as closed on exec: nothing of ours goes into what we run.
pub fn close_on_exec_from(first: i32) -> io::Result<()> {
    // SAFETY: only descriptor flags change.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        // Before 5.11 there is no such flag, before 5.9 no such call.
        error if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL | libc::EPERM)) => one_by_one(first),
        error => Err(error),
    }
}

fn one_by_one(first: i32) -> io::Result<()> {
    for fd in open_from(first) {
        // SAFETY: fcntl with F_SETFD changes a flag of whatever is open there, or fails.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// Every number from `first` up that may be an open descriptor: those that /proc lists, and without a /proc all that
/// the limit allows.
fn open_from(first: i32) -> Vec<i32> {
    let listed = std::fs::read_dir("/proc/self/fd").map(|folder| {
        folder
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|fd| *fd >= first)
            .collect()
    });
    listed.unwrap_or_else(|_| {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        (first..limit.unwrap_or(1 << 20).min(1 << 20) as i32).collect()
    })
}

/// Closes every descriptor from `first` up.
///
/// # Safety
/// Nothing in this process will use or close one of them again: it has given up whatever owned them.
pub unsafe fn close_from(first: i32) {
    // SAFETY: the caller vouches for the descriptors.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) != 0 {
            for fd in open_from(first) {
                libc::close(fd);
            }
        }
    }
}

/// Puts `fd` at `number`, where it stays open over exec.
///
/// # Safety
/// Nothing in this process owns `number`, or the process is about to exec.
pub unsafe fn place(fd: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    // SAFETY: the caller vouches for `number`.
    let done = unsafe {
        if fd.as_raw_fd() == number {
            libc::fcntl(number, libc::F_SETFD, 0)
        } else {
            libc::dup2(fd.as_raw_fd(), number)
        }
    };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes over descriptor `number`, which whoever started us put there.
///
/// # Safety
/// `number` is open, and nothing else in this process owns it.
pub unsafe fn adopt(number: i32) -> OwnedFd {
    // SAFETY: the caller vouches for it.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// One instruction of a seccomp filter: code, jt, jf, k.
pub type FilterStep = (u16, u8, u8, u32);

/// The seccomp filters of process `pid`, the one installed last first: code, jt, jf, k of each instruction.
///
/// The process is stopped for as long as it takes to read them; if we die meanwhile the kernel lets it go on.
pub fn seccomp_filters(pid: u32) -> io::Result<Vec<Vec<FilterStep>>> {
    // 0x420c in `linux/ptrace.h`, six after 0x4206; not in every C library's list, and not of one type in all.
    let get_filter = libc::PTRACE_SEIZE + 6;
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    let ask = |request, address: usize, data: *mut libc::c_void| {
        // SAFETY: `data` is null or has room for what the request writes.
        let answer = unsafe { libc::ptrace(request, pid, address, data) };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer as usize) }
    };
    let nothing = std::ptr::null_mut::<libc::c_void>();
    ask(libc::PTRACE_SEIZE, 0, nothing)?;
    let read = || -> io::Result<Vec<Vec<FilterStep>>> {
        ask(libc::PTRACE_INTERRUPT, 0, nothing)?;
        // SAFETY: a null status is allowed.
        if unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL) } != pid {
            return Err(io::Error::last_os_error());
        }
        let mut filters = Vec::new();
        loop {
            let length = match ask(get_filter, filters.len(), nothing) {
                Ok(length) => length,
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(filters),
                Err(error) => return Err(error),
            };
            let mut program = vec![libc::sock_filter { code: 0, jt: 0, jf: 0, k: 0 }; length];
            ask(get_filter, filters.len(), program.as_mut_ptr().cast())?;
            filters.push(program.iter().map(|step| (step.code, step.jt, step.jf, step.k)).collect());
        }
    };
    let filters = read();
    let _ = ask(libc::PTRACE_DETACH, 0, nothing);
    filters
}

/// Takes the program's code and constants out of this process's memory map. What is needed after that is mapped again
/// piece by piece as it is reached, from the page cache: for who has set up and from now on only waits, that is a
/// small part.
pub fn forget_code() {
    extern "C" fn forget(object: *mut libc::dl_phdr_info, _: libc::size_t, _: *mut libc::c_void) -> libc::c_int {
        let page = rustix::param::page_size();
        // SAFETY: libc hands us its own record, whose table has as many rows as it says.
        let (base, segments) = unsafe {
            let object = &*object;
            (object.dlpi_addr, std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)))
        };
        for segment in segments.iter().filter(|segment| segment.p_type == libc::PT_LOAD) {
            if segment.p_flags & libc::PF_W == 0 {
                let start = (base + segment.p_vaddr) as usize & !(page - 1);
                let length = ((base + segment.p_vaddr + segment.p_memsz) as usize - start) & !(page - 1);
                // Not by 2 MiB either, which newer kernels map at once where the file's cache has them in one piece.
                for advice in [libc::MADV_NOHUGEPAGE, libc::MADV_DONTNEED] {
                    // SAFETY: the segment cannot be written to: what is dropped is read from the file again.
                    unsafe { libc::madvise(std::ptr::without_provenance_mut(start), length, advice) };
                }
            }
        }
        // Not zero, which ends it after the first object: the program itself.
        1
    }
    // SAFETY: the callback keeps nothing.
    unsafe { libc::dl_iterate_phdr(Some(forget), std::ptr::null_mut()) };
}

/// Makes the terminal `fd` the controlling one of this session.
pub fn take_terminal(fd: impl AsFd) -> io::Result<()> {
    rustix::process::ioctl_tiocsctty(fd).map_err(Into::into)
}

/// The namespace that `fd`, a pid or user namespace, was made in.
///
/// # Errors
/// `EPERM` where that is outside of ours.
pub fn parent_namespace(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: the request takes no argument, and its answer is a descriptor that nobody else has yet.
    unsafe {
        match libc::ioctl(fd.as_raw_fd(), libc::NS_GET_PARENT) {
            -1 => Err(io::Error::last_os_error()),
            number => Ok(OwnedFd::from_raw_fd(number)),
        }
    }
}

/// Ends this process at once, without running what a forked child inherited from its parent to run at exit.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` runs no handler of ours: what a forked child inherited must not run twice.
    unsafe { libc::_exit(status) }
}

/// What the kernel thinks of its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Whether somebody keeps it in step with others.
    pub synchronized: bool,
    /// By how much it may be wrong, in microseconds.
    pub max_error: i64,
}

/// Asks the kernel for the state of its clock (adjtimex(2)) and changes nothing.
pub fn clock() -> io::Result<Clock> {
    // SAFETY: all of it are numbers, of which zero is one; with no mode set the call only writes into it.
    let (answer, state) = unsafe {
        let mut state: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&mut state), state)
    };
    if answer == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(Clock { synchronized: state.status & libc::STA_UNSYNC == 0, max_error: state.maxerror })
}
