//! The shop's network: a bridge in the keeper's network namespace, and for each sandbox a pair of interfaces that
//! leads from the bridge into the sandbox's own. Nothing of it is in the machine's network, and nothing outlives the
//! processes in it.

mod netlink;

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

use netlink::{Message, Netlink};

use crate::shop::{GATEWAY, PREFIX, Sandbox};

/// The bridge's name.
const BRIDGE: &str = "fathom0";

/// A way to talk to the keeper's network namespace, also for one that has left it.
#[derive(Debug)]
pub(crate) struct Network(Netlink);

impl Network {
    /// Of the namespace that we are in now.
    pub(crate) fn open() -> io::Result<Network> {
        Netlink::open().map(Network)
    }

    /// Makes the bridge and gives it the gateway's address.
    pub(crate) fn make_bridge(&self) -> io::Result<()> {
        let mut bridge = Message::new_link(libc::IFF_UP);
        bridge.text(libc::IFLA_IFNAME, BRIDGE);
        bridge.nest(libc::IFLA_LINKINFO, |info| info.text(libc::IFLA_INFO_KIND, "bridge"));
        self.0.ask(bridge)?;
        self.0.ask(Message::address(self.0.index(BRIDGE)?, GATEWAY, PREFIX))?;
        self.0.ask(Message::link_up("lo"))
    }

    /// Connects `sandbox`, in whose network namespace we are, and gives it its address.
    pub(crate) fn connect(&self, sandbox: &Sandbox) -> io::Result<()> {
        let own = File::open("/proc/thread-self/ns/net")?;
        let outside = format!("veth-{}", sandbox.name);
        // An earlier incarnation's namespace may take a while to go, and its interface with it.
        match self.0.ask(Message::removed_link(&outside)) {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
            other => other?,
        }
        let mut pair = Message::new_link(libc::IFF_UP);
        pair.text(libc::IFLA_IFNAME, &outside);
        pair.number(libc::IFLA_MASTER, self.0.index(BRIDGE)?);
        pair.nest(libc::IFLA_LINKINFO, |info| {
            info.text(libc::IFLA_INFO_KIND, "veth");
            info.nest(libc::IFLA_INFO_DATA, |data| {
                data.nest(netlink::VETH_INFO_PEER, |peer| {
                    peer.link_header(0);
                    peer.text(libc::IFLA_IFNAME, "eth0");
                    peer.number(libc::IFLA_NET_NS_FD, own.as_raw_fd().cast_unsigned());
                });
            });
        });
        self.0.ask(pair)?;

        let inside = Netlink::open()?;
        let eth0 = inside.index("eth0")?;
        inside.ask(Message::link_up("lo"))?;
        inside.ask(Message::link_up("eth0"))?;
        inside.ask(Message::address(eth0, sandbox.address(), PREFIX))?;
        inside.ask(Message::default_route(eth0, GATEWAY))?;
        // Until the kernel has noticed that they are connected, packets are lost: the next try for an address comes a
        // second later, and so does the next one for a connection.
        self.0.wait_until_running(&outside)?;
        self.0.wait_until_running(BRIDGE)?;
        inside.wait_until_running("eth0")
    }
}
