//! A folder that is a root file system. It is packed like a layer first: the digest must be known before the tree has a
//! place, and one path into the store is easier to trust than two.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::Found;
use crate::digest::Hashing;
use crate::elf;
use crate::error::Error;
use crate::image::{self, Blobs, Image, Place};
use crate::limits::Limits;
use crate::manifest::{Execution, Platform};
use crate::pack;
use crate::source::Source;
use crate::store::{Progress, Store};

struct Packed(File);

pub(super) fn open(
    path: &Path,
    store: &Store,
    limits: &Limits,
    progress: &mut dyn FnMut(Progress),
) -> Result<Found, Error> {
    progress(Progress::Packing);
    let mut digest = None;
    let file = store.spool(|spool| {
        let mut out = Hashing::new(spool);
        pack::folder(path, &mut out, limits)?;
        digest = Some(out.finish().0);
        Ok(())
    })?;
    let platform = elf::platform(path).unwrap_or_else(Platform::here);
    let config = image::write_config(&platform, None, &Execution::default(), digest.into_iter().collect());
    let layer = Place::Member("the folder".to_owned());
    let image = Image::new(&config, vec![layer], vec![Source::stem(path)], None, limits)?;
    Ok((image, Box::new(Packed(file))))
}

impl Blobs for Packed {
    fn open(&mut self, _place: &Place, _progress: &mut dyn FnMut(Progress)) -> Result<Box<dyn Read>, Error> {
        let rewound = self.0.try_clone().and_then(|mut file| file.seek(SeekFrom::Start(0)).map(|_| file));
        Ok(Box::new(rewound.map_err(|e| Error::io("read", "the packed folder", e))?))
    }
}
