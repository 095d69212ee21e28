//! Pulls from a real registry (Debian's `docker-registry`), started here on loopback with a folder of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use fathom_model::Hint;
use fathom_testkit::{Need, Scratch, needs};
use fathom_toolkit::{Digest, Error, Source};
use serde_json::{Value, json};

use crate::builder::*;
use crate::together::program;

/// A registry of this test; gone with it.
struct Registry {
    child: Child,
    address: String,
    folder: Scratch,
    /// The `Authorization` header of a push.
    header: String,
}

/// `secret word`, by bcrypt.
const HASH: &str = "$2b$05$abcdefghijklmnopqrstuu1C7yeI3ZG3Jm.nHdnKkGJg1xTYKP9Oy";
/// `me:secret word` in base64.
const BASIC: &str = "bWU6c2VjcmV0IHdvcmQ=";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    Locked,
}

impl Registry {
    fn start(door: Door) -> Registry {
        let folder = Scratch::new("registry");
        std::fs::write(folder.join("htpasswd"), format!("me:{HASH}\n")).unwrap();
        let mut config = json!({
            "version": "0.1",
            "log": {"accesslog": {"disabled": true}, "level": "info", "formatter": "json"},
            "storage": {"filesystem": {"rootdirectory": folder.join("data")}, "delete": {"enabled": true}},
            "http": {"addr": "127.0.0.1:0", "secret": "of this test"},
        });
        if door == Door::Locked {
            config["auth"] = json!({"htpasswd": {"realm": "test", "path": folder.join("htpasswd")}});
        }
        // JSON is YAML.
        std::fs::write(folder.join("config.yml"), config.to_string()).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(folder.join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let address = listening(&mut log);
        // The registry goes on talking; somebody has to listen, or it would stop on a full pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let header = format!("Authorization: Basic {BASIC}\r\n");
        Registry { child, address, folder, header }
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    fn push_blob(&self, repository: &str, blob: &[u8]) {
        let (status, location) = self.request("POST", &format!("/v2/{repository}/blobs/uploads/"), "", &[]);
        assert_eq!(status, 202);
        let place = location.split_once(&self.address).map_or(location.as_str(), |(_, path)| path).to_owned();
        let digest = Digest::of(blob);
        let (status, _) = self.request(
            "PUT",
            &format!("{place}&digest={digest}"),
            "Content-Type: application/octet-stream\r\n",
            blob,
        );
        assert_eq!(status, 201);
    }

    fn push_manifest(&self, repository: &str, tag: &str, kind: &str, bytes: &[u8]) {
        let header = format!("Content-Type: {kind}\r\n");
        let (status, _) = self.request("PUT", &format!("/v2/{repository}/manifests/{tag}"), &header, bytes);
        assert_eq!(status, 201);
    }

    /// Pushes an image; its manifest has to say its own type here, which archives may leave out.
    fn push(&self, repository: &str, tag: &str, image: &Image) -> Vec<u8> {
        for (digest, blob) in &image.blobs {
            if *digest != Digest::of(&image.manifest) {
                self.push_blob(repository, blob);
            }
        }
        let mut manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
        manifest["mediaType"] = json!(MANIFEST);
        manifest["config"]["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
        for layer in manifest["layers"].as_array_mut().unwrap() {
            layer["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar");
        }
        let manifest = manifest.to_string().into_bytes();
        self.push_manifest(repository, tag, MANIFEST, &manifest);
        manifest
    }

    /// One request on a connection of its own; the status and the Location.
    fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{}{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n",
            self.address, self.header
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        let location = answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap_or_default();
        (status, location.to_owned())
    }

    /// Where the registry keeps a blob.
    fn blob(&self, digest: Digest) -> PathBuf {
        let hex = digest.hex();
        self.folder.join(format!("data/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address that the log names.
fn listening(log: &mut impl BufRead) -> String {
    let lines = log.lines().map_while(Result::ok);
    let address = |line: String| {
        let message: Value = serde_json::from_str(&line).ok()?;
        message["msg"].as_str()?.strip_prefix("listening on ").map(str::to_owned)
    };
    lines.into_iter().find_map(address).expect("the registry says where it listens")
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn web() -> Image {
    image(&[
        layer().folder("bin/").file("bin/sh", "shell"),
        layer().file("b", vec![7; 200_000]),
        layer().file("c", "3"),
    ])
}

fn source(name: &str) -> Source {
    let source = Source::detect(name).unwrap();
    assert!(matches!(source, Source::Registry(_)));
    source
}

#[test]
fn pulls_by_tag_and_by_digest_into_one_tree() {
    needs!(Need::Program("docker-registry"));
    let registry = Registry::start(Door::Open);
    let manifest = registry.push("shop/web", "1", &web());
    let bench = bench("pull");
    let by_tag = bench.import(&source(&registry.name("shop/web:1"))).unwrap();
    assert_eq!(by_tag.digest, Digest::of(&web().config));
    assert_eq!(by_tag.manifest, Some(Digest::of(&manifest)));
    assert_eq!(by_tag.names, [registry.name("shop/web:1")]);
    assert_eq!(look(&by_tag.root()).get("b").map(String::as_str), Some("644 200000 bytes"));
    let by_digest = bench.import(&source(&registry.name(&format!("shop/web@{}", Digest::of(&manifest))))).unwrap();
    assert_eq!(by_digest.digest, by_tag.digest);
    assert_eq!(bench.store.list().unwrap().len(), 1);
}

#[test]
fn an_index_leads_to_this_machines_image() {
    needs!(Need::Program("docker-registry"));
    let registry = Registry::start(Door::Open);
    let platform = |manifest: &[u8], architecture: &str| {
        let mut one = descriptor(manifest);
        one["mediaType"] = json!(MANIFEST);
        one["platform"] = json!({"os": "linux", "architecture": architecture});
        one
    };
    let theirs = registry.push("web", "theirs", &image_of(vec![layer().file("a", "1").tar()], "sparc64"));
    let ours = registry.push("web", "ours", &web());
    let index = json!({"schemaVersion": 2, "mediaType": INDEX,
        "manifests": [platform(&theirs, "sparc64"), platform(&ours, go_architecture())]});
    registry.push_manifest("web", "latest", INDEX, index.to_string().as_bytes());
    let bench = bench("pull-index");
    let entry = bench.import(&source(&registry.name("web"))).unwrap();
    assert_eq!(entry.digest, Digest::of(&web().config));
    assert_eq!(entry.manifest, Some(Digest::of(&ours)));
    let error = bench.import(&source(&registry.name("web:theirs"))).unwrap_err();
    assert!(matches!(error, Error::Architecture { .. }), "{error:?}");
}

#[test]
fn a_locked_registry_asks_for_a_login() {
    needs!(Need::Program("docker-registry"));
    let registry = Registry::start(Door::Locked);
    registry.push("web", "1", &web());
    let bench = bench("login");
    let import = |home: &Path| {
        let place = bench.scratch.join("store");
        let mut command = Command::new(program());
        command.arg(place).args(["import", &registry.name("web:1")]).env_clear().env("HOME", home);
        command.output().unwrap()
    };
    let refused = import(bench.scratch.path());
    assert!(!refused.status.success());
    let words = String::from_utf8_lossy(&refused.stderr).to_string();
    assert!(words.contains("docker login"), "{words}");

    let login = json!({"auths": {registry.address.clone(): {"auth": BASIC}}}).to_string();
    let homes = [("docker", ".docker/config.json"), ("podman", ".config/containers/auth.json")];
    for (home, place) in homes {
        let home = bench.scratch.join(home);
        std::fs::create_dir_all(home.join(place).parent().unwrap()).unwrap();
        std::fs::write(home.join(place), &login).unwrap();
        let pulled = import(&home);
        assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));
        let entry = bench.store.list().unwrap().remove(0);
        assert_eq!(entry.digest, Digest::of(&web().config));
        bench.store.remove(&entry).unwrap();
    }
    let wrong = json!({"auths": {registry.address.clone(): {"auth": "bWU6d3Jvbmc="}}}).to_string();
    std::fs::write(bench.scratch.join("docker/.docker/config.json"), wrong).unwrap();
    assert!(!import(&bench.scratch.join("docker")).status.success());
    bench.assert_empty();
}

#[test]
fn what_is_not_there_is_said_with_a_remedy() {
    needs!(Need::Program("docker-registry"));
    let bench = bench("absent");
    let registry = Registry::start(Door::Open);
    registry.push("web", "1", &web());
    let check = |name: &str, advice: &str| {
        let error = bench.import(&source(name)).unwrap_err();
        assert!(matches!(error, Error::Pull { .. }), "{error:?}");
        assert!(error.hint().is_some_and(|hint| hint.contains(advice)), "{error:?}");
        bench.assert_empty();
    };
    check(&registry.name("web:2"), "check the name");
    check(&registry.name("none:1"), "check the name");
    let gone = registry.name("web:1");
    drop(registry);
    check(&gone, "without a network");
}

#[test]
fn a_registry_that_hands_out_other_bytes_is_not_believed() {
    needs!(Need::Program("docker-registry"));
    for victim in web().blobs.keys().filter(|digest| **digest != Digest::of(&web().manifest)) {
        let registry = Registry::start(Door::Open);
        registry.push("web", "1", &web());
        let path = registry.blob(*victim);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let bench = bench("tampered");
        let error = bench.import(&source(&registry.name("web:1"))).unwrap_err();
        assert!(matches!(error, Error::Pull { .. } | Error::WrongDigest { .. }), "{error:?}");
        bench.assert_empty();
    }
}
