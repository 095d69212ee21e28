//! Profiles: what the command in a session may do. One row each; the documentation's table is made from it.

use fathom_host::Process;
use fathom_host::process::Capabilities;
pub use fathom_model::Profile;
use serde::{Deserialize, Serialize};

use crate::label::Label;

/// One row of the table of profiles.
#[derive(Debug)]
pub struct Row {
    /// The profile.
    pub profile: Profile,
    /// One sentence.
    pub doc: &'static str,
    /// Which user the command runs as.
    pub user: User,
    /// Which capabilities it has.
    pub rights: Rights,
    /// Which system calls it may make.
    pub seccomp: Seccomp,
    /// Whether set-uid programs gain nothing.
    pub no_new_privs: Inherit,
}

/// Which user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// The target's own.
    Target,
    /// The target's own; where that is root, `nobody` (65534).
    NeverRoot,
    /// uid 0 of the target's user namespace.
    Root,
}

/// Which capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// The target's own sets.
    Target,
    /// These.
    Mask(u64),
}

/// Which system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seccomp {
    /// The target's own filters, copied.
    Target,
    /// None that changes the machine: modules, kexec, clocks, mounts, keys, bpf; tracing is allowed.
    Default,
    /// All but loading kernels and modules.
    NoKernelCode,
    /// All.
    Unconfined,
}

/// A flag that may be the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "plain words")]
pub enum Inherit {
    Target,
    On,
    Off,
}

/// Docker's default set.
const DOCKER: u64 = 0xa804_25fb;
const NET_ADMIN: u64 = 1 << 12;
const SYS_PTRACE: u64 = 1 << 19;
const SYS_ADMIN: u64 = 1 << 21;
const SYSLOG: u64 = 1 << 34;
/// Everything a kernel may know; masked by what this one does.
const ALL: u64 = (1 << 63) - 1;

/// Every profile.
pub const PROFILES: &[Row] = &[
    Row {
        profile: Profile::AsTarget,
        doc: "exactly what the target itself may do",
        user: User::Target,
        rights: Rights::Target,
        seccomp: Seccomp::Target,
        no_new_privs: Inherit::Target,
    },
    Row {
        profile: Profile::Restricted,
        doc: "no root, no capability, nothing to be gained",
        user: User::NeverRoot,
        rights: Rights::Mask(0),
        seccomp: Seccomp::Default,
        no_new_privs: Inherit::On,
    },
    Row {
        profile: Profile::General,
        doc: "root as in a docker container, and may trace: enough for tcpdump, strace and chroot",
        user: User::Root,
        rights: Rights::Mask(DOCKER | SYS_PTRACE),
        seccomp: Seccomp::Default,
        no_new_privs: Inherit::Off,
    },
    Row {
        profile: Profile::Netadmin,
        doc: "general, and may change the network: ip, iptables, tc",
        user: User::Root,
        rights: Rights::Mask(DOCKER | SYS_PTRACE | NET_ADMIN),
        seccomp: Seccomp::Default,
        no_new_privs: Inherit::Off,
    },
    Row {
        profile: Profile::Sysadmin,
        doc: "every capability in the target's user namespace, as in a privileged container",
        user: User::Root,
        rights: Rights::Mask(ALL),
        seccomp: Seccomp::NoKernelCode,
        no_new_privs: Inherit::Off,
    },
    Row {
        profile: Profile::Host,
        doc: "everything root on this machine may do",
        user: User::Root,
        rights: Rights::Mask(ALL | SYSLOG),
        seccomp: Seccomp::Unconfined,
        no_new_privs: Inherit::Off,
    },
];

/// The row of `profile`.
pub fn row(profile: Profile) -> &'static Row {
    PROFILES.iter().find(|row| row.profile == profile).expect("the table has every profile")
}

/// Who the command runs as, worked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// User, in the target's user namespace.
    pub uid: u32,
    /// Group, in the target's user namespace.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Capability sets after exec.
    pub capabilities: Capabilities,
    /// Filter.
    pub seccomp: Seccomp,
    /// The target's own filters, where they are to be copied; outermost last.
    pub filters: Vec<CopiedFilter>,
    /// Set before exec.
    pub no_new_privs: bool,
    /// What AppArmor or SELinux holds it to from exec on.
    pub label: Option<Label>,
}

impl Credentials {
    /// Whether they include administering the machine, and with it all of /proc/sys.
    pub fn may_administer(&self) -> bool {
        self.capabilities.bounding & SYS_ADMIN != 0
    }
}

/// A seccomp program read from a process: code, jt, jf, k of each instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedFilter(pub Vec<(u16, u8, u8, u32)>);

/// The rights of `profile` on a target whose first process is `target`, for the user `asked` if there is one.
///
/// `target`'s ids are as the target itself sees them.
pub fn credentials(profile: Profile, target: &Process, asked: Option<(u32, u32, Vec<u32>)>) -> Credentials {
    let row = row(profile);
    let (uid, gid, groups) = asked.unwrap_or_else(|| match row.user {
        User::Target => (target.uid, target.gid, target.groups.clone()),
        User::NeverRoot if target.uid == 0 => (65534, 65534, Vec::new()),
        User::NeverRoot => (target.uid, target.gid, target.groups.clone()),
        User::Root => (0, 0, Vec::new()),
    });
    let capabilities = match row.rights {
        Rights::Target => target.capabilities,
        // As docker exec: root has the whole set at once; another user's programs can gain it, but start with none.
        Rights::Mask(mask) if uid == 0 => {
            Capabilities { inheritable: 0, permitted: mask, effective: mask, bounding: mask, ambient: 0 }
        }
        Rights::Mask(mask) => Capabilities { bounding: mask, ..Capabilities::default() },
    };
    let no_new_privs = match row.no_new_privs {
        Inherit::Target => target.no_new_privs != 0,
        Inherit::On => true,
        Inherit::Off => false,
    };
    let (filters, label) = (Vec::new(), None);
    Credentials { uid, gid, groups, capabilities, seccomp: row.seccomp, filters, no_new_privs, label }
}

/// Names of the capabilities in `mask`, without `CAP_`.
pub fn capability_names(mask: u64) -> Vec<&'static str> {
    NAMES.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, name)| *name).collect()
}

/// By number, from `linux/capability.h`.
const NAMES: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uid: u32) -> Process {
        let capabilities = Capabilities { bounding: 0b11, ..Capabilities::default() };
        Process { uid, gid: uid, groups: vec![7], capabilities, no_new_privs: 1, seccomp: 2, ..Process::default() }
    }

    #[test]
    fn as_target_copies_everything() {
        let got = credentials(Profile::AsTarget, &target(65532), None);
        assert_eq!((got.uid, got.gid, got.groups, got.no_new_privs), (65532, 65532, vec![7], true));
        assert_eq!((got.capabilities.bounding, got.seccomp), (0b11, Seccomp::Target));
    }

    #[test]
    fn general_is_root_and_may_trace_whatever_the_target_is() {
        let got = credentials(Profile::General, &target(65532), None);
        assert_eq!((got.uid, got.no_new_privs), (0, false));
        let names = capability_names(got.capabilities.effective);
        assert!(
            names.contains(&"SYS_PTRACE") && names.contains(&"NET_RAW") && !names.contains(&"SYS_ADMIN"),
            "{names:?}"
        );
    }

    #[test]
    fn restricted_is_never_root() {
        assert_eq!(credentials(Profile::Restricted, &target(0), None).uid, 65534);
        assert_eq!(credentials(Profile::Restricted, &target(1000), None).uid, 1000);
        assert_eq!(credentials(Profile::Restricted, &target(0), None).capabilities, Capabilities::default());
    }

    #[test]
    fn another_user_starts_without_capabilities() {
        let got = credentials(Profile::General, &target(0), Some((1000, 1000, vec![])));
        assert_eq!((got.uid, got.capabilities.effective), (1000, 0));
        assert_ne!(got.capabilities.bounding, 0);
    }
}
