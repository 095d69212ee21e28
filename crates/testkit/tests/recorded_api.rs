//! The test kit's API says what a real one said: recorded requests are asked again, and their answers compared.

use std::path::PathBuf;

use fathom_testkit::kubernetes::{Answer, Kubernetes, NEEDS};
use fathom_testkit::need;
use serde_json::{Value, json};

/// Recorded requests whose whole `Status` has to be the same, and who asks.
const STATUSES: &[(&str, Caller)] = &[
    ("27-forbidden-403", Caller::Viewer),
    ("28-forbidden-403-cluster", Caller::Viewer),
    ("29-anonymous-403", Caller::Nobody),
    ("31-notfound-404", Caller::Admin),
    ("32-notfound-404-path", Caller::Admin),
    ("25-pod-create-409", Caller::Admin),
    ("75-exec-ws-pod-404", Caller::Admin),
    ("76-exec-ws-403", Caller::Viewer),
];

/// Reviews, whose `status` has to be the same.
const REVIEWS: &[(&str, Caller)] =
    &[("50-ssar-denied", Caller::Viewer), ("53-sar-denied", Caller::Admin), ("58-tokenreview-invalid", Caller::Admin)];

#[derive(Debug, Clone, Copy)]
enum Caller {
    Admin,
    Viewer,
    Nobody,
}

/// A recorded exchange.
struct Recorded {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    answer: Answer,
}

fn recorded(name: &str) -> Recorded {
    let text = std::fs::read_to_string(folder().join(format!("{name}.http"))).expect("it was recorded");
    let (request, response) = text.split_once("=== response\n").expect("it has an answer");
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let mut lines = head.lines().skip(1);
    let mut first = lines.next().expect("a request has a first line").split(' ');
    let mut next = || first.next().expect("method and path").to_owned();
    let (method, path) = (next(), next());
    let kept = [
        "connection",
        "upgrade",
        "sec-websocket-version",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "content-type",
    ];
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers = headers.filter(|(name, _)| kept.contains(&name.as_str())).collect();
    let (head, answer) = response.split_once("\n\n").expect("an answer has a body");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("an answer has a status");
    let body_of = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    Recorded { method, path, headers, body: body.trim_end().to_owned(), answer: Answer { code, body: body_of(answer) } }
}

fn folder() -> PathBuf {
    need::workspace().join("../shared/data/api")
}

/// As the recorded one was: a namespace `demo`, a pod `box` and one `new`, an account that may only look at pods.
fn demo() -> Kubernetes {
    let cluster = Kubernetes::start();
    cluster.put("", "namespaces", json!({"metadata": {"name": "demo"}}));
    cluster.put("", "serviceaccounts", json!({"metadata": {"name": "viewer", "namespace": "demo"}}));
    for name in ["box", "new"] {
        cluster.put("", "pods", json!({"metadata": {"name": name, "namespace": "demo"}, "spec": {"containers": []}}));
    }
    cluster
}

impl Caller {
    fn ask(self, cluster: &Kubernetes, recorded: &Recorded) -> Answer {
        let token = match self {
            Caller::Admin => Some(cluster.token_of("admin", &["system:masters"])),
            Caller::Viewer => Some(cluster.token_of("system:serviceaccount:demo:viewer", &["system:serviceaccounts"])),
            Caller::Nobody => None,
        };
        let authorization = token.map(|token| ("authorization".to_owned(), format!("Bearer {token}")));
        let headers: Vec<_> =
            recorded.headers.iter().chain(&authorization).map(|(a, b)| (a.as_str(), b.as_str())).collect();
        cluster.ask(&recorded.method, &recorded.path, &headers, &recorded.body)
    }
}

#[test]
fn refusals_are_word_for_word_those_of_a_real_server() {
    if need::missing(&[NEEDS.to_vec(), vec![need::Need::Path("../../../shared/data/api")]].concat()) {
        return;
    }
    let cluster = demo();
    for (name, caller) in STATUSES {
        let recorded = recorded(name);
        let got = caller.ask(&cluster, &recorded);
        assert_eq!(got, recorded.answer, "{name}");
    }
    for (name, caller) in REVIEWS {
        let recorded = recorded(name);
        let got = caller.ask(&cluster, &recorded);
        let status = |answer: &Answer| -> Value { answer.body["status"].clone() };
        assert_eq!((got.code, status(&got)), (recorded.answer.code, status(&recorded.answer)), "{name}");
    }
}
