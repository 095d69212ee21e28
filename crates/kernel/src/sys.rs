//! The system calls that neither aya nor rustix wraps: rings of our own size, words of a map, shared memory.
#![allow(
    unsafe_code,
    reason = "this file is where maps are made, written and mapped; every block says why it is sound"
)]

mod held;
mod interfaces;
mod tracee;

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;

pub(crate) use held::hold;
pub(crate) use interfaces::interfaces;
pub(crate) use tracee::{
    Call, Stop, Stopped, Wait, attach, call_of, detach, go_on, halt, kill, read_memory, run_on, signal_origin,
    wait_for_stop,
};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Commands of bpf(2), include/uapi/linux/bpf.h.
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const MAP_DELETE_ELEM: libc::c_int = 3;
const MAP_LOOKUP_AND_DELETE_BATCH: libc::c_int = 25;
const MAP_UPDATE_BATCH: libc::c_int = 26;
/// `BPF_MAP_TYPE_RINGBUF`.
const RINGBUF: u32 = 27;

/// The head of `union bpf_attr` for `BPF_MAP_CREATE`.
#[repr(C)]
#[derive(Default)]
struct Create {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

/// `union bpf_attr` for commands on elements.
#[repr(C)]
struct Element {
    map: u32,
    pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

fn bpf<T>(command: libc::c_int, attr: &T) -> io::Result<libc::c_long> {
    // SAFETY: `attr` is a prefix of the union that `command` reads, lives through the call, and its size is passed;
    // pointers in it are to values that the callers below borrow.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attr, size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The same of a command that answers in `attr`.
fn bpf_writing<T>(command: libc::c_int, attr: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: as above, and nobody else reads or writes `attr` meanwhile.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A ring of `bytes`, which is a power of two and whole pages.
pub(crate) fn create_ring(bytes: u32) -> io::Result<OwnedFd> {
    let fd = bpf(MAP_CREATE, &Create { map_type: RINGBUF, max_entries: bytes, ..Create::default() })?;
    // SAFETY: the kernel has made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

/// Writes one element. The caller knows the sizes of the map's key and value, and `K` and `V` have them.
pub(crate) fn update<K: Copy, V: Copy>(map: BorrowedFd<'_>, key: Option<&K>, value: &V) -> io::Result<()> {
    let key = key.map_or(0, |key| std::ptr::from_ref(key) as u64);
    let value = std::ptr::from_ref(value) as u64;
    bpf(MAP_UPDATE_ELEM, &Element { map: map.as_raw_fd() as u32, pad: 0, key, value, flags: 0 }).map(drop)
}

/// Takes one element out.
pub(crate) fn delete<K: Copy>(map: BorrowedFd<'_>, key: &K) -> io::Result<()> {
    let key = std::ptr::from_ref(key) as u64;
    bpf(MAP_DELETE_ELEM, &Element { map: map.as_raw_fd() as u32, pad: 0, key, value: 0, flags: 0 }).map(drop)
}

/// `union bpf_attr` for commands on many elements.
#[repr(C)]
struct Batch {
    from: u64,
    to: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: u32,
    element_flags: u64,
    flags: u64,
}

/// Writes the elements of a table that is numbered from 0 on: all at once, where this kernel can.
pub(crate) fn set_all(map: BorrowedFd<'_>, values: &[i32]) -> io::Result<()> {
    let keys: Vec<u32> = (0..).take(values.len()).collect();
    let mut batch = Batch {
        from: 0,
        to: 0,
        keys: keys.as_ptr() as u64,
        values: values.as_ptr() as u64,
        count: keys.len() as u32,
        map: map.as_raw_fd() as u32,
        element_flags: 0,
        flags: 0,
    };
    if bpf_writing(MAP_UPDATE_BATCH, &mut batch).is_ok() {
        return Ok(());
    }
    keys.iter().zip(values).try_for_each(|(key, value)| update(map, Some(key), value))
}

/// Elements that are taken at once; more than a table's bucket ever has.
const AT_ONCE: usize = 4096;

/// Takes all elements out of a table, whose keys and values are so many bytes long, and hands them to `each`. From Linux
/// 5.6 on.
pub(crate) fn take_all(
    map: BorrowedFd<'_>,
    key: usize,
    value: usize,
    each: &mut dyn FnMut(&[u8], &[u8]),
) -> io::Result<()> {
    let (mut keys, mut values) = (vec![0_u8; AT_ONCE * key], vec![0_u8; AT_ONCE * value]);
    // Where the next batch begins; the kernel writes it, and does not read it the first time.
    let (mut place, mut begun) = ([0_u64; 2], false);
    loop {
        let mut batch = Batch {
            from: if begun { std::ptr::from_ref(&place) as u64 } else { 0 },
            to: std::ptr::from_mut(&mut place) as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: AT_ONCE as u32,
            map: map.as_raw_fd() as u32,
            element_flags: 0,
            flags: 0,
        };
        let result = bpf_writing(MAP_LOOKUP_AND_DELETE_BATCH, &mut batch);
        let is_last = result.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::ENOENT));
        if !is_last {
            result?;
        }
        let count = (batch.count as usize).min(AT_ONCE);
        keys.chunks_exact(key).zip(values.chunks_exact(value)).take(count).for_each(|(key, value)| each(key, value));
        if is_last {
            return Ok(());
        }
        begun = true;
    }
}

/// Returns when programs that ran somewhere a moment ago have ended: they run without being preempted, and the kernel's
/// grace period waits for that.
pub(crate) fn wait_for_programs() {
    const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
    // SAFETY: the call takes numbers only.
    unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) };
}

/// Hides all files from this thread, and from it alone: whatever it opens by a name is not there. Needs CAP_SYS_CHROOT.
pub(crate) fn hide_files() -> io::Result<()> {
    // SAFETY: root and working folder of this thread become its own; no descriptor and no memory does.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FS)? };
    // Of one's own thread; nobody else can put a file there.
    rustix::process::chroot("/proc/thread-self/fdinfo")?;
    Ok(())
}

/// Memory that is shared with the kernel, until dropped.
#[derive(Debug)]
pub(crate) struct Shared {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and is only read and written by whole aligned words.
unsafe impl Send for Shared {}

impl Shared {
    /// Maps `bytes` of `map` from `offset` on.
    pub(crate) fn map(map: impl AsFd, offset: u64, bytes: usize, access: ProtFlags) -> io::Result<Shared> {
        // SAFETY: no address is asked for, so that nothing that exists is replaced.
        let start = unsafe { mmap(std::ptr::null_mut(), bytes, access, MapFlags::SHARED, map, offset)? };
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mmap gave no address"))?;
        Ok(Shared { start, bytes })
    }

    /// How long it is.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The word at `offset`, as the kernel has written it last, and nothing that was written before it later.
    pub(crate) fn load(&self, offset: usize) -> u64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.bytes, "a word lies whole and aligned in the mapping");
        // SAFETY: in bounds and aligned, see above; atomics may be shared with other writers.
        unsafe { self.start.add(offset).cast::<std::sync::atomic::AtomicU64>().as_ref() }
            .load(std::sync::atomic::Ordering::Acquire)
    }

    /// The same, of four bytes.
    pub(crate) fn load_u32(&self, offset: usize) -> u32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.bytes, "a word lies whole and aligned in the mapping");
        // SAFETY: in bounds and aligned, see above; atomics may be shared with other writers.
        unsafe { self.start.add(offset).cast::<std::sync::atomic::AtomicU32>().as_ref() }
            .load(std::sync::atomic::Ordering::Acquire)
    }

    /// Tells the kernel a word, after all that was read before.
    pub(crate) fn store(&self, offset: usize, word: u64) {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.bytes, "a word lies whole and aligned in the mapping");
        // SAFETY: in bounds and aligned, see above; callers map what they write with write access.
        unsafe { self.start.add(offset).cast::<std::sync::atomic::AtomicU64>().as_ref() }
            .store(word, std::sync::atomic::Ordering::Release);
    }

    /// Appends bytes that the kernel has finished writing and will not touch again before it is told that it may.
    pub(crate) fn append_to(&self, to: &mut Vec<u8>, offset: usize, bytes: usize) {
        assert!(offset + bytes <= self.bytes, "the bytes lie in the mapping");
        // SAFETY: in bounds, see above; the callers' protocol says that nobody writes there now.
        to.extend_from_slice(unsafe { std::slice::from_raw_parts(self.start.add(offset).as_ptr(), bytes) });
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and nothing borrows it any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast::<c_void>(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn files_are_hidden_from_one_thread_alone() {
        let is_there = || Path::new("/proc/self/stat").exists();
        let hidden = std::thread::spawn(move || hide_files().map(|()| is_there())).join().expect("it does not panic");
        match hidden {
            Ok(is_there) => assert!(!is_there),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EPERM), "who may not, is told so"),
        }
        assert!(is_there());
    }
}
