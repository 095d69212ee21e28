//! `cargo xtask demo`: from a fresh machine to a shell's worth of tools inside a container that has none.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use crate::program::{Profile, fathom, install, step};

/// Cargo is there, or we would not be; what is built for musl wants this compiler by name (.cargo/config.toml).
const NEEDS: &[(&str, &str)] = &[("gcc", "gcc")];

/// Builds, starts the demo, does the main job on it with both roots, and says what to try next. The demo stays up.
pub(crate) fn run() -> anyhow::Result<u8> {
    install(NEEDS)?;
    let program = fathom(Profile::Release)?;
    let run = |words: &[&str]| step(Command::new(&program).args(words));

    heading("Four sandboxes, made of nothing but this one file");
    run(&["demo", "up"])?;
    run(&["ps"])?;

    heading("Inside `web`, whose image is one program: `/` is the tools, the container's files are at /target");
    run(&["enter", "demo/web", "--", "sh", "-c", "hostname; ls -l /target; ps -ef"])?;

    heading("The same place as the container sees it: `/` is its own, the tools are at /.fathom");
    run(&["enter", "demo/web", "--root", "target", "--", "sh", "-c", "ls -l /; cat /proc/1/status | head -1"])?;

    heading("A command's exit status is passed on");
    passes_on(&program, 7)?;

    next(&program);
    Ok(0)
}

fn passes_on(program: &Path, status: i32) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command.args(["enter", "demo/web", "--", "sh", "-c"]).arg(format!("exit {status}"));
    let ended = crate::program::status(&mut command)?;
    ensure!(ended.code() == Some(status), "`exit {status}` came back as {ended}");
    println!("{status}");
    Ok(())
}

fn heading(text: &str) {
    println!("\n== {text}");
}

fn next(program: &Path) {
    let name = program.display();
    heading("What to try next");
    println!(
        "\
  {name} enter demo/web                     a shell with tools inside `web`
  {name} enter demo/api -- ss -lnt          who listens there
  {name} enter demo/web --dry-run           what an entry does, without doing it
  {name} enter demo/web --root target       `/` is the container's own
  {name} sessions                           who is inside
  {name} demo down                          ends the demo; nothing stays"
    );
}
