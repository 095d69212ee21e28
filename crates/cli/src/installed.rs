//! Whether a cluster's server is gone through: if there is one, unless words settle it. What it denies is denied.

use fathom_cluster::{Cluster, Presence};
use fathom_model::{Class, Failure};

use crate::printer;
use crate::words;

/// How an agent is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Through the server, by the rights that it asks for.
    Server,
    /// Past it, by an exec into an agent's pod.
    Exec,
}

/// Chooses it.
pub(crate) async fn way(cluster: &Cluster, flags: &words::Cluster) -> Result<Way, Failure> {
    if flags.agentless {
        return Ok(Way::Exec);
    }
    let presence = cluster.server().await;
    match presence {
        Ok(Presence::Served) => Ok(Way::Server),
        Ok(Presence::Silent) if flags.installed => {
            Err(Failure::new(Class::System, "the server of the cluster does not answer")
                .hinting("`kubectl describe apiservice v1alpha1.fathom.dev` says why; --agentless goes past it"))
        }
        Ok(Presence::Absent) if flags.installed => {
            Err(Failure::new(Class::Unsupported, "the cluster has no server of ours, or you may not know of it")
                .hinting("`fathom install | kubectl apply -f -` installs one; --agentless needs none"))
        }
        Err(failure) if flags.installed => Err(failure),
        Ok(Presence::Silent) => {
            printer::notice("the server of the cluster does not answer; going past it, with your own rights");
            Ok(Way::Exec)
        }
        // What else is asked of the cluster says what is wrong with it.
        Ok(Presence::Absent) | Err(_) => Ok(Way::Exec),
    }
}
