//! Roots of test containers, made of static programs: as a folder for `runc`, as an image archive for the others.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// The static program of `programs/idle.rs`.
pub const IDLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/idle"));

/// Applets that a busybox root has links for.
const APPLETS: &[&str] = &[
    "cat", "chmod", "chown", "cp", "echo", "env", "false", "grep", "hostname", "id", "ip", "kill", "ln", "ls", "mkdir",
    "mount", "nc", "ping", "ps", "pwd", "rm", "sh", "sleep", "stat", "tail", "test", "touch", "tr", "true", "umount",
    "uname", "wget", "wc",
];

/// The files of a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What the image made of it is called.
    pub name: String,
    /// The files, parents before children.
    pub entries: Vec<Entry>,
}

/// One file of a root. Paths have no leading slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A folder with its mode.
    Folder(String, u32),
    /// A file with its mode and bytes.
    File(String, u32, Vec<u8>),
    /// A symbolic link and where it leads.
    Link(String, String),
}

impl Content {
    /// One static program, `/app`, and nothing else: the hardest image to debug.
    pub fn idle() -> Self {
        Content { name: "fathom.test/idle:1".into(), entries: vec![Entry::File("app".into(), 0o755, IDLE.to_vec())] }
    }

    /// The machine's static busybox with links for its commonest applets, and the usual two files of `/etc`.
    ///
    /// # Panics
    /// When /bin/busybox is missing.
    pub fn busybox() -> Self {
        let program = fs::read("/bin/busybox").expect("busybox-static is installed");
        let mut entries = vec![
            Entry::Folder("bin".into(), 0o755),
            Entry::File("bin/busybox".into(), 0o755, program),
            Entry::Folder("etc".into(), 0o755),
            Entry::File("etc/passwd".into(), 0o644, b"root:x:0:0:root:/root:/bin/sh\n".to_vec()),
            Entry::File("etc/group".into(), 0o644, b"root:x:0:\n".to_vec()),
            Entry::Folder("tmp".into(), 0o1777),
        ];
        entries.extend(APPLETS.iter().map(|name| Entry::Link(format!("bin/{name}"), "busybox".into())));
        Content { name: "fathom.test/busybox:1".into(), entries }
    }

    /// One file more.
    pub fn with(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    /// Another name for the image.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Writes the files below `root`, which is made, all owned by `owner`.
    ///
    /// # Panics
    /// When a file cannot be written.
    pub fn unpack(&self, root: &Path, owner: u32) {
        let own = |path: &Path| std::os::unix::fs::lchown(path, Some(owner), Some(owner)).expect("files can be owned");
        fs::create_dir_all(root).expect("the root can be made");
        own(root);
        for entry in &self.entries {
            let path = match entry {
                Entry::Folder(path, mode) => {
                    fs::create_dir_all(root.join(path)).expect("a folder can be made");
                    set_mode(&root.join(path), *mode);
                    path
                }
                Entry::File(path, mode, bytes) => {
                    fs::write(root.join(path), bytes).expect("a file can be written");
                    set_mode(&root.join(path), *mode);
                    path
                }
                Entry::Link(path, target) => {
                    symlink(target, root.join(path)).expect("a link can be made");
                    path
                }
            };
            own(&root.join(path));
        }
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode can be set");
}
