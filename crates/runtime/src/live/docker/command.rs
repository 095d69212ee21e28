//! What a container of docker or podman executes, or its image would: `GET /containers/ID/json`, `/images/NAME/json`.

use std::path::Path;

use fathom_model::Command;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::is_plain;
use crate::live::command::Config;
use crate::live::exchange::{Failure, Http1};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    path: String,
    #[serde(default)]
    args: Vec<String>,
    config: Option<Config>,
}

impl Container {
    fn argv(mut self) -> Vec<String> {
        // Podman says a lone word twice: as the path, and as what follows it.
        if self.config.is_some_and(|config| config.words() == 1) {
            self.args.clear();
        }
        [vec![self.path], self.args].concat()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    config: Option<Config>,
}

/// Asks the engine at `socket`. What it does not know of is left out.
pub(in crate::live) async fn ask(socket: &Path, id: Option<&str>, image: &str) -> Result<Command, Failure> {
    let mut connection = Http1::open(socket).await?;
    let mut known = Command::default();
    if let Some(id) = id.filter(|id| is_plain(id)) {
        let container: Option<Container> = look(&mut connection, &format!("/containers/{id}/json")).await?;
        known.argv = container.map(Container::argv);
    }
    if !image.is_empty() && image.split(['/', ':', '@']).all(is_plain) {
        let image: Option<Image> = look(&mut connection, &format!("/images/{image}/json")).await?;
        known = known.or(image.and_then(|image| image.config).map(Command::from).unwrap_or_default());
    }
    Ok(known)
}

async fn look<T: DeserializeOwned>(connection: &mut Http1, path: &str) -> Result<Option<T>, Failure> {
    match connection.get(path).await {
        Ok(reply) => Ok(serde_json::from_slice(&reply.body).ok()),
        // It does not know the name.
        Err(Failure::Status(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}
