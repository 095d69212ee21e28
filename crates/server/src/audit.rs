//! Who did what: one line for each thing that happened or was refused, for whoever keeps them.

use std::sync::Arc;

use fathom_cluster::server::Person;
use fathom_model::Ending;
use fathom_protocol::api::Act;
use fathom_protocol::wish::Await;
use serde::Serialize;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// A session was granted.
    Granted,
    /// Something was refused.
    Denied,
    /// A session began to run.
    Started,
    /// It goes on without a client.
    Detached,
    /// A client came back to it.
    Attached,
    /// A session that the server before this one granted was found where it runs.
    Adopted,
    /// What it held goes on.
    Released,
    /// An archive came to the node, or was there.
    Brought,
    /// It ended.
    Ended,
    /// It never began: nobody came for it, or the node could not.
    Failed,
    /// An agent got a certificate.
    Enrolled,
    /// One did not.
    EnrolmentRefused,
    /// Another authority is trusted from now on, or one no longer.
    AuthorityChanges,
    /// Another authority signs from now on.
    AuthoritySucceeds,
    /// Policy or certificates of the cluster cannot be used.
    Trouble,
}

/// One line. What does not apply is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// RFC 3339.
    pub time: String,
    /// What happened.
    pub event: Happened,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Its groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// `NAMESPACE/pod/NAME/CONTAINER`, `node/NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Where it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What for, where it is not to enter.
    #[serde(skip_serializing_if = "is_entry")]
    pub act: Act,
    /// With which rights, of who enters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What was to run; empty for a shell. Of a trace, its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// What is waited for, where something is: `enter`, or `hold` where it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub awaits: Option<Await>,
    /// The archive that is sent to the node instead of running anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
    /// The session's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// How the command ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The request in the audit log of the API server.
    #[serde(rename = "auditID", skip_serializing_if = "Option::is_none")]
    pub audit_id: Option<String>,
}

fn is_entry(act: &Act) -> bool {
    *act == Act::Enter
}

/// Who hears of it.
pub type Sink = Arc<dyn Fn(&Line) + Send + Sync>;

impl Line {
    /// Of now.
    pub fn new(event: Happened) -> Self {
        Line {
            time: jiff::Timestamp::now().to_string(),
            event,
            user: None,
            uid: None,
            groups: Vec::new(),
            target: None,
            node: None,
            act: Act::Enter,
            profile: None,
            command: None,
            awaits: None,
            archive: None,
            session: None,
            ending: None,
            reason: None,
            audit_id: None,
        }
    }

    /// Done by `person`.
    #[must_use]
    pub fn by(mut self, person: &Person) -> Self {
        self.user = Some(person.name.clone());
        self.uid.clone_from(&person.uid);
        self.groups.clone_from(&person.groups);
        self
    }

    /// For this reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}
