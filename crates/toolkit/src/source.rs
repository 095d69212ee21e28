//! Where an image comes from, as a person says it.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::reference::Reference;

/// Something that can be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A tar file: an OCI archive or what `docker save` writes; plain, gzip or zstd.
    Archive(PathBuf),
    /// A folder with an OCI layout.
    Layout(PathBuf),
    /// A folder that is a root file system.
    Folder(PathBuf),
    /// An image in a registry.
    Registry(Reference),
}

impl Source {
    /// Tells what `text` means: whatever exists is a path, whatever looks like one has to exist, and the rest is an
    /// image's name. Ask the store for that name first: a pull needs a network.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] when it is nothing of that.
    pub fn detect(text: &str) -> Result<Source, Error> {
        let path = Path::new(text);
        let not = |why: &str| Err(Error::NotAnImage { name: text.to_owned(), why: why.to_owned() });
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_file() => Ok(Source::Archive(path.to_owned())),
            Ok(meta) if meta.is_dir() && path.join("oci-layout").is_file() => Ok(Source::Layout(path.to_owned())),
            Ok(meta) if meta.is_dir() => Ok(Source::Folder(path.to_owned())),
            Ok(_) => not("it is neither a file nor a folder"),
            Err(_) if looks_like_path(text) => not("there is no such file"),
            Err(_) => text.parse().map(Source::Registry),
        }
    }

    /// What to call an image that says no name of its own: `app` for `./app.tar.gz`.
    pub(crate) fn stem(path: &Path) -> String {
        const ENDINGS: [&str; 11] =
            [".gz", ".zst", ".tgz", ".tzst", ".tar", ".oci", ".docker", ".zstd", ".gzip", ".oci-archive", ".tar.oci"];
        let name = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut stem = name.as_str();
        while let Some(shorter) = ENDINGS.iter().find_map(|ending| stem.strip_suffix(ending)) {
            stem = shorter;
        }
        if stem.is_empty() { "unnamed".to_owned() } else { stem.to_owned() }
    }
}

/// `./app`, `/srv/app`, `app.tar`: nobody names an image like that.
fn looks_like_path(text: &str) -> bool {
    text.is_empty()
        || text.starts_with(['/', '.', '~'])
        || [".tar", ".tgz", ".gz", ".zst"].iter().any(|ending| text.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fathom_testkit::Scratch;

    #[test]
    fn what_exists_is_told_by_its_kind() {
        let scratch = Scratch::new("detect");
        let at = |name: &str| scratch.join(name).to_string_lossy().into_owned();
        std::fs::write(at("a.tar"), "").unwrap();
        std::fs::create_dir(at("layout")).unwrap();
        std::fs::write(at("layout/oci-layout"), "{}").unwrap();
        assert!(matches!(Source::detect(&at("a.tar")), Ok(Source::Archive(_))));
        assert!(matches!(Source::detect(&at("layout")), Ok(Source::Layout(_))));
        assert!(matches!(Source::detect(&at("")), Ok(Source::Folder(_))));
        assert!(matches!(Source::detect(&at("none.tar")), Err(Error::NotAnImage { .. })));
        for text in ["/dev/null", "./none", "none.tar.gz", "", "~/app", "UPPER CASE"] {
            assert!(matches!(Source::detect(text), Err(Error::NotAnImage { .. })), "{text}");
        }
        for text in ["busybox", "busybox:1.36", "127.0.0.1:5000/shop/web:1"] {
            assert!(matches!(Source::detect(text), Ok(Source::Registry(_))), "{text}");
        }
    }

    #[test]
    fn stems_lose_every_ending() {
        for (path, expect) in
            [("/x/app.tar", "app"), ("app.oci.tar.gz", "app"), ("app", "app"), (".tar", "unnamed"), ("a.b.tgz", "a.b")]
        {
            assert_eq!(Source::stem(Path::new(path)), expect);
        }
    }
}
