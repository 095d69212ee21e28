//! From a host's name to its addresses, for ping, nc and http.
//!
//! The standard library's resolver (musl's) reads /etc/hosts and /etc/resolv.conf of the root we are in.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use crate::frame::Trouble;

/// Which addresses will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Any,
    V4,
    V6,
}

impl Family {
    fn has(self, address: IpAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

/// Every address of `host` with `port`, at least one.
pub(super) fn addresses(host: &str, port: u16, family: Family) -> Result<Vec<SocketAddr>, Trouble> {
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let found = (host, port).to_socket_addrs().map_err(Trouble::doing(format_args!("cannot resolve `{host}`")))?;
    let found: Vec<SocketAddr> = found.filter(|address| family.has(address.ip())).collect();
    if found.is_empty() {
        return Err(Trouble::Failed(format!("`{host}` has no address of the family asked for")));
    }
    Ok(found)
}
