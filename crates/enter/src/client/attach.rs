//! Back into a session that goes on without a client, and the end of one.

use std::os::fd::OwnedFd;

use fathom_model::{Class, Failure};
use fathom_protocol::Input;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::relay::{self, Outcome};
use super::{Line, screen};
use crate::failure::refused;
use crate::session::Registry;
use crate::wire::{self, Message};

/// Attaches to session `id` until it ends or is left.
pub fn attach(registry: &Registry, id: &str, input: Input, notice: &mut dyn FnMut(&str)) -> Result<Outcome, Failure> {
    let control = connect(registry, id)?;
    let (columns, rows) = screen::size(std::io::stdout());
    if (columns, rows) != (0, 0) {
        let _ = wire::send(&control, &Message::Resize(columns, rows));
    }
    let lost = || Failure::new(Class::System, format!("session {id} ended without a word"));
    relay::with_terminal(&control, input, notice)?.ok_or_else(lost)
}

/// An open line to session `id`.
pub fn line(registry: &Registry, id: &str) -> Result<Line, Failure> {
    let control = connect(registry, id)?;
    let has_terminal = registry.state(id).is_ok_and(|state| state.seen.terminal);
    Ok(Line { id: id.to_owned(), control, pipes: None, has_terminal })
}

/// Ends session `id`; returns when it is gone.
pub fn kill(registry: &Registry, id: &str) -> Result<(), Failure> {
    let control = connect(registry, id)?;
    wire::send(&control, &Message::Kill).map_err(|error| refused(format!("end session {id}"), error))?;
    loop {
        relay::wait_readable(&control);
        match wire::receive(&control) {
            Ok(wire::Received::Gone) | Err(_) => return Ok(()),
            Ok(_) => {}
        }
    }
}

/// Lets the target that session `id` holds go on; the session stays.
pub fn release(registry: &Registry, id: &str) -> Result<(), Failure> {
    let control = connect(registry, id)?;
    for message in [Message::Release, Message::Detach] {
        wire::send(&control, &message).map_err(|error| refused(format!("release what session {id} holds"), error))?;
    }
    // Its end means that both were heard.
    relay::wait_readable(&control);
    Ok(())
}

fn connect(registry: &Registry, id: &str) -> Result<OwnedFd, Failure> {
    let connect = || -> rustix::io::Result<OwnedFd> {
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(registry.folder(id).join("socket"))?)?;
        Ok(socket)
    };
    connect().map_err(|error| match error {
        rustix::io::Errno::NOENT | rustix::io::Errno::CONNREFUSED => {
            Failure::new(Class::NotFound, format!("there is no session `{id}`")).hinting("`fathom sessions` lists them")
        }
        error => refused(format!("reach session {id}"), error),
    })
}
