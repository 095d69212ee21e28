//! The JSON documents of an image: index, manifest and config (OCI image spec 1.1, and docker's schema 2, which differs
//! in media types only), and the `manifest.json` of `docker save`. Pure: bytes in, checked values out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Error;

/// What a manifest's bytes can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// Several images, one per platform or name.
    Index(Vec<Descriptor>),
    /// One image.
    Image {
        /// Where its config is.
        config: Descriptor,
        /// Its layers, lowest first.
        layers: Vec<Descriptor>,
    },
}

/// A pointer to a blob.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob claims to be.
    #[serde(default)]
    pub media_type: String,
    /// What the blob must hash to.
    pub digest: Digest,
    /// How long it must be.
    pub size: u64,
    /// What the image is for; in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Names, among others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What an image is for, in Go's words (`amd64`, not `x86_64`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Platform {
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// `linux`.
    pub os: String,
    /// `v7`, `v8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// This machine.
    pub fn here() -> Platform {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            other => other,
        };
        Platform { architecture: architecture.to_owned(), os: "linux".to_owned(), variant: None }
    }

    /// Whether an image for `self` runs on `machine`.
    pub fn runs_on(&self, machine: &Platform) -> bool {
        (self.os.is_empty() || self.os == machine.os)
            && (self.architecture.is_empty() || self.architecture == machine.architecture)
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// Reads an index or a manifest.
///
/// # Errors
/// [`Error::Malformed`] for anything else; also for a document that could be read as either, since two readers would
/// then see two images behind one digest.
pub fn parse(bytes: &[u8]) -> Result<Document, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Either {
        schema_version: Option<u64>,
        manifests: Option<Vec<Descriptor>>,
        config: Option<Descriptor>,
        layers: Option<Vec<Descriptor>>,
    }
    let wrong = |why: &str| Error::malformed("the manifest", why);
    let either: Either = json("the manifest", bytes)?;
    if either.schema_version.is_some_and(|version| version != 2) {
        return Err(wrong("its schema is not version 2"));
    }
    match (either.manifests, either.config, either.layers) {
        (Some(manifests), None, None) => Ok(Document::Index(manifests)),
        (None, Some(config), Some(layers)) => Ok(Document::Image { config, layers }),
        (Some(_), ..) => Err(wrong("it is an index and an image at once")),
        _ => Err(wrong("it is neither an index nor an image")),
    }
}

/// An image's config, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct ImageConfig {
    /// What it is for.
    #[serde(flatten)]
    pub platform: Platform,
    /// When it was made, RFC 3339.
    pub created: Option<String>,
    /// How to start it.
    #[serde(default, deserialize_with = "or_default")]
    pub config: Execution,
    /// What its layers hash to, unpacked.
    pub rootfs: RootFs,
}

/// How an image wants to be started. Written to the store, so its names stay.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Execution {
    /// The program and its first arguments.
    #[serde(deserialize_with = "or_default")]
    pub entrypoint: Vec<String>,
    /// Further arguments, or the program where there is no entrypoint.
    #[serde(deserialize_with = "or_default")]
    pub cmd: Vec<String>,
    /// `NAME=VALUE`.
    #[serde(deserialize_with = "or_default")]
    pub env: Vec<String>,
    /// `user`, `uid`, `user:group` or `uid:gid`; root when empty.
    #[serde(deserialize_with = "or_default")]
    pub user: String,
    /// Where to start; the root when empty.
    #[serde(deserialize_with = "or_default")]
    pub working_dir: String,
    /// Whatever the builder noted.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
}

impl Execution {
    /// The whole default command.
    pub fn command(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.cmd).cloned().collect()
    }
}

/// The layers of a config.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
pub struct RootFs {
    /// `layers`, always.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Digests of the unpacked layers, lowest first.
    pub diff_ids: Vec<Digest>,
}

/// Reads an image's config.
///
/// # Errors
/// [`Error::Malformed`] when it is none; a config without `rootfs.diff_ids` belongs to something that is not an image.
pub fn parse_config(bytes: &[u8]) -> Result<ImageConfig, Error> {
    json("the config", bytes)
}

/// One image of a `docker save` archive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Saved {
    /// The config's path in the archive.
    pub config: String,
    /// Names with tags.
    #[serde(default, deserialize_with = "or_default")]
    pub repo_tags: Vec<String>,
    /// The layers' paths in the archive, lowest first.
    #[serde(default, deserialize_with = "or_default")]
    pub layers: Vec<String>,
}

/// Reads the `manifest.json` of a `docker save` archive.
///
/// # Errors
/// [`Error::Malformed`] when it is none.
pub fn parse_saved(bytes: &[u8]) -> Result<Vec<Saved>, Error> {
    json("manifest.json", bytes)
}

fn json<'a, T: Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::malformed(what, error))
}

/// Go writes `null` for an empty list.
fn or_default<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(json: D) -> Result<T, D::Error> {
    Option::deserialize(json).map(Option::unwrap_or_default)
}

/// The images of an index that run on `machine`. Entries without a platform may be for any; attestations
/// (`unknown/unknown`) are for none.
pub fn fitting<'a>(index: &'a [Descriptor], machine: &Platform) -> Vec<&'a Descriptor> {
    let fits = |descriptor: &&Descriptor| descriptor.platform.as_ref().is_none_or(|p| p.runs_on(machine));
    index.iter().filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn descriptor(extra: &str) -> String {
        format!(r#"{{"mediaType":"x","digest":"{EMPTY}","size":1{extra}}}"#)
    }

    #[test]
    fn tells_an_index_from_an_image() {
        let one = descriptor("");
        let image = format!(r#"{{"schemaVersion":2,"config":{one},"layers":[{one}]}}"#);
        assert!(matches!(parse(image.as_bytes()), Ok(Document::Image { layers, .. }) if layers.len() == 1));
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{one}]}}"#);
        assert!(matches!(parse(index.as_bytes()), Ok(Document::Index(list)) if list.len() == 1));
    }

    #[test]
    fn refuses_what_is_neither_or_both() {
        let one = descriptor("");
        for text in [
            String::new(),
            "{}".to_owned(),
            "[]".to_owned(),
            r#"{"schemaVersion":1,"fsLayers":[]}"#.to_owned(),
            format!(r#"{{"manifests":[],"config":{one},"layers":[]}}"#),
            format!(r#"{{"config":{one}}}"#),
            format!(r#"{{"config":{},"layers":[]}}"#, one.replace(":1", ":-1")),
            format!(r#"{{"config":{},"layers":[]}}"#, one.replace(":1", ":1e30")),
            format!(r#"{{"config":{},"layers":[]}}"#, one.replace("sha256:e3", "sha256:../")),
            "[".repeat(100_000),
        ] {
            assert!(matches!(parse(text.as_bytes()), Err(Error::Malformed { .. })), "{}", &text[..text.len().min(90)]);
        }
    }

    #[test]
    fn reads_configs_as_go_writes_them() {
        let text = format!(
            r#"{{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z",
               "config":{{"Env":["A=b"],"Entrypoint":null,"Cmd":["sh"],"Labels":null,"Volumes":{{"/x":{{}}}}}},
               "rootfs":{{"type":"layers","diff_ids":["{EMPTY}"]}},"history":[]}}"#
        );
        let config = parse_config(text.as_bytes()).unwrap();
        assert_eq!(config.platform.to_string(), "linux/amd64");
        assert_eq!(config.config.command(), ["sh"]);
        assert_eq!(config.rootfs.diff_ids.len(), 1);
        let none = parse_config(br#"{"config":null,"rootfs":{"diff_ids":[]}}"#).unwrap();
        assert_eq!(none.config, Execution::default());
        assert!(parse_config(b"{}").is_err());
    }

    #[test]
    fn chooses_this_machines_images() {
        let platform = |os: &str, arch: &str| format!(r#","platform":{{"os":"{os}","architecture":"{arch}"}}"#);
        let list = [platform("linux", "arm64"), platform("linux", "amd64"), platform("unknown", "unknown")];
        let list: Vec<String> = list.iter().map(|extra| descriptor(extra)).collect();
        let Document::Index(index) = parse(format!(r#"{{"manifests":[{}]}}"#, list.join(",")).as_bytes()).unwrap()
        else {
            panic!("an index");
        };
        let machine = Platform { architecture: "arm64".into(), os: "linux".into(), variant: None };
        assert_eq!(fitting(&index, &machine), [&index[0]]);
    }
}
