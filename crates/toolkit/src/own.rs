//! This program as an image: one static file, the applets as links to it, and the folders that a container needs.
//! The same program always gives the same bytes.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use crate::error::Error;
use crate::layout::{self, Label};
use crate::manifest::{Execution, Platform};
use crate::store::Store;
use crate::tar::{Entry, Kind, Writer};

/// Where the program is in the image.
const PROGRAM: &str = "/fathom";

/// Folders with their modes. What is mounted by whoever starts the container has to be there: its root may be
/// read-only.
const FOLDERS: &[(&str, u32)] = &[
    (".fathom", 0o1777),
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("host", 0o755),
    ("proc", 0o555),
    ("sys", 0o555),
    ("tmp", 0o1777),
];

/// Who has a name there.
const USERS: [(&str, &str); 2] = [
    ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
];

/// In an ephemeral container, where the root of the container beside it is; the agent there makes what it leads to.
const TARGET: (&str, &str) = ("target", ".fathom/target");

/// Writes `program` as an OCI archive of the image `name`, with `applets` as its `/bin`.
pub fn build_own(
    store: &Store,
    name: &str,
    program: &Path,
    applets: &[&str],
    out: &mut dyn Write,
) -> Result<(), Error> {
    let mut file = File::open(program).map_err(|error| Error::io("read", program, error))?;
    let size = file.metadata().map_err(|error| Error::io("read", program, error))?.len();
    let packed = layout::pack(store, |tar| {
        let packing = |error| Error::io("pack", program, error);
        let mut writer = Writer::new(tar);
        let mut put = |entry: &Entry, data: &mut dyn Read| writer.entry(entry, data).map_err(packing);
        for (path, mode) in FOLDERS {
            put(&entry(&format!("{path}/"), Kind::Folder, *mode), &mut std::io::empty())?;
        }
        put(&Entry { size, ..entry(&PROGRAM[1..], Kind::File, 0o755) }, &mut file)?;
        for applet in applets {
            let link =
                Entry { link: PROGRAM.as_bytes().to_vec(), ..entry(&format!("bin/{applet}"), Kind::Symlink, 0o777) };
            put(&link, &mut std::io::empty())?;
        }
        for (path, text) in USERS {
            let size = text.len() as u64;
            put(&Entry { size, ..entry(path, Kind::File, 0o644) }, &mut text.as_bytes())?;
        }
        let target = Entry { link: TARGET.1.as_bytes().to_vec(), ..entry(TARGET.0, Kind::Symlink, 0o777) };
        put(&target, &mut std::io::empty())?;
        writer.finish().map_err(packing)?;
        Ok(())
    })?;
    let execution =
        Execution { entrypoint: vec![PROGRAM.to_owned()], env: vec!["PATH=/bin".to_owned()], ..Execution::default() };
    layout::write(&Label { name, platform: &Platform::here(), created: None, execution: &execution }, packed, out)
}

fn entry(path: &str, kind: Kind, mode: u32) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        link: Vec::new(),
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime: (0, 0),
        size: 0,
        xattrs: Vec::new(),
        extents: Vec::new(),
    }
}
