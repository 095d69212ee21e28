//! 200 sessions on one target, all alive at the same time.

use std::time::Instant;

use fathom_testkit::need::find_program;

use super::containers::{Containers, Toolkit};
use super::memory::{Echo, descendants, pss};
use super::page::{Page, milliseconds, size};

const SESSIONS: usize = 200;

/// Until the last of them answers, until the last of them is gone, and what they need meanwhile.
pub(super) fn measure(containers: &Containers, page: &mut Page) -> anyhow::Result<()> {
    let (runc, target) = &containers.runc;
    let mut rows = Vec::new();
    let ours = || {
        let mut command = containers.enter(target, Toolkit::Mini);
        command.args(["--root", "target", "--", "/bin/cat"]);
        command
    };
    rows.push(row("fathom enter (mini)", &ours, &["fathom", "fathom-enter", "fathom-init"])?);
    if find_program("runc").is_some() {
        let theirs = || {
            let mut command = runc.command();
            command.args(["exec", target.id(), "/bin/cat"]);
            command
        };
        rows.push(row("runc exec", &theirs, &["runc"])?);
    }
    let columns = ["", "until all answer", "until all are gone", "PSS of what stays, all together"];
    page.table(&format!("{SESSIONS} sessions on one container at once"), "one run", &columns, rows);
    Ok(())
}

fn row(name: &str, start: &dyn Fn() -> std::process::Command, own: &[&str]) -> anyhow::Result<Vec<String>> {
    let started = Instant::now();
    let mut sessions = (0..SESSIONS).map(|_| Echo::launch(start())).collect::<anyhow::Result<Vec<_>>>()?;
    sessions.iter_mut().try_for_each(Echo::answer)?;
    let answered = started.elapsed();
    let processes = sessions.iter().flat_map(|session| descendants(session.pid()));
    let ours = processes.filter(|(_, name)| own.contains(&name.as_str()));
    let memory: u64 = ours.map(|(pid, _)| pss(pid)).sum::<anyhow::Result<u64>>()?;
    let ending = Instant::now();
    sessions.into_iter().try_for_each(Echo::end)?;
    Ok(vec![name.to_owned(), milliseconds(answered), milliseconds(ending.elapsed()), size(memory)])
}
