//! A trace for a client far away: this very program again, as `fathom trace` of what is meant, in a session of its own.
//!
//! The session stands where we stand: nothing is joined, since what a container does is seen from its machine. It has a
//! leaf of its own, because what the kernel keeps for it is as large as many an agent's whole limit. Everything else is
//! as with any session: it is on record, its client's end is its own, and a sweep removes what a crash leaves.

use std::time::Duration;

use fathom_enter::failure::Step as _;
use fathom_enter::options::{Attachment, Lifetime, Options, Place as Cgroup, Streams, Toolkit, View};
use fathom_enter::plan::Surroundings;
use fathom_enter::{Profile, plan, session, sweep};
use fathom_host::Process;
use fathom_host::cgroup::{Layout, Leaf, Limits};
use fathom_model::{Class, Failure};
use fathom_protocol::{Entry, Place, tracing};

use crate::entry::Prepared;
use crate::{Node, resolve, scope};

/// What such a session's record has in place of a profile.
pub const PROFILE: &str = "trace";

/// Bytes of memory beside what the kernel keeps for it: names, open files and connections of all that is seen.
const MEMORY: u64 = 512 << 20;
/// Threads; it has a handful.
const PIDS: u64 = 256;

/// How programs of ours that carry a trace are called. To look at a whole node would be to look at them as well, and
/// each of their lines would make more of them.
const CARRIERS: [&str; 3] = ["fathom", "fathom-enter", "fathom-init"];

/// Finds what is meant and plans.
///
/// # Errors
/// Where it is not here, is another one by now, or where the words are none that a client may say.
pub(crate) fn prepare(node: &Node, entry: &Entry) -> Result<Prepared, Failure> {
    sweep::sweep(&node.registry);
    tracing::check(&entry.command).map_err(|unknown| {
        Failure::new(Class::Usage, unknown.to_string()).hinting("use the same version of fathom on both sides")
    })?;
    let (title, words) = target(node, &entry.place)?;
    let status = node.host.read("proc/self/status")?;
    let around = Surroundings {
        title,
        own: Process::parse_status(&status),
        target: None,
        passwd: String::new(),
        group: String::new(),
        home: node.temporary.display().to_string(),
    };
    let id = session::fresh_id()?;
    let options = options(node, entry, words)?;
    let mut plan = plan::here(&around, &options, &id, &node.registry)?;
    PROFILE.clone_into(&mut plan.profile);
    plan.leaf = Some(Leaf::planned(&Layout::of(&node.host).unwrap_or_default(), &id));
    plan.limits = options.limits;
    plan.grant = entry.grant.clone();
    Ok(Prepared::here(plan))
}

/// What is meant, as its user knows it and in words for ourselves.
fn target(node: &Node, place: &Place) -> Result<(String, Vec<String>), Failure> {
    let named = |target: &str| vec!["--here".to_owned(), format!("--target={target}")];
    // Who may look at one pod learns nothing of the others on its node.
    let confined = |words: Vec<String>| [words, vec!["--confined".to_owned()]].concat();
    match place {
        Place::Node => {
            let carriers = CARRIERS.iter().map(|name| format!("--suppress-comm={name}"));
            Ok(("host".to_owned(), named("host").into_iter().chain(carriers).collect()))
        }
        Place::Container { id, .. } => {
            let (subject, _) = resolve::placed(node, place)?;
            Ok((subject.title, confined(named(id))))
        }
        Place::Pod { pod, namespace, name } => {
            scope::check_pod(node, namespace, name, pod)?;
            let title = format!("{namespace}/pod/{name}");
            Ok((title.clone(), confined(named(&title))))
        }
        Place::Incarnation { container, .. } => {
            Err(Failure::new(Class::Usage, format!("`{container}` can be traced when it runs"))
                .hinting("name a container that runs"))
        }
        Place::Here { target, .. } => {
            Err(Failure::new(Class::Unsupported, format!("{target} cannot be traced from beside it"))
                .hinting("an agent on its node can; it needs a namespace whose Pod Security level is `privileged`"))
        }
    }
}

fn options(node: &Node, entry: &Entry, target: Vec<String>) -> Result<Options, Failure> {
    let program = std::env::current_exe().step("name this program's file")?;
    let own = [program.to_string_lossy().into_owned(), "trace".to_owned()];
    let command = own.into_iter().chain(target).chain(entry.command.iter().cloned()).collect();
    let said = entry.env.iter().filter(|(name, value)| tracing::is_variable(name, value));
    let env = node.environment.iter().cloned().chain(said.map(|(name, value)| (name.clone(), value.clone())));
    Ok(Options {
        view: View::Tools,
        toolkit: Toolkit::Mini { applets: Vec::new() },
        namespaces: None,
        profile: Profile::Host,
        user: None,
        workdir: None,
        env: env.collect(),
        command,
        streams: entry.terminal.map_or(Streams::Pipes, |(columns, rows)| Streams::Terminal { columns, rows }),
        limits: Limits {
            memory: Some(MEMORY + fathom_kernel::scope::usual_memory()),
            pids: Some(PIDS),
            cpu_weight: None,
        },
        place: Cgroup::Own,
        scratch: 0,
        lifetime: Lifetime::WithTarget,
        ttl: entry.ttl.map(Duration::from_secs),
        attachment: Attachment::Attached,
    })
}
