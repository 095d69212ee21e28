//! Recordings of which bytes are missing or wrong, played to their end with every field asked for.

use fathom_scap::{Reader, Tolerance};
use fathom_trace::fields::{Place, Takes, rows};
use fathom_trace::{Fields, Format, Json, Lines, Summary, format};
use proptest::prelude::*;

use crate::tale::recording;

/// All fields of a line.
fn everything() -> String {
    let plain = rows().filter(|row| row.takes == Takes::Nothing && row.place == Place::Everywhere);
    plain.map(|row| format!("%{} ", row.name)).fold("*".to_owned(), |line, field| line + &field)
}

fn play(bytes: &[u8], format: &str, json: Json) {
    let Ok(mut reader) = Reader::new(bytes, Tolerance::Salvage) else { return };
    let mut lines = Lines::new(Format::parse(format).unwrap());
    lines.style.json = json;
    lines.shown = Some(fathom_filter::compile("not fd.name=x or evt.arg[1] contains y", &Fields).unwrap());
    let (mut summary, mut text) = (Summary::default(), Vec::new());
    lines.write(&mut reader, &mut text, Some(&mut summary)).unwrap();
    summary.write(&mut text);
}

#[test]
fn every_field_of_the_tale_can_be_written() {
    play(&recording().0, &everything(), Json::No);
    play(&recording().0, &everything(), Json::Yes);
}

#[test]
fn a_recording_may_end_anywhere() {
    let whole = recording().0;
    for end in 0..whole.len() {
        play(&whole[..end], format::DEFAULT, Json::No);
    }
}

/// Bytes of the lengths that numbers have, numbers of descriptors that are open, and anything.
fn param() -> impl Strategy<Value = Vec<u8>> {
    let bytes = |length| prop::collection::vec(any::<u8>(), length);
    prop_oneof![
        bytes(8..9),
        bytes(4..5),
        bytes(1..2),
        bytes(0..40),
        (-2..12_i64).prop_map(|fd| fd.to_le_bytes().to_vec()),
    ]
}

fn event() -> impl Strategy<Value = (u16, u64, Vec<Vec<u8>>)> {
    (0..454_u16, prop_oneof![Just(0), any::<u64>()], prop::collection::vec(param(), 0..34))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bits_may_be_wrong(flips in prop::collection::vec((0..1_000_000_usize, 0..8_u8), 1..30)) {
        let mut bytes = recording().0;
        for (at, bit) in flips {
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
        }
        play(&bytes, &everything(), Json::No);
        play(&bytes, format::DEFAULT, Json::Yes);
    }

    /// Behind sound headers: events of every type, at any time, whose parameters hold anything.
    #[test]
    fn parameters_may_hold_anything(events in prop::collection::vec(event(), 1..20)) {
        let mut capture = recording();
        for (number, after, params) in events {
            let slices: Vec<_> = params.iter().map(Vec::as_slice).collect();
            capture = capture.event_of(100, after, number, &slices);
        }
        play(&capture.0, &everything(), Json::No);
        play(&capture.0, format::DEFAULT, Json::Yes);
    }

    #[test]
    fn any_text_may_be_asked_for_as_a_format(text in "[%*a-z. \\[\\](),0-9]{0,60}|.{0,40}|(%(evt|fd|proc)\\.[a-z.]{1,9}(\\[[^ ]{0,4}\\]?)?){0,4}") {
        let _ = Format::parse(&text);
    }
}
