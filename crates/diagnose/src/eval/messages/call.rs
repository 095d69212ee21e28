//! Calls that failed, as programs write it: how, and to what.

use super::program::sign;
use super::{hears, says};

/// How a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallFault {
    /// Somebody said no, or nobody listens.
    Refused,
    /// Nobody said anything.
    Timeout,
    /// No way there.
    NoRoute,
    /// The name is not known.
    NoName,
    /// Nobody could be asked for the name.
    NoResolver,
}

const FAULTS: &[(CallFault, &[&str])] = &[
    (
        CallFault::NoResolver,
        &[
            "temporary failure in name resolution",
            "eai_again",
            "try again",
            "server misbehaving",
            "connection timed out; no servers could be reached",
            "no servers could be reached",
        ],
    ),
    (
        CallFault::NoName,
        &[
            "bad address",
            "no such host",
            "nxdomain",
            "name or service not known",
            "enotfound",
            "could not resolve",
            "couldn't resolve",
            "unknown host",
            "unknownhostexception",
            "nodename nor servname",
            "name does not resolve",
            "can't resolve",
            "cannot resolve",
            "unable to resolve",
            "name does not resolve",
            "not known",
        ],
    ),
    (CallFault::NoRoute, &["no route to host", "host is unreachable", "ehostunreach", "network is unreachable"]),
    (CallFault::Refused, &["connection refused", "econnrefused", "refused"]),
    (CallFault::Timeout, &["timed out", "i/o timeout", "etimedout", "deadline exceeded", "timeout"]),
];

/// A call that failed: how, and to what, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCall {
    /// How.
    pub fault: CallFault,
    /// Names and addresses, with a port where one is written.
    pub to: Vec<(String, Option<u16>)>,
}

/// The call that failed by a line, if it tells of one.
pub fn failed_call(line: &str) -> Option<FailedCall> {
    let small = line.to_ascii_lowercase();
    let fault = FAULTS.iter().find(|(_, words)| hears(&small, words)).map(|(fault, _)| *fault)?;
    Some(FailedCall { fault, to: peers(line) })
}

/// Words after which a name stands, and words that stand there instead of one.
const ANNOUNCE: &[&str] =
    &["address", "host", "lookup", "resolve", "resolving", "find", "ENOTFOUND", "EAI_AGAIN", "service", "for"];
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
    "to",
    "in",
    "on",
    "of",
    "at",
    "is",
    "not",
    "was",
    "remote",
    "connection",
    "connections",
    "database",
    "port",
    "request",
    "response",
    "more",
    "it",
];

/// How files of programs end, whose lines loggers name as others name ports: `main.go:42`.
const SOURCES: &[&str] = &[
    "c", "cc", "cpp", "cs", "ex", "go", "h", "java", "js", "kt", "lua", "mjs", "php", "pl", "py", "rb", "rs", "scala",
    "ts",
];

/// Whether a name with a number behind it is a place in a program.
fn is_source(host: &str) -> bool {
    host.split_once('.').is_some_and(|(_, end)| SOURCES.contains(&end))
}

/// Names and addresses in a text: of URLs, of `host:port`, of quotes after words that announce one.
pub fn peers(line: &str) -> Vec<(String, Option<u16>)> {
    let mut found: Vec<(String, Option<u16>)> = Vec::new();
    let separators = |c: char| c.is_whitespace() || "\"'`()[]<>{},;=|".contains(c);
    let mut announced = false;
    for token in line.split(separators).filter(|token| !token.is_empty()) {
        let url = token.split_once("://");
        let rest = url.map_or(token, |(_, rest)| rest);
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let rest = rest.rsplit('@').next().unwrap_or_default().trim_end_matches(['.', ':', '!']);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) => (host, port.parse::<u16>().ok().filter(|&port| port > 0)),
            None => (rest, None),
        };
        let is_name = !host.is_empty()
            && host.len() <= 253
            && host.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
            && host.starts_with(|c: char| c.is_ascii_alphanumeric())
            && !NO_NAMES.contains(&host);
        let address = host.parse::<std::net::Ipv4Addr>().is_ok();
        let numeric = host.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '-');
        if url.is_none() && port.is_some() && is_source(host) {
            continue;
        }
        let plain = url.is_some() || port.is_some() || announced || address || host.contains(".svc");
        if is_name && plain && (address || !numeric) && !found.iter().any(|(known, _)| known == host) {
            found.push((host.to_owned(), port));
        }
        announced = ANNOUNCE.contains(&token.trim_end_matches(':'));
    }
    found
}

/// Whether a line may follow a failed call without saying that things are well again.
pub fn complains(line: &str) -> bool {
    sign(line).is_some()
        || failed_call(line).is_some()
        || line.trim().is_empty()
        || says(
            line,
            &[
                "fail",
                "error",
                "unavailable",
                "waiting",
                "retry",
                "cannot",
                "unable",
                "fatal",
                "giving up",
                "not ready",
                "exit",
                "nxdomain",
                "sleeping",
                "attempt",
                "can't",
            ],
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_found_as_they_are_written() {
        let name = |host: &str, port| vec![(host.to_owned(), port)];
        for (line, expect) in [
            ("wget: bad address 'db:5432'", name("db", Some(5432))),
            ("wget: can't connect to remote host (10.96.23.251): Connection refused", name("10.96.23.251", None)),
            (
                "dial tcp: lookup cache.shop on 10.96.0.10:53: no such host",
                vec![("cache.shop".into(), None), ("10.96.0.10".into(), Some(53))],
            ),
            ("2026-11-20T23:05:36 web:80 [Errno -3] Temporary failure in name resolution", name("web", Some(80))),
            ("GET http://user@api.shop.svc/x failed", name("api.shop.svc", None)),
            ("E1120 03:04:05.6 1 leaderelection.go:297] failed to renew the lease", vec![]),
            ("2026/11/20 main.go:42: dial tcp db:5432: connection refused", name("db", Some(5432))),
            ("proxy.company.rs:443 refused", name("proxy.company.rs", Some(443))),
            ("** server can't find mydb.shop.svc.cluster.local: NXDOMAIN", name("mydb.shop.svc.cluster.local", None)),
        ] {
            assert_eq!(peers(line), expect, "{line}");
        }
        assert_eq!(failed_call("web:80 [Errno 113] No route to host").map(|call| call.fault), Some(CallFault::NoRoute));
        assert_eq!(failed_call("all is well"), None);
    }
}
