//! Calls that failed, as programs write it: how, and to what.

mod peers;

pub use peers::{Peer, peers};

use super::program::{Sign, sign};
use super::{hears, says};
use crate::eval::probes;

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
    /// It was answered, with an error of the server: who was called is there, and not well.
    Answered,
}

const FAULTS: &[(CallFault, &[&str])] = &[
    (
        CallFault::NoResolver,
        &[
            "temporary failure in name resolution",
            "eai_again",
            ": try again",
            "'try again'",
            "[errno -3]",
            "server misbehaving",
            "no servers could be reached",
            // .NET writes EAI_AGAIN so, with the name behind it.
            "resource temporarily unavailable (",
            "could not be resolved (2:",
            "could not be resolved (110:",
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
            "could not be resolved",
            "dns resolution failed",
            "dns lookup failed",
            "could not translate host name",
            "host not found",
            "unknown host",
            "unknownhostexception",
            "unknown mysql server host",
            "nodename nor servname",
            "no address associated with",
            "name does not resolve",
            "name resolver error",
            "name resolution failed",
            "domain name not found",
            "hostname not known",
            "host not known",
        ],
    ),
    (CallFault::NoRoute, &["no route to host", "host is unreachable", "ehostunreach", "network is unreachable"]),
    (CallFault::Refused, &["connection refused", "econnrefused", "refused"]),
    (CallFault::Timeout, &["timed out", "i/o timeout", "etimedout", "deadline exceeded"]),
];

/// Words that say only that there is no connection, not why.
const UNCONNECTED: &[&str] = &[
    "failed to connect to",
    "couldn't connect to",
    "could not connect to",
    "cannot connect to",
    "can't connect to",
    "unable to connect to",
    "error connecting to",
    "failed connecting to",
    "can't reach database server at",
    "while establishing a connection to sql server",
    "the connection attempt failed",
    "is the server running on",
    "could not be established",
    "broker may not be available",
    "no live upstreams",
    "communications link failure",
    " - no response",
];

/// Words of those who were answered with an error of the server.
const ANSWERS: &[&str] = &[
    "server returned error: http/1.1 5",
    "url returned error: 50",
    "500 server error",
    "502 server error",
    "503 server error",
    "504 server error",
    "500 internal server error",
    "502 bad gateway",
    "503 service unavailable",
    "504 gateway time",
    "status code 50",
    "status code: 50",
    "unexpected status 50",
    "responded with 50",
    "returned 50",
];

/// A call that failed: how, and to what, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCall {
    /// How.
    pub fault: CallFault,
    /// Names and addresses, with a port where one is written.
    pub to: Vec<Peer>,
}

/// The call that failed by a line, if it tells of one.
pub fn failed_call(line: &str) -> Option<FailedCall> {
    let small = line.to_ascii_lowercase();
    let unconnected =
        || (hears(&small, UNCONNECTED) || unreached(&small)) && matches!(sign(line), None | Some(Sign::Panic));
    let answered_badly = || hears(&small, ANSWERS).then_some(CallFault::Answered);
    let fault = fault(&small).or_else(|| unconnected().then_some(CallFault::Refused)).or_else(answered_badly)?;
    (answered(line).is_none() && !is_of_a_resolver(line)).then(|| FailedCall { fault, to: peers(line) })
}

/// Whether a host is the caller's own: its pod, or its node where it uses the network of that.
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Whether a line is of the log of a server of names, which tells what others asked: `"A IN db. udp 45 false 512" NXDOMAIN`.
fn is_of_a_resolver(line: &str) -> bool {
    let question = super::between(line, "\"", "\"").unwrap_or_default();
    question.contains(" IN ") && (question.contains(" udp ") || question.contains(" tcp "))
}

/// How a call failed by what is said of it, in small letters.
fn fault(small: &str) -> Option<CallFault> {
    let known = FAULTS.iter().find(|(_, words)| hears(small, words)).map(|(fault, _)| *fault);
    let known = known.or_else(|| is_unresolved(small).then_some(CallFault::NoName));
    let fault = known.or_else(|| runs_out(small).then_some(CallFault::Timeout))?;
    // It was the question for the name that nobody answered.
    let asks = small.contains("lookup ") && small.contains(":53: ");
    Some(if asks && fault != CallFault::NoName { CallFault::NoResolver } else { fault })
}

/// Whether a host could not be resolved: placeholders, modules, dependencies and types cannot be either.
fn is_unresolved(small: &str) -> bool {
    const BEFORE: [&str; 6] = ["could not ", "couldn't ", "can't ", "cannot ", "unable to ", "failed to "];
    const HOSTS: [&str; 8] = ["host", "hostname", "address", "server", "name", "dns", "ip", "domain"];
    let names = |rest: &str| {
        let next = rest.trim_start_matches([' ', ':']).split_whitespace().next().unwrap_or_default();
        let bare = next.trim_matches(['\'', '"', '`', ':', ',', ';']);
        let hosted = HOSTS.contains(&bare) || bare.contains(['.', ':']) || next.starts_with(['\'', '"', '`']);
        hosted && !bare.starts_with(['.', '/', '@']) && !bare.contains('/')
    };
    let mut found = small.match_indices("resolve");
    found.any(|(at, word)| {
        let (before, rest) = (&small[..at], &small[at + word.len()..]);
        BEFORE.iter().any(|one| before.ends_with(one)) && rest.starts_with([' ', ':']) && names(rest)
    }) && !small.contains("module not found")
}

/// Whether a line tells of a time that ran out, and not of how long one may be: `timeout=30s`.
fn runs_out(small: &str) -> bool {
    small.match_indices("timeout").any(|(at, word)| {
        let rest = &small[at + word.len()..];
        let value = rest.trim_start_matches(['_', '-', '"', '\'']).strip_prefix(['=', ':']);
        let amount =
            rest.trim_start_matches([' ', ':', '=', '"', '(']).trim_start_matches("is ").trim_start_matches("of ");
        !amount.starts_with(|c: char| c.is_ascii_digit()) && value.is_none_or(|value| value.starts_with(' '))
    })
}

/// Clients that say no more than this of whom they never reached, with the name between.
fn unreached(small: &str) -> bool {
    const PARTED: [(&str, &str); 2] = [("bootstrap broker ", " disconnected"), ("connection to ", " failed")];
    PARTED.iter().any(|(begin, end)| super::between(small, begin, end).is_some_and(|name| name.len() < 80))
        || small.contains("bootstrap broker ") && small.ends_with("disconnected")
}

/// Whether a line says that a call to somebody it names failed: that is its news, whatever other words it has.
pub(super) fn names_a_failed_call(line: &str) -> bool {
    fault(&line.to_ascii_lowercase()).is_some() && !peers(line).is_empty()
}

/// The status with which a line of an access log says that somebody was answered.
pub fn answered(line: &str) -> Option<u16> {
    const METHODS: [&str; 7] = ["GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"];
    let words: Vec<&str> = line.split(|c: char| c.is_whitespace() || "\"|[]".contains(c)).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let at = words.windows(2).position(|pair| METHODS.contains(&pair[0]) && pair[1].starts_with('/'))?;
    let status = |word: &&str| word.parse::<u16>().ok().filter(|status| word.len() == 3 && (100..600).contains(status));
    words[at..].iter().find_map(status).or_else(|| words[..at].iter().find_map(status))
}

/// Whether a line says that there is a connection now.
pub fn recovers(line: &str) -> bool {
    let is = [
        "connected to",
        "connection established",
        "connected successfully",
        "successfully connected",
        "connection successful",
        "connection restored",
        "reconnected",
        "is reachable",
        "is now available",
    ];
    let again = ["established", "restored", "succeeded"];
    let not = ["not connected", "disconnected", "never connected"];
    let well = says(line, &is) || says(line, &["connection to "]) && says(line, &again);
    well && !says(line, &not) && !says(line, &["fail", "error", "cannot", "unable"]) && failed_call(line).is_none()
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

/// Whether a line says of a program that ended that it was for something else than a call that had failed before.
pub fn ends_otherwise(lines: &[String], at: usize) -> bool {
    let chained = || {
        let mut before = lines[..at].iter().rev().filter(|line| !line.trim().is_empty());
        before.next().is_some_and(|line| says(line, &["the above exception", "another exception occurred"]))
    };
    sign(&lines[at]).is_some() && !chained() && !continues(&lines[at]) || !probes::listening(&lines[at..=at]).is_empty()
}

/// Whether a line only goes on with what the one before has said: a frame of a trace, a field of an object.
pub fn continues(line: &str) -> bool {
    let begins = ["at ", "Caused by", "goroutine ", "...", "{", "}", "]", ")", "^"];
    line.starts_with(char::is_whitespace) || begins.iter().any(|begin| line.starts_with(begin))
}

/// Whether a line says nothing better than the one before: it goes on with it, or tells of a question of the kubelet, or
/// of one that was answered with an error.
pub fn says_nothing_better(line: &str) -> bool {
    continues(line)
        || complains(line)
        || answered(line).is_some_and(|status| status >= 500 || line.contains("kube-probe"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use CallFault::{Answered, NoName, NoResolver, NoRoute, Refused, Timeout};

    #[test]
    fn calls_fail_in_the_words_of_many_languages() {
        for (line, expect) in [
            ("web:80 [Errno 113] No route to host", Some(NoRoute)),
            ("all is well", None),
            ("Caused by: java.net.ConnectException: Connection refused", Some(Refused)),
            ("Caused by: java.net.UnknownHostException: db", Some(NoName)),
            ("Error: connect ECONNREFUSED 10.0.0.1:5432", Some(Refused)),
            ("Error: getaddrinfo ENOTFOUND db", Some(NoName)),
            ("Error: getaddrinfo EAI_AGAIN db", Some(NoResolver)),
            ("AggregateError [ECONNREFUSED]:", Some(Refused)),
            ("socket.gaierror: [Errno -3] Temporary failure in name resolution", Some(NoResolver)),
            ("dial tcp: lookup db on 10.96.0.10:53: no such host", Some(NoName)),
            ("dial tcp: lookup db on 10.96.0.10:53: read udp 10.1.0.9:4->10.96.0.10:53: i/o timeout", Some(NoResolver)),
            ("Get \"http://api:8080/x\": context deadline exceeded", Some(Timeout)),
            ("tcp connect error: Connection refused (os error 111)", Some(Refused)),
            (
                "Connection to node -1 (kafka/10.0.0.1:9092) could not be established. Node may not be available.",
                Some(Refused),
            ),
            ("[AdminClient clientId=a] Bootstrap broker kafka:9092 (id: -1 rack: null) disconnected", Some(Refused)),
            ("Npgsql.NpgsqlException (0x80004005): Failed to connect to 10.0.0.1:5432", Some(Refused)),
            ("System.Net.Http.HttpRequestException: Resource temporarily unavailable (api:80)", Some(NoResolver)),
            ("SQLSTATE[HY000] [2002] Connection refused", Some(Refused)),
            ("php_network_getaddresses: getaddrinfo for db failed: Name or service not known", Some(NoName)),
            ("Errno::ECONNREFUSED: Connection refused - connect(2) for \"10.0.0.1\" port 5432", Some(Refused)),
            ("nginx: [emerg] host not found in upstream \"api\" in /etc/nginx/conf.d/default.conf:3", Some(NoName)),
            ("MongoServerSelectionError: connect ECONNREFUSED 10.0.0.1:27017", Some(Refused)),
            ("db:5432 - no response", Some(Refused)),
            ("Error: P1001: Can't reach database server at `db:5432`", Some(Refused)),
            ("JedisConnectionException: Failed connecting to redis:6379", Some(Refused)),
            ("pika.exceptions.AMQPConnectionError: Connection to rabbitmq:5672 failed", Some(Refused)),
            ("Error: 14 UNAVAILABLE: Name resolution failed for target dns:cart:50051", Some(NoName)),
            ("level=info msg=\"upstream timeout is 30s for host api\"", None),
            ("500 Server Error: Internal Server Error for url: http://b:80/", Some(Answered)),
            ("wget: server returned error: HTTP/1.1 503 Service Unavailable", Some(Answered)),
            // The server was reached, and did not like what it heard.
            ("failed to connect to `host=db user=app`: FATAL: password authentication failed for user \"app\"", None),
            // Not everything that is resolved is a host.
            ("Could not resolve placeholder 'db.url' in value \"${db.url}\"", None),
            ("System.InvalidOperationException: Unable to resolve service for type 'Shop.Cart'", None),
            ("Module not found: Error: Can't resolve './cart' in '/app/src'", None),
            ("Module not found: Error: Can't resolve 'lodash' in '/app/src'", None),
            ("npm ERR! ERESOLVE unable to resolve dependency tree", None),
            ("Could not resolve all files for configuration ':classpath'.", None),
            ("curl: (6) Could not resolve host: db", Some(NoName)),
            ("nslookup: can't resolve 'db'", Some(NoName)),
            ("NameResolutionError: Failed to resolve 'api' (try later)", Some(NoName)),
            ("Couldn't resolve server kafka:9092 from bootstrap.servers as DNS said nothing", Some(NoName)),
            ("status of the pump is not known", None),
            // Who answers questions for names tells what others asked.
            (
                "[INFO] 10.1.0.9:4444 - 3 \"A IN db.shop.svc.cluster.local. udp 45 false 512\" NXDOMAIN qr,aa,rd 138 0.0001s",
                None,
            ),
            // How long something may take is no complaint.
            ("pool for db:5432 is there, connectionTimeout=30000", None),
            ("connecting to db:5432 with timeout 5s", None),
            ("db:5432 read timeout", Some(Timeout)),
            ("10.1.0.1 - - \"GET /timeout HTTP/1.1\" 200 12", None),
        ] {
            assert_eq!(failed_call(line).map(|call| call.fault), expect, "{line}");
        }
    }

    #[test]
    fn access_logs_say_how_it_was_answered() {
        for (line, expect) in [
            (
                "10.1.0.1 - - [01/Mar/2026:11:59:59 +0000] \"GET /healthz HTTP/1.1\" 200 2 \"-\" \"kube-probe/1.30\"",
                Some(200),
            ),
            ("[GIN] 2026/03/01 - 11:59:59 | 503 | 1.2ms | 10.1.0.1 | GET \"/ready\"", Some(503)),
            ("GET /ready 503 1.204 ms - 12", Some(503)),
            ("INFO: 10.1.0.1:4321 - \"GET /ready HTTP/1.1\" 503 Service Unavailable", Some(503)),
            ("GET http://api/x failed", None),
        ] {
            assert_eq!(answered(line), expect, "{line}");
        }
    }

    #[test]
    fn what_is_well_again_says_so() {
        for (line, expect) in [
            ("connected to db:5432 after 3 attempts", true),
            ("Connection established", true),
            ("connection to db restored", true),
            ("not connected to db", false),
            ("connection to db:5432 refused", false),
            ("INFO heartbeat 7", false),
        ] {
            assert_eq!(recovers(line), expect, "{line}");
        }
    }
}
