//! One command that does nothing, from the start of the program to its exit status.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use fathom_testkit::need::find_program;

use super::containers::{Containers, Toolkit};
use super::page::Page;
use super::turns::{Contender, take};
use crate::program::words;

/// One table per engine: fathom and its peers on the same container.
pub(super) fn measure(containers: &Containers, rounds: u32, page: &mut Page) -> anyhow::Result<()> {
    let (runc, target) = &containers.runc;
    let mut contenders = ours(containers, target);
    contenders.push(Contender::new("runc exec", || timed(runc.command().args(["exec", target.id(), "true"]))));
    if find_program("nsenter").is_some() {
        let pid = target.pid().to_string();
        contenders.push(Contender::new("nsenter -a", move || {
            timed(Command::new("nsenter").args(["-a", "-t", &pid, "true"]))
        }));
    }
    page.times(
        "`-- true` in a container of runc",
        "from the start of the program to its status",
        take(contenders, rounds)?,
    );

    if let Some((engine, target)) = &containers.containerd {
        let mut contenders = ours(containers, target);
        contenders.push(Contender::new("ctr task exec", || {
            let id = containers.exec_id();
            timed(engine.command("default").args(["task", "exec", &id, target.id(), "true"]))
        }));
        page.times("`-- true` in a container of containerd", "as above", take(contenders, rounds)?);
    }
    if let Some((engine, target)) = &containers.docker {
        let mut contenders = ours(containers, target);
        contenders.push(Contender::new("fathom enter (mini), by id", || {
            let mut command = Command::new(&containers.program);
            timed(command.args(["enter", &target.id()[..12], "--toolkit", "mini", "--", "true"]))
        }));
        contenders.push(Contender::new("docker exec", || timed(engine.command().args(["exec", target.id(), "true"]))));
        page.times(
            "`-- true` in a container of docker",
            "as above; by id, the container is looked for in every engine's files and in /proc",
            take(contenders, rounds)?,
        );
    }
    Ok(())
}

fn ours<'a>(containers: &'a Containers, target: &'a fathom_testkit::engine::Running) -> Vec<Contender<'a>> {
    let contender = |toolkit: Toolkit| {
        Contender::new(&format!("fathom enter ({})", toolkit.name()), move || {
            timed(containers.enter(target, toolkit).args(["--", "true"]))
        })
    };
    containers.toolkits().into_iter().map(contender).collect()
}

/// Runs a command that has to succeed, without a terminal.
pub(super) fn timed(command: &mut Command) -> anyhow::Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", words(command)))?;
    let status = child.wait().context("cannot wait for it")?;
    let time = started.elapsed();
    if !status.success() {
        let mut said = String::new();
        let _ = child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
        bail!("`{}` ended with {status}: {}", words(command), said.trim());
    }
    Ok(time)
}
