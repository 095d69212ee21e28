//! One image, found in whatever holds it: which config, which layers, what name. Shared by all origins that hold OCI
//! documents.

use std::collections::BTreeSet;
use std::io::Read;

use serde::Serialize;

use crate::digest::Digest;
use crate::error::Error;
use crate::limits::Limits;
use crate::manifest::{self, Descriptor, Document, Execution, ImageConfig, Platform, RootFs};
use crate::store::Progress;

/// An image that was found, its config read and checked.
pub(crate) struct Image {
    /// The config's digest. It names the layers by what they unpack to, so it names the tree as well, however it was
    /// packed or transported: docker calls it the image's id.
    pub(crate) digest: Digest,
    pub(crate) config: ImageConfig,
    pub(crate) layers: Vec<Place>,
    pub(crate) names: Vec<String>,
    pub(crate) manifest: Option<Digest>,
}

/// Where a layer's bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A blob, whose digest is promised.
    Blob(Descriptor),
    /// A file of a `docker save` archive; what it unpacks to is promised by the config alone.
    Member(String),
}

/// Something that holds an image's bytes.
pub(crate) trait Blobs {
    /// The bytes at `place`, from the start, not yet checked.
    fn open(&mut self, place: &Place, progress: &mut dyn FnMut(Progress)) -> Result<Box<dyn Read>, Error>;

    /// An index or manifest; registries keep those apart from other blobs.
    fn manifest(&mut self, descriptor: &Descriptor) -> Result<Box<dyn Read>, Error> {
        self.open(&Place::Blob(descriptor.clone()), &mut |_| {})
    }
}

/// Refuses a document before it is fetched.
fn check_size(descriptor: &Descriptor, limits: &Limits) -> Result<(), Error> {
    match descriptor.size > limits.document {
        true => Err(Error::TooLarge { of: "bytes of one document", limit: limits.document }),
        false => Ok(()),
    }
}

/// A small blob, whole and checked.
fn checked(stream: &mut dyn Read, what: &str, descriptor: &Descriptor, limits: &Limits) -> Result<Vec<u8>, Error> {
    let bytes = bounded(stream, what, limits)?;
    check(what, descriptor.digest, Digest::of(&bytes))?;
    Ok(bytes)
}

/// All bytes of a stream that should be short.
pub(crate) fn bounded(stream: &mut dyn Read, what: &str, limits: &Limits) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    stream.take(limits.document + 1).read_to_end(&mut bytes).map_err(|e| Error::reading(what, e))?;
    if bytes.len() as u64 > limits.document {
        return Err(Error::TooLarge { of: "bytes of one document", limit: limits.document });
    }
    Ok(bytes)
}

pub(crate) fn check(what: &str, expected: Digest, found: Digest) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::WrongDigest { what: what.to_owned(), expected, found }) }
}

/// Indexes within indexes are followed this deep.
const NESTING: usize = 4;

/// The image for this machine that the top `index` of an archive or layout leads to.
pub(crate) fn choose(
    blobs: &mut dyn Blobs,
    index: &[Descriptor],
    fallback: &str,
    limits: &Limits,
) -> Result<Image, Error> {
    let chosen = one_of(index, fallback)?;
    let names = name(chosen, fallback).into_iter().collect();
    let document = manifest::parse(&read_manifest(blobs, chosen, limits)?)?;
    follow(blobs, document, chosen.digest, names, limits)
}

/// The image for this machine that a document leads to.
pub(crate) fn follow(
    blobs: &mut dyn Blobs,
    mut document: Document,
    mut digest: Digest,
    names: Vec<String>,
    limits: &Limits,
) -> Result<Image, Error> {
    for _ in 0..NESTING {
        match document {
            Document::Index(index) => {
                let chosen = first_fitting(&index)?;
                document = manifest::parse(&read_manifest(blobs, chosen, limits)?)?;
                digest = chosen.digest;
            }
            Document::Image { config, layers } => {
                check_size(&config, limits)?;
                let mut stream = blobs.open(&Place::Blob(config.clone()), &mut |_| {})?;
                let bytes = checked(&mut stream, "the config", &config, limits)?;
                let layers = layers.into_iter().map(Place::Blob).collect();
                return Image::new(&bytes, layers, names, Some(digest), limits);
            }
        }
    }
    Err(Error::malformed("the manifest", "indexes are nested too deep"))
}

fn read_manifest(blobs: &mut dyn Blobs, descriptor: &Descriptor, limits: &Limits) -> Result<Vec<u8>, Error> {
    check_size(descriptor, limits)?;
    checked(&mut blobs.manifest(descriptor)?, "the manifest", descriptor, limits)
}

impl Image {
    /// Reads the config and checks it against the layers and the machine.
    pub(crate) fn new(
        config: &[u8],
        layers: Vec<Place>,
        names: Vec<String>,
        manifest: Option<Digest>,
        limits: &Limits,
    ) -> Result<Image, Error> {
        let digest = Digest::of(config);
        let config = manifest::parse_config(config)?;
        let machine = Platform::here();
        if !config.platform.runs_on(&machine) {
            let found = vec![config.platform.to_string()];
            return Err(Error::Architecture { found, wanted: machine.to_string() });
        }
        if layers.len() > limits.layers {
            return Err(Error::TooLarge { of: "layers", limit: limits.layers as u64 });
        }
        if layers.len() != config.rootfs.diff_ids.len() {
            let (has, says) = (layers.len(), config.rootfs.diff_ids.len());
            return Err(Error::malformed("the manifest", format!("it has {has} layers where its config says {says}")));
        }
        Ok(Image { digest, config, layers, names, manifest })
    }
}

/// The top of an archive or layout: several platforms are a choice, several names are a question.
fn one_of<'a>(index: &'a [Descriptor], asked: &str) -> Result<&'a Descriptor, Error> {
    let machine = Platform::here();
    let fitting = manifest::fitting(index, &machine);
    let named: BTreeSet<String> = fitting.iter().filter_map(|descriptor| name(descriptor, asked)).collect();
    if named.len() > 1 {
        return Err(Error::Several { name: asked.to_owned(), found: named.into_iter().collect() });
    }
    first_fitting(index)
}

fn first_fitting(index: &[Descriptor]) -> Result<&Descriptor, Error> {
    let machine = Platform::here();
    manifest::fitting(index, &machine).first().copied().ok_or_else(|| {
        let platforms = index.iter().filter_map(|descriptor| descriptor.platform.as_ref());
        let found: Vec<String> = platforms.map(Platform::to_string).collect();
        match found.is_empty() {
            true => Error::malformed("the index", "it lists no image"),
            false => Error::Architecture { found, wanted: machine.to_string() },
        }
    })
}

/// The full name that containerd notes, or the reference that OCI tools note, which may be a bare tag.
fn name(descriptor: &Descriptor, stem: &str) -> Option<String> {
    if let Some(full) = descriptor.annotations.get("io.containerd.image.name") {
        return Some(full.clone());
    }
    let reference = descriptor.annotations.get("org.opencontainers.image.ref.name")?;
    let is_name = reference.contains(['/', ':']);
    Some(if is_name { reference.clone() } else { format!("{stem}:{reference}") })
}

/// The bytes of a config of our own making; the same values always give the same bytes.
pub(crate) fn write_config(
    platform: &Platform,
    created: Option<&str>,
    execution: &Execution,
    diff_ids: Vec<Digest>,
) -> Vec<u8> {
    #[derive(Serialize)]
    struct Config<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        created: Option<&'a str>,
        #[serde(flatten)]
        platform: &'a Platform,
        config: &'a Execution,
        rootfs: RootFs,
    }
    let rootfs = RootFs { kind: "layers".to_owned(), diff_ids };
    serde_json::to_vec(&Config { created, platform, config: execution, rootfs }).expect("plain strings are valid JSON")
}
