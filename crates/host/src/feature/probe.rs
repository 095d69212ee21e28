//! Harmless questions to the kernel. None makes, mounts, loads or changes anything.

use std::fs;
use std::io::{self, ErrorKind};

use rustix::thread::CapabilitySet;

use crate::cgroup::Layout;
use crate::sys::{Call, ask};
use crate::{Host, mountinfo};

pub(super) fn pidfd_open() -> io::Result<()> {
    ask(Call::PidfdOpen)
}

pub(super) fn clone3() -> io::Result<()> {
    ask(Call::Clone3)
}

pub(super) fn clone_into_cgroup() -> io::Result<()> {
    ask(Call::CloneIntoCgroup)
}

pub(super) fn openat2() -> io::Result<()> {
    ask(Call::Openat2)
}

pub(super) fn open_tree() -> io::Result<()> {
    ask(Call::OpenTree)
}

pub(super) fn fsopen() -> io::Result<()> {
    ask(Call::Fsopen)
}

pub(super) fn move_mount() -> io::Result<()> {
    ask(Call::MoveMount)
}

pub(super) fn mount_setattr() -> io::Result<()> {
    ask(Call::MountSetattr)
}

pub(super) fn close_range() -> io::Result<()> {
    ask(Call::CloseRange)
}

/// Every cgroup but the root has the file, so one that somebody made shows whether the kernel does it.
pub(super) fn cgroup_kill() -> io::Result<()> {
    let point = layout()?.v2.ok_or_else(|| absent("cgroup v2 is not mounted"))?;
    let mut below = fs::read_dir(point)?.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    match below.next() {
        Some(cgroup) => present(cgroup.path().join("cgroup.kill").exists(), "no cgroup has a cgroup.kill"),
        None => since(5, 14),
    }
}

pub(super) fn freezer() -> io::Result<()> {
    let layout = layout()?;
    if layout.v1_of("freezer").is_some() {
        return Ok(());
    }
    // Since 5.2 every cgroup of v2 can be frozen.
    layout.v2.ok_or_else(|| absent("no hierarchy has a freezer"))?;
    since(5, 2)
}

pub(super) fn memory() -> io::Result<()> {
    controller("memory")
}

pub(super) fn pids() -> io::Result<()> {
    controller("pids")
}

pub(super) fn cpu() -> io::Result<()> {
    controller("cpu")
}

fn controller(name: &str) -> io::Result<()> {
    let layout = layout()?;
    let in_v2 = || {
        let point = layout.v2.as_ref()?;
        let controllers = fs::read_to_string(point.join("cgroup.controllers")).ok()?;
        controllers.split_ascii_whitespace().any(|word| word == name).then_some(())
    };
    present(layout.v1_of(name).is_some() || in_v2().is_some(), "no hierarchy has this controller")
}

pub(super) fn user_namespaces() -> io::Result<()> {
    present(fs::exists("/proc/self/ns/user")?, "the kernel was built without them")?;
    // Debian's kernels have the second switch.
    let off = |file| fs::read_to_string(file).is_ok_and(|text| text.trim() == "0");
    let forbidden = off("/proc/sys/user/max_user_namespaces") || off("/proc/sys/kernel/unprivileged_userns_clone");
    present(!forbidden, "they are switched off")
}

pub(super) fn overlay() -> io::Result<()> {
    filesystem("overlay")
}

pub(super) fn devpts() -> io::Result<()> {
    filesystem("devpts")
}

/// Known to the kernel, or a module that it loads when asked.
fn filesystem(name: &str) -> io::Result<()> {
    let known = fs::read_to_string("/proc/filesystems")?;
    if known.lines().any(|line| line.split_ascii_whitespace().last() == Some(name)) {
        return Ok(());
    }
    let modules = format!("/lib/modules/{}/modules.dep", release());
    let modules = fs::read_to_string(modules).unwrap_or_default();
    present(modules.contains(&format!("/{name}.ko")), "the kernel does not know this file system")
}

/// Only mounting one would show it.
pub(super) fn overlay_on_idmapped() -> io::Result<()> {
    since(5, 19)
}

/// The file and the request come with the same switch, CONFIG_CHECKPOINT_RESTORE.
pub(super) fn seccomp_get_filter() -> io::Result<()> {
    present(fs::exists("/proc/sys/kernel/ns_last_pid")?, "the kernel was built without CONFIG_CHECKPOINT_RESTORE")
}

pub(super) fn seccomp() -> io::Result<()> {
    present(fs::exists("/proc/sys/kernel/seccomp/actions_avail")?, "the kernel was built without CONFIG_SECCOMP_FILTER")
}

pub(super) fn sys_admin() -> io::Result<()> {
    holds(CapabilitySet::SYS_ADMIN)
}

pub(super) fn sys_ptrace() -> io::Result<()> {
    holds(CapabilitySet::SYS_PTRACE)
}

pub(super) fn sys_chroot() -> io::Result<()> {
    holds(CapabilitySet::SYS_CHROOT)
}

pub(super) fn sys_resource() -> io::Result<()> {
    holds(CapabilitySet::SYS_RESOURCE)
}

fn holds(capability: CapabilitySet) -> io::Result<()> {
    if rustix::thread::capabilities(None)?.effective.contains(capability) {
        Ok(())
    } else {
        Err(io::Error::new(ErrorKind::PermissionDenied, "we do not hold it"))
    }
}

/// `hidepid` hides nothing from who may trace.
pub(super) fn whole_proc() -> io::Result<()> {
    let mounts = mountinfo::parse(&fs::read("/proc/self/mountinfo")?);
    let hides = |option: &str| option.strip_prefix("hidepid=").is_some_and(|value| !matches!(value, "0" | "off"));
    let hidden = mounts
        .iter()
        .any(|mount| mount.kind == "proc" && mount.point == "/proc" && mount.super_options.split(',').any(hides));
    if hidden { sys_ptrace() } else { Ok(()) }
}

fn layout() -> io::Result<Layout> {
    Layout::of(&Host::local()).map_err(|error| io::Error::new(ErrorKind::Unsupported, error))
}

fn present(is: bool, why_not: &'static str) -> io::Result<()> {
    if is { Ok(()) } else { Err(absent(why_not)) }
}

fn absent(why: &'static str) -> io::Error {
    io::Error::new(ErrorKind::Unsupported, why)
}

fn since(major: u32, minor: u32) -> io::Result<()> {
    present(version(&release()) >= (major, minor), "this kernel is older")
}

fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// `6.1.0-13-amd64` is (6, 1).
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(version("6.1.0-13-amd64"), (6, 1));
        assert_eq!(version("5.4.0-1045-aws"), (5, 4));
        assert_eq!(version("6.18-rc1"), (6, 18));
        assert!(version("5.19.0") >= (5, 19) && version("5.4.0") < (5, 19));
    }
}
