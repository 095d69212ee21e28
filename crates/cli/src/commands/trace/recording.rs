//! `fathom trace -w`: the files that a recording goes into, one after the other. Their names are sysdig's.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fathom_model::{Class, Failure};
use fathom_scap::{Blocks, Packing, Profile};
use fathom_trace::recorder::{AfterError, Changes, Keeper};
use fathom_trace::{Recorder, Replay};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::words::{ScapProfile, Trace};
use crate::{machine, printer};

/// What a size on the command line counts.
const MEGABYTE: u64 = 1_000_000;
/// What stands for stdout.
const STDOUT: &str = "-";

/// What was asked for, opened: mistakes in words and missing rights are told before anything is read.
pub(crate) fn open(words: &Trace, after: AfterError) -> Result<Option<Recorder>, Failure> {
    let Some(base) = &words.write else { return Ok(None) };
    // What happens now cannot be read again: without what changed the names of processes and files, events that were
    // asked for by such a name would not have it any more.
    let is_live = words.files.is_empty();
    let changes = if words.fatfile || is_live { Changes::Hidden } else { Changes::Dropped };
    into(words, base, changes, after).map(Some)
}

/// A recording that goes into `base`, opened.
pub(super) fn into(words: &Trace, base: &Path, changes: Changes, after: AfterError) -> Result<Recorder, Failure> {
    let mut files = Files::new(words, base)?;
    if !files.is_named_by_time() {
        files.open(0).map_err(|error| cannot_open(&files.path, &error))?;
    }
    let profile = match words.scap_profile {
        ScapProfile::Legacy => Profile::Legacy,
        ScapProfile::Modern => Profile::Modern,
    };
    Ok(Recorder::new(Box::new(files), profile, changes, after))
}

/// Ends what is kept, and says what of it is not there.
pub(crate) fn close(replay: &mut Replay, words: &Trace) -> Result<(), Failure> {
    let Some(base) = &words.write else { return Ok(()) };
    end(replay, base)
}

/// The same of what goes into `base`.
pub(super) fn end(replay: &mut Replay, base: &Path) -> Result<(), Failure> {
    let Some(recorder) = replay.finish_recording() else { return Ok(()) };
    let ending = recorder.ending();
    if ending.bare > 0 {
        printer::notice(&format!(
            "of {} calls only the name was written, or not even that, because older readers know no more of them; \
             `--scap-profile modern` writes everything",
            ending.bare
        ));
    }
    match ending.error {
        None => Ok(()),
        // Nobody reads any more: `fathom trace -w - | head`.
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe && base == Path::new(STDOUT) => Ok(()),
        Some(error) => {
            let since = if ending.after == AfterError::Stop { ", and all that happened since" } else { "" };
            let missing =
                format!("cannot write all of {}: {} events are missing{since}", base.display(), ending.missing);
            let failure = Failure { cause: Some(error.to_string()), ..Failure::new(class(&error), missing) };
            Err(if error.kind() == io::ErrorKind::StorageFull {
                failure.hinting("what is there can be read; make room, or bound it by -C and -W")
            } else {
                failure
            })
        }
    }
}

fn class(error: &io::Error) -> Class {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Class::Denied,
        io::ErrorKind::NotFound => Class::NotFound,
        _ => Class::System,
    }
}

fn cannot_open(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::InvalidInput {
        return Failure::new(Class::Usage, format!("cannot write {}: {error}", path.display()))
            .hinting("give another name after -w");
    }
    let failure = Failure::new(class(error), format!("cannot write {}", path.display()));
    Failure { cause: Some(error.to_string()), ..failure }
}

/// When another file begins.
#[derive(Debug, Clone, Copy, Default)]
struct Rotation {
    bytes: Option<u64>,
    seconds: Option<u64>,
    events: Option<u64>,
}

/// The files of a recording.
struct Files {
    base: PathBuf,
    rotation: Rotation,
    keep: Option<u32>,
    packing: Packing,
    /// What is read meanwhile, and must not be written over.
    inputs: Vec<PathBuf>,
    current: Option<Current>,
    /// The file that is written to, or that could not be opened.
    path: PathBuf,
    index: u32,
    /// Files named by their time, the oldest first.
    past: VecDeque<PathBuf>,
    /// The second in which the file's time began.
    since: Option<u64>,
}

/// The file that is written to.
struct Current {
    blocks: Blocks<Out>,
    events: u64,
    /// Its size after the first event: tables that are larger than a file may be do not count.
    head: u64,
}

/// Where bytes go.
enum Out {
    File(File),
    Stdout,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Out::File(file) => file.write(bytes),
            Out::Stdout => printer::stream().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Out::File(_) => Ok(()),
            Out::Stdout => printer::stream().flush(),
        }
    }
}

impl Files {
    fn new(words: &Trace, base: &Path) -> Result<Files, Failure> {
        let wrong = |text: String| Failure::new(Class::Usage, text);
        let rotation = Rotation {
            bytes: words.file_size.map(|size| size.saturating_mul(MEGABYTE)),
            seconds: words.file_seconds,
            events: words.events,
        };
        let rotates = rotation.bytes.or(rotation.seconds).or(rotation.events).is_some();
        if base == Path::new(STDOUT) {
            if rotates {
                return Err(wrong(
                    "cannot divide what goes to stdout: -C, -G and -e need the name of a file".to_owned(),
                ));
            }
            if words.summary {
                return Err(wrong("cannot write a summary and a recording to stdout".to_owned()));
            }
        }
        let files = Files {
            base: base.to_owned(),
            rotation,
            keep: words.limit,
            packing: if words.compress { Packing::Gzip } else { Packing::Plain },
            inputs: words.files.clone(),
            current: None,
            path: base.to_owned(),
            index: 0,
            past: VecDeque::new(),
            since: None,
        };
        if files.is_named_by_time() {
            files.named_by_time(0).map_err(|cause| Failure {
                cause: Some(cause),
                ..wrong(format!("cannot make names of {}", base.display()))
            })?;
        }
        Ok(files)
    }

    fn is_named_by_time(&self) -> bool {
        self.rotation.seconds.is_some()
            && self.rotation.events.is_none()
            && self.base.as_os_str().as_encoded_bytes().contains(&b'%')
    }

    /// As strftime(3) has it, in the time of this machine.
    fn named_by_time(&self, second: u64) -> Result<PathBuf, String> {
        let pattern = self.base.to_str().ok_or("a name with a time in it must be UTF-8")?;
        let moment = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
        let moment = moment.unwrap_or_default().to_zoned(TimeZone::system());
        let named = jiff::fmt::strtime::format(pattern, &moment).map_err(|error| error.to_string())?;
        Ok(PathBuf::from(named))
    }

    /// The name of the next file, in which time begins with this second.
    fn name(&mut self, second: u64) -> Result<PathBuf, String> {
        let with = |base: &Path, end: &str| {
            let mut name = base.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        if self.keep.is_some_and(|keep| self.index >= keep) {
            self.index = 0;
        }
        let index = self.index;
        self.index += 1;
        let Rotation { bytes, seconds, events } = self.rotation;
        if events.is_some() {
            return Ok(with(&self.base, &index.to_string()));
        }
        let mut name = self.base.clone();
        if self.is_named_by_time() {
            name = self.named_by_time(second)?;
        } else if seconds.is_some() {
            name = with(&name, &index.to_string());
        }
        if bytes.is_some() {
            // As wide as the number of files, so that they sort.
            let width = self.keep.map_or(0, |keep| keep.to_string().len());
            name = with(&name, &format!("{index:0width$}"));
        }
        Ok(name)
    }

    /// Opens the next file.
    fn open(&mut self, second: u64) -> io::Result<()> {
        self.path = self.name(second).map_err(io::Error::other)?;
        let out = if self.path == Path::new(STDOUT) { Out::Stdout } else { Out::File(self.file()?) };
        if self.is_named_by_time() {
            self.forget_the_oldest();
        }
        self.current = Some(Current { blocks: Blocks::new(out, self.packing), events: 0, head: 0 });
        Ok(())
    }

    fn file(&self) -> io::Result<File> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.path)?;
        // Nothing of it is gone yet.
        if self.inputs.iter().any(|input| machine::is_same_file(&self.path, input)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is the recording that is read"));
        }
        if file.metadata()?.is_file() {
            file.set_len(0)?;
        }
        Ok(file)
    }

    fn forget_the_oldest(&mut self) {
        self.past.retain(|past| *past != self.path);
        self.past.push_back(self.path.clone());
        while self.keep.is_some_and(|keep| self.past.len() > keep as usize) {
            // Somebody may have taken it away already.
            let _ = self.past.pop_front().map(fs::remove_file);
        }
    }

    /// Whether the file has all that it may have.
    fn is_full(&mut self, second: u64) -> bool {
        let Some(current) = &mut self.current else { return true };
        let size = current.blocks.size();
        if current.events == 1 {
            current.head = size;
        }
        let bytes = |most: u64| if current.head > most { size - current.head > most } else { size > most };
        let since = *self.since.get_or_insert(second);
        let late = self.rotation.seconds.is_some_and(|seconds| second.saturating_sub(since) >= seconds);
        let large = current.events > 0 && self.rotation.bytes.is_some_and(bytes);
        let many = self.rotation.events.is_some_and(|most| current.events >= most);
        if late {
            self.since = Some(second);
        }
        late || large || many
    }

    /// After an error: what is there ends with a whole block.
    fn trim(&mut self) {
        if let Some(current) = &self.current
            && let Out::File(file) = current.blocks.out()
            && file.metadata().is_ok_and(|metadata| metadata.is_file())
        {
            // If even this fails, readers pass over the rest.
            let _ = file.set_len(current.blocks.sound());
        }
    }

    fn try_on(&mut self, act: impl FnOnce(&mut Blocks<Out>) -> io::Result<()>) -> io::Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let done = act(&mut current.blocks);
        if done.is_err() {
            self.trim();
        }
        done
    }
}

impl Write for Files {
    fn write(&mut self, block: &[u8]) -> io::Result<usize> {
        self.try_on(|blocks| blocks.write_all(block))?;
        Ok(block.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.try_on(Write::flush)
    }
}

impl Keeper for Files {
    fn turn(&mut self, time: u64) -> io::Result<bool> {
        let second = time / 1_000_000_000;
        let full = self.is_full(second);
        if full {
            self.finish()?;
            self.open(second)?;
            self.since.get_or_insert(second);
        }
        let current = self.current.as_mut().ok_or(io::ErrorKind::NotFound)?;
        current.events += 1;
        Ok(full)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.try_on(Blocks::finish)
    }

    fn lost(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.blocks.lost())
    }
}
