//! The reference: which recordings there are, what sysdig says of them, what we say, and where sysdig is wrong.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use fathom_scap::{Reader, Tolerance};
use fathom_testkit::need::{Need, find_program, missing, workspace};
use fathom_testkit::scratch::Scratch;
use fathom_trace::{Fields, Format, Lines};

use crate::tale;

/// Recordings: the one that tests make, those of our own, and those that lie outside of the repository, if they do.
pub(crate) struct Recordings {
    pub(crate) files: Vec<PathBuf>,
    _scratch: Scratch,
}

/// Nothing if there is no sysdig to compare with.
pub(crate) fn recordings() -> Option<Recordings> {
    if missing(&[Need::Program("sysdig")]) {
        return None;
    }
    let scratch = Scratch::new("trace");
    let made = scratch.path().join("tale.scap");
    fs::write(&made, tale::recording().0).unwrap();
    let mut files = vec![made];
    let captures = |folder: PathBuf| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|end| end == "scap"))
    };
    files.extend(captures(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")));
    match workspace().ancestors().map(|above| above.join("shared/data/scap")).find(|folder| folder.is_dir()) {
        None => drop(missing(&[Need::Path("../shared/data/scap")])),
        Some(folder) => files.extend(captures(folder)),
    }
    files.sort();
    Some(Recordings { files, _scratch: scratch })
}

impl Recordings {
    /// The one of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Path> {
        self.files.iter().find(|file| file.ends_with(name)).map(PathBuf::as_path)
    }
}

/// What sysdig prints.
pub(crate) fn theirs(file: &Path, words: &[&str]) -> Vec<Vec<u8>> {
    try_theirs(file, words).unwrap_or_else(|said| panic!("{words:?}: {said}"))
}

/// What sysdig prints, or why it ended before that.
pub(crate) fn try_theirs(file: &Path, words: &[&str]) -> Result<Vec<Vec<u8>>, String> {
    let program = find_program("sysdig").unwrap();
    let output = Command::new(program).env("TZ", "UTC").arg("-r").arg(file).args(words).output().unwrap();
    let whole = output.status.success();
    if whole { Ok(split(&output.stdout)) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// What we print.
pub(crate) fn ours(file: &Path, format: &str, filter: &str, wish: impl FnOnce(&mut Lines)) -> Vec<Vec<u8>> {
    let mut lines = Lines::new(Format::parse(format).unwrap_or_else(|mistakes| panic!("{mistakes}")));
    if !filter.is_empty() {
        let compiled = fathom_filter::compile(filter, &Fields);
        lines.filter = Some(compiled.unwrap_or_else(|mistakes| panic!("{mistakes}")));
    }
    wish(&mut lines);
    let mut reader = Reader::stream(File::open(file).unwrap(), Tolerance::Strict).unwrap();
    let mut text = Vec::new();
    lines.write(&mut reader, &mut text, None).unwrap();
    split(&text)
}

pub(crate) fn split(text: &[u8]) -> Vec<Vec<u8>> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Fails with the first line that is not the same.
pub(crate) fn same(file: &Path, words: &str, theirs: &[Vec<u8>], ours: &[Vec<u8>]) {
    if let Some(difference) = difference(file, words, theirs, ours) {
        panic!("{difference}");
    }
}

/// The first line that is not the same.
pub(crate) fn difference(file: &Path, words: &str, theirs: &[Vec<u8>], ours: &[Vec<u8>]) -> Option<String> {
    let shown = |line: Option<&Vec<u8>>| line.map(|line| String::from_utf8_lossy(line).into_owned());
    let differs = |index: &usize| !agree(file, theirs.get(*index), ours.get(*index));
    let index = (0..theirs.len().max(ours.len())).find(differs)?;
    let (theirs, ours) = (shown(theirs.get(index)), shown(ours.get(index)));
    Some(format!("{} {words}\n line {index}\n sysdig {theirs:?}\n ours   {ours:?}", file.display()))
}

fn agree(file: &Path, theirs: Option<&Vec<u8>>, ours: Option<&Vec<u8>>) -> bool {
    let (Some(theirs), Some(ours)) = (theirs, ours) else { return theirs == ours };
    if theirs == ours {
        return true;
    }
    // This one was made by a recorder that is newer than sysdig 0.29.3: its events have parameters at their ends that
    // only we know.
    if file.ends_with("rename.scap") {
        let at = theirs.iter().zip(ours).position(|(one, other)| one != other).unwrap_or(theirs.len());
        let rest = theirs[at..].trim_ascii();
        return rest.is_empty() || (theirs.starts_with(b"{") && rest.starts_with(b"\",\"evt.num"));
    }
    file.ends_with("502Error.scap") && GARBAGE.iter().any(|(what, with)| replace(theirs, what, with) == *ours)
}

/// A UDP socket is bound, then used as a client. sysdig keeps what it knows of servers and of clients in the same
/// memory, one over the other, and afterwards shows addresses that were never in the recording.
///
/// Each with where this socket leads; services may stand instead of ports.
const GARBAGE: &[(&[u8], &[u8])] = &[
    (b"192.168.128.156:55441->145.216.3.255:514", b"127.0.0.1:55441->127.0.0.1:514"),
    (b"192.168.128.156:55441->145.216.3.255:syslog", b"127.0.0.1:55441->127.0.0.1:syslog"),
];

fn replace(text: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    let Some(at) = text.windows(what.len()).position(|window| window == what) else { return text.to_vec() };
    [&text[..at], with, &replace(&text[at + what.len()..], what, with)].concat()
}

/// What filters are compared by: lines without those of the socket of [`GARBAGE`].
pub(crate) fn without_garbage(file: &Path, mut lines: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    if file.ends_with("502Error.scap") {
        let concerned = |line: &[u8]| [&b"> sendmsg"[..], b"< sendmsg"].iter().any(|call| has(line, call));
        lines.retain(|line| !(has(line, b"haproxy (13969)") && concerned(line)));
    }
    lines
}

fn has(line: &[u8], what: &[u8]) -> bool {
    line.windows(what.len()).any(|window| window == what)
}
