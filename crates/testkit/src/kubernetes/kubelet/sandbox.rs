//! What the containers of one pod share: a network with an address, a host name, System V objects.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::engine::process::run;

/// The node's address on the pods' network.
pub(in crate::kubernetes) const GATEWAY: &str = "10.88.0.1";

const BRIDGE: &str = "pods0";

/// The namespaces of one pod, for as long as this lives.
#[derive(Debug)]
pub(super) struct Sandbox {
    holder: Child,
    /// Empty for a pod on the node's own network.
    pub(super) address: String,
    /// Those of services that it stands for.
    more: BTreeSet<String>,
}

/// Lays the pods' network, in the network namespace that we are in.
pub(in crate::kubernetes) fn lay_network() {
    let ip = |words: &[&str]| run(Command::new("ip").args(words));
    ip(&["link", "set", "lo", "up"]);
    ip(&["link", "add", BRIDGE, "type", "bridge"]);
    ip(&["address", "add", &format!("{GATEWAY}/16"), "dev", BRIDGE]);
    ip(&["link", "set", BRIDGE, "up"]);
}

/// Whoever in the network of the process `inside` speaks with `server` speaks with `instead` from now on.
pub(in crate::kubernetes) fn divert(inside: u32, server: SocketAddr, instead: SocketAddr) {
    let (address, port) = (server.ip().to_string(), server.port().to_string());
    let mut divert = Command::new("nsenter");
    divert.args(["--net", "--target", &inside.to_string(), "iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp"]);
    run(divert.args(["-d", &address, "--dport", &port, "-j", "DNAT", "--to-destination", &instead.to_string()]));
}

impl Sandbox {
    /// Makes them for the `number`th pod of the node.
    pub(super) fn new(name: &str, number: u32, on_host_network: bool) -> Sandbox {
        // Whatever becomes of us, it goes when this thread does.
        let mut unshare = Command::new("setpriv");
        unshare.args(["--pdeathsig", "KILL", "unshare", "--uts", "--ipc"]).args((!on_host_network).then_some("--net"));
        let script = r#"hostname "$0"; echo ready; exec sleep 2147483647"#;
        // A kubelet gives a pod on the host's network the host's name; this one has none of its own.
        unshare.args(["/bin/busybox", "sh", "-c", script, name]);
        let mut holder = unshare.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("unshare can be run");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut line).expect("a pipe can be read");
        assert_eq!(line, "ready\n", "the namespaces of the pod {name} cannot be made");
        let mut sandbox = Sandbox { holder, address: String::new(), more: BTreeSet::new() };
        if !on_host_network {
            sandbox.address = sandbox.plug(number);
        }
        sandbox
    }

    fn plug(&self, number: u32) -> String {
        let (pid, outside) = (self.pid().to_string(), format!("pod{number}"));
        let address = format!("10.88.{}.{}", (number + 2) / 250, (number + 2) % 250);
        run(Command::new("ip").args(["link", "add", &outside, "type", "veth", "peer", "name", "eth0", "netns", &pid]));
        run(Command::new("ip").args(["link", "set", &outside, "master", BRIDGE, "up"]));
        let inside = |words: &[&str]| run(Command::new("nsenter").args(["--net", "--target", &pid, "ip"]).args(words));
        inside(&["address", "add", &format!("{address}/16"), "dev", "eth0"]);
        inside(&["link", "set", "lo", "up"]);
        inside(&["link", "set", "eth0", "up"]);
        address
    }

    /// Has this address too from now on, and tells the neighbours.
    pub(super) fn take_address(&mut self, address: &str) {
        if self.address.is_empty() || !self.more.insert(address.to_owned()) {
            return;
        }
        let pid = self.pid().to_string();
        let inside = |words: &[&str]| run(Command::new("nsenter").args(["--net", "--target", &pid]).args(words));
        inside(&["ip", "address", "replace", &format!("{address}/32"), "dev", "eth0"]);
        // Who listens on the pod's own address alone is meant too.
        let rule = ["-t", "nat", "-A", "PREROUTING", "-d", address, "-j", "DNAT", "--to-destination", &self.address];
        inside(&[&["iptables"], &rule[..]].concat());
        inside(&["/bin/busybox", "arping", "-U", "-c", "1", "-I", "eth0", address]);
    }

    fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// In `ctr`'s words.
    pub(super) fn words(&self) -> Vec<String> {
        let mut kinds = vec!["uts", "ipc"];
        kinds.extend((!self.address.is_empty()).then_some("network"));
        let path = |kind: &str| match kind {
            "network" => format!("network:/proc/{}/ns/net", self.pid()),
            kind => format!("{kind}:/proc/{}/ns/{kind}", self.pid()),
        };
        kinds.into_iter().flat_map(|kind| ["--with-ns".to_owned(), path(kind)]).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
