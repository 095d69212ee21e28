//! Roots of test containers, made of static programs: as a folder for `runc`, as an image archive for the others.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The static program of `programs/idle.rs`.
pub const IDLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/idle"));

/// Applets that a busybox root has links for.
const APPLETS: &[&str] = &[
    "cat", "chmod", "chown", "cp", "echo", "env", "false", "grep", "hostname", "httpd", "id", "ip", "kill", "ln", "ls",
    "mkdir", "mount", "nc", "ping", "ps", "pwd", "rm", "sh", "sleep", "stat", "tail", "test", "touch", "tr", "true",
    "umount", "uname", "wget", "wc",
];

/// The files of a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What the image made of it is called.
    pub name: String,
    /// The files, parents before children.
    pub entries: Vec<Entry>,
    /// The uid and gid that its command has where nobody says otherwise.
    pub user: u32,
    /// The command where nobody gives one.
    pub command: Vec<String>,
}

/// The image of an unpacked layout under another name and for another user, as an archive without its layers: whoever
/// has the first one has those.
///
/// # Panics
/// When the folder holds no layout of one image.
pub fn as_user(layout: &Path, name: &str, user: u32) -> Vec<u8> {
    let read = |path: String| -> Value {
        let bytes = fs::read(layout.join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_slice(&bytes).expect("it is JSON")
    };
    let place = |descriptor: &Value| {
        format!("blobs/{}", descriptor["digest"].as_str().expect("it has a digest").replace(':', "/"))
    };
    let mut index = read("index.json".to_owned());
    let mut manifest = read(place(&index["manifests"][0]));
    let mut config = read(place(&manifest["config"]));
    config["config"]["User"] = json!(format!("{user}:{user}"));
    let config = config.to_string().into_bytes();
    let kind = |descriptor: &Value| descriptor["mediaType"].as_str().expect("it has a type").to_owned();
    manifest["config"] = descriptor(&kind(&manifest["config"]), &config);
    let manifest = manifest.to_string().into_bytes();
    let mut entry = descriptor(&kind(&index["manifests"][0]), &manifest);
    entry["annotations"] = json!({"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name});
    index["manifests"] = json!([entry]);
    let files = [
        ("oci-layout".to_owned(), json!({"imageLayoutVersion": "1.0.0"}).to_string().into_bytes()),
        ("index.json".to_owned(), index.to_string().into_bytes()),
        (blob(&config), config.clone()),
        (blob(&manifest), manifest.clone()),
    ];
    tarball(&files.map(|(path, bytes)| Entry::File(path, 0o644, bytes)))
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
        Content {
            name: "fathom.test/idle:1".into(),
            entries: vec![Entry::File("app".into(), 0o755, IDLE.to_vec())],
            user: 0,
            command: vec!["/app".into()],
        }
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
        Content { name: "fathom.test/busybox:1".into(), entries, user: 0, command: vec!["/bin/sh".into()] }
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

    /// The same files with another user; the name says so.
    pub fn as_user(mut self, user: u32) -> Self {
        if user != self.user {
            self.name = format!("{}-user{user}", self.name);
            self.user = user;
        }
        self
    }

    /// An image of one layer as a tar archive that is an OCI layout and what `docker save` writes, both at once.
    ///
    /// # Panics
    /// Never: everything is written to memory.
    pub fn archive(&self) -> Vec<u8> {
        let layer = self.layer();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "User": format!("{0}:{0}", self.user),
                "Cmd": self.command,
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
        });
        let manifest = manifest.to_string().into_bytes();
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
        // containerd reads the first, podman the second.
        entry["annotations"] =
            json!({ "io.containerd.image.name": self.name, "org.opencontainers.image.ref.name": self.name });
        let index = json!({ "schemaVersion": 2, "manifests": [entry] });
        let saved = json!([{ "Config": blob(&config), "RepoTags": [self.name], "Layers": [blob(&layer)] }]);
        let files = [
            ("oci-layout".to_owned(), json!({ "imageLayoutVersion": "1.0.0" }).to_string().into_bytes()),
            ("index.json".to_owned(), index.to_string().into_bytes()),
            ("manifest.json".to_owned(), saved.to_string().into_bytes()),
            (blob(&config), config.clone()),
            (blob(&manifest), manifest.clone()),
            (blob(&layer), layer.clone()),
        ];
        tarball(&files.map(|(path, bytes)| Entry::File(path, 0o644, bytes)))
    }

    /// The files as the tar archive that is the image's only layer.
    pub fn layer(&self) -> Vec<u8> {
        tarball(&self.entries)
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

fn tarball(entries: &[Entry]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        let written = match entry {
            Entry::Folder(path, mode) => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(*mode);
                archive.append_data(&mut header, path, std::io::empty())
            }
            Entry::File(path, mode, bytes) => {
                header.set_size(bytes.len() as u64);
                header.set_mode(*mode);
                archive.append_data(&mut header, path, bytes.as_slice())
            }
            Entry::Link(path, target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                archive.append_link(&mut header, path, target)
            }
        };
        written.expect("memory can be written to");
    }
    archive.into_inner().expect("memory can be written to")
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(bytes))
}

fn blob(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", hex(bytes))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}
