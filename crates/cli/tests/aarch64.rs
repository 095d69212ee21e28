//! The program built for aarch64 (`cargo xtask ci` does so before the tests), started by qemu.

use std::process::Command;

use fathom_testkit::engine::image::Content;
use fathom_testkit::{Need, Scratch, needs};

/// Beside the folder of what is built for this machine.
const FATHOM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../../aarch64-unknown-linux-musl/debug/fathom");
const NEEDS: [Need; 2] = [Need::Program("qemu-aarch64-static"), Need::Path(FATHOM)];

/// The program, called by `name`.
fn qemu(name: &str) -> Command {
    let mut command = Command::new("qemu-aarch64-static");
    command.args(["-0", name, FATHOM]);
    command
}

/// What it prints.
#[track_caller]
fn text(name: &str, words: &[&str]) -> String {
    let output = qemu(name).args(words).output().expect("qemu runs");
    assert!(output.status.success(), "{name} {words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn the_program_starts() {
    needs!(NEEDS[0], NEEDS[1]);
    assert_eq!(text("fathom", &["--version"]), concat!("fathom ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(text("fathom", &["ps", "--help"]).contains("--all"));
    // /proc and the engines' files are read as everywhere.
    assert!(text("fathom", &["ps"]).starts_with("ID "));
}

#[test]
fn applets_run() {
    needs!(NEEDS[0], NEEDS[1]);
    assert_eq!(text("uname", &["-m"]), "aarch64\n");
    assert_eq!(text("sh", &["-c", "x=6; echo $((x * 7)); exit 0"]), "42\n");
    assert_eq!(text("sh", &["-c", "printf 'b\\na\\n' | sort | head -n 1"]), "a\n");
}

#[test]
fn an_image_for_another_architecture_is_refused() {
    needs!(NEEDS[0], NEEDS[1], Need::Path("/bin/busybox"));
    let scratch = Scratch::new("aarch64");
    let file = scratch.join("amd64.tar");
    std::fs::write(&file, Content::busybox().archive()).expect("a scratch folder can be written to");
    let mut import = qemu("fathom");
    import.args(["toolkit", "import"]).arg(file).env("FATHOM_STORE", scratch.join("store"));
    let output = import.output().expect("qemu runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("linux/amd64") && said.contains("linux/arm64"), "{output:?}");
}
