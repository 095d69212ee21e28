//! One event of any type behind a sound beginning: its parameters hold anything, and every field is asked for.
#![no_main]

use std::sync::LazyLock;

use fathom_scap::{Reader, Tolerance};
use fathom_testkit::capture::{Capture, Runs};
use fathom_trace::fields::{Place, Takes, rows};
use fathom_trace::{Format, Lines};

/// A line with every field.
static EVERYTHING: LazyLock<String> = LazyLock::new(|| {
    let plain = rows().filter(|row| row.takes == Takes::Nothing && row.place == Place::Everywhere);
    plain.map(|row| format!("%{} ", row.name)).fold("*".to_owned(), |line, field| line + &field)
});

libfuzzer_sys::fuzz_target!(|events: Vec<(u16, Vec<Vec<u8>>)>| {
    let mut capture = Capture::default().begin(&[Runs { tid: 42, ptid: 1, comm: "sh", cwd: "/" }]);
    for (number, params) in &events {
        let params: Vec<_> = params.iter().map(Vec::as_slice).collect();
        capture = capture.event(number % 460, &params);
    }
    let (Ok(mut reader), Ok(format)) = (Reader::new(&capture.0, Tolerance::Salvage), Format::parse(&EVERYTHING)) else {
        return;
    };
    let _ = Lines::new(format).write(&mut reader, &mut Vec::new(), None);
});
