//! Recordings that we keep: sysdig must open each of them, and show what it shows of the original; so must we, and tshark
//! must find as many events.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use fathom_scap::{Profile, Reader, Tolerance};
use fathom_testkit::need::{Need, find_program, missing};
use fathom_testkit::scratch::Scratch;
use fathom_trace::recorder::{AfterError, Changes, Keeper};
use fathom_trace::{Flow, Moment, Recorder, Replay, Style, format};

use crate::reference::{ours, recordings, same, theirs};

/// Another one after so many events.
struct Files {
    all: Rc<RefCell<Vec<Vec<u8>>>>,
    every: u64,
    events: u64,
}

impl Write for Files {
    fn write(&mut self, block: &[u8]) -> io::Result<usize> {
        self.all.borrow_mut().last_mut().unwrap().extend_from_slice(block);
        Ok(block.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Keeper for Files {
    fn turn(&mut self, _: u64) -> io::Result<bool> {
        let turns = self.events.is_multiple_of(self.every);
        self.events += 1;
        if turns {
            self.all.borrow_mut().push(Vec::new());
        }
        Ok(turns)
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn lost(&self) -> u64 {
        0
    }
}

/// Keeps what `filter` lets pass of a recording.
pub(crate) fn keep(file: &Path, filter: &str, profile: Profile, changes: Changes, every: u64) -> Vec<Vec<u8>> {
    let filter = (!filter.is_empty()).then(|| fathom_filter::compile(filter, &fathom_trace::Fields).unwrap());
    let mut replay = Replay::new(filter, Style::default());
    let all = Rc::default();
    let keeper = Files { all: Rc::clone(&all), every, events: 0 };
    replay.recorder = Some(Recorder::new(Box::new(keeper), profile, changes, AfterError::Count));
    let mut reader = Reader::stream(File::open(file).unwrap(), Tolerance::Strict).unwrap();
    replay.play(&mut reader, &mut |_: &Moment<'_>| Flow::On).unwrap();
    let ending = replay.finish_recording().unwrap().ending();
    assert!(ending.error.is_none() && ending.missing == 0, "{ending:?}");
    all.take()
}

/// The files, under the name of the original.
fn save(folder: &Scratch, file: &Path, kept: &[Vec<u8>]) -> Vec<PathBuf> {
    let save = |(index, bytes): (usize, &Vec<u8>)| {
        let place = folder.join(index.to_string());
        fs::create_dir_all(&place).unwrap();
        let path = place.join(file.file_name().unwrap());
        fs::write(&path, bytes).unwrap();
        path
    };
    kept.iter().enumerate().map(save).collect()
}

/// How many events tshark finds.
fn frames(file: &Path) -> usize {
    let mut command = Command::new(find_program("tshark").unwrap());
    let output = command.arg("-r").arg(file).args(["-T", "fields", "-e", "frame.number"]).output().unwrap();
    output.stdout.iter().filter(|byte| **byte == b'\n').count()
}

/// Of another layout than tshark reads.
const REFUSED: &str = "syscall.scap";

#[test]
fn what_was_kept_is_shown_as_the_original_is() {
    let Some(recordings) = recordings() else { return };
    let has_tshark = !missing(&[Need::Program("tshark")]);
    let scratch = Scratch::new("kept");
    for file in &recordings.files {
        for profile in [Profile::Legacy, Profile::Modern] {
            let kept = keep(file, "", profile, Changes::Dropped, u64::MAX);
            let kept = &save(&scratch, file, &kept)[0];
            for words in [&[][..], &["-pc"], &["-j"], &["-S"]] {
                same(file, &format!("{profile:?} {words:?}"), &theirs(file, words), &theirs(kept, words));
            }
            let lines = |file: &Path| ours(file, "%evt.num %proc.name %fd.name %user.name %evt.args", "", |_| {});
            if profile == Profile::Modern {
                same(file, "ours", &lines(file), &lines(kept));
            }
            if has_tshark && !file.ends_with(REFUSED) {
                assert_eq!(frames(file), frames(kept), "{}", file.display());
            }
        }
    }
}

/// Without numbers, which begin anew in each file, and without what depends on the event before.
const LINE: &str =
    "%evt.outputtime %evt.cpu %container.id %proc.name %proc.pname (%thread.tid) %evt.dir %evt.type %evt.info";

#[test]
fn each_file_knows_what_was_known_when_it_began() {
    let Some(recordings) = recordings() else { return };
    let scratch = Scratch::new("parts");
    for file in &recordings.files {
        let kept = save(&scratch, file, &keep(file, "", Profile::Legacy, Changes::Dropped, 900));
        let whole = theirs(file, &["-p", LINE]);
        let mut parts = Vec::new();
        for part in &kept {
            // What comes after the last line break.
            parts.pop();
            parts.extend(theirs(part, &["-p", LINE]));
        }
        same(file, "in parts", &whole, &parts);
    }
}

#[test]
fn a_filtered_recording_that_follows_changes_shows_what_the_filter_shows() {
    let Some(recordings) = recordings() else { return };
    let scratch = Scratch::new("fat");
    for file in &recordings.files {
        for filter in ["evt.type=read", "fd.name contains /etc", "proc.name contains h and evt.dir=<", "evt.type=chdir"]
        {
            let kept = keep(file, filter, Profile::Legacy, Changes::Hidden, u64::MAX);
            let kept = &save(&scratch, file, &kept)[0];
            same(file, filter, &theirs(file, &["-p", LINE, filter]), &theirs(kept, &["-p", LINE]));
        }
    }
}

#[test]
fn what_sysdig_prints_by_default_is_what_we_print_of_a_legacy_recording() {
    let Some(recordings) = recordings() else { return };
    let scratch = Scratch::new("equal");
    for file in &recordings.files {
        let kept = &save(&scratch, file, &keep(file, "", Profile::Legacy, Changes::Dropped, u64::MAX))[0];
        same(file, "kept", &theirs(kept, &[]), &ours(kept, format::DEFAULT, "", |_| {}));
    }
}
