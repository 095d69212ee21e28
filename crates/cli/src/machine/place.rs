//! Whether two names mean one file.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Whether it is one; `-` is what we have as stdin.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let path = if path == Path::new("-") { Path::new("/proc/self/fd/0") } else { path };
        fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| (metadata.dev(), metadata.ino()))
    };
    place(one).is_some_and(|one| place(other) == Some(one))
}
