//! The memory of a call of another process, read from outside: what `bpf/copy.h` does inside the kernel.

pub(crate) mod facts;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::row::{Copy, Fd, Length, When};
use crate::sys;

/// The most of a path, and of what execve is given.
const PATH: usize = 4096;
/// The most of a piece.
const PIECE: u64 = 65000;

/// A call whose memory is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) tid: u32,
    pub(crate) args: &'a [u64; 6],
    /// What it returned, if it has.
    pub(crate) returned: Option<i64>,
    pub(crate) snaplen: u64,
}

impl Subject<'_> {
    /// All pieces that the row names, as far as they exist by now.
    pub(crate) fn pieces(&self, copies: &[(When, Copy)]) -> Vec<Option<Vec<u8>>> {
        let now = |when: &When| match when {
            When::Always => true,
            When::Success => self.returned.is_some_and(|value| value >= 0),
            When::Failure => self.returned.is_some_and(|value| value < 0),
        };
        copies.iter().map(|(when, copy)| if now(when) { self.piece(*copy) } else { None }).collect()
    }

    fn piece(&self, copy: Copy) -> Option<Vec<u8>> {
        match copy {
            Copy::Text(arg) => self.text(self.arg(arg)),
            Copy::Data(arg, length) => self.read(self.arg(arg), self.length(length)?.min(self.snaplen)),
            Copy::Array(arg, length, unit) => self.read(self.arg(arg), self.length(length)?.checked_mul(unit.into())?),
            Copy::Struct(arg, bytes) => self.read(self.arg(arg), bytes.into()),
            Copy::Address(arg, length) => self.read(self.arg(arg), self.length(length)?.min(128)),
            Copy::Vector(arg, count) => self.vector(self.arg(arg), self.arg(count)),
            Copy::Message(arg) => self.message(self.arg(arg)),
            Copy::Texts(arg) => self.texts(self.arg(arg)),
            // After success, its name is only in what was kept of the beginning.
            Copy::Program(arg) => self.executed().map_or_else(|| self.text(self.arg(arg)), |_| None),
            Copy::Arguments(arg) => match self.executed() {
                Some(folder) => given(folder.join("cmdline")),
                None => self.texts(self.arg(arg)),
            },
            Copy::Environment(arg) => match self.executed() {
                Some(folder) => given(folder.join("environ")),
                None => self.texts(self.arg(arg)),
            },
            Copy::Task => facts::task(self.tid),
            Copy::Memory => facts::memory(self.tid),
            Copy::File(Fd::Program) => facts::file(&self.folder().join("exe"), 0),
            Copy::File(fd) => {
                let fd = self.descriptor(fd)?;
                facts::file(&self.folder().join("fd").join(fd.to_string()), self.opened_with(fd))
            }
            Copy::Socket(fd) => facts::socket(self.tid, self.descriptor(fd)?),
        }
    }

    fn folder(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.tid))
    }

    /// Where to read about the new program, once execve has put it in place of the old one.
    fn executed(&self) -> Option<PathBuf> {
        self.returned.filter(|value| *value >= 0).map(|_| self.folder())
    }

    fn arg(&self, index: u8) -> u64 {
        self.args.get(usize::from(index)).copied().unwrap_or_default()
    }

    fn length(&self, length: Length) -> Option<u64> {
        Some(match length {
            Length::Arg(arg) => self.arg(arg),
            Length::Return => self.returned.map_or(0, |value| value.max(0) as u64),
            Length::ReturnOr(arg) => match self.returned {
                Some(value) if value >= 0 => value as u64,
                _ => self.arg(arg),
            },
            Length::At(arg) => u64::from(self.word(self.arg(arg))?),
        })
    }

    fn descriptor(&self, fd: Fd) -> Option<i32> {
        match fd {
            Fd::Arg(arg) => Some(self.arg(arg) as i32),
            Fd::Return => self.returned.map(|value| value as i32),
            Fd::At(arg) => self.word(self.arg(arg)).map(|word| word as i32),
            Fd::Program => None,
        }
    }

    fn opened_with(&self, fd: i32) -> u32 {
        let information = fs::read_to_string(self.folder().join("fdinfo").join(fd.to_string())).unwrap_or_default();
        let flags = information.lines().find_map(|line| line.strip_prefix("flags:"));
        flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).unwrap_or(0)
    }

    fn read(&self, from: u64, bytes: u64) -> Option<Vec<u8>> {
        let bytes = bytes.min(PIECE) as usize;
        if from == 0 {
            return None;
        }
        let read = sys::read_memory(self.tid, from, bytes)?;
        (read.len() == bytes).then_some(read)
    }

    fn word(&self, from: u64) -> Option<u32> {
        self.read(from, 4)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
    }

    fn long(&self, from: u64) -> Option<u64> {
        self.read(from, 8)?.first_chunk().map(|word| u64::from_ne_bytes(*word))
    }

    /// Text with its NUL, page by page, because what follows it need not exist.
    fn text(&self, from: u64) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        while from != 0 && text.len() < PATH {
            let at = from.checked_add(text.len() as u64)?;
            let page = sys::read_memory(self.tid, at, (PATH as u64 - at % PATH as u64) as usize)?;
            if let Some(end) = page.iter().position(|byte| *byte == 0) {
                text.extend(&page[..=end]);
                return Some(text);
            }
            if page.is_empty() {
                return None;
            }
            text.extend(page);
        }
        (!text.is_empty()).then_some(text)
    }

    fn texts(&self, vector: u64) -> Option<Vec<u8>> {
        let mut texts = Vec::new();
        for index in 0..64 {
            let Some(text) = self.long(vector.checked_add(index * 8)?).filter(|text| *text != 0) else { break };
            let Some(text) = self.text(text) else { break };
            if texts.len() + text.len() > PATH {
                break;
            }
            texts.extend(text);
        }
        Some(texts)
    }

    fn vector(&self, vectors: u64, count: u64) -> Option<Vec<u8>> {
        let mut most = match self.returned {
            Some(value) if value >= 0 => (value as u64).min(self.snaplen),
            _ => self.snaplen,
        };
        let (mut sum, mut data) = (0_u64, Vec::new());
        for index in 0..count.min(64) {
            let at = vectors.checked_add(index * 16)?;
            let (Some(base), Some(length)) = (self.long(at), self.long(at + 8)) else { break };
            sum = sum.wrapping_add(length);
            let bytes = length.min(most);
            if bytes > 0 {
                let Some(part) = self.read(base, bytes) else { break };
                most -= part.len() as u64;
                data.extend(part);
            }
        }
        Some([&sum.to_ne_bytes()[..], &data].concat())
    }

    fn message(&self, message: u64) -> Option<Vec<u8>> {
        let long = |at: u64| self.long(message.checked_add(at)?);
        let named = u64::from(self.word(message.checked_add(8)?)?).min(128);
        let address = self.read(long(0)?, named).unwrap_or_default();
        let vector = self.vector(long(16)?, long(24)?)?;
        let length = address.len() as u64;
        Some([&length.to_ne_bytes()[..], &long(40)?.to_ne_bytes(), &address, &vector].concat())
    }
}

/// What a program was given, cut as the kernel's half cuts it.
fn given(file: PathBuf) -> Option<Vec<u8>> {
    let mut bytes = fs::read(file).ok()?;
    bytes.truncate(PATH);
    Some(bytes)
}

/// Device and inode of a file, as the kernel keeps them.
fn identity(metadata: &fs::Metadata) -> (u64, u32) {
    let device = metadata.dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    (metadata.ino(), major << 20 | minor)
}
