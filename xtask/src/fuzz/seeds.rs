//! What a fuzz target begins with, put into the folder that it keeps its findings in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fathom_testkit::capture::{Capture, Runs};
use fathom_testkit::need::workspace;

/// Recordings, where they are at hand; larger ones make the fuzzer slow and reach no more.
const SAMPLES: &str = "shared/data/scap";
const LARGEST: u64 = 64 << 10;

/// What makes seeds.
type Maker = fn() -> Vec<Vec<u8>>;

/// Seeds of a target that are no lines of text.
const MADE: &[(&str, Maker)] = &[("scap_file", recordings)];

/// Puts seeds there, and says where. What is there already stays.
pub(super) fn sow(target: &str) -> anyhow::Result<PathBuf> {
    let folder = workspace().join("fuzz/corpus").join(target);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (index, seed) in seeds(target).iter().enumerate() {
        let file = folder.join(format!("seed-{index}"));
        fs::write(&file, seed).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(folder)
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let lines = fs::read(workspace().join("fuzz/seeds").join(format!("{target}.txt"))).unwrap_or_default();
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec);
    let made = MADE.iter().filter(|(name, _)| *name == target).flat_map(|(_, make)| make());
    lines.chain(made).collect()
}

/// A recording of each generation of events, with what changes the state the most, and small samples.
fn recordings() -> Vec<Vec<u8>> {
    let runs = |tid, ptid| Runs { tid, ptid, comm: "sh", cwd: "/" };
    let begun = || Capture::default().begin(&[runs(42, 1), runs(43, 42)]);
    let (three, empty) = (3_i64.to_le_bytes(), 0_i64.to_le_bytes());
    let opened: &[&[u8]] = &[&three, b"/etc/passwd\0", &[1, 0, 0, 0], &[0; 4], &[0; 4]];
    let container = br#"{"container":{"id":"0123456789ab","name":"web","type":0,"Mounts":[]}}"#;
    let second = begun()
        .event(272, &[container])
        .event(2, &[])
        .event(3, opened)
        .event(6, &[&three, &[80, 0, 0, 0]])
        .event(7, &[&[5, 0, 0, 0, 0, 0, 0, 0], b"root:"])
        .event(4, &[&three])
        .event(5, &[&empty])
        .event_of(43, 9, 186, &[&empty]);
    let first = begun().first_event(2, &[]).first_event(3, opened).first_event(4, &[&three]).first_event(5, &[&empty]);
    let twice = Capture([&first.0[..], &begun().0].concat());
    [second.0, first.0, twice.0].into_iter().chain(samples()).collect()
}

fn samples() -> Vec<Vec<u8>> {
    let folder = workspace().ancestors().map(|above| above.join(SAMPLES)).find(|folder| folder.is_dir());
    let mut files: Vec<_> =
        folder.iter().flat_map(fs::read_dir).flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    let is_small = |file: &Path| fs::metadata(file).is_ok_and(|metadata| metadata.len() <= LARGEST);
    let is_recording = |file: &Path| file.extension().is_some_and(|end| end == "scap");
    files.iter().filter(|file| is_recording(file) && is_small(file)).filter_map(|file| fs::read(file).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_recordings_are_seeds() {
        assert!(seeds("trace_filter").iter().any(|seed| seed.starts_with(b"evt.type=open ")));
        let recordings = seeds("scap_file");
        assert!(recordings.len() >= 3 && recordings[..3].iter().all(|seed| seed.starts_with(b"\x0a\x0d\x0d\x0a")));
        assert_eq!(seeds("mountinfo"), Vec::<Vec<u8>>::new());
    }
}
