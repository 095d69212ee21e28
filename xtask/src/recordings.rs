//! `cargo xtask recordings`: the small recordings that tests read, made again by the program itself. What they show is in
//! the scripts beside them, which busybox runs.
//!
//! They are made where nothing of this machine is to be seen: in namespaces of their own, on a root that holds busybox,
//! fathom and a few files, without an environment. In a pid namespace there is no BPF, so calls are seen step by step.

use std::fs;
use std::process::Command;

use anyhow::{Context, ensure};
use fathom_testkit::Scratch;
use fathom_testkit::need::{find_program, workspace};

use crate::program::{Profile, fathom, install, step};

/// The folder of scripts and recordings.
const FOLDER: &str = "crates/trace/tests/recordings";

/// Files of the root.
const FILES: &[(&str, &str)] = &[
    ("etc/passwd", "root:x:0:0:root:/:/bin/sh\nweb:x:100:100:web:/www:/bin/sh\n"),
    ("etc/group", "root:x:0:\nweb:x:100:\n"),
    ("etc/shadow", "root:*:1::::::\nweb:*:1::::::\n"),
    ("etc/hosts", "127.0.0.1 localhost shop\n"),
    ("www/index.html", "<p>Welcome to the shop\n"),
];

/// From namespaces that are still empty to the recording of `$3`. The host's tree is gone before anything is looked at.
const SANDBOX: &str = r#"
set -e
mount -t tmpfs none "$1"; cd "$1"
mkdir bin dev proc out scenes tmp etc www
cp -R "$4"/. .
chmod 600 etc/shadow; chmod 1777 tmp
touch bin/fathom; mount --bind "$2" bin/fathom
cp "$0" bin/busybox; bin/busybox --install bin
mknod dev/null c 1 3; mknod dev/zero c 1 5; chmod 666 dev/null dev/zero
mount -t proc none proc
bin/busybox hostname shop; bin/busybox ifconfig lo up
bin/busybox mkdir old; bin/busybox pivot_root . old
exec /bin/busybox env -i PATH=/bin TZ=UTC /bin/busybox sh -c '
    umount -l /old; rmdir /old; cd /
    fathom trace -z -w /out/scene.scap -- sh /scenes/'"$3"'.sh > /tmp/said 2>&1
    cat /out/scene.scap'
"#;

/// Makes all of them.
pub(crate) fn run() -> anyhow::Result<u8> {
    install(&[("busybox", "busybox-static"), ("unshare", "util-linux")])?;
    let busybox = find_program("busybox").context("busybox is not on PATH")?;
    let program = fathom(Profile::Debug)?;
    let folder = workspace().join(FOLDER);
    let scratch = Scratch::new("recordings");
    let (root, seed) = (scratch.join("root"), scratch.join("seed"));
    fs::create_dir_all(&root)?;
    for (name, text) in FILES {
        write(&seed.join(name), text.as_bytes())?;
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "sh") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            write(&seed.join("scenes").join(format!("{name}.sh")), &fs::read(&path)?)?;
            names.push(name);
        }
    }
    names.sort();
    for name in names {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--uts", "--ipc", "--net", "--cgroup", "--pid", "--fork", "--kill-child"]);
        command.args(["sh", "-c", SANDBOX]).arg(&busybox).arg(&root).arg(&program).arg(&name).arg(&seed);
        let made = command.stderr(std::process::Stdio::inherit()).output().context("cannot run unshare")?;
        ensure!(made.status.success() && !made.stdout.is_empty(), "`{name}` was not recorded: {}", made.status);
        fs::write(folder.join(format!("{name}.scap")), &made.stdout)?;
        println!("{FOLDER}/{name}.scap: {} bytes", made.stdout.len());
    }
    // What they may hold and what not.
    let mut test = crate::program::cargo();
    step(test.args(["test", "--quiet", "--package", "fathom-trace", "--test", "story", "own"]))?;
    Ok(0)
}

fn write(path: &std::path::Path, text: &[u8]) -> anyhow::Result<()> {
    fs::create_dir_all(path.parent().context("it has a folder")?)?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
