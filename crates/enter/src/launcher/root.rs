//! The session's root, built by the supervisor in a mount namespace of its own.
//!
//! Nothing is written into the target: its tree is cloned, mount by mount, onto a tmpfs that is ours. Everything
//! here is held by the mount namespace, so it is gone when the last process of the session is.
//!
//! The order is forced: the toolkit is opened while we see the machine's files, the target's tree is cloned while we
//! are in the target's mount namespace, and mounts can be put together only in a namespace that is ours.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use fathom_host::namespace::{Kind, link_type};
use fathom_host::sys::{MountAttributes, Recursion, mount_setattr};
use fathom_model::{Class, Failure};
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags};
use rustix::mount::{MountAttrFlags, MountPropagationFlags, UnmountFlags};

use super::tree::{self, Maker, NO_DEV, NO_SUID, READ_ONLY};
use super::{Material, Role, device};
use crate::failure::{Step, refused};
use crate::options::{Toolkit, View};
use crate::plan::{Plan, UserNamespace};
use crate::subject::Nature;

/// A part of the target's tree, cloned and not yet attached.
enum Entry {
    Folder(String, OwnedFd),
    File(String, OwnedFd),
    Link(String, String),
}

/// What was gathered before the namespace is ours.
struct Parts {
    /// The unpacked toolkit.
    toolkit: Option<OwnedFd>,
    /// Its folder of trampolines.
    trampolines: Option<OwnedFd>,
    /// The program's own file.
    program: OwnedFd,
    /// The target's tree in one piece.
    tree: Option<OwnedFd>,
    /// An image's tree, which the store shares: read-only, to be overlaid.
    image: Option<OwnedFd>,
    /// The target's tree, one by one.
    entries: Vec<Entry>,
    /// `/etc/resolv.conf` and its kind, copied.
    files: Vec<(&'static str, String)>,
    /// What this kernel could not do for us.
    loss: Option<&'static str>,
}

/// Files of the target that the tools must see to behave as the target would.
const NETWORK_FILES: &[&str] = &["etc/resolv.conf", "etc/hosts", "etc/hostname"];

/// Builds the root that `plan` describes and makes it this process's. `terminal` is attached at `/dev/pts`. Returns
/// what the user has to do without.
pub(super) fn build(
    plan: &Plan,
    material: &mut Material,
    terminal: Option<OwnedFd>,
) -> Result<Option<&'static str>, Failure> {
    let mut parts = gather(plan, material)?;
    fathom_host::sys::unshare(&[Kind::Mnt]).step("make a mount namespace")?;
    rustix::mount::mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .step("cut the session's mounts off from the target's")?;
    let maker = Maker { owner: plan.owner };
    stage(plan, &mut parts, maker)?;
    match plan.view {
        View::Tools => furnish_tools(plan, &parts, maker)?,
        View::Target => furnish_target(plan, &parts, maker)?,
    }
    if let Some(mount) = terminal {
        attach_terminal(plan, &mount, maker)?;
    }
    rustix::process::pivot_root(".", ".").step("change the root")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).step("let go of the old root")?;
    rustix::process::chdir("/").step("enter the new root")?;
    Ok(parts.loss)
}

fn gather(plan: &Plan, material: &mut Material) -> Result<Parts, Failure> {
    let program = material.need(Role::Program)?;
    let mut loss = None;
    let (toolkit, trampolines) = match &plan.toolkit {
        Toolkit::Mini { .. } => (None, None),
        Toolkit::Tree { path, trampolines, .. } => {
            let tree = open_toolkit(plan, path, material, &mut loss)?;
            let trampolines = match plan.view {
                View::Target => {
                    Some(tree::clone_followed(trampolines, Recursion::Alone).step("open the toolkit's links")?)
                }
                View::Tools => None,
            };
            (Some(tree), trampolines)
        }
    };
    if let Some(mounts) = material.take(Role::Namespace(Kind::Mnt)) {
        rustix::thread::move_into_link_name_space(mounts.as_fd(), Some(link_type(Kind::Mnt)))
            .step("join the target's mount namespace")?;
    }
    let mut parts =
        Parts { toolkit, trampolines, program, tree: None, image: None, entries: Vec::new(), files: Vec::new(), loss };
    if let Nature::Image { root, .. } = &plan.nature {
        let image = tree::clone_followed(root, Recursion::Alone).step("open the image's tree")?;
        let image = tree::restrict(image, READ_ONLY | NO_DEV).step("make the image's tree read-only")?;
        parts.image = Some(image);
        return Ok(parts);
    }
    let root = material.need(Role::Root)?;
    match (plan.view, &plan.tree) {
        (View::Target, _) => parts.entries = clone_entries(&root)?,
        (View::Tools, Some(_)) => {
            parts.tree = Some(tree::clone(&root, "", Recursion::WithAllBelow).step("clone the target's tree")?);
            parts.files = NETWORK_FILES.iter().map(|path| (*path, tree::read_inside(&root, path))).collect();
        }
        (View::Tools, None) => {}
    }
    Ok(parts)
}

/// The toolkit read-only, seen through the target's user mapping where it has one.
fn open_toolkit(
    plan: &Plan,
    path: &Path,
    material: &mut Material,
    loss: &mut Option<&'static str>,
) -> Result<OwnedFd, Failure> {
    let tree = tree::clone_followed(path, Recursion::Alone)
        .map_err(|error| refused(format!("open the toolkit at {}", path.display()), error))?;
    let users =
        (plan.user_namespace == UserNamespace::Join).then(|| material.borrow(Role::Namespace(Kind::User))).flatten();
    let attributes = MountAttributes { set: READ_ONLY | NO_SUID | NO_DEV, idmap: users, ..MountAttributes::default() };
    match mount_setattr(tree.as_fd(), Recursion::Alone, attributes) {
        Ok(()) => Ok(tree),
        // A file system that cannot be mapped, or a kernel before 5.12: the tools belong to nobody and run all the same.
        Err(_) => {
            *loss = users.map(|_| "the toolkit's files belong to nobody here: `fathom doctor` says what is lacking");
            tree::restrict(tree, READ_ONLY | NO_SUID | NO_DEV).step("make the toolkit read-only")
        }
    }
}

/// Each top-level entry of the target's root by itself: a tree that is already detached cannot be cloned in parts.
fn clone_entries(root: &OwnedFd) -> Result<Vec<Entry>, Failure> {
    let folder = rustix::fs::openat(root, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .step("open the target's root")?;
    let mut entries = Vec::new();
    for found in Dir::new(folder).step("list the target's root")? {
        let found = found.step("list the target's root")?;
        let Ok(name) = found.file_name().to_str() else { continue };
        // Our own folder takes precedence over one that a nested session or the image brought along.
        if matches!(name, "." | ".." | ".fathom") {
            continue;
        }
        let name = name.to_owned();
        let cloned = |recursion| tree::clone(root, &name, recursion);
        match found.file_type() {
            FileType::Directory => {
                entries.extend(cloned(Recursion::WithAllBelow).ok().map(|tree| Entry::Folder(name.clone(), tree)))
            }
            FileType::Symlink => {
                let to = rustix::fs::readlinkat(root, &name, Vec::new()).ok().and_then(|to| to.into_string().ok());
                entries.extend(to.map(|to| Entry::Link(name.clone(), to)));
            }
            _ => entries.extend(cloned(Recursion::Alone).ok().map(|file| Entry::File(name.clone(), file))),
        }
    }
    Ok(entries)
}

/// Puts the session's own file system in place and makes it the current directory.
fn stage(plan: &Plan, parts: &mut Parts, maker: Maker) -> Result<(), Failure> {
    let size = plan.scratch.to_string();
    let (uid, gid) = (plan.owner.0.to_string(), plan.owner.1.to_string());
    let options = [("size", size.as_str()), ("mode", "755"), ("uid", &uid), ("gid", &gid)];
    let scratch =
        tree::filesystem("tmpfs", &options, MountAttrFlags::empty()).step("make the session's file system")?;
    tree::attach(&scratch, CWD, "/").step("attach the session's file system")?;
    rustix::process::fchdir(&scratch).step("enter the session's file system")?;
    if let Some(image) = parts.image.take() {
        let changes = overlay("image", &image, maker)?;
        if plan.view == View::Target {
            return enter_overlay("root", &changes, maker);
        }
        parts.tree = Some(changes);
    }
    match (plan.view, &parts.toolkit) {
        (View::Tools, Some(toolkit)) => enter_overlay("root", &overlay("toolkit", toolkit, maker)?, maker),
        _ => Ok(()),
    }
}

/// `lower` with a layer of the session's own on top, which takes all changes; attached nowhere yet.
fn overlay(name: &str, lower: &OwnedFd, maker: Maker) -> Result<OwnedFd, Failure> {
    let [below, above, work] = ["lower", "upper", "work"].map(|layer| format!("{name}-{layer}"));
    for folder in [&below, &above, &work] {
        maker.folder(folder, 0o755).step("lay out the session's file system")?;
    }
    tree::attach(lower, CWD, &below).step("attach the lower layer")?;
    let options = [("lowerdir", below.as_str()), ("upperdir", &above), ("workdir", &work)];
    tree::filesystem("overlay", &options, MountAttrFlags::empty())
        .map_err(|error| refused(format!("overlay the {name}"), error))
}

/// Makes a detached tree the current directory, by way of the folder `at`.
fn enter_overlay(at: &str, tree: &OwnedFd, maker: Maker) -> Result<(), Failure> {
    maker.folder(at, 0o755).step("lay out the session's file system")?;
    tree::attach(tree, CWD, at).step("attach the overlay")?;
    rustix::process::fchdir(tree).step("enter the overlay")
}

/// `/` is the toolkit.
fn furnish_tools(plan: &Plan, parts: &Parts, maker: Maker) -> Result<(), Failure> {
    for (folder, mode) in [
        ("etc", 0o755),
        ("proc", 0o555),
        ("sys", 0o555),
        ("tmp", 0o1777),
        ("root", 0o700),
        ("run", 0o755),
        ("var", 0o755),
    ] {
        maker.folder(folder, mode).map_err(|error| refused(format!("make /{folder}"), error))?;
    }
    device::populate(maker)?;
    if let Toolkit::Mini { applets } = &plan.toolkit {
        maker.folder("bin", 0o755).step("make /bin")?;
        install_applets(applets, "bin/fathom", "fathom", "bin", &parts.program, maker)?;
        for (to, link) in [("bin", "sbin"), (".", "usr")] {
            maker.link(to, link).step("link the folders of programs")?;
        }
        maker
            .file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
            .step("write /etc/passwd")?;
        maker.file("etc/group", "root:x:0:\nnogroup:x:65534:\n").step("write /etc/group")?;
    }
    for (path, text) in parts.files.iter().filter(|(_, text)| !text.is_empty()) {
        maker.file(path, text).map_err(|error| refused(format!("write /{path}"), error))?;
    }
    // Made last: until here we might be in the machine's own network namespace.
    if let Ok(sys) = tree::filesystem(
        "sysfs",
        &[],
        MountAttrFlags::MOUNT_ATTR_RDONLY | MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC,
    ) {
        tree::attach(&sys, CWD, "sys").step("attach /sys")?;
    }
    if let (Some(tree), Some(at)) = (&parts.tree, &plan.tree) {
        let at = at.to_string_lossy();
        let at = at.trim_start_matches('/');
        maker.folder(at, 0o755).step("make the folder of the target's tree")?;
        tree::attach(tree, CWD, at).step("attach the target's tree")?;
    }
    Ok(())
}

/// `/` is the target's own, entry by entry, and `/.fathom` holds the tools.
fn furnish_target(plan: &Plan, parts: &Parts, maker: Maker) -> Result<(), Failure> {
    for entry in &parts.entries {
        let attached = match entry {
            Entry::Link(name, to) => maker.link(to, name),
            Entry::Folder(name, tree) => maker.folder(name, 0o755).and_then(|()| tree::attach(tree, CWD, name)),
            Entry::File(name, file) => maker.file(name, "").and_then(|()| tree::attach(file, CWD, name)),
        };
        attached.step("attach a part of the target's tree")?;
    }
    maker.folder(".fathom", 0o755).step("make /.fathom")?;
    match (&plan.toolkit, &parts.toolkit, &parts.trampolines) {
        (Toolkit::Mini { applets }, ..) => {
            maker.folder(".fathom/bin", 0o755).step("make /.fathom/bin")?;
            install_applets(applets, ".fathom/fathom", "../fathom", ".fathom/bin", &parts.program, maker)?;
            maker.link("../fathom", ".fathom/bin/fathom").step("link /.fathom/bin/fathom")?;
        }
        (_, Some(toolkit), Some(trampolines)) => {
            for (tree, at) in [(toolkit, ".fathom/root"), (trampolines, ".fathom/bin")] {
                maker.folder(at, 0o755).step("make the folders of the tools")?;
                tree::attach(tree, CWD, at).step("attach the tools")?;
            }
            install_applets(&[], ".fathom/fathom", "", "", &parts.program, maker)?;
        }
        _ => return Err(Failure::new(Class::System, "the toolkit was not opened")),
    }
    // A bare root without devices or processes still gets what every program expects.
    maker.folder("proc", 0o555).step("make /proc")?;
    if std::fs::metadata("dev/null").is_err()
        && std::fs::read_dir("dev").is_ok_and(|mut folder| folder.next().is_some())
    {
        return Ok(());
    }
    if std::fs::metadata("dev/null").is_err() {
        let own = tree::filesystem("tmpfs", &[("mode", "755"), ("size", "65536")], MountAttrFlags::MOUNT_ATTR_NOSUID)
            .step("make a /dev")?;
        maker.folder("dev", 0o755).step("make /dev")?;
        tree::attach(&own, CWD, "dev").step("attach /dev")?;
        device::populate(maker)?;
    }
    Ok(())
}

/// The program's file at `file`, and in `folder` one link per applet to `link`.
fn install_applets(
    applets: &[String],
    file: &str,
    link: &str,
    folder: &str,
    program: &OwnedFd,
    maker: Maker,
) -> Result<(), Failure> {
    maker.file(file, "").step("make the program's place")?;
    tree::attach(program, CWD, file).step("attach the program")?;
    for applet in applets {
        maker.link(link, &format!("{folder}/{applet}")).step("link the applets")?;
    }
    Ok(())
}

/// The terminal's file system over `/dev/pts`. A target whose /dev has no such folder, and whose tree is read-only,
/// keeps a terminal that works but has no name.
fn attach_terminal(plan: &Plan, mount: &OwnedFd, maker: Maker) -> Result<(), Failure> {
    if std::fs::metadata("dev/pts").is_err() {
        if plan.view == View::Tools {
            maker.folder("dev/pts", 0o755).step("make /dev/pts")?;
        } else {
            return Ok(());
        }
    }
    tree::attach(mount, CWD, "dev/pts").step("attach the terminal")
}
