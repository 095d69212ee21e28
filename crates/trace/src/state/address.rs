//! The machine's own addresses, and guesses where a recorder did not know one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fathom_scap::Interface;

use super::descriptor::Tuple;

/// Addresses of the machine's interfaces, in their order.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    v4: Vec<(Ipv4Addr, Ipv4Addr)>,
    v6: Vec<Ipv6Addr>,
    interfaces: Vec<Interface>,
}

impl Addresses {
    /// The interfaces that have them.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    pub(super) fn add(&mut self, interface: &Interface) {
        self.interfaces.push(interface.clone());
        match interface {
            Interface::V4 { address, mask, .. } => self.v4.push((*address, *mask)),
            Interface::V6 { address, .. } => self.v6.push(*address),
        }
    }

    /// Whether `address` is one of them; of version 6, whether it is in one of their networks.
    pub fn has(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.iter().any(|(own, _)| *own == address),
            IpAddr::V6(address) => self.v6.iter().any(|own| half(address) == half(*own)),
        }
    }

    /// Fills in the end of which the recorder knew nothing.
    pub(super) fn complete(&self, tuple: &mut Tuple) {
        let (source, target) = (tuple.source.is_unspecified(), tuple.target.is_unspecified());
        let (known, same) = match (source, target) {
            (false, false) => return,
            (true, _) => (tuple.target, tuple.sport == tuple.dport),
            (false, true) => (tuple.source, tuple.sport == tuple.dport),
        };
        let guess = self.own_towards(known);
        // Nobody connects a port with itself.
        if guess == known && same {
            return;
        }
        if source { tuple.source = guess } else { tuple.target = guess }
    }

    /// The own address that speaks with `other`: the same, one of its network, or any but the loopback's.
    fn own_towards(&self, other: IpAddr) -> IpAddr {
        match other {
            IpAddr::V4(other) => {
                let mut all = self.v4.iter();
                let same = |(own, mask): &&(Ipv4Addr, Ipv4Addr)| *own & *mask == other & *mask;
                let found = self.v4.iter().find(|(own, _)| *own == other).or_else(|| self.v4.iter().find(same));
                let found = found.or_else(|| all.find(|(own, _)| *own != Ipv4Addr::LOCALHOST));
                IpAddr::V4(found.map_or(Ipv4Addr::UNSPECIFIED, |(own, _)| *own))
            }
            IpAddr::V6(other) => {
                let mut all = self.v6.iter();
                let found = self.v6.iter().find(|own| **own == other);
                let found = found.or_else(|| self.v6.iter().find(|own| half(**own) == half(other)));
                let found = found.or_else(|| all.find(|own| **own != Ipv6Addr::LOCALHOST));
                IpAddr::V6(found.copied().unwrap_or(Ipv6Addr::UNSPECIFIED))
            }
        }
    }
}

/// The half of an address that is the network's.
fn half(address: Ipv6Addr) -> u64 {
    (address.to_bits() >> 64) as u64
}
