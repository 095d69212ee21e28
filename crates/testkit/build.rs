//! Compiles `programs/idle.rs` into one static file, so that tests have a program for roots that hold nothing else.

use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "programs/idle.rs";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"));
    let output = PathBuf::from(variable("OUT_DIR")).join("idle");
    // Set where the target has a linker of its own.
    let linker = std::env::var("RUSTC_LINKER").map(|linker| format!("-Clinker={linker}"));
    let status = Command::new(variable("RUSTC"))
        .args(linker.ok())
        .args(["--edition=2024", "--crate-type=bin", "--target", &variable("TARGET"), SOURCE, "-o"])
        .arg(output)
        .args(["-Copt-level=s", "-Cpanic=abort", "-Cstrip=symbols", "-Ctarget-feature=+crt-static"])
        .status()
        .expect("the compiler that cargo named can be run");
    assert!(status.success(), "{SOURCE} does not compile");
}
