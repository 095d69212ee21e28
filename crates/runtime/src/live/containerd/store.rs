//! What containerd's own store says of a command: the specification that a container was made with, running or not,
//! and the configuration of an image, found through its manifest.

use std::path::Path;

use fathom_model::Command;
use prost::Message;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{NAMESPACES, Namespaces, Nothing};
use crate::live::command::Config;
use crate::live::exchange::{Failure, Http2};
use crate::live::grpc;

const CONTAINER: &str = "/containerd.services.containers.v1.Containers/Get";
const IMAGES: &str = "/containerd.services.images.v1.Images/List";
const CONTENT: &str = "/containerd.services.content.v1.Content/Read";

/// An index names manifests, a manifest the configuration; nobody nests deeper.
const DEPTH: usize = 3;

#[derive(Clone, PartialEq, Message)]
struct ContainerQuestion {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerAnswer {
    #[prost(message, optional, tag = "1")]
    container: Option<Container>,
}

#[derive(Clone, PartialEq, Message)]
struct Container {
    #[prost(message, optional, tag = "5")]
    spec: Option<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Images {
    #[prost(message, repeated, tag = "1")]
    images: Vec<Image>,
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "3")]
    target: Option<Target>,
}

#[derive(Clone, PartialEq, Message)]
struct Target {
    #[prost(string, tag = "2")]
    digest: String,
}

#[derive(Clone, PartialEq, Message)]
struct ContentQuestion {
    #[prost(string, tag = "1")]
    digest: String,
}

#[derive(Clone, PartialEq, Message)]
struct Piece {
    #[prost(bytes = "vec", tag = "2")]
    data: Vec<u8>,
}

/// The runtime's specification, as far as it says what is executed.
#[derive(Deserialize)]
struct Spec {
    process: Option<Process>,
}

#[derive(Deserialize)]
struct Process {
    #[serde(default)]
    args: Vec<String>,
}

/// An index, a manifest, or a configuration: each has one of these.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Either>,
}

/// A manifest says where the configuration is; the configuration's own `config` is what we look for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Either {
    Elsewhere(Descriptor),
    Here(Config),
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    architecture: String,
}

/// Asks every namespace of the containerd at `socket`, until one knows.
pub(in crate::live) async fn ask(socket: &Path, id: Option<&str>, image: &str) -> Result<Command, Failure> {
    let connection = Http2::open(socket).await?;
    let namespaces: Namespaces = grpc::call(&connection, NAMESPACES, None, &Nothing {}).await?;
    let mut known = Command::default();
    for namespace in namespaces.namespaces.iter().map(|namespace| namespace.name.as_str()) {
        let store = Store { connection: &connection, namespace };
        known = known.or(Command { argv: store.argv(id).await, ..Command::default() });
        if known.is_enough() {
            break;
        }
        known = known.or(store.image(image).await.map(Command::from).unwrap_or_default());
    }
    Ok(known)
}

/// One namespace.
struct Store<'a> {
    connection: &'a Http2,
    namespace: &'a str,
}

impl Store<'_> {
    async fn argv(&self, id: Option<&str>) -> Option<Vec<String>> {
        let question = ContainerQuestion { id: id?.to_owned() };
        let answer: Result<ContainerAnswer, Failure> =
            grpc::call(self.connection, CONTAINER, Some(self.namespace), &question).await;
        let spec: Spec = serde_json::from_slice(&answer.ok()?.container?.spec?.value).ok()?;
        spec.process.map(|process| process.args).filter(|args| !args.is_empty())
    }

    /// The configuration of the image that a pod calls `name`.
    async fn image(&self, name: &str) -> Option<Config> {
        let images: Images = grpc::call(self.connection, IMAGES, Some(self.namespace), &Nothing {}).await.ok()?;
        let mut digest = images.images.into_iter().find(|image| is_called(&image.name, name))?.target?.digest;
        for _ in 0..DEPTH {
            let document: Document = self.read(&digest).await?;
            digest = match document.config {
                Some(Either::Here(config)) => return Some(config),
                Some(Either::Elsewhere(descriptor)) => descriptor.digest,
                None => ours(document.manifests)?.digest,
            };
        }
        None
    }

    async fn read<T: DeserializeOwned>(&self, digest: &str) -> Option<T> {
        let question = ContentQuestion { digest: digest.to_owned() };
        let pieces: Vec<Piece> = grpc::pieces(self.connection, CONTENT, Some(self.namespace), &question).await.ok()?;
        serde_json::from_slice(&pieces.into_iter().flat_map(|piece| piece.data).collect::<Vec<u8>>()).ok()
    }
}

/// Whether a name in the store, which begins with a registry, is what people shortened to `name`.
fn is_called(stored: &str, name: &str) -> bool {
    let rest = stored.strip_suffix(name);
    !name.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// The manifest for this machine.
fn ours(manifests: Vec<Descriptor>) -> Option<Descriptor> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let fits = |one: &Descriptor| one.platform.as_ref().is_none_or(|platform| platform.architecture == architecture);
    manifests.into_iter().find(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_means_a_whole_one() {
        for (stored, name, expect) in [
            ("fathom.test/idle:1", "fathom.test/idle:1", true),
            ("registry.test/library/idle:1", "idle:1", true),
            ("registry.test/library/idle:1", "library/idle:1", true),
            ("registry.test/library/not-idle:1", "idle:1", false),
            ("registry.test/library/idle:12", "idle:1", false),
            ("registry.test/library/idle:1", "", false),
        ] {
            assert_eq!(is_called(stored, name), expect, "{stored} {name}");
        }
    }

    #[test]
    fn what_leads_on_is_told_from_what_is_looked_for() {
        let read = |text: &str| serde_json::from_str::<Document>(text).expect("a document").config;
        let manifest = r#"{"schemaVersion": 2, "config": {"mediaType": "m", "digest": "sha256:1", "size": 3}}"#;
        assert!(matches!(read(manifest), Some(Either::Elsewhere(found)) if found.digest == "sha256:1"));
        let config = r#"{"architecture": "amd64", "config": {"Cmd": ["/app"], "Env": []}}"#;
        let Some(Either::Here(found)) = read(config) else { panic!("a configuration") };
        let expect = Command { argv: None, entrypoint: Some(vec![]), cmd: Some(vec!["/app".to_owned()]) };
        assert_eq!(Command::from(found), expect);
        assert!(read(r#"{"manifests": []}"#).is_none());
    }
}
