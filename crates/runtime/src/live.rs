//! Asks every engine that listens, all at the same time, and waits for none of them longer than the patience.
//!
//! The only async code of this crate: one thread, one tokio runtime that has ended before [`ask`] returns.

mod command;
mod containerd;
mod cri;
mod detail;
mod docker;
mod exchange;
mod grpc;

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use fathom_model::{Container, State};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::places::{Origin, Places, Socket, Speech};
use crate::{Listing, Missing};
pub(crate) use command::command;
pub(crate) use detail::detail;
use exchange::Failure;

/// Ids whose process is known already, so that nobody need be asked for it.
type Known = Arc<HashSet<String>>;

/// What one engine said.
#[derive(Default)]
struct Answer {
    containers: Vec<Container>,
    garbled: Option<Failure>,
}

pub(crate) fn ask(places: &Places, read: &Listing, patience: Duration) -> Listing {
    let mut listing = Listing::default();
    let sockets = places.sockets();
    if sockets.is_empty() {
        return listing;
    }
    let with_pid = read.containers.iter().filter(|container| container.pid.is_some());
    let known: Known = Arc::new(with_pid.map(|container| container.id.clone()).collect());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(ask_all(sockets, known, patience, &mut listing)),
        Err(error) => {
            // Without epoll nobody can be asked; each is told of, since each may have known something.
            for socket in sockets {
                let source = io::Error::new(error.kind(), error.to_string());
                listing.miss(Missing::Unreachable { socket: socket.path, source });
            }
        }
    }
    listing
}

async fn ask_all(sockets: Vec<Socket>, known: Known, patience: Duration, listing: &mut Listing) {
    let deadline = Instant::now() + patience;
    let mut questions = JoinSet::new();
    for (place, socket) in sockets.iter().cloned().enumerate() {
        let known = Arc::clone(&known);
        questions.spawn(async move { (place, ask_one(&socket, known, deadline).await) });
    }
    let mut answers = Vec::new();
    while let Some(answer) = questions.join_next().await {
        answers.extend(answer);
    }
    // In the order of the sockets, so that a listing is the same every time.
    answers.sort_by_key(|(place, _)| *place);
    for (place, answer) in answers {
        let socket = &sockets[place];
        match answer {
            Ok(Answer { containers, garbled }) => {
                containers.into_iter().for_each(|container| {
                    listing.add(container);
                });
                listing.missing.extend(garbled.and_then(|failure| missing(socket, failure, patience)));
            }
            Err(failure) => listing.missing.extend(missing(socket, failure, patience)),
        }
    }
}

async fn ask_one(socket: &Socket, known: Known, deadline: Instant) -> Result<Answer, Failure> {
    if socket.speech == Speech::Docker {
        return docker::list(&socket.path, known, deadline).await;
    }
    // The same socket may be containerd's, with namespaces that CRI does not show.
    let path = socket.path.clone();
    let others = tokio::spawn(async move { containerd::list(&path, deadline).await });
    let listed = match cri::list(&socket.path, &known, deadline).await {
        // Docker's packages switch the plugin off; there is nothing to miss then.
        Err(Failure::Unimplemented) if socket.origin == Origin::Usual => Ok(Answer::default()),
        listed => listed,
    };
    let others = others.await.unwrap_or_else(|error| Err(Failure::Broken(error.into())));
    match (listed, others) {
        (Ok(mut answer), Ok(others)) => {
            answer.containers.extend(others);
            Ok(answer)
        }
        (Ok(answer), Err(Failure::Unimplemented)) => Ok(answer),
        (Ok(answer), Err(failure)) => Ok(Answer { garbled: Some(failure), ..answer }),
        (Err(failure), Ok(containers)) => Ok(Answer { containers, garbled: Some(failure) }),
        (Err(failure), Err(_)) => Err(failure),
    }
}

/// What a failure leaves unsaid; nothing when a usual socket has just gone with its engine.
fn missing(socket: &Socket, failure: Failure, patience: Duration) -> Option<Missing> {
    let path = socket.path.clone();
    match failure {
        Failure::Unreachable(error) if error.kind() == io::ErrorKind::NotFound && socket.origin == Origin::Usual => {
            None
        }
        Failure::Unreachable(source) => Some(Missing::Unreachable { socket: path, source }),
        Failure::Silent => Some(Missing::Silent { socket: path, patience }),
        failure => Some(Missing::Strange { socket: path, source: Box::new(failure) }),
    }
}

/// Waits for the rest of an answer; what comes too late is not worth more than what is there already.
async fn within<T>(deadline: Instant, answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout_at(deadline, answer).await.unwrap_or(Err(Failure::Silent))
}

/// Whether it is worth asking for this container's process.
fn lacks_pid(container: &Container, known: &HashSet<String>) -> bool {
    matches!(container.state, State::Running | State::Paused) && !known.contains(&container.id)
}
