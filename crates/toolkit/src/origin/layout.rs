//! A folder with an OCI layout (`oci-layout`, `index.json`, `blobs/sha256/…`).

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{Found, top};
use crate::error::Error;
use crate::image::{self, Blobs, Place};
use crate::limits::Limits;
use crate::source::Source;
use crate::store::Progress;

struct Layout(PathBuf);

pub(super) fn open(path: &Path, limits: &Limits) -> Result<Found, Error> {
    let index = image::bounded(&mut plain_file(&path.join("index.json"))?, "index.json", limits)?;
    let mut layout = Layout(path.to_owned());
    let image = image::choose(&mut layout, &top(path, &index)?, &Source::stem(path), limits)?;
    Ok((image, Box::new(layout)))
}

impl Blobs for Layout {
    fn open(&mut self, place: &Place, _progress: &mut dyn FnMut(Progress)) -> Result<Box<dyn Read>, Error> {
        match place {
            Place::Blob(descriptor) => {
                Ok(Box::new(plain_file(&self.0.join("blobs/sha256").join(descriptor.digest.hex()))?))
            }
            Place::Member(name) => Err(Error::malformed("the layout", format!("`{name}` is no blob"))),
        }
    }
}

/// Opens without waiting: a pipe in the place of a blob would never let go.
fn plain_file(path: &Path) -> Result<File, Error> {
    let flags = OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|e| Error::io("read", path, e))?;
    let meta = file.metadata().map_err(|e| Error::io("read", path, e))?;
    if meta.is_file() { Ok(file) } else { Err(Error::malformed(format!("`{}`", path.display()), "it is no file")) }
}
