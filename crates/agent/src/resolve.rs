//! From the words that name a target to the process that is entered, held so that it cannot be mistaken.

use std::fs::File;
use std::path::Path;

use fathom_enter::failure::refused;
use fathom_enter::subject::Nature;
use fathom_enter::{Class, Failure, Subject};
use fathom_host::cgroup::naming;
use fathom_host::namespace::{Kind, Namespace};
use fathom_host::{Host, Pinned, sighting};
use fathom_model::directory::Found as Match;
use fathom_model::{Container, Directory, Engine, Target};
use fathom_protocol::Place;

use crate::{Listener, Node, directory, tools};

/// What was found: a process that is held, and what keeps an image's tree in the store.
pub type Found = (Subject, Option<File>);

/// Finds what `text` names on this machine.
pub fn named(node: &Node, text: &str, listener: &mut dyn Listener) -> Result<Found, Failure> {
    let host = &node.host;
    let target: Target = text.parse().map_err(Failure::from)?;
    let subject = match &target {
        Target::Pid(pid) => process(host, *pid, format!("pid:{pid}")),
        Target::Host => node_itself(host),
        Target::Container { engine, name } => container(node, name, *engine),
        Target::Unit(name) => unit(host, name),
        Target::Netns(path) => network(host, path),
        Target::Image(path) => return image(node, path, listener),
        Target::Object(object) => {
            Err(Failure::new(Class::Usage, format!("`{object}` is of a cluster, not of this machine"))
                .hinting("on the node itself, `fathom ps` lists the containers of its pods by name"))
        }
    };
    Ok((subject?, None))
}

/// Finds what a client far away means. The pod's uid must stand in the cgroup of what is found: a node is asked for
/// one container, and enters that one or none.
pub fn placed(node: &Node, place: &Place) -> Result<Found, Failure> {
    let (id, pod) = match place {
        Place::Node => return Ok((node_itself(&node.host)?, None)),
        Place::Container { id, pod } => (id, pod),
        Place::Pod { name, .. } => {
            return Err(Failure::new(Class::Usage, format!("one container of the pod {name} is entered, not all")));
        }
        Place::Incarnation { container, .. } => {
            return Err(Failure::new(Class::Usage, format!("`{container}` can only be waited for without an id")));
        }
        Place::Here { target, .. } => {
            return Err(Failure::new(Class::Usage, format!("{target} cannot be waited for from beside it")));
        }
    };
    let target: Target = id.parse().map_err(|_| no_id(id))?;
    let Target::Container { engine: engine @ Some(_), name } = &target else { return Err(no_id(id)) };
    let subject = container(node, name, *engine)?;
    check_pod(&subject, pod)?;
    Ok((subject, None))
}

/// Whether the cgroup of what was found is of the pod with this uid.
pub(crate) fn check_pod(subject: &Subject, uid: &str) -> Result<(), Failure> {
    // cgroupfs writes the uid as the API does, systemd with underscores.
    let written = [uid.to_owned(), uid.replace('-', "_")];
    if uid.is_empty() || !naming::paths(&subject.pinned.cgroup).any(|path| written.iter().any(|uid| path.contains(uid)))
    {
        return Err(Failure::new(Class::NotFound, format!("{} is not of the pod with the uid `{uid}`", subject.title))
            .hinting("the pod may have been replaced; try again"));
    }
    Ok(())
}

fn no_id(id: &str) -> Failure {
    Failure::new(Class::Usage, format!("`{id}` is no container id as the API has it, such as containerd://4f1c…"))
}

fn node_itself(host: &Host) -> Result<Subject, Failure> {
    Ok(Subject { title: "host".into(), nature: Nature::Host, pinned: machine(host)?, network: None })
}

/// The machine is where its first process is. Some machines let nobody look at that one; then it is where we are.
fn machine(host: &Host) -> Result<Pinned, Failure> {
    match host.pin(1) {
        Err(fathom_host::Error::Denied { .. }) if rustix::process::geteuid().is_root() => {
            Ok(host.pin(std::process::id())?)
        }
        pinned => Ok(pinned?),
    }
}

fn process(host: &Host, pid: u32, title: String) -> Result<Subject, Failure> {
    Ok(Subject { title, nature: Nature::Process, pinned: host.pin(pid)?, network: None })
}

fn container(node: &Node, name: &str, engine: Option<Engine>) -> Result<Subject, Failure> {
    let (found, pinned) = running(node, name, engine)?;
    Ok(Subject { title: found.describe(), nature: Nature::Process, pinned, network: None })
}

/// A container that runs, and its first process. By what files and /proc tell; if that does not settle it, the engines
/// are asked.
pub(crate) fn running(node: &Node, name: &str, engine: Option<Engine>) -> Result<(Container, Pinned), Failure> {
    let (host, quick) = (&node.host, node.at_once());
    let found = match quick.find(name, engine) {
        Match::One(container) if container.pid.is_some() && (container.id == name || directory::is_whole(&quick)) => {
            container.clone()
        }
        _ => settled(&node.complete().0, name, engine)?,
    };
    let Some(pid) = found.pid else {
        return Err(Failure::new(Class::NotFound, format!("{} is not running", found.describe()))
            .hinting("start it, or enter its image with image:FILE"));
    };
    let pinned = host.pin(pid)?;
    // Between the look and the pin its number may have gone to another process.
    if !sighting::is_meant(host, &found, &pinned.process, &pinned.cgroup) {
        return Err(fathom_host::Error::Gone { pid }.into());
    }
    Ok((found, pinned))
}

pub(crate) fn settled(directory: &Directory, name: &str, engine: Option<Engine>) -> Result<Container, Failure> {
    match directory.find(name, engine) {
        Match::One(container) => Ok(container.clone()),
        Match::Several(all) => {
            let list: Vec<String> = all.iter().map(|container| candidate(container)).collect();
            Err(Failure::new(Class::NotFound, format!("`{name}` may be any of {}", list.join(", ")))
                .hinting("name one of them with its engine and more of its id, or by its pid:N"))
        }
        Match::None(alike) => {
            let hint = match alike.as_slice() {
                [] => "`fathom ps` lists what can be entered".to_owned(),
                names => format!("did you mean {}", names.join(" or ")),
            };
            Err(Failure::new(Class::NotFound, format!("no container is called `{name}`")).hinting(hint))
        }
    }
}

/// A container in a list of candidates: some can only be told apart by their processes.
fn candidate(container: &Container) -> String {
    match container.pid {
        Some(pid) => format!("{} with pid {pid}", container.describe()),
        None => format!("{} which is not running", container.describe()),
    }
}

/// The eldest process in the cgroup that systemd gave the unit.
fn unit(host: &Host, name: &str) -> Result<Subject, Failure> {
    let eldest = of_unit(host, name)?.into_iter().filter_map(|(pid, _)| Some((host.process(pid).ok()?.started, pid)));
    let (_, pid) = eldest.min().ok_or_else(|| no_unit(name))?;
    process(host, pid, format!("unit:{name}"))
}

/// Every process of a unit, with its file of cgroups.
pub(crate) fn of_unit(host: &Host, name: &str) -> Result<Vec<(u32, String)>, Failure> {
    let full = unit_name(name);
    let mut found = Vec::new();
    for pid in host.pids()? {
        let cgroup = host.read(format!("proc/{pid}/cgroup")).unwrap_or_default();
        let cgroup = String::from_utf8_lossy(&cgroup);
        if naming::paths(&cgroup).any(|path| path.split('/').any(|part| part == full)) {
            found.push((pid, cgroup.into_owned()));
        }
    }
    if found.is_empty() { Err(no_unit(name)) } else { Ok(found) }
}

/// `nginx` is `nginx.service`.
pub(crate) fn unit_name(name: &str) -> String {
    if name.contains('.') { name.to_owned() } else { format!("{name}.service") }
}

fn no_unit(name: &str) -> Failure {
    Failure::new(Class::NotFound, format!("no process of the unit `{}` runs", unit_name(name)))
        .hinting("`systemctl list-units` names the units that run")
}

/// By name as `ip netns` keeps them, or by path.
fn network(host: &Host, path: &Path) -> Result<Subject, Failure> {
    let network = open_network(path)?;
    Ok(Subject {
        title: format!("netns:{}", path.display()),
        nature: Nature::Network,
        pinned: machine(host)?,
        network: Some(network),
    })
}

/// The network namespace of this name, or at this path.
pub(crate) fn open_network(path: &Path) -> Result<Namespace, Failure> {
    let full = if path.is_absolute() { path.to_owned() } else { Path::new("/run/netns").join(path) };
    let opened = std::fs::File::open(&full).and_then(|file| Namespace::from_fd(Kind::Net, file.into()));
    opened.map_err(|error| {
        Failure {
            cause: Some(error.to_string()),
            ..Failure::new(Class::NotFound, format!("cannot open the network namespace {}", full.display()))
        }
        .hinting("`ip netns list` names them")
    })
}

/// An image that does not run: unpacked into the store, entered with namespaces of its own.
fn image(node: &Node, path: &Path, listener: &mut dyn Listener) -> Result<Found, Failure> {
    let entry = tools::bring(&node.store, &path.to_string_lossy(), listener)?;
    entry.check_architecture().map_err(tools::failure)?;
    let hold = entry.hold().map_err(tools::failure)?;
    let hold = hold.file().try_clone().map_err(|error| refused("hold the image", error))?;
    let env =
        entry.config.env.iter().filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned()));
    let workdir = Some(&entry.config.working_dir).filter(|folder| !folder.is_empty()).map_or("/".into(), Into::into);
    let nature = Nature::Image { root: entry.root(), env: env.collect(), workdir };
    let title = format!("image:{}", path.display());
    Ok((Subject { title, nature, pinned: machine(&node.host)?, network: None }, Some(hold)))
}
