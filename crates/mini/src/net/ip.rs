//! `ip`: shows links, addresses, routes and neighbours, by rtnetlink. It changes nothing.

mod route;

use std::ffi::OsString;
use std::io::Write;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::netlink::{Netlink, address, attributes, name, number};
use crate::frame::{Manual, Out, Outcome, Trouble, Words, serve};

const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;

/// Runs `ip`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let usage = "ip [-br] [-4 | -6] [-j] [-s] link | addr | route | neigh [show] [dev NAME]
  -br: one line each; -j: JSON; `ip route show table all` too.";
    serve(argv, &Manual { usage, failure: 1 }, run)
}

/// Which addresses are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Any,
    V4,
    V6,
}

impl Family {
    /// The kernel's number: AF_UNSPEC, AF_INET, AF_INET6.
    fn number(self) -> u8 {
        match self {
            Family::Any => 0,
            Family::V4 => 2,
            Family::V6 => 10,
        }
    }

    fn has(self, address: IpAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Full,
    Brief,
    Json,
}

struct Wanted {
    family: Family,
    style: Style,
    counters: bool,
    device: Option<String>,
    table: Option<u32>,
}

fn run(mut words: Words, out: &mut Out) -> Outcome {
    let words = words.rest_as_text()?;
    let mut wanted =
        Wanted { family: Family::Any, style: Style::Full, counters: false, device: None, table: Some(254) };
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(flag) = words.next_if(|word| word.starts_with('-')) {
        match flag {
            "-4" => wanted.family = Family::V4,
            "-6" => wanted.family = Family::V6,
            "-br" | "-brief" | "--brief" => wanted.style = Style::Brief,
            "-j" | "-json" => wanted.style = Style::Json,
            "-s" | "-stats" | "-statistics" => wanted.counters = true,
            "-d" | "-details" | "-o" | "-oneline" | "-p" | "-c" | "-color" | "-n" => {}
            other => return Err(Trouble::Words(format!("unknown option `{other}`"))),
        }
    }
    let object = words.next().ok_or_else(|| Trouble::Words("show what: link, addr, route or neigh?".to_owned()))?;
    while let Some(word) = words.next() {
        match word {
            "show" | "list" | "ls" | "s" | "l" => {}
            "table" => {
                wanted.table = match words.next() {
                    Some("all") => None,
                    Some("main") => Some(254),
                    Some("local") => Some(255),
                    Some("default") => Some(253),
                    Some(text) => Some(text.parse().map_err(|_| Trouble::Words(format!("not a table: `{text}`")))?),
                    None => return Err(Trouble::Words("`table` needs a name".to_owned())),
                }
            }
            "dev" => {
                wanted.device =
                    Some(words.next().ok_or_else(|| Trouble::Words("`dev` needs a name".to_owned()))?.to_owned())
            }
            "add" | "del" | "delete" | "set" | "flush" | "change" | "replace" | "append" => {
                return Err(Trouble::Words(format!("`{word}` is not for this toolkit, which only shows")));
            }
            name if wanted.device.is_none() => wanted.device = Some(name.to_owned()),
            other => return Err(Trouble::Words(format!("one word too many: `{other}`"))),
        }
    }
    let netlink = Netlink::open(None).map_err(Trouble::doing("cannot open netlink"))?;
    match object {
        object if "address".starts_with(object) => show(&netlink, &wanted, Object::Address, out),
        object if "link".starts_with(object) => show(&netlink, &wanted, Object::Link, out),
        object if "route".starts_with(object) => route::routes(&netlink, &wanted, out),
        object if "neighbour".starts_with(object) || "neighbor".starts_with(object) => {
            route::neighbours(&netlink, &wanted, out)
        }
        other => Err(Trouble::Words(format!("cannot show `{other}`: link, addr, route or neigh"))),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Object {
    Link,
    Address,
}

/// An interface, from `struct ifinfomsg` and its attributes (linux/if_link.h).
#[derive(Debug, Default)]
pub(super) struct Link {
    index: u32,
    flags: u32,
    name: String,
    parent: Option<u32>,
    elsewhere: bool,
    mtu: u32,
    queue: Option<u32>,
    state: u8,
    discipline: String,
    controller: Option<u32>,
    hardware: u16,
    address: Vec<u8>,
    broadcast: Vec<u8>,
    counters: Vec<u64>,
}

/// An address, from `struct ifaddrmsg` and its attributes (linux/if_addr.h).
#[derive(Debug)]
struct Address {
    index: u32,
    prefix: u8,
    scope: u8,
    flags: u32,
    local: IpAddr,
    peer: Option<IpAddr>,
    broadcast: Option<IpAddr>,
    label: String,
    valid: u32,
    preferred: u32,
}

/// All interfaces of this network namespace.
pub(super) fn links(netlink: &Netlink) -> Result<Vec<Link>, Trouble> {
    let mut links = Vec::new();
    netlink
        .dump(RTM_GETLINK, &[0; 16], |body| links.extend(link(body)))
        .map_err(Trouble::doing("cannot list interfaces"))?;
    Ok(links)
}

fn link(body: &[u8]) -> Option<Link> {
    let hardware = super::netlink::short(body, 2)?;
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

fn addresses(netlink: &Netlink, family: Family) -> Result<Vec<Address>, Trouble> {
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

fn show(netlink: &Netlink, wanted: &Wanted, object: Object, out: &mut Out) -> Outcome {
    let links = links(netlink)?;
    let addresses = if object == Object::Address { addresses(netlink, wanted.family)? } else { Vec::new() };
    let chosen: Vec<&Link> =
        links.iter().filter(|link| wanted.device.as_ref().is_none_or(|name| *name == link.name)).collect();
    if let (Some(name), true) = (&wanted.device, chosen.is_empty()) {
        return Err(Trouble::Failed(format!("no interface is called `{name}`")));
    }
    let mut rows = Vec::new();
    for link in chosen {
        let own: Vec<&Address> = addresses.iter().filter(|address| address.index == link.index).collect();
        if wanted.family != Family::Any && object == Object::Address && own.is_empty() {
            continue;
        }
        match wanted.style {
            Style::Json => rows.push(link_json(link, &links, &own, object)),
            Style::Brief => brief(link, &links, &own, object, out)?,
            Style::Full => full(link, &links, &own, wanted, out)?,
        }
    }
    if wanted.style == Style::Json {
        writeln!(out, "{}", Value::Array(rows))?;
    }
    Ok(0)
}

fn full(link: &Link, all: &[Link], addresses: &[&Address], wanted: &Wanted, out: &mut Out) -> Result<(), Trouble> {
    write!(out, "{}: {}: <{}> mtu {}", link.index, link.full_name(all), link.flag_names().join(","), link.mtu)?;
    if !link.discipline.is_empty() {
        write!(out, " qdisc {}", link.discipline)?;
    }
    if let Some(controller) = link.controller {
        write!(out, " master {}", name_of(all, controller))?;
    }
    write!(out, " state {}", link.state_name())?;
    match link.queue {
        Some(queue) if queue > 0 => writeln!(out, " qlen {queue}")?,
        _ => writeln!(out)?,
    }
    write!(out, "    link/{}", link.hardware_name())?;
    if !link.address.is_empty() {
        write!(out, " {}", hardware(&link.address))?;
    }
    if !link.broadcast.is_empty() {
        write!(out, " {} {}", if link.flags & 0x10 == 0 { "brd" } else { "peer" }, hardware(&link.broadcast))?;
    }
    writeln!(out)?;
    for address in addresses {
        let family = if address.local.is_ipv4() { "inet" } else { "inet6" };
        write!(out, "    {family} {}", address.local)?;
        match address.peer {
            Some(peer) => write!(out, " peer {peer}/{}", address.prefix)?,
            None => write!(out, "/{}", address.prefix)?,
        }
        if let Some(broadcast) = address.broadcast {
            write!(out, " brd {broadcast}")?;
        }
        write!(out, " scope {}", scope(address.scope))?;
        for flag in address.flag_names() {
            write!(out, " {flag}")?;
        }
        writeln!(out, " {}", address.label)?;
        writeln!(out, "       valid_lft {} preferred_lft {}", lifetime(address.valid), lifetime(address.preferred))?;
    }
    if wanted.counters && link.counters.len() >= 8 {
        // rx and tx of packets, bytes, errors, dropped: the first eight of `struct rtnl_link_stats64`.
        let counts = &link.counters;
        writeln!(out, "    RX: bytes {} packets {} errors {} dropped {}", counts[2], counts[0], counts[4], counts[6])?;
        writeln!(out, "    TX: bytes {} packets {} errors {} dropped {}", counts[3], counts[1], counts[5], counts[7])?;
    }
    Ok(())
}

fn brief(link: &Link, all: &[Link], addresses: &[&Address], object: Object, out: &mut Out) -> Result<(), Trouble> {
    let details: Vec<String> = match object {
        Object::Address => addresses.iter().map(|address| format!("{}/{}", address.local, address.prefix)).collect(),
        Object::Link => vec![hardware(&link.address), format!("<{}>", link.flag_names().join(","))],
    };
    writeln!(out, "{:16} {:14} {} ", link.full_name(all), link.state_name(), details.join(" "))?;
    Ok(())
}

fn link_json(link: &Link, all: &[Link], addresses: &[&Address], object: Object) -> Value {
    let mut row = json!({
        "ifindex": link.index,
        "ifname": link.name,
        "flags": link.flag_names(),
        "mtu": link.mtu,
        "qdisc": link.discipline,
        "operstate": link.state_name(),
        "link_type": link.hardware_name(),
        "address": hardware(&link.address),
        "broadcast": hardware(&link.broadcast),
    });
    if let Some(parent) = link.parent.filter(|parent| *parent != link.index && *parent != 0) {
        if link.elsewhere {
            row["link_index"] = json!(parent);
        } else {
            row["link"] = json!(name_of(all, parent));
        }
    }
    if let Some(controller) = link.controller {
        row["master"] = json!(name_of(all, controller));
    }
    if object == Object::Address {
        let addresses: Vec<Value> = addresses
            .iter()
            .map(|address| {
                json!({
                    "family": if address.local.is_ipv4() { "inet" } else { "inet6" },
                    "local": address.local.to_string(),
                    "prefixlen": address.prefix,
                    "broadcast": address.broadcast.map(|broadcast| broadcast.to_string()),
                    "scope": scope(address.scope),
                    "label": address.label,
                    "valid_life_time": address.valid,
                    "preferred_life_time": address.preferred,
                })
            })
            .collect();
        row["addr_info"] = Value::Array(addresses);
    }
    row
}

/// The name of the interface `index`.
pub(super) fn name_of(links: &[Link], index: u32) -> String {
    links.iter().find(|link| link.index == index).map_or_else(|| format!("if{index}"), |link| link.name.clone())
}

impl Link {
    /// `eth0@if7` where the other end is somewhere else, `eth0.5@eth0` where it is here.
    fn full_name(&self, all: &[Link]) -> String {
        match self.parent.filter(|parent| *parent != self.index && *parent != 0) {
            Some(parent) if self.elsewhere => format!("{}@if{parent}", self.name),
            Some(parent) => format!("{}@{}", self.name, name_of(all, parent)),
            None => self.name.clone(),
        }
    }

    /// Bits of `net_device_flags` (linux/if.h), in the order people know from iproute2.
    fn flag_names(&self) -> Vec<&'static str> {
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
    fn state_name(&self) -> &'static str {
        ["UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"]
            .get(usize::from(self.state))
            .copied()
            .unwrap_or("UNKNOWN")
    }

    /// The common ones of `ARPHRD_*` (linux/if_arp.h).
    fn hardware_name(&self) -> String {
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

impl Address {
    /// Bits of `IFA_F_*` (linux/if_addr.h).
    fn flag_names(&self) -> Vec<&'static str> {
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

/// A hardware address in hexadecimal; those of 4 bytes are tunnels' IPv4 ends.
fn hardware(bytes: &[u8]) -> String {
    match address(bytes) {
        Some(tunnel) => tunnel.to_string(),
        None => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
    }
}

/// `RT_SCOPE_*` (linux/rtnetlink.h).
fn scope(number: u8) -> String {
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

fn lifetime(seconds: u32) -> String {
    if seconds == u32::MAX { "forever".to_owned() } else { format!("{seconds}sec") }
}
