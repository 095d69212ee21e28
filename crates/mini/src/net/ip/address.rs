//! Addresses of interfaces, as rtnetlink tells of them.

use std::net::IpAddr;

use super::Family;
use crate::frame::Trouble;
use crate::net::netlink::{Netlink, address, attributes, name, number};

const RTM_GETADDR: u16 = 22;

/// An address, from `struct ifaddrmsg` and its attributes (linux/if_addr.h).
#[derive(Debug)]
pub(super) struct Address {
    pub(super) index: u32,
    pub(super) prefix: u8,
    pub(super) scope: u8,
    pub(super) flags: u32,
    pub(super) local: IpAddr,
    pub(super) peer: Option<IpAddr>,
    pub(super) broadcast: Option<IpAddr>,
    pub(super) label: String,
    pub(super) valid: u32,
    pub(super) preferred: u32,
}

/// Those of this network namespace that are wanted.
pub(super) fn addresses(netlink: &Netlink, family: Family) -> Result<Vec<Address>, Trouble> {
    let mut addresses = Vec::new();
    let mut request = [0; 8];
    request[0] = family.number();
    netlink
        .dump(RTM_GETADDR, &request, |body| addresses.extend(one_address(body)))
        .map_err(Trouble::doing("cannot list addresses"))?;
    addresses.retain(|address| family.has(address.local));
    Ok(addresses)
}

fn one_address(body: &[u8]) -> Option<Address> {
    let (mut local, mut peer, mut broadcast, mut label) = (None, None, None, String::new());
    let (mut flags, mut valid, mut preferred) = (u32::from(*body.get(2)?), u32::MAX, u32::MAX);
    for (kind, value) in attributes(body.get(8..)?) {
        match kind {
            1 => peer = address(value),
            2 => local = address(value),
            3 => label = name(value),
            4 => broadcast = address(value),
            6 => (preferred, valid) = (number(value, 0)?, number(value, 4)?),
            8 => flags = number(value, 0)?,
            _ => {}
        }
    }
    // IPv6 has only the "peer", which is then its own.
    let local = local.or(peer)?;
    Some(Address {
        index: number(body, 4)?,
        prefix: *body.get(1)?,
        scope: *body.get(3)?,
        flags,
        local,
        peer: peer.filter(|peer| *peer != local),
        broadcast,
        label,
        valid,
        preferred,
    })
}

impl Address {
    /// Bits of `IFA_F_*` (linux/if_addr.h).
    pub(super) fn flag_names(&self) -> Vec<&'static str> {
        let names = [
            (0x1, if self.local.is_ipv4() { "secondary" } else { "temporary" }),
            (0x8, "dadfailed"),
            (0x20, "deprecated"),
            (0x40, "tentative"),
            (0x200, "noprefixroute"),
        ];
        let dynamic = (self.flags & 0x80 == 0).then_some("dynamic");
        dynamic
            .into_iter()
            .chain(names.iter().filter(|(bit, _)| self.flags & bit != 0).map(|(_, name)| *name))
            .collect()
    }
}

/// `RT_SCOPE_*` (linux/rtnetlink.h).
pub(super) fn scope(number: u8) -> String {
    match number {
        0 => "global",
        200 => "site",
        253 => "link",
        254 => "host",
        255 => "nowhere",
        other => return other.to_string(),
    }
    .to_owned()
}

pub(super) fn lifetime(seconds: u32) -> String {
    if seconds == u32::MAX { "forever".to_owned() } else { format!("{seconds}sec") }
}
