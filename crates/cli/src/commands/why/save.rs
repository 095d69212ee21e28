//! What was read in an archive, for whoever may not ask: tar, packed with zstd.

use std::io::Write as _;
use std::path::Path;

use fathom_diagnose::Snapshot;

use crate::whole::{self, Readers};

/// Writes the files of a snapshot. The archive is its owner's alone: what a cluster runs is not everybody's business.
pub(super) fn write(snapshot: &Snapshot, path: &Path) -> anyhow::Result<()> {
    let bytes = snapshot.archive();
    whole::write(path, Readers::Owner, |file| {
        Ok(file.write_all(&bytes).map_err(|error| whole::cannot(path, &error))?)
    })
}
