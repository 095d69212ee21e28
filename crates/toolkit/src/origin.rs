//! What can hold an image: an archive, a layout, a folder, a registry. Each opens its source, finds the one [`Image`] that is meant,
//! and hands out the bytes of its layers.

mod archive;
mod folder;
mod layout;
mod registry;

use std::path::Path;

use crate::error::Error;
use crate::image::{Blobs, Image};
use crate::limits::Limits;
use crate::source::Source;
use crate::store::{Progress, Store};

/// An image and whatever holds its layers.
pub(crate) type Found = (Image, Box<dyn Blobs>);

/// Opens `source`. What has to be kept on the way lies in unnamed files of `store`.
pub(crate) fn open(
    source: &Source,
    store: &Store,
    limits: &Limits,
    progress: &mut dyn FnMut(Progress),
) -> Result<Found, Error> {
    let (mut image, blobs) = match source {
        Source::Archive(path) => archive::open(path, store, limits)?,
        Source::Layout(path) => layout::open(path, limits)?,
        Source::Folder(path) => folder::open(path, store, limits, progress)?,
        Source::Registry(reference) => registry::open(reference, store, limits)?,
    };
    if image.names.is_empty() {
        image.names.push(fallback(source));
    }
    Ok((image, blobs))
}

fn fallback(source: &Source) -> String {
    match source {
        Source::Archive(path) | Source::Layout(path) | Source::Folder(path) => Source::stem(path),
        Source::Registry(reference) => reference.to_string(),
    }
}

/// `index.json` of an archive or layout, given its bytes.
fn top(path: &Path, index: &[u8]) -> Result<Vec<crate::manifest::Descriptor>, Error> {
    match crate::manifest::parse(index)? {
        crate::manifest::Document::Index(list) => Ok(list),
        crate::manifest::Document::Image { .. } => {
            Err(Error::malformed(format!("`{}`", path.display()), "its index.json is no index"))
        }
    }
}
