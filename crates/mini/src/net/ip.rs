//! `ip`: shows links, addresses, routes and neighbours, by rtnetlink. It changes nothing.

mod address;
mod link;
mod route;

use std::ffi::OsString;
use std::io::Write;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::netlink::Netlink;
use crate::frame::{Manual, Out, Outcome, Trouble, Words, serve};
use address::{Address, addresses, lifetime, scope};
use link::hardware;
pub(super) use link::{Link, links, name_of};

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
