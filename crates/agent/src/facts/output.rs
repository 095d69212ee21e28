//! The end of what a container wrote, from the file that its engine keeps.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use fathom_model::detail::Runs;
use fathom_model::{Container, Engine};
use fathom_runtime::Places;
use fathom_runtime::records::{Output, output};

/// So many bytes at the end of a log tell of now.
const TAIL: u64 = 64 * 1024;

/// What it wrote last; nothing where its engine keeps it elsewhere.
pub(super) fn of(places: &Places, found: &Container, runs: &Runs) -> Option<String> {
    let kept = match found.engine {
        Engine::Docker => Output::Json,
        Engine::Containerd | Engine::CriO | Engine::Podman => Output::Stamped,
        _ => return None,
    };
    let path = PathBuf::from(runs.log.as_ref()?);
    // The engine's word, read as it means it: below the root of the machine we look at.
    let bytes = tail(&places.beneath(&path)).ok()?;
    Some(output(&bytes, kept))
}

fn tail(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(bytes)
}
