//! One part of the shop as the keeper sees it: its process, its words, when it is started again.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use super::journal::Journal;
use crate::error::{Error, Step as _};
use crate::place::Place;
use crate::record::{Identity, Record};
use crate::sandbox::{Part, Start, Workshop};

/// The wait before the first restart; doubled each time up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest wait before a restart.
const LONGEST: Duration = Duration::from_secs(4);
/// Who lived this long is no crash loop: the wait starts anew.
const HEALTHY: Duration = Duration::from_secs(10);

/// A part that the keeper keeps running.
#[derive(Debug)]
pub(super) struct Kept {
    part: Part,
    pid: Option<Pid>,
    born: Instant,
    due: Option<Instant>,
    wait: Duration,
    /// What `status` and other programs read; the customer has none.
    record: Option<Record>,
    /// Its stdout and stderr, over all its incarnations.
    words: OwnedFd,
    mouth: OwnedFd,
    journal: Journal,
}

impl Kept {
    pub(super) fn new(part: Part, place: &Place) -> Result<Kept, Error> {
        let (words, mouth) = pipe_with(PipeFlags::CLOEXEC).step("make a pipe")?;
        rustix::io::ioctl_fionbio(&words, true).step("make a pipe")?;
        let record = match part {
            Part::Sandbox(sandbox) => Some(Record::of(sandbox)),
            Part::Customer => None,
        };
        let journal = Journal::open(place.folder(), part.name()).step(format!("write the log of {}", part.name()))?;
        Ok(Kept { part, pid: None, born: Instant::now(), due: None, wait: SHORTEST, record, words, mouth, journal })
    }

    pub(super) fn part(&self) -> Part {
        self.part
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// When it is to be started again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn words(&self) -> &OwnedFd {
        &self.words
    }

    pub(super) fn begin(&self, workshop: &Workshop) -> Result<Start, Error> {
        workshop.begin(self.part, &self.mouth)
    }

    /// Its program runs as `pid`.
    pub(super) fn started(&mut self, pid: Pid, place: &Place) {
        self.pid = Some(pid);
        self.born = Instant::now();
        self.due = None;
        self.write_record(place, |record| {
            let number = pid.as_raw_nonzero().get().unsigned_abs();
            record.pid = Some(number);
            record.ticks = Identity::of(number).map(|identity| identity.ticks);
            record.started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok().map(|time| time.as_secs());
        });
    }

    /// Its process has ended, or could not be made.
    pub(super) fn ended(&mut self, ending: Option<i32>, place: &Place) {
        if self.pid.take().is_some() && self.born.elapsed() > HEALTHY {
            self.wait = SHORTEST;
        }
        self.due = Some(Instant::now() + self.wait);
        self.wait = (self.wait * 2).min(LONGEST);
        self.write_record(place, |record| {
            (record.pid, record.ticks, record.started) = (None, None, None);
            record.last_exit = ending.or(record.last_exit);
        });
    }

    pub(super) fn revive_if_due(&mut self, workshop: &Workshop) {
        if self.due.is_none_or(|due| due > Instant::now()) {
            return;
        }
        if let Some(record) = &mut self.record {
            record.restarts += 1;
        }
        match self.begin(workshop).and_then(Start::finish) {
            Ok(pid) => self.started(pid, &workshop.place),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                self.journal.write(format!("the keeper: {error}{cause}\n").as_bytes());
                self.ended(None, &workshop.place);
            }
        }
    }

    /// Writes down what it has said since, and returns it.
    pub(super) fn hear(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        let mut buffer = [0; 4096];
        // Not more than a pipe holds: whoever shouts must not keep the keeper from the others.
        while said.len() < 1 << 16 {
            match rustix::io::read(&self.words, &mut buffer) {
                Ok(count) if count > 0 => said.extend_from_slice(&buffer[..count]),
                _ => break,
            }
        }
        self.journal.write(&said);
        said
    }

    /// A full disk must not stop the shop: the record is as old as it is.
    fn write_record(&mut self, place: &Place, change: impl FnOnce(&mut Record)) {
        let written: Option<io::Result<()>> = self.record.as_mut().map(|record| {
            change(record);
            record.write(place)
        });
        if let Some(Err(error)) = written {
            self.journal.write(format!("the keeper: cannot write the state file: {error}\n").as_bytes());
        }
    }
}
