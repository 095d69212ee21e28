//! Facts about a task or a file, found in `/proc`, in the layout that the kernel's half has for them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::identity;
use crate::snapshot::Snapshot;

/// `struct task_facts` of a thread. What `/proc` does not tell is 0.
pub(crate) fn task(tid: u32) -> Option<Vec<u8>> {
    let process = Snapshot::local().process(tid)?;
    let pid = crate::source::process_of(tid);
    let vtid = process.threads.iter().find(|thread| thread.tid == tid).map_or(process.vpid, |thread| thread.vtid);
    let mut bytes = Vec::with_capacity(192);
    let words = [
        [tid, pid, process.parent, process.parent],
        [process.uid, process.gid, process.uid, process.gid],
        [vtid, process.vpid, process.pgid, process.sid],
        [process.vpgid, process.vsid, process.loginuid, process.tty],
    ];
    bytes.extend(words.iter().flatten().flat_map(|word| word.to_ne_bytes()));
    let longs = [
        u64::from(process.flags),
        process.fd_limit,
        process.minor_faults,
        process.major_faults,
        0,
        process.start,
        process.inheritable,
        process.permitted,
        process.effective,
    ];
    bytes.extend(longs.iter().flat_map(|long| long.to_ne_bytes()));
    let namespace = fs::metadata(format!("/proc/{tid}/ns/pid")).map_or(0, |found| found.ino() as u32);
    let words = [process.size_kib, process.resident_kib, process.swap_kib, namespace];
    bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    let mut comm = process.comm;
    comm.resize(16, 0);
    bytes.extend(comm);
    Some(bytes)
}

/// `struct memory_facts` of a process.
pub(crate) fn memory(tid: u32) -> Option<Vec<u8>> {
    let status = fs::read(format!("/proc/{tid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u32>().ok()).unwrap_or(0)
    };
    let words = [kib("VmSize:"), kib("VmRSS:"), kib("VmSwap:"), 0];
    Some(words.iter().flat_map(|word| word.to_ne_bytes()).collect())
}

/// `struct file_facts` of what `link` leads to.
pub(crate) fn file(link: &Path, flags: u32) -> Option<Vec<u8>> {
    let metadata = fs::metadata(link).ok()?;
    let (inode, device) = identity(&metadata);
    let mut bytes = inode.to_ne_bytes().to_vec();
    bytes.extend([device, flags, metadata.mode(), 0].iter().flat_map(|word| word.to_ne_bytes()));
    Some(bytes)
}
