//! Prints a capture as `sysdig -r` does, for looking at differences while something is being changed:
//! `lines FILE [-p FORMAT] [-j] [-A|-X|-x|-b] [-t CLOCK] [-S] [-q] [-n N] [-v] [-R] [-d] [FILTER…]`.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a tool of those who change this crate")]

use std::io::Write;

use fathom_scap::{Reader, Tolerance};
use fathom_trace::lines::What;
use fathom_trace::{Buffers, Clock, Fields, Format, Json, Lines, Ports, Summary};

fn main() {
    let mut words = std::env::args().skip(1);
    let file = words.next().unwrap();
    let mut lines = Lines::new(Format::parse(fathom_trace::format::DEFAULT).unwrap());
    let (mut filter, mut summary, mut display) = (Vec::new(), None, false);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap();
        match &word[..] {
            "-p" => lines.format = Format::parse(&value()).unwrap_or_else(|mistakes| panic!("{mistakes}")),
            "-j" => lines.style.json = Json::Yes,
            "-A" => lines.style.buffers = Buffers::Ascii,
            "-X" => lines.style.buffers = Buffers::HexAscii,
            "-x" => lines.style.buffers = Buffers::Hex,
            "-b" => lines.style.buffers = Buffers::Base64,
            "-R" => lines.style.ports = Ports::Services,
            "-v" => lines.style.longest = None,
            "-S" => summary = Some(Summary::default()),
            "-q" => lines.what = What::Nothing,
            "-d" => display = true,
            "-n" => lines.most = Some(value().parse().unwrap()),
            "-t" => lines.style.clock = Clock::of(&value()).unwrap(),
            _ => filter.push(word),
        }
    }
    let filter = (!filter.is_empty()).then(|| fathom_filter::compile(&filter.join(" "), &Fields));
    let filter = filter.transpose().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    *(if display { &mut lines.shown } else { &mut lines.filter }) = filter;
    let mut reader = Reader::stream(std::fs::File::open(file).unwrap(), Tolerance::Salvage).unwrap();
    let mut out = std::io::stdout().lock();
    let counts = lines.write(&mut reader, &mut out, summary.as_mut()).unwrap();
    counts.gaps.iter().for_each(|gap| eprintln!("{gap}"));
    let mut table = Vec::new();
    summary.iter().for_each(|summary| summary.write(&mut table));
    out.write_all(&table).unwrap();
}
