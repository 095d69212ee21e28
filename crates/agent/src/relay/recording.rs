//! Where a terminal is recorded because a server says so: on the node's own disk, out of the reach of who is recorded.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

use fathom_enter::failure::refused;
use fathom_model::Failure;
use fathom_protocol::Entry;

use crate::Node;
use crate::entry::Prepared;

/// The file for it; none where nothing is to be recorded. No recording, no session.
pub(super) fn begin(node: &Node, entry: &Entry, prepared: &Prepared) -> Result<Option<File>, Failure> {
    if !entry.recorded || entry.terminal.is_none() {
        return Ok(None);
    }
    let folder = &node.recordings;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| refused(format!("make {}", folder.display()), error))?;
    let path = folder.join(format!("{}.cast", prepared.plan.id));
    let file = fs::File::options().write(true).create_new(true).mode(0o600).open(&path);
    file.map(Some).map_err(|error| refused(format!("record to {}", path.display()), error))
}
