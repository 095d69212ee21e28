//! Facts of machines as rules ask for them: files by path, counters of a container by role, lines of a kernel's log.

use std::path::Path;

use super::Scene;
use crate::eval::messages::kernel::{self, Kill};
use crate::eval::proxy;
use crate::object::{Fields as _, Object, Ref};
use crate::snapshot::Proof;
use crate::time::Time;

/// A line of a kernel's log.
#[derive(Debug, Clone)]
pub struct Logged<'a> {
    /// What it says.
    pub text: &'a str,
    /// Seconds since then.
    pub ago: i64,
    /// Where it is read.
    pub proof: Proof,
}

/// A line that a service wrote into the journal.
#[derive(Debug, Clone)]
pub struct Noted<'a> {
    /// What it says.
    pub text: &'a str,
    /// Seconds since then.
    pub ago: i64,
    /// In which run of the service: the last one is 0.
    pub run: i64,
    /// Where it is read.
    pub proof: Proof,
}

/// What kube-proxy has put into the kernel of a node, read back.
#[derive(Debug)]
pub struct Proxy {
    /// Where it was read; its namespace is the machine.
    pub source: Ref,
    /// Addresses of services, and where they lead.
    pub table: proxy::Table,
}

/// Kind and name of what is read, and how.
type Mode = (&'static str, &'static str, fn(&str) -> proxy::Table);

/// So many digits of an id are no other's.
const IDENTIFYING: usize = 32;

/// How rules are written, by where they are read.
const MODES: &[Mode] = &[
    ("Output", "iptables-save", proxy::iptables),
    ("Output", "nft list table ip kube-proxy", proxy::nftables),
    ("File", "/proc/net/ip_vs", proxy::ipvs),
];

impl<'a> Scene<'a> {
    /// The rules of kube-proxy on every node that was read.
    pub fn proxies(&self) -> &[Proxy] {
        self.proxies.get_or_init(|| {
            let of = |(kind, name, read): &Mode| {
                let sources = self.snapshot.all(kind).filter(|one| one.name() == *name);
                let tables = sources.map(|one| Proxy { source: one.id.clone(), table: read(one.text("/value")) });
                tables.collect::<Vec<_>>()
            };
            MODES.iter().flat_map(of).filter(|one| !one.table.is_empty()).collect()
        })
    }

    /// The machine that an object was read on: its name.
    pub fn machine_of<'o>(&self, object: &'o Object) -> &'o str {
        if object.id.kind == "Machine" { object.name() } else { object.ns() }
    }

    /// A file of a machine.
    pub fn file(&self, machine: &str, path: &str) -> Option<&'a Object> {
        self.snapshot.seen("File", machine, path)
    }

    /// A number in a file of a machine.
    pub fn figure(&self, machine: &str, path: &str) -> Option<(i64, Proof)> {
        let file = self.file(machine, path)?;
        Some((file.int("/value")?, Proof::field(file, "/value")))
    }

    /// The file with a counter of a container.
    pub fn counter(&self, container: &Object, role: &str) -> Option<&'a Object> {
        self.file(container.ns(), container.text(&format!("/counters/{role}")))
    }

    /// A limit of a container in bytes or processes, where it has one; version 1 writes a huge number for none.
    pub fn limit(&self, container: &Object, role: &str) -> Option<(i64, Proof)> {
        let file = self.counter(container, role)?;
        let limit = file.int("/value").filter(|limit| *limit < 1 << 60)?;
        Some((limit, Proof::field(file, "/value")))
    }

    /// Whether what a machine's kernel logged could be read.
    pub fn has_log(&self, machine: &str) -> bool {
        self.file(machine, "/dev/kmsg").is_some()
    }

    /// What a machine's kernel logged in the last seconds, the latest first.
    pub fn logged(&self, machine: &str, within: i64) -> impl Iterator<Item = Logged<'a>> {
        let file = self.file(machine, "/dev/kmsg");
        let lines = file.into_iter().flat_map(|file| {
            let lines = file.list("/value").iter().enumerate().rev();
            lines.map(move |(at, line)| (file, at, line))
        });
        let logged = lines.filter_map(|(file, at, line)| {
            let proof = Proof::field(file, &format!("/value/{at}/text"));
            Some(Logged { text: line.at("/text")?.as_str()?, ago: line.int("/ago")?, proof })
        });
        logged.filter(move |line| line.ago <= within)
    }

    /// What a service of a machine wrote that means trouble, the latest first.
    pub fn journal(&self, machine: &str, unit: &str) -> impl Iterator<Item = Noted<'a>> {
        let of = |one: &&Object| one.name().starts_with("journalctl ") && one.text("/unit") == unit;
        let output = self.snapshot.within("Output", machine).find(of);
        let lines = output.into_iter().flat_map(|output| {
            let lines = output.list("/value").iter().enumerate().rev();
            lines.map(move |(at, line)| (output, at, line))
        });
        lines.filter_map(|(output, at, line)| {
            let proof = Proof::field(output, &format!("/value/{at}/text"));
            Some(Noted { text: line.at("/text")?.as_str()?, ago: line.int("/ago")?, run: line.int("/run")?, proof })
        })
    }

    /// When a line was logged.
    pub fn moment(&self, line: &Logged<'_>) -> Time {
        Time(self.now().0.saturating_sub(line.ago))
    }

    /// The last time that a process of a container was killed for memory, if that is not longer ago.
    pub fn killed_for_memory(&self, container: &Object, within: i64) -> Option<(Kill<'a>, Logged<'a>)> {
        let own = hierarchy_path(container.text("/counters/oom"));
        // The cgroup of one that is over is gone; engines put its id into that name.
        let id = Some(container.text("/id")).filter(|id| id.len() >= IDENTIFYING);
        let is_own = |path: &str| match own {
            Some(own) => Path::new(path).ancestors().any(|one| one == Path::new(own)),
            None => id.is_some_and(|id| path.contains(id)),
        };
        self.logged(container.ns(), within).find_map(|line| {
            let kill = kernel::kill(line.text).filter(|kill| is_own(kill.task_cgroup))?;
            Some((kill, line))
        })
    }
}

/// The cgroup of a counter's file, from its hierarchy's root down, as the kernel's log names it.
fn hierarchy_path(file: &str) -> Option<&str> {
    let (folder, _) = file.strip_prefix("/sys/fs/cgroup")?.rsplit_once('/')?;
    let own = ["/memory", "/unified"].iter().find_map(|mount| folder.strip_prefix(mount));
    own.filter(|rest| rest.starts_with('/')).or(Some(folder)).filter(|path| path.len() > 1)
}
