//! `fathom why` of what is on this machine: the facts that its rules judge, and what is tried from inside a container's
//! network. Tries are sessions of `fathom enter` that run the applet `probe` and leave nothing behind.

mod programs;
mod units;

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use fathom_diagnose::eval::reach::{self, Peer};
use fathom_diagnose::{Gathering, Ref};
use fathom_model::fact::Topic;
use fathom_model::{Class, Fact, Facts, Failure, Target};
use fathom_runtime::Places;
use serde_json::{Map, Value};

use super::node;
use crate::environment;

/// Of a hosts file so much is read: some hold the names of all advertisers.
const HOSTS: usize = 64 << 10;

/// More tries than this are no diagnosis.
const MOST: usize = 64;

/// What can explain a failure of a target on this machine.
pub(crate) fn facts(target: &Target) -> Result<Facts, Failure> {
    let mut facts = fathom_agent::facts::gather(&node::node(), target)?;
    if *target == Target::Host {
        units::read(&mut facts);
        programs::rules(&mut facts);
    }
    Ok(facts)
}

/// What this machine tells as a node of a cluster, which knows it by this name.
pub(crate) fn node_facts(name: &str) -> Result<Facts, Failure> {
    let mut node = node::node();
    // Where nobody may look at the machine's first process, we are still among the agent's files, and the machine's are
    // below this, its /proc among them.
    let root = environment::value("FATHOM_ROOT").map(PathBuf::from);
    if let Some(root) = root.filter(|root| root.join("proc/self").exists()) {
        let cannot = |error: rustix::io::Errno| {
            let failure = Failure::new(Class::System, "cannot go where the node's files are");
            Failure { cause: Some(error.to_string()), ..failure }
        };
        rustix::process::chroot(root).map_err(cannot)?;
        rustix::process::chdir("/").map_err(cannot)?;
        node.places = Places::of_this_machine();
    }
    let mut facts = fathom_agent::facts::of_node(&node, name);
    units::read(&mut facts);
    programs::rules(&mut facts);
    Ok(facts)
}

/// Tries what the target's calls need, from its own network: names first, then connections to their addresses. Without
/// a peer, of those calls of which its log tells that they fail; of the machine itself, whether its name servers answer.
pub(crate) fn probe(target: &Target, peer: Option<Peer>, facts: &mut Facts) -> Result<(), Failure> {
    let is_machine = *target == Target::Host;
    let container = facts.facts.iter().find(|fact| fact.topic == Topic::Container && fact.body.contains_key("pid"));
    let id = match container {
        _ if is_machine => Ref::new(Topic::Machine.name(), "", &facts.machine),
        Some(container) => Ref::new(Topic::Container.name(), &facts.machine, &container.name),
        None => {
            facts.lack(format!("try connections from {target}"), "no container or process of that name runs");
            return Ok(());
        }
    };
    if is_machine {
        hosts(facts);
    }
    let snapshot = gathered(facts);
    let calls = || if is_machine { Vec::new() } else { reach::peers(&snapshot) };
    let peers = peer.map_or_else(calls, |peer| vec![peer]);
    let Some(container) = snapshot.find(&id) else { return Ok(()) };
    // Without anybody to call, the servers are asked for the root.
    let unlisted = reach::unlisted(&snapshot, container, &peers);
    let asks = peers.is_empty() || !unlisted.is_empty();
    let conf = reach::resolver_of(&snapshot, container);
    let names = if asks { reach::names(&conf, &unlisted) } else { Vec::new() };
    if asks && conf.servers.is_empty() {
        facts.lack(format!("ask a name server from {target}"), "its resolv.conf names none");
    }
    attempt(target, &id.name, &names, facts)?;
    let snapshot = gathered(facts);
    let Some(container) = snapshot.find(&id) else { return Ok(()) };
    let connections = reach::connections(&snapshot, container, &peers);
    attempt(target, &id.name, &connections, facts)
}

/// The machine's own names, which it asks nobody for.
fn hosts(facts: &mut Facts) {
    let Ok(bytes) = std::fs::read("/etc/hosts") else { return };
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(HOSTS)]).trim_end().to_owned();
    facts.add(Fact::file("/etc/hosts", text));
}

fn gathered(facts: &Facts) -> fathom_diagnose::Snapshot {
    let mut gathering = Gathering::new();
    gathering.facts(facts);
    gathering.finish()
}

/// One session with all tries; each answer becomes a fact.
fn attempt(target: &Target, name: &str, tries: &[String], facts: &mut Facts) -> Result<(), Failure> {
    if tries.is_empty() {
        return Ok(());
    }
    if tries.len() > MOST {
        facts.lack(format!("try {} more connections", tries.len() - MOST), "that is more than a diagnosis needs");
    }
    let failed = |cause: String| Failure {
        cause: Some(cause),
        ..Failure::new(Class::System, format!("cannot try anything from the network of `{target}`"))
    };
    // This program, started afresh: what joins a namespace has one thread.
    let mut command = Command::new("/proc/self/exe");
    match target {
        // We are there already.
        Target::Host => drop(command.arg0("probe")),
        _ => drop(command.args([
            "enter",
            &target.to_string(),
            "--ns",
            "net",
            "--toolkit",
            "mini",
            "--ttl",
            "60s",
            "--",
            "probe",
        ])),
    }
    let command = command.args(tries.iter().take(MOST)).stdin(Stdio::null());
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(body) = serde_json::from_str::<Map<String, Value>>(line) else { continue };
        let what = body.get("try").and_then(Value::as_str).unwrap_or_default();
        facts.add(Fact { topic: Topic::Probe, name: format!("{name} {what}"), body });
    }
    Ok(())
}
