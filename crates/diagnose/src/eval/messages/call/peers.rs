//! Whom a text calls: names and addresses as programs of many languages write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Words after which a name stands.
const ANNOUNCE: &[&str] = &[
    "address",
    "host",
    "lookup",
    "resolve",
    "resolving",
    "find",
    "ENOTFOUND",
    "EAI_AGAIN",
    "UnknownHostException",
    "service",
    "for",
];

/// Words after which a name stands only if it is in quotes.
const QUOTING: &[&str] = &["at", "name", "hostname", "upstream", "server", "broker", "node", "on", "to"];

/// Words that stand where a name could.
const NO_NAMES: &[&str] = &[
    "address",
    "host",
    "hostname",
    "lookup",
    "name",
    "names",
    "service",
    "server",
    "servers",
    "user",
    "the",
    "a",
    "an",
    "any",
    "all",
    "to",
    "in",
    "on",
    "of",
    "at",
    "is",
    "and",
    "or",
    "with",
    "by",
    "its",
    "this",
    "not",
    "was",
    "failed",
    "error",
    "remote",
    "connect",
    "connection",
    "connections",
    "database",
    "port",
    "request",
    "response",
    "more",
    "it",
    "information",
    "resolution",
    "startup",
    "target",
    "configuration",
    "details",
    "type",
    "leader",
    "retry",
    "attempt",
    "attempts",
    "seconds",
];

/// How files end, whose lines loggers name as others name ports: `main.go:42`.
const SOURCES: &[&str] = &[
    "c",
    "cc",
    "cfg",
    "conf",
    "cpp",
    "cs",
    "ex",
    "go",
    "h",
    "ini",
    "java",
    "js",
    "json",
    "kt",
    "lua",
    "mjs",
    "php",
    "pl",
    "properties",
    "py",
    "rb",
    "rs",
    "scala",
    "sh",
    "toml",
    "ts",
    "xml",
    "yaml",
    "yml",
];

/// A name or an address, with a port where one is written.
pub type Peer = (String, Option<u16>);

/// A word of a text, and whether it stands in quotes.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    quoted: bool,
}

fn words(line: &str) -> Vec<Word<'_>> {
    let is_quote = |c: char| "\"'`\\".contains(c);
    let separates = |c: char| c.is_whitespace() || is_quote(c) || "()[]<>{},;=|".contains(c);
    let (mut found, mut quoted) = (Vec::new(), false);
    for piece in line.split_inclusive(separates) {
        let text = piece.trim_end_matches(separates);
        if !text.is_empty() {
            found.push(Word { text, quoted });
        }
        quoted = piece.ends_with(is_quote);
    }
    found
}

/// Names and addresses in a text: of URLs, of `host:port`, of quotes after words that announce one.
pub fn peers(line: &str) -> Vec<Peer> {
    // A proxy's line names its client and the host that was asked for as well.
    let line = super::super::between(line, "upstream: \"", "\"").unwrap_or(line);
    let line = line.split(", client: ").next().unwrap_or(line);
    let words = words(line);
    let mut found: Vec<Peer> = Vec::new();
    let before = |at: usize, back: usize| at.checked_sub(back).map_or("", |at| words[at].text);
    for (at, word) in words.iter().enumerate() {
        let after = before(at, 1).trim_end_matches(':');
        // `10.1.0.9:40000->10.96.0.10:53`, `client: 10.1.0.9`: who calls.
        if word.text.ends_with('-') || after == "client" {
            continue;
        }
        if after == "port" {
            let port = word.text.trim_end_matches(['.', ':', '?']).parse::<u16>().ok().filter(|&port| port > 0);
            let named = before(at, 2);
            if port.is_some() && ["to", "at", "host"].contains(&before(at, 3)) && is_name(named) {
                add(&mut found, (named.to_owned(), None));
            }
            found.iter_mut().filter(|(_, known)| known.is_none()).for_each(|(_, known)| *known = port);
            continue;
        }
        let announced =
            ANNOUNCE.contains(&after.rsplit('.').next().unwrap_or_default()) || word.quoted && QUOTING.contains(&after);
        read(word.text, announced).into_iter().for_each(|peer| add(&mut found, peer));
    }
    // Who was asked for a name that was looked up is not who is called.
    if let Some(at) = words.iter().position(|word| word.text == "lookup" || word.text.starts_with("lookup:"))
        && words.get(at + 2).is_some_and(|word| word.text == "on")
    {
        found.retain(|(_, port)| *port != Some(53));
    }
    found
}

fn add(found: &mut Vec<Peer>, (host, port): Peer) {
    if !found.iter().any(|(known, _)| *known == host) {
        found.push((host, port));
    }
}

/// The peers that one word names: `db:5432`, `http://db/`, `db/10.0.0.1:5432`, `ipv4:10.0.0.1:80`.
fn read(word: &str, announced: bool) -> Vec<Peer> {
    let url = word.split_once("://").map(|(_, rest)| rest);
    if url.is_none()
        && let Some((name, address)) = word.split_once('/')
        && let Some((address, port)) = address_of(address.split('/').next().unwrap_or_default())
    {
        let name = is_name(name).then(|| (name.to_owned(), port));
        return name.into_iter().chain([(address, port)]).collect();
    }
    let rest = url.unwrap_or(word).split(['/', '?', '#']).next().unwrap_or_default();
    let rest = rest.rsplit('@').next().unwrap_or_default().trim_end_matches(['.', ':', '!']);
    let rest = rest.strip_prefix("ipv4:").or_else(|| rest.strip_prefix("dns:")).unwrap_or(rest);
    if let Some((address, port)) = address_of(rest) {
        return vec![(address, port)];
    }
    let (host, port) = split(rest);
    let plain = url.is_some() || port.is_some() || announced || host.contains(".svc");
    let place = url.is_none() && port.is_some() && is_source(host);
    if plain && !place && is_name(host) { vec![(host.to_owned(), port)] } else { Vec::new() }
}

/// Splits `host:port`.
fn split(text: &str) -> (&str, Option<u16>) {
    match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().ok().filter(|&port| port > 0)),
        None => (text, None),
    }
}

/// An address, with a port behind it or not; what is mapped into IPv6 as what it is.
fn address_of(text: &str) -> Option<Peer> {
    let text = text.trim_end_matches(['.', ':', '!']);
    let (host, port) = split(text);
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Some((address.to_string(), port));
    }
    let address = text.parse::<Ipv6Addr>().ok().filter(|_| text.matches(':').count() > 1)?;
    Some((address.to_canonical().to_string(), None))
}

fn is_name(host: &str) -> bool {
    let numeric = || host.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '-');
    !host.is_empty()
        && host.len() <= 253
        && host.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
        && host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !NO_NAMES.contains(&host)
        && !numeric()
        && host.parse::<IpAddr>().is_err()
}

/// Whether a name with a number behind it is a place in a program.
fn is_source(host: &str) -> bool {
    host.split_once('.').is_some_and(|(_, end)| SOURCES.contains(&end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `db:5432 10.0.0.1`.
    fn shown(line: &str) -> String {
        let show = |(host, port): Peer| port.map_or(host.clone(), |port| format!("{host}:{port}"));
        peers(line).into_iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn peers_are_found_as_they_are_written() {
        for (line, expect) in [
            ("wget: bad address 'db:5432'", "db:5432"),
            ("wget: can't connect to remote host (10.96.23.251): Connection refused", "10.96.23.251"),
            ("dial tcp: lookup cache.shop on 10.96.0.10:53: no such host", "cache.shop"),
            ("lookup db on 10.96.0.10:53: read udp 10.1.0.9:40000->10.96.0.10:53: i/o timeout", "db"),
            ("read tcp 10.1.0.5:43210->10.96.3.4:5432: i/o timeout", "10.96.3.4:5432"),
            ("2026-11-20T23:05:36 web:80 [Errno -3] Temporary failure in name resolution", "web:80"),
            ("GET http://user@api.shop.svc/x failed", "api.shop.svc"),
            ("E1120 03:04:05.6 1 leaderelection.go:297] failed to renew the lease", ""),
            ("2026/11/20 main.go:42: dial tcp db:5432: connection refused", "db:5432"),
            ("proxy.company.rs:443 refused", "proxy.company.rs:443"),
            ("** server can't find mydb.shop.svc.cluster.local: NXDOMAIN", "mydb.shop.svc.cluster.local"),
            ("failed to lookup address information: Name or service not known", ""),
            ("could not translate host name \"db\" to address: Name or service not known", "db"),
            (
                "connection to server at \"db\" (10.1.1.1), port 5432 failed: Connection refused",
                "db:5432 10.1.1.1:5432",
            ),
            (
                "Is the server running on host \"db\" (10.1.1.1) and accepting TCP/IP connections on port 5432?",
                "db:5432 10.1.1.1:5432",
            ),
            ("Caused by: java.net.UnknownHostException: db", "db"),
            ("Connection refused: db/10.0.0.1:6379", "db:6379 10.0.0.1:6379"),
            ("java.net.ConnectException: Failed to connect to /10.0.0.1:8080", "10.0.0.1:8080"),
            ("HTTPConnectionPool(host='api', port=8080): Max retries exceeded with url: /health", "api:8080"),
            ("Connection refused [::ffff:10.0.0.1]:5432", "10.0.0.1"),
            ("host not found in upstream \"api\" in /etc/nginx/conf.d/default.conf:3", "api"),
            ("host not found in upstream \"api:8080\" in nginx.conf:3", "api:8080"),
            (
                "connect() failed (111: Connection refused) while connecting to upstream, client: 10.244.0.1, server: _, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\", host: \"shop.example.com\"",
                "10.0.0.1:80",
            ),
            (
                "*3 api.shop.svc could not be resolved (3: Host not found), client: 10.244.0.1, host: \"x\"",
                "api.shop.svc",
            ),
            ("Name resolution failed for target dns:cart:50051", "cart:50051"),
            ("Can't reach database server at `db:5432`", "db:5432"),
            ("nc: connect to db port 5432 (tcp) failed: Connection refused", "db:5432"),
            ("Connection refused - connect(2) for \"10.0.0.1\" port 5432", "10.0.0.1:5432"),
            ("failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:50051: Failed", "10.0.0.1:50051"),
            ("Cannot connect to amqp://guest:**@rabbitmq:5672//: [Errno 111] Connection refused.", "rabbitmq:5672"),
            ("Unknown MySQL server host 'mysql' (-2)", "mysql"),
            ("Can't connect to MySQL server on 'mysql' (111)", "mysql"),
            ("    at connect (/app/node_modules/pg/lib/client.js:10:5)", ""),
            ("{\"msg\":\"server at \\\"db\\\" (10.1.1.1), port 5432 failed\"}", "db:5432 10.1.1.1:5432"),
            ("    at Socket.connect (node:net:1595:16)", ""),
        ] {
            assert_eq!(shown(line), expect, "{line}");
        }
    }
}
