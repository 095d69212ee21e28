//! A sandbox's root: a tmpfs with the program's file, `/proc`, a few devices and what tells names from addresses.
//!
//! Built by the sandbox's first process in its own mount namespace, so it is gone when the last process in there is.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use fathom_host::sys::{MountAttributes, Recursion, mount_setattr};
use rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mknodat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags,
};

use super::Workshop;
use crate::error::{Error, Step as _};
use crate::shop::{self, Root, Sandbox};

/// Bytes that a root, and what is written into it, may take.
const SIZE: &str = "16m";

/// Character devices that are not really devices.
const DEVICES: &[(&str, u32, u32)] =
    &[("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Links that programs take for granted.
const LINKS: &[(&str, &str)] = &[
    ("/proc/self/fd", "dev/fd"),
    ("/proc/self/fd/0", "dev/stdin"),
    ("/proc/self/fd/1", "dev/stdout"),
    ("/proc/self/fd/2", "dev/stderr"),
];

/// What of /proc changes the machine, and is read-only in every container.
const PROTECTED: &[&str] = &["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// Builds the root of `sandbox` and makes it ours.
pub(super) fn build(workshop: &Workshop, sandbox: &Sandbox) -> Result<(), Error> {
    rustix::mount::mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .step("cut the sandbox's mounts off from the machine's")?;
    let program = clone(&workshop.program).step(format!("open the program {}", workshop.program.display()))?;
    let volume = match sandbox.root {
        Root::Volume => Some(clone(&workshop.place.volume()).step("open the volume")?),
        _ => None,
    };
    let machine_devices: Vec<Option<OwnedFd>> =
        DEVICES.iter().map(|(name, ..)| clone(&Path::new("/dev").join(name)).ok()).collect();
    rustix::process::umask(Mode::from_raw_mode(0o022));

    let scratch = filesystem("tmpfs", &[("size", SIZE), ("mode", "755")], MountAttrFlags::MOUNT_ATTR_NOSUID)
        .step("make the sandbox's file system")?;
    attach(&scratch, "/").step("attach the sandbox's file system")?;
    rustix::process::fchdir(&scratch).step("enter the sandbox's file system")?;
    write_files(sandbox).step("write the sandbox's files")?;
    populate_dev(&machine_devices)?;
    File::create(sandbox.name).and_then(|_| attach(&program, sandbox.name)).step("attach the program")?;
    let harmless = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    restrict(sandbox.name, MountAttrFlags::MOUNT_ATTR_RDONLY | harmless).step("protect the program")?;
    mount_proc(harmless)?;
    if let Some(volume) = volume {
        fs::create_dir("data").and_then(|()| attach(&volume, "data")).step("attach the volume")?;
        restrict("data", harmless).step("protect the machine from the volume")?;
    }

    rustix::process::pivot_root(".", ".").step("change the root")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).step("let go of the machine's root")?;
    rustix::process::chdir("/").step("enter the new root")?;
    match sandbox.root {
        Root::ReadOnly => restrict("/", MountAttrFlags::MOUNT_ATTR_RDONLY).step("make the root read-only"),
        _ => Ok(()),
    }
}

fn write_files(sandbox: &Sandbox) -> io::Result<()> {
    for folder in ["proc", "dev", "etc"] {
        fs::create_dir(folder)?;
    }
    fs::write("etc/hostname", format!("{}\n", sandbox.name))?;
    fs::write("etc/hosts", shop::hosts())?;
    // Nobody serves names there; the gateway refuses at once, so that whoever asks does not wait.
    fs::write("etc/resolv.conf", format!("nameserver {}\n", shop::GATEWAY))?;
    if sandbox.root == Root::Temporary {
        fs::create_dir("tmp")?;
        rustix::fs::chmod("tmp", Mode::from_raw_mode(0o1777))?;
    }
    Ok(())
}

/// Devices of our own where we may make some; in a user namespace the machine's, which nobody there owns.
fn populate_dev(machine_devices: &[Option<OwnedFd>]) -> Result<(), Error> {
    for ((name, major, minor), of_machine) in DEVICES.iter().zip(machine_devices) {
        let path = format!("dev/{name}");
        let mode = Mode::from_raw_mode(0o666);
        match (mknodat(CWD, &path, FileType::CharacterDevice, mode, makedev(*major, *minor)), of_machine) {
            (Ok(()), _) => rustix::fs::chmod(&path, mode).step(format!("make /{path}"))?,
            (Err(rustix::io::Errno::PERM), Some(device)) => {
                File::create(&path).and_then(|_| attach(device, &path)).step(format!("attach /{path}"))?;
            }
            (Err(error), _) => return Err(error).step(format!("make /{path}")),
        }
    }
    fs::create_dir("dev/shm").step("make /dev/shm")?;
    rustix::fs::chmod("dev/shm", Mode::from_raw_mode(0o1777)).step("open /dev/shm to all")?;
    LINKS.iter().try_for_each(|(to, link)| rustix::fs::symlink(*to, *link)).step("make the links of /dev")
}

/// Made while the machine's own /proc is still in sight: a user namespace gets one only then.
fn mount_proc(harmless: MountAttrFlags) -> Result<(), Error> {
    let proc = filesystem("proc", &[], harmless | MountAttrFlags::MOUNT_ATTR_NOEXEC).step("make /proc")?;
    attach(&proc, "proc").step("attach /proc")?;
    for name in PROTECTED {
        let path = format!("proc/{name}");
        if fs::symlink_metadata(&path).is_ok() {
            clone(Path::new(&path))
                .and_then(|part| attach(&part, &path))
                .and_then(|()| restrict(&path, MountAttrFlags::MOUNT_ATTR_RDONLY))
                .step(format!("protect /{path}"))?;
        }
    }
    Ok(())
}

/// A copy of the mount at `path`, attached nowhere yet.
fn clone(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::mount::open_tree(CWD, path, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?)
}

fn attach(tree: impl AsFd, path: &str) -> io::Result<()> {
    Ok(rustix::mount::move_mount(tree, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// A new file system, attached nowhere yet.
fn filesystem(kind: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        rustix::mount::fsconfig_set_string(&context, *key, *value)?;
    }
    rustix::mount::fsconfig_create(&context)?;
    Ok(rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// Adds `attributes` to the mount at `path`. Kernels before 5.12 know the older way, which sets all of them anew.
fn restrict(path: &str, attributes: MountAttrFlags) -> io::Result<()> {
    let mount = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let added = MountAttributes { set: u64::from(attributes.bits()), ..MountAttributes::default() };
    match mount_setattr(mount.as_fd(), Recursion::Alone, added) {
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            let flags = [
                (MountAttrFlags::MOUNT_ATTR_RDONLY, MountFlags::RDONLY),
                (MountAttrFlags::MOUNT_ATTR_NOSUID, MountFlags::NOSUID),
                (MountAttrFlags::MOUNT_ATTR_NODEV, MountFlags::NODEV),
            ];
            let wanted = flags.iter().filter(|(attribute, _)| attributes.contains(*attribute));
            let flags = wanted.fold(MountFlags::BIND, |all, (_, flag)| all | *flag);
            Ok(rustix::mount::mount_remount(path, flags, "")?)
        }
        other => other,
    }
}
