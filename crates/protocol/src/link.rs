//! What the server in a cluster and the agents on its nodes call each other, and how an agent gets its certificate.

use serde::{Deserialize, Serialize};

/// The name in the server's certificates. Agents know no other peer, wherever it is reached.
pub const SERVER: &str = "server.fathom.dev";

/// For whom an agent's token is made out, so that it is good for nothing else.
pub const AUDIENCE: &str = "fathom-server";

/// Where an agent asks the server for a certificate.
pub const ENROL: &str = "/v1/enrol";

/// Where the server speaks with an agent: one WebSocket for each conversation.
pub const CONVERSE: &str = "/v1/converse";

/// The port of an agent, in its pod only.
pub const AGENT_PORT: u16 = 8447;

/// What an agent's pod is labelled.
pub const AGENT_LABEL: &str = "app.kubernetes.io/name=fathom-node-agent";

/// Longest name of a node that a certificate can carry: a DNS name ends after 253 characters.
const LONGEST: usize = 253 - ".agent.fathom.dev".len();

/// The name in the certificate of the agent on `node`, if it fits into one.
pub fn agent(node: &str) -> Option<String> {
    let fits =
        !node.is_empty() && node.len() <= LONGEST && node.split('.').all(|label| (1..=63).contains(&label.len()));
    fits.then(|| format!("{node}.agent.fathom.dev"))
}

/// What an agent asks; its token travels as a bearer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Enrolment {
    /// The node that it runs on.
    pub node: String,
    /// A certificate signing request, PEM. Only its key is used.
    pub request: String,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Enrolled {
    /// The certificate, PEM.
    pub certificate: String,
    /// Seconds that it is good for.
    pub life: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_a_name_in_certificates_if_one_can_carry_it() {
        assert_eq!(agent("worker-3").as_deref(), Some("worker-3.agent.fathom.dev"));
        assert_eq!(agent("ip-10-0-0-1.example.com").as_deref(), Some("ip-10-0-0-1.example.com.agent.fathom.dev"));
        for bad in ["", "a..b", &"x".repeat(64), &vec!["abcdefghi"; 25].join(".")] {
            assert_eq!(agent(bad), None, "{bad}");
        }
    }
}
