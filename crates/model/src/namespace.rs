//! The kinds of namespace by name, as the kernel and users write them.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the kernel's own")]
pub enum Kind {
    User,
    Mnt,
    Pid,
    Net,
    Ipc,
    Uts,
    Cgroup,
}

impl Kind {
    /// Every kind with the name of its file under `/proc/PID/ns`, in the order in which they can be joined.
    pub const ALL: &[(Kind, &str)] = &[
        (Kind::User, "user"),
        (Kind::Mnt, "mnt"),
        (Kind::Pid, "pid"),
        (Kind::Net, "net"),
        (Kind::Ipc, "ipc"),
        (Kind::Uts, "uts"),
        (Kind::Cgroup, "cgroup"),
    ];

    /// The name users and the kernel write.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
        let known = Self::ALL.iter().find(|(_, name)| *name == text);
        known.map(|(kind, _)| *kind).ok_or_else(|| format!("`{text}` is no namespace; there are {}", names()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_what_it_is_called() {
        for (kind, name) in Kind::ALL {
            assert_eq!((name.parse(), kind.name()), (Ok(*kind), *name));
        }
        assert!("network".parse::<Kind>().is_err_and(|says| says.contains("there are user, mnt, pid, net")));
    }
}
