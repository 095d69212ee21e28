//! Docker's API, as dockerd and podman's service speak it: one list, and a look at a container only where no file
//! on disk has said its process.

pub(super) mod command;

use std::path::{Path, PathBuf};

use fathom_model::{Container, Detail, Engine};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::exchange::{Failure, Http1, Reply};
use super::{Answer, Known, lacks_pid, within};
use crate::records::{Records, docker_list, docker_pid, inspected};

/// How many containers are looked at, at the same time.
const LOOKERS: usize = 8;

pub(super) async fn list(socket: &Path, known: Known, deadline: Instant) -> Result<Answer, Failure> {
    let reply = within(deadline, async { Http1::open(socket).await?.get("/containers/json?all=true").await }).await?;
    let Records { mut containers, mut garbled } = docker_list(engine(&reply), &reply.body);
    add_pids(socket, &mut containers, &known, deadline).await;
    Ok(Answer { containers, garbled: garbled.pop().map(Failure::Garbled) })
}

/// Both say who they are; podman's version starts with its library's name.
fn engine(reply: &Reply) -> Engine {
    let server = reply.headers.get("server").and_then(|server| server.to_str().ok()).unwrap_or_default();
    if server.starts_with("Libpod") { Engine::Podman } else { Engine::Docker }
}

/// Who is not answered for in time goes without a pid, which `host` finds by other means.
async fn add_pids(socket: &Path, containers: &mut [Container], known: &Known, deadline: Instant) {
    let unknown: Vec<(usize, String)> = containers
        .iter()
        .enumerate()
        .filter(|(_, container)| lacks_pid(container, known))
        .map(|(place, container)| (place, container.id.clone()))
        .collect();
    let mut lookers = JoinSet::new();
    for share in unknown.chunks(unknown.len().div_ceil(LOOKERS).max(1)) {
        lookers.spawn(look(socket.to_owned(), share.to_vec(), deadline));
    }
    while let Some(found) = lookers.join_next().await {
        for (place, pid) in found.unwrap_or_default() {
            containers[place].pid = Some(pid);
        }
    }
}

/// One connection, one container after the other, until the deadline.
async fn look(socket: PathBuf, share: Vec<(usize, String)>, deadline: Instant) -> Vec<(usize, u32)> {
    let mut found = Vec::new();
    let Ok(mut connection) = within(deadline, Http1::open(&socket)).await else { return found };
    for (place, id) in share {
        if !is_plain(&id) {
            continue;
        }
        match within(deadline, connection.get(&format!("/containers/{id}/json"))).await {
            Ok(reply) => found.extend(docker_pid(&reply.body).ok().flatten().map(|pid| (place, pid))),
            // It may have gone in the meantime.
            Err(Failure::Status(_)) => {}
            Err(_) => break,
        }
    }
    found
}

/// One container from close by; nothing if the engine does not know it.
pub(super) async fn detail(socket: &Path, id: &str) -> Result<Detail, Failure> {
    if !is_plain(id) {
        return Ok(Detail::default());
    }
    let reply = Http1::open(socket).await?.get(&format!("/containers/{id}/json")).await?;
    inspected(&reply.body).map_err(Failure::Garbled)
}

/// The id is an engine's word, but a word with a slash or a space would ask something else.
fn is_plain(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
