//! A network between two containers: a veth pair, both ends called `eth0`, nothing of it on the host. It goes with
//! their network namespaces.

use std::net::Ipv4Addr;
use std::process::Command;

use super::process::{Running, run};

/// The two ends' addresses, in the order of the containers.
pub const CABLE: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(198, 18, 0, 2)];

/// Joins two containers that have a network namespace each; they are then at [`CABLE`]'s addresses.
///
/// # Panics
/// When `ip` (iproute2) refuses, for example because an end has an `eth0` already.
#[track_caller]
pub fn plug(one: &Running, other: &Running) {
    let (one_pid, other_pid) = (one.pid().to_string(), other.pid().to_string());
    let pair = ["link", "add", "eth0", "netns", &one_pid, "type", "veth", "peer", "name", "eth0", "netns", &other_pid];
    run(Command::new("ip").args(pair));
    for (pid, address) in [one_pid, other_pid].iter().zip(CABLE) {
        let inside = |words: &[&str]| run(Command::new("nsenter").args(["--net", "--target", pid, "ip"]).args(words));
        inside(&["address", "add", &format!("{address}/24"), "dev", "eth0"]);
        inside(&["link", "set", "lo", "up"]);
        inside(&["link", "set", "eth0", "up"]);
    }
}
