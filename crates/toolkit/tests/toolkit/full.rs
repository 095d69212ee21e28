//! The full toolkit. Building it takes minutes and a package mirror, so the test looks at the archive that
//! `cargo xtask toolkit` made.

use std::process::Command;

use fathom_testkit::{Need, needs};
use fathom_toolkit::{Source, full};

use crate::builder::*;
use crate::together::program;

const ARCHIVE: &str = "/var/cache/fathom/toolkit-full.oci.tar";

#[test]
fn its_tools_run_from_the_unpacked_tree() {
    needs!(Need::Root, Need::Program("chroot"), Need::Path(ARCHIVE));
    let bench = bench("full");
    let entry = bench.import(&Source::Archive(ARCHIVE.into())).unwrap();
    entry.check_architecture().unwrap();
    assert_eq!(entry.names, [full::NAME]);
    assert_eq!(entry.config.command(), ["bash"]);
    assert!(entry.config.env.iter().any(|variable| variable.starts_with("PATH=/")));
    assert_eq!((entry.notes.devices, entry.notes.fifos, entry.notes.attributes), (0, 0, 0));
    assert!(entry.root().join("dev").is_dir(), "sessions mount their devices there");
    for words in [
        "bash --version",
        "curl --version",
        "drill -v",
        "iftop -h",
        "ip -V",
        "nft --version",
        "python3 -c pass",
        "strace -V",
        "tcpdump --version",
        "vi --version",
    ] {
        let ran = Command::new("chroot").arg(entry.root()).args(words.split(' ')).output().unwrap();
        assert!(ran.status.success(), "{words}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    let list = std::fs::read_to_string(entry.root().join("var/lib/dpkg/status")).unwrap();
    for package in full::PACKAGES {
        assert!(list.contains(&format!("Package: {package}\n")), "{package}");
    }
}

#[test]
fn a_machine_without_apt_is_told_what_to_do() {
    let bench = bench("no-apt");
    let out = bench.scratch.join("out.tar");
    let mut command = Command::new(program());
    let ran = command.arg(bench.scratch.join("store")).arg("build").arg(out).env_clear().env("PATH", "/none").output();
    let ran = ran.unwrap();
    assert!(!ran.status.success());
    let words = String::from_utf8_lossy(&ran.stderr).to_string();
    assert!(words.contains("cannot build the full toolkit") && words.contains("mmdebstrap"), "{words}");
}
