//! Builds layers and images, honest ones and others, and looks at what they became.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fathom_testkit::Scratch;
use fathom_toolkit::tar::{Entry, Kind, Writer};
use fathom_toolkit::{Digest, Error, Limits, Source, Store};
use serde_json::{Value, json};

/// A layer being built: entries in the order of the calls.
#[derive(Clone, Default)]
pub struct Layer(Vec<(Entry, Vec<u8>)>);

pub fn layer() -> Layer {
    Layer::default()
}

/// An entry with nothing unusual about it.
pub fn entry(path: impl AsRef<[u8]>, kind: Kind) -> Entry {
    Entry {
        path: path.as_ref().to_vec(),
        link: Vec::new(),
        kind,
        mode: if kind == Kind::Folder { 0o755 } else { 0o644 },
        uid: 0,
        gid: 0,
        mtime: (1_700_000_000, 0),
        size: 0,
        xattrs: Vec::new(),
        extents: Vec::new(),
    }
}

impl Layer {
    pub fn entry(mut self, mut entry: Entry, data: impl AsRef<[u8]>) -> Self {
        entry.size = data.as_ref().len() as u64;
        self.0.push((entry, data.as_ref().to_vec()));
        self
    }

    pub fn file(self, path: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Self {
        self.entry(entry(path, Kind::File), data)
    }

    pub fn folder(self, path: impl AsRef<[u8]>) -> Self {
        self.entry(entry(path, Kind::Folder), "")
    }

    pub fn symlink(self, path: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Self {
        self.entry(Entry { link: to.as_ref().to_vec(), ..entry(path, Kind::Symlink) }, "")
    }

    pub fn hard_link(self, path: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Self {
        self.entry(Entry { link: to.as_ref().to_vec(), ..entry(path, Kind::HardLink) }, "")
    }

    pub fn tar(&self) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for (entry, data) in &self.0 {
            writer.entry(entry, &mut data.as_slice()).unwrap();
        }
        writer.finish().unwrap()
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
}

pub fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
    match packing {
        Packing::Plain => bytes.to_vec(),
        Packing::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Packing::Zstd => zstd::encode_all(bytes, 1).unwrap(),
    }
}

/// An image's blobs, by digest, and its documents.
pub struct Image {
    pub blobs: BTreeMap<Digest, Vec<u8>>,
    pub config: Vec<u8>,
    pub manifest: Vec<u8>,
    /// Unpacked layers, for `docker save`.
    pub layers: Vec<Vec<u8>>,
    pub annotations: Value,
}

pub fn go_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

pub fn config(architecture: &str, layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<_> = layers.iter().map(|tar| Digest::of(tar)).collect();
    let execution = json!({"Cmd": ["sh"], "Env": ["A=b c"], "User": "7:8", "WorkingDir": "/w", "Labels": null});
    let rootfs = json!({"type": "layers", "diff_ids": diff_ids});
    json!({"architecture": architecture, "os": "linux", "created": "2024-01-02T03:04:05Z",
           "config": execution, "rootfs": rootfs})
    .to_string()
    .into_bytes()
}

pub fn descriptor(bytes: &[u8]) -> Value {
    json!({"mediaType": "application/octet-stream", "digest": Digest::of(bytes), "size": bytes.len()})
}

/// An image of these layers, packed in turn in each of the ways.
pub fn image(layers: &[Layer]) -> Image {
    image_of(layers.iter().map(Layer::tar).collect(), go_architecture())
}

pub fn image_of(layers: Vec<Vec<u8>>, architecture: &str) -> Image {
    let packed: Vec<Vec<u8>> = layers
        .iter()
        .zip([Packing::Gzip, Packing::Zstd, Packing::Plain].into_iter().cycle())
        .map(|(tar, packing)| pack(packing, tar))
        .collect();
    image_from(config(architecture, &layers), packed, layers)
}

pub fn image_from(config: Vec<u8>, packed: Vec<Vec<u8>>, layers: Vec<Vec<u8>>) -> Image {
    let descriptors: Vec<Value> = packed.iter().map(|blob| descriptor(blob)).collect();
    let manifest = json!({"schemaVersion": 2, "config": descriptor(&config), "layers": descriptors});
    let manifest = manifest.to_string().into_bytes();
    let all = packed.iter().chain([&config, &manifest]);
    let blobs = all.map(|blob| (Digest::of(blob), blob.clone())).collect();
    let annotations = json!({"org.opencontainers.image.ref.name": "shop/web:1"});
    Image { blobs, config, manifest, layers, annotations }
}

impl Image {
    pub fn index(&self) -> Vec<u8> {
        let mut top = descriptor(&self.manifest);
        top["annotations"] = self.annotations.clone();
        json!({"schemaVersion": 2, "manifests": [top]}).to_string().into_bytes()
    }

    /// The members of an OCI archive.
    pub fn members(&self) -> Vec<(String, Vec<u8>)> {
        let mut members = vec![
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ("index.json".to_owned(), self.index()),
        ];
        members
            .extend(self.blobs.iter().map(|(digest, blob)| (format!("blobs/sha256/{}", digest.hex()), blob.clone())));
        members
    }

    pub fn oci_archive(&self) -> Vec<u8> {
        archive(&self.members())
    }

    /// As docker wrote it before version 25; equal layers are links to the first.
    pub fn saved_by_old_docker(&self) -> Vec<u8> {
        let mut tar = layer();
        let mut paths = Vec::new();
        for (at, bytes) in self.layers.iter().enumerate() {
            let path = format!("{at:064}/layer.tar");
            tar = tar.folder(format!("{at:064}/")).file(format!("{at:064}/VERSION"), "1.0");
            tar = match self.layers.iter().position(|other| other == bytes) {
                Some(first) if first < at => tar.symlink(&path, format!("../{first:064}/layer.tar")),
                _ => tar.file(&path, bytes),
            };
            paths.push(path);
        }
        let config = format!("{}.json", Digest::of(&self.config).hex());
        let list = json!([{"Config": config, "RepoTags": ["shop/web:2"], "Layers": paths}]);
        tar.file(&config, &self.config).file("manifest.json", list.to_string()).file("repositories", "{}").tar()
    }

    /// As docker writes it since version 25: an OCI layout with a `manifest.json` beside it.
    pub fn saved_by_new_docker(&self) -> Vec<u8> {
        let mut members = self.members();
        members.push(("manifest.json".to_owned(), b"[]".to_vec()));
        archive(&members)
    }

    pub fn write_layout(&self, folder: &Path) {
        std::fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        for (name, bytes) in self.members() {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

pub fn archive(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    members.iter().fold(layer(), |tar, (name, bytes)| tar.file(name, bytes)).tar()
}

/// A store, a place for files, and the limits of imports.
pub struct Bench {
    pub scratch: Scratch,
    pub store: Store,
    pub limits: Limits,
}

pub fn bench(name: &str) -> Bench {
    let scratch = Scratch::new(name);
    let store = Store::at(scratch.join("store"));
    Bench { scratch, store, limits: Limits::default() }
}

impl Bench {
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.scratch.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn import_bytes(&self, bytes: &[u8]) -> Result<fathom_toolkit::Entry, Error> {
        let path = self.write("image.tar", bytes);
        self.import(&Source::Archive(path))
    }

    pub fn import(&self, source: &Source) -> Result<fathom_toolkit::Entry, Error> {
        self.store.import(source, &self.limits, &mut |_| {})
    }

    /// The tree that these layers become.
    pub fn tree(&self, layers: &[Layer]) -> BTreeMap<String, String> {
        look(&self.import_bytes(&image(layers).oci_archive()).unwrap().root())
    }

    /// What stops these layers, after a look that nothing was left or made elsewhere.
    pub fn refusal(&self, layers: &[Layer]) -> Error {
        let error = self.import_bytes(&image(layers).oci_archive()).unwrap_err();
        self.assert_empty();
        error
    }

    /// Nothing in the store and no half-made tree.
    pub fn assert_empty(&self) {
        assert_eq!(look(&self.scratch.join("store/half")), BTreeMap::new());
        assert_eq!(look(&self.scratch.join("store/trees")), BTreeMap::new());
    }
}

/// Every path below, with its kind, mode and content; `*` marks files with several names.
pub fn look(root: &Path) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    look_into(root, root, &mut seen);
    seen
}

fn look_into(root: &Path, folder: &Path, seen: &mut BTreeMap<String, String>) {
    for child in std::fs::read_dir(folder).unwrap() {
        let path = child.unwrap().path();
        let meta = std::fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().escape_ascii().to_string();
        let mode = meta.mode() & 0o7777;
        let shown = if meta.is_dir() {
            look_into(root, &path, seen);
            format!("folder {mode:o}")
        } else if meta.is_symlink() {
            format!("-> {}", std::fs::read_link(&path).unwrap().display())
        } else {
            let content = std::fs::read(&path).unwrap();
            let content = if content.len() > 64 {
                format!("{} bytes", content.len())
            } else {
                content.escape_ascii().to_string()
            };
            format!("{}{mode:o} {content}", if meta.nlink() > 1 { "*" } else { "" })
        };
        seen.insert(name, shown);
    }
}

/// What [`look`] should show.
pub fn shown(lines: &[(&str, &str)]) -> BTreeMap<String, String> {
    lines.iter().map(|(name, what)| ((*name).to_owned(), (*what).to_owned())).collect()
}

/// A line of an extended header.
pub fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let length = (rest..).find(|length| *length == rest + length.to_string().len()).unwrap();
    format!("{length} {key}={value}\n")
}

/// A header of any kind with data, padded.
pub fn raw(kind: u8, name: &str, data: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    seal(&mut block);
    block.extend_from_slice(data);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

/// Makes the checksum right.
pub fn seal(block: &mut [u8]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block[..512].iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
