//! Who is in the shop: one row per sandbox. Everything that differs between them is here.

use std::net::Ipv4Addr;

/// One sandbox of the shop.
#[derive(Debug)]
pub struct Sandbox {
    /// Its name, its host name, and the name of its one file.
    pub name: &'static str,
    /// Its last byte in the shop's network.
    pub host: u8,
    /// Where it listens, if it does.
    pub port: Option<u16>,
    /// Its uid and gid, where other ids than our own can be had.
    pub user: u32,
    /// What it may do.
    pub rights: Rights,
    /// What of its root it can write to.
    pub root: Root,
}

/// What a sandbox may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// What docker gives by default: the bounding set has a few capabilities, of which only root makes use.
    Usual,
    /// No capability, now or ever, and nothing to be gained by exec.
    Bare,
}

/// What of its root a sandbox can write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// Nothing.
    ReadOnly,
    /// What its user may; nobody but root may anything.
    Plain,
    /// `/tmp`.
    Temporary,
    /// `/data`, which is a folder of the machine.
    Volume,
}

/// Bytes of memory that each sandbox may use.
pub const MEMORY: u64 = 64 << 20;

/// Processes that each sandbox may have, sessions inside not counted.
pub const PIDS: u64 = 64;

/// The shop.
pub const SANDBOXES: &[Sandbox] = &[
    Sandbox { name: "web", host: 2, port: Some(8080), user: 65532, rights: Rights::Bare, root: Root::ReadOnly },
    Sandbox { name: "api", host: 3, port: Some(8080), user: 1000, rights: Rights::Usual, root: Root::Temporary },
    Sandbox { name: "db", host: 4, port: Some(6400), user: 0, rights: Rights::Usual, root: Root::Volume },
    Sandbox { name: "crash", host: 5, port: None, user: 65532, rights: Rights::Usual, root: Root::Plain },
];

/// The shop's own end of the network: the bridge, where the customer is.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 231, 0, 1);

/// Bits of an address that name the network.
pub const PREFIX: u8 = 24;

impl Sandbox {
    /// Its address in the shop's network.
    pub fn address(&self) -> Ipv4Addr {
        let [a, b, c, _] = GATEWAY.octets();
        Ipv4Addr::new(a, b, c, self.host)
    }

    /// The image it would have been made from.
    pub fn image(&self) -> String {
        format!("demo/{}", self.name)
    }
}

/// The sandbox called `name`.
pub(crate) fn find(name: &str) -> Option<&'static Sandbox> {
    SANDBOXES.iter().find(|sandbox| sandbox.name == name)
}

/// `/etc/hosts` of every sandbox.
pub(crate) fn hosts() -> String {
    let own = "127.0.0.1 localhost\n".to_owned();
    SANDBOXES.iter().fold(own, |text, sandbox| format!("{text}{} {}\n", sandbox.address(), sandbox.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_told_apart() {
        for (at, sandbox) in SANDBOXES.iter().enumerate() {
            let others = &SANDBOXES[at + 1..];
            assert!(others.iter().all(|other| other.name != sandbox.name && other.host != sandbox.host));
            assert_ne!(sandbox.address(), GATEWAY);
            // `veth-NAME` is an interface's name, which has at most 15 bytes.
            assert!(sandbox.name.len() <= 10);
        }
        assert_eq!(hosts().lines().nth(1), Some("10.231.0.2 web"));
    }
}
