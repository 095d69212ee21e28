//! One agent per node for many conversations that begin at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fathom_model::Failure;
use fathom_protocol::Action;

use crate::{Agent, AgentOptions, Cluster, Listener, Speaker};

/// Agents of several nodes, each found or made once. What kept one from starting is said to all who need it.
pub struct Agents {
    cluster: Cluster,
    options: AgentOptions,
    nodes: Mutex<HashMap<String, Arc<Place>>>,
}

/// Whoever comes first finds or makes the agent, the others wait for that.
type Place = tokio::sync::Mutex<Option<Result<Agent, Failure>>>;

impl Agents {
    /// None is looked for yet.
    pub fn new(cluster: Cluster, options: AgentOptions) -> Self {
        Agents { cluster, options, nodes: Mutex::default() }
    }

    /// A conversation with the agent on `node`. An agent that goes just when we come is replaced, once for all.
    pub async fn reach(&self, node: &str, action: Action) -> Result<(Speaker, Listener), Failure> {
        let agent = self.agent(node, None).await?;
        if let Some(conversation) = self.cluster.try_converse(&agent, action.clone()).await? {
            return Ok(conversation);
        }
        let another = self.agent(node, Some(&agent)).await?;
        self.cluster.converse(&another, action).await
    }

    async fn agent(&self, node: &str, not: Option<&Agent>) -> Result<Agent, Failure> {
        let place = {
            let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
            nodes.entry(node.to_owned()).or_default().clone()
        };
        let mut known = place.lock().await;
        match &*known {
            Some(Ok(agent)) if Some(agent) != not => Ok(agent.clone()),
            Some(Err(failure)) => Err(failure.clone()),
            _ => {
                let agent = self.cluster.agent(node, &self.options, not).await;
                known.insert(agent).clone()
            }
        }
    }
}
