//! Unpacks an image into a half-made folder: layer by layer, each checked against both of its digests.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::{Entry, Progress};
use crate::compression::Unpacked;
use crate::digest::{Digest, Hashing};
use crate::error::Error;
use crate::image::{Blobs, Image, Place, check};
use crate::layer;
use crate::limits::{Budget, Limits};
use crate::tree::{Owners, Tree};

/// Fills `folder` with the tree and its `entry.json`.
pub(super) fn unpack(
    image: &Image,
    blobs: &mut dyn Blobs,
    folder: &Path,
    limits: &Limits,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Error> {
    let root = folder.join("root");
    fs::create_dir(&root).map_err(|e| Error::io("make", &root, e))?;
    let mut tree = Tree::at(&root, Owners::possible(), *limits)?;
    let mut budget = Budget::new(*limits);
    let layers = image.layers.len();
    for (at, (place, diff_id)) in image.layers.iter().zip(&image.config.rootfs.diff_ids).enumerate() {
        let stream = blobs.open(place, progress)?;
        let layer = at + 1;
        let metered = Metered { stream, layer, layers, bytes: 0, total: place.size(), progress: &mut *progress };
        unpack_layer(metered, place, *diff_id, &mut tree, &mut budget)?;
        tree.next_layer();
    }
    let notes = tree.finish()?;
    progress(Progress::Syncing);
    Entry {
        version: Entry::VERSION,
        digest: image.digest,
        names: Vec::new(),
        manifest: image.manifest,
        size: budget.bytes(),
        entries: budget.entries(),
        platform: image.config.platform.clone(),
        created: image.config.created.clone(),
        config: image.config.config.clone(),
        notes,
        folder: folder.to_owned(),
    }
    .save()
}

/// The layer's bytes are believed only when the whole of it has been read and both digests are right; until then the
/// folder is a half-made one.
fn unpack_layer(
    metered: Metered<'_>,
    place: &Place,
    diff_id: Digest,
    tree: &mut Tree,
    budget: &mut Budget,
) -> Result<(), Error> {
    let what = format!("layer {} of {}", metered.layer, metered.layers);
    let mut packed = Unpacked::new(metered, &what, &budget.limits)?;
    let mut plain = Hashing::new(&mut packed);
    layer::apply(&mut plain, tree, budget)?;
    io::copy(&mut plain, &mut io::sink()).map_err(|e| Error::reading(&what, e))?;
    let (found, ..) = plain.finish();
    let (digest, size, _) = packed.finish(&what)?.finish();
    if let Place::Blob(descriptor) = place {
        check(&what, descriptor.digest, digest)?;
        if descriptor.size != size {
            return Err(Error::malformed(what, format!("it has {size} bytes where {} were promised", descriptor.size)));
        }
    }
    check(&what, diff_id, found)
}

impl Place {
    fn size(&self) -> Option<u64> {
        match self {
            Place::Blob(descriptor) => Some(descriptor.size),
            Place::Member(_) => None,
        }
    }
}

/// Reports what passes, every few megabytes.
struct Metered<'a> {
    stream: Box<dyn Read>,
    layer: usize,
    layers: usize,
    bytes: u64,
    total: Option<u64>,
    progress: &'a mut dyn FnMut(Progress),
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const STEP: u64 = 4 << 20;
        let count = self.stream.read(buffer)?;
        let before = self.bytes;
        self.bytes += count as u64;
        if before == 0 || before / STEP != self.bytes / STEP || count == 0 {
            let Metered { layer, layers, bytes, total, .. } = *self;
            (self.progress)(Progress::Unpacking { layer, layers, bytes, total });
        }
        Ok(count)
    }
}
