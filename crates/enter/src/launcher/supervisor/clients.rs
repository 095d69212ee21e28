//! Who is attached to a session: the client that started it, and later ones that found its socket.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use crate::wire::{self, Message};

/// Output that is kept for a client that attaches later.
const KEPT: usize = 64 * 1024;

/// The attached clients.
#[derive(Debug)]
pub(super) struct Clients {
    attached: Vec<Client>,
    listener: Option<OwnedFd>,
    /// The last of the output, for who attaches.
    kept: Vec<u8>,
}

#[derive(Debug)]
struct Client {
    socket: OwnedFd,
    /// What did not fit into its socket yet.
    waiting: Option<Vec<u8>>,
}

impl Clients {
    pub(super) fn new(first: OwnedFd) -> Self {
        Clients { attached: vec![Client { socket: first, waiting: None }], listener: None, kept: Vec::new() }
    }

    /// Lets clients attach at `path`. A session goes on without, if it must.
    pub(super) fn listen(&mut self, path: &Path) {
        let listen = || -> rustix::io::Result<OwnedFd> {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
            rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
            rustix::net::listen(&socket, 8)?;
            Ok(socket)
        };
        self.listener = listen().ok();
    }

    /// What init must not have.
    pub(super) fn close_all(&mut self) {
        self.attached.clear();
        self.listener = None;
    }

    pub(super) fn listener(&self) -> Option<BorrowedFd<'_>> {
        self.listener.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn sockets(&self) -> impl Iterator<Item = (BorrowedFd<'_>, bool)> {
        self.attached.iter().map(|client| (client.socket.as_fd(), client.waiting.is_some()))
    }

    pub(super) fn is_alone(&self) -> bool {
        self.attached.len() == 1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.attached.is_empty()
    }

    /// Whether somebody has not taken the last output yet: then no more is read.
    pub(super) fn is_congested(&self) -> bool {
        self.attached.iter().any(|client| client.waiting.is_some())
    }

    /// Whether one more message was taken from whoever knocked.
    pub(super) fn admit(&mut self) {
        let Some(socket) =
            self.listener.as_ref().and_then(|listener| rustix::net::accept_with(listener, SocketFlags::CLOEXEC).ok())
        else {
            return;
        };
        let waiting = (!self.kept.is_empty()).then(|| Message::Output(self.kept.clone()).encode());
        self.attached.push(Client { socket, waiting });
        self.flush();
    }

    pub(super) fn receive(&self, index: usize) -> wire::Received {
        self.attached
            .get(index)
            .map_or(wire::Received::Nothing, |client| wire::receive(&client.socket).unwrap_or(wire::Received::Gone))
    }

    pub(super) fn dismiss(&mut self, index: usize) {
        if index < self.attached.len() {
            self.attached.swap_remove(index);
        }
    }

    /// Bytes of the command's for everybody, and for who comes later.
    pub(super) fn output(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
        if self.kept.len() > KEPT {
            // In large steps, so that the cost per byte stays small.
            self.kept.drain(..self.kept.len() - KEPT / 2);
        }
        self.queue(&Message::Output(bytes.to_vec()));
    }

    /// A message for everybody, now or when there is room.
    pub(super) fn queue(&mut self, message: &Message) {
        let bytes = message.encode();
        for client in &mut self.attached {
            // The caller reads no output while anybody is congested, so at most one message ever waits but for
            // rare ones, which go at the end of it.
            match client.waiting {
                Some(_) => drop(wire::send(&client.socket, message)),
                None => client.waiting = Some(bytes.clone()),
            }
        }
        self.flush();
    }

    /// Sends what waits, as far as there is room.
    pub(super) fn flush(&mut self) {
        self.attached.retain_mut(|client| {
            let Some(bytes) = &client.waiting else { return true };
            match rustix::net::send(&client.socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(_) => client.waiting = None,
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => {}
                // It is gone; that its socket closes is seen as an event.
                Err(_) => client.waiting = None,
            }
            true
        });
    }

    /// The last words: waits until they are taken, or the client is gone.
    pub(super) fn tell(&mut self, message: &Message) {
        for client in &mut self.attached {
            if let Some(bytes) = client.waiting.take() {
                let _ = rustix::net::send(&client.socket, &bytes, SendFlags::NOSIGNAL);
            }
            let _ = wire::send(&client.socket, message);
        }
    }
}
