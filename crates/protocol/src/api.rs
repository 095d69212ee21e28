//! What the server in a cluster is asked and what it answers: `fathom.dev/v1alpha1`, as JSON in Kubernetes' manner.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Entry;

/// The group, and the version of it.
pub const GROUP: &str = "fathom.dev";
/// Of the group.
pub const VERSION: &str = "v1alpha1";
/// Both, as objects and paths have them.
pub const GROUP_VERSION: &str = "fathom.dev/v1alpha1";
/// The ClusterRole by which everybody may come to their own sessions; everybody may get it too, and so learn that there
/// is an installation whose server is away.
pub const EVERYBODY: &str = "fathom-sessions";
/// What a WebSocket that carries [frames](crate::Frame) is called, in binary messages of any size.
pub const SUBPROTOCOL: &str = "fathom.v1";

/// What a session is for. Each has its own subresource of what is looked at or entered, which rights are given on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Running a command.
    #[default]
    Enter,
    /// Seeing what runs already.
    Trace,
}

impl Act {
    /// The subresource.
    pub fn name(self) -> &'static str {
        match self {
            Act::Enter => "enter",
            Act::Trace => "trace",
        }
    }

    /// The kind of the request.
    pub fn kind(self) -> &'static str {
        match self {
            Act::Enter => "EnterRequest",
            Act::Trace => "TraceRequest",
        }
    }
}

/// The body of a `POST …/enter` or `…/trace`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnterRequest {
    /// [`GROUP_VERSION`]
    pub api_version: String,
    /// [`Act::kind`]
    pub kind: String,
    /// What is asked for.
    pub spec: EnterSpec,
}

/// What is asked for. The target's own name is in the path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnterSpec {
    /// The uid of the pod that is meant: another of the same name is not entered. None for a node.
    #[serde(default)]
    pub pod_uid: Option<String>,
    /// The container; none for the pod's main one, or, where one only looks, for all.
    #[serde(default)]
    pub container: Option<String>,
    /// Everything else; the server says the place itself.
    #[serde(default)]
    pub entry: Entry,
    /// An archive for the store of the target's node, which the session takes in instead of running anything. Whoever
    /// may have the session may send what the policy of the cluster allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Archive>,
}

/// An archive that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Archive {
    /// Its SHA-256: `sha256:4f1c…`.
    pub digest: String,
    /// Its bytes.
    pub size: u64,
}

impl EnterRequest {
    /// With the names that every object carries.
    pub fn new(act: Act, spec: EnterSpec) -> Self {
        EnterRequest { api_version: GROUP_VERSION.to_owned(), kind: act.kind().to_owned(), spec }
    }
}

/// A session, as its creator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// [`GROUP_VERSION`]
    pub api_version: String,
    /// `Session`
    pub kind: String,
    /// Its id, and when it was created.
    pub metadata: Metadata,
    /// What it is.
    pub spec: SessionSpec,
    /// How it is.
    pub status: SessionStatus,
}

/// What every object carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The session's id.
    pub name: String,
    /// RFC 3339.
    pub creation_timestamp: String,
}

/// What was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionSpec {
    /// `NAMESPACE/pod/NAME/CONTAINER` or `node/NAME`.
    pub target: String,
    /// Where it runs.
    pub node: String,
    /// Whose it is.
    pub user: String,
    /// With which rights.
    pub profile: String,
    /// Empty for a shell.
    pub command: Vec<String>,
    /// Whether it has a terminal.
    pub terminal: bool,
}

/// How a session is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionStatus {
    /// `Waiting` for its creator, `Attached` or `Detached`.
    pub phase: Phase,
    /// What the policy of the cluster changed about the wish.
    #[serde(default)]
    pub notices: Vec<String>,
}

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Created; its creator has not come yet.
    Waiting,
    /// Its creator is there.
    Attached,
    /// It goes on without a client.
    Detached,
}

/// `GET sessions`: those of whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionList {
    /// [`GROUP_VERSION`]
    pub api_version: String,
    /// `SessionList`
    pub kind: String,
    /// Kubernetes wants it there.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// The oldest first.
    pub items: Vec<Session>,
}

/// Where a session of a pod is created.
pub fn pod_path(namespace: &str, pod: &str, act: Act) -> String {
    format!("/apis/{GROUP_VERSION}/namespaces/{namespace}/pods/{pod}/{}", act.name())
}

/// Where a session of a node is created.
pub fn node_path(node: &str, act: Act) -> String {
    format!("/apis/{GROUP_VERSION}/nodes/{node}/{}", act.name())
}

/// Where sessions are listed.
pub fn sessions_path() -> String {
    format!("/apis/{GROUP_VERSION}/sessions")
}

/// Where a session is attached to (`attach`), ended (`kill`), or lets go of what it holds (`release`).
pub fn session_path(id: &str, action: &str) -> String {
    format!("/apis/{GROUP_VERSION}/sessions/{id}/{action}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Other versions of ourselves have to understand it.
    #[test]
    fn what_is_asked_and_answered_is_what_was_promised() {
        let asked = EnterRequest::new(
            Act::Enter,
            EnterSpec {
                pod_uid: Some("uid".into()),
                container: Some("app".into()),
                entry: Entry { command: vec!["ls".into()], ..Entry::default() },
                archive: None,
            },
        );
        let archive = Archive { digest: "sha256:4f1c".into(), size: 7 };
        let sends = EnterRequest::new(Act::Enter, EnterSpec { archive: Some(archive), ..EnterSpec::default() });
        let looks = EnterRequest::new(Act::Trace, EnterSpec::default());
        let session = Session {
            api_version: GROUP_VERSION.into(),
            kind: "Session".into(),
            metadata: Metadata { name: "abc".into(), creation_timestamp: "2026-11-21T00:00:00Z".into() },
            spec: SessionSpec {
                target: "shop/pod/web-0/app".into(),
                node: "worker-3".into(),
                user: "jane".into(),
                profile: "general".into(),
                command: vec!["ls".into()],
                terminal: false,
            },
            status: SessionStatus { phase: Phase::Waiting, notices: vec![] },
        };
        let said = [
            serde_json::to_string(&asked),
            serde_json::to_string(&session),
            serde_json::to_string(&sends),
            serde_json::to_string(&looks),
        ];
        let said: Vec<String> = said.into_iter().map(|line| line.expect("plain data")).collect();
        assert_eq!(said.join("\n") + "\n", include_str!("golden/api-v1alpha1.jsonl"));
    }

    #[test]
    fn a_wish_needs_no_more_than_its_kind() {
        let text = r#"{"apiVersion":"fathom.dev/v1alpha1","kind":"EnterRequest","spec":{}}"#;
        let asked: EnterRequest = serde_json::from_str(text).expect("all else has defaults");
        assert_eq!(asked, EnterRequest::new(Act::Enter, EnterSpec::default()));
        assert!(serde_json::from_str::<EnterSpec>(r#"{"podUid":"x"}"#).is_ok());
        assert!(serde_json::from_str::<EnterSpec>(r#"{"pod":"x"}"#).is_err(), "a typing mistake goes through");
    }
}
