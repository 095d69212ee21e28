//! `cargo xtask toolkit`: the full toolkit as one archive, built by the program's own `fathom toolkit build`.

use std::process::Command;

use fathom_testkit::need::workspace;

use crate::program::{self, Profile, fathom, install};

/// What `cargo xtask toolkit` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// Words for `fathom toolkit build`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    build: Vec<String>,
}

/// Builds the archive.
pub(crate) fn run(words: &Words) -> anyhow::Result<u8> {
    install(&[("mmdebstrap", "mmdebstrap")])?;
    let program = fathom(Profile::Release)?;
    let mut build = Command::new(program);
    build.current_dir(workspace()).args(["toolkit", "build"]).args(&words.build);
    Ok(program::code(program::status(&mut build)?))
}
