//! The command's three pipes, seen from a relay.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use fathom_enter::client::Pipes;
use fathom_protocol::frame::Stream;
use rustix::io::Errno;

use super::peer::Client;

/// A pipe with the stream that its bytes are of.
pub(super) type Output = (File, Stream);

/// What moves between a client and a session.
pub(super) struct Streams {
    /// The command's stdin, until it or the client ends it.
    pub(super) input: Option<OwnedFd>,
    /// What it writes to, as long as anybody holds them.
    pub(super) outputs: Vec<Output>,
    /// Bytes for the command, until it reads them.
    pub(super) waiting: Vec<u8>,
    /// The client has ended its stdin.
    pub(super) input_ended: bool,
}

impl Streams {
    pub(super) fn of(pipes: Option<Pipes>) -> io::Result<Self> {
        let (mut input, mut outputs): (_, Vec<Output>) = (None, Vec::new());
        if let Some(pipes) = pipes {
            for fd in [&pipes.input, &pipes.output, &pipes.errors] {
                rustix::io::ioctl_fionbio(fd, true)?;
            }
            input = Some(pipes.input);
            outputs.push((pipes.output.into(), Stream::Output));
            outputs.push((pipes.errors.into(), Stream::Errors));
        }
        Ok(Streams { input, outputs, waiting: Vec::new(), input_ended: false })
    }

    /// Gives the command what it takes; closes its stdin when there will be no more. Says how much is dealt with.
    pub(super) fn feed(&mut self) -> usize {
        let before = self.waiting.len();
        if let Some(input) = self.input.as_ref().filter(|_| before > 0) {
            match rustix::io::write(input, &self.waiting) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                // It reads no more.
                Err(_) => self.input = None,
            }
        }
        if self.input.is_none() {
            self.waiting.clear();
        }
        if self.input_ended && self.waiting.is_empty() {
            self.input = None;
        }
        before - self.waiting.len()
    }

    /// Takes what an output has, if the client has room for it; forgets it when it ends.
    pub(super) fn drain(&mut self, index: usize, client: &mut Client) {
        let (file, stream) = &self.outputs[index];
        if client.allowance.left() == 0 {
            return;
        }
        match client.forward(file, *stream) {
            Ok(0) => drop(self.outputs.remove(index)),
            Ok(_) => {}
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => drop(self.outputs.remove(index)),
        }
    }
}
