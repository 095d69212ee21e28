//! An archive that a client sends, for this node's store: from where an earlier try ended, checked by its digest.

use std::time::Duration;

use fathom_model::{Class, Failure};
use fathom_protocol::frame::BEAT;
use fathom_protocol::{Frame, Word};
use fathom_toolkit::{Digest, Entry, Limits};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::peer::Client;
use crate::{Listener as _, Node, tools};

/// Takes the archive in, unless it is here, and answers with the image's digest.
pub(super) fn take(node: &Node, digest: &str, size: u64, client: &mut Client) -> Result<(), Failure> {
    let digest: Digest =
        digest.parse().map_err(|error: fathom_toolkit::NotADigest| Failure::new(Class::Usage, error.to_string()))?;
    let entry = match node.store.arrived(digest) {
        Some(entry) => entry,
        None => receive(node, digest, size, client)?,
    };
    let answer = serde_json::to_string(&entry.digest).expect("a digest is plain data");
    client.say(Word::Answer(answer));
    Ok(())
}

fn receive(node: &Node, digest: Digest, size: u64, client: &mut Client) -> Result<Entry, Failure> {
    let mut waits = false;
    let mut arrival = loop {
        if let Some(arrival) = node.store.arrival(digest).map_err(tools::failure)? {
            break arrival;
        }
        if !std::mem::replace(&mut waits, true) {
            client.notice("waiting for another client that sends the same archive");
        }
        if !client.is_there_after(Duration::from_millis(200)) {
            return Err(stopped());
        }
    };
    if let Some(entry) = node.store.arrived(digest) {
        return Ok(entry);
    }
    client.say(Word::Have(arrival.have()));
    while arrival.have() < size {
        match hear(client) {
            Some(Frame::Input(bytes)) if !bytes.is_empty() => {
                arrival.add(&bytes).map_err(tools::failure)?;
                client.pass(bytes.len());
                client.write();
            }
            Some(Frame::Input(_)) | None => return Err(stopped()),
            Some(_) => {}
        }
    }
    arrival.finish(&Limits::default(), &mut |progress| client.progress(&progress)).map_err(tools::failure)
}

fn stopped() -> Failure {
    Failure::new(Class::System, "the archive has not come to its end").hinting("send it again: what came is kept")
}

/// The next frame; none when the client is gone.
fn hear(client: &mut Client) -> Option<Frame> {
    loop {
        if let Some(frame) = client.next() {
            return Some(frame);
        }
        if !client.is_there_after(BEAT) {
            return None;
        }
    }
}

impl Client {
    /// Waits until something comes, `patience` at most. Says whether the client is still there.
    fn is_there_after(&mut self, patience: Duration) -> bool {
        let patience = Timespec::try_from(patience).expect("a short time fits");
        let _ = poll(&mut [PollFd::new(&self.from, PollFlags::IN)], Some(&patience));
        self.read();
        self.write();
        !self.is_gone()
    }
}
