//! A recording of a million events, made of a small one: its events again and again, each time later.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use fathom_testkit::Scratch;
use fathom_testkit::need::workspace;

use crate::bench::page::size;

/// How many events it has.
pub(super) const EVENTS: u64 = 1_000_000;

/// What is repeated unless something else is asked for: shells, containers and their programs.
const SAMPLE: &str = "shared/data/scap/setns.scap";
/// Types of blocks that hold one event, and how many bytes of a block stand before its time.
const BLOCKS: &[(u32, usize)] = &[(0x216, 10), (0x217, 14), (0x208, 14), (0x204, 10), (0x221, 10), (0x222, 14)];
/// Between the last event and its first repetition, in nanoseconds.
const PAUSE: u64 = 1000;

/// The recording.
pub(super) struct Recording {
    pub(super) file: PathBuf,
    sample: String,
    bytes: u64,
    _scratch: Scratch,
}

impl Recording {
    /// Repeats `sample`, or the usual one.
    pub(super) fn make(sample: Option<&Path>) -> anyhow::Result<Self> {
        let usual = || workspace().ancestors().map(|above| above.join(SAMPLE)).find(|file| file.is_file());
        let sample = sample.map(Path::to_owned).or_else(usual);
        let sample = sample.with_context(|| format!("there is no ../{SAMPLE}; `--sample` takes another recording"))?;
        let bytes = fs::read(&sample).with_context(|| format!("cannot read {}", sample.display()))?;
        let scratch = Scratch::new("recording");
        let file = scratch.join("million.scap");
        let mut out = File::create(&file).map(BufWriter::new).context("cannot make the recording")?;
        repeat(&bytes, EVENTS, &mut out)?;
        out.flush().context("cannot write the recording")?;
        let bytes = fs::metadata(&file).context("cannot find the recording")?.len();
        let sample = sample.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Recording { file, sample, bytes, _scratch: scratch })
    }

    /// What it is, for the page.
    pub(super) fn describe(&self) -> String {
        format!("{EVENTS} events, {}, those of {} repeated; in the page cache", size(self.bytes), self.sample)
    }
}

/// Writes what `sample` begins with, and its events until there are `count`.
fn repeat(sample: &[u8], count: u64, out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let (mut events, mut rest) = (Vec::new(), sample);
    while let Some(whole) = number(rest, 4).map(|length| length as usize) {
        ensure!((12..=rest.len()).contains(&whole), "the sample is no plain recording, or ends within a block");
        let (block, after) = rest.split_at(whole);
        match Repeated::of(block) {
            Some(event) => events.push(event),
            None => out.write_all(block)?,
        }
        rest = after;
    }
    let (Some(first), Some(last)) = (events.first(), events.last()) else { bail!("the sample has no events") };
    let (span, round) = (last.time.saturating_sub(first.time) + PAUSE, events.len() as u64);
    for index in 0..count {
        let event = &mut events[usize::try_from(index % round)?];
        out.write_all(&event.block)?;
        event.put_off(span);
    }
    Ok(())
}

/// An event that is written again and again.
struct Repeated {
    block: Vec<u8>,
    /// Where in the block its time stands.
    at: usize,
    time: u64,
}

impl Repeated {
    /// Of blocks that hold an event. One without a time belongs to the tables before all events.
    fn of(block: &[u8]) -> Option<Self> {
        let (_, at) = BLOCKS.iter().find(|(kind, _)| number(block, 0) == Some(*kind))?;
        let time = block.get(*at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
        (time != 0).then(|| Repeated { block: block.to_vec(), at: *at, time })
    }

    fn put_off(&mut self, span: u64) {
        self.time += span;
        self.block[self.at..self.at + 8].copy_from_slice(&self.time.to_le_bytes());
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use fathom_testkit::capture::{BEGIN, Capture, Runs};

    use super::*;

    #[test]
    fn events_are_repeated_later() {
        let begun = Capture::default().begin(&[Runs { tid: 42, ptid: 1, comm: "sh", cwd: "/" }]);
        let head = begun.0.len();
        let sample = begun.event_of(42, 0, 2, &[]).event_of(42, 500, 3, &[]);
        let mut whole = Vec::new();
        repeat(&sample.0, 5, &mut whole).expect("a vector takes all");
        assert_eq!(whole[..sample.0.len()], sample.0, "the first round is the sample");
        let length = (sample.0.len() - head) / 2;
        let times: Vec<u64> = whole[head..]
            .chunks(length)
            .map(|block| u64::from_le_bytes(*block[10..].first_chunk().expect("a block has a time")) - BEGIN)
            .collect();
        assert_eq!(times, [0, 500, 1500, 2000, 3000]);
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        for sample in [&b""[..], b"\x1f\x8b\0\0\0\0\0\0\0\0\0\0", &[0x16, 2, 0, 0, 0xff, 0, 0, 0]] {
            repeat(sample, 1, &mut Vec::new()).expect_err("it has no events");
        }
    }
}
