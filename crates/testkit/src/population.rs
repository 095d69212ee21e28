//! A large cluster, as a file or object by object: so many pods, and around them ten times as many objects as people have. All is well but
//! for some workloads, whose causes are counted.

use std::io::{self, Write};

use serde_json::{Value, json};

/// How many workloads of each fault there are.
pub const FAULTS: usize = 3;

/// The causes that are in it, by their codes.
pub const CAUSES: [&str; 4] = ["img.not-found", "cfg.configmap-missing", "svc.selector-mismatch", "crash.oom-limit"];

/// When it is.
pub const NOW: &str = "2026-03-01T12:00:00Z";

/// A namespace has as many workloads at most.
const CROWD: usize = 40;

/// Pods of a workload.
const REPLICAS: usize = 4;

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// An object a line.
    Lines,
    /// As `kubectl get -o json` writes it.
    Indented,
}

/// Writes a List with so many pods in it, and gives the number of its objects.
pub fn write(pods: usize, writing: Writing, to: &mut dyn Write) -> io::Result<usize> {
    let mut count = 0;
    to.write_all(b"{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n")?;
    let mut put = |object: &Value| -> io::Result<()> {
        if count > 0 {
            to.write_all(b",\n")?;
        }
        count += 1;
        match writing {
            Writing::Lines => Ok(serde_json::to_writer(&mut *to, object)?),
            Writing::Indented => {
                let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
                let mut writer = serde_json::Serializer::with_formatter(&mut *to, format);
                Ok(serde::Serialize::serialize(object, &mut writer)?)
            }
        }
    };
    for object in objects(pods) {
        put(&object)?;
    }
    to.write_all(b"\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\"resourceVersion\": \"\"}\n}\n")?;
    Ok(count)
}

/// The objects of a cluster with so many pods.
pub fn objects(pods: usize) -> impl Iterator<Item = Value> {
    let workloads = (0..pods / REPLICAS).flat_map(move |at| workload(at, nodes(pods)));
    background(pods).into_iter().chain(workloads)
}

fn nodes(pods: usize) -> usize {
    (pods / 50).max(2)
}

/// `2026-03-01T10:MM:SSZ`, or of another hour.
fn moment(hour: usize, seed: usize) -> String {
    format!("2026-03-01T{hour:02}:{:02}:{:02}Z", seed / 60 % 60, seed % 60)
}

fn meta(kind: &str, namespace: &str, name: &str, at: usize) -> Value {
    let mut meta = json!({"name": name, "uid": format!("{kind}-{namespace}-{name}-7d1c-4b7e"), "creationTimestamp": moment(8, at), "resourceVersion": (1000 + at).to_string()});
    if !namespace.is_empty() {
        meta["namespace"] = namespace.into();
    }
    meta
}

/// Nodes with their heartbeats, and namespaces.
fn background(pods: usize) -> Vec<Value> {
    let mut all = Vec::new();
    for at in 0..nodes(pods) {
        let name = format!("node-{at}");
        let condition = |kind: &str, status: &str, reason: &str| {
            json!({"type": kind, "status": status, "reason": reason, "message": format!("kubelet says {reason}"),
                "lastHeartbeatTime": moment(11, 3500), "lastTransitionTime": moment(8, at)})
        };
        let mut own = meta("Node", "", &name, at);
        own["labels"] = json!({"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": format!("z{}", at % 3)});
        let amounts = json!({"cpu": "64", "memory": "263841948Ki", "pods": "250", "ephemeral-storage": "94850516Ki"});
        all.push(json!({"apiVersion": "v1", "kind": "Node", "metadata": own, "spec": {"podCIDR": format!("10.{}.{}.0/24", at / 256, at % 256)},
            "status": {"allocatable": amounts, "capacity": amounts, "nodeInfo": {"kubeletVersion": "v1.34.1", "containerRuntimeVersion": "containerd://2.1.4", "architecture": "amd64"},
                "addresses": [{"type": "InternalIP", "address": format!("192.168.{}.{}", at / 256, at % 256)}],
                "conditions": [condition("MemoryPressure", "False", "KubeletHasSufficientMemory"), condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                    condition("PIDPressure", "False", "KubeletHasSufficientPID"), condition("Ready", "True", "KubeletReady")]}}));
        all.push(json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta("Lease", "kube-node-lease", &name, at),
            "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": "2026-03-01T11:59:56.000000Z"}}));
    }
    for at in 0..=pods / REPLICAS / CROWD {
        let name = format!("team-{at}");
        all.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": meta("Namespace", "", &name, at), "status": {"phase": "Active"}}));
        all.push(
            json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta("ResourceQuota", &name, "all", at),
            "spec": {"hard": {"pods": "1000"}}, "status": {"hard": {"pods": "1000"}, "used": {"pods": "160"}}}),
        );
    }
    all
}

/// What is wrong with a workload, if anything is.
fn fault(at: usize) -> Option<&'static str> {
    let (kind, rest) = (at % 7, at / 7);
    CAUSES.get(kind).filter(|_| rest < FAULTS).copied()
}

/// A deployment with its pods and all that people put beside one.
fn workload(at: usize, nodes: usize) -> Vec<Value> {
    let (namespace, name) = (format!("team-{}", at / CROWD), format!("app-{at}"));
    let fault = fault(at);
    let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": namespace, "tier": "backend"});
    let template = template(&name, &labels, fault);
    let of = |kind: &str, name: &str| meta(kind, &namespace, name, at);
    let owned = |kind: &str, name: &str, by: &str, owner: &str| {
        let mut meta = of(kind, name);
        meta["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": by, "name": owner, "uid": of(by, owner)["uid"], "controller": true, "blockOwnerDeletion": true}]);
        meta["labels"] = labels.clone();
        meta
    };
    let down = matches!(fault, Some("img.not-found" | "cfg.configmap-missing" | "crash.oom-limit"));
    let (ready, unready) = if down { (0, REPLICAS) } else { (REPLICAS, 0) };
    let available = json!([{"type": "Available", "status": if down { "False" } else { "True" }, "reason": "MinimumReplicasAvailable", "message": "Deployment has minimum availability.", "lastTransitionTime": moment(9, at), "lastUpdateTime": moment(9, at)}]);
    let selector = json!({"matchLabels": {"app.kubernetes.io/name": name}});
    let mut all = vec![json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": of("Deployment", &name),
        "spec": {"replicas": REPLICAS, "selector": selector, "template": template, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}, "progressDeadlineSeconds": 600},
        "status": {"replicas": REPLICAS, "readyReplicas": ready, "availableReplicas": ready, "unavailableReplicas": unready, "updatedReplicas": REPLICAS, "observedGeneration": 3, "conditions": available}})];
    for revision in 0..4 {
        let own = format!("{name}-{revision}c9f");
        let replicas = if revision == 3 { REPLICAS } else { 0 };
        all.push(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": owned("ReplicaSet", &own, "Deployment", &name),
            "spec": {"replicas": replicas, "selector": selector, "template": template},
            "status": {"replicas": replicas, "readyReplicas": if replicas > 0 { ready } else { 0 }, "observedGeneration": 1}}));
    }
    let mut endpoints = Vec::new();
    for replica in 0..REPLICAS {
        let own = format!("{name}-3c9f-{replica}");
        let node = format!("node-{}", (at * REPLICAS + replica) % nodes);
        let address = format!("10.{}.{}.{}", at / 250 % 250, at % 250, replica + 1);
        let mut pod = pod(owned("Pod", &own, "ReplicaSet", &format!("{name}-3c9f")), &template, fault, at);
        pod["spec"]["nodeName"] = node.as_str().into();
        pod["status"]["podIP"] = address.as_str().into();
        endpoints.push(json!({"addresses": [address], "conditions": {"ready": !down, "serving": !down, "terminating": false}, "nodeName": node,
            "targetRef": {"kind": "Pod", "namespace": namespace, "name": own, "uid": pod["metadata"]["uid"]}}));
        events(&mut all, &pod, fault, at);
        all.push(pod);
    }
    beside(&mut all, (&namespace, &name, at), &labels, fault, endpoints);
    all
}

fn template(name: &str, labels: &Value, fault: Option<&str>) -> Value {
    let settings = if fault == Some("cfg.configmap-missing") { format!("{name}-absent") } else { name.to_owned() };
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1});
    json!({"metadata": {"labels": labels, "annotations": {"prometheus.io/scrape": "true"}},
        "spec": {"serviceAccountName": name, "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30, "securityContext": {},
            "containers": [{"name": "app", "image": format!("registry.example/{name}:1.7.3"), "imagePullPolicy": "IfNotPresent", "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
                "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
                "envFrom": [{"configMapRef": {"name": settings}}, {"secretRef": {"name": name}}],
                "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
                "livenessProbe": probe("/healthz"), "readinessProbe": probe("/ready"), "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}],
            "volumes": [{"name": "tmp", "emptyDir": {}}]}})
}

/// A pod as it is when it goes, and when it has this fault.
fn pod(meta: Value, template: &Value, fault: Option<&str>, at: usize) -> Value {
    let mut spec = template["spec"].clone();
    let token = "kube-api-access-x7k2p";
    spec["tolerations"] = json!([{"effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300},
        {"effect": "NoExecute", "key": "node.kubernetes.io/unreachable", "operator": "Exists", "tolerationSeconds": 300}]);
    if let Some(volumes) = spec["volumes"].as_array_mut() {
        volumes.push(json!({"name": token, "projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}}]}}));
    }
    if let Some(mounts) = spec["containers"][0]["volumeMounts"].as_array_mut() {
        mounts.push(
            json!({"name": token, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}),
        );
    }
    let image = spec["containers"][0]["image"].as_str().unwrap_or_default().to_owned();
    let settings = spec["containers"][0]["envFrom"][0]["configMapRef"]["name"].as_str().unwrap_or_default().to_owned();
    let (state, last) = match fault {
        Some("img.not-found") => {
            let says = format!(
                "Back-off pulling image \"{image}\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {image}: not found"
            );
            (json!({"waiting": {"reason": "ImagePullBackOff", "message": says}}), json!({}))
        }
        Some("cfg.configmap-missing") => (
            json!({"waiting": {"reason": "CreateContainerConfigError", "message": format!("configmap \"{settings}\" not found")}}),
            json!({}),
        ),
        Some("crash.oom-limit") => (
            json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=app"}}),
            json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": moment(11, 3000), "finishedAt": moment(11, 3100)}}),
        ),
        _ => (json!({"running": {"startedAt": moment(9, at)}}), json!({})),
    };
    let ready = state.get("running").is_some();
    let phase = if ready || fault == Some("crash.oom-limit") { "Running" } else { "Pending" };
    let condition = |kind: &str, is: bool| json!({"type": kind, "status": if is { "True" } else { "False" }, "lastProbeTime": null, "lastTransitionTime": moment(9, at)});
    let restarts = if fault == Some("crash.oom-limit") { 12 } else { 0 };
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec,
        "status": {"phase": phase, "qosClass": "Burstable", "startTime": moment(9, at),
            "conditions": [condition("PodReadyToStartContainers", true), condition("Initialized", true), condition("Ready", ready), condition("ContainersReady", ready), condition("PodScheduled", true)],
            "containerStatuses": [{"name": "app", "image": image, "imageID": format!("{image}@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
                "containerID": format!("containerd://{at:064x}"), "ready": ready, "started": ready, "restartCount": restarts, "state": state, "lastState": last}]}})
}

/// What is told of a pod's start, or of its fault.
fn events(all: &mut Vec<Value>, pod: &Value, fault: Option<&str>, at: usize) {
    let (name, namespace) = (
        pod["metadata"]["name"].as_str().unwrap_or_default(),
        pod["metadata"]["namespace"].as_str().unwrap_or_default(),
    );
    let told = [
        ("Normal", "Scheduled", format!("Successfully assigned {namespace}/{name} to a node")),
        ("Normal", "Pulled", "Container image already present on machine".to_owned()),
        ("Normal", "Created", "Created container: app".to_owned()),
        ("Normal", "Started", "Started container app".to_owned()),
        ("Warning", "Unhealthy", "Readiness probe failed: Get \"http://10.0.0.1:8080/ready\": dial tcp 10.0.0.1:8080: connect: connection refused".to_owned()),
    ];
    let bad = fault.map(|_| {
        (
            "Warning",
            "Failed",
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    });
    for (index, (kind, reason, message)) in told.into_iter().chain(bad).enumerate() {
        let hour = if reason == "Failed" { 11 } else { 9 };
        all.push(json!({"apiVersion": "v1", "kind": "Event", "metadata": meta("Event", namespace, &format!("{name}.17a{index}"), at),
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": name, "uid": pod["metadata"]["uid"], "fieldPath": "spec.containers{app}"},
            "type": kind, "reason": reason, "message": message, "count": 1, "firstTimestamp": moment(hour, at), "lastTimestamp": moment(hour, at + 1),
            "source": {"component": "kubelet", "host": pod["spec"]["nodeName"]}, "reportingComponent": "kubelet", "reportingInstance": pod["spec"]["nodeName"]}));
    }
}

/// Services, rights, settings, guards.
fn beside(
    all: &mut Vec<Value>,
    (namespace, name, at): (&str, &str, usize),
    labels: &Value,
    fault: Option<&str>,
    endpoints: Vec<Value>,
) {
    let of = |kind: &str, name: &str| meta(kind, namespace, name, at);
    let wrong = fault == Some("svc.selector-mismatch");
    let wanted = if wrong { format!("{name}-typo") } else { name.to_owned() };
    let address = format!("10.96.{}.{}", at / 250, at % 250 + 1);
    let ports = json!([{"name": "http", "port": 8080, "protocol": "TCP"}]);
    all.push(json!({"apiVersion": "v1", "kind": "Service", "metadata": of("Service", name),
        "spec": {"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address], "selector": {"app.kubernetes.io/name": wanted}, "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}], "sessionAffinity": "None"},
        "status": {"loadBalancer": {}}}));
    let mut slice = of("EndpointSlice", &format!("{name}-x2p"));
    slice["labels"] = json!({"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"});
    let endpoints = if wrong { Vec::new() } else { endpoints };
    let addresses: Vec<Value> = endpoints
        .iter()
        .map(|one| json!({"ip": one["addresses"][0], "nodeName": one["nodeName"], "targetRef": one["targetRef"]}))
        .collect();
    let subsets = if addresses.is_empty() { json!([]) } else { json!([{"addresses": addresses, "ports": ports}]) };
    all.push(json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": slice, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}));
    all.push(json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": of("Endpoints", name), "subsets": subsets}));
    all.push(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": of("ConfigMap", name), "data": {"LISTEN": ":8080", "settings.yaml": "retries: 3\ntimeout: 10s\nupstream: http://other:80\n".repeat(8)}}));
    all.push(json!({"apiVersion": "v1", "kind": "Secret", "metadata": of("Secret", name), "type": "Opaque", "data": {"password": "c2VjcmV0"}}));
    all.push(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": of("ServiceAccount", name)}));
    all.push(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": of("Role", name), "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]}));
    all.push(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": of("RoleBinding", name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}, "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]}));
    all.push(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": of("PodDisruptionBudget", name), "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}},
        "status": {"currentHealthy": 4, "desiredHealthy": 1, "disruptionsAllowed": 3, "expectedPods": 4}}));
    all.push(json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": of("NetworkPolicy", name), "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress"], "ingress": [{}]}}));
    for index in 0..2 {
        let name = format!("{name}-data-{index}");
        all.push(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": of("PersistentVolumeClaim", &name),
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "volumeName": format!("pv-{namespace}-{name}"), "resources": {"requests": {"storage": "1Gi"}}}, "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}));
    }
}
