//! What a container executes, or its image would: from every engine until one knows, the cheapest word first.

use std::path::Path;
use std::time::Duration;

use fathom_model::Command;
use serde::Deserialize;
use tokio::time::Instant;

use super::{containerd, cri, docker, within};
use crate::places::{Places, Socket, Speech};

/// `Entrypoint` and `Cmd`, as docker's API and the configuration of an OCI image both write them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Config {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

impl Config {
    /// How many there are in both.
    pub(super) fn words(&self) -> usize {
        self.entrypoint.iter().chain(&self.cmd).map(Vec::len).sum()
    }
}

impl From<Config> for Command {
    /// An image that says neither has neither, which is something else than not to know.
    fn from(config: Config) -> Self {
        Command {
            argv: None,
            entrypoint: Some(config.entrypoint.unwrap_or_default()),
            cmd: Some(config.cmd.unwrap_or_default()),
        }
    }
}

/// What the container `id` or its image executes, by the first engine that knows.
pub(crate) fn command(places: &Places, id: Option<&str>, image: &str, patience: Duration) -> Command {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Command::default();
    };
    runtime.block_on(async {
        let deadline = Instant::now() + patience;
        let mut known = Command::default();
        for socket in places.sockets() {
            if known.is_enough() {
                break;
            }
            known = known.or(ask(&socket, id, image, deadline).await);
        }
        known
    })
}

async fn ask(socket: &Socket, id: Option<&str>, image: &str, deadline: Instant) -> Command {
    let path: &Path = &socket.path;
    if socket.speech == Speech::Docker {
        return within(deadline, docker::command::ask(path, id, image)).await.unwrap_or_default();
    }
    let known = cri::command::ask(path, id, image, deadline).await.unwrap_or_default();
    if known.is_enough() {
        return known;
    }
    // The same socket may be containerd's, whose store also has what did not come through CRI.
    known.or(within(deadline, containerd::store::ask(path, id, image)).await.unwrap_or_default())
}
