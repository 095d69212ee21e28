//! What a container executes, or its image would: from the status that CRI gives when asked to be verbose, which
//! holds the runtime's specification and the image's configuration also of what does not run.

use std::path::Path;

use fathom_model::Command;
use prost::Message;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{SERVICE, Status, StatusQuestion};
use crate::live::command::Config;
use crate::live::exchange::{Failure, Http2};
use crate::live::{grpc, within};

const IMAGES: &str = "/runtime.v1.ImageService";

#[derive(Clone, PartialEq, Message)]
struct ImageQuestion {
    #[prost(message, optional, tag = "1")]
    image: Option<ImageName>,
    #[prost(bool, tag = "2")]
    verbose: bool,
}

#[derive(Clone, PartialEq, Message)]
struct ImageName {
    #[prost(string, tag = "1")]
    image: String,
}

/// What containerd and CRI-O write under `info` of a container.
#[derive(Deserialize)]
struct ContainerInfo {
    #[serde(rename = "runtimeSpec")]
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Spec {
    process: Option<Process>,
}

#[derive(Deserialize)]
struct Process {
    #[serde(default)]
    args: Vec<String>,
}

/// The same for an image.
#[derive(Deserialize)]
struct ImageInfo {
    #[serde(rename = "imageSpec")]
    spec: Option<ImageSpec>,
}

#[derive(Deserialize)]
struct ImageSpec {
    config: Option<Config>,
}

/// Asks the engine at `socket`. What it does not know of is left out.
pub(in crate::live) async fn ask(
    socket: &Path,
    id: Option<&str>,
    image: &str,
    deadline: Instant,
) -> Result<Command, Failure> {
    let connection = within(deadline, Http2::open(socket)).await?;
    let mut command = Command::default();
    if let Some(id) = id {
        let question = StatusQuestion { id: id.to_owned(), verbose: true };
        let method = format!("{SERVICE}/ContainerStatus");
        let status: Result<Status, Failure> = within(deadline, grpc::call(&connection, &method, None, &question)).await;
        let info = status.ok().and_then(|status| info::<ContainerInfo>(&status));
        let args = info.and_then(|info| info.spec?.process).map(|process| process.args);
        command.argv = args.filter(|args| !args.is_empty());
    }
    if image.is_empty() {
        // An engine takes it for the beginning of any image's id.
        return Ok(command);
    }
    let question = ImageQuestion { image: Some(ImageName { image: image.to_owned() }), verbose: true };
    let method = format!("{IMAGES}/ImageStatus");
    let status: Result<Status, Failure> = within(deadline, grpc::call(&connection, &method, None, &question)).await;
    if let Some(config) = status.ok().and_then(|status| info::<ImageInfo>(&status)?.spec?.config) {
        command = command.or(config.into());
    }
    Ok(command)
}

fn info<T: DeserializeOwned>(status: &Status) -> Option<T> {
    serde_json::from_str(status.info.get("info")?).ok()
}
