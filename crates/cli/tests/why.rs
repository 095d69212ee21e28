//! `fathom why` on files: what is printed, where, and with which status. What it says of a cluster is tested in
//! `fathom-diagnose`; its fixtures are used here.

use std::path::PathBuf;
use std::process::Command;

use fathom_testkit::Scratch;
use fathom_testkit::need::workspace;
use serde_json::Value;

fn fixture(code: &str, which: &str) -> PathBuf {
    workspace().join("crates/diagnose/fixtures").join(code).join(format!("{which}.yaml"))
}

/// Stdout, stderr and status.
fn why(arguments: &[&str]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_fathom")).arg("why").args(arguments).output().expect("fathom runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap_or(-1))
}

#[test]
fn a_cause_is_named_and_the_status_says_so() {
    let path = fixture("svc.selector-mismatch", "broken").display().to_string();
    let (said, complained, status) = why(&["--from", &path]);
    assert_eq!((complained.as_str(), status), ("", 1));
    assert!(said.starts_with("ROOT  svc.selector-mismatch  service/web in shop  proven\n"), "{said}");
    assert!(said.contains("(with this the finding is gone)"), "{said}");
}

#[test]
fn what_is_well_is_passed_over() {
    let path = fixture("svc.over-broad-selector", "quiet").display().to_string();
    let (said, complained, status) = why(&["--from", &path]);
    assert_eq!((complained.as_str(), status), ("", 0));
    assert!(said.starts_with("nothing is wrong with what was looked at: "), "{said}");
}

#[test]
fn the_answer_is_one_object_with_a_version() {
    let path = fixture("img.not-found", "broken").display().to_string();
    let (said, _, status) = why(&["--from", &path, "-o", "json"]);
    let answer: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((status, answer["apiVersion"].as_str()), (1, Some("fathom.dev/why/v1")));
    let finding = &answer["findings"][0];
    assert_eq!(
        (finding["code"].as_str(), finding["object"].as_str()),
        (Some("img.not-found"), Some("ReplicaSet/shop/web"))
    );
    for field in ["confidence", "since", "proofs", "explains", "refutedBy", "fix"] {
        assert!(!finding[field].is_null(), "{field}: {finding}");
    }
    let (written, ..) = why(&["--from", &path, "-o", "yaml"]);
    assert_eq!(serde_saphyr::from_str::<Value>(&written).expect("YAML"), answer, "{written}");
    let (written, ..) = why(&["--from", &path, "-o", "sarif"]);
    let results: Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(results["runs"][0]["results"][0]["ruleId"], "img.not-found", "{written}");
    let (written, ..) = why(&["--from", &path, "-o", "markdown"]);
    assert!(written.starts_with("## `img.not-found` replicaset/web in shop (proven)\n"), "{written}");
}

#[test]
fn what_is_tried_needs_somebody_here_and_a_port() {
    for words in [&["host", "--node-facts"][..], &["web", "--probe", "--probe-from", "pod/web"]] {
        let (said, complained, status) = why(words);
        assert_eq!((said.as_str(), status), ("", 2), "{words:?}");
        assert!(complained.contains("is for a cluster"), "{complained}");
    }
    let (said, complained, status) = why(&["host", "--probe=web"]);
    assert_eq!((said.as_str(), status), ("", 2));
    assert!(complained.contains("`web` is no host with a port"), "{complained}");
}

#[test]
fn a_target_narrows_the_question() {
    let path = fixture("svc.selector-mismatch", "broken").display().to_string();
    assert_eq!(why(&["svc/web", "--from", &path]).2, 1);
    assert_eq!(why(&["node/n1", "--from", &path]).2, 0);
    let (said, complained, status) = why(&["svc/wep", "--from", &path]);
    assert_eq!((said.as_str(), status), ("", 3));
    assert!(complained.contains("hint: there is `web`"), "{complained}");
    assert_eq!(why(&["nonsense/web", "--from", &path]).2, 2);
}

#[test]
fn manifests_prove_what_their_own_words_can() {
    let folder = Scratch::new("manifests");
    let manifests = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: app, image: registry.example/web:1, ports: [{name: http, containerPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, clusterIP: 10.96.0.1, ports: [{port: 80, targetPort: http-api}]}
";
    std::fs::write(folder.join("web.yaml"), manifests).expect("a scratch folder can be written to");
    let path = folder.path().display().to_string();
    let (said, _, status) = why(&["-f", &path]);
    assert_eq!(status, 1);
    assert!(said.contains("svc.named-port-missing") && said.contains("there is http"), "{said}");
    std::fs::write(folder.join("web.yaml"), manifests.replace("http-api", "http")).expect("a scratch folder");
    assert_eq!(why(&["-f", &path]).2, 0);
}

#[test]
fn a_manifest_that_cannot_be_read_is_named_and_the_others_are_judged() {
    let folder = Scratch::new("unreadable");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a scratch folder");
    let path = |name: &str| folder.join(name).display().to_string();
    write("good.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    write("tab.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n\tname: a\n");
    write("chart.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\n");
    for (name, words) in [
        ("tab.yaml", "caused by: line 4: a tab indents it"),
        ("chart.yaml", "hint: let Helm fill it in first: `helm template CHART | fathom why -f -`"),
    ] {
        let (said, complained, status) = why(&["-f", &path(name)]);
        assert_eq!((said.as_str(), status), ("", 2), "{name}");
        assert!(
            complained.contains(&format!("cannot read `{}`", path(name))) && complained.contains(words),
            "{complained}"
        );
    }
    write("bad.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: B}\n");
    let (said, complained, status) = why(&["-f", &folder.path().display().to_string()]);
    assert_eq!(status, 2);
    assert!(said.contains("ROOT  adm.invalid  configmap/B") && said.contains("tab.yaml, line 4"), "{said}");
    assert!(complained.contains("cannot read 2 manifests"), "{complained}");
    assert_eq!(why(&["-f", "/nowhere/at/all"]).2, 3);
}

#[test]
fn of_a_folder_only_manifests_are_judged() {
    let folder = Scratch::new("kustomized");
    std::fs::create_dir(folder.join("base")).expect("a scratch folder can be written to");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a scratch folder");
    write("base/kustomization.yaml", "resources: [web.yaml]\npatches: [{path: ../patch.yaml}]\n");
    // Labels and namespaces that a kustomization gives.
    let bare = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: a, image: a}]}}}\n---\n\
                apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: web}\nroleRef: {kind: Role, name: a}\nsubjects: [{kind: ServiceAccount, name: web}]\n";
    write("base/bare.yaml", bare);
    write("base/web.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    write("patch.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n");
    write("values.yaml", "replicas: 3\n");
    write("README.md", "kind: Pod\n");
    let (said, complained, status) = why(&["-f", &folder.path().display().to_string()]);
    assert_eq!((status, complained.as_str()), (0, "fathom: 3 files are no manifests, and are left out\n"));
    assert!(said.contains("4 objects"), "{said}");
    write("again.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    let (_, complained, _) = why(&["-f", &folder.path().display().to_string()]);
    assert!(complained.contains("ConfigMap//a is given more than once"), "{complained}");
}

#[test]
fn what_is_damaged_gives_what_it_can() {
    let folder = Scratch::new("damaged");
    let pod = r#"{"kind":"Pod","metadata":{"name":"a","namespace":"n"},"status":{"phase":"Failed","reason":"OutOfcpu","message":"x"}}"#;
    let text = format!("{{\"kind\":\"List\",\"items\":[\n{pod},\n{{\"kind\":\"Pod\",\"meta");
    std::fs::write(folder.join("cut.json"), text).expect("a scratch folder can be written to");
    let (said, _, status) = why(&["--from", &folder.join("cut.json").display().to_string()]);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("sched.kubelet-rejected") && said.contains("COULD NOT LOOK"), "{said}");
    std::fs::write(folder.join("none.json"), "\u{1}not at all").expect("a scratch folder can be written to");
    let (said, complained, status) = why(&["--from", &folder.join("none.json").display().to_string()]);
    assert_eq!((said.as_str(), status), ("", 3));
    assert!(complained.contains("no object is in"), "{complained}");
    assert_eq!(why(&["--from", "/nowhere/at/all"]).2, 3);
}

#[test]
fn a_cause_is_explained() {
    let (said, _, status) = why(&["--explain", "crash.oom-limit"]);
    assert_eq!(status, 0);
    assert!(said.starts_with("crash.oom-limit\n  means "), "{said}");
    assert_eq!(why(&["--explain", "net.mtu"]).2, 0);
    let (_, complained, status) = why(&["--explain", "crash.oom-limt"]);
    assert_eq!(status, 3);
    assert!(complained.contains("hint: there is `crash.oom-limit`"), "{complained}");
}

#[test]
fn whatever_is_sent_is_read() {
    let printed = workspace().join("crates/diagnose/tests/printed");
    let text = printed.join("cfg.configmap-missing.md").display().to_string();
    let (said, complained, status) = why(&["--from", &text]);
    assert_eq!((complained.as_str(), status), ("", 1));
    assert!(said.starts_with("ROOT  cfg.configmap-missing  "), "{said}");

    // The same through a pipe.
    let mut child = Command::new(env!("CARGO_BIN_EXE_fathom"))
        .args(["why", "--from", "-"])
        .stdin(std::fs::File::open(&text).expect("the text"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("fathom runs");
    let mut piped = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().expect("a pipe"), &mut piped).expect("text");
    assert_eq!((child.wait().expect("it ends").code(), piped), (Some(1), said));

    // A bundle, as a folder and packed.
    let folder = Scratch::new("bundle");
    let place = folder.join("support-bundle-1/cluster-resources/pods");
    std::fs::create_dir_all(&place).expect("the folder is ours");
    let pod = "{\"kind\": \"PodList\", \"items\": [{\"metadata\": {\"name\": \"web-0\", \"namespace\": \"shop\"}, \
               \"spec\": {\"nodeName\": \"n1\", \"containers\": [{\"name\": \"app\", \"image\": \"x:1\", \"resources\": {\"limits\": {\"memory\": \"1Mi\"}}}]}, \
               \"status\": {\"phase\": \"Running\", \"containerStatuses\": [{\"name\": \"app\", \"restartCount\": 5, \
               \"state\": {\"waiting\": {\"reason\": \"CrashLoopBackOff\"}}, \
               \"lastState\": {\"terminated\": {\"reason\": \"OOMKilled\", \"exitCode\": 137}}}]}}]}";
    std::fs::write(place.join("shop.json"), pod).expect("the folder is ours");
    let (said, ..) = why(&["--from", &folder.join("support-bundle-1").display().to_string()]);
    assert!(said.starts_with("ROOT  crash.oom-limit  pod/web-0 in shop"), "{said}");
    let packed = folder.join("bundle.tar.gz");
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(&packed).arg("-C").arg(folder.join("")).arg("support-bundle-1");
    assert!(tar.status().expect("tar runs").success());
    assert_eq!(why(&["--from", &packed.display().to_string()]).0, said);
}
