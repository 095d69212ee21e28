//! What the kubelet and runtimes say when a volume, a sandbox or a container cannot be set up or started.

use super::{between, says};

/// Events that tell why a sandbox or a volume is not there.
pub const SETUP: [&str; 6] = [
    "FailedMount",
    "FailedAttachVolume",
    "FailedMapVolume",
    "FailedCreatePodSandBox",
    "FailedCreatePodContainer",
    "NetworkNotReady",
];

/// `configmap "x" not found`, `secret "x" not found`: kind and name.
pub fn missing_object(text: &str) -> Option<(&'static str, &str)> {
    [("configmap \"", "ConfigMap"), ("secret \"", "Secret")].into_iter().find_map(|(mark, kind)| {
        let name = between(text, mark, "\"")?;
        text.contains("not found").then_some((kind, name.rsplit('/').next().unwrap_or(name)))
    })
}

/// `couldn't find key K in ConfigMap ns/name`: key, kind and name. Volumes say only the key.
pub fn missing_key(text: &str) -> Option<(&str, &'static str, &str)> {
    if let Some((_, rest)) = text.split_once("couldn't find key ") {
        let (key, place) = rest.split_once(" in ")?;
        let (kind, name) = place.split_once(' ')?;
        let name = name.split([',', ' ']).next()?.rsplit('/').next()?;
        return Some((key, if kind == "Secret" { "Secret" } else { "ConfigMap" }, name));
    }
    ["config", "secret"].into_iter().find_map(|kind| {
        let (_, key) = text.split_once(&format!("references non-existent {kind} key: "))?;
        Some((key.trim(), if kind == "secret" { "Secret" } else { "ConfigMap" }, ""))
    })
}

/// Why a program could not be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exec {
    /// There is no such program.
    NotFound,
    /// It may not be executed.
    Denied,
    /// It is for another machine, or a script without its first line.
    Format,
    /// It is there, what it wants to be run by is not.
    Interpreter,
}

/// Whether a shell or `env` says that what should run a script is not there: by its first line, which may end with the
/// carriage return of another system.
pub fn is_interpreter(line: &str) -> bool {
    let gone = says(line, &["no such file or directory"]);
    let returns = ["\\r'", "\\r’", "\r'", "\r’", "\r:", "^M:"].iter().any(|end| line.contains(end));
    gone && (line.contains("bad interpreter") || returns && line.contains("env: "))
}

/// What a runtime or a shell said about executing a program; and which.
pub fn exec(text: &str) -> Option<(Exec, &str)> {
    let quoted = || between(text, "exec: \"", "\"");
    let program = quoted().or_else(|| between(text, "exec ", ": ")).unwrap_or_default();
    if text.contains("executable file not found in $PATH") {
        return Some((Exec::NotFound, program));
    }
    if text.contains("exec format error") {
        return Some((Exec::Format, program));
    }
    // `sh: 1: /app/server: Exec format error`, `bash: ./server: cannot execute binary file: Exec format error`
    if let Some(told) = text.trim_end().strip_suffix(": Exec format error") {
        let program = told.split(": ").filter(|part| part.contains('/')).last().unwrap_or_default();
        return Some((Exec::Format, program));
    }
    if is_interpreter(text) {
        let parts: Vec<&str> = text.split(": ").collect();
        let end = parts.iter().position(|part| says(part, &["bad interpreter", "no such file"])).unwrap_or(0);
        let named = end.checked_sub(1).map_or(program, |before| parts[before]);
        return Some((Exec::Interpreter, named.trim_matches(['\'', '‘', '’'])));
    }
    if quoted().is_some() && text.contains("permission denied") {
        return Some((Exec::Denied, program));
    }
    if quoted().is_some() && text.contains("no such file or directory") {
        // The runtime looks before it executes: `stat` failing means that there is no such file.
        return Some((if text.contains("stat ") { Exec::NotFound } else { Exec::Interpreter }, program));
    }
    // The runtime's own words after it became the program: the file was there when it looked.
    if text.starts_with("exec /") && text.contains("no such file or directory") {
        return Some((Exec::Interpreter, program));
    }
    (text.starts_with("exec /") && text.contains("permission denied")).then_some((Exec::Denied, program))
}

/// What keeps a sandbox from its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// No configuration for the runtime to read.
    NotInstalled,
    /// A plug-in's program is not there.
    BinaryMissing,
    /// The plug-in's agent does not answer, or has not written its files.
    AgentDown,
    /// No address is left.
    Exhausted,
    /// The bridge has an address of another range.
    BridgeConflict,
    /// The node was given no range.
    NoRange,
}

/// Words, in the order in which they decide.
const NETWORK: &[(Network, &[&str])] = &[
    (Network::BinaryMissing, &["failed to find plugin"]),
    (Network::BridgeConflict, &["already has an IP address different from"]),
    (Network::NoRange, &["pod cidr not assigned", "podCIDR not assigned", "no podcidr", "node has no pod cidr"]),
    (
        Network::Exhausted,
        &[
            "no IP addresses available in range set",
            "No more free affine blocks",
            "failed to allocate for range",
            "InsufficientFreeAddresses",
            "failed to assign an IP address",
            "no available IP",
        ],
    ),
    (
        Network::AgentDown,
        &[
            "/var/lib/calico/nodename",
            "/run/flannel/subnet.env",
            "connection is unauthorized",
            "Cilium agent",
            "cilium.sock",
            "istio-cni",
            "Is the daemon running",
            "multus.sock",
            "unable to connect to kube-ovn",
        ],
    ),
    (
        Network::NotInstalled,
        &[
            "cni plugin not initialized",
            "cni config uninitialized",
            "No networks found in",
            "no network config found",
            "no valid networks found",
        ],
    ),
];

/// What a text says about a network. A network that a pod asks for by name and that is not there is none of these.
pub fn network(text: &str) -> Option<Network> {
    let named = says(text, &["network-attachment-definition", "networkattachmentdefinition"]);
    if named && says(text, &["not found", "cannot find"]) {
        return None;
    }
    NETWORK.iter().find(|(_, words)| says(text, words)).map(|(network, _)| *network)
}

/// Whether a text tells of a sandbox's network that cannot be taken away.
pub fn keeps_network(text: &str) -> bool {
    says(text, &["failed to destroy network", "failed (delete)", "failed to teardown pod", "networkPlugin cni failed"])
}

/// What keeps a volume from being set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount {
    /// Attached to another node.
    MultiAttach,
    /// The driver could not attach it.
    Attach,
    /// The driver is not on this node.
    DriverMissing,
    /// `mount` lacks a helper program.
    Helper,
    /// The file server does not answer or refuses.
    Nfs,
    /// The file system is damaged.
    Corrupt,
    /// The path of the host is of another type.
    HostPath,
    /// A path inside the volume.
    SubPath,
    /// The kubelet has not heard of the object.
    NotRegistered,
    /// A token could not be had.
    Token,
    /// The staging of a driver failed with its own words.
    Driver,
}

const MOUNT: &[(Mount, &[&str])] = &[
    (
        Mount::MultiAttach,
        &[
            "Multi-Attach error",
            "already attached to",
            "attached to a different",
            "VolumeInUse",
            "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
        ],
    ),
    (Mount::DriverMissing, &["not found in the list of registered CSI drivers"]),
    (Mount::HostPath, &["hostPath type check failed"]),
    (Mount::SubPath, &["failed to prepare subPath", "mount a directory onto a file", "failed to create subPath"]),
    (Mount::Helper, &["need a /sbin/mount", "mount program", "unknown filesystem type"]),
    (Mount::Nfs, &["mount.nfs:", "access denied by server while mounting", "rpc.statd is not running"]),
    (
        Mount::Corrupt,
        &["bad superblock", "wrong fs type", "fsck found errors", "'fsck' found errors", "structure needs cleaning"],
    ),
    (Mount::Token, &["failed to fetch token"]),
    (Mount::NotRegistered, &["not registered", "cache: timed out waiting"]),
    (Mount::Attach, &["AttachVolume.Attach failed", "timed out waiting for external-attacher"]),
    (Mount::Driver, &["MountVolume.MountDevice failed", "MountVolume.SetUp failed", "rpc error"]),
];

/// What a text says about a mount.
pub fn mount(text: &str) -> Option<Mount> {
    // `nfs` without its helper says `wrong fs type, bad option, bad superblock` as well, and what a server keeps has none.
    if text.contains("helper program") && says(text, &["-t nfs", "-t cifs"]) {
        return Some(Mount::Helper);
    }
    MOUNT.iter().find(|(_, words)| says(text, words)).map(|(mount, _)| *mount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_cannot_be_executed() {
        for (text, expect) in [
            (
                "unable to start container process: exec: \"gunicorn\": executable file not found in $PATH: unknown",
                Some(Exec::NotFound),
            ),
            ("exec: \"/run.sh\": stat /run.sh: no such file or directory: unknown", Some(Exec::NotFound)),
            ("exec: \"/run.sh\": permission denied: unknown", Some(Exec::Denied)),
            ("exec /run.sh: no such file or directory", Some(Exec::Interpreter)),
            ("exec /app: exec format error", Some(Exec::Format)),
            ("open /etc/x: no such file or directory", None),
        ] {
            assert_eq!(exec(text).map(|(exec, _)| exec), expect, "{text}");
        }
        let shell = "bash: line 1: /app/server: cannot execute binary file: Exec format error";
        assert_eq!(exec(shell), Some((Exec::Format, "/app/server")));
        for (text, program) in [
            ("env: 'bash\\r': No such file or directory", "bash\\r"),
            ("/usr/bin/env: ‘sh\\r’: No such file or directory", "sh\\r"),
            ("sh: ./run.sh: /bin/bash: bad interpreter: No such file or directory", "/bin/bash"),
        ] {
            assert_eq!(exec(text), Some((Exec::Interpreter, program)), "{text}");
        }
        assert_eq!(exec("/usr/bin/env: 'python': No such file or directory"), None);
        assert_eq!(exec("exec /run.sh: exec format error"), Some((Exec::Format, "/run.sh")));
    }

    #[test]
    fn mounts_and_networks_fail_for_many_reasons() {
        let wrong = "wrong fs type, bad option, bad superblock on /dev/sdb, missing codepage or helper program, or other error.";
        for (text, expect) in [
            (wrong, Some(Mount::Corrupt)),
            (&format!("Mounting arguments: -t nfs h:/e /m\nOutput: mount: {wrong}"), Some(Mount::Helper)),
            (
                "bad option; for several filesystems you might need a /sbin/mount.<type> helper program.",
                Some(Mount::Helper),
            ),
            (
                "AttachVolume.Attach failed for volume \"v\" : disk(d) already attached to node(a), could not be attached to node(b)",
                Some(Mount::MultiAttach),
            ),
            (
                "AttachVolume.Attach failed for volume \"v\" : VolumeInUse: vol-1 is already attached to an instance",
                Some(Mount::MultiAttach),
            ),
            ("AttachVolume.Attach failed for volume \"v\" : attachment limit exceeded", Some(Mount::Attach)),
        ] {
            assert_eq!(mount(text), expect, "{text}");
        }
        for (text, expect) in [
            ("Multus: dial unix /run/multus/multus.sock: connect: connection refused", Some(Network::AgentDown)),
            ("Multus: cannot find a network-attachment-definition (lan) in namespace (shop)", None),
            (
                "Multus: error adding pod to network \"cbr0\": no IP addresses available in range set",
                Some(Network::Exhausted),
            ),
        ] {
            assert_eq!(network(text), expect, "{text}");
        }
    }

    #[test]
    fn objects_and_keys_that_are_missing() {
        assert_eq!(
            missing_object("MountVolume.SetUp failed for volume \"v\" : configmap \"a\" not found"),
            Some(("ConfigMap", "a"))
        );
        assert_eq!(missing_object("secret \"shop/a\" not found"), Some(("Secret", "a")));
        assert_eq!(missing_key("couldn't find key K in ConfigMap shop/env"), Some(("K", "ConfigMap", "env")));
        assert_eq!(missing_key("couldn't find key k in Secret shop/env"), Some(("k", "Secret", "env")));
        assert_eq!(
            missing_key("configmap references non-existent config key: a.yml"),
            Some(("a.yml", "ConfigMap", ""))
        );
        assert_eq!(missing_object("configmap \"a\" is fine"), None);
    }
}
