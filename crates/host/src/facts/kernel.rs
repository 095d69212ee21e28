//! Figures of the kernel: one row per file.

use fathom_model::{Fact, Facts};
use serde_json::{Map, Value, json};

use super::{asked, pairs, scalar};
use crate::Host;

/// How a file is written.
#[derive(Clone, Copy)]
enum Shape {
    /// One number or word.
    Scalar,
    /// Lines of a name and a number, of which these are kept.
    Pairs(&'static [&'static str]),
    /// `some avg10=0.00 avg60=…` (Documentation/accounting/psi.rst).
    Pressure,
    /// Numbers in a row, of which these have names.
    Row(&'static [&'static str]),
    /// A head of names and a row of hexadecimal numbers per processor, which are added up.
    PerProcessor(&'static [&'static str]),
    /// Pairs of lines, names and numbers, each with its group in front (/proc/net/netstat).
    Groups(&'static [&'static str]),
    /// Lines of which a column, counted from 0, is this.
    Having(usize, &'static str),
    /// As it is.
    Text,
}

/// Where a default route leads.
const ANYWHERE: &str = "00000000";

/// Counters of packets, of which one is worth a second look: how it grows.
const COUNTERS: &str = "proc/net/netstat";
const FILTERED: &str = "IPReversePathFilter";

const FILES: &[(&str, Shape)] = &[
    ("proc/sys/net/netfilter/nf_conntrack_count", Shape::Scalar),
    ("proc/sys/net/netfilter/nf_conntrack_max", Shape::Scalar),
    ("proc/net/stat/nf_conntrack", Shape::PerProcessor(&["insert_failed", "drop", "early_drop"])),
    ("proc/sys/net/ipv4/neigh/default/gc_thresh3", Shape::Scalar),
    ("proc/sys/net/ipv4/ip_forward", Shape::Scalar),
    ("proc/sys/net/ipv4/conf/all/rp_filter", Shape::Scalar),
    ("proc/sys/net/bridge/bridge-nf-call-iptables", Shape::Scalar),
    ("proc/sys/kernel/pid_max", Shape::Scalar),
    ("proc/sys/kernel/threads-max", Shape::Scalar),
    ("proc/loadavg", Shape::Text),
    ("sys/devices/system/cpu/online", Shape::Text),
    ("proc/sys/fs/file-nr", Shape::Row(&["open", "unused", "most"])),
    ("proc/meminfo", Shape::Pairs(&["MemTotal", "MemAvailable", "SwapTotal", "SwapFree"])),
    ("proc/pressure/cpu", Shape::Pressure),
    ("proc/pressure/io", Shape::Pressure),
    ("proc/pressure/memory", Shape::Pressure),
    ("proc/net/netstat", Shape::Groups(&["ListenOverflows", "ListenDrops", "IPReversePathFilter"])),
    ("proc/net/route", Shape::Having(1, ANYWHERE)),
    ("proc/net/ip_vs", Shape::Text),
    ("etc/resolv.conf", Shape::Text),
];

/// Reads what is there.
pub(super) fn read(host: &Host, facts: &mut Facts) {
    for (path, shape) in FILES {
        if let Some(text) = asked(host, path, facts) {
            facts.add(Fact::file(format!("/{path}"), value(&text, *shape)));
        }
    }
    for name in defaults(facts) {
        let path = format!("proc/sys/net/ipv4/conf/{name}/rp_filter");
        if let Some(text) = asked(host, &path, facts) {
            facts.add(Fact::file(format!("/{path}"), scalar(&text)));
        }
    }
}

/// The interfaces that a default route leads out of.
fn defaults(facts: &Facts) -> Vec<String> {
    let routes = facts.facts.iter().find(|fact| fact.name == "/proc/net/route");
    let routes = routes.and_then(|fact| fact.body.get("value")?.as_str()).unwrap_or_default();
    let names = routes.lines().filter_map(|line| line.split_whitespace().next());
    let mut names: Vec<String> = names.filter(|name| !name.contains('/')).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// Whether packets were dropped because the way back to their sender is another, so that it is worth to wait for a
/// second look.
#[must_use]
pub fn is_filtering(facts: &Facts) -> bool {
    let counted = |fact: &Fact| fact.body.get("value").and_then(|value| value.get(FILTERED)?.as_u64());
    let counters = facts.facts.iter().find(|fact| fact.name.strip_prefix('/') == Some(COUNTERS));
    counters.and_then(counted).is_some_and(|count| count > 0) && defaults(facts).len() > 1
}

/// Counts those packets again and adds how many more they are, as `rise`.
pub fn read_again(host: &Host, facts: &mut Facts) {
    let Some(text) = asked(host, COUNTERS, facts) else { return };
    let now = groups(&text);
    let own = |fact: &&mut Fact| fact.name.strip_prefix('/') == Some(COUNTERS);
    let Some(fact) = facts.facts.iter_mut().find(own) else { return };
    let before = fact.body.get("value").and_then(|value| value.get(FILTERED)?.as_u64());
    let rise = now.get(FILTERED).and_then(Value::as_u64).zip(before).and_then(|(now, before)| now.checked_sub(before));
    if let Some(rise) = rise {
        fact.body.insert("rise".to_owned(), json!({FILTERED: rise}));
    }
}

fn value(text: &str, shape: Shape) -> Value {
    match shape {
        Shape::Scalar => scalar(text),
        Shape::Text => text.trim_end().into(),
        Shape::Having(column, word) => {
            let has = |line: &&str| line.split_whitespace().nth(column) == Some(word);
            text.lines().filter(has).collect::<Vec<_>>().join("\n").into()
        }
        Shape::Pairs(kept) => only(pairs(text), kept),
        Shape::Pressure => pressure(text),
        Shape::Row(names) => {
            let numbers = text.split_whitespace().map(scalar);
            Value::Object(names.iter().map(|name| (*name).to_owned()).zip(numbers).collect())
        }
        Shape::PerProcessor(kept) => only(per_processor(text), kept),
        Shape::Groups(kept) => only(groups(text), kept),
    }
}

fn only(mut value: Value, kept: &[&str]) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.retain(|key, _| kept.contains(&key.as_str()));
    }
    value
}

/// `{"some": {"avg10": 0.0, …}, "full": …}`.
pub(super) fn pressure(text: &str) -> Value {
    let line = |line: &str| {
        let (kind, rest) = line.split_once(' ')?;
        let figures = rest.split(' ').filter_map(|pair| {
            let (name, number) = pair.split_once('=')?;
            Some((name.to_owned(), json!(number.parse::<f64>().ok()?)))
        });
        Some((kind.to_owned(), Value::Object(figures.collect())))
    };
    Value::Object(text.lines().filter_map(line).collect())
}

fn per_processor(text: &str) -> Value {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    let mut sums = vec![0_u64; names.len()];
    for line in lines {
        for (sum, word) in sums.iter_mut().zip(line.split_whitespace()) {
            *sum += u64::from_str_radix(word, 16).unwrap_or(0);
        }
    }
    Value::Object(names.iter().map(|name| (*name).to_owned()).zip(sums.into_iter().map(Value::from)).collect())
}

fn groups(text: &str) -> Value {
    let lines: Vec<&str> = text.lines().collect();
    let mut all = Map::new();
    for pair in lines.chunks_exact(2) {
        let names = pair[0].split_whitespace().skip(1).map(str::to_owned);
        all.extend(names.zip(pair[1].split_whitespace().skip(1).map(scalar)));
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape() {
        assert_eq!(value("262144\n", Shape::Scalar), json!(262_144));
        assert_eq!(value("MemTotal:  8 kB\nHugeX:  1\n", Shape::Pairs(&["MemTotal"])), json!({"MemTotal": 8}));
        let some = value("some avg10=1.50 avg60=0.00 total=7\nfull avg10=0.25 total=3\n", Shape::Pressure);
        assert_eq!((&some["some"]["avg10"], &some["full"]["total"]), (&json!(1.5), &json!(3.0)));
        assert_eq!(value("64\t0\t100\n", Shape::Row(&["open", "unused", "most"]))["most"], json!(100));
        let text = "entries  drop early_drop\n0000000a  00000001 00000010\n0000000a  0000000f 00000000\n";
        assert_eq!(value(text, Shape::PerProcessor(&["drop", "early_drop"])), json!({"drop": 16, "early_drop": 16}));
        let text = "TcpExt: A ListenDrops\nTcpExt: 1 2\nIpExt: B\nIpExt: 3\n";
        assert_eq!(value(text, Shape::Groups(&["ListenDrops"])), json!({"ListenDrops": 2}));
        let text =
            "Iface Destination Gateway\neth0 00000000 010AA8C0\neth0 000AA8C0 00000000\nwlan0 00000000 0100A8C0\n";
        let routes = "eth0 00000000 010AA8C0\nwlan0 00000000 0100A8C0";
        assert_eq!(value(text, Shape::Having(1, ANYWHERE)), json!(routes));
    }

    #[test]
    fn packets_that_take_another_way_back_are_counted_twice_where_there_is_one() {
        let root = std::env::temp_dir().join(format!("fathom-kernel-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("a scratch folder can be written");
            std::fs::write(path, text).expect("a scratch folder can be written");
        };
        write("proc/net/netstat", "TcpExt: IPReversePathFilter\nTcpExt: 7\n");
        write("proc/net/route", "Iface Destination\neth0 00000000\n");
        let host = Host::at(&root);
        let mut facts = Facts::default();
        read(&host, &mut facts);
        assert!(!is_filtering(&facts), "there is one way only");
        write("proc/net/route", "Iface Destination\neth0 00000000\neth1 00000000\n");
        write("proc/sys/net/ipv4/conf/eth1/rp_filter", "1\n");
        let mut facts = Facts::default();
        read(&host, &mut facts);
        assert!(is_filtering(&facts));
        write("proc/net/netstat", "TcpExt: IPReversePathFilter\nTcpExt: 9\n");
        read_again(&host, &mut facts);
        let of = |name: &str| facts.facts.iter().find(|fact| fact.name == name).map(|fact| fact.body.clone());
        assert_eq!(of("/proc/net/netstat").map(|body| body["rise"].clone()), Some(json!({"IPReversePathFilter": 2})));
        assert!(of("/proc/sys/net/ipv4/conf/eth1/rp_filter").is_some());
        std::fs::remove_dir_all(root).expect("it is ours");
    }
}
