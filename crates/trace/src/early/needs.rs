//! What has to be known beside the event itself, for a field to hold what it holds.

use fathom_scap::schema::EventType;

use crate::fields::{Argument, Bound};

/// What has to be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Needs {
    /// What is open, and where the working folder is.
    pub(super) descriptors: bool,
    /// Data that programs read and write.
    pub(super) data: bool,
    /// Other processes than the event's own.
    pub(super) ancestors: bool,
    /// What only engines know of containers: their names, images, labels.
    pub(super) containers: bool,
}

/// Fields that depend on no descriptor and no folder; a final `*` stands for any end. All others are taken to depend on
/// them.
const PLAIN: &[&str] = &[
    "evt.num",
    "evt.time*",
    "evt.datetime*",
    "evt.rawtime*",
    "evt.reltime*",
    "evt.outputtime",
    "evt.latency*",
    "evt.deltatime*",
    "evt.dir",
    "evt.type*",
    "syscall.type",
    "evt.cpu",
    "evt.rawarg",
    "evt.res",
    "evt.rawres",
    "evt.failed",
    "evt.is_io*",
    "evt.io_dir",
    "evt.is_wait",
    "evt.wait_latency",
    "evt.is_open_*",
    "evt.around",
    "evt.count",
    "evt.count.error",
    "evt.count.exit",
    "proc.pid",
    "proc.exe",
    "proc.name",
    "proc.args",
    "proc.env",
    "proc.cmdline",
    "proc.exeline",
    "proc.nthreads",
    "proc.nchilds",
    "proc.ppid",
    "proc.pname",
    "proc.pcmdline",
    "proc.pexe",
    "proc.apid",
    "proc.aname",
    "proc.aexe",
    "proc.acmdline",
    "proc.loginshellid",
    "proc.duration",
    "proc.fdlimit",
    "proc.vmsize",
    "proc.vmrss",
    "proc.vmswap",
    "proc.sid",
    "proc.sname",
    "proc.tty",
    "proc.vpid",
    "proc.vpgid",
    "proc.cmdnargs",
    "proc.cmdlenargs",
    "thread.*",
    "user.*",
    "group.*",
    "container.*",
    "k8s.*",
];

/// Fields that show data; `evt.arg` and `evt.rawarg` do if they name it.
const DATA: &[&str] = &["evt.args", "evt.info", "evt.buffer", "syslog.*"];

/// Fields of other processes than the event's own.
const ANCESTORS: &[&str] =
    &["proc.ppid", "proc.pname", "proc.pcmdline", "proc.pexe*", "proc.a*", "proc.loginshellid", "proc.sname"];

/// Fields of containers.
const CONTAINERS: &[&str] = &["container.*", "k8s.*", "fd.container*", "proc.is_container*"];

impl Needs {
    /// Of events that are kept as they are.
    pub(super) const WHOLE: Needs = Needs { descriptors: true, data: true, ancestors: false, containers: true };

    pub(super) fn of(field: &Bound) -> Needs {
        let name = field.row.name;
        let one = ["evt.arg", "evt.rawarg"].contains(&name);
        let shows_data = match &field.argument {
            Argument::Param(param, _) => *param == "data",
            _ => true,
        };
        Needs {
            descriptors: !is_in(PLAIN, name),
            data: is_in(DATA, name) || (one && shows_data),
            // `proc.args` is the process's own.
            ancestors: is_in(ANCESTORS, name) && name != "proc.args",
            containers: is_in(CONTAINERS, name),
        }
    }

    pub(super) fn and(self, other: Needs) -> Needs {
        Needs {
            descriptors: self.descriptors || other.descriptors,
            data: self.data || other.data,
            ancestors: self.ancestors || other.ancestors,
            containers: self.containers || other.containers,
        }
    }
}

fn is_in(patterns: &[&str], name: &str) -> bool {
    let fits = |pattern: &&str| pattern.strip_suffix('*').map_or(*pattern == name, |begin| name.starts_with(begin));
    patterns.iter().any(fits)
}

/// Calls that change what is known of threads, in all generations.
const THREADS: &[&str] = &[
    "clone",
    "fork",
    "vfork",
    "clone3",
    "execve",
    "execveat",
    "procexit",
    "setuid",
    "setgid",
    "setresuid",
    "setresgid",
    "setreuid",
    "setregid",
    "setsid",
    "setpgid",
    "chroot",
    "capset",
    "prctl",
    "container",
];

/// Whether an event changes what is known of threads. `chroot` is about containers too.
pub(super) fn is_about_threads(kind: &EventType) -> bool {
    THREADS.contains(&kind.name)
}

#[cfg(test)]
mod tests {
    use fathom_scap::schema::EVENTS;

    use super::*;
    use crate::fields::rows;

    #[test]
    fn every_name_in_the_tables_is_one() {
        for pattern in PLAIN.iter().chain(DATA).chain(ANCESTORS).chain(CONTAINERS) {
            assert!(rows().any(|row| is_in(&[pattern], row.name)), "{pattern}");
        }
        for name in THREADS {
            assert!(EVENTS.iter().any(|row| row.name == *name), "{name}");
        }
    }
}
