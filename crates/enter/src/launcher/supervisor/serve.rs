//! The supervisor's loop: one event at a time, from a closed list.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use fathom_host::sys;
use fathom_model::{Class, Ending, Failure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::WaitOptions;

use super::clients::Clients;
use super::{Event, Supervisor, closing};
use crate::launcher::terminal;
use crate::options::Attachment;
use crate::plan::Plan;
use crate::wire::{self, Message, Received};

/// How a session stands.
#[derive(Debug, Default)]
struct Progress {
    /// How the command ended, once it has.
    ending: Option<Message>,
    /// The client knows.
    told: bool,
    /// Init has been collected.
    init_gone: bool,
    /// Nobody needs to be there any more.
    detached: bool,
    /// Input that the terminal has not taken yet.
    input: Vec<u8>,
    /// We have asked init to end everything.
    killing: Option<Instant>,
}

impl Supervisor {
    /// Serves the session until it is over, then clears up.
    pub(super) fn serve(mut self, plan: &Plan, mut clients: Clients) {
        let mut progress = Progress { detached: plan.attachment == Attachment::Detached, ..Progress::default() };
        while !self.is_over(&progress) {
            for event in self.wait(&clients, &progress) {
                self.handle(event, &mut clients, &mut progress);
            }
        }
        closing::close(self, plan, clients, progress.ending.filter(|_| !progress.told));
    }

    fn is_over(&self, progress: &Progress) -> bool {
        progress.init_gone && self.terminal.is_none() && self.outputs.is_empty()
    }

    fn wait(&self, clients: &Clients, progress: &Progress) -> Vec<Event> {
        let mut sources: Vec<(BorrowedFd<'_>, PollFlags)> =
            vec![(self.socket.as_fd(), PollFlags::IN), (self.signals.as_fd(), PollFlags::IN)];
        if progress.init_gone {
            // Its socket stays readable for ever once it is closed.
            sources[0].1 = PollFlags::empty();
        }
        let reads_output = if clients.is_congested() { PollFlags::empty() } else { PollFlags::IN };
        let writes_input = if progress.input.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        let outputs = self.terminal.iter().map(|fd| (fd.as_fd(), reads_output | writes_input));
        sources.extend(outputs.chain(self.outputs.iter().map(|fd| (fd.as_fd(), reads_output))));
        let first_client = sources.len();
        let reads_clients = if progress.input.len() > wire::LONGEST { PollFlags::empty() } else { PollFlags::IN };
        sources.extend(
            clients
                .sockets()
                .map(|(fd, waits)| (fd, if waits { reads_clients | PollFlags::OUT } else { reads_clients })),
        );
        let knock = sources.len();
        sources.extend(clients.listener().map(|fd| (fd, PollFlags::IN)));
        let mut fds: Vec<PollFd<'_>> =
            sources.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
        let _ = poll(&mut fds, self.patience(progress).as_ref());

        let mut events = Vec::new();
        for (index, fd) in fds.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty()) {
            events.push(match index {
                0 => Event::Init(wire::receive(&self.socket).unwrap_or(Received::Gone)),
                1 => match sys::read_signal(&self.signals) {
                    Ok(Some(libc::SIGCHLD)) => Event::Child,
                    Ok(Some(libc::SIGTERM | libc::SIGINT)) => Event::Asked,
                    _ => continue,
                },
                _ if index < first_client => Event::Output(index - 2),
                _ if index < knock && fd.revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) => {
                    Event::Client(index - first_client, clients.receive(index - first_client))
                }
                _ if index < knock => Event::Client(index - first_client, Received::Nothing),
                _ => Event::Knock,
            });
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            events.push(Event::Deadline);
        }
        // A client that leaves shifts the ones behind it: the last one goes first.
        events.sort_by_key(|event| if let Event::Client(index, _) = event { usize::MAX - index } else { 0 });
        events
    }

    /// How long nothing may happen: to the deadline, or to the moment when init has had long enough to end.
    fn patience(&self, progress: &Progress) -> Option<Timespec> {
        let grace = progress.killing.map(|since| since + closing::GRACE);
        let until = [self.deadline, grace].into_iter().flatten().min()?;
        let left = until.saturating_duration_since(Instant::now());
        Some(Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() })
    }

    fn handle(&mut self, event: Event, clients: &mut Clients, progress: &mut Progress) {
        match event {
            Event::Init(Received::Message(Message::Started)) => clients.queue(&Message::Started),
            Event::Init(Received::Message(message @ (Message::Ended(_) | Message::Failed(_)))) => {
                self.note_ending(message, clients, progress)
            }
            Event::Init(Received::Gone) => self.reap(progress),
            Event::Init(_) => {}
            Event::Child => self.reap(progress),
            Event::Asked => self.kill(progress),
            Event::Deadline => {
                self.deadline = None;
                clients.queue(&Message::Notice("the session's time is up".to_owned()));
                self.kill(progress);
            }
            Event::Output(index) => self.carry(index, clients, progress),
            Event::Knock => clients.admit(),
            Event::Client(index, said) => self.hear(index, said, clients, progress),
        }
        clients.flush();
        if !progress.input.is_empty() {
            self.feed(progress);
        }
        if progress.killing.is_some_and(|since| since.elapsed() >= closing::GRACE) && !progress.init_gone {
            progress.killing = Some(Instant::now());
            closing::force(self);
        }
    }

    /// The first ending counts. Without a terminal the client hears it at once; with one, after the last output.
    fn note_ending(&mut self, message: Message, clients: &mut Clients, progress: &mut Progress) {
        if progress.ending.is_some() {
            return;
        }
        if self.terminal.is_none() && self.outputs.is_empty() {
            clients.tell(&message);
            progress.told = true;
        }
        progress.ending = Some(message);
    }

    fn reap(&mut self, progress: &mut Progress) {
        // Words that init sent before it ended are still in its socket.
        while let Ok(Received::Message(message)) = wire::receive(&self.socket) {
            if matches!(message, Message::Ended(_) | Message::Failed(_)) && progress.ending.is_none() {
                progress.ending = Some(message);
            }
        }
        if let Ok(Some((_, status))) = rustix::process::waitpid(Some(self.init), WaitOptions::NOHANG) {
            progress.init_gone = true;
            if status.terminating_signal().is_some() && progress.ending.is_none() {
                progress.ending = Some(Message::Ended(Ending::Killed(libc::SIGKILL)));
            }
            if progress.ending.is_none() {
                progress.ending =
                    Some(Message::Failed(Failure::new(Class::System, "the session's init ended without a word")));
            }
            // Nobody is left to close the other end but what init could not kill.
            closing::force(self);
        }
    }

    fn kill(&mut self, progress: &mut Progress) {
        progress.killing.get_or_insert_with(Instant::now);
        let _ = wire::send(&self.socket, &Message::Kill);
    }

    /// Bytes from the terminal (or an output) to whoever is attached.
    fn carry(&mut self, index: usize, clients: &mut Clients, progress: &mut Progress) {
        let own = usize::from(self.terminal.is_some());
        let Some(fd) = self.terminal.iter().chain(&self.outputs).nth(index) else { return };
        let mut buffer = [0u8; 32 * 1024];
        match rustix::io::read(fd, &mut buffer) {
            Ok(count) if count > 0 => {
                if let Some(recording) = &mut self.recording {
                    recording.output(&buffer[..count]);
                }
                clients.output(&buffer[..count]);
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => self.feed(progress),
            // EIO: the last process on the terminal is gone.
            _ if index < own => self.terminal = None,
            _ => drop(self.outputs.remove(index - own)),
        }
    }

    fn hear(&mut self, index: usize, said: Received, clients: &mut Clients, progress: &mut Progress) {
        match said {
            Received::Message(Message::Input(bytes)) => progress.input.extend(bytes),
            Received::Message(Message::Resize(columns, rows)) => {
                if let Some(master) = &self.terminal {
                    let _ = terminal::resize(master, columns, rows);
                    if let Some(recording) = &mut self.recording {
                        recording.resize(columns, rows);
                    }
                }
            }
            Received::Message(message @ (Message::Signal(_) | Message::Release)) => {
                let _ = wire::send(&self.socket, &message);
            }
            Received::Message(Message::Kill) => self.kill(progress),
            Received::Message(Message::Detach) => {
                // Whoever only came by does not decide that the session may be alone.
                progress.detached |= index == 0 || clients.is_alone();
                clients.dismiss(index);
            }
            Received::Gone => {
                clients.dismiss(index);
                if clients.is_empty() && !progress.detached {
                    self.kill(progress);
                }
            }
            Received::Message(_) | Received::Nothing => {}
        }
    }

    fn feed(&mut self, progress: &mut Progress) {
        let Some(master) = &self.terminal else {
            progress.input.clear();
            return;
        };
        match rustix::io::write(master, &progress.input) {
            Ok(count) => drop(progress.input.drain(..count)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(_) => progress.input.clear(),
        }
    }
}
