//! Events of any type behind a sound beginning: their parameters hold anything, and every field is asked for.
#![no_main]

use std::cell::RefCell;

use fathom_scap::{Reader, Tolerance};
use fathom_testkit::capture::{Capture, Runs};
use fathom_trace::fields::{Place, Takes, rows};
use fathom_trace::replay::{Flow, Replay};
use fathom_trace::{Format, Style};

thread_local! {
    /// A line with every field, which takes longer to read than to write.
    static EVERYTHING: RefCell<Format> = {
        let plain = rows().filter(|row| row.takes == Takes::Nothing && row.place == Place::Everywhere);
        let line = plain.map(|row| format!("%{} ", row.name)).fold("*".to_owned(), |line, field| line + &field);
        Format::parse(&(line + "%proc.aname[3] %evt.arg[0] %evt.arg.fd %fd.types[1] %proc.env[A]")).unwrap().into()
    };
}

libfuzzer_sys::fuzz_target!(|events: Vec<(u16, u8, Vec<Vec<u8>>)>| {
    let runs = |tid, ptid| Runs { tid, ptid, comm: "sh", cwd: "/" };
    let mut capture = Capture::default().begin(&[runs(42, 43), runs(43, 42)]);
    for (number, thread, params) in &events {
        let params: Vec<_> = params.iter().map(Vec::as_slice).collect();
        capture = capture.event_of(40 + i64::from(thread % 6), 0, number % 460, &params);
    }
    let Ok(mut reader) = Reader::new(&capture.0, Tolerance::Salvage) else { return };
    let mut text = Vec::new();
    EVERYTHING.with_borrow(|format| {
        let _ = Replay::new(None, Style::default()).play(&mut reader, &mut |moment: &fathom_trace::moment::Moment<'_>| {
            format.write(moment, &mut text);
            text.clear();
            Flow::On
        });
    });
});
