//! Interfaces, as rtnetlink tells of them.

use crate::frame::Trouble;
use crate::net::netlink::{Netlink, address, attributes, name, number, short};

const RTM_GETLINK: u16 = 18;

/// An interface, from `struct ifinfomsg` and its attributes (linux/if_link.h).
#[derive(Debug, Default)]
pub(in crate::net) struct Link {
    pub(super) index: u32,
    pub(super) flags: u32,
    pub(super) name: String,
    pub(super) parent: Option<u32>,
    pub(super) elsewhere: bool,
    pub(super) mtu: u32,
    pub(super) queue: Option<u32>,
    pub(super) state: u8,
    pub(super) discipline: String,
    pub(super) controller: Option<u32>,
    pub(super) hardware: u16,
    pub(super) address: Vec<u8>,
    pub(super) broadcast: Vec<u8>,
    pub(super) counters: Vec<u64>,
}

/// All interfaces of this network namespace.
pub(in crate::net) fn links(netlink: &Netlink) -> Result<Vec<Link>, Trouble> {
    let mut links = Vec::new();
    netlink
        .dump(RTM_GETLINK, &[0; 16], |body| links.extend(link(body)))
        .map_err(Trouble::doing("cannot list interfaces"))?;
    Ok(links)
}

fn link(body: &[u8]) -> Option<Link> {
    let hardware = short(body, 2)?;
    let mut link = Link { index: number(body, 4)?, flags: number(body, 8)?, hardware, ..Link::default() };
    for (kind, value) in attributes(body.get(16..)?) {
        match kind {
            1 => link.address = value.to_vec(),
            2 => link.broadcast = value.to_vec(),
            3 => link.name = name(value),
            4 => link.mtu = number(value, 0)?,
            5 => link.parent = number(value, 0),
            6 => link.discipline = name(value),
            10 => link.controller = number(value, 0),
            13 => link.queue = number(value, 0),
            16 => link.state = *value.first()?,
            23 => {
                link.counters =
                    value.chunks_exact(8).filter_map(|part| Some(u64::from_ne_bytes(part.try_into().ok()?))).collect()
            }
            37 => link.elsewhere = true,
            _ => {}
        }
    }
    Some(link)
}

/// The name of the interface `index`.
pub(in crate::net) fn name_of(links: &[Link], index: u32) -> String {
    links.iter().find(|link| link.index == index).map_or_else(|| format!("if{index}"), |link| link.name.clone())
}

impl Link {
    /// `eth0@if7` where the other end is somewhere else, `eth0.5@eth0` where it is here.
    pub(super) fn full_name(&self, all: &[Link]) -> String {
        match self.parent.filter(|parent| *parent != self.index && *parent != 0) {
            Some(parent) if self.elsewhere => format!("{}@if{parent}", self.name),
            Some(parent) => format!("{}@{}", self.name, name_of(all, parent)),
            None => self.name.clone(),
        }
    }

    /// Bits of `net_device_flags` (linux/if.h), in the order people know from iproute2.
    pub(super) fn flag_names(&self) -> Vec<&'static str> {
        let names = [
            (0x8, "LOOPBACK"),
            (0x2, "BROADCAST"),
            (0x10, "POINTOPOINT"),
            (0x1000, "MULTICAST"),
            (0x80, "NOARP"),
            (0x200, "ALLMULTI"),
            (0x100, "PROMISC"),
            (0x400, "MASTER"),
            (0x800, "SLAVE"),
            (0x4000, "DYNAMIC"),
            (0x1, "UP"),
            (0x10000, "LOWER_UP"),
            (0x20000, "DORMANT"),
        ];
        let no_carrier = (self.flags & 1 != 0 && self.flags & 0x40 == 0).then_some("NO-CARRIER");
        no_carrier
            .into_iter()
            .chain(names.iter().filter(|(bit, _)| self.flags & bit != 0).map(|(_, name)| *name))
            .collect()
    }

    /// RFC 2863 states, `IF_OPER_*` in linux/if.h.
    pub(super) fn state_name(&self) -> &'static str {
        ["UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"]
            .get(usize::from(self.state))
            .copied()
            .unwrap_or("UNKNOWN")
    }

    /// The common ones of `ARPHRD_*` (linux/if_arp.h).
    pub(super) fn hardware_name(&self) -> String {
        match self.hardware {
            1 => "ether",
            32 => "infiniband",
            512 => "ppp",
            768 => "ipip",
            769 => "tunnel6",
            772 => "loopback",
            776 => "sit",
            778 => "gre",
            0xfffe => "none",
            other => return format!("[{other}]"),
        }
        .to_owned()
    }
}

/// A hardware address in hexadecimal; those of 4 bytes are tunnels' IPv4 ends.
pub(super) fn hardware(bytes: &[u8]) -> String {
    match address(bytes) {
        Some(tunnel) => tunnel.to_string(),
        None => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
    }
}
