//! What a kubelet and a runtime write before they end: why they do not start, or cannot go on.
//!
//! A line is believed only beside a service that is down or falls again and again: most of these words are known to the
//! journals of healthy nodes too.

use super::hears;

/// What a line says about why a service of a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// Swap is on.
    Swap,
    /// The kubelet and the runtime disagree about who makes cgroups.
    CgroupDriver,
    /// The kubelet's certificate for the API server has expired.
    Expired,
    /// A figure of the kernel is not as the kubelet wants it.
    Sysctl,
    /// The runtime answers, and does not speak as the kubelet does.
    NoCri,
    /// No runtime is behind the socket.
    NoRuntime,
    /// Somebody else has the port.
    Port,
    /// Nothing more can be watched.
    Watches,
    /// Settings or flags cannot be read, or ask for what there is not.
    Settings,
}

/// A sign, and words that all have to be heard.
type Row = (Sign, &'static [&'static str]);

/// What kubelets write, the most telling first (cmd/kubelet/app, pkg/kubelet, 1.20 to 1.35).
const KUBELET: &[Row] = &[
    (Sign::Swap, &["running with swap on is not supported"]),
    (Sign::CgroupDriver, &["misconfiguration: kubelet cgroup driver"]),
    (Sign::CgroupDriver, &["expected cgroupspath to be of format \"slice:prefix:name\""]),
    (Sign::CgroupDriver, &["expected cgroupspath to be of format \\\"slice:prefix:name\\\""]),
    (Sign::Expired, &["part of the existing bootstrap client certificate", "is expired"]),
    (Sign::Sysctl, &["invalid kernel flag: "]),
    (Sign::NoCri, &["unknown service runtime.v1"]),
    (Sign::NoRuntime, &["validate cri v1 runtime api", "code = unavailable"]),
    (Sign::NoRuntime, &["unable to determine runtime api version", "code = unavailable"]),
    (Sign::NoRuntime, &["failed to run kubelet", "connect: no such file or directory"]),
    (Sign::NoRuntime, &["failed to run kubelet", "connect: connection refused", "dial unix"]),
    (Sign::Port, &["bind: address already in use"]),
    (Sign::Watches, &["inotify_init", "too many open files"]),
    (Sign::Watches, &["inotify_add_watch", "no space left on device"]),
    (Sign::Watches, &["fsnotify", "too many open files"]),
    (Sign::Settings, &["failed to load kubelet config file"]),
    (Sign::Settings, &["failed to parse kubelet flag"]),
    (Sign::Settings, &["unknown flag: "]),
    (Sign::Settings, &["failed to validate kubelet configuration"]),
    (Sign::Settings, &["failed to validate kubelet flags"]),
    (Sign::Settings, &["failed to merge kubelet configs"]),
    (Sign::Settings, &["unable to load bootstrap kubeconfig"]),
    (Sign::Settings, &["unable to load client ca file"]),
    (Sign::Settings, &["invalid node allocatable configuration"]),
    (Sign::Settings, &["failed to enforce kube reserved cgroup limits"]),
    (Sign::Settings, &["failed to enforce system reserved cgroup limits"]),
    (Sign::Settings, &["configured to not run on a host using cgroup v1"]),
];

/// What containerd, CRI-O and docker write.
const RUNTIME: &[Row] = &[
    (Sign::Port, &["bind: address already in use"]),
    (Sign::Watches, &["inotify", "too many open files"]),
    (Sign::Settings, &["failed to load toml"]),
    (Sign::Settings, &["failed to unmarshal toml"]),
    (Sign::Settings, &["cannot unmarshal", "config"]),
    (Sign::Settings, &["containerd: toml: "]),
    (Sign::Settings, &["invalid plugin config"]),
    (Sign::Settings, &["invalid disabled plugin uri"]),
    (Sign::Settings, &["expected containerd config version"]),
    (Sign::Settings, &["unsupported config version"]),
    (Sign::Settings, &["unable to configure the docker daemon with file"]),
    (Sign::Settings, &["validating runtime config"]),
    (Sign::Settings, &["validating root config"]),
    (Sign::Settings, &["error decoding config"]),
    (Sign::Settings, &["unknown flag: "]),
];

/// Whose journal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// A kubelet.
    Kubelet,
    /// A container runtime.
    Runtime,
}

/// What one line says about why its service ended.
pub fn sign(speaker: Speaker, line: &str) -> Option<Sign> {
    let rows = match speaker {
        Speaker::Kubelet => KUBELET,
        Speaker::Runtime => RUNTIME,
    };
    let small = line.to_ascii_lowercase();
    rows.iter().find(|(_, words)| words.iter().all(|word| hears(&small, &[word]))).map(|(sign, _)| *sign)
}

/// Whether a kubelet says that the API server is not reached: nobody answers at its address, or there is none.
pub fn is_cut_off(line: &str) -> bool {
    let small = line.to_ascii_lowercase();
    let asks =
        hears(&small, &["/api/v1/nodes", "/apis/coordination.k8s.io/", "/apis/storage.k8s.io/", "/api/v1/services"]);
    let lost = hears(
        &small,
        &[
            "connect: connection refused",
            "i/o timeout",
            "no route to host",
            "network is unreachable",
            "no such host",
            "tls handshake timeout",
            "context deadline exceeded",
            "client.timeout exceeded",
        ],
    );
    asks && lost
}

/// Whether a runtime says that it does without its plug-in for kubelets.
pub fn lacks_cri(line: &str) -> bool {
    let small = line.to_ascii_lowercase();
    hears(&small, &["failed to load plugin"]) && hears(&small, &["io.containerd.grpc.v1.cri", "io.containerd.cri.v1."])
}

/// What a line says without what stands in front of it: klog's level, moment, thread and place, or logrus' words.
pub fn told(line: &str) -> &str {
    let klog = |line: &'_ str| line.split_once("] ").map(|(head, _)| head.contains(".go:")).unwrap_or(false);
    let rest = match line {
        line if klog(line) => line.split_once("] ").map_or(line, |(_, rest)| rest),
        line => line.split_once(" msg=").map_or(line, |(_, rest)| rest),
    };
    let cause = rest.split_once(" err=").map_or(rest, |(_, cause)| cause);
    cause.trim().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_of_kubelets_are_read() {
        for (line, expect) in [
            (
                r#"E1121 22:52:54.1 7 run.go:74] "command failed" err="failed to run Kubelet: running with swap on is not supported, please disable swap or set --fail-swap-on flag to false""#,
                Some(Sign::Swap),
            ),
            (
                r#"F0121 22:52:54.1 7 server.go:266] failed to run Kubelet: Running with swap on is not supported, please disable swap!"#,
                Some(Sign::Swap),
            ),
            (
                r#"E1121 22:52:54.1 7 server.go:292] "Failed to run kubelet" err="failed to run Kubelet: misconfiguration: kubelet cgroup driver: \"systemd\" is different from docker cgroup driver: \"cgroupfs\"""#,
                Some(Sign::CgroupDriver),
            ),
            (
                r#"E1121 22:52:54.1 7 remote_runtime.go:176] "RunPodSandbox from runtime service failed" err="rpc error: code = Unknown desc = failed to create containerd task: runc create failed: expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"/kubepods/besteffort/podx/y\" instead: unknown""#,
                Some(Sign::CgroupDriver),
            ),
            (
                r#"E1121 22:52:54.1 7 bootstrap.go:265] part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is expired: 2025-11-01 00:00:00 +0000 UTC"#,
                Some(Sign::Expired),
            ),
            (
                r#"E1121 22:52:54.1 7 run.go:74] "command failed" err="failed to run Kubelet: unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory""#,
                Some(Sign::Settings),
            ),
            (
                r#"E1121 22:52:54.1 7 kubelet.go:1511] "Failed to start ContainerManager" err="invalid kernel flag: vm/overcommit_memory, expected value: 1, actual value: 0""#,
                Some(Sign::Sysctl),
            ),
            (
                r#"E1121 22:52:54.1 7 run.go:74] "command failed" err="failed to run Kubelet: validate service connection: validate CRI v1 runtime API for endpoint \"unix:///run/containerd/containerd.sock\": rpc error: code = Unimplemented desc = unknown service runtime.v1.RuntimeService""#,
                Some(Sign::NoCri),
            ),
            (
                r#"E1121 22:52:54.1 7 run.go:74] "command failed" err="failed to run Kubelet: validate service connection: validate CRI v1 runtime API for endpoint \"unix:///run/containerd/containerd.sock\": rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: no such file or directory\"""#,
                Some(Sign::NoRuntime),
            ),
            (
                r#"E1121 22:52:54.1 7 server.go:180] "Failed to listen and serve" err="listen tcp 0.0.0.0:10250: bind: address already in use""#,
                Some(Sign::Port),
            ),
            (
                r#"E1121 22:52:54.1 7 kubelet.go:1380] "Failed to start cAdvisor" err="inotify_init: too many open files""#,
                Some(Sign::Watches),
            ),
            (
                r#"E1121 22:52:54.1 7 run.go:74] "command failed" err="failed to load kubelet config file, path: /var/lib/kubelet/config.yaml, error: failed to load Kubelet config file /var/lib/kubelet/config.yaml, error failed to read kubelet config file""#,
                Some(Sign::Settings),
            ),
            (r#"Error: failed to parse kubelet flag: unknown flag: --network-plugin"#, Some(Sign::Settings)),
            (
                r#"E1121 22:52:54.1 7 kubelet.go:1511] "Failed to start ContainerManager" err="invalid Node Allocatable configuration. Resource \"memory\" has a reservation of 9Gi but capacity of 8Gi. Expected capacity >= reservation.""#,
                Some(Sign::Settings),
            ),
            (r#"E1121 22:52:54.1 7 kubelet.go:2466] "Error getting node" err="node \"n1\" not found""#, None),
            (
                r#"E1121 22:52:54.1 7 pod_workers.go:1298] "Error syncing pod, skipping" err="failed to \"StartContainer\" for \"app\" with CrashLoopBackOff""#,
                None,
            ),
        ] {
            assert_eq!(sign(Speaker::Kubelet, line), expect, "{line}");
        }
    }

    #[test]
    fn last_words_of_runtimes_are_read() {
        for (line, expect) in [
            (
                "containerd: failed to load TOML: /etc/containerd/config.toml: (12, 3): was expecting token =",
                Some(Sign::Settings),
            ),
            (
                r#"time="2026-01-01T00:00:00Z" level=error msg="failed to load plugin io.containerd.grpc.v1.cri" error="invalid plugin config: `mirrors` cannot be set when `config_path` is provided""#,
                Some(Sign::Settings),
            ),
            (
                "unable to configure the Docker daemon with file /etc/docker/daemon.json: invalid character '}' looking for beginning of object key string",
                Some(Sign::Settings),
            ),
            (
                r#"time="2026-01-01T00:00:00Z" level=fatal msg="validating runtime config: runtime validation: \"runc\" not found in $PATH""#,
                Some(Sign::Settings),
            ),
            (
                r#"time="2026-01-01T00:00:00Z" level=warning msg="failed to load plugin io.containerd.snapshotter.v1.devmapper" error="devmapper not configured""#,
                None,
            ),
        ] {
            assert_eq!(sign(Speaker::Runtime, line), expect, "{line}");
        }
        assert!(lacks_cri(r#"level=error msg="failed to load plugin io.containerd.grpc.v1.cri" error="x""#));
        assert!(!lacks_cri(r#"level=warning msg="failed to load plugin io.containerd.snapshotter.v1.zfs" error="x""#));
    }

    #[test]
    fn who_does_not_reach_the_api_server_says_so() {
        for (line, expect) in [
            (
                r#"E1121 22:52:54.1 7 kubelet_node_status.go:92] "Unable to register node with API server" err="Post \"https://10.0.0.1:6443/api/v1/nodes\": dial tcp 10.0.0.1:6443: connect: connection refused" node="n1""#,
                true,
            ),
            (
                r#"E1121 22:52:54.1 7 controller.go:146] "Failed to ensure lease exists, will retry" err="Get \"https://api:6443/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1?timeout=10s\": dial tcp: lookup api on 10.0.0.2:53: no such host""#,
                true,
            ),
            (
                r#"E1121 22:52:54.1 7 event.go:1] "Unable to write event" err="dial tcp 10.0.0.1:6443: connect: connection refused""#,
                false,
            ),
            (r#"E1121 22:52:54.1 7 prober.go:1] "Probe failed" err="Get \"http://10.1.0.5/api/v1/nodesx\": x""#, false),
        ] {
            assert_eq!(is_cut_off(line), expect, "{line}");
        }
    }

    #[test]
    fn what_is_told_stands_behind_level_and_place() {
        for (line, expect) in [
            (
                r#"E1121 22:52:54.1 7 run.go:74] "command failed" err="failed to run Kubelet: x""#,
                "failed to run Kubelet: x",
            ),
            ("F0121 22:52:54.1 7 server.go:266] failed: x", "failed: x"),
            (r#"time="x" level=fatal msg="no: x""#, "no: x"),
            ("panic: x", "panic: x"),
            ("", ""),
        ] {
            assert_eq!(told(line), expect);
        }
    }
}
