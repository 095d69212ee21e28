//! containerd's own API, for containers of `ctr` and nerdctl, which CRI does not show: images, labels and states of
//! every namespace but those of Kubernetes and docker.
//!
//! The messages are those parts of containerd's `api/services` protos that we read; declared by hand, as in
//! [`cri`](super::cri).

pub(super) mod store;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use fathom_model::{Container, Engine, State};
use prost::Message;
use tokio::time::Instant;

use super::exchange::{Failure, Http2};
use super::{grpc, within};
use crate::records::of_labels;

const NAMESPACES: &str = "/containerd.services.namespaces.v1.Namespaces/List";
const CONTAINERS: &str = "/containerd.services.containers.v1.Containers/List";
const TASKS: &str = "/containerd.services.tasks.v1.Tasks/List";

/// Docker's namespace; its containers' records hold their whole specifications and nothing that docker does not say.
const DOCKER: &str = "moby";
/// The CRI plugin's namespace.
const KUBERNETES: &str = "k8s.io";

#[derive(Clone, PartialEq, Message)]
struct Nothing {}

#[derive(Clone, PartialEq, Message)]
struct Namespaces {
    #[prost(message, repeated, tag = "1")]
    namespaces: Vec<Namespace>,
}

#[derive(Clone, PartialEq, Message)]
struct Namespace {
    #[prost(string, tag = "1")]
    name: String,
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
    #[prost(btree_map = "string, string", tag = "2")]
    labels: BTreeMap<String, String>,
    #[prost(string, tag = "3")]
    image: String,
    #[prost(message, optional, tag = "8")]
    created_at: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Tasks {
    #[prost(message, repeated, tag = "1")]
    tasks: Vec<Task>,
}

#[derive(Clone, PartialEq, Message)]
struct Task {
    #[prost(string, tag = "1")]
    container_id: String,
    #[prost(string, tag = "2")]
    id: String,
    #[prost(uint32, tag = "3")]
    pid: u32,
    #[prost(int32, tag = "4")]
    status: i32,
}

/// Containers of every namespace that no other source tells of.
pub(super) async fn list(socket: &Path, deadline: Instant) -> Result<Vec<Container>, Failure> {
    within(deadline, async {
        let connection = Http2::open(socket).await?;
        let namespaces: Namespaces = grpc::call(&connection, NAMESPACES, None, &Nothing {}).await?;
        let mut containers = Vec::new();
        for Namespace { name } in namespaces.namespaces {
            if name != DOCKER && name != KUBERNETES {
                containers.extend(list_namespace(&connection, &name).await?);
            }
        }
        Ok(containers)
    })
    .await
}

async fn list_namespace(connection: &Http2, namespace: &str) -> Result<Vec<Container>, Failure> {
    let listed: Containers = grpc::call(connection, CONTAINERS, Some(namespace), &Nothing {}).await?;
    let tasks: Tasks = grpc::call(connection, TASKS, Some(namespace), &Nothing {}).await?;
    // Older versions leave `container_id` empty; an init task's own id is the container's.
    let tasks: HashMap<String, Task> = tasks
        .tasks
        .into_iter()
        .map(|task| (if task.container_id.is_empty() { task.id.clone() } else { task.container_id.clone() }, task))
        .collect();
    Ok(listed.containers.into_iter().map(|listed| container(&tasks, listed)).collect())
}

fn container(tasks: &HashMap<String, Task>, listed: Listed) -> Container {
    let task = tasks.get(&listed.id);
    Container {
        name: listed.labels.get("nerdctl/name").cloned(),
        image: Some(listed.image).filter(|image| !image.is_empty()),
        pid: task.map(|task| task.pid).filter(|pid| *pid > 0),
        // containerd's `Status`: 1 created, 2 running, 3 stopped, 4 paused, 5 pausing. Without a task nothing runs.
        state: match task.map_or(3, |task| task.status) {
            1 => State::Created,
            3 => State::Exited,
            4 | 5 => State::Paused,
            _ => State::Running,
        },
        started: listed.created_at.and_then(|time| u64::try_from(time.seconds).ok()),
        pod: of_labels(&listed.labels),
        labels: listed.labels,
        ..Container::new(listed.id, Engine::Containerd)
    }
}
