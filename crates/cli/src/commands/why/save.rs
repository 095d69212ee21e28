//! What was read of a cluster in an archive, for whoever may not ask it: tar, packed with zstd.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use fathom_diagnose::Snapshot;

/// Writes the files of a snapshot. The archive is its owner's alone: what a cluster runs is not everybody's business.
pub(super) fn write(snapshot: &Snapshot, path: &Path) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let cannot = || format!("cannot write {}", path.display());
    let mut file = options.open(path).with_context(cannot)?;
    file.write_all(&snapshot.archive()).with_context(cannot)
}
