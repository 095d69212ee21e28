//! kube-proxy's rules read back into services: which endpoints an address and port lead to, by iptables-save, by
//! `nft list table ip kube-proxy`, or by /proc/net/ip_vs. Only rules of kube-proxy's own making are read.

use std::collections::{BTreeMap, BTreeSet};

/// An address and port of a service, as `10.96.0.10:53/udp`.
pub type Front = String;
/// Where they lead; empty is a rule that rejects.
pub type Table = BTreeMap<Front, BTreeSet<String>>;

/// The option of an iptables rule.
fn option<'a>(rule: &'a str, name: &str) -> Option<&'a str> {
    rule.split_once(&format!(" {name} "))?.1.split(' ').next()
}

/// The line of a dump that names the address of a service, as it was printed.
pub fn line<'a>(text: &'a str, address: &str, port: i64) -> Option<&'a str> {
    let hexadecimal =
        address.parse::<std::net::Ipv4Addr>().map(|address| format!("{:08X}:{port:04X}", u32::from(address)));
    let (chain, element) = (format!(" -d {address}/32 "), format!("{address} . "));
    let (number, key) = (format!("--dport {port} "), format!(" . {port} "));
    let is_of = |line: &&str| {
        line.contains(&chain) && format!("{line} ").contains(&number)
            || line.contains(&element) && line.contains(&key)
            || hexadecimal.as_ref().is_ok_and(|front| line.contains(front.as_str()))
    };
    text.lines().find(is_of).map(str::trim)
}

/// Of `iptables-save`.
pub fn iptables(text: &str) -> Table {
    let rules: Vec<&str> = text.lines().filter(|line| line.starts_with("-A ")).collect();
    let chain = |rule: &'_ str| rule.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut jumps: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut ends: BTreeMap<String, String> = BTreeMap::new();
    for rule in &rules {
        if let Some(to) = option(rule, "--to-destination") {
            ends.insert(chain(rule), to.to_owned());
        } else if let Some(next) = option(rule, "-j") {
            jumps.entry(chain(rule)).or_default().push(next.to_owned());
        }
    }
    let mut table = Table::new();
    for rule in rules.iter().filter(|rule| rule.starts_with("-A KUBE-SERVICES ")) {
        let (Some(address), Some(port), Some(next)) = (option(rule, "-d"), option(rule, "--dport"), option(rule, "-j"))
        else {
            continue;
        };
        let front = format!("{}:{port}/{}", address.trim_end_matches("/32"), option(rule, "-p").unwrap_or("tcp"));
        let found = table.entry(front).or_default();
        let mut open = vec![next.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            found.extend(ends.get(&name).cloned());
            open.extend(jumps.get(&name).into_iter().flatten().filter(|next| next.starts_with("KUBE-")).cloned());
        }
    }
    table
}

/// Of `nft list table ip kube-proxy`.
pub fn nftables(text: &str) -> Table {
    let mut ends: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut jumps: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut chain = "";
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("chain ") {
            chain = name.trim_end_matches('{').trim();
        }
        if let Some((_, to)) = line.split_once("dnat to ") {
            ends.entry(chain).or_default().insert(to.split(' ').next().unwrap_or_default());
        }
        let words = line.split([' ', ',', '}']).collect::<Vec<_>>();
        let after = words.windows(2).filter(|pair| ["goto", "jump"].contains(&pair[0])).map(|pair| pair[1]);
        jumps.entry(chain).or_default().extend(after);
    }
    let mut table = Table::new();
    let entries = text.split([',', '{', '}', '\n']).filter_map(|part| part.split_once(" : "));
    for (key, verdict) in entries {
        let parts: Vec<&str> = key.split(" . ").map(str::trim).collect();
        let [address, protocol, port] = parts.as_slice() else { continue };
        let found = table.entry(format!("{address}:{port}/{protocol}")).or_default();
        let mut open: Vec<&str> = verdict.trim().strip_prefix("goto ").into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop() {
            if seen.insert(name) {
                found.extend(ends.get(name).into_iter().flatten().map(|end| (*end).to_owned()));
                open.extend(jumps.get(name).into_iter().flatten());
            }
        }
    }
    table
}

/// Of /proc/net/ip_vs: addresses and ports are hexadecimal.
pub fn ipvs(text: &str) -> Table {
    let read = |word: &str| {
        let (address, port) = word.split_once(':')?;
        let address = std::net::Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?);
        Some(format!("{address}:{}", u16::from_str_radix(port, 16).ok()?))
    };
    let mut table = Table::new();
    let mut front: Option<String> = None;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [protocol @ ("TCP" | "UDP" | "SCTP"), address, ..] => {
                front = read(address).map(|address| format!("{address}/{}", protocol.to_lowercase()));
                table.extend(front.clone().map(|front| (front, BTreeSet::new())));
            }
            ["->", address, _, weight, ..] if *weight != "0" => {
                if let Some((found, end)) = front.as_ref().and_then(|front| table.get_mut(front)).zip(read(address)) {
                    found.insert(end);
                }
            }
            _ => {}
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(table: &Table, front: &str) -> Vec<String> {
        table.get(front).into_iter().flatten().cloned().collect()
    }

    #[test]
    fn three_modes_give_one_table() {
        let iptables_save = "\
-A KUBE-SERVICES -d 10.96.0.9/32 -p tcp -m comment --comment \"n/web cluster IP\" -m tcp --dport 80 -j KUBE-SVC-A
-A KUBE-SVC-A -m statistic --mode random -j KUBE-SEP-1
-A KUBE-SVC-A -j KUBE-SEP-2
-A KUBE-SEP-1 -s 10.1.0.1/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-1 -p tcp -m tcp -j DNAT --to-destination 10.1.0.1:8080
-A KUBE-SEP-2 -p tcp -m tcp -j DNAT --to-destination 10.1.0.2:8080
-A KUBE-SERVICES -d 10.96.0.8/32 -p udp -m udp --dport 53 -j REJECT --reject-with icmp-port-unreachable
";
        let nft = "\
  map service-ips {
    elements = { 10.96.0.9 . tcp . 80 : goto service-A }
  }
  chain service-A {
    numgen random mod 2 vmap { 0 : goto endpoint-1, 1 : goto endpoint-2 }
  }
  chain endpoint-1 {
    meta l4proto tcp dnat to 10.1.0.1:8080
  }
  chain endpoint-2 {
    meta l4proto tcp dnat to 10.1.0.2:8080
  }
";
        let proc = "IP Virtual Server\nTCP  0A600009:0050 rr\n  -> 0A010001:1F90      Masq    1      0          0\n  -> 0A010002:1F90      Masq    1      0          0\n";
        for table in [iptables(iptables_save), nftables(nft), ipvs(proc)] {
            assert_eq!(of(&table, "10.96.0.9:80/tcp"), ["10.1.0.1:8080", "10.1.0.2:8080"], "{table:?}");
        }
        assert_eq!(iptables(iptables_save).get("10.96.0.8:53/udp"), Some(&BTreeSet::new()), "a rule that rejects");
        for (text, begins) in
            [(iptables_save, "-A KUBE-SERVICES -d 10.96.0.9/32"), (nft, "elements = {"), (proc, "TCP ")]
        {
            let line = line(text, "10.96.0.9", 80).expect("it is there");
            assert!(line.starts_with(begins), "{line}");
        }
        assert_eq!(
            (line(iptables_save, "10.96.0.9", 8), line(nft, "10.96.0.9", 8), line(proc, "10.96.0.9", 8)),
            (None, None, None)
        );
    }
}
