//! Manifests before they are applied: nothing is said of good ones, and each mistake has its code. The same mistakes of
//! what runs already are no business of these rules.

use std::collections::BTreeSet;

use fathom_diagnose::diagnosis::claims;
use fathom_diagnose::object::Fields as _;
use fathom_diagnose::value::Value;
use fathom_diagnose::{Gathering, Question, Snapshot, diagnose};

const GOOD: &str = include_str!("written.yaml");

/// (code, what is written, what is written instead, a part of what is said).
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    // Selectors and names of ports.
    (
        "adm.invalid",
        "    matchLabels: {app.kubernetes.io/name: web,",
        "    matchLabels: {app.kubernetes.io/name: wep,",
        "`selector` does not match template `labels`",
    ),
    ("adm.invalid", "  selector: {matchLabels: {app: ne}}\n", "", "spec.selector: Required value"),
    (
        "svc.selector-mismatch",
        "  selector: {app.kubernetes.io/name: web, app.kubernetes.io/instance: release-1}",
        "  selector: {app.kubernetes.io/name: web, app.kubernetes.io/instance: release-2}",
        "have app.kubernetes.io/instance=release-1",
    ),
    (
        "svc.selector-mismatch",
        "publishNotReadyAddresses: true, selector: {app: db}",
        "publishNotReadyAddresses: true, selector: {name: db}",
        "have no name",
    ),
    ("svc.named-port-missing", "port: 80, targetPort: http}", "port: 80, targetPort: htttp}", "there is http"),
    (
        "crash.liveness.port",
        "path: /healthz, port: http}",
        "path: /healthz, port: web}",
        "container app: its livenessProbe asks port web",
    ),
    ("rdy.port", "path: /ready, port: 8080,", "path: /ready, port: metric,", "there is metrics"),
    ("crash.startup-probe", "tcpSocket: {port: admin}", "tcpSocket: {port: http}", "there is admin"),
    ("ing.port-missing", "name: web, port: {name: http}", "name: web, port: {name: https}", "has no port"),
    (
        "ing.backend-svc-missing",
        "service: {name: web, port: {number: 80}}",
        "service: {name: operater-made, port: {number: 5432}}",
        "operator-made is",
    ),
    // References.
    (
        "adm.invalid",
        "{name: config, mountPath: /etc/app,",
        "{name: confg, mountPath: /etc/app,",
        "volumeMounts[0].name: Not found: \"confg\"",
    ),
    (
        "cfg.key-missing",
        "configMapKeyRef: {name: web-config, key: LOG_LEVEL}",
        "configMapKeyRef: {name: web-config, key: LOGLEVEL}",
        "there is LOG_LEVEL",
    ),
    (
        "cfg.key-missing",
        "secretKeyRef: {name: web-secret, key: user}",
        "secretKeyRef: {name: web-secret, key: login}",
        "Secret web-secret has no key login",
    ),
    ("vol.key-missing", "items: [{key: app.conf,", "items: [{key: web.conf,", "no key web.conf"),
    (
        "cfg.configmap-missing",
        "configMapKeyRef: {name: web-config, key: LOG_LEVEL}",
        "configMapKeyRef: {name: web-confgi, key: LOG_LEVEL}",
        "web-config is",
    ),
    (
        "cfg.secret-missing",
        "secretKeyRef: {name: web-secret, key: user}",
        "secretKeyRef: {name: web-secrt, key: user}",
        "web-secret is",
    ),
    (
        "vol.configmap-missing",
        "configMap: {name: web-config, items",
        "configMap: {name: web-conifg, items",
        "web-config is",
    ),
    ("adm.invalid", "{name: tmp, mountPath: /tmp}", "{name: tmp, mountPath: /etc/app}", "must be unique"),
    ("adm.invalid", "        - name: proxy\n", "        - name: app\n", "Duplicate value: \"app\""),
    (
        "adm.invalid",
        "{name: metrics, containerPort: 9090, protocol: TCP}",
        "{name: http, containerPort: 9090, protocol: TCP}",
        "ports[1].name: Duplicate value",
    ),
    (
        "adm.invalid",
        "        - name: tmp\n          emptyDir: {}",
        "        - name: tmp\n          emptyDir: {}\n          secret: {secretName: x}",
        "more than 1 volume type",
    ),
    (
        "adm.invalid",
        "{name: LEVEL, valueFrom:",
        "{name: LEVEL, value: a, valueFrom:",
        "may not be specified when `value` is not empty",
    ),
    // Images.
    ("img.invalid-name", "image: ghcr.io/acme/web:1.2.3", "image: ghcr.io/Acme/web:1.2.3", "no capitals"),
    ("img.invalid-name", "image: postgres:16", "image: \"postgres:\"", "nothing follows its colon"),
    ("img.invalid-name", "image: postgres:16", "image: postgres::16", "postgres::16"),
    (
        "img.invalid-name",
        "containers: [{name: job, image: busybox}]",
        "containers: [{name: job, image: https://r.example/busybox}]",
        "scheme",
    ),
    ("adm.invalid", "image: postgres:16", "image: \"\"", "image: Required value"),
    ("adm.invalid", "image: postgres:16", "image: \"postgres:16 \"", "whitespace"),
    // Resources.
    (
        "adm.invalid",
        "cpu: 100m, memory: 128Mi",
        "cpu: 100m, memory: 512Mi",
        "must be less than or equal to memory limit of 256Mi",
    ),
    ("adm.invalid", "memory: 256Mi,", "memory: 512MB,", "\"512MB\" is no quantity"),
    ("adm.invalid", "cpu: \"1\", memory", "cpu: \"1,5\", memory", "\"1,5\" is no quantity"),
    ("adm.invalid", "cpu: 100m, memory: 128Mi", "cpu: 100m, memory: 128mi", "no quantity"),
    ("cfg.unit-typo", "cpu: 100m, memory: 128Mi", "cpu: 100m, memory: 128m", "milli"),
    (
        "adm.quota-requires-spec",
        "metadata: {name: q, namespace: other}\nspec: {hard: {requests.cpu: \"4\"",
        "metadata: {name: q, namespace: shop}\nspec: {hard: {requests.cpu: \"4\"",
        "quota q wants requests.cpu",
    ),
    (
        "adm.limitrange",
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: other}\nspec: {hard: {requests.cpu: \"4\", pods: \"10\"}}",
        "apiVersion: v1\nkind: LimitRange\nmetadata: {name: q, namespace: shop}\nspec: {limits: [{type: Container, max: {memory: 200Mi}}]}",
        "outside the bounds",
    ),
    ("adm.psa", "enforce: privileged", "enforce: baseline", "host namespaces"),
    // Versions.
    (
        "adm.api-removed",
        "apiVersion: policy/v1\n",
        "apiVersion: policy/v1beta1\n",
        "Kubernetes 1.25 removed policy/v1beta1",
    ),
    ("adm.api-removed", "apiVersion: autoscaling/v2\n", "apiVersion: autoscaling/v2beta2\n", "1.26"),
    (
        "adm.invalid",
        "apiVersion: apps/v1\nkind: DaemonSet",
        "apiVersion: v1\nkind: DaemonSet",
        "no matches for kind \"DaemonSet\" in version \"v1\"",
    ),
    // Schedules and jobs.
    ("wl.cron-schedule", "*/15 3 * * mon-fri", "*/15 3 * * 1-7", "7 is above 6"),
    ("wl.cron-schedule", "*/15 3 * * mon-fri", "0 0 3 * * ?", "6 fields"),
    ("wl.cron-schedule", "*/15 3 * * mon-fri", "TZ=UTC 0 3 * * *", "timeZone"),
    ("wl.timezone", "timeZone: Europe/Berlin", "timeZone: UTC+2", "Etc/GMT-2"),
    ("adm.invalid", "{restartPolicy: OnFailure, containers", "{containers", "restartPolicy: Required value"),
    (
        "adm.invalid",
        "template: {spec: {restartPolicy: Never",
        "template: {spec: {restartPolicy: Always",
        "supported values: \"OnFailure\", \"Never\"",
    ),
    (
        "adm.invalid",
        "      terminationGracePeriodSeconds: 10\n",
        "      restartPolicy: Never\n",
        "supported values: \"Always\"",
    ),
    // Autoscalers and budgets.
    ("adm.invalid", "maxReplicas: 10", "maxReplicas: 2", "must be greater than or equal to `minReplicas`"),
    (
        "hpa.missing-request",
        "          resources: {requests: {cpu: 10m, memory: 32Mi}}\n",
        "",
        "container proxy of Deployment/shop/web asks for none",
    ),
    ("hpa.target-missing", "kind: Deployment, name: web}", "kind: StatefulSet, name: web}", "Deployment web is"),
    (
        "pdb.blocks-eviction",
        "kind: HorizontalPodAutoscaler\nmetadata: {name: web,",
        "kind: HorizontalPodAutoscaler\nmetadata: {name: web, labels: {on: \"no\"},",
        "",
    ),
    (
        "adm.invalid",
        "spec: {minAvailable: 2, selector",
        "spec: {minAvailable: 2, maxUnavailable: 1, selector",
        "cannot be both set",
    ),
    // Security.
    ("cfg.sysctl-forbidden", "name: net.core.somaxconn, value", "name: vm.max_map_count, value", "the node's alone"),
    (
        "cfg.sysctl-forbidden",
        "      hostNetwork: true\n",
        "      hostNetwork: true\n      securityContext: {sysctls: [{name: net.core.somaxconn, value: \"1\"}]}\n",
        "with hostNetwork",
    ),
    (
        "cfg.runasnonroot-root",
        "runAsNonRoot: true, runAsUser: 1000",
        "runAsNonRoot: true, runAsUser: 0",
        "its user is 0",
    ),
    // Types, bounds and names.
    (
        "adm.invalid",
        "  replicas: 3\n",
        "  replicas: -1\n",
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
    ),
    ("adm.invalid", "  replicas: 3\n", "  replicas: \"3\"\n", "must be a whole number"),
    ("adm.invalid", "{name: PORT, value: \"8080\"}", "{name: PORT, value: 8080}", "must be a string"),
    ("adm.invalid", "prometheus.io/scrape: \"true\"", "prometheus.io/scrape: true", "must be a string"),
    (
        "adm.invalid",
        "{name: http, containerPort: 8080}",
        "{name: http, containerPort: 70000}",
        "must be between 1 and 65535",
    ),
    (
        "adm.invalid",
        "{name: metrics, containerPort: 9090, protocol: TCP}",
        "{name: metrics, containerPort: \"9090\", protocol: TCP}",
        "without quotation marks",
    ),
    ("adm.invalid", "metadata: {name: node-exporter,", "metadata: {name: Node_Exporter,", "RFC 1123 subdomain"),
    ("adm.invalid", "metadata: {name: lb,", "metadata: {name: l.b,", "RFC 1123 label"),
    ("adm.invalid", "helm.sh/chart: web-1.2.3_x", "helm.sh/chart: \"web 1.2.3\"", "a valid label must be"),
    (
        "adm.invalid",
        "helm.sh/chart: web-1.2.3_x",
        "helm.sh/chart: a123456789a123456789a123456789a123456789a123456789a123456789a123456789",
        "no more than 63",
    ),
    (
        "adm.invalid",
        "imagePullPolicy: IfNotPresent",
        "imagePullPolicy: ifNotPresent",
        "Unsupported value: \"ifNotPresent\"",
    ),
    (
        "adm.invalid",
        "{name: metrics, port: 9090, targetPort: 9090}",
        "{port: 9090, targetPort: 9090}",
        "ports[1].name: Required value",
    ),
    ("adm.invalid", "exec: {command: [pg_isready]}", "periodSeconds: 5", "must specify a handler type"),
    ("adm.invalid", "password: aHVzaA==", "password: hush!", "illegal base64 data"),
    ("adm.invalid", "  LOG_LEVEL: \"info\"", "  LOG_LEVEL: 3", "must be a string"),
    ("adm.invalid", "pathType: ImplementationSpecific, backend", "backend", "pathType must be specified"),
    (
        "adm.invalid",
        "backend: {service: {name: api, port: {number: 80}}}",
        "backend: {serviceName: api, servicePort: 80}",
        "unknown field",
    ),
    (
        "adm.invalid",
        "subjects: [{kind: ServiceAccount, name: web, namespace: shop}]",
        "subjects: [{kind: ServiceAccount, name: web}]",
        "subjects[0].namespace: Required value",
    ),
    (
        "adm.invalid",
        "accessModes: [ReadWriteMany], storageClassName",
        "accessModes: [RWX], storageClassName",
        "Unsupported value: \"RWX\"",
    ),
    (
        "adm.invalid",
        "{name: wget, image: busybox, command: [wget], args: [\"web:80\"]}",
        "",
        "spec.containers: Required value",
    ),
    ("adm.invalid", "strategy: {type: RollingUpdate,", "strategy: {type: Recreate,", "'Recreate'"),
];

fn snapshot(text: &str) -> Snapshot {
    let mut gathering = Gathering::new();
    gathering.manifest("written.yaml", text.as_bytes(), true);
    assert_eq!(gathering.faults(), [], "{text}");
    gathering.planned(None);
    gathering.finish()
}

#[test]
fn nothing_is_wrong_with_good_manifests() {
    let report = diagnose(&snapshot(GOOD), &Question::Everything);
    let said: Vec<String> =
        report.findings.iter().map(|one| format!("{} {}: {}", one.code, one.object, one.says)).collect();
    assert!(said.is_empty() && report.unexplained.is_empty() && report.unknown.is_empty(), "{said:#?}");
}

#[test]
fn each_mistake_has_its_code_and_no_other() {
    let mut wrong = Vec::new();
    for (code, from, to, part) in MISTAKES {
        assert_eq!(GOOD.matches(from).count(), 1, "{from}");
        let (mut text, mut part) = (GOOD.replace(from, to), *part);
        if *code == "pdb.blocks-eviction" {
            // What scales decides how many there are; here nobody does.
            text = text
                .replace("kind: Deployment, name: web}", "kind: Deployment, name: other}")
                .replace("minAvailable: 2", "minAvailable: 4");
            part = "has 3";
        }
        let snapshot = snapshot(&text);
        let said = claims(&snapshot);
        let codes: BTreeSet<&str> = said.iter().map(|(code, ..)| *code).collect();
        if codes != BTreeSet::from([*code]) {
            wrong.push(format!("{to}: {codes:?} instead of {code}"));
        }
        for proof in said.iter().flat_map(|(.., proofs)| proofs) {
            assert!(snapshot.holds(proof) && !proof.at.starts_with("Pod/shop/web#"), "{to}: {proof:?}");
        }
        let report = diagnose(&snapshot, &Question::Everything);
        let told = report.findings.iter().filter(|one| one.code == *code).any(|one| one.says.contains(part));
        if !told {
            wrong.push(format!("{to}: {:?}", report.findings.iter().map(|one| &one.says).collect::<Vec<_>>()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn of_what_is_there_already_nothing_of_this_is_said() {
    // Two of these are proven by what is there as well.
    let of_both = ["ing.port-missing", "ing.backend-svc-missing", "svc.named-port-missing", "svc.selector-mismatch"];
    for (code, from, to, _) in MISTAKES.iter().filter(|(code, ..)| !of_both.contains(code)) {
        let mut gathering = Gathering::new();
        for text in GOOD.replace(from, to).split("\n---\n") {
            let mut object: Value = serde_saphyr::from_str(text).expect("YAML");
            object["metadata"]["creationTimestamp"] = "2026-03-01T11:00:00Z".into();
            object["status"] = fathom_diagnose::json!({"observedGeneration": 1});
            gathering.value(object);
        }
        let snapshot = gathering.finish();
        assert!(snapshot.objects().all(|object| object.created().is_some() && !object.text("/kind").is_empty()));
        let said = claims(&snapshot);
        assert!(!said.iter().any(|(said, ..)| said == code), "{code}: {to}");
    }
}

#[test]
fn several_mistakes_of_one_object_are_all_said() {
    let text = GOOD
        .replace("  replicas: 3\n", "  replicas: -1\n")
        .replace("image: ghcr.io/acme/web:1.2.3", "image: ghcr.io/Acme/web:1.2.3");
    let text = text
        .replace("{name: tmp, mountPath: /tmp}", "{name: temp, mountPath: /tmp}")
        .replace("path: /ready, port: 8080,", "path: /ready, port: metric,");
    let report = diagnose(&snapshot(&text), &Question::Everything);
    let codes: BTreeSet<&str> = report.findings.iter().map(|one| one.code).collect();
    assert_eq!(codes, BTreeSet::from(["adm.invalid", "img.invalid-name", "rdy.port"]));
    let invalid = report.findings.iter().find(|one| one.code == "adm.invalid").expect("it is invalid");
    assert!(
        invalid.says.contains("spec.replicas") && invalid.says.contains("volumeMounts[1].name"),
        "{}",
        invalid.says
    );
}
