//! How podman's containers ended, asked of podman itself. It keeps that in a database of its own; only where its events go
//! to a file, or its service listens, is it told without.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use fathom_model::detail::Runs;
use fathom_model::{Container, Engine, Facts};
use fathom_runtime::Places;
use fathom_runtime::records::inspected;
use serde_json::Value;

/// Where podman is.
const PROGRAM: &str = "/usr/bin/podman";

/// One that waits for a lock is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What it says of one container is shorter.
const LONGEST: u64 = 4 << 20;

/// Statuses of who was told to end, or killed: podman does not tell by whom.
const ENDED: [i64; 2] = [137, 143];

/// Adds to the runs of a container of podman's that does not run how they ended, where its files do not say.
pub(super) fn ask(places: &Places, found: &Container, name: &str, runs: &mut Runs, all: &mut Facts) {
    // Where we look at a tree of files, the podman of this machine is another.
    let is_here = places.beneath(Path::new("/")) == Path::new("/");
    if found.engine != Engine::Podman || runs.status.is_some() || !is_here {
        return;
    }
    let what = format!("see how {name} ended");
    let given_up = |all: &Facts| all.lacks.iter().any(|lack| lack.reason == SILENT);
    if given_up(all) {
        return all.lack(what, SILENT);
    }
    match inspect(&found.id) {
        Ok(Some(told)) => *runs = Runs { log: runs.log.take().or(told.log.clone()), ..told },
        Ok(None) => all.lack(what, "podman knows it under another user only, and no file tells"),
        Err(reason) => all.lack(what, reason),
    }
}

const SILENT: &str = "podman does not answer in time";

/// One that was told to stop did not fail: where nobody says which it was, that is assumed.
pub(super) fn doubt(found: &Container, runs: &mut Runs) {
    if found.engine == Engine::Podman && runs.status.is_some_and(|status| ENDED.contains(&status)) {
        runs.was_stopped = runs.was_stopped.or(Some(true));
    }
}

fn inspect(id: &str) -> Result<Option<Runs>, &'static str> {
    let mut command = Command::new(PROGRAM);
    let command = command.args(["container", "inspect", id]).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|_| "podman is not in /usr/bin")?;
    let Some(output) = child.stdout.take() else { return Err(SILENT) };
    let (put, take) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.take(LONGEST).read_to_end(&mut bytes).map(|_| bytes);
        let _ = put.send(read);
    });
    let read = take.recv_timeout(PATIENCE);
    if read.is_err() {
        let _ = child.kill();
    }
    let ended = child.wait().is_ok_and(|status| status.success());
    let bytes = read.map_err(|_| SILENT)?.map_err(|_| SILENT)?;
    // A list of one, each as Docker's API tells it.
    let list: Vec<Value> = serde_json::from_slice(&bytes).unwrap_or_default();
    let first = list.first().filter(|_| ended).and_then(|one| inspected(one.to_string().as_bytes()).ok());
    Ok(first.map(|detail| detail.runs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_have_been_stopped_is_not_called_failed() {
        let podman = Container::new("507f", Engine::Podman);
        for (status, told, expect) in
            [(143, None, Some(true)), (137, Some(false), Some(false)), (3, None, None), (0, None, None)]
        {
            let mut runs = Runs { status: Some(status), was_stopped: told, ..Runs::default() };
            doubt(&podman, &mut runs);
            assert_eq!(runs.was_stopped, expect, "{status}");
        }
    }
}
