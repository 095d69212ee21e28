//! What can explain a failure on this machine, read at one moment: the machine, its engines, its containers.
//!
//! From `host` and `runtime` to [`Facts`], which `diagnose` judges. Nothing here says what is wrong.

mod container;
mod output;
mod podman;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fathom_host::cgroup::Layout;
use fathom_host::facts::{self, counters, kernel};
use fathom_model::fact::Topic;
use fathom_model::{Class, Container, Fact, Facts, Failure, Target};
use fathom_runtime::Missing;

use crate::{Node, resolve};

/// Throttling is counted in periods of 100 ms; so many of them tell whether it goes on.
const SAMPLE: Duration = Duration::from_millis(1050);

/// Reads what concerns a target of this machine: itself, and the machine under it.
///
/// # Errors
/// Where nothing of that name is here.
pub fn gather(node: &Node, target: &Target) -> Result<Facts, Failure> {
    let mut all = Facts { machine: facts::name(&node.host), taken: now(), ..Facts::default() };
    let layout = Layout::of(&node.host).unwrap_or_default();
    let asked = Instant::now();
    match target {
        Target::Host => {
            let (directory, missing) = node.complete();
            engines(node, &missing, &mut all);
            for found in directory.containers().iter().filter(|one| !is_sandbox(one)) {
                container::read(node, &layout, found, &mut all);
            }
        }
        Target::Container { engine, name } => {
            let (directory, missing) = node.complete();
            engines(node, &missing, &mut all);
            let found = resolve::settled(&directory, name, *engine)?;
            container::read(node, &layout, &found, &mut all);
        }
        Target::Pid(pid) => {
            let pinned = node.host.pin(*pid)?;
            container::of_process(node, &layout, &pinned, &mut all);
        }
        other => {
            return Err(Failure::new(Class::Usage, format!("cannot say why `{other}` fails from here"))
                .hinting("name a container, pid:N or host; of a saved cluster, `--from` tells"));
        }
    }
    facts::of_machine(&node.host, &mut all);
    rises(node, asked, &mut all);
    Ok(all)
}

/// Reads what this machine tells as a node of a cluster, which calls it by this name. Of its pods the cluster itself
/// knows how they are: only what no API tells is read of each.
pub fn of_node(node: &Node, name: &str) -> Facts {
    let mut all = Facts { machine: name.to_owned(), taken: now(), ..Facts::default() };
    let layout = Layout::of(&node.host).unwrap_or_default();
    let asked = Instant::now();
    let (directory, missing) = node.complete();
    engines(node, &missing, &mut all);
    for found in directory.containers().iter().filter(|one| one.pod.is_some() && !is_sandbox(one)) {
        container::measure(node, &layout, found, &mut all);
    }
    facts::of_machine(&node.host, &mut all);
    rises(node, asked, &mut all);
    all
}

/// Reads again what tells only by how it grows.
fn rises(node: &Node, asked: Instant, all: &mut Facts) {
    if all.facts.iter().any(counters::is_quota) || kernel::is_filtering(all) {
        std::thread::sleep(SAMPLE.saturating_sub(asked.elapsed()));
        counters::read_again(&node.host, all);
        kernel::read_again(&node.host, all);
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The sandbox of a pod runs nothing that fails.
fn is_sandbox(container: &Container) -> bool {
    container.pod.as_ref().is_some_and(|pod| pod.container.is_none())
}

/// Each engine's socket, and whether it answers.
fn engines(node: &Node, missing: &[Missing], all: &mut Facts) {
    for socket in node.places.sockets() {
        let path = socket.path.display().to_string();
        let silent = missing.iter().find_map(|one| match one {
            Missing::Silent { socket: own, .. } if *own == socket.path => Some((one.to_string(), "silent")),
            Missing::Unreachable { socket: own, source } if *own == socket.path => {
                Some((source.to_string(), if denied(source) { "denied" } else { "unreachable" }))
            }
            Missing::Strange { socket: own, .. } if *own == socket.path => Some((one.to_string(), "strange")),
            _ => None,
        });
        match silent {
            Some((why, "denied")) => all.lack(format!("ask the engine at {path}"), why),
            Some((why, state)) => {
                all.add(Fact::of(Topic::Engine, path, [("state", state.into()), ("error", why.into())]));
            }
            None => all.add(Fact::of(Topic::Engine, path, [("state", "answers".into())])),
        }
    }
    for one in missing {
        if let Missing::Unreadable { path, source } = one {
            all.lack(format!("read {}", path.display()), source);
        }
    }
}

fn denied(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::PermissionDenied
}
