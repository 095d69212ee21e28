//! A minimal `/dev` for a root of our own: what every program expects, and no device of the machine.

use fathom_model::Failure;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use super::tree::Maker;
use crate::failure::{Step, refused};

/// Character devices that are not really devices.
const NODES: &[(&str, u32, u32)] =
    &[("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Links that programs take for granted.
const LINKS: &[(&str, &str)] = &[
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

/// Fills `dev` below the current directory.
pub(super) fn populate(maker: Maker) -> Result<(), Failure> {
    maker.folder("dev", 0o755).step("make /dev")?;
    maker.folder("dev/pts", 0o755).step("make /dev/pts")?;
    maker.folder("dev/shm", 0o1777).step("make /dev/shm")?;
    for (name, major, minor) in NODES {
        let path = format!("dev/{name}");
        match mknodat(CWD, &path, FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(*major, *minor)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(refused(format!("make /{path}"), error)),
        }
    }
    LINKS.iter().try_for_each(|(to, name)| maker.link(to, &format!("dev/{name}"))).step("make the links of /dev")
}
