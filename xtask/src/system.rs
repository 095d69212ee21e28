//! Other systems that `fathom` is built for, and what a machine needs to do so.

use std::process::Command;

use anyhow::{Context, bail};
use fathom_testkit::need::find_program;

use crate::program::cargo;

/// A system that is not the one we are built for.
#[derive(Debug)]
pub(crate) struct System {
    /// As Rust calls it.
    target: &'static str,
    /// The compiler for the C in ring and zstd.
    compiler: &'static str,
    /// Debian's packages that bring it.
    packages: &'static str,
}

/// What a laptop may run.
pub(crate) const WINDOWS: System =
    System { target: "x86_64-pc-windows-gnu", compiler: "x86_64-w64-mingw32-gcc", packages: "gcc-mingw-w64-x86-64" };

/// What a node may be.
pub(crate) const ARM: System = System {
    target: "aarch64-unknown-linux-musl",
    compiler: "aarch64-linux-gnu-gcc",
    packages: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
};

impl System {
    /// The build of `fathom` for it, as developers build, but without a warning: clippy looks at our own system only.
    ///
    /// # Errors
    /// What this machine lacks for it, and how to get it.
    pub(crate) fn build(&self) -> anyhow::Result<Command> {
        let System { target, compiler, packages } = self;
        if find_program(compiler).is_none() {
            bail!("{compiler} is missing (`apt-get install {packages}`)");
        }
        if !self.has_library()? {
            bail!("Rust's own library for {target} is missing (`rustup target add {target}`)");
        }
        let mut build = cargo();
        build.args(["rustc", "--package", "fathom-cli", "--bin", "fathom", "--target", target, "--", "-D", "warnings"]);
        Ok(build)
    }

    /// Whether Rust can build for it.
    fn has_library(&self) -> anyhow::Result<bool> {
        let mut ask = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        ask.args(["--print", "target-libdir", "--target", self.target]);
        let output = ask.output().context("cannot run rustc")?;
        let folder = String::from_utf8(output.stdout).context("a folder's name is no UTF-8")?;
        Ok(output.status.success() && std::path::Path::new(folder.trim()).is_dir())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_told_with_the_way_to_get_it() {
        let check = |system: System, expect: &str| {
            assert_eq!(system.build().expect_err("no machine has it").to_string(), expect);
        };
        check(
            System { target: "x", compiler: "no-such-gcc", packages: "gcc-nowhere" },
            "no-such-gcc is missing (`apt-get install gcc-nowhere`)",
        );
        check(
            System { target: "wasm64-nowhere", compiler: "sh", packages: "dash" },
            "Rust's own library for wasm64-nowhere is missing (`rustup target add wasm64-nowhere`)",
        );
    }
}
