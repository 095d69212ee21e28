//! Prints a capture as `sysdig -r` does, for looking at differences while something is being changed:
//! `lines FILE [-p FORMAT] [-j] [-A|-X|-x|-b] [-t CLOCK] [-d] [FILTER…]`.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a tool of those who change this crate")]

use std::io::Write;

use fathom_scap::{Reader, Tolerance};
use fathom_trace::{Buffers, Clock, Fields, Flow, Format, Json, Replay, Style, replay};

fn main() {
    let mut words = std::env::args().skip(1);
    let file = words.next().unwrap();
    let mut style = Style::default();
    let (mut format, mut filter) = (fathom_trace::format::DEFAULT.to_owned(), Vec::new());
    while let Some(word) = words.next() {
        match &word[..] {
            "-p" => format = words.next().unwrap(),
            "-j" => style.json = Json::Yes,
            "-A" => style.buffers = Buffers::Ascii,
            "-X" => style.buffers = Buffers::HexAscii,
            "-x" => style.buffers = Buffers::Hex,
            "-b" => style.buffers = Buffers::Base64,
            "-R" => style.ports = fathom_trace::Ports::Services,
            "-v" => style.longest = None,
            "-t" => {
                style.clock = match &words.next().unwrap()[..] {
                    "a" => Clock::Absolute,
                    "r" => Clock::Relative,
                    "d" => Clock::Latency,
                    "D" => Clock::Delta,
                    _ => Clock::Human,
                }
            }
            _ => filter.push(word),
        }
    }
    let filter = (!filter.is_empty()).then(|| fathom_filter::compile(&filter.join(" "), &Fields));
    let filter = filter.transpose().unwrap_or_else(|mistakes| {
        eprintln!("{mistakes}");
        panic!("the filter is wrong")
    });
    let format = Format::parse(&format).unwrap();
    let bytes = std::fs::read(file).unwrap();
    let mut reader = Reader::new(&bytes, Tolerance::Salvage).unwrap();
    let mut play = Replay::new(filter, style);
    let (mut out, mut line) = (std::io::BufWriter::new(std::io::stdout().lock()), Vec::new());
    play.play(&mut reader, |moment| {
        if !replay::is_internal(moment) {
            line.clear();
            if format.write(moment, &mut line) == fathom_trace::Written::Line {
                line.push(b'\n');
                out.write_all(&line).unwrap();
            }
        }
        Flow::On
    })
    .unwrap();
}
