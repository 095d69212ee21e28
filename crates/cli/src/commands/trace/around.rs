//! What a view keeps beside what it shows: the recording is read once more, and what happened around its events goes into
//! a file of its own.

use std::io;
use std::path::{Path, PathBuf};

use fathom_model::{Class, Failure};
use fathom_trace::lines::{Accounts, Stopped, What};
use fathom_trace::recorder::{AfterError, Changes};
use fathom_trace::views::{Around, Needs};
use fathom_trace::{Format, Lines, format};

use super::views::Chosen;
use super::{failure, filter, open, recording};
use crate::words::Trace;

/// What a view keeps, and the recordings that it is of.
#[derive(Debug, Default)]
pub(super) struct Kept {
    all: Vec<(PathBuf, Vec<Around>)>,
}

/// What views cannot do of what is asked for, told before anything is read.
pub(super) fn check(words: &Trace, chosen: &[Chosen], filter: &str) -> Result<(), Failure> {
    for (row, taken) in chosen {
        if row.needs == Needs::Filter && filter.is_empty() {
            let message = format!("cannot show the view `{}`: there is no filter that says which events", row.name);
            return Err(Failure::new(Class::Usage, message).hinting(format!("{} FILTER", row.usage())));
        }
        if row.keeps(taken) && (words.files.is_empty() || words.files.iter().any(|file| file == Path::new("-"))) {
            let message = format!("cannot keep what happens around events of `{}`: it can only be read once", row.name);
            return Err(Failure::new(Class::Usage, message)
                .hinting("record it with -w FILE, and show the view of that: -r FILE"));
        }
    }
    Ok(())
}

impl Kept {
    /// What the views have noted of one recording.
    pub(super) fn note(&mut self, file: &Path, around: Vec<Around>) {
        if !around.is_empty() {
            self.all.push((file.to_owned(), around));
        }
    }

    /// Reads the recordings again, and keeps what was noted: of several recordings, several sections of one.
    pub(super) fn write(&self, words: &Trace) -> Result<(), Failure> {
        let views = self.all.first().map_or(0, |(_, around)| around.len());
        for view in 0..views {
            let mut recorder = None;
            for (index, (file, around)) in self.all.iter().enumerate() {
                let Some(around) = around.get(view) else { continue };
                let kept = Path::new(around.file());
                if index == 0 {
                    recorder = Some(recording::into(words, kept, Changes::Hidden, AfterError::Stop)?);
                }
                let mut reader = open(file, words).map_err(|error| failure(file, error.into()))?;
                let mut lines = Lines::new(Format::parse(format::DEFAULT).expect("it is a format"));
                lines.filter = filter(&around.filter())?;
                lines.what = What::Nothing;
                lines.accounts = if words.exclude_users { Accounts::Unnamed } else { Accounts::Recorded };
                let mut nothing = io::sink();
                let (mut replay, mut page) = lines.begin(&mut nothing, None);
                replay.recorder = recorder.take();
                let played = replay.play(&mut reader, &mut page);
                if index + 1 == self.all.len() || played.is_err() {
                    recording::end(&mut replay, kept)?;
                }
                recorder = replay.recorder.take();
                played.map_err(|error| failure(file, Stopped::Recording(error)))?;
            }
        }
        Ok(())
    }
}
