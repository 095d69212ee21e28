//! The same through the server of a cluster: everybody's own sessions, and nobody else's.

use std::io::IsTerminal as _;

use fathom_protocol::api::{Phase, Session};
use fathom_protocol::{Input, Seen};

use super::{open, show, status};
use crate::conversation::{self, Last, Manner};
use crate::output::sessions::Placed;
use crate::words::{Sessions, SessionsAction};
use crate::{kubernetes, printer};

pub(super) fn run(words: &Sessions) -> anyhow::Result<i32> {
    match &words.action {
        None | Some(SessionsAction::List) => {
            let sessions = kubernetes::block_on(async { open(words).await?.sessions().await })?;
            let placed: Vec<Placed> = sessions.iter().map(placed).collect();
            show(&placed, words.output)?;
            Ok(0)
        }
        Some(SessionsAction::Attach { id }) => {
            let terminal = std::io::stdin().is_terminal();
            let manner = Manner { terminal, input: if terminal { Input::Forwarded } else { Input::Closed } };
            let last: Last = kubernetes::block_on(async {
                let (speaker, listener) = open(words).await?.attach(id).await?;
                conversation::carry(manner, speaker, listener).await
            })?;
            Ok(status(last))
        }
        Some(SessionsAction::Kill { id }) => {
            kubernetes::block_on(async { open(words).await?.kill(id).await })?;
            Ok(0)
        }
        Some(SessionsAction::Release { id }) => {
            kubernetes::block_on(async { open(words).await?.release(id).await })?;
            Ok(0)
        }
        Some(SessionsAction::Cleanup) => {
            printer::notice("the agents of an installation stay, and clear up by themselves");
            Ok(0)
        }
    }
}

/// A session as the columns know it. What only its node knows is left out.
fn placed(session: &Session) -> Placed {
    let seen = Seen {
        version: Seen::VERSION,
        id: session.metadata.name.clone(),
        target: session.spec.target.clone(),
        command: session.spec.command.clone(),
        profile: session.spec.profile.clone(),
        owner: 0,
        started: fathom_cluster::installed::since(&session.metadata.creation_timestamp),
        supervisor: 0,
        detached: session.status.phase == Phase::Detached,
        terminal: session.spec.terminal,
        grant: None,
    };
    Placed { node: Some(session.spec.node.clone()), seen }
}
