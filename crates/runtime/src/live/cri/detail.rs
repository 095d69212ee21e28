//! One container or sandbox from close by, as its status tells when asked to be verbose.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use fathom_model::detail::{Mount, Runs};
use fathom_model::{Container, Detail};
use prost::Message;
use serde::Deserialize;

use super::{SERVICE, StatusQuestion};
use crate::live::exchange::{Failure, Http2};
use crate::live::grpc;
use crate::records::digits;

#[derive(Clone, PartialEq, Message)]
struct ContainerAnswer {
    #[prost(message, optional, tag = "1")]
    status: Option<ContainerStatus>,
    #[prost(map = "string, string", tag = "2")]
    info: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerStatus {
    #[prost(message, optional, tag = "2")]
    metadata: Option<Metadata>,
    #[prost(int64, tag = "6")]
    finished_at: i64,
    #[prost(int32, tag = "7")]
    exit_code: i32,
    #[prost(string, tag = "9")]
    image_ref: String,
    #[prost(string, tag = "10")]
    reason: String,
    #[prost(string, tag = "11")]
    message: String,
    #[prost(btree_map = "string, string", tag = "12")]
    labels: BTreeMap<String, String>,
    #[prost(message, repeated, tag = "14")]
    mounts: Vec<Mounted>,
    #[prost(string, tag = "15")]
    log_path: String,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(uint32, tag = "2")]
    attempt: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Mounted {
    #[prost(string, tag = "1")]
    container_path: String,
    #[prost(string, tag = "2")]
    host_path: String,
    #[prost(bool, tag = "3")]
    readonly: bool,
    #[prost(int32, tag = "5")]
    propagation: i32,
}

#[derive(Clone, PartialEq, Message)]
struct SandboxAnswer {
    #[prost(message, optional, tag = "1")]
    status: Option<SandboxStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct SandboxStatus {
    #[prost(message, optional, tag = "5")]
    network: Option<Network>,
    #[prost(btree_map = "string, string", tag = "7")]
    labels: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Network {
    #[prost(string, tag = "1")]
    ip: String,
}

/// What containerd and CRI-O write under `info`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Info {
    #[serde(rename = "sandboxID")]
    sandbox: Option<String>,
    privileged: Option<bool>,
    config: Option<Config>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    envs: Option<Vec<Variable>>,
    linux: Option<Linux>,
    image: Option<Image>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Variable {
    key: String,
    value: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Linux {
    security_context: Option<Security>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Security {
    privileged: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Image {
    image: Option<String>,
}

/// Asks the engine at `socket`, of the sandbox too where the container has one.
pub(in crate::live) async fn ask(socket: &Path, container: &Container) -> Result<Detail, Failure> {
    let connection = Http2::open(socket).await?;
    if container.pod.as_ref().is_some_and(|pod| pod.container.is_none()) {
        let (address, labels) = sandbox(&connection, &container.id).await?;
        return Ok(Detail { address, labels, ..Detail::default() });
    }
    let question = StatusQuestion { id: container.id.clone(), verbose: true };
    let method = format!("{SERVICE}/ContainerStatus");
    let answer: ContainerAnswer = grpc::call(&connection, &method, None, &question).await?;
    let mut detail = of_container(answer);
    if let Some(id) = &detail.sandbox {
        detail.address = sandbox(&connection, id).await.ok().and_then(|(address, _)| address);
    }
    Ok(detail)
}

fn of_container(answer: ContainerAnswer) -> Detail {
    let info: Info = answer.info.get("info").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let status = answer.status.unwrap_or_default();
    let config = info.config.unwrap_or_default();
    let context = config.linux.and_then(|linux| linux.security_context);
    let env = config.envs.unwrap_or_default().into_iter();
    // The reference is a digest in a registry, or the id of an image that came from none; so is what was asked for.
    let digest = status.image_ref.split_once('@').map(|(_, digest)| digest.to_owned());
    let id = config.image.and_then(|image| image.image).as_deref().and_then(digits);
    let id = id.or_else(|| if digest.is_none() { digits(&status.image_ref) } else { None });
    Detail {
        image_id: id,
        image_digest: digest,
        privileged: info.privileged.or(context.and_then(|context| context.privileged)),
        address: None,
        sandbox: info.sandbox,
        cgroups: BTreeMap::new(),
        runs: runs(&status),
        labels: status.labels,
        env: env.map(|variable| format!("{}={}", variable.key, variable.value.unwrap_or_default())).collect(),
        mounts: status.mounts.into_iter().map(mount).collect(),
    }
}

/// An attempt is a container of its own: it is the kubelet that starts again, by making the next.
fn runs(status: &ContainerStatus) -> Runs {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let ended = u64::try_from(status.finished_at / 1_000_000_000).ok().filter(|at| *at > 0);
    Runs {
        status: ended.map(|_| i64::from(status.exit_code)),
        reason: text(&status.reason),
        message: text(&status.message),
        ended,
        restarts: status.metadata.as_ref().map(|metadata| u64::from(metadata.attempt)),
        log: text(&status.log_path),
        ..Runs::default()
    }
}

fn mount(mounted: Mounted) -> Mount {
    Mount {
        source: mounted.host_path,
        target: mounted.container_path,
        mode: String::new(),
        writable: !mounted.readonly,
        propagation: match mounted.propagation {
            1 => "rslave",
            2 => "rshared",
            _ => "private",
        }
        .to_owned(),
    }
}

async fn sandbox(
    connection: &Http2,
    id: &str,
) -> Result<(Option<std::net::Ipv4Addr>, BTreeMap<String, String>), Failure> {
    let question = StatusQuestion { id: id.to_owned(), verbose: false };
    let method = format!("{SERVICE}/PodSandboxStatus");
    let answer: SandboxAnswer = grpc::call(connection, &method, None, &question).await?;
    let status = answer.status.unwrap_or_default();
    Ok((status.network.and_then(|network| network.ip.parse().ok()), status.labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_image_rights_and_variables() {
        let info = r#"{"sandboxID":"5a","config":{"image":{"image":"sha256:DIGITS"},"envs":[{"key":"A","value":"1"}],"linux":{"security_context":{"privileged":true}}}}"#;
        let id = "d7".repeat(32);
        let status = ContainerStatus {
            image_ref: format!("web@sha256:{}", "ab".repeat(32)),
            mounts: vec![Mounted {
                container_path: "/data".into(),
                host_path: "/srv".into(),
                readonly: true,
                propagation: 0,
            }],
            ..ContainerStatus::default()
        };
        let info = HashMap::from([("info".to_owned(), info.replace("DIGITS", &id))]);
        let detail = of_container(ContainerAnswer { status: Some(status), info });
        assert_eq!((detail.image_id, detail.image_digest), (Some(id), Some(format!("sha256:{}", "ab".repeat(32)))));
        assert_eq!((detail.sandbox.as_deref(), detail.privileged), (Some("5a"), Some(true)));
        assert_eq!((detail.env.as_slice(), detail.mounts[0].writable), (&["A=1".to_owned()][..], false));
    }
}
