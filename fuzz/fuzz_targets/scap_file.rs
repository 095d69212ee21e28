//! A recording of system calls: any bytes, read from memory and through a pipe, played to the end with default lines.
#![no_main]

use fathom_scap::{Reader, Tolerance};
use fathom_trace::{Format, Lines, Summary, format};

fn play(reader: Result<Reader<'_>, fathom_scap::Error>) -> Option<Vec<u8>> {
    let mut lines = Lines::new(Format::parse(format::CONTAINERS).ok()?);
    lines.most = Some(10_000);
    let (mut text, mut summary) = (Vec::new(), Summary::default());
    let _ = lines.write(&mut reader.ok()?, &mut text, Some(&mut summary));
    Some(text)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let memory = play(Reader::new(bytes, Tolerance::Salvage));
    let stream = play(Reader::stream(bytes, Tolerance::Salvage));
    assert!(memory == stream || bytes.starts_with(&[0x1f, 0x8b]));
});
