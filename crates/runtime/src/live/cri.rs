//! The container runtime interface, version 1: containers and pod sandboxes in two lists, and a look at one only
//! where no file on disk has said its process.
//!
//! The messages are those parts of Kubernetes' `cri-api/pkg/apis/runtime/v1/api.proto` that we read; declared by
//! hand, because generating them needs `protoc` on every machine that builds us.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use fathom_model::{Container, Engine, State};
use prost::Message;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::exchange::{Failure, Http2};
use super::{Answer, Known, grpc, lacks_pid, within};
use crate::records::{of_labels, of_sandbox};

pub(super) mod command;
pub(super) mod detail;

const SERVICE: &str = "/runtime.v1.RuntimeService";

#[derive(Clone, PartialEq, Message)]
struct Nothing {}

#[derive(Clone, PartialEq, Message)]
struct Version {
    #[prost(string, tag = "2")]
    runtime_name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Containers {
    #[prost(message, repeated, tag = "1")]
    containers: Vec<Listed>,
}

#[derive(Clone, PartialEq, Message)]
struct Listed {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    pod_sandbox_id: String,
    #[prost(message, optional, tag = "3")]
    metadata: Option<Metadata>,
    #[prost(message, optional, tag = "4")]
    image: Option<Image>,
    #[prost(int32, tag = "6")]
    state: i32,
    #[prost(int64, tag = "7")]
    created_at: i64,
    #[prost(btree_map = "string, string", tag = "8")]
    labels: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(string, tag = "1")]
    image: String,
    #[prost(string, tag = "18")]
    user_specified_image: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sandboxes {
    #[prost(message, repeated, tag = "1")]
    items: Vec<Sandbox>,
}

#[derive(Clone, PartialEq, Message)]
struct Sandbox {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(message, optional, tag = "2")]
    metadata: Option<PodMetadata>,
    #[prost(int32, tag = "3")]
    state: i32,
    #[prost(int64, tag = "4")]
    created_at: i64,
    #[prost(btree_map = "string, string", tag = "5")]
    labels: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct PodMetadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    namespace: String,
}

/// `ContainerStatusRequest` and `PodSandboxStatusRequest` look alike.
#[derive(Clone, PartialEq, Message)]
struct StatusQuestion {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(bool, tag = "2")]
    verbose: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(map = "string, string", tag = "2")]
    info: HashMap<String, String>,
}

pub(super) async fn list(socket: &Path, known: &Known, deadline: Instant) -> Result<Answer, Failure> {
    let connection = within(deadline, Http2::open(socket)).await?;
    let (version, sandboxes, containers) = within(deadline, lists(&connection)).await?;
    let engine = engine(&version.runtime_name);
    let pods: HashMap<_, _> = sandboxes.items.iter().map(|sandbox| (sandbox.id.clone(), sandbox.clone())).collect();
    let mut found: Vec<Container> =
        containers.containers.into_iter().map(|listed| container(engine, listed, &pods)).collect();
    found.extend(sandboxes.items.into_iter().map(|listed| sandbox(engine, listed)));
    add_pids(&connection, &mut found, known, deadline).await;
    Ok(Answer { containers: found, garbled: None })
}

/// Three questions at once over one connection.
async fn lists(connection: &Http2) -> Result<(Version, Sandboxes, Containers), Failure> {
    let ask = |method: &str| (connection.clone(), format!("{SERVICE}/{method}"));
    let version = tokio::spawn(answer::<Version>(ask("Version")));
    let sandboxes = tokio::spawn(answer::<Sandboxes>(ask("ListPodSandbox")));
    let containers = answer::<Containers>(ask("ListContainers")).await?;
    let version = version.await.map_err(|error| Failure::Broken(error.into()))??;
    let sandboxes = sandboxes.await.map_err(|error| Failure::Broken(error.into()))??;
    Ok((version, sandboxes, containers))
}

async fn answer<A: Message + Default>((connection, method): (Http2, String)) -> Result<A, Failure> {
    grpc::call(&connection, &method, None, &Nothing {}).await
}

fn engine(name: &str) -> Engine {
    match name {
        "cri-o" => Engine::CriO,
        "docker" => Engine::Docker,
        _ => Engine::Containerd,
    }
}

fn container(engine: Engine, listed: Listed, pods: &HashMap<String, Sandbox>) -> Container {
    let name = listed.metadata.map(|metadata| metadata.name).filter(|name| !name.is_empty());
    let sandbox = pods.get(&listed.pod_sandbox_id).and_then(|pod| pod.metadata.clone());
    let mut pod = sandbox.map(|pod| of_sandbox(pod.namespace, pod.name, pod.uid)).or_else(|| of_labels(&listed.labels));
    if let Some(pod) = &mut pod {
        pod.container.clone_from(&name);
    }
    let image = listed.image.unwrap_or_default();
    let image = [image.user_specified_image, image.image].into_iter().find(|image| !image.is_empty());
    Container {
        name,
        image,
        // Whose state is not known may well run.
        state: match listed.state {
            0 => State::Created,
            2 => State::Exited,
            _ => State::Running,
        },
        started: seconds(listed.created_at),
        pod,
        labels: listed.labels,
        ..Container::new(listed.id, engine)
    }
}

fn sandbox(engine: Engine, listed: Sandbox) -> Container {
    let pod = listed.metadata.map(|pod| of_sandbox(pod.namespace, pod.name, pod.uid));
    Container {
        name: pod.as_ref().map(|pod| pod.name.clone()),
        state: if listed.state == 0 { State::Running } else { State::Exited },
        started: seconds(listed.created_at),
        pod,
        labels: listed.labels,
        ..Container::new(listed.id, engine)
    }
}

fn seconds(nanoseconds: i64) -> Option<u64> {
    u64::try_from(nanoseconds / 1_000_000_000).ok().filter(|seconds| *seconds > 0)
}

async fn add_pids(connection: &Http2, containers: &mut [Container], known: &HashSet<String>, deadline: Instant) {
    let mut looks = JoinSet::new();
    for (place, container) in containers.iter().enumerate().filter(|(_, container)| lacks_pid(container, known)) {
        let is_sandbox = container.pod.as_ref().is_some_and(|pod| pod.container.is_none());
        let method = if is_sandbox { "PodSandboxStatus" } else { "ContainerStatus" };
        let question = StatusQuestion { id: container.id.clone(), verbose: true };
        let connection = connection.clone();
        looks.spawn(async move {
            let method = format!("{SERVICE}/{method}");
            let status = grpc::call::<Status>(&connection, &method, None, &question);
            within(deadline, status).await.ok().and_then(|status| pid(&status)).map(|pid| (place, pid))
        });
    }
    while let Some(found) = looks.join_next().await {
        if let Ok(Some((place, pid))) = found {
            containers[place].pid = Some(pid);
        }
    }
}

/// containerd and CRI-O both put a JSON object with a `pid` under `info`.
fn pid(status: &Status) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Info {
        pid: Option<u32>,
    }
    serde_json::from_str::<Info>(status.info.get("info")?).ok()?.pid.filter(|pid| *pid > 0)
}
