//! ptrace(2) and reading another process's memory, each behind a safe face.

use std::io;

/// Why a thread stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// At one end of a call.
    Call,
    /// It has made this thread.
    Born(u32),
    /// It executes a program; the thread had this number before.
    Executed(u32),
    /// It is about to end with this status.
    Ending(i32),
    /// A signal is to be delivered.
    Signal(i32),
}

/// What [`wait_for_stop`] saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It stands still.
    At(Stop),
    /// It is gone, with this status.
    Ended(i32),
}

/// A call at which a thread stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// Before the kernel does it.
    Begins { number: u64, args: [u64; 6], compat: bool },
    /// After.
    Ended { value: i64 },
}

/// `struct ptrace_syscall_info`, include/uapi/linux/ptrace.h, from Linux 5.3.
#[repr(C)]
#[derive(Default)]
struct Information {
    op: u8,
    pad: [u8; 3],
    arch: u32,
    instruction: u64,
    stack: u64,
    words: [u64; 8],
}

/// `PTRACE_GET_SYSCALL_INFO`.
const CALL_INFORMATION: libc::c_int = 0x420e;
/// `AUDIT_ARCH_`, include/uapi/linux/audit.h.
const OWN_ARCH: u32 = if cfg!(target_arch = "aarch64") { 0xc000_00b7 } else { 0xc000_003e };

fn ptrace(request: libc::c_int, tid: u32, address: usize, data: usize) -> io::Result<libc::c_long> {
    // SAFETY: requests of this file take numbers, or pointers to what their callers hold, of the size that is asked for;
    // a tracee is changed by none of them.
    let result = unsafe { libc::ptrace(request as _, tid as libc::pid_t, address, data) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Begins to trace a process of one thread, which stands still then, and dies if we do.
pub(crate) fn attach(pid: u32) -> io::Result<()> {
    ptrace(libc::PTRACE_ATTACH as _, pid, 0, 0)?;
    let mut status = 0;
    // SAFETY: `status` lives through the call.
    if unsafe { libc::waitpid(pid as libc::pid_t, &mut status, libc::__WALL) } < 0 {
        return Err(io::Error::last_os_error());
    }
    if !libc::WIFSTOPPED(status) {
        return Err(io::Error::other("it ended before it began"));
    }
    let options = libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_TRACEEXIT
        | libc::PTRACE_O_EXITKILL;
    ptrace(libc::PTRACE_SETOPTIONS as _, pid, 0, options as usize).map(drop)
}

/// Whether to wait for a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until there is one.
    Long,
    /// Only if there is one.
    Not,
}

/// Waits until anything that this thread traces stops or ends; says nothing if nothing is left, or if nothing has
/// stopped and nobody wants to wait.
pub(crate) fn wait_for_stop(wait: Wait) -> Option<Option<(u32, Stopped)>> {
    let mut status = 0;
    let flags = libc::__WALL | libc::__WNOTHREAD | if wait == Wait::Not { libc::WNOHANG } else { 0 };
    let tid = loop {
        // SAFETY: `status` lives through the call.
        let tid = unsafe { libc::waitpid(-1, &mut status, flags) };
        if tid >= 0 {
            break tid as u32;
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return None;
        }
    };
    Some((tid != 0).then(|| told(tid, status)))
}

/// What wait(2) says of a thread.
fn told(tid: u32, status: i32) -> (u32, Stopped) {
    if !libc::WIFSTOPPED(status) {
        return (tid, Stopped::Ended(status));
    }
    let signal = libc::WSTOPSIG(status);
    let stop = match status >> 16 {
        libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
            Stop::Born(message(tid) as u32)
        }
        libc::PTRACE_EVENT_EXEC => Stop::Executed(message(tid) as u32),
        libc::PTRACE_EVENT_EXIT => Stop::Ending(message(tid) as i32),
        _ if signal == libc::SIGTRAP | 0x80 => Stop::Call,
        _ => Stop::Signal(signal),
    };
    (tid, Stopped::At(stop))
}

/// What came with a stop.
fn message(tid: u32) -> u64 {
    let mut message: libc::c_ulong = 0;
    let _ = ptrace(libc::PTRACE_GETEVENTMSG as _, tid, 0, &raw mut message as usize);
    message
}

/// Lets a thread go on to the next end of a call, with a signal if it is not 0.
pub(crate) fn go_on(tid: u32, signal: i32) -> io::Result<()> {
    ptrace(libc::PTRACE_SYSCALL as _, tid, 0, signal as usize).map(drop)
}

/// The call at which a thread stands still.
pub(crate) fn call_of(tid: u32) -> Option<Call> {
    let mut found = Information::default();
    ptrace(CALL_INFORMATION, tid, size_of::<Information>(), &raw mut found as usize).ok()?;
    let foreign = found.arch != OWN_ARCH;
    let [number, args @ .., _] = found.words;
    match found.op {
        1 => Some(Call::Begins { number, args, compat: foreign || number & 0x4000_0000 != 0 && number >> 31 == 0 }),
        2 => Some(Call::Ended { value: number as i64 }),
        _ => None,
    }
}

/// Why a signal is to be delivered, as `si_code`, and which process sent it.
pub(crate) fn signal_origin(tid: u32) -> (i32, u32) {
    // SAFETY: an all-zero siginfo is a valid one.
    let mut origin: libc::siginfo_t = unsafe { std::mem::zeroed() };
    if ptrace(libc::PTRACE_GETSIGINFO as _, tid, 0, &raw mut origin as usize).is_err() {
        return (0, 0);
    }
    // SAFETY: of other kinds of signals these bytes hold something else, but are there; the code says which it is.
    (origin.si_code, unsafe { origin.si_pid() } as u32)
}

/// Up to `bytes` bytes of a thread's memory; fewer where it ends; nothing where there is none.
pub(crate) fn read_memory(tid: u32, from: u64, bytes: usize) -> Option<Vec<u8>> {
    let mut to = vec![0_u8; bytes];
    let local = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: bytes };
    let remote = libc::iovec { iov_base: from as usize as *mut libc::c_void, iov_len: bytes };
    // SAFETY: `local` is memory of ours of that length; `remote` is only looked at by the kernel, in the other process.
    let read = unsafe { libc::process_vm_readv(tid as libc::pid_t, &local, 1, &remote, 1, 0) };
    to.truncate(usize::try_from(read).ok()?);
    Some(to)
}

/// Lets a thread go on to its next signal.
pub(crate) fn run_on(tid: u32, signal: i32) -> io::Result<()> {
    ptrace(libc::PTRACE_CONT as _, tid, 0, signal as usize).map(drop)
}

/// Has a thread stand still soon.
pub(crate) fn halt(tid: u32) -> io::Result<()> {
    // SAFETY: the call takes numbers.
    let result = unsafe { libc::syscall(libc::SYS_tkill, tid, libc::SIGSTOP) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Traces a thread that stands still no longer; it goes on as if nobody ever had.
pub(crate) fn detach(tid: u32) -> io::Result<()> {
    ptrace(libc::PTRACE_DETACH as _, tid, 0, 0).map(drop)
}

/// Ends a process and collects it.
pub(crate) fn kill(pid: u32) {
    // SAFETY: the calls take numbers, and a null pointer where a status may go.
    unsafe {
        libc::kill(pid as libc::pid_t, libc::SIGKILL);
        libc::waitpid(pid as libc::pid_t, std::ptr::null_mut(), libc::__WALL);
    }
}
