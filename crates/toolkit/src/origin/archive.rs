//! A tar file with an image in it: an OCI layout, or what `docker save` and `podman save` write (old: `manifest.json`
//! with one folder per layer; new: both). The file is indexed once; layers are then read in place.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::{Found, top};
use crate::compression::{Compression, Unpacked};
use crate::error::Error;
use crate::image::{self, Blobs, Image, Place};
use crate::inside::{Inside, parts};
use crate::limits::{Budget, Limits};
use crate::manifest;
use crate::source::Source;
use crate::store::{Progress, Store};
use crate::tar::{self, Kind, Reader, Seeking};

struct Archive {
    file: Arc<File>,
    members: HashMap<Inside, Member>,
    limits: Limits,
}

enum Member {
    File {
        at: u64,
        size: u64,
    },
    /// Old `docker save` links equal layers to each other.
    Link(Inside),
}

pub(super) fn open(path: &Path, store: &Store, limits: &Limits) -> Result<Found, Error> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let file = plain(file, path, store, limits)?;
    let (file, members) = index(file, path, limits)?;
    let mut archive = Archive { file: Arc::new(file), members, limits: *limits };
    let image = if archive.holds("index.json") {
        let bytes = archive.document("index.json")?;
        image::choose(&mut archive, &top(path, &bytes)?, &Source::stem(path), limits)?
    } else if archive.holds("manifest.json") {
        archive.saved(path)?
    } else {
        let why = "the archive holds neither index.json nor manifest.json".to_owned();
        return Err(Error::NotAnImage { name: path.display().to_string(), why });
    };
    Ok((image, Box::new(archive)))
}

/// The file itself, or what it unpacks to. Layers are read out of order, so a packed archive has to be unpacked whole.
fn plain(mut file: File, path: &Path, store: &Store, limits: &Limits) -> Result<File, Error> {
    let mut start = [0; 8];
    let count = file.read(&mut start).map_err(|e| Error::io("read", path, e))?;
    file.seek(SeekFrom::Start(0)).map_err(|e| Error::io("read", path, e))?;
    let what = format!("`{}`", path.display());
    if Compression::of(&start[..count]).map_err(|why| Error::malformed(&what, why))? == Compression::Plain {
        return Ok(file);
    }
    let mut unpacked = Unpacked::new(file, &what, limits)?;
    store.spool(|spool| spool.fill_from(&mut unpacked, &what))
}

/// Where each member lies.
fn index(file: File, path: &Path, limits: &Limits) -> Result<(File, HashMap<Inside, Member>), Error> {
    let mut budget = Budget::new(*limits);
    let mut members = HashMap::new();
    let mut reader = Reader::new(Seeking(file));
    while let Some(entry) = reader.next_entry().map_err(|error| damaged(path, budget.entries(), error))? {
        budget.spend(entry.names(), 0)?;
        let name = Inside::parse(&entry.path, limits)?;
        match entry.kind {
            Kind::File => members.insert(name, Member::File { at: reader.position(), size: entry.size }),
            Kind::HardLink => members.insert(name, Member::Link(Inside::parse(&entry.link, limits)?)),
            Kind::Symlink => members.insert(name.clone(), Member::Link(beside(&name, &entry.link))),
            _ => None,
        };
    }
    Ok((reader.into_inner().0, members))
}

/// A file whose first header is wrong was never a tar.
fn damaged(path: &Path, entries: u64, error: tar::Error) -> Error {
    let what = format!("`{}`", path.display());
    match error {
        _ if entries == 0 => {
            Error::NotAnImage { name: path.display().to_string(), why: "it is no tar archive".to_owned() }
        }
        tar::Error::Io(error) => Error::reading(&what, error),
        tar::Error::Malformed(why) => Error::malformed(what, why),
    }
}

/// Where a symbolic link leads, counted from the archive's root, at which `..` stops.
fn beside(name: &Inside, link: &[u8]) -> Inside {
    let mut there = name.split().map(|(folder, _)| folder).unwrap_or_default();
    for part in parts(link) {
        if part == b".." { there.pop() } else { there.push(part) }
    }
    there
}

impl Archive {
    fn holds(&self, name: &str) -> bool {
        self.find(name).is_ok_and(|found| found.is_some())
    }

    /// The file behind `name`, through at most a few links.
    fn find(&self, name: &str) -> Result<Option<(u64, u64)>, Error> {
        const LINKS: usize = 8;
        let mut name = Inside::parse(name.as_bytes(), &self.limits)?;
        for _ in 0..=LINKS {
            match self.members.get(&name) {
                None => return Ok(None),
                Some(Member::File { at, size }) => return Ok(Some((*at, *size))),
                Some(Member::Link(to)) => name = to.clone(),
            }
        }
        Err(Error::refused(name.as_bytes(), "goes through a loop of links"))
    }

    fn window(&self, name: &str) -> Result<Window, Error> {
        let found = self.find(name)?;
        let (at, left) = found.ok_or_else(|| Error::malformed("the archive", format!("`{name}` is missing")))?;
        Ok(Window { file: Arc::clone(&self.file), at, left })
    }

    fn document(&self, name: &str) -> Result<Vec<u8>, Error> {
        image::bounded(&mut self.window(name)?, name, &self.limits)
    }

    /// The one image of a `docker save` archive.
    fn saved(&self, path: &Path) -> Result<Image, Error> {
        let mut list = manifest::parse_saved(&self.document("manifest.json")?)?;
        if list.len() > 1 {
            let found = list.into_iter().map(|saved| saved.repo_tags.first().cloned().unwrap_or(saved.config));
            return Err(Error::Several { name: path.display().to_string(), found: found.collect() });
        }
        let saved = list.pop().ok_or_else(|| Error::malformed("manifest.json", "it lists no image"))?;
        let config = self.document(&saved.config)?;
        let layers = saved.layers.into_iter().map(Place::Member).collect();
        Image::new(&config, layers, saved.repo_tags, None, &self.limits)
    }
}

impl Blobs for Archive {
    fn open(&mut self, place: &Place, _progress: &mut dyn FnMut(Progress)) -> Result<Box<dyn Read>, Error> {
        let name = match place {
            Place::Blob(descriptor) => format!("blobs/sha256/{}", descriptor.digest.hex()),
            Place::Member(name) => name.clone(),
        };
        Ok(Box::new(self.window(&name)?))
    }
}

/// A run of bytes of a file.
struct Window {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.file.read_at(&mut buffer[..wanted], self.at)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}
