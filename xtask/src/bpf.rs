//! `cargo xtask bpf`: the kernel's half of `fathom trace`, compiled from `bpf/` into the objects that are committed there.
//!
//! Users need no compiler, and builds of fathom none for BPF. CI compiles again and compares, so that an object is always
//! what its source says; Debian's clang of that one version gives the same bytes everywhere.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use fathom_testkit::Scratch;
use fathom_testkit::need::workspace;

use crate::program::{install, step};

/// What `cargo xtask bpf` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// Change nothing, and fail where an object is not what its source says
    #[arg(long)]
    check: bool,
}

impl Words {
    /// As CI asks.
    pub(crate) const CHECK: Words = Words { check: true };
}

/// Every object: its name, and what the source is told.
const OBJECTS: &[(&str, &[&str])] = &[
    ("trace-x86_64.o", &["-DFATHOM_X86_64", "-DFATHOM_STORAGE"]),
    ("trace-x86_64-5.8.o", &["-DFATHOM_X86_64"]),
    ("trace-aarch64.o", &["-DFATHOM_AARCH64", "-DFATHOM_STORAGE"]),
    ("trace-aarch64-5.8.o", &["-DFATHOM_AARCH64"]),
];

/// Compiles all objects, or compares them with what is there.
pub(crate) fn run(asked: &Words) -> anyhow::Result<u8> {
    install(&[("clang-14", "clang-14"), ("llvm-objcopy-14", "llvm-14")])?;
    let folder = workspace().join("bpf");
    let scratch = Scratch::new("bpf");
    let mut stale = Vec::new();
    for (name, told) in OBJECTS {
        let made = scratch.join(name);
        compile(&folder, told, &made)?;
        let made = fs::read(&made).context("clang made no object")?;
        let kept = folder.join(name);
        if fs::read(&kept).ok().as_ref() == Some(&made) {
            continue;
        }
        stale.push(name);
        if !asked.check {
            fs::write(&kept, made).with_context(|| format!("cannot write {}", kept.display()))?;
        }
    }
    for name in &stale {
        println!("bpf/{name}{}", if asked.check { " is not what its source says" } else { "" });
    }
    if asked.check && !stale.is_empty() {
        println!("`cargo xtask bpf` compiles it anew; commit what it changes");
    }
    Ok(u8::from(asked.check && !stale.is_empty()))
}

/// Names in the object are relative, so that it is the same in every folder. What debuggers alone read is taken out; what
/// the loader reads, BTF, stays.
fn compile(folder: &Path, told: &[&str], to: &Path) -> anyhow::Result<()> {
    let mut clang = Command::new("clang-14");
    clang.current_dir(folder).args([
        "-target",
        "bpf",
        "-mcpu=v2",
        "-O2",
        "-g",
        "-Wall",
        "-Werror",
        "-Wno-unused-function",
    ]);
    clang.args(["-fno-ident", "-fdebug-compilation-dir=."]).args(told).args(["-c", "trace.bpf.c", "-o"]).arg(to);
    step(&mut clang)?;
    let mut strip = Command::new("llvm-objcopy-14");
    strip.arg("--strip-debug").args(["--remove-section=.rel.BTF", "--remove-section=.rel.BTF.ext"]);
    step(strip.arg("--remove-section=.llvm_addrsig").arg(to))
}
