//! What this kernel can do for us, and why not: asked of the kernel itself, never concluded from its version alone.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use aya_obj::btf::BtfKind;
use fathom_model::Class;
use rustix::thread::CapabilitySet;

use crate::types::TYPES;

/// One thing that tracing with BPF needs and does not have here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The kernel does not say how its structures look.
    Types,
    /// The kernel has no ring buffer.
    Rings,
    /// We may not load programs.
    Rights,
    /// The kernel has no bpf(2), or a filter hides it.
    Calls,
    /// The kernel lets nobody read its memory.
    Locked,
    /// We are in a pid namespace of our own: the kernel tells of processes by numbers that mean others here.
    Numbers,
}

/// What tracing with BPF needs.
#[derive(Debug)]
pub struct Requirement {
    /// What it is called.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// The first Linux that has it; empty where that is no matter of age.
    pub since: &'static str,
    /// What its absence is called.
    pub lack: Lack,
    /// What it means where it is not there.
    cause: &'static str,
    /// What to do then.
    pub remedy: &'static str,
}

/// All of them, in the order in which they are tried.
pub const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        name: "the bpf system call",
        purpose: "loads the programs that trace",
        since: "",
        lack: Lack::Calls,
        cause: "the kernel, or a filter around us, has no bpf system call",
        remedy: "let `bpf` pass in the seccomp profile of the container that this runs in",
    },
    Requirement {
        name: "rights to trace",
        purpose: "CAP_BPF with CAP_PERFMON, or CAP_SYS_ADMIN",
        since: "",
        lack: Lack::Rights,
        cause: "we have neither CAP_BPF with CAP_PERFMON nor CAP_SYS_ADMIN",
        remedy: "run as root, or trace a command that you start: `fathom trace -- CMD`",
    },
    Requirement {
        name: "BPF ring buffers",
        purpose: "carry events without waking anybody up",
        since: "5.8",
        lack: Lack::Rings,
        cause: "the kernel has no BPF ring buffer, which came with Linux 5.8",
        remedy: "use Linux 5.8 or newer; a command that is started here can be traced without: `fathom trace -- CMD`",
    },
    Requirement {
        name: "types of the kernel",
        purpose: "fit the programs to this kernel",
        since: "",
        lack: Lack::Types,
        cause: "the kernel has no description of its types (/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF)",
        remedy: "use a kernel with CONFIG_DEBUG_INFO_BTF, or mount sysfs; a command that is started here can be traced without: `fathom trace -- CMD`",
    },
    Requirement {
        name: "memory of the kernel",
        purpose: "can be read by programs",
        since: "",
        lack: Lack::Locked,
        cause: "the kernel is locked down (/sys/kernel/security/lockdown says confidentiality)",
        remedy: "start the kernel with `lockdown=integrity` or less; a command that is started here can be traced without: `fathom trace -- CMD`",
    },
    Requirement {
        name: "the machine's pid namespace",
        purpose: "processes have the kernel's numbers",
        since: "",
        lack: Lack::Numbers,
        cause: "we are in a pid namespace of our own, where processes have other numbers than the kernel's",
        remedy: "share the machine's pid namespace (`--pid=host`, `hostPID: true`)",
    },
];

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.requirement().cause)
    }
}

impl std::error::Error for Lack {}

impl Lack {
    /// What is not there.
    pub fn requirement(self) -> &'static Requirement {
        REQUIREMENTS.iter().find(|row| row.lack == self).expect("every lack has a row")
    }

    /// One thing to try.
    pub(crate) fn hint(self) -> Option<String> {
        Some(self.requirement().remedy.to_owned())
    }

    pub(crate) fn class(self) -> Class {
        if self == Lack::Rights { Class::Denied } else { Class::Unsupported }
    }
}

/// What this kernel and our rights allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// Why BPF cannot be used; empty if it can.
    pub lacks: Vec<Lack>,
    /// Whether marks live with the task (from 5.11), or in a table of our own with room for 65536 threads.
    pub task_storage: bool,
    /// Whether requests to io_uring are counted, which needs a tracepoint of newer kernels.
    pub counts_uring: bool,
}

impl Support {
    /// Whether anything can be traced with BPF.
    pub fn has_bpf(&self) -> bool {
        self.lacks.is_empty()
    }
}

/// Asks this kernel. Loads nothing.
pub fn support() -> Support {
    let types = crate::types::of_kernel(&[]).ok();
    let has =
        |name: &str, kind| types.as_ref().is_some_and(|types| types.numbered.id_by_type_name_kind(name, kind).is_ok());
    Support { lacks: refusals(), task_storage: has(STORAGE, BtfKind::Func), counts_uring: has(URING, BtfKind::Typedef) }
}

/// Why BPF cannot be used here.
pub(crate) fn refusals() -> Vec<Lack> {
    let mut lacks = Vec::new();
    if !Path::new(TYPES).exists() {
        lacks.push(Lack::Types);
    }
    let rights = rustix::thread::capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    let may = rights.contains(CapabilitySet::SYS_ADMIN) || rights.contains(CapabilitySet::BPF | CapabilitySet::PERFMON);
    if !may {
        lacks.push(Lack::Rights);
    }
    if std::fs::metadata("/proc/self/ns/pid").is_ok_and(|found| found.ino() != FIRST_PID_NAMESPACE) {
        lacks.push(Lack::Numbers);
    }
    if let Err(error) = crate::sys::create_ring(rustix::param::page_size() as u32) {
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) if may => lacks.push(Lack::Rights),
            Some(libc::EPERM | libc::EACCES) => {}
            Some(libc::ENOSYS) => lacks.push(Lack::Calls),
            _ => lacks.push(Lack::Rings),
        }
    }
    let locked = std::fs::read_to_string(LOCKDOWN).unwrap_or_default();
    if locked.contains("[confidentiality]") {
        lacks.push(Lack::Locked);
    }
    lacks
}

/// `PROC_PID_INIT_INO`, include/linux/proc_ns.h.
const FIRST_PID_NAMESPACE: u64 = 0xefff_fffc;
/// What the kernel keeps even root from, the choice in force in brackets.
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

/// The helper that keeps marks with tasks.
pub(crate) const STORAGE: &str = "bpf_task_storage_get";
/// The tracepoint of requests to io_uring.
pub(crate) const URING: &str = "btf_trace_io_uring_submit_req";
