//! `cargo xtask bench`.

/// What is measured.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Words {}

pub(crate) fn run(words: &Words) -> anyhow::Result<u8> {
    match *words {}
}
