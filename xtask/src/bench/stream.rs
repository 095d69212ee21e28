//! A gigabyte through a session without a terminal: out of a file in the container, and in and out again.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::containers::{Containers, Toolkit};
use super::page::{Page, milliseconds};
use super::turns::{Contender, Series, take};
use crate::program::words;

const BYTES: u64 = 1 << 30;
const ROUNDS: u32 = 5;

/// The same bytes by fathom, runc and docker. The file is in the page cache.
pub(super) fn measure(containers: &Containers, page: &mut Page) -> anyhow::Result<()> {
    let (runc, target) = &containers.runc;
    let file = runc.bundle(target.name()).join("rootfs/gigabyte");
    let written =
        File::create(&file).and_then(|mut file| std::io::copy(&mut std::io::repeat(b'f').take(BYTES), &mut file));
    written.with_context(|| format!("cannot write {}", file.display()))?;

    let ours = |command: &[&str]| {
        let mut enter = containers.enter(target, Toolkit::Mini);
        enter.args(["--stdin", "--"]).args(command);
        enter
    };
    let theirs = |command: &[&str]| {
        let mut exec = runc.command();
        exec.args(["exec", target.id()]).args(command);
        exec
    };
    let contenders = vec![
        Contender::new("fathom enter -- cat FILE > /dev/null", || out(ours(&["cat", "/target/gigabyte"]))),
        Contender::new("runc exec … cat FILE > /dev/null", || out(theirs(&["cat", "/gigabyte"]))),
        Contender::new("fathom enter -- cat, piped in and out", || through(ours(&["cat"]), &file)),
        Contender::new("runc exec … cat, piped in and out", || through(theirs(&["cat"]), &file)),
    ];
    let rows = take(contenders, ROUNDS)?.iter().map(row).collect();
    std::fs::remove_file(&file).context("cannot remove our file")?;
    let columns = ["", "median", "throughput"];
    page.table(
        "1 GiB through a session",
        &format!("no terminal; the file is in the page cache; {ROUNDS} rounds"),
        &columns,
        rows,
    );
    Ok(())
}

fn row(series: &Series) -> Vec<String> {
    let rate = BYTES as f64 / series.median().as_secs_f64() / (1u64 << 30) as f64;
    vec![series.name.clone(), milliseconds(series.median()), format!("{rate:.2} GiB/s")]
}

/// To /dev/null, from its start to its status.
pub(super) fn out(mut command: Command) -> anyhow::Result<Duration> {
    let null = File::options().write(true).open("/dev/null").context("cannot open /dev/null")?;
    let started = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(null).status().context("cannot start a session")?;
    ensure!(status.success(), "`{}` ended with {status}", words(&command));
    Ok(started.elapsed())
}

fn through(mut command: Command, file: &Path) -> anyhow::Result<Duration> {
    let input = Command::new("cat").arg(file).stdout(Stdio::piped()).spawn();
    let mut input = input.context("cannot run cat")?;
    let started = Instant::now();
    command.stdin(input.stdout.take().context("stdout is a pipe")?).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start a session")?;
    let mut output = child.stdout.take().context("stdout is a pipe")?;
    let mut buffer = vec![0; 1 << 20];
    let mut count = 0;
    loop {
        match output.read(&mut buffer).context("cannot read from the session")? {
            0 => break,
            read => count += read as u64,
        }
    }
    let status = child.wait().context("cannot wait for the session")?;
    let time = started.elapsed();
    input.wait().context("cannot wait for cat")?;
    ensure!(status.success() && count == BYTES, "`{}` ended with {status} after {count} bytes", words(&command));
    Ok(time)
}
