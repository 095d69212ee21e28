//! One container from close by, as the engine says that made it.

use std::time::Duration;

use fathom_model::{Container, Detail, Engine};
use tokio::time::Instant;

use super::{cri, docker, within};
use crate::places::{Places, Speech};

/// What engines that listen say of `container`; nothing of what they do not know.
pub(crate) fn detail(places: &Places, container: &Container, patience: Duration) -> Detail {
    let speech = match container.engine {
        Engine::Docker | Engine::Podman => Speech::Docker,
        Engine::Containerd | Engine::CriO => Speech::Cri,
        _ => return Detail::default(),
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Detail::default();
    };
    runtime.block_on(async {
        let deadline = Instant::now() + patience;
        let mut known = Detail::default();
        for socket in places.sockets().into_iter().filter(|socket| socket.speech == speech) {
            let asked = async {
                match speech {
                    Speech::Docker => docker::detail(&socket.path, &container.id).await,
                    Speech::Cri => cri::detail::ask(&socket.path, container).await,
                }
            };
            // One that does not know it says so with an error.
            if let Ok(found) = within(deadline, asked).await {
                known.absorb(found);
            }
        }
        known
    })
}
