//! `fathom why` of a cluster that runs: an API in this process, with the states that the rules are tested by, and all
//! that goes wrong between a person and an API server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use fathom_testkit::Scratch;
use fathom_testkit::kubernetes::{Kubernetes, Run};
use fathom_testkit::need::{Need, workspace};
use fathom_testkit::needs;
use serde_json::{Value, json};

/// How it ended.
#[derive(Debug)]
struct Said {
    out: String,
    err: String,
    status: i32,
}

impl Said {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Codes and objects of the findings.
    #[track_caller]
    fn findings(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let findings = self.json()["findings"].take();
        let findings = findings.as_array().into_iter().flatten();
        findings.map(|one| format!("{} {}", text(&one["code"]), text(&one["object"]))).collect()
    }
}

fn why(kubeconfig: &Path, words: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
    command.arg("why").args(words).env("KUBECONFIG", kubeconfig).env("FATHOM_CONFIG", "/dev/null");
    let output = command.env("HOME", env!("CARGO_TARGET_TMPDIR")).output().expect("fathom runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { out: text(&output.stdout), err: text(&output.stderr), status: output.status.code().unwrap_or(-1) }
}

/// Without the moment, which is the clock's in a cluster and the state's own in a file.
fn timeless(mut answer: Value) -> Value {
    answer["lookedAt"]["time"].take();
    answer
}

/// A namespace with a service whose selector nobody fits, and a pod whose image is not there.
fn shop() -> Kubernetes {
    let cluster = Kubernetes::without_nodes();
    let now = now();
    for name in ["shop", "kube-system", "default"] {
        cluster.record(
            json!({"kind": "Namespace", "metadata": {"name": name, "uid": name}, "status": {"phase": "Active"}}),
        );
    }
    cluster.record(json!({"kind": "Node", "metadata": {"name": "n1", "uid": "n1", "creationTimestamp": now}, "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": now}], "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}}));
    let labels = json!({"app": "web"});
    cluster.record(json!({"kind": "Service", "metadata": {"name": "web", "namespace": "shop", "uid": "s", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"selector": {"app": "wep"}, "clusterIP": "10.96.0.9", "ports": [{"port": 80, "targetPort": 80}]}}));
    cluster.record(json!({"kind": "EndpointSlice", "metadata": {"name": "web-1", "namespace": "shop", "uid": "e", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4", "endpoints": [], "ports": []}));
    cluster.record(json!({"kind": "Pod", "metadata": {"name": "web-0", "namespace": "shop", "uid": "p", "labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "SENTINEL"}]},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "registry.example/web:1", "env": [{"name": "DB_PASSWORD", "value": "SENTINEL"}]}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}}));
    cluster.record(json!({"kind": "Secret", "metadata": {"name": "db", "namespace": "shop", "uid": "x",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "SENTINEL"}}, "type": "Opaque", "data": {"password": "U0VOVElORUw="}}));
    cluster.tell("shop", "web-0", "app", Run::Current, "ready\n");
    cluster
}

fn now() -> String {
    let seconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after the epoch").as_secs();
    fathom_time(seconds)
}

/// `2026-01-01T00:00:00Z`, by `date`.
fn fathom_time(seconds: u64) -> String {
    let output =
        Command::new("date").args(["-u", "-d", &format!("@{seconds}"), "+%FT%TZ"]).output().expect("date runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Gives somebody a right, in a namespace or everywhere.
fn allow(cluster: &Kubernetes, user: &str, namespace: Option<&str>, group: &str, resources: &[&str], verb: &str) {
    let rbac = "rbac.authorization.k8s.io";
    let name = format!("{user}-{}-{}", namespace.unwrap_or("all"), resources.concat().replace('/', "-"));
    let rules = json!([{"apiGroups": [group], "resources": resources, "verbs": [verb]}]);
    let subjects = json!([{"kind": "User", "name": user}]);
    let (role, binding, kind) = match namespace {
        Some(_) => ("roles", "rolebindings", "Role"),
        None => ("clusterroles", "clusterrolebindings", "ClusterRole"),
    };
    let meta =
        namespace.map_or_else(|| json!({"name": name}), |namespace| json!({"name": name, "namespace": namespace}));
    cluster.put(rbac, role, json!({"metadata": meta, "rules": rules}));
    cluster.put(
        rbac,
        binding,
        json!({"metadata": meta, "subjects": subjects, "roleRef": {"kind": kind, "name": name}}),
    );
}

#[test]
fn a_cluster_that_runs_is_asked_about_a_target_or_whole() {
    let cluster = shop();
    let config = cluster.kubeconfig();
    let cause = "svc.selector-mismatch Service/shop/web";
    for words in
        [&[][..], &["svc/web", "-n", "shop"], &["shop/svc/web"], &["svc/web", "-A"], &["ns/shop"], &["-n", "shop"]]
    {
        let said = why(&config, &[words, &["-o", "json"]].concat());
        assert_eq!((said.findings(), said.status), (vec![cause.to_owned()], 1), "{words:?}: {said:?}");
    }
    let said = why(&config, &["pod/web-0", "-n", "shop"]);
    assert!(said.status == 0 && said.out.starts_with("nothing is wrong"), "{said:?}");
    let said = why(&config, &["svc/wep", "-n", "shop"]);
    assert!(said.status == 3 && said.err.contains("there is `web`"), "{said:?}");
    assert_eq!(why(&config, &["nonsense/x"]).status, 2);
}

#[test]
fn a_question_costs_few_requests() {
    let cluster = shop();
    let config = cluster.kubeconfig();
    let requests = |words: &[&str]| {
        let before = cluster.requests().len();
        why(&config, words);
        cluster.requests().split_off(before)
    };
    // One for what is served, one for each kind that is, and the logs.
    let whole = requests(&[]);
    let unique: BTreeSet<&String> = whole.iter().collect();
    assert!(whole.len() <= 50 && unique.len() == whole.len(), "{}: {whole:#?}", whole.len());
    let one = requests(&["svc/web", "-n", "shop"]);
    assert!(one.len() <= 65, "{}: {one:#?}", one.len());
    let other = |request: &&String| request.contains("/namespaces/default/") && !request.contains("/events");
    assert_eq!(one.iter().find(other), None, "nobody asked about it");
    assert!(one.iter().all(|request| request.starts_with("GET ")), "nothing is changed");
}

#[test]
fn ten_pages_are_read_as_one() {
    let cluster = shop();
    for number in 0..2_600 {
        let name = format!("noise-{number}");
        cluster.record(
            json!({"kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "uid": name}, "data": {}}),
        );
    }
    let config = cluster.kubeconfig();
    let said = why(&config, &["-o", "json"]);
    assert_eq!(said.json()["lookedAt"]["objects"].as_u64().map(|count| count >= 2_600), Some(true), "{said:?}");
    let pages = |requests: &[String]| requests.iter().filter(|one| one.contains("/configmaps")).count();
    assert_eq!(pages(&cluster.requests()), 6);
    // What the server forgets is begun again, and in the end taken as it is.
    for forgotten in [1, 2, 4] {
        cluster.expire("/configmaps", forgotten);
        let again = why(&config, &["-o", "json"]);
        assert_eq!(timeless(again.json()), timeless(said.json()), "{forgotten}");
    }
}

#[test]
fn progress_is_shown_on_a_terminal_and_nowhere_else() {
    needs!(Need::Program("script"));
    let cluster = shop();
    let config = cluster.kubeconfig();
    let mut command = Command::new("script");
    command.args(["-qec", concat!(env!("CARGO_BIN_EXE_fathom"), " why -o json"), "/dev/null"]);
    command.env("KUBECONFIG", &config).env("FATHOM_CONFIG", "/dev/null").env("HOME", env!("CARGO_TARGET_TMPDIR"));
    let output = command.env("TERM", "xterm").output().expect("script runs");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains(" lists") && shown.contains("svc.selector-mismatch"), "{shown}");
    let said = why(&config, &["-o", "json"]);
    assert!(!said.err.contains("lists") && !said.out.contains(" lists"), "{said:?}");
}

#[test]
fn values_that_are_nobodys_business_are_neither_read_nor_kept() {
    let cluster = shop();
    let folder = Scratch::new("why");
    let path = folder.join("state.tar.zst");
    let state = path.display().to_string();
    let said = why(&cluster.kubeconfig(), &["--save", &state, "-o", "json"]);
    assert_eq!(said.status, 1, "{said:?}");
    let unpacked = Command::new("tar").args(["--zstd", "-xOf", &state]).output().expect("tar runs");
    let text = String::from_utf8_lossy(&unpacked.stdout).into_owned();
    assert!(text.contains("\"db\"") && text.contains("DB_PASSWORD"), "the names are there: {text}");
    for value in ["SENTINEL", "U0VOVElORUw="] {
        assert!(!text.contains(value) && !said.out.contains(value), "{value}");
    }
    let secrets = cluster.requests().into_iter().filter(|request| request.contains("/secrets")).collect::<Vec<_>>();
    assert!(secrets.iter().all(|request| !request.contains("/secrets/")), "{secrets:?}");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&path).expect("it was written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it is its owner's alone");
    // One that everybody may read is replaced, and nothing half written stays.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    why(&cluster.kubeconfig(), &["--save", &state]);
    let mode = std::fs::metadata(&path).expect("it was written").permissions().mode();
    assert_eq!((mode & 0o777, std::fs::read_dir(folder.path()).expect("it is ours").count()), (0o600, 1));
    let said = why(&cluster.kubeconfig(), &["--save", &format!("{state}/no/such/folder")]);
    assert!(said.status == 5 && said.err.contains("cannot write"), "{said:?}");
}

/// The states that rules are tested by.
fn fixtures() -> Vec<PathBuf> {
    let folder = workspace().join("crates/diagnose/fixtures");
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("they are there").flatten().map(|entry| entry.path()).collect();
    all.sort();
    all
}

#[test]
fn what_was_saved_answers_as_the_cluster_did() {
    let folder = Scratch::new("why");
    let (mut found, mut count) = (0, 0);
    for fixture in fixtures().iter().step_by(7) {
        let path = fixture.join("broken.yaml");
        let documents = documents(&path);
        let cluster = Kubernetes::without_nodes();
        if !documents.iter().all(|one| cluster.keeps(one["kind"].as_str().unwrap_or_default())) {
            continue;
        }
        documents.into_iter().for_each(|one| cluster.record(one));
        let config = cluster.kubeconfig();
        let state = folder.join("state.tar.zst").display().to_string();
        let live = why(&config, &["--save", &state, "-o", "json"]);
        drop(cluster);
        let kept = why(Path::new("/dev/null"), &["--from", &state, "-o", "json"]);
        assert_eq!((kept.json(), kept.status), (live.json(), live.status), "{}", fixture.display());
        count += 1;
        found += usize::from(live.status == 1);
    }
    assert!(count >= 15 && found * 2 > count, "{found} of {count}");
}

/// The objects of a fixture; its other parts are logs and moments.
fn documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("it is there");
    let documents =
        text.split("\n---").filter_map(|text| serde_saphyr::from_str::<Value>(text.trim_start_matches("---")).ok());
    documents.filter(|one| one["metadata"]["name"].is_string() && one["kind"].is_string()).collect()
}

#[test]
fn who_may_nothing_hears_what_would_allow_it() {
    let cluster = shop();
    let config = cluster.kubeconfig_of("ada", &[]);
    let said = why(&config, &["svc/web", "-n", "shop"]);
    assert_eq!((said.out.as_str(), said.status), ("", 4), "{said:?}");
    assert!(
        said.err.contains("forbidden to ada")
            && said.err.contains("kubectl create clusterrole why --verb=list --resource="),
        "{said:?}"
    );
}

#[test]
fn who_may_read_one_namespace_hears_of_that() {
    let cluster = shop();
    for (group, resources) in [
        ("", &["pods", "services", "events", "configmaps", "pods/log"][..]),
        ("apps", &["deployments", "replicasets"]),
        ("discovery.k8s.io", &["endpointslices"]),
    ] {
        allow(&cluster, "ada", Some("shop"), group, resources, "*");
    }
    let config = cluster.kubeconfig_of("ada", &[]);
    // Whether it names the namespace or the whole cluster, in which it finds it.
    for words in [&["ns/shop"][..], &["-n", "shop"], &["svc/web", "-n", "shop"]] {
        let said = why(&config, &[words, &["-o", "json"]].concat());
        assert_eq!(said.findings(), ["svc.selector-mismatch Service/shop/web"], "{words:?}: {said:?}");
        let unknown = said.json()["unknown"].to_string();
        assert!(unknown.contains("list Node") && unknown.contains("forbidden to ada"), "{unknown}");
    }
    allow(&cluster, "ada", None, "", &["namespaces"], "list");
    let said = why(&config, &["-o", "json"]);
    assert_eq!(said.findings(), ["svc.selector-mismatch Service/shop/web"], "{said:?}");
    let text = why(&config, &[]);
    let lines = text.out.lines().filter(|line| line.starts_with("  list ")).count();
    assert!(lines <= 3 && text.out.contains(",nodes,"), "{}", text.out);
}

#[test]
fn a_missing_right_is_no_missing_object() {
    let cluster = shop();
    let pod = json!({"kind": "Pod", "metadata": {"name": "api-0", "namespace": "shop", "uid": "a", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nodeName": "n1", "imagePullSecrets": [{"name": "pull"}], "containers": [{"name": "app", "image": "x", "envFrom": [{"secretRef": {"name": "hidden"}}]}]},
        "status": {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "app", "restartCount": 0, "state": {"waiting": {"reason": "CreateContainerConfigError", "message": "context deadline exceeded"}}}]}});
    cluster.record(pod);
    for (group, resources) in
        [("", &["pods", "nodes", "namespaces", "events", "configmaps", "services"][..]), ("apps", &["*"])]
    {
        allow(&cluster, "ada", None, group, resources, "list");
    }
    let said = why(&cluster.kubeconfig_of("ada", &[]), &["pod/api-0", "-n", "shop", "-o", "json"]);
    assert!(said.findings().iter().all(|one| !one.contains("secret-missing")), "{said:?}");
    assert!(said.json()["unknown"].to_string().contains("list Secret"), "{said:?}");
}

#[test]
fn groups_that_nobody_serves_hold_nothing_and_silent_ones_are_unknown() {
    let cluster = shop();
    for group in ["autoscaling", "policy", "resource.k8s.io", "discovery.k8s.io"] {
        cluster.hide(group);
    }
    let service = json!({"namespace": "shop", "name": "nobody", "port": 443});
    let spec = json!({"group": "cert-manager.io", "version": "v1", "service": service});
    let status = json!({"conditions": [{"type": "Available", "status": "False", "reason": "MissingEndpoints"}]});
    cluster.record(json!({"kind": "APIService", "metadata": {"name": "v1.cert-manager.io", "uid": "c"}, "spec": spec, "status": status}));
    let said = why(&cluster.kubeconfig(), &["-o", "json"]);
    let answer = said.json();
    let unknown = answer["unknown"].to_string();
    assert!(unknown.contains("list Certificate") && unknown.contains("cert-manager.io does not answer"), "{unknown}");
    assert!(!unknown.contains("HorizontalPodAutoscaler"), "{unknown}");
    assert!(
        said.findings().iter().any(|one| one.starts_with("svc.selector-mismatch")),
        "the rest is answered: {said:?}"
    );
}

#[test]
fn a_busy_server_is_asked_again() {
    let cluster = shop();
    cluster.throttle("/api/v1/pods", 2);
    let said = why(&cluster.kubeconfig(), &["-o", "json"]);
    assert_eq!(said.findings(), ["svc.selector-mismatch Service/shop/web"], "{said:?}");
    assert_eq!(said.json()["unknown"], json!([]));
}

#[test]
fn a_server_that_dies_leaves_what_was_read() {
    let cluster = shop();
    cluster.die_after(40);
    let said = why(&cluster.kubeconfig(), &["-o", "json"]);
    let unknown = said.json()["unknown"].to_string();
    assert!(unknown.contains("the API server stopped answering"), "{said:?}");
    assert!(said.json()["lookedAt"]["objects"].as_u64() > Some(0), "{said:?}");
    let gone = why(&cluster.kubeconfig(), &[]);
    assert!(gone.status == 5 && gone.err.contains("its API server does not answer"), "{gone:?}");
}

#[test]
fn an_address_where_no_api_server_is_says_so() {
    let cluster = shop();
    let config = cluster.kubeconfig();
    drop(cluster);
    let said = why(&config, &[]);
    assert!(said.out.is_empty() && said.status != 0 && said.status != 1, "{said:?}");
}
