//! Probes of the kubelet: what they ask, when they give up, and what their failures say.

use super::endpoints;
use super::messages::{between, says};
use crate::object::Fields as _;
use crate::value::Value;

/// Which probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `livenessProbe`.
    Liveness,
    /// `readinessProbe`.
    Readiness,
    /// `startupProbe`.
    Startup,
}

impl Kind {
    /// The field of a container.
    pub fn field(self) -> &'static str {
        match self {
            Kind::Liveness => "/livenessProbe",
            Kind::Readiness => "/readinessProbe",
            Kind::Startup => "/startupProbe",
        }
    }

    /// How the messages about it begin.
    pub fn begins(self) -> &'static str {
        match self {
            Kind::Liveness => "Liveness probe",
            Kind::Readiness => "Readiness probe",
            Kind::Startup => "Startup probe",
        }
    }
}

/// What a failure says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens on the port.
    Refused,
    /// 404, or another answer that says that there is no such thing.
    NotFound,
    /// TLS to a plain port, or the other way round.
    Scheme,
    /// No answer in time.
    Timeout,
    /// The program says itself that it is not well.
    ServerError,
    /// 401, 403.
    Unauthorized,
    /// Another status.
    Status,
    /// The program that was to be run in the container is not there.
    NoProgram,
    /// The server speaks no gRPC, or not this service.
    Grpc,
    /// A command that ended with a failure.
    Command,
    /// No way to the pod.
    Unreachable,
}

/// What a message of an Unhealthy event says.
pub fn fault(message: &str, probe: &Value) -> Fault {
    let grpc = probe.at("/grpc").is_some();
    if let Some(status) =
        between(&format!("{message} "), "statuscode: ", " ").and_then(|text| text.trim().parse::<u16>().ok())
    {
        return match status {
            404 | 405 | 410 => Fault::NotFound,
            401 | 403 => Fault::Unauthorized,
            400 => Fault::Scheme,
            500.. => Fault::ServerError,
            _ => Fault::Status,
        };
    }
    if grpc {
        let deaf = says(message, &["refused"]);
        return if deaf { Fault::Refused } else { Fault::Grpc };
    }
    if probe.at("/exec").is_some() {
        let missing = says(
            message,
            &["executable file not found", "no such file or directory: unknown", "exec failed", "not found: unknown"],
        );
        let slow = says(message, &["timed out", "timeout exceeded", "DeadlineExceeded"]) && message.contains("command");
        return match (missing, slow) {
            (true, _) => Fault::NoProgram,
            (_, true) => Fault::Timeout,
            _ => Fault::Command,
        };
    }
    const WORDS: &[(Fault, &[&str])] = &[
        (
            Fault::Scheme,
            &["HTTP response to HTTPS", "does not look like a TLS handshake", "malformed HTTP", "x509", "tls:"],
        ),
        (Fault::Refused, &["connection refused"]),
        (Fault::Unreachable, &["no route to host", "network is unreachable"]),
        (Fault::Timeout, &["deadline exceeded", "Client.Timeout", "i/o timeout", "timed out"]),
        (Fault::Scheme, &["connection reset by peer", ": EOF"]),
    ];
    let known = WORDS.iter().find(|(_, words)| says(message, words));
    known.map_or(Fault::Status, |(fault, _)| *fault)
}

/// Whether a failure may be of a probe as it stands now: what the message says of scheme and port is what the probe asks.
pub fn is_of(message: &str, probe: &Value, container: &Value) -> bool {
    let url = between(message, "Get \"", "\"").and_then(|url| url.split_once("://"));
    let address = url.map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    let closed = format!("{message}: ");
    let address = address.or_else(|| between(&closed, "dial tcp ", ": "));
    let told = address.and_then(|address| address.rsplit_once(':')?.1.parse::<i64>().ok());
    let asks = |told| port(probe, container).is_none_or(|asked| asked == told);
    let scheme = probe.at("/httpGet").map(|get| get.text("/scheme").to_lowercase());
    let scheme = scheme.map(|scheme| if scheme.is_empty() { "http".to_owned() } else { scheme });
    let speaks = |(told, _): (&str, &str)| scheme.as_ref().is_none_or(|scheme| told == scheme);
    told.is_none_or(asks) && url.is_none_or(speaks)
}

/// The port that a probe asks, with the names of its container resolved.
pub fn port(probe: &Value, container: &Value) -> Option<i64> {
    let asked = ["/httpGet/port", "/tcpSocket/port", "/grpc/port"].iter().find_map(|pointer| probe.at(pointer))?;
    match asked {
        Value::String(name) => {
            let spec = crate::value::json!({"containers": [container]});
            let declared = endpoints::declared(&spec);
            let found = declared.iter().find(|(_, named, _)| *named == name.as_str()).map(|(number, _, _)| *number);
            found.or_else(|| name.parse().ok())
        }
        number => number.as_i64(),
    }
}

/// How many failures in a row decide.
pub fn threshold(probe: &Value) -> i64 {
    probe.int("/failureThreshold").unwrap_or(3)
}

/// Seconds from the start of a container until a probe that never succeeds has decided.
pub fn patience(probe: &Value) -> i64 {
    let period = probe.int("/periodSeconds").unwrap_or(10);
    probe.int("/initialDelaySeconds").unwrap_or(0) + period * threshold(probe)
}

/// The ports on which a program says in its log that it listens.
pub fn listening(lines: &[String]) -> Vec<i64> {
    let announces = |line: &&String| {
        says(
            line,
            &[
                "listening",
                "listen on",
                "serving",
                "started on",
                "bound to",
                "running on",
                "ready to accept",
                "started server",
            ],
        )
    };
    let mut ports: Vec<i64> = lines.iter().filter(announces).flat_map(|line| numbers_after_colon(line)).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn numbers_after_colon(line: &str) -> Vec<i64> {
    // Times such as 22:53:07 have colons too: a port stands at the end of its word and after no other number pair.
    let words = line
        .split(|c: char| c.is_whitespace() || "\"',()[]".contains(c))
        .filter(|word| !word.contains('T') || !word.contains('-'));
    let mut previous = "";
    let mut found = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        let tail = word.trim_end_matches(['/', '.', ';']).rsplit(':').next().unwrap_or_default();
        let plain = word.chars().all(|c| c.is_ascii_digit());
        let announced = ["port", "port:", "on", "port="].contains(&previous.to_lowercase().as_str());
        let clock = word.matches(':').count() == 2 && word.len() <= 9;
        if (word.contains(':') && !plain && !clock || plain && announced)
            && let Ok(number) = tail.parse::<i64>()
            && (1..=65_535).contains(&number)
        {
            found.push(number);
        }
        if let Some(number) = word.to_lowercase().strip_prefix("port=").and_then(|text| text.parse().ok()) {
            found.push(number);
        }
        previous = word;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    #[test]
    fn failures_say_what_is_wrong() {
        let http = json!({"httpGet": {"port": 80}});
        for (message, probe, expect) in [
            ("Readiness probe failed: HTTP probe failed with statuscode: 404", &http, Fault::NotFound),
            ("Readiness probe failed: HTTP probe failed with statuscode: 503", &http, Fault::ServerError),
            (
                "Liveness probe failed: Get \"http://10.0.0.1:80/\": dial tcp 10.0.0.1:80: connect: connection refused",
                &http,
                Fault::Refused,
            ),
            (
                "Liveness probe failed: Get \"https://10.0.0.1:80/\": http: server gave HTTP response to HTTPS client",
                &http,
                Fault::Scheme,
            ),
            (
                "Liveness probe failed: Get \"http://10.0.0.1:80/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                &http,
                Fault::Timeout,
            ),
            (
                "Readiness probe errored: rpc error: exec: \"curl\": executable file not found in $PATH: unknown",
                &json!({"exec": {}}),
                Fault::NoProgram,
            ),
            ("Readiness probe failed: upstream unavailable", &json!({"exec": {}}), Fault::Command),
            (
                "Readiness probe failed: timeout: failed to connect service \"10.0.0.1:80\" within 1s: context deadline exceeded",
                &json!({"grpc": {}}),
                Fault::Grpc,
            ),
        ] {
            assert_eq!(fault(message, probe), expect, "{message}");
        }
    }

    #[test]
    fn logs_announce_ports() {
        let ports = |line: &str| listening(&[line.to_owned()]);
        assert_eq!(ports("2026-11-20T22:52:54+00:00 listening on :8080"), [8080]);
        assert_eq!(ports("ready, listening on 15432"), [15432]);
        assert_eq!(ports("22:53:07 Server listening at http://0.0.0.0:3000/"), [3000]);
        assert_eq!(ports("Tomcat started on port 8081 (http)"), [8081]);
        assert!(ports("22:53:07 done").is_empty());
    }
}
