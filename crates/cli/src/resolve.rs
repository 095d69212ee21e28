//! From the words that name a target to the process that is entered, held so that it cannot be mistaken.

use std::fs::File;
use std::path::Path;

use fathom_enter::failure::refused;
use fathom_enter::subject::Nature;
use fathom_enter::{Class, Failure, Subject};
use fathom_host::cgroup::naming;
use fathom_host::namespace::{Kind, Namespace};
use fathom_host::{Host, Pinned, sighting};
use fathom_model::directory::Found;
use fathom_model::{Container, Directory, Engine, Hint as _, Target};

use crate::{directory, toolkit};

/// Finds what `text` names on this machine. With it comes what keeps an image's tree in the store.
pub(crate) fn subject(host: &Host, text: &str) -> Result<(Subject, Option<File>), Failure> {
    let target: Target = text.parse().map_err(|error: fathom_model::target::TargetError| Failure {
        hint: error.hint(),
        ..Failure::new(Class::Usage, error.to_string())
    })?;
    let subject = match &target {
        Target::Pid(pid) => process(host, *pid, format!("pid:{pid}")),
        Target::Host => {
            Ok(Subject { title: "host".into(), nature: Nature::Host, pinned: machine(host)?, network: None })
        }
        Target::Container { engine, name } => container(host, name, *engine),
        Target::Unit(name) => unit(host, name),
        Target::Netns(path) => network(host, path),
        Target::Image(path) => return image(host, path),
        Target::Object(object) => {
            Err(Failure::new(Class::Unsupported, format!("cannot look for `{object}`: this build has no cluster"))
                .hinting("on the node itself, `fathom ps` lists the containers of its pods by name"))
        }
    };
    Ok((subject?, None))
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

/// By what files and /proc tell; if that does not settle it, the engines are asked.
fn container(host: &Host, name: &str, engine: Option<Engine>) -> Result<Subject, Failure> {
    let quick = directory::at_once(host);
    let found = match quick.find(name, engine) {
        Found::One(container) if container.pid.is_some() && (container.id == name || directory::is_whole(&quick)) => {
            container.clone()
        }
        _ => settled(&directory::complete(host).0, name, engine)?,
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
    Ok(Subject { title: found.describe(), nature: Nature::Process, pinned, network: None })
}

fn settled(directory: &Directory, name: &str, engine: Option<Engine>) -> Result<Container, Failure> {
    match directory.find(name, engine) {
        Found::One(container) => Ok(container.clone()),
        Found::Several(all) => {
            let list: Vec<String> = all.iter().map(|container| candidate(container)).collect();
            Err(Failure::new(Class::NotFound, format!("`{name}` may be any of {}", list.join(", ")))
                .hinting("name one of them with its engine and more of its id, or by its pid:N"))
        }
        Found::None(alike) => {
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
    let full = if name.contains('.') { name.to_owned() } else { format!("{name}.service") };
    let mut eldest: Option<(u64, u32)> = None;
    for pid in host.pids()? {
        let cgroup = host.read(format!("proc/{pid}/cgroup")).unwrap_or_default();
        let cgroup = String::from_utf8_lossy(&cgroup);
        if !naming::paths(&cgroup).any(|path| path.split('/').any(|part| part == full)) {
            continue;
        }
        if let Ok(process) = host.process(pid).map(|process| (process.started, pid)) {
            eldest = eldest.min(Some(process)).or(Some(process));
        }
    }
    let (_, pid) = eldest.ok_or_else(|| {
        Failure::new(Class::NotFound, format!("no process of the unit `{full}` runs"))
            .hinting("`systemctl list-units` names the units that run")
    })?;
    process(host, pid, format!("unit:{name}"))
}

/// By name as `ip netns` keeps them, or by path.
fn network(host: &Host, path: &Path) -> Result<Subject, Failure> {
    let full = if path.is_absolute() { path.to_owned() } else { Path::new("/run/netns").join(path) };
    let opened = std::fs::File::open(&full).and_then(|file| Namespace::from_fd(Kind::Net, file.into()));
    let network = opened.map_err(|error| {
        Failure {
            cause: Some(error.to_string()),
            ..Failure::new(Class::NotFound, format!("cannot open the network namespace {}", full.display()))
        }
        .hinting("`ip netns list` names them")
    })?;
    Ok(Subject {
        title: format!("netns:{}", path.display()),
        nature: Nature::Network,
        pinned: machine(host)?,
        network: Some(network),
    })
}

/// An image that does not run: unpacked into the store, entered with namespaces of its own.
fn image(host: &Host, path: &Path) -> Result<(Subject, Option<File>), Failure> {
    let entry = toolkit::bring(&toolkit::store(), &path.to_string_lossy())?;
    entry.check_architecture().map_err(toolkit::failure)?;
    let hold = entry.hold().map_err(toolkit::failure)?;
    let hold = hold.file().try_clone().map_err(|error| refused("hold the image", error))?;
    let env =
        entry.config.env.iter().filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned()));
    let workdir = Some(&entry.config.working_dir).filter(|folder| !folder.is_empty()).map_or("/".into(), Into::into);
    let nature = Nature::Image { root: entry.root(), env: env.collect(), workdir };
    let title = format!("image:{}", path.display());
    Ok((Subject { title, nature, pinned: machine(host)?, network: None }, Some(hold)))
}
