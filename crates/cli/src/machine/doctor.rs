//! What works on this kernel and with these engines, each gap with its remedy. Looks, changes nothing.

use std::path::Path;

use fathom_host::Host;
use fathom_host::cgroup::Layout;
use fathom_host::feature::{self, Finding, Weight};
use fathom_host::namespace::{Kind, Namespace};
use fathom_kernel::support::{Lack, REQUIREMENTS, Requirement};
use fathom_model::Hint as _;
use fathom_runtime::places::{Origin, Socket, Speech};
use fathom_runtime::{Missing, PATIENCE};
use fathom_toolkit::Store;

use super::node;
use crate::environment;
use crate::output::doctor::{Area, Check, State};

/// Everything, in the order in which an entry needs it.
pub(crate) fn checks() -> anyhow::Result<Vec<Check>> {
    let mut checks = vec![caller()];
    checks.extend(feature::survey().map(of_feature));
    checks.extend(tracing());
    checks.push(cgroups());
    checks.extend(engines());
    checks.extend(toolkits());
    Ok(checks)
}

fn works(area: Area, name: impl Into<String>, note: impl Into<String>) -> Check {
    Check { area, name: name.into(), state: State::Works, note: note.into(), cause: None, remedy: None, since: None }
}

/// Numbers that the kernel gives its first namespaces, and no other (include/linux/proc_ns.h).
const FIRST_USERS: u64 = 0xEFFF_FFFD;
const FIRST_PIDS: u64 = 0xEFFF_FFFC;

/// From inside a container the machine's processes and rights are not to be had.
fn caller() -> Check {
    let uid = rustix::process::getuid().as_raw();
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let is_first = |kind, first| Namespace::own(kind).is_ok_and(|namespace| namespace.inode == first);
    let (users, pids) = (is_first(Kind::User, FIRST_USERS), is_first(Kind::Pid, FIRST_PIDS));
    let name = format!("uid {uid} on Linux {release}");
    let lost = match (users, pids) {
        (true, true) => return works(Area::Caller, name, "in the machine's own namespaces"),
        (false, _) => "in a user namespace: only what it owns can be entered",
        (true, false) => "in a pid namespace: only the processes in it can be entered",
    };
    Check {
        state: State::Gap,
        remedy: Some(
            "run on the machine itself, or in a privileged container with the host's pid namespace".to_owned(),
        ),
        ..works(Area::Caller, name, lost)
    }
}

fn of_feature(Finding { feature, missing }: Finding) -> Check {
    let check = Check {
        since: Some(feature.since).filter(|since| !since.is_empty()),
        ..works(Area::Kernel, feature.name, feature.purpose)
    };
    let Some(cause) = missing else { return check };
    let state = match feature.weight {
        Weight::Needed => State::Blocks,
        Weight::Useful => State::Gap,
        Weight::Replaced => State::Absent,
    };
    Check {
        state,
        note: feature.loss.to_owned(),
        cause: Some(cause.to_string()),
        remedy: Some(feature.remedy.to_owned()),
        ..check
    }
}

/// What `trace` needs, and what it does without.
fn tracing() -> Vec<Check> {
    let support = fathom_kernel::support();
    let of_requirement = |needed: &'static Requirement| {
        let check = Check {
            since: Some(needed.since).filter(|since| !since.is_empty()),
            ..works(Area::Kernel, needed.name, needed.purpose)
        };
        if !support.lacks.contains(&needed.lack) {
            return check;
        }
        Check {
            state: State::Gap,
            note: "only a command that is started here can be traced, and is slowed down".to_owned(),
            cause: Some(needed.lack.to_string()),
            remedy: Some(needed.remedy.to_owned()),
            ..check
        }
    };
    let mut checks: Vec<Check> = REQUIREMENTS.iter().map(of_requirement).collect();
    // Of a kernel that does not describe itself nobody knows these.
    if !support.lacks.contains(&Lack::Types) {
        let marks = works(Area::Kernel, "marks of tasks", "stay with the tasks that are traced");
        let marks = Check { since: Some("5.11"), ..marks };
        checks.push(extra(support.task_storage, "are in a table with room for 65536 threads", marks));
        let requests = works(Area::Kernel, "requests to io_uring", "are counted, as no system call shows them");
        checks.push(extra(support.counts_uring, "are not counted", requests));
    }
    checks
}

/// Something that tracing is better with.
fn extra(there: bool, loss: &str, check: Check) -> Check {
    if there { check } else { Check { state: State::Absent, note: loss.to_owned(), ..check } }
}

fn cgroups() -> Check {
    let layout = match Layout::of(&Host::local()) {
        Ok(layout) => layout,
        Err(error) => {
            return Check {
                state: State::Blocks,
                remedy: error.hint(),
                ..works(Area::Cgroup, "none", "a session has no cgroup to run in")
            };
        }
    };
    let v1 = || layout.v1.iter().map(|(controllers, _)| controllers.join(",")).collect::<Vec<_>>().join(" ");
    let (name, note) = match &layout.v2 {
        Some(v2) if layout.v1.is_empty() => ("v2", format!("at {}", v2.display())),
        Some(v2) => ("hybrid", format!("v2 at {}, v1 for {}", v2.display(), v1())),
        None => ("v1", format!("for {}", v1())),
    };
    works(Area::Cgroup, name, note)
}

/// Each socket, and whether who listens there answered. Containers are found without them; names may not be.
fn engines() -> Vec<Check> {
    let places = node::places();
    let sockets = places.sockets();
    if sockets.is_empty() {
        let note = "no engine listens; containers are found by their processes and the engines' files";
        return vec![Check { state: State::Absent, ..works(Area::Engine, "none", note) }];
    }
    let missing = fathom_runtime::list(&places, PATIENCE).missing;
    let about = |socket: &Socket| missing.iter().find(|missing| socket_of(missing) == Some(&socket.path));
    sockets.iter().map(|socket| of_engine(socket, about(socket))).collect()
}

fn of_engine(socket: &Socket, missing: Option<&Missing>) -> Check {
    let speech = match socket.speech {
        Speech::Cri => "answers as a container runtime of Kubernetes does (CRI)",
        Speech::Docker => "answers as Docker does",
    };
    let check = works(Area::Engine, socket.path.display().to_string(), speech);
    let Some(missing) = missing else { return check };
    let remedy = missing.hint().unwrap_or_else(|| match socket.origin {
        Origin::Named => "start the engine, or name its socket rightly".to_owned(),
        Origin::Usual => "look into the engine's own log".to_owned(),
    });
    Check {
        state: State::Gap,
        note: "names, images and labels come only from the engine's files".to_owned(),
        cause: Some(missing.to_string()),
        remedy: Some(remedy),
        ..check
    }
}

fn socket_of(missing: &Missing) -> Option<&std::path::PathBuf> {
    match missing {
        Missing::Silent { socket, .. } | Missing::Unreachable { socket, .. } | Missing::Strange { socket, .. } => {
            Some(socket)
        }
        _ => None,
    }
}

/// What `enter` can bring along.
fn toolkits() -> Vec<Check> {
    const STORE: &str = "/var/lib/fathom/store";
    let place = environment::value("FATHOM_STORE").unwrap_or_else(|| STORE.into());
    let mut checks = vec![works(Area::Toolkit, "mini", "part of this program")];
    match Store::at(place.clone().into()).list() {
        Ok(entries) => checks.extend(entries.iter().map(|entry| {
            let check = works(Area::Toolkit, entry.name(), format!("in {}", Path::new(&place).display()));
            match entry.check_architecture() {
                Ok(()) => check,
                Err(error) => Check {
                    state: State::Gap,
                    note: "cannot run here".to_owned(),
                    cause: Some(error.to_string()),
                    remedy: error.hint(),
                    ..check
                },
            }
        })),
        Err(error) => checks.push(Check {
            state: State::Gap,
            cause: Some(error.to_string()),
            remedy: error.hint().or_else(|| Some("see whether the folder can be read".to_owned())),
            ..works(Area::Toolkit, Path::new(&place).display().to_string(), "only the mini toolkit can be used")
        }),
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_does_not_answer_is_a_gap_with_a_remedy() {
        let socket = Socket { path: "/run/x.sock".into(), speech: Speech::Cri, origin: Origin::Usual };
        assert_eq!(of_engine(&socket, None).state, State::Works);
        let silent = Missing::Silent { socket: socket.path.clone(), patience: PATIENCE };
        assert_eq!(socket_of(&silent), Some(&socket.path));
        let check = of_engine(&socket, Some(&silent));
        assert_eq!(check.state, State::Gap);
        assert!(check.remedy.is_some_and(|remedy| remedy.contains("hangs")));
    }
}
