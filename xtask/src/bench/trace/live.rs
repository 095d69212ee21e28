//! Looking at what happens now: what it costs the process that is looked at and those that are not, how much of it can
//! be taken, and how soon it begins.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::kernel;
use crate::bench::page::{Page, milliseconds};
use crate::bench::turns::{Contender, Series, take};
use crate::program::words;

/// Blocks of 80 bytes that dd copies, and fewer for strace, which takes its time.
pub(super) const BLOCKS: u32 = 500_000;
const FEW: u32 = 20_000;
/// One call reads a block and one writes it.
pub(super) const CALLS: u32 = 2;
/// Processes that are there already when the first event is waited for.
const CROWD: usize = 2000;

pub(super) fn measure(program: &Path, rounds: u32, page: &mut Page) -> anyhow::Result<()> {
    eprintln!("measuring: one call");
    one_call(program, rounds, page)?;
    eprintln!("measuring: one call, in the kernel");
    kernel::measure(rounds, page)?;
    eprintln!("measuring: one busy process");
    busy(program, rounds, page)?;
    eprintln!("measuring: the first event");
    first_event(program, rounds, page)
}

/// What a call takes longer because somebody looks.
fn one_call(program: &Path, rounds: u32, page: &mut Page) -> anyhow::Result<()> {
    let contenders = vec![
        Contender::new("nobody looks", || copy(Command::new("env"), BLOCKS)),
        Contender::new("fathom trace looks at another", || {
            let other = Other::look(program)?;
            let time = copy(Command::new("env"), BLOCKS)?;
            other.end().map(|()| time)
        }),
        Contender::new("fathom trace -q", || copy(trace(program, &["-q", "--"]), BLOCKS)),
        Contender::new("fathom trace, its lines to /dev/null", || copy(trace(program, &["--"]), BLOCKS)),
        Contender::new("strace -f", || {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-o", "/dev/null"]);
            copy(strace, FEW)
        }),
    ];
    let series = take(contenders, rounds)?;
    let per_call = |series: &Series| {
        let blocks = if series.name.starts_with("strace") { FEW } else { BLOCKS };
        series.median().as_secs_f64() * 1e6 / f64::from(blocks * CALLS)
    };
    let alone = series.first().map_or(0.0, per_call);
    let row = |series: &Series| {
        let micros = [per_call(series), per_call(series) - alone].map(|micros| format!("{micros:.2} µs"));
        [vec![series.name.clone()], micros.to_vec()].concat()
    };
    let what = "`dd bs=80` from /dev/zero to /dev/null, by its own clock; aims: 0.25 µs added where another is looked at, \
                0.6 µs where it is looked at itself, and 1/25 of strace's";
    let rows = series.iter().map(row).collect();
    page.table("One call", what, &["", "per call", "added by who looks"], rows);
    Ok(())
}

/// What one busy process makes: as much as it can, and about as much as is aimed for, because larger blocks take longer.
const BUSY: &[(&str, &[&str], u32)] = &[
    ("-q, blocks of 80 bytes", &["-q", "--stats", "--"], 80),
    ("lines to /dev/null, blocks of 80 bytes", &["--stats", "--"], 80),
    ("-q, blocks of 24 KiB", &["-q", "--stats", "--"], 24 << 10),
    ("lines to /dev/null, blocks of 48 KiB", &["--stats", "--"], 48 << 10),
    ("-w to /dev/null, blocks of 24 KiB", &["-w", "/dev/null", "--stats", "--"], 24 << 10),
];

fn busy(program: &Path, rounds: u32, page: &mut Page) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (name, asked, block) in BUSY {
        let (mut sent, mut lost) = (0, 0);
        let turn = || {
            let said = copied(trace(program, asked), BLOCKS * 4, *block)?;
            let counts = said.lines().filter_map(tally).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            (sent, lost) = (counts.0, lost + counts.1);
            duration(&said)
        };
        let series = take(vec![Contender::new(name, turn)], rounds)?;
        ensure!(sent >= u64::from(BLOCKS * 4 * CALLS), "only {sent} of {} calls were counted", BLOCKS * 4 * CALLS);
        let median = series.first().map(Series::median).unwrap_or_default().as_secs_f64();
        // Two events for each call.
        let rate = f64::from(BLOCKS * 4 * CALLS) * 2.0 / median / 1e6;
        rows.push(vec![(*name).to_owned(), format!("{rate:.2} M"), lost.to_string()]);
    }
    let what = format!(
        "{} calls by one `dd`, each two events, those that are lost counted in the rate; aims: 1.5 M, and none lost",
        BLOCKS * 4 * CALLS
    );
    page.table("One busy process", &what, &["fathom trace", "events per second", "calls lost in all rounds"], rows);
    Ok(())
}

/// From the start of the program to what it says first.
fn first_event(program: &Path, rounds: u32, page: &mut Page) -> anyhow::Result<()> {
    let _crowd = Crowd::start()?;
    let turn = |words: &[&str]| {
        let started = Instant::now();
        let (mut child, mut output) = begun(trace(program, words))?;
        let time = started.elapsed();
        output.read_to_end(&mut Vec::new()).context("cannot read what it prints")?;
        ensure!(child.wait().context("cannot wait for it")?.success(), "fathom trace failed");
        Ok(time)
    };
    let contenders = vec![
        Contender::new("fathom trace -- true", || turn(&["--", "true"])),
        // Somebody on the machine always does something: we do, while we wait.
        Contender::new("fathom trace -n 1", || turn(&["-n", "1"])),
    ];
    let series = take(contenders, rounds)?;
    let row = |series: &Series| {
        let times = [series.median(), series.ninth(), series.best()].map(milliseconds);
        [vec![series.name.clone()], times.to_vec()].concat()
    };
    let what = format!("from the command to the first line, with {CROWD} processes more on the machine; aim: 150 ms");
    let rows = series.iter().map(row).collect();
    page.table("The first event", &what, &["", "median", "nine of ten", "best"], rows);
    Ok(())
}

fn trace(program: &Path, words: &[&str]) -> Command {
    let mut trace = Command::new(program);
    trace.arg("trace").args(words);
    trace
}

/// Lets `who` start a dd; how long that took by its own clock.
fn copy(who: Command, blocks: u32) -> anyhow::Result<Duration> {
    duration(&copied(who, blocks, 80)?)
}

/// The same; what was said.
fn copied(mut who: Command, blocks: u32, block: u32) -> anyhow::Result<String> {
    who.args(["dd", "if=/dev/zero", "of=/dev/null", &format!("bs={block}"), &format!("count={blocks}")]);
    who.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = who.output().with_context(|| format!("cannot run `{}`", words(&who)))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "`{}` ended with {}: {}", words(&who), output.status, said.trim());
    Ok(said)
}

/// `160000000 bytes (160 MB, 153 MiB) copied, 1.23 s, 130 MB/s`
pub(super) fn duration(said: &str) -> anyhow::Result<Duration> {
    let seconds = said.lines().find_map(|line| line.split_once(" copied, ")?.1.split(' ').next()?.parse().ok());
    seconds.map(Duration::from_secs_f64).with_context(|| format!("dd does not say how long it took: {said}"))
}

/// `fathom: processor 0: 12 calls, of which 3 are lost`
fn tally(line: &str) -> Option<(u64, u64)> {
    let (what, lost) = line.split_once(" calls, of which ")?;
    Some((what.rsplit(' ').next()?.parse().ok()?, lost.split(' ').next()?.parse().ok()?))
}

/// Starts it and waits for its first line.
fn begun(mut command: Command) -> anyhow::Result<(Child, BufReader<std::process::ChildStdout>)> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", words(&command)))?;
    let mut output = BufReader::new(child.stdout.take().context("stdout is a pipe")?);
    let mut line = String::new();
    output.read_line(&mut line).context("cannot read what it prints")?;
    ensure!(!line.is_empty(), "`{}` says nothing", words(&command));
    Ok((child, output))
}

/// Somebody else is looked at: a `cat` that waits for its input.
struct Other(Child, BufReader<std::process::ChildStdout>);

impl Other {
    fn look(program: &Path) -> anyhow::Result<Self> {
        begun(trace(program, &["--", "cat"])).map(|(child, output)| Other(child, output))
    }

    fn end(mut self) -> anyhow::Result<()> {
        drop(self.0.stdin.take());
        self.1.read_to_end(&mut Vec::new()).context("cannot read what it prints")?;
        let status = self.0.wait().context("cannot wait for it")?;
        ensure!(status.success(), "`fathom trace -- cat` ended with {status}");
        Ok(())
    }
}

/// Processes that do nothing, until dropped.
struct Crowd(Vec<Child>);

impl Crowd {
    fn start() -> anyhow::Result<Self> {
        let mut crowd = Crowd(Vec::new());
        for _ in 0..CROWD {
            let mut sleep = Command::new("sleep");
            sleep.arg("100000").stdin(Stdio::null()).stdout(Stdio::null());
            crowd.0.push(sleep.spawn().context("cannot start so many processes")?);
        }
        Ok(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|child| drop(child.kill()));
        self.0.iter_mut().for_each(|child| drop(child.wait()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_has_the_numbers() {
        let said = "fathom: processor 1: 12 calls, of which 3 are lost\n2+0 records in\n2+0 records out\n\
                    160 bytes copied, 0.25 s, 0.6 kB/s\n";
        assert_eq!(duration(said).expect("it is there"), Duration::from_millis(250));
        assert_eq!(said.lines().filter_map(tally).collect::<Vec<_>>(), [(12, 3)]);
        duration("dd: out of luck").expect_err("it is not there");
    }
}
