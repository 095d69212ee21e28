//! Small clusters made in code, for what is wrong in one place and felt in others. Now is noon of the first of March 2026.

use fathom_diagnose::snapshot::{Coverage, Gathering, LogName, Run, Snapshot};
use fathom_diagnose::time::Time;
use fathom_diagnose::value::{Value, json};
use fathom_diagnose::{Question, Report, diagnose};

/// How the only pod of a workload is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum How {
    /// Ready.
    Well,
    /// It ends with 1, over and over.
    Crashes,
    /// Killed by its limit, over and over.
    TooBig,
    /// It runs, and its probe is answered with 503.
    Unready,
    /// It runs, and its probe is refused.
    Deaf,
    /// Its init container runs and does not end.
    Waits,
    /// Its init container ends with 1, over and over.
    Begins,
    /// Its image is not found.
    NoImage,
    /// It has no node.
    Homeless,
    /// Its ConfigMap is missing.
    NoConfig,
    /// The kubelet kills it by its liveness probe, which is answered with 500.
    Killed,
}

/// A cluster in the making.
#[derive(Clone, Default)]
pub(crate) struct World {
    objects: Vec<Value>,
    logs: Vec<(LogName, String)>,
}

const LABEL: &str = "app";

impl World {
    /// Two nodes, a cluster's DNS, and the namespace `shop`.
    pub(crate) fn new() -> World {
        let mut world = World::default();
        world.add(json!({"kind": "Namespace", "metadata": {"name": "shop"}, "status": {"phase": "Active"}}));
        world.add(json!({"kind": "Namespace", "metadata": {"name": "kube-system"}, "status": {"phase": "Active"}}));
        for node in ["n1", "n2"] {
            world.add(json!({"kind": "Node", "metadata": {"name": node, "labels": {"kubernetes.io/hostname": node}, "creationTimestamp": "2026-02-28T12:00:00Z"},
                "spec": {}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
                    "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": "2026-03-01T09:00:00Z"}]}}));
            world.add(json!({"kind": "Lease", "metadata": {"name": node, "namespace": "kube-node-lease", "creationTimestamp": "2026-02-28T12:00:00Z"},
                "spec": {"holderIdentity": node, "leaseDurationSeconds": 40, "renewTime": "2026-03-01T11:59:55Z"}}));
        }
        world
    }

    /// With the cluster's DNS, whose pod is like this.
    pub(crate) fn dns(self, how: How) -> World {
        let mut world = self.runs_in("kube-system", "coredns", how, &[]);
        world.serves_in("kube-system", ("kube-dns", "coredns"), "10.96.0.10", (53, 53), how == How::Well);
        let service = world.objects.iter_mut().find(|one| one["metadata"]["name"].as_str() == Some("kube-dns"));
        if let Some(service) = service {
            service["metadata"]["labels"] = json!({"k8s-app": "kube-dns"});
            service["spec"]["ports"][0]["protocol"] = "UDP".into();
        }
        world
    }

    pub(crate) fn add(&mut self, object: Value) {
        self.objects.push(object);
    }

    /// With one more object.
    pub(crate) fn with(mut self, object: Value) -> World {
        self.add(object);
        self
    }

    /// Without an object.
    pub(crate) fn without(mut self, kind: &str, name: &str) -> World {
        self.objects.retain(|one| one["kind"].as_str() != Some(kind) || one["metadata"]["name"].as_str() != Some(name));
        self
    }

    /// Sets a field of an object.
    pub(crate) fn set(mut self, kind: &str, name: &str, pointer: &str, value: impl Into<Value>) -> World {
        let is = |one: &&mut Value| {
            one["kind"].as_str() == Some(kind) && one["metadata"]["name"].as_str().is_some_and(|one| one == name)
        };
        let object = self.objects.iter_mut().find(is).expect("an object");
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        object.pointer_mut(parent).expect("a parent")[key] = value.into();
        self
    }

    /// A deployment in `shop` whose pod is like this and has written these lines.
    pub(crate) fn runs(self, name: &str, how: How, log: &[&str]) -> World {
        self.runs_in("shop", name, how, log)
    }

    pub(crate) fn runs_in(mut self, namespace: &str, name: &str, how: How, log: &[&str]) -> World {
        let pod = format!("{name}-1");
        let labels = json!({LABEL: name});
        let port = if name == "coredns" { 53 } else { 8080 };
        let mut container = json!({"name": "app", "image": format!("registry.example/{name}:1"), "ports": [{"containerPort": port, "protocol": if port == 53 { "UDP" } else { "TCP" }}]});
        let probe = json!({"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 10});
        match how {
            How::Unready | How::Deaf => container["readinessProbe"] = probe,
            How::Killed => container["livenessProbe"] = probe,
            How::NoConfig => container["envFrom"] = json!([{"configMapRef": {"name": "gone"}}]),
            How::TooBig => container["resources"] = json!({"limits": {"memory": "64Mi"}}),
            _ => {}
        }
        let mut spec = json!({"containers": [container], "nodeName": "n1"});
        if matches!(how, How::Waits | How::Begins) {
            spec["initContainers"] = json!([{"name": "init", "image": "registry.example/init:1"}]);
        }
        if how == How::Homeless {
            spec = json!({"containers": spec["containers"], "nodeSelector": {"disk": "ssd"}});
        }
        let template = json!({"metadata": {"labels": labels}, "spec": spec});
        let well = how == How::Well;
        self.add(json!({"kind": "Deployment", "metadata": {"name": name, "namespace": namespace, "uid": name, "generation": 1, "creationTimestamp": "2026-03-01T11:00:00Z"},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": i64::from(well)}}));
        let set = format!("{name}-set");
        self.add(json!({"kind": "ReplicaSet", "metadata": {"name": set, "namespace": namespace, "uid": set, "creationTimestamp": "2026-03-01T11:00:00Z",
                "ownerReferences": [{"kind": "Deployment", "name": name, "uid": name, "controller": true}]},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}, "status": {"replicas": 1}}));
        self.add(json!({"kind": "Pod", "metadata": {"name": pod, "namespace": namespace, "uid": pod, "labels": labels, "creationTimestamp": "2026-03-01T11:30:00Z",
                "ownerReferences": [{"kind": "ReplicaSet", "name": set, "uid": set, "controller": true}]},
            "spec": spec, "status": status(how, name)}));
        let events: &[(&str, &str)] = match how {
            How::Unready => &[("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")],
            How::Deaf => &[(
                "Unhealthy",
                "Readiness probe failed: Get \"http://10.1.0.9:8080/ready\": dial tcp 10.1.0.9:8080: connect: connection refused",
            )],
            How::Killed => &[
                ("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500"),
                ("Killing", "Container app failed liveness probe, will be restarted"),
            ],
            How::Homeless => &[(
                "FailedScheduling",
                "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            )],
            _ => &[],
        };
        for (index, (reason, message)) in events.iter().enumerate() {
            self.add(json!({"kind": "Event", "metadata": {"name": format!("{pod}.{index}"), "namespace": namespace}, "type": "Warning", "reason": reason, "message": message,
                "count": 20, "firstTimestamp": "2026-03-01T11:40:00Z", "lastTimestamp": "2026-03-01T11:59:50Z",
                "involvedObject": {"kind": "Pod", "namespace": namespace, "name": pod, "uid": pod}}));
        }
        let container = if matches!(how, How::Waits | How::Begins) { "init" } else { "app" };
        if !log.is_empty() {
            let run = if how == How::Killed { Run::Previous } else { Run::Current };
            let (namespace, container) = (namespace.to_owned(), container.to_owned());
            self.logs.push((LogName { namespace, pod, container, run }, log.join("\n")));
        }
        self
    }

    /// With one more container that runs well in the pod of a deployment, and has written these lines.
    pub(crate) fn beside(mut self, name: &str, container: &str, log: &[&str]) -> World {
        let pod = format!("{name}-1");
        let is = |one: &&mut Value| {
            one["kind"].as_str() == Some("Pod") && one["metadata"]["name"].as_str() == Some(pod.as_str())
        };
        let object = self.objects.iter_mut().find(is).expect("a pod");
        let append = |object: &mut Value, pointer: &str, one: Value| {
            if let Some(Value::Array(list)) = object.pointer_mut(pointer) {
                list.push(one);
            }
        };
        append(object, "/spec/containers", json!({"name": container, "image": "registry.example/side:1"}));
        let status = json!({"name": container, "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-03-01T11:40:00Z"}}});
        append(object, "/status/containerStatuses", status);
        self.wrote(&pod, container, log)
    }

    /// A container of a pod has written these lines; the pod may stand behind another namespace than `shop`.
    pub(crate) fn wrote(mut self, pod: &str, container: &str, log: &[&str]) -> World {
        let (namespace, pod) = pod.split_once('/').unwrap_or(("shop", pod));
        let (namespace, pod, container) = (namespace.to_owned(), pod.to_owned(), container.to_owned());
        self.logs.push((LogName { namespace, pod, container, run: Run::Current }, log.join("\n")));
        self
    }

    /// A service of the same name as a deployment of `shop`, on 10.96.3.`last`:`port`.
    pub(crate) fn serves(mut self, name: &str, last: u8, port: u16, ready: bool) -> World {
        self.serves_in("shop", (name, name), &format!("10.96.3.{last}"), (port, 8080), ready);
        self
    }

    fn serves_in(&mut self, namespace: &str, (name, app): (&str, &str), address: &str, ports: (u16, u16), ready: bool) {
        let (port, target) = ports;
        self.add(json!({"kind": "Service", "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-03-01T11:00:00Z"},
            "spec": {"type": "ClusterIP", "clusterIP": address, "selector": {LABEL: app}, "ports": [{"port": port, "targetPort": target}]}}));
        let pod = format!("{app}-1");
        let endpoint = json!({"addresses": ["10.1.0.9"], "conditions": {"ready": ready}, "nodeName": "n1", "targetRef": {"kind": "Pod", "name": pod}});
        let known = self.objects.iter().any(|one| one["metadata"]["name"].as_str() == Some(&pod));
        let endpoints = if known { vec![endpoint] } else { Vec::new() };
        self.add(json!({"kind": "EndpointSlice", "metadata": {"name": format!("{name}-slice"), "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
            "endpoints": endpoints}));
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut gathering = Gathering::new();
        gathering.taken_at(Time::parse("2026-03-01T12:00:00Z").expect("a moment"));
        gathering.covers(Coverage::whole());
        self.objects.iter().for_each(|object| gathering.value(object.clone()));
        self.logs.iter().for_each(|(name, log)| gathering.log(name.clone(), log.as_bytes()));
        gathering.finish()
    }

    pub(crate) fn report(&self) -> Report {
        diagnose(&self.snapshot(), &Question::Everything)
    }

    /// The roots, and what none of them explains, as `CODE NAME`.
    pub(crate) fn roots(&self) -> Vec<String> {
        let report = self.report();
        let mut said: Vec<String> =
            report.findings.iter().map(|one| format!("{} {}", one.code, one.object.name)).collect();
        said.extend(report.unexplained.iter().map(|one| format!("unexplained {}", one.object.name)));
        said.sort();
        said
    }
}

/// What the kubelet says of such a pod.
fn status(how: How, name: &str) -> Value {
    let started = json!({"startedAt": "2026-03-01T11:40:00Z"});
    let ended = |reason: &str, code: i64| json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": "2026-03-01T11:59:30Z", "finishedAt": "2026-03-01T11:59:35Z"}});
    let backs_off = json!({"waiting": {"reason": "CrashLoopBackOff", "message": format!("back-off 40s restarting failed container=app pod={name}")}});
    let waits =
        |reason: &str, message: String| (json!({"waiting": {"reason": reason, "message": message}}), json!({}), 0);
    let (state, last, restarts) = match how {
        How::Crashes => (backs_off.clone(), ended("Error", 1), 6),
        How::TooBig => (backs_off.clone(), ended("OOMKilled", 137), 6),
        How::Killed => (backs_off.clone(), ended("Error", 137), 6),
        How::Waits | How::Begins => waits("PodInitializing", String::new()),
        How::NoImage => waits(
            "ImagePullBackOff",
            format!(
                "Back-off pulling image \"registry.example/{name}:1\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example/{name}:1\": registry.example/{name}:1: not found"
            ),
        ),
        How::NoConfig => waits("CreateContainerConfigError", "configmap \"gone\" not found".to_owned()),
        _ => (json!({"running": started}), json!({}), 0),
    };
    if how == How::Homeless {
        return json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": "2026-03-01T11:30:00Z",
            "message": "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."}]});
    }
    let ready = how == How::Well;
    let phase =
        if matches!(how, How::NoImage | How::NoConfig | How::Waits | How::Begins) { "Pending" } else { "Running" };
    let mut status = json!({"phase": phase, "podIP": "10.1.0.9", "startTime": "2026-03-01T11:30:00Z",
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": if ready { "True" } else { "False" }, "lastTransitionTime": "2026-03-01T11:40:00Z"}],
        "containerStatuses": [{"name": "app", "ready": ready, "restartCount": restarts, "state": state, "lastState": last}]});
    let init = match how {
        How::Waits => (json!({"running": started}), json!({})),
        How::Begins => (backs_off, ended("Error", 1)),
        _ => return status,
    };
    status["initContainerStatuses"] =
        json!([{"name": "init", "ready": false, "restartCount": 0, "state": init.0, "lastState": init.1}]);
    status
}
