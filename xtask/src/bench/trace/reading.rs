//! Reading a recording: both programs with the same words, side by side. Where one prints more than the other, nothing
//! is measured.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::recording::{EVENTS, Recording};
use crate::bench::page::{Page, milliseconds, size};
use crate::bench::turns::{Contender, Series, take};
use crate::program::words;

/// One question to a recording.
struct Question {
    title: &'static str,
    words: &'static [&'static str],
    /// What a reader of the page has to know.
    what: &'static str,
    /// How many times sysdig's speed is wanted.
    aim: f64,
}

const QUESTIONS: &[Question] = &[
    Question {
        title: "A filter that matches nothing",
        words: &["proc.name=nosuch"],
        what: "`proc.name=nosuch`, asked of every event",
        aim: 1.5,
    },
    Question { title: "Default lines", words: &[], what: "into a pipe that is read as fast as it fills", aim: 5.0 },
    Question { title: "JSON", words: &["-j"], what: "`-j`, into a pipe", aim: 5.0 },
    Question {
        title: "A view",
        words: &["-c", "topprocs_file"],
        what: "`-c topprocs_file`, added up to the end",
        aim: 2.0,
    },
];

/// Both programs.
const NAMES: [&str; 2] = ["fathom trace", "sysdig"];

pub(super) fn measure(program: &Path, recording: &Recording, rounds: u32, page: &mut Page) -> anyhow::Result<()> {
    let mut memory = Vec::new();
    for Question { title, words, what, aim } in QUESTIONS {
        eprintln!("measuring: {title}");
        let [mut ours, mut theirs] = [Command::new(program), Command::new("sysdig")];
        ours.arg("trace");
        for command in [&mut ours, &mut theirs] {
            command.arg("-r").arg(&recording.file).args(*words);
        }
        let peaks = [peak(&mut ours)?, peak(&mut theirs)?].map(size);
        memory.push([vec![(*title).to_owned()], peaks.to_vec()].concat());
        let (mut own, mut other) = (0, 0);
        let contenders = vec![
            Contender::new(NAMES[0], || heard(&mut ours, &mut own)),
            Contender::new(NAMES[1], || heard(&mut theirs, &mut other)),
        ];
        let series = take(contenders, rounds)?;
        ensure!(own == other, "{title}: fathom has {own} bytes and sysdig {other}");
        page.table(title, &format!("{what}; aim: {aim} × sysdig's speed"), &SPEEDS, speeds(&series));
    }
    let columns = ["", NAMES[0], NAMES[1]];
    page.table("Memory while reading", "the most that was resident; aim: no more than sysdig's", &columns, memory);
    Ok(())
}

const SPEEDS: [&str; 6] = ["", "median", "nine of ten", "best", "events per second", "× sysdig's speed"];

/// A row for each; the last one is sysdig.
fn speeds(all: &[Series]) -> Vec<Vec<String>> {
    let reference = all.last().map(Series::median).unwrap_or_default().as_secs_f64();
    let row = |series: &Series| {
        let median = series.median().as_secs_f64().max(f64::EPSILON);
        let times = [series.median(), series.ninth(), series.best()].map(milliseconds);
        let millions = format!("{:.2} M", EVENTS as f64 / median / 1e6);
        [vec![series.name.clone()], times.to_vec(), vec![millions, format!("{:.2}", reference / median)]].concat()
    };
    all.iter().map(row).collect()
}

/// Runs `command` and counts the bytes that it prints, from its start to its end.
fn heard(command: &mut Command, bytes: &mut usize) -> anyhow::Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", words(command)))?;
    let mut output = child.stdout.take().context("stdout is a pipe")?;
    let mut buffer = vec![0; 64 << 10];
    *bytes = 0;
    loop {
        match output.read(&mut buffer).context("cannot read what it prints")? {
            0 => break,
            read => *bytes += read,
        }
    }
    let status = child.wait().context("cannot wait for it")?;
    let time = started.elapsed();
    ensure!(status.success(), "`{}` ended with {status}", words(command));
    Ok(time)
}

/// Runs `command` once and looks how much of it is resident for as long as it runs. The kernel keeps the most.
fn peak(command: &mut Command) -> anyhow::Result<u64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", words(command)))?;
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().context("cannot wait for it")?.is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        most = most.max(line.trim().trim_end_matches(" kB").parse().unwrap_or(0));
    }
    Ok(most * 1024)
}
