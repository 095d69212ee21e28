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
    /// As it is.
    Text,
}

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
    ("proc/sys/fs/file-nr", Shape::Row(&["open", "unused", "most"])),
    ("proc/meminfo", Shape::Pairs(&["MemTotal", "MemAvailable", "SwapTotal", "SwapFree"])),
    ("proc/pressure/cpu", Shape::Pressure),
    ("proc/pressure/io", Shape::Pressure),
    ("proc/pressure/memory", Shape::Pressure),
    ("proc/net/netstat", Shape::Groups(&["ListenOverflows", "ListenDrops", "IPReversePathFilter"])),
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
}

fn value(text: &str, shape: Shape) -> Value {
    match shape {
        Shape::Scalar => scalar(text),
        Shape::Text => text.trim_end().into(),
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
    }
}
