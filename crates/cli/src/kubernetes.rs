//! From kubectl's common flags to a cluster and an agent in it.

use std::future::Future;
use std::time::Duration;

use fathom_cluster::{Access, AgentOptions};
use fathom_model::Failure;

use crate::words::{Agent, Cluster, Reach};

/// An agent outlives no session that nobody has ended for so long.
const DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// How long an agent may take to start: a pull of its image is part of that.
const START: Duration = Duration::from_secs(120);

/// Runs what speaks with a cluster to its end.
pub(crate) fn block_on<T>(what: impl Future<Output = Result<T, Failure>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(what);
    // A read of stdin has no end.
    runtime.shutdown_background();
    Ok(result?)
}

pub(crate) fn access(flags: &Cluster) -> Access {
    access_in(flags.namespace.clone(), &flags.reach)
}

/// The same with a namespace that is known otherwise.
pub(crate) fn access_in(namespace: Option<String>, flags: &Reach) -> Access {
    Access {
        kubeconfig: flags.kubeconfig.clone(),
        context: flags.context.clone(),
        impersonate: flags.impersonate.clone(),
        groups: flags.groups.clone(),
        namespace,
        ..Access::default()
    }
}

pub(crate) fn agent(flags: &Agent, ttl: Option<Duration>) -> AgentOptions {
    AgentOptions {
        namespace: flags.agent_namespace.clone(),
        image: flags.agent_image.clone(),
        pull_secrets: flags.image_pull_secret.clone(),
        grace: flags.grace,
        deadline: DEADLINE.max(ttl.unwrap_or_default() + flags.grace * 2),
        patience: START,
    }
}
