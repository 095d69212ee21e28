//! What client and supervisor, and supervisor and init, say to each other: whole messages over SEQPACKET sockets,
//! the first byte says which. Terminal bytes travel as they are, everything rare as JSON.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fathom_model::{Ending, Failure};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};

/// The longest message: what one read of a terminal gives, and any JSON.
pub const LONGEST: usize = 64 * 1024;

/// Any message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Bytes for the command's terminal.
    Input(Vec<u8>),
    /// Bytes from the command's terminal, or of its output while it is detached.
    Output(Vec<u8>),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// Send this signal to the command.
    Signal(i32),
    /// The client goes, the session stays.
    Detach,
    /// End the session.
    Kill,
    /// The command runs.
    Started,
    /// The command has ended.
    Ended(Ending),
    /// It never ran.
    Failed(Failure),
    /// Something the user should read.
    Notice(String),
    /// Release what is held.
    Release,
}

impl Message {
    /// The message as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let with = |tag: u8, rest: &[u8]| [&[tag], rest].concat();
        let json = |tag: u8, value: Vec<u8>| with(tag, &value);
        match self {
            Message::Input(bytes) => with(b'i', bytes),
            Message::Output(bytes) => with(b'o', bytes),
            Message::Resize(columns, rows) => with(b'r', &[columns.to_le_bytes(), rows.to_le_bytes()].concat()),
            Message::Signal(number) => with(b's', &number.to_le_bytes()),
            Message::Detach => vec![b'd'],
            Message::Kill => vec![b'k'],
            Message::Started => vec![b'+'],
            Message::Release => vec![b'l'],
            Message::Ended(ending) => json(b'x', serde_json::to_vec(ending).expect("plain data")),
            Message::Failed(failure) => json(b'f', serde_json::to_vec(failure).expect("plain data")),
            Message::Notice(text) => with(b'n', text.as_bytes()),
        }
    }

    /// The message in `bytes`; `None` for what no version of ours sends.
    pub fn decode(bytes: &[u8]) -> Option<Message> {
        let (tag, rest) = bytes.split_first()?;
        Some(match tag {
            b'i' => Message::Input(rest.to_vec()),
            b'o' => Message::Output(rest.to_vec()),
            b'r' => {
                let (columns, rows) = (rest.get(..2)?, rest.get(2..4)?);
                Message::Resize(u16::from_le_bytes(columns.try_into().ok()?), u16::from_le_bytes(rows.try_into().ok()?))
            }
            b's' => Message::Signal(i32::from_le_bytes(rest.get(..4)?.try_into().ok()?)),
            b'd' => Message::Detach,
            b'k' => Message::Kill,
            b'+' => Message::Started,
            b'l' => Message::Release,
            b'x' => Message::Ended(serde_json::from_slice(rest).ok()?),
            b'f' => Message::Failed(serde_json::from_slice(rest).ok()?),
            b'n' => Message::Notice(String::from_utf8_lossy(rest).into_owned()),
            _ => return None,
        })
    }
}

/// What came in.
#[derive(Debug)]
pub enum Received {
    /// A message.
    Message(Message),
    /// The other side is gone.
    Gone,
    /// Nothing yet.
    Nothing,
}

/// Sends one message. A full queue waits; a peer that is gone is an error and never a signal.
pub fn send(socket: impl AsFd, message: &Message) -> rustix::io::Result<()> {
    rustix::io::retry_on_intr(|| rustix::net::send(&socket, &message.encode(), SendFlags::NOSIGNAL)).map(drop)
}

/// Receives one message without waiting.
pub fn receive(socket: impl AsFd) -> rustix::io::Result<Received> {
    let mut buffer = vec![0u8; LONGEST];
    match rustix::net::recv(socket, buffer.as_mut_slice(), RecvFlags::DONTWAIT) {
        Ok((0, _)) => Ok(Received::Gone),
        Ok((count, _)) => Ok(Message::decode(&buffer[..count]).map_or(Received::Nothing, Received::Message)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(Received::Nothing),
        Err(rustix::io::Errno::CONNRESET | rustix::io::Errno::PIPE) => Ok(Received::Gone),
        Err(error) => Err(error),
    }
}

/// How many descriptors one message may carry.
const MOST_FDS: usize = 24;

/// Sends `bytes` with descriptors.
pub fn send_fds(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> rustix::io::Result<()> {
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(fds));
    rustix::net::sendmsg(socket, &[std::io::IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL).map(drop)
}

/// Receives bytes with descriptors, waiting for them.
pub fn receive_fds(socket: impl AsFd) -> rustix::io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = vec![0u8; LONGEST];
    let mut slices = [std::io::IoSliceMut::new(&mut bytes)];
    let received = rustix::net::recvmsg(socket, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    bytes.truncate(received.bytes);
    Ok((bytes, fds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;
    use proptest::prelude::*;

    #[test]
    fn every_message_survives_the_way() {
        for message in [
            Message::Input(b"ls\n".to_vec()),
            Message::Output(vec![0, 255]),
            Message::Resize(101, 33),
            Message::Signal(15),
            Message::Detach,
            Message::Kill,
            Message::Started,
            Message::Release,
            Message::Ended(Ending::Killed(9)),
            Message::Failed(Failure::new(Class::Denied, "no").hinting("yes")),
            Message::Notice("hello".into()),
        ] {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            Message::decode(&bytes);
        }
    }
}
