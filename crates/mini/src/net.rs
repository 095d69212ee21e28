//! Tools for the network: what is configured and open here ([`ip`], [`ss`], by netlink), and what answers elsewhere.

pub(crate) mod dns;
pub(crate) mod http;
pub(crate) mod ip;
pub(crate) mod nc;
mod netlink;
pub(crate) mod ping;
pub(crate) mod probe;
mod resolve;
pub(crate) mod ss;
