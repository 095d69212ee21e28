//! `strings`, `hexdump` and `xxd`: bytes made visible.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};

use crate::frame::{Manual, Out, Outcome, Trouble, Word, Words, serve, unknown};

/// `strings`
pub(crate) fn strings(argv: Vec<OsString>) -> i32 {
    let usage = "strings [-a] [-n LENGTH] [-t d|o|x] [-f] [FILE...]\n  Runs of at least LENGTH (4) printable characters; -t: with their offsets.";
    serve(argv, &Manual { usage, failure: 1 }, |mut words, out| {
        let (mut least, mut radix, mut names, mut files) = (4, None, false, Vec::new());
        while let Some(word) = words.next()? {
            match word {
                Word::Short('n') => least = words.number::<usize>()?.max(1),
                Word::Short('t') => radix = Some(words.text()?),
                Word::Short('f') => names = true,
                Word::Short('a') => {}
                Word::Plain(file) => files.push(file),
                other => return Err(unknown(&other)),
            }
        }
        for file in or_stdin(files) {
            let mut run: Vec<u8> = Vec::new();
            let mut show = |run: &mut Vec<u8>, end: u64| -> Result<(), Trouble> {
                if run.len() >= least {
                    if names {
                        write!(out, "{}: ", file.display())?;
                    }
                    let start = end - run.len() as u64;
                    match radix.as_deref() {
                        Some("d") => write!(out, "{start:7} ")?,
                        Some("o") => write!(out, "{start:7o} ")?,
                        Some("x") => write!(out, "{start:7x} ")?,
                        Some(other) => return Err(Trouble::Words(format!("offsets are d, o or x, not `{other}`"))),
                        None => {}
                    }
                    out.write_all(run)?;
                    out.write_all(b"\n")?;
                }
                run.clear();
                Ok(())
            };
            let mut at = 0;
            let mut source = BufReader::with_capacity(64 * 1024, super::open(&file)?);
            loop {
                let bytes = source.fill_buf()?;
                if bytes.is_empty() {
                    break;
                }
                let length = bytes.len();
                for byte in bytes {
                    if matches!(byte, b' '..=b'~' | b'\t') {
                        run.push(*byte);
                    } else {
                        show(&mut run, at)?;
                    }
                    at += 1;
                }
                source.consume(length);
            }
            show(&mut run, at)?;
        }
        Ok(0)
    })
}

fn or_stdin(files: Vec<OsString>) -> Vec<OsString> {
    if files.is_empty() { vec!["-".into()] } else { files }
}

/// Which part of the bytes is shown.
struct Part {
    skip: u64,
    length: u64,
    width: usize,
}

/// `hexdump`
pub(crate) fn hexdump(argv: Vec<OsString>) -> i32 {
    let usage = "hexdump [-C] [-n BYTES] [-s SKIP] [FILE...]\n  -C: bytes beside their characters; otherwise words of two bytes.";
    serve(argv, &Manual { usage, failure: 1 }, |mut words, out| {
        let mut part = Part { skip: 0, length: u64::MAX, width: 16 };
        let (mut canonical, mut files) = (false, Vec::new());
        while let Some(word) = words.next()? {
            match word {
                Word::Short('C') => canonical = true,
                Word::Short('n') => part.length = offset(&mut words)?,
                Word::Short('s') => part.skip = offset(&mut words)?,
                Word::Short('v') => {}
                Word::Plain(file) => files.push(file),
                other => return Err(unknown(&other)),
            }
        }
        let end = rows(files, &part, |at, row| {
            if canonical {
                let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
                let (left, right) = hex.split_at(hex.len().min(8));
                writeln!(out, "{at:08x}  {:23}  {:23}  |{}|", left.join(" "), right.join(" "), characters(row))?;
            } else {
                let pairs = row.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
                let words: Vec<String> = pairs.map(|word| format!("{word:04x}")).collect();
                writeln!(out, "{at:07x} {}", words.join(" "))?;
            }
            Ok(())
        })?;
        if canonical {
            writeln!(out, "{end:08x}")?;
        } else {
            writeln!(out, "{end:07x}")?;
        }
        Ok(0)
    })
}

/// `xxd`
pub(crate) fn xxd(argv: Vec<OsString>) -> i32 {
    let usage = "xxd [-p] [-r] [-l BYTES] [-s SKIP] [-c COLUMNS] [-g GROUP] [FILE]\n  -p: only the digits; -r: from digits to bytes.";
    serve(argv, &Manual { usage, failure: 1 }, |mut words, out| {
        let mut part = Part { skip: 0, length: u64::MAX, width: 0 };
        let (mut plain, mut reverse, mut group, mut files) = (false, false, 2, Vec::new());
        while let Some(word) = words.next()? {
            match word {
                Word::Short('p') => plain = true,
                Word::Short('r') => reverse = true,
                Word::Short('l') => part.length = offset(&mut words)?,
                Word::Short('s') => part.skip = offset(&mut words)?,
                Word::Short('c') => part.width = words.number()?,
                Word::Short('g') => group = words.number::<usize>()?,
                Word::Plain(file) => files.push(file),
                other => return Err(unknown(&other)),
            }
        }
        if reverse {
            return back(files, plain, out);
        }
        part.width = match part.width {
            0 if plain => 30,
            0 => 16,
            width => width.min(256),
        };
        let group = if group == 0 { part.width } else { group };
        rows(files, &part, |at, row| {
            let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            if plain {
                writeln!(out, "{}", digits(row))?;
            } else {
                let groups: Vec<String> = row.chunks(group).map(digits).collect();
                let width = part.width * 2 + part.width.div_ceil(group);
                writeln!(out, "{at:08x}: {:width$} {}", groups.join(" "), characters(row))?;
            }
            Ok(())
        })?;
        Ok(0)
    })
}

/// From `xxd`'s output, or plain digits, to bytes.
fn back(files: Vec<OsString>, plain: bool, out: &mut Out) -> Outcome {
    for file in or_stdin(files) {
        for line in BufReader::new(super::open(&file)?).lines() {
            let line = line?;
            let digits = match line.split_once(": ") {
                // Two blanks end the digits; what follows are the characters.
                Some((_, rest)) if !plain => rest.split("  ").next().unwrap_or_default(),
                Some(_) | None => &line,
            };
            let digits: Vec<u32> = digits.chars().filter_map(|letter| letter.to_digit(16)).collect();
            let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect();
            out.write_all(&bytes)?;
        }
    }
    Ok(0)
}

/// A number of bytes: `16`, `0x10`, and for hexdump's friends `4k`.
fn offset(words: &mut Words) -> Result<u64, Trouble> {
    let text = words.text()?;
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => match text.strip_suffix('k') {
            Some(kilo) => kilo.parse().ok().and_then(|number: u64| number.checked_mul(1024)),
            None => text.parse().ok(),
        },
    };
    parsed.ok_or_else(|| Trouble::Words(format!("not a number of bytes: `{text}`")))
}

/// Hands the bytes of all files to `show`, a row at a time, with their offset; gives the offset after them.
fn rows(
    files: Vec<OsString>,
    part: &Part,
    mut show: impl FnMut(u64, &[u8]) -> Result<(), Trouble>,
) -> Result<u64, Trouble> {
    let mut source: Box<dyn Read> = Box::new(std::io::empty());
    for file in or_stdin(files) {
        source = Box::new(source.chain(super::open(&file)?));
    }
    let skipped = std::io::copy(&mut source.by_ref().take(part.skip), &mut std::io::sink())?;
    let mut source = BufReader::with_capacity(64 * 1024, source.take(part.length));
    let mut at = skipped;
    loop {
        let mut row = Vec::with_capacity(part.width);
        source.by_ref().take(part.width as u64).read_to_end(&mut row)?;
        if row.is_empty() {
            return Ok(at);
        }
        show(at, &row)?;
        at += row.len() as u64;
    }
}

fn characters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' }).collect()
}
