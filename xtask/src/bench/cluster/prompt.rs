//! From the command to the first prompt: with an agent there, with none, through an installed server, and as `kubectl debug` does it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::super::page::Page;
use super::super::prompt::{on_terminal, terminal, wait_readable};
use super::super::turns::{Contender, take};
use super::installed::Installed;
use super::place::Place;
use crate::program::words;

/// How long a prompt may take before there is none.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn measure(place: &Place, rounds: u32, page: &mut Page) -> anyhow::Result<()> {
    let installed = Installed::begin(place)?;
    let mut contenders = vec![
        Contender::new("fathom enter, an agent there", || {
            place.done(place.enter(&["true"]))?;
            prompt(&place.enter(&[]))
        }),
        Contender::new("fathom enter, no agent yet", || {
            place.without_agents()?;
            prompt(&place.enter(&[]))
        }),
    ];
    contenders.push(Contender::new("fathom enter, through the installed server", || prompt(&installed.enter(&[]))));
    if place.own.is_none() {
        contenders.push(Contender::new("kubectl debug --target", || {
            let pod = place.pod()?;
            let debug = ["debug", "-it", &pod, "--image=busybox:1.35", "--target=web", "--profile=general", "--", "sh"];
            prompt(&place.kubectl(&debug))
        }));
    }
    let what = "the program on a terminal, up to a shell's prompt; the image is on the node";
    page.times("The first prompt in a pod", what, take(contenders, rounds)?);
    Ok(())
}

/// Until something ends in a shell's sign. kubectl asks for a key where it may have missed it.
fn prompt(command: &Command) -> anyhow::Result<Duration> {
    let (master, slave) = terminal().context("cannot open a terminal")?;
    let mut wrapped = on_terminal(command, &slave)?;
    let started = Instant::now();
    let mut child = wrapped.spawn().context("cannot run setsid")?;
    drop((slave, wrapped));
    let mut screen = File::from(master);
    let (mut said, mut time) = (String::new(), None);
    while time.is_none() && started.elapsed() < PATIENCE {
        if wait_readable(&screen, Duration::from_millis(100)) {
            let mut bytes = [0; 4096];
            let Ok(count @ 1..) = screen.read(&mut bytes) else { break };
            said.push_str(&String::from_utf8_lossy(&bytes[..count]));
        } else if said.contains("try pressing enter") {
            screen.write_all(b"\n").context("cannot type into the terminal")?;
        }
        // Shells say to the terminal what else they want of it behind that.
        let line = said.rsplit('\n').next().unwrap_or_default();
        time = (line.contains("# ") || line.contains("$ ")).then(|| started.elapsed());
    }
    screen.write_all(b"exit\n").context("cannot type into the terminal")?;
    let mut rest = Vec::new();
    let _ = screen.read_to_end(&mut rest);
    child.wait().context("cannot wait for the shell")?;
    match time {
        Some(time) => Ok(time),
        None => bail!("`{}` shows no prompt: {said}", words(command)),
    }
}
