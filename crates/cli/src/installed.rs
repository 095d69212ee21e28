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
pub(crate) async fn way(cluster: &Cluster, flags: &words::Agent) -> Result<Way, Failure> {
    if flags.agentless {
        return Ok(Way::Exec);
    }
    let presence = cluster.server().await;
    match presence {
        Ok(Presence::Served) => Ok(Way::Server),
        Ok(Presence::Silent(why)) if flags.installed => Err(Failure {
            cause: Some(why),
            ..Failure::new(Class::System, "the server of the cluster does not answer")
        }
        .hinting("try again when its pod runs; --agentless goes past it, with your own rights")),
        Ok(Presence::Absent) if flags.installed => {
            Err(Failure::new(Class::Unsupported, "the cluster has no server of ours, or you may not know of it")
                .hinting("`fathom install | kubectl apply -f -` installs one; --agentless needs none"))
        }
        Err(failure) if flags.installed => Err(failure),
        Ok(Presence::Silent(why)) => {
            printer::notice(&format!("the server of the cluster does not answer: {why}"));
            printer::notice("going past it, with your own rights, and not by those that it asks for");
            printer::hint("--installed never goes past it; --agentless always does, and does not ask for it");
            Ok(Way::Exec)
        }
        // What else is asked of the cluster says what is wrong with it.
        Ok(Presence::Absent) | Err(_) => Ok(Way::Exec),
    }
}
