//! Which machine a tree's programs are for, read from the header of one of them (System V ABI, "ELF Header").

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};

use crate::manifest::Platform;

/// Programs that most trees have.
const PROGRAMS: [&str; 6] = ["bin/sh", "bin/busybox", "bin/bash", "usr/bin/env", "usr/bin/bash", "sbin/init"];

/// What the tree at `root` is for; `None` when it has none of the usual programs, or the kernel is older than 5.6 and
/// cannot look them up within the tree.
pub(crate) fn platform(root: &Path) -> Option<Platform> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(root, flags, Mode::empty()).ok()?;
    PROGRAMS.iter().find_map(|program| machine(&root, program))
}

/// What the program at `path` within `root` is for.
pub(crate) fn machine(root: &OwnedFd, path: &str) -> Option<Platform> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let path = path.trim_start_matches('/');
    let mut file = File::from(rustix::fs::openat2(root, path, flags, Mode::empty(), resolve).ok()?);
    let mut header = [0; 20];
    file.read_exact(&mut header).ok()?;
    let architecture = architecture(&header)?.to_owned();
    Some(Platform { architecture, os: "linux".to_owned(), variant: None })
}

/// The architecture in Go's words, from `e_ident` and `e_machine`.
fn architecture(header: &[u8; 20]) -> Option<&'static str> {
    if !header.starts_with(b"\x7fELF") {
        return None;
    }
    let bytes = [header[18], header[19]];
    let little = header[5] == 1;
    let machine = if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
    Some(match (machine, little) {
        (3, _) => "386",
        (8, _) => "mips",
        (21, true) => "ppc64le",
        (21, false) => "ppc64",
        (22, _) => "s390x",
        (40, _) => "arm",
        (62, _) => "amd64",
        (183, _) => "arm64",
        (243, _) => "riscv64",
        (258, _) => "loong64",
        _ => "unknown",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_machines_own_programs() {
        let root = rustix::fs::open("/", OFlags::PATH, Mode::empty()).unwrap();
        let own = std::env::current_exe().unwrap();
        assert_eq!(machine(&root, own.to_str().unwrap()), Some(Platform::here()));
        assert_eq!(machine(&root, "proc/self/status"), None);
    }

    #[test]
    fn knows_both_byte_orders() {
        let mut header = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0";
        assert_eq!(architecture(&header), Some("arm64"));
        header[5] = 2;
        header[18..].copy_from_slice(&[0, 22]);
        assert_eq!(architecture(&header), Some("s390x"));
        header[0] = b'#';
        assert_eq!(architecture(&header), None);
    }
}
