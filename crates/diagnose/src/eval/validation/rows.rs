//! One table of fields: what each must be by itself.

use super::names::Form;
use super::{Fault, Must, Row, places, wrong};
use crate::eval::template::Template;
use crate::object::Object;
use crate::value::Value;

use Must::{Absent, Amount, Between, Flag, From, List, Named, One, Port, Share, Text, Whole};

/// Of every object.
const ANY: &[Row] = &[("/metadata/labels/*", Named(Form::Value)), ("/metadata/annotations/*", Text)];

/// Of every pod, from its template down.
const POD: &[Row] = &[
    ("/metadata/labels/*", Named(Form::Value)),
    ("/metadata/annotations/*", Text),
    ("/spec/nodeSelector/*", Named(Form::Value)),
    ("/spec/hostNetwork", Flag),
    ("/spec/hostPID", Flag),
    ("/spec/hostIPC", Flag),
    ("/spec/automountServiceAccountToken", Flag),
    ("/spec/enableServiceLinks", Flag),
    ("/spec/shareProcessNamespace", Flag),
    ("/spec/serviceAccountName", Named(Form::Subdomain)),
    ("/spec/terminationGracePeriodSeconds", Whole),
    ("/spec/activeDeadlineSeconds", From(1)),
    ("/spec/dnsPolicy", One(&["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"])),
    ("/spec/restartPolicy", One(&["Always", "OnFailure", "Never"])),
    ("/spec/securityContext/runAsNonRoot", Flag),
    ("/spec/securityContext/runAsUser", From(0)),
    ("/spec/securityContext/runAsGroup", From(0)),
    ("/spec/securityContext/fsGroup", From(0)),
    ("/spec/tolerations/*/value", Text),
    ("/spec/tolerations/*/tolerationSeconds", Whole),
    ("/spec/tolerations/*/effect", One(&["NoSchedule", "PreferNoSchedule", "NoExecute"])),
    // Lists whose names people write in the singular.
    ("/spec/imagePullSecret", Absent),
    ("/spec/container", Absent),
    ("/spec/initContainer", Absent),
    ("/spec/volume", Absent),
    ("/spec/toleration", Absent),
    ("/spec/volumes/*/name", Named(Form::Label)),
    ("/spec/volumes/*/emptyDir/sizeLimit", Amount),
    ("/spec/volumes/*/configMap/optional", Flag),
    ("/spec/volumes/*/secret/optional", Flag),
];

/// Of every container.
const CONTAINER: &[Row] = &[
    ("/name", Named(Form::Label)),
    ("/image", Text),
    ("/command", List),
    ("/command/*", Text),
    ("/args", List),
    ("/args/*", Text),
    ("/imagePullPolicy", One(&["Always", "IfNotPresent", "Never"])),
    ("/terminationMessagePolicy", One(&["File", "FallbackToLogsOnError"])),
    ("/stdin", Flag),
    ("/tty", Flag),
    ("/volumeMount", Absent),
    ("/port", Absent),
    ("/environment", Absent),
    ("/resource", Absent),
    ("/env/*/name", Named(Form::Some)),
    ("/env/*/value", Text),
    ("/ports/*/containerPort", Between(1, 65535)),
    ("/ports/*/hostPort", Between(0, 65535)),
    ("/ports/*/name", Named(Form::Port)),
    ("/ports/*/protocol", One(&["TCP", "UDP", "SCTP"])),
    ("/resources/requests/*", Amount),
    ("/resources/limits/*", Amount),
    ("/securityContext/privileged", Flag),
    ("/securityContext/runAsNonRoot", Flag),
    ("/securityContext/runAsUser", From(0)),
    ("/securityContext/runAsGroup", From(0)),
    ("/securityContext/readOnlyRootFilesystem", Flag),
    ("/securityContext/allowPrivilegeEscalation", Flag),
    ("/volumeMounts/*/mountPath", Named(Form::Some)),
    ("/volumeMounts/*/readOnly", Flag),
];

/// Of every probe.
const PROBE: &[Row] = &[
    ("/initialDelaySeconds", From(0)),
    ("/timeoutSeconds", From(0)),
    ("/periodSeconds", From(0)),
    ("/successThreshold", From(0)),
    ("/failureThreshold", From(0)),
    ("/httpGet/port", Port),
    ("/httpGet/scheme", One(&["HTTP", "HTTPS"])),
    ("/tcpSocket/port", Port),
    ("/grpc/port", Between(1, 65535)),
    ("/exec/command", List),
    ("/exec/command/*", Text),
];

/// The probes of a container.
const PROBES: [&str; 3] = ["/livenessProbe", "/readinessProbe", "/startupProbe"];

const JOB: &[Row] = &[
    ("/parallelism", From(0)),
    ("/completions", From(0)),
    ("/backoffLimit", From(0)),
    ("/activeDeadlineSeconds", From(0)),
    ("/ttlSecondsAfterFinished", From(0)),
    ("/completionMode", One(&["NonIndexed", "Indexed"])),
    ("/suspend", Flag),
];

const ROLES: &[Row] = &[("/metadata/name", Named(Form::Segment))];

/// Of objects of a kind.
const KINDS: &[(&str, &[Row])] = &[
    (
        "Deployment",
        &[
            ("/spec/replicas", From(0)),
            ("/spec/minReadySeconds", From(0)),
            ("/spec/revisionHistoryLimit", From(0)),
            ("/spec/progressDeadlineSeconds", From(0)),
            ("/spec/paused", Flag),
            ("/spec/strategy/type", One(&["Recreate", "RollingUpdate"])),
            ("/spec/strategy/rollingUpdate/maxSurge", Share),
            ("/spec/strategy/rollingUpdate/maxUnavailable", Share),
        ],
    ),
    ("ReplicaSet", &[("/spec/replicas", From(0)), ("/spec/minReadySeconds", From(0))]),
    ("ReplicationController", &[("/spec/replicas", From(0)), ("/spec/selector/*", Named(Form::Value))]),
    (
        "StatefulSet",
        &[
            ("/spec/replicas", From(0)),
            ("/spec/revisionHistoryLimit", From(0)),
            ("/spec/podManagementPolicy", One(&["OrderedReady", "Parallel"])),
            ("/spec/updateStrategy/type", One(&["RollingUpdate", "OnDelete"])),
            ("/spec/updateStrategy/rollingUpdate/partition", From(0)),
            ("/spec/volumeClaimTemplates/*/spec/resources/requests/storage", Amount),
        ],
    ),
    (
        "DaemonSet",
        &[
            ("/spec/replicas", Absent),
            ("/spec/minReadySeconds", From(0)),
            ("/spec/updateStrategy/type", One(&["RollingUpdate", "OnDelete"])),
            ("/spec/updateStrategy/rollingUpdate/maxUnavailable", Share),
        ],
    ),
    (
        "CronJob",
        &[
            ("/spec/concurrencyPolicy", One(&["Allow", "Forbid", "Replace"])),
            ("/spec/startingDeadlineSeconds", From(0)),
            ("/spec/successfulJobsHistoryLimit", From(0)),
            ("/spec/failedJobsHistoryLimit", From(0)),
            ("/spec/suspend", Flag),
            ("/spec/schedule", Text),
        ],
    ),
    (
        "Service",
        &[
            ("/metadata/name", Named(Form::Label)),
            ("/spec/type", One(&["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"])),
            ("/spec/selector/*", Named(Form::Value)),
            ("/spec/ports/*/name", Named(Form::Label)),
            ("/spec/ports/*/port", Between(1, 65535)),
            ("/spec/ports/*/targetPort", Port),
            ("/spec/ports/*/nodePort", Between(0, 65535)),
            ("/spec/ports/*/protocol", One(&["TCP", "UDP", "SCTP"])),
            ("/spec/sessionAffinity", One(&["ClientIP", "None"])),
            ("/spec/externalTrafficPolicy", One(&["Cluster", "Local"])),
            ("/spec/internalTrafficPolicy", One(&["Cluster", "Local"])),
            ("/spec/publishNotReadyAddresses", Flag),
        ],
    ),
    (
        "Ingress",
        &[
            ("/spec/ingressClassName", Named(Form::Subdomain)),
            ("/spec/rules/*/http/paths/*/pathType", One(&["Exact", "ImplementationSpecific", "Prefix"])),
            ("/spec/rules/*/http/paths/*/backend/service/port/number", Between(1, 65535)),
            ("/spec/rules/*/http/paths/*/backend/service/port/name", Named(Form::Port)),
            ("/spec/defaultBackend/service/port/number", Between(1, 65535)),
        ],
    ),
    (
        "PersistentVolumeClaim",
        &[
            ("/spec/accessModes/*", One(&["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"])),
            ("/spec/volumeMode", One(&["Block", "Filesystem"])),
            ("/spec/resources/requests/storage", Amount),
        ],
    ),
    ("HorizontalPodAutoscaler", &[("/spec/minReplicas", From(0)), ("/spec/maxReplicas", From(1))]),
    ("PodDisruptionBudget", &[("/spec/minAvailable", Share), ("/spec/maxUnavailable", Share)]),
    ("ConfigMap", &[("/data/*", Text), ("/immutable", Flag)]),
    ("Secret", &[("/immutable", Flag), ("/type", Text)]),
    ("Namespace", &[("/metadata/name", Named(Form::Label))]),
    ("ResourceQuota", &[("/spec/hard/*", Amount)]),
    (
        "LimitRange",
        &[
            ("/spec/limits/*/max/*", Amount),
            ("/spec/limits/*/min/*", Amount),
            ("/spec/limits/*/default/*", Amount),
            ("/spec/limits/*/defaultRequest/*", Amount),
        ],
    ),
    ("NetworkPolicy", &[("/spec/policyTypes/*", One(&["Ingress", "Egress"]))]),
    ("PriorityClass", &[("/value", Whole), ("/globalDefault", Flag)]),
    ("ServiceAccount", &[("/automountServiceAccountToken", Flag)]),
    ("Role", ROLES),
    ("RoleBinding", ROLES),
    ("ClusterRole", ROLES),
    ("ClusterRoleBinding", ROLES),
    ("Job", &[]),
    ("Pod", &[]),
    ("PersistentVolume", &[("/spec/capacity/storage", Amount)]),
    ("StorageClass", &[("/parameters/*", Text), ("/allowVolumeExpansion", Flag)]),
    ("IngressClass", &[]),
];

/// Kinds whose objects have keys that are names of files.
const FILES: [&str; 2] = ["ConfigMap", "Secret"];

/// What the table refuses of an object.
pub(super) fn faults(object: &Object) -> Vec<Fault> {
    let Some((_, own)) = KINDS.iter().find(|(kind, _)| *kind == object.id.kind) else { return Vec::new() };
    let mut found = Vec::new();
    // The kinds that say nothing else of their names are called like hosts.
    if !own.iter().any(|(at, _)| *at == "/metadata/name") {
        check(object, "", &[("/metadata/name", Named(Form::Subdomain))], &mut found);
    }
    check(object, "", own, &mut found);
    check(object, "", ANY, &mut found);
    match object.id.kind.as_str() {
        "Job" => check(object, "/spec", JOB, &mut found),
        "CronJob" => check(object, "/spec/jobTemplate/spec", JOB, &mut found),
        _ => {}
    }
    keys(object, "/metadata/labels/*", Form::Key, &mut found);
    keys(object, "/metadata/annotations/*", Form::Key, &mut found);
    if FILES.contains(&object.id.kind.as_str()) {
        ["/data/*", "/binaryData/*", "/stringData/*"].iter().for_each(|at| keys(object, at, Form::File, &mut found));
    }
    let Some(template) = Template::of(object) else { return found };
    check(object, template.at, POD, &mut found);
    for container in template.containers() {
        check(object, &container.at, CONTAINER, &mut found);
        PROBES.iter().for_each(|probe| check(object, &format!("{}{probe}", container.at), PROBE, &mut found));
    }
    found
}

/// Looks at the fields below a place.
fn check(object: &Object, below: &str, rows: &[Row], found: &mut Vec<Fault>) {
    let Some(value) = object.value().pointer(below) else { return };
    for (pattern, must) in rows {
        for (at, value) in places(value, pattern) {
            found.extend(wrong(value, *must).map(|fault| placed(fault, format!("{below}{at}"))));
        }
    }
}

/// Looks at the keys of a map.
fn keys(object: &Object, pattern: &str, form: Form, found: &mut Vec<Fault>) {
    for (at, _) in places(object.value(), pattern) {
        let key = at.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
        // Those of annotations are looked at in small letters.
        let key = if pattern.contains("/annotations/") { key.to_lowercase() } else { key };
        if !super::is_placeholder(&key) {
            found.extend(super::names::fault(&key, form).map(|says| Fault::new(at, says)));
        }
    }
}

/// Nobody asks for so many bytes of CPU: thousandths are meant.
fn of_cpu(right: Value) -> Value {
    right
        .as_str()
        .and_then(|text| text.strip_suffix("Mi"))
        .map(|number| Value::from(format!("{number}m")))
        .unwrap_or(right)
}

/// The same fault at its place.
fn placed(fault: Fault, at: String) -> Fault {
    let right: Option<Value> =
        fault.right.map(|(_, right)| right).map(|right| if at.ends_with("/cpu") { of_cpu(right) } else { right });
    let placed = Fault::new(at, fault.says);
    match right {
        Some(right) => placed.mended(right),
        None => placed,
    }
}
