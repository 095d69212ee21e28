//! `ip route` and `ip neigh`.

use std::io::Write;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Family, Style, Wanted, hardware, links, name_of, scope};
use crate::frame::{Out, Outcome, Trouble};
use crate::net::netlink::{Netlink, address, attributes, number};

const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;

/// A route, from `struct rtmsg` and its attributes (linux/rtnetlink.h).
#[derive(Debug)]
struct Route {
    v6: bool,
    prefix: u8,
    table: u32,
    protocol: u8,
    scope: u8,
    kind: u8,
    flags: u32,
    destination: Option<IpAddr>,
    gateway: Option<IpAddr>,
    source: Option<IpAddr>,
    output: Option<u32>,
    metric: Option<u32>,
    hops: Vec<(Option<IpAddr>, u32, u8)>,
}

fn route(body: &[u8]) -> Option<Route> {
    let mut route = Route {
        v6: *body.first()? == Family::V6.number(),
        prefix: *body.get(1)?,
        table: u32::from(*body.get(4)?),
        protocol: *body.get(5)?,
        scope: *body.get(6)?,
        kind: *body.get(7)?,
        flags: number(body, 8)?,
        destination: None,
        gateway: None,
        source: None,
        output: None,
        metric: None,
        hops: Vec::new(),
    };
    for (kind, value) in attributes(body.get(12..)?) {
        match kind {
            1 => route.destination = address(value),
            4 => route.output = number(value, 0),
            5 => route.gateway = address(value),
            6 => route.metric = number(value, 0),
            7 => route.source = address(value),
            9 => route.hops = hops(value),
            15 => route.table = number(value, 0)?,
            // RTA_VIA: a gateway of the other family, after two bytes that say which.
            18 => route.gateway = address(value.get(2..)?),
            _ => {}
        }
    }
    Some(route)
}

/// `struct rtnexthop`s: length, flags, weight − 1, interface, attributes.
fn hops(mut bytes: &[u8]) -> Vec<(Option<IpAddr>, u32, u8)> {
    let mut hops = Vec::new();
    while let (Some(length), Some(index)) = (crate::net::netlink::short(bytes, 0), number(bytes, 4)) {
        let length = usize::from(length);
        let Some(own) = bytes.get(8..length) else { break };
        let gateway = attributes(own).find(|(kind, _)| *kind == 5).and_then(|(_, value)| address(value));
        hops.push((gateway, index, bytes[3]));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    hops
}

/// `ip route`: IPv4 unless IPv6 is asked for, as ever.
pub(super) fn routes(netlink: &Netlink, wanted: &Wanted, out: &mut Out) -> Outcome {
    let links = links(netlink)?;
    let mut request = [0; 12];
    let family = if wanted.family == Family::Any { Family::V4 } else { wanted.family };
    request[0] = family.number();
    let mut routes = Vec::new();
    netlink
        .dump(RTM_GETROUTE, &request, |body| routes.extend(route(body)))
        .map_err(Trouble::doing("cannot list routes"))?;
    let mut rows = Vec::new();
    for route in &routes {
        let device = route.output.map(|index| name_of(&links, index));
        // RTM_F_CLONED: the cache of IPv6, no configuration.
        let hidden = route.flags & 0x200 != 0 || wanted.table.is_some_and(|table| table != route.table);
        if hidden || wanted.device.as_ref().is_some_and(|name| device.as_ref() != Some(name)) {
            continue;
        }
        let destination = match route.destination {
            None => "default".to_owned(),
            Some(address) if route.prefix == if route.v6 { 128 } else { 32 } => address.to_string(),
            Some(address) => format!("{address}/{}", route.prefix),
        };
        let kind = kind(route.kind);
        if wanted.style == Style::Json {
            rows.push(json!({
                "type": kind,
                "dst": destination,
                "gateway": route.gateway.map(|address| address.to_string()),
                "dev": device,
                "protocol": protocol(route.protocol),
                "scope": scope(route.scope),
                "prefsrc": route.source.map(|address| address.to_string()),
                "metric": route.metric,
                "table": route.table,
            }));
            continue;
        }
        let mut line = if kind == "unicast" { destination } else { format!("{kind} {destination}") };
        if let Some(gateway) = route.gateway {
            line += &format!(" via {gateway}");
        }
        if let Some(device) = device {
            line += &format!(" dev {device}");
        }
        if wanted.table.is_none() && route.table != 254 {
            line +=
                &format!(" table {}", if route.table == 255 { "local".to_owned() } else { route.table.to_string() });
        }
        line += &format!(" proto {}", protocol(route.protocol));
        if !route.v6 && route.scope != 0 {
            line += &format!(" scope {}", scope(route.scope));
        }
        if let Some(source) = route.source {
            line += &format!(" src {source}");
        }
        if let Some(metric) = route.metric {
            line += &format!(" metric {metric}");
        }
        // RTNH_F_DEAD, RTNH_F_ONLINK and RTNH_F_LINKDOWN.
        for (bit, name) in [(1, "dead"), (4, "onlink"), (16, "linkdown")] {
            if route.flags & bit != 0 {
                line += &format!(" {name}");
            }
        }
        writeln!(out, "{line} ")?;
        for (gateway, index, weight) in &route.hops {
            let gateway = gateway.map_or_else(String::new, |gateway| format!(" via {gateway}"));
            writeln!(out, "\tnexthop{gateway} dev {} weight {} ", name_of(&links, *index), u16::from(*weight) + 1)?;
        }
    }
    if wanted.style == Style::Json {
        writeln!(out, "{}", Value::Array(rows))?;
    }
    Ok(0)
}

/// `ip neigh`, from `struct ndmsg` (linux/neighbour.h).
pub(super) fn neighbours(netlink: &Netlink, wanted: &Wanted, out: &mut Out) -> Outcome {
    let links = links(netlink)?;
    let mut request = [0; 12];
    request[0] = wanted.family.number();
    let mut found = Vec::new();
    netlink
        .dump(RTM_GETNEIGH, &request, |body| found.push(body.to_vec()))
        .map_err(Trouble::doing("cannot list neighbours"))?;
    let mut rows = Vec::new();
    for body in found {
        let (Some(index), Some(state)) = (number(&body, 4), crate::net::netlink::short(&body, 8)) else { continue };
        let attributes: Vec<_> = attributes(body.get(12..).unwrap_or_default()).collect();
        let value = |kind: u16| attributes.iter().find(|(known, _)| *known == kind).map(|(_, value)| *value);
        let Some(address) = value(1).and_then(address) else { continue };
        let device = name_of(&links, index);
        // Those that need no resolution (loopback, multicast) are no neighbours to people.
        if state & 0x40 != 0
            || !wanted.family.has(address)
            || wanted.device.as_ref().is_some_and(|name| *name != device)
        {
            continue;
        }
        let (hardware, state) = (value(2).map(hardware), states(state));
        if wanted.style == Style::Json {
            rows.push(json!({"dst": address.to_string(), "dev": device, "lladdr": hardware, "state": state}));
        } else {
            let hardware = hardware.map_or_else(String::new, |text| format!(" lladdr {text}"));
            writeln!(out, "{address} dev {device}{hardware} {} ", state.join(","))?;
        }
    }
    if wanted.style == Style::Json {
        writeln!(out, "{}", Value::Array(rows))?;
    }
    Ok(0)
}

/// `NUD_*` (linux/neighbour.h).
fn states(bits: u16) -> Vec<&'static str> {
    let names = [
        (1, "INCOMPLETE"),
        (2, "REACHABLE"),
        (4, "STALE"),
        (8, "DELAY"),
        (16, "PROBE"),
        (32, "FAILED"),
        (128, "PERMANENT"),
    ];
    names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect()
}

/// `RTN_*` (linux/rtnetlink.h).
fn kind(number: u8) -> &'static str {
    let names = [
        "none",
        "unicast",
        "local",
        "broadcast",
        "anycast",
        "multicast",
        "blackhole",
        "unreachable",
        "prohibit",
        "throw",
        "nat",
    ];
    names.get(usize::from(number)).copied().unwrap_or("unknown")
}

/// `RTPROT_*` (linux/rtnetlink.h).
fn protocol(number: u8) -> String {
    match number {
        0 => "unspec",
        1 => "redirect",
        2 => "kernel",
        3 => "boot",
        4 => "static",
        9 => "ra",
        11 => "zebra",
        12 => "bird",
        16 => "dhcp",
        186 => "bgp",
        188 => "ospf",
        other => return other.to_string(),
    }
    .to_owned()
}
