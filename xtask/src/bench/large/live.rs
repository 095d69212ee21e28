//! The same cluster behind an API server of ours, asked whole by `fathom why`. The server is slow, so that the time says
//! little; what counts is what is asked of it, and how much memory that takes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fathom_testkit::kubernetes::Kubernetes;
use fathom_testkit::memory::peak_of;
use fathom_testkit::population;

use crate::bench::page::Page;

/// Between two looks at the program.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn table(program: &Path, pods: usize, page: &mut Page) -> anyhow::Result<()> {
    eprintln!("measuring: a cluster that runs");
    let cluster = Kubernetes::without_nodes();
    let count = population::objects(pods).map(|object| cluster.record(object)).count();
    let mut asking = Command::new(program)
        .args(["why", "-o", "json"])
        .envs([("KUBECONFIG", cluster.kubeconfig().as_os_str()), ("FATHOM_CONFIG", "/dev/null".as_ref())])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let (start, mut most) = (Instant::now(), 0);
    let status = loop {
        most = most.max(peak_of(asking.id()).unwrap_or(0));
        match asking.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(PAUSE),
        }
    };
    let took = start.elapsed();
    ensure!(status.code() == Some(1), "fathom why ended with {status}");
    let requests = cluster.requests().len();
    let row = vec![requests.to_string(), format!("{:.1} s", took.as_secs_f64()), format!("{most} MiB")];
    let what =
        format!("{pods} pods, {count} objects, from an API server of the test kit, which takes most of the time");
    page.table("A cluster that runs", &what, &["requests", "time", "memory at most"], vec![row]);
    Ok(())
}
