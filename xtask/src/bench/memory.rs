//! Memory of what stays while a session runs: client, supervisor and init, each page divided by those who share it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};

use super::containers::{Containers, Toolkit};
use super::page::Page;

/// What stays, parents first.
const ROLES: &[&str] = &["client", "supervisor", "init"];

/// One session with pipes, as `/proc/PID/smaps_rollup` has it.
pub(super) fn measure(containers: &Containers, page: &mut Page) -> anyhow::Result<()> {
    let (runc, target) = &containers.runc;
    // The container's own program as the command, so that no applet shares our pages.
    let mut ours = containers.enter(target, Toolkit::Mini);
    ours.args(["--root", "target", "--", "/bin/cat"]);
    let ours = Echo::start(ours)?;
    let processes = descendants(ours.pid());
    // The last one is the command, which is the user's and not ours.
    let (_, own) = processes.split_last().context("a session has processes")?;
    let mut rows = Vec::new();
    ensure!(own.len() == ROLES.len(), "a session has other processes than expected: {processes:?}");
    for ((pid, _), role) in own.iter().zip(ROLES) {
        rows.push(((*role).to_owned(), pss(*pid)?));
    }
    let total: u64 = rows.iter().map(|(_, bytes)| bytes).sum();
    rows.push(("all three".to_owned(), total));
    ours.end()?;

    let mut theirs = runc.command();
    theirs.args(["exec", target.id(), "/bin/cat"]);
    let theirs = Echo::start(theirs)?;
    let stays: u64 = descendants(theirs.pid())
        .iter()
        .filter(|(_, name)| name == "runc")
        .map(|(pid, _)| pss(*pid))
        .sum::<anyhow::Result<u64>>()?;
    rows.push(("for comparison: runc exec".to_owned(), stays));
    theirs.end()?;
    page.sizes("Memory of a session", "proportional set size (PSS) while a command runs, without the command", rows);
    Ok(())
}

/// A command that answers what it hears: proof that it runs.
pub(super) struct Echo {
    child: Child,
}

impl Echo {
    /// Starts `command`, which runs `cat` in the end.
    pub(super) fn start(mut command: Command) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut echo = Echo { child: child.context("cannot start a session")? };
        echo.ask()?;
        echo.answer()?;
        Ok(echo)
    }

    /// Starts it without waiting for it.
    pub(super) fn launch(mut command: Command) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut echo = Echo { child: child.context("cannot start a session")? };
        echo.ask()?;
        Ok(echo)
    }

    fn ask(&mut self) -> anyhow::Result<()> {
        use std::io::Write as _;
        self.child.stdin.as_mut().context("stdin is a pipe")?.write_all(b"here\n").context("the session has no stdin")
    }

    /// Waits for the word that was asked for.
    pub(super) fn answer(&mut self) -> anyhow::Result<()> {
        let mut line = String::new();
        let stdout = self.child.stdout.as_mut().context("stdout is a pipe")?;
        BufReader::new(stdout).read_line(&mut line).context("the session has no stdout")?;
        ensure!(line == "here\n", "the session answered `{}`", line.trim());
        Ok(())
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it by the end of its stdin.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        let output = self.child.wait_with_output().context("cannot wait for the session")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "a session ended with {}: {}", output.status, said.trim());
        Ok(())
    }
}

/// The process and all below it, parents first, with their names.
pub(super) fn descendants(pid: u32) -> Vec<(u32, String)> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
    let mut found = vec![(pid, name)];
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for thread in threads {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|pid| pid.parse().ok()).flat_map(descendants));
    }
    found
}

/// Proportional set size in bytes.
pub(super) fn pss(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("the kernel says no Pss")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().context("Pss is no number")?;
    Ok(kilobytes * 1024)
}
