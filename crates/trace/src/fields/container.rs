//! Fields of the container that the thread is in, and of the pod that the container is of.

use fathom_filter::Operator;
use fathom_filter::compare::{Constant, holds};
use fathom_model::{Kind, Value};

use super::{Argument, Bound, Row, Takes, made};
use crate::moment::Moment;
use crate::state::container::{Mount, Probe};
use crate::state::thread::Role;
use crate::state::{Container, Text};

/// Fields of the container.
pub(super) const ROWS: &[Row] = &[
    Row::new("container.id", Kind::Text, "its id in short, or `host`", |m, _, _| match m.thread() {
        None => Value::Unknown,
        Some(thread) if thread.container.is_empty() => Value::text("host"),
        Some(thread) => Value::bytes(&thread.container),
    }),
    Row::new("container.name", Kind::Text, "its name, or `host`", |m, _, _| {
        on_host(m).unwrap_or_else(|| text(m, |c| &c.name))
    }),
    Row::new("container.image", Kind::Text, "image, as it was asked for", |m, _, _| text(m, |c| &c.image[0])),
    Row::new("container.image.id", Kind::Text, "id of the image", |m, _, _| text(m, |c| &c.image[1])),
    Row::new("container.type", Kind::Text, "what made it, such as docker", |m, _, _| {
        on_host(m).unwrap_or_else(|| container(m).map_or(Value::Unknown, |c| Value::text(c.engine.word())))
    }),
    Row::new("container.privileged", Kind::Flag, "whether it may do everything", |m, _, _| {
        let known = container(m).filter(|c| c.engine.tells_privileges());
        known.map_or(Value::Unknown, |c| Value::Flag(c.privileged))
    }),
    Row::new("container.mounts", Kind::Text, "all mounts: SOURCE:TARGET:MODE:WRITABLE:PROPAGATION", |m, _, s| {
        let Some(container) = container(m) else { return Value::Unknown };
        for (index, mount) in container.mounts.iter().enumerate() {
            if index > 0 {
                s.push(b',');
            }
            s.extend_from_slice(&mount.line());
        }
        made(s)
    }),
    Row::new("container.mount", Kind::Text, "one mount by number or by a pattern of its source", |m, b, _| {
        mount(m, b, 0).map_or(Value::Unknown, |mount| Value::Bytes(mount.line().into()))
    })
    .taking(Takes::Pattern),
    Row::new(
        "container.mount.source",
        Kind::Text,
        "source of a mount by number or by a pattern of its target",
        |m, b, _| mount(m, b, 1).map_or(Value::Unknown, |mount| Value::bytes(&mount.parts[0])),
    )
    .taking(Takes::Pattern),
    Row::new(
        "container.mount.dest",
        Kind::Text,
        "target of a mount by number or by a pattern of its source",
        |m, b, _| mount(m, b, 0).map_or(Value::Unknown, |mount| Value::bytes(&mount.parts[1])),
    )
    .taking(Takes::Pattern),
    Row::new("container.mount.mode", Kind::Text, "mode of such a mount", |m, b, _| {
        mount(m, b, 0).map_or(Value::Unknown, |mount| Value::bytes(&mount.parts[2]))
    })
    .taking(Takes::Pattern),
    Row::new("container.mount.rdwr", Kind::Text, "whether such a mount can be written to", |m, b, _| {
        mount(m, b, 0).map_or(Value::Unknown, |mount| Value::text(mount.writable_word()))
    })
    .taking(Takes::Pattern),
    Row::new("container.mount.propagation", Kind::Text, "how mounts within such a mount are shared", |m, b, _| {
        mount(m, b, 0).map_or(Value::Unknown, |mount| Value::bytes(&mount.propagation))
    })
    .taking(Takes::Pattern),
    Row::new("container.image.repository", Kind::Text, "repository of the image", |m, _, _| text(m, |c| &c.image[2])),
    Row::new("container.image.tag", Kind::Text, "tag of the image", |m, _, _| text(m, |c| &c.image[3])),
    Row::new("container.image.digest", Kind::Text, "digest of the image in its registry", |m, _, _| {
        text(m, |c| &c.image[4])
    }),
    Row::new("container.healthcheck", Kind::Text, "command of the engine's check, or NONE", |m, _, s| {
        probe(m, Role::Healthcheck, s)
    }),
    Row::new("container.liveness_probe", Kind::Text, "command of the liveness probe, or NONE", |m, _, s| {
        probe(m, Role::Liveness, s)
    }),
    Row::new("container.readiness_probe", Kind::Text, "command of the readiness probe, or NONE", |m, _, s| {
        probe(m, Role::Readiness, s)
    }),
];

/// What the kubelet writes on containers.
const POD: &[u8] = b"io.kubernetes.pod.name";
const POD_ID: &[u8] = b"io.kubernetes.pod.uid";
const NAMESPACE: &[u8] = b"io.kubernetes.pod.namespace";
const SANDBOX: &[u8] = b"io.kubernetes.sandbox.id";

/// Why there is no more than that of a pod.
const NO_API: &str = "only the API server knows it, and a recording has what the container's labels say";

/// Fields of the pod. What only the API server knew is in no capture.
pub(super) const KUBERNETES: &[Row] = &[
    Row::new("k8s.pod.name", Kind::Text, "name of the pod", |m, _, _| label(container(m), POD)),
    Row::new("k8s.pod.id", Kind::Text, "uid of the pod", |m, _, _| label(container(m), POD_ID)),
    Row::new("k8s.pod.label", Kind::Text, "one label of the pod, such as k8s.pod.label.app", |m, b, _| {
        match &b.argument {
            Argument::Word(name) => label(sandbox(m), name.as_bytes()),
            _ => Value::Unknown,
        }
    })
    .taking(Takes::Label),
    Row::new("k8s.pod.labels", Kind::Text, "all labels of the pod", labels),
    Row::void("k8s.rc.name", Kind::Text, "name of the replication controller", NO_API),
    Row::void("k8s.rc.id", Kind::Text, "uid of the replication controller", NO_API),
    Row::void("k8s.rc.label", Kind::Text, "one of its labels", NO_API).taking(Takes::Label),
    Row::void("k8s.rc.labels", Kind::Text, "all its labels", NO_API),
    Row::void("k8s.svc.name", Kind::Text, "name of the service", NO_API),
    Row::void("k8s.svc.id", Kind::Text, "uid of the service", NO_API),
    Row::void("k8s.svc.label", Kind::Text, "one of its labels", NO_API).taking(Takes::Label),
    Row::void("k8s.svc.labels", Kind::Text, "all its labels", NO_API),
    Row::new("k8s.ns.name", Kind::Text, "namespace of the pod", |m, _, _| label(container(m), NAMESPACE)),
    Row::void("k8s.ns.id", Kind::Text, "uid of the namespace", NO_API),
    Row::void("k8s.ns.label", Kind::Text, "one of its labels", NO_API).taking(Takes::Label),
    Row::void("k8s.ns.labels", Kind::Text, "all its labels", NO_API),
    Row::void("k8s.rs.name", Kind::Text, "name of the replica set", NO_API),
    Row::void("k8s.rs.id", Kind::Text, "uid of the replica set", NO_API),
    Row::void("k8s.rs.label", Kind::Text, "one of its labels", NO_API).taking(Takes::Label),
    Row::void("k8s.rs.labels", Kind::Text, "all its labels", NO_API),
    Row::void("k8s.deployment.name", Kind::Text, "name of the deployment", NO_API),
    Row::void("k8s.deployment.id", Kind::Text, "uid of the deployment", NO_API),
    Row::void("k8s.deployment.label", Kind::Text, "one of its labels", NO_API).taking(Takes::Label),
    Row::void("k8s.deployment.labels", Kind::Text, "all its labels", NO_API),
];

fn container<'a>(m: &Moment<'a>) -> Option<&'a Container> {
    let thread = m.thread().filter(|thread| !thread.container.is_empty())?;
    m.state.container_of(thread)
}

fn on_host<'a>(m: &Moment<'a>) -> Option<Value<'a>> {
    m.thread().filter(|thread| thread.container.is_empty()).map(|_| Value::text("host"))
}

fn text<'a>(m: &Moment<'a>, get: fn(&Container) -> &Text) -> Value<'a> {
    container(m).map(get).filter(|text| !text.is_empty()).map_or(Value::Unknown, |text| Value::bytes(text))
}

fn label<'a>(container: Option<&'a Container>, name: &[u8]) -> Value<'a> {
    container.and_then(|container| container.label(name)).map_or(Value::Unknown, |value| Value::bytes(value))
}

/// The container whose labels are the pod's.
fn sandbox<'a>(m: &Moment<'a>) -> Option<&'a Container> {
    let id = container(m)?.label(SANDBOX)?;
    m.state.containers.get(&id[..id.len().min(12)])
}

fn labels<'a>(m: &'a Moment<'a>, _: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some(sandbox) = sandbox(m).filter(|sandbox| !sandbox.labels.is_empty()) else { return Value::Unknown };
    let own = |name: &[u8]| !name.starts_with(b"annotation.") && !name.starts_with(b"io.kubernetes.");
    for (name, value) in sandbox.labels.iter().filter(|(name, _)| own(name)) {
        if !scratch.is_empty() {
            scratch.extend_from_slice(b", ");
        }
        scratch.extend_from_slice(name);
        if !value.is_empty() {
            scratch.push(b':');
            scratch.extend_from_slice(value);
        }
    }
    made(scratch)
}

/// A mount by number, or by a pattern of its source (0) or target (1).
fn mount<'a>(m: &Moment<'a>, bound: &Bound, part: usize) -> Option<&'a Mount> {
    let mounts = &container(m)?.mounts;
    match &bound.argument {
        Argument::Index(index) => mounts.get(usize::try_from(*index).ok()?),
        Argument::Word(pattern) => {
            let pattern = Constant::Bytes(pattern.as_bytes().to_vec());
            mounts.iter().find(|mount| holds(&Value::bytes(&mount.parts[part]), Operator::Glob, &pattern))
        }
        _ => None,
    }
}

fn probe<'a>(m: &Moment<'_>, role: Role, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some(container) = container(m) else { return Value::Unknown };
    let found: Option<&Probe> = container.probes.iter().find(|probe| probe.role == role);
    let Some(probe) = found else { return Value::text("NONE") };
    scratch.extend_from_slice(&probe.exe);
    for arg in &probe.args {
        scratch.push(b' ');
        scratch.extend_from_slice(arg);
    }
    made(scratch)
}
