//! Every change that a copy needs, one case each.

use serde_json::{Value, json};

use super::*;

fn options() -> Options {
    Options {
        stem: "web-0-fork-".to_owned(),
        container: "web".to_owned(),
        image: "fathom-agent:1".to_owned(),
        pull_secrets: Vec::new(),
        keep_labels: Vec::new(),
        init: Init::Kept,
        deadline: 600,
        node: None,
        argv: vec!["/app".to_owned(), "$(PORT)".to_owned()],
    }
}

fn original() -> Value {
    let probe = json!({"httpGet": {"port": 80}});
    let token = json!({"name": "kube-api-access-x7", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
    json!({
        "metadata": {
            "name": "web-0",
            "generateName": "web-",
            "namespace": "shop",
            "uid": "8f",
            "resourceVersion": "77",
            "creationTimestamp": "2024-01-01T00:00:00Z",
            "finalizers": ["example.com/wait"],
            "labels": {"app": "web", "tier": "front"},
            "annotations": {"net": "fast", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "1"}],
        },
        "spec": {
            "nodeName": "node1",
            "restartPolicy": "Always",
            "schedulingGates": [{"name": "gate"}],
            "readinessGates": [{"conditionType": "example.com/up"}],
            "shareProcessNamespace": true,
            "serviceAccountName": "web",
            "ephemeralContainers": [{"name": "debugger", "image": "busybox"}],
            "volumes": [{"name": "data", "emptyDir": {}}, {"name": "kube-api-access-x7", "projected": {"sources": []}}],
            "initContainers": [{"name": "first", "image": "first:1", "volumeMounts": [token]}],
            "containers": [
                {
                    "name": "web",
                    "image": "web:1",
                    "command": ["/app"],
                    "args": ["$(PORT)"],
                    "workingDir": "/srv",
                    "env": [{"name": "PORT", "value": "80"}],
                    "tty": true,
                    "stdin": true,
                    "livenessProbe": probe,
                    "readinessProbe": probe,
                    "startupProbe": probe,
                    "lifecycle": {"preStop": {"exec": {"command": ["bye"]}}},
                    "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}],
                    "ports": [{"containerPort": 80, "hostPort": 8080, "hostIP": "10.0.0.1"}],
                    "resources": {"limits": {"memory": "64Mi"}},
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}, token],
                },
                {"name": "side", "image": "side:1", "livenessProbe": probe, "lifecycle": {}},
            ],
        },
        "status": {"phase": "Running"},
    })
}

fn copied(pod: Value, options: &Options) -> Value {
    let pod: Pod = serde_json::from_value(pod).expect("it is a pod");
    serde_json::to_value(copy(&pod, options).expect("it can be copied")).expect("a pod is plain data")
}

/// What stands at `path` in the copy.
#[track_caller]
fn check(options: &Options, path: &str, expect: Value) {
    let copy = copied(original(), options);
    assert_eq!(copy.pointer(path).unwrap_or(&Value::Null), &expect, "{path}");
}

#[test]
fn a_copy_is_nobody_s_and_serves_nobody() {
    let options = options();
    for gone in ["name", "uid", "resourceVersion", "creationTimestamp", "finalizers", "ownerReferences"] {
        check(&options, &format!("/metadata/{gone}"), Value::Null);
    }
    check(&options, "/status", Value::Null);
    check(&options, "/metadata/generateName", json!("web-0-fork-"));
    check(&options, "/metadata/namespace", json!("shop"));
    let ours = json!({"app.kubernetes.io/managed-by": "fathom", "fathom.dev/fork-of": "web-0"});
    check(&options, "/metadata/labels", ours);
    check(&options, "/metadata/annotations", json!({"net": "fast", "fathom.dev/fork-of": "shop/web-0"}));
    let keeping = Options { keep_labels: vec!["tier".to_owned()], ..options };
    check(&keeping, "/metadata/labels/tier", json!("front"));
    check(&keeping, "/metadata/labels/app", Value::Null);
}

#[test]
fn nothing_kills_it_or_acts_for_the_original() {
    let options = options();
    for container in ["0", "1"] {
        for gone in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resizePolicy"] {
            check(&options, &format!("/spec/containers/{container}/{gone}"), Value::Null);
        }
    }
    check(&options, "/spec/restartPolicy", json!("Never"));
    check(&options, "/spec/activeDeadlineSeconds", json!(600));
    for gone in ["ephemeralContainers", "schedulingGates", "readinessGates", "shareProcessNamespace", "nodeName"] {
        check(&options, &format!("/spec/{gone}"), Value::Null);
    }
    check(&options, "/spec/serviceAccountName", json!("web"));
}

#[test]
fn two_fit_on_one_node() {
    check(&options(), "/spec/containers/0/ports", json!([{"containerPort": 80}]));
    let mut pod = original();
    pod["spec"]["hostNetwork"] = json!(true);
    assert_eq!(copied(pod, &options()).pointer("/spec/containers/0/ports"), None);
}

#[test]
fn the_token_is_injected_anew() {
    let options = options();
    check(
        &options,
        "/spec/volumes",
        json!([{"name": "data", "emptyDir": {}}, {"name": "fathom-hold", "emptyDir": {}}]),
    );
    check(&options, "/spec/initContainers/1/volumeMounts", json!([]));
    let mounts = json!([
        {"name": "data", "mountPath": "/data"},
        {"name": "fathom-hold", "mountPath": "/.fathom-hold", "readOnly": true},
    ]);
    check(&options, "/spec/containers/0/volumeMounts", mounts);
}

#[test]
fn the_container_waits_by_our_own_program_with_all_else_as_it_was() {
    let options = options();
    check(&options, "/spec/containers/0/command", json!(["/.fathom-hold/fathom", "hold", "--"]));
    check(&options, "/spec/containers/0/args", json!(["/app", "$(PORT)"]));
    for (kept, value) in [
        ("image", json!("web:1")),
        ("workingDir", json!("/srv")),
        ("env", json!([{"name": "PORT", "value": "80"}])),
        ("tty", Value::Null),
        ("stdin", Value::Null),
    ] {
        check(&options, &format!("/spec/containers/0/{kept}"), value);
    }
    check(&options, "/spec/containers/1/command", Value::Null);
    check(&options, "/spec/initContainers/0/image", json!("fathom-agent:1"));
    check(&options, "/spec/initContainers/0/resources", json!({"limits": {"memory": "64Mi"}}));
    check(&options, "/spec/imagePullSecrets", json!([]));
    let secret = Options { pull_secrets: vec!["pull".to_owned()], ..options };
    check(&secret, "/spec/imagePullSecrets", json!([{"name": "pull"}]));
}

#[test]
fn init_containers_run_or_do_not() {
    check(&options(), "/spec/initContainers/1/name", json!("first"));
    let skipped = Options { init: Init::Skipped, ..options() };
    check(&skipped, "/spec/initContainers/0/name", json!("fathom-hold"));
    check(&skipped, "/spec/initContainers/1", Value::Null);
}

#[test]
fn a_node_is_needed_only_for_the_sake_of_a_volume() {
    check(&options(), "/spec/affinity", Value::Null);
    let bound = Options { node: Some("node1".to_owned()), ..options() };
    let place = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let field = json!([{"key": "metadata.name", "operator": "In", "values": ["node1"]}]);
    check(&bound, place, json!([{"matchFields": field}]));
    let mut pod = original();
    let terms = json!([{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]);
    pod["spec"]["affinity"] = json!({"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms},
    }});
    let both = json!([{"matchExpressions": [{"key": "disk", "operator": "Exists"}], "matchFields": field}]);
    assert_eq!(copied(pod, &bound).pointer(place), Some(&both));
}

#[test]
fn a_container_that_is_none_of_it_is_told() {
    let pod: Pod = serde_json::from_value(original()).expect("it is a pod");
    let failure = copy(&pod, &Options { container: "first".to_owned(), ..options() }).expect_err("it is an init one");
    assert!(failure.hint.is_some_and(|hint| hint.contains("web, side")));
}

#[test]
fn what_it_would_have_executed() {
    let check = |container: Value, known: Value, expect: Option<&[&str]>| {
        let mut whole = json!({"name": "web"});
        whole.as_object_mut().expect("it is one").extend(container.as_object().expect("it is one").clone());
        let container: Container = serde_json::from_value(whole).expect("it is a container");
        let known: Command = serde_json::from_value(known).expect("it is a command");
        let expect = expect.map(|words| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(argv(&container, &known), expect);
    };
    let image = json!({"entrypoint": ["/entry"], "cmd": ["a", "$b"]});
    let ran = json!({"argv": ["/entry", "x$y"], "entrypoint": ["/entry"], "cmd": ["a"]});
    // The pod's own words win, and the kubelet expands them; CMD is not for a command that replaces ENTRYPOINT.
    check(json!({"command": ["/app"]}), image.clone(), Some(&["/app"]));
    check(json!({"command": ["/app"], "args": ["$(PORT)"]}), ran.clone(), Some(&["/app", "$(PORT)"]));
    // What ran is expanded already; it must not be again.
    check(json!({}), ran.clone(), Some(&["/entry", "x$$y"]));
    check(json!({"args": ["$(PORT)"]}), ran, Some(&["/entry", "x$$y"]));
    // What never ran has its image.
    check(json!({}), image.clone(), Some(&["/entry", "a", "$$b"]));
    check(json!({"args": ["$(PORT)"]}), image, Some(&["/entry", "$(PORT)"]));
    check(json!({}), json!({}), None);
    check(json!({"args": ["x"]}), json!({}), None);
    check(json!({}), json!({"entrypoint": [], "cmd": []}), None);
}

#[test]
fn a_name_says_whose_copy_it_is_and_is_not_too_long() {
    assert_eq!(stem("web-0"), "web-0-fork-");
    let long = "w".repeat(49) + "-" + &"x".repeat(200);
    assert_eq!(stem(&long), format!("{}-fork-", "w".repeat(49)));
}
