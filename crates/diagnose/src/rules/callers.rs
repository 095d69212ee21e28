//! Services that are there and not where, or how, their callers reach for them.

use std::collections::BTreeSet;

use super::services::{SVC, WAY, selects};
use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::call::CallFault;
use crate::eval::{endpoints, selector};
use crate::object::{Fields as _, Object, Ref};
use crate::rule::{Rule, Stance};
use crate::scene::{Call, Scene};
use crate::snapshot::{Judged, Proof};
use crate::value::Value;

/// Callers use a port that the service does not have.
fn wrong_port<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    let unknown = |call: &&Call<'a>| {
        let port = call.port.map(i64::from);
        port.is_some_and(|port| !service.list("/spec/ports").iter().any(|one| one.int("/port") == Some(port)))
            && matches!(call.fault, CallFault::Refused | CallFault::Timeout | CallFault::NoRoute)
    };
    let headless = ["None", ""].contains(&service.text("/spec/clusterIP"));
    let mut calls = scene.calls_to(service).filter(unknown);
    let call = calls.next().filter(|_| !headless && !service.list("/spec/ports").is_empty());
    Ok(call.map(|call| {
        let says = format!(
            "it calls port {} of service {}, which has no such port",
            call.port.unwrap_or_default(),
            service.name()
        );
        let claim = Claim::new(says).about(scene.top(call.pod)).seen(call.pod);
        calls.fold(claim, |claim, other| claim.seen(other.pod)).by(call.proof.clone()).field(service, "/spec/ports")
    }))
}

fn headless<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    if service.text("/spec/clusterIP") != "None" || !selects(scene, service) {
        return Ok(None);
    }
    let mapped = service.list("/spec/ports").iter().position(|port| {
        port.at("/targetPort").and_then(Value::as_i64).is_some_and(|target| Some(target) != port.int("/port"))
    });
    let ready = endpoints::behind(scene.snapshot, service)?.ready > 0;
    let call = scene.calls_to(service).find(|call| call.fault == CallFault::Refused);
    Ok(mapped.zip(call).filter(|_| ready).map(|(index, call)| {
        let pointer = format!("/spec/ports/{index}/targetPort");
        let text = format!(
            "call port {} of the pods; or kubectl -n {} delete service {}, and create it again without clusterIP: None",
            service.int(&pointer).unwrap_or(0),
            service.ns(),
            service.name()
        );
        Claim::new("it is headless, so nobody maps its port, and a caller uses it")
            .field(service, "/spec/clusterIP")
            .field(service, &pointer)
            .by(call.proof.clone())
            .fix(Fix::say(text).set(service, "/spec/clusterIP", Value::Null))
    }))
}

/// A service that is asked for and does not exist: the caller's finding.
fn missing<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let unnamed =
        |call: &&Call<'a>| matches!(call.fault, CallFault::NoName | CallFault::NoResolver) && call.missing.is_some();
    let Some(call) = scene.calls_of(pod).find(unnamed) else { return Ok(None) };
    let Some((name, namespace)) = call.missing.clone() else { return Ok(None) };
    let Some(absent) = scene.snapshot.absent("Service", &namespace, &name)? else { return Ok(None) };
    // A governing service of a set is that set's finding; a service elsewhere is the name's.
    let governs = scene.snapshot.within("StatefulSet", &namespace).any(|set| set.text("/spec/serviceName") == name);
    let elsewhere = scene.snapshot.all("Service").any(|other| other.name() == name);
    if governs || elsewhere {
        return Ok(None);
    }
    let near = selector::nearest(&name, scene.snapshot.within("Service", &namespace).map(Object::name));
    let hint = near.map_or(String::new(), |near| format!("; there is {near}"));
    let service = crate::value::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": "10.0.0.1"}});
    let fix = Fix::say(format!("create the service {name} in {namespace}, or correct the name that is called{hint}"))
        .adding(service);
    let claim = Claim {
        part: Some(call.container.clone()),
        ..Claim::new(format!("it calls the service {name}, which does not exist{hint}"))
    };
    Ok(Some(claim.seen(pod).by(call.proof.clone()).by(absent).fix(fix)))
}

fn wrong_namespace<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let unnamed =
        |call: &&Call<'a>| matches!(call.fault, CallFault::NoName | CallFault::NoResolver) && call.missing.is_some();
    let Some(call) = scene.calls_of(pod).find(unnamed) else { return Ok(None) };
    let Some((name, namespace)) = call.missing.clone() else { return Ok(None) };
    let Some(absent) = scene.snapshot.absent("Service", &namespace, &name)? else { return Ok(None) };
    let other = scene.snapshot.all("Service").find(|other| other.name() == name);
    Ok(other.map(|other| {
        let says = format!("it calls {name}, which is a service of {}: the name is {name}.{}", other.ns(), other.ns());
        let claim = Claim { part: Some(call.container.clone()), ..Claim::new(says) };
        claim.seen(pod).by(call.proof.clone()).by(absent).field(other, "/metadata/namespace")
    }))
}

/// The nodes that no ready endpoint is on.
fn bare_nodes<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<(Vec<&'a Object>, BTreeSet<String>)> {
    let behind = endpoints::behind(scene.snapshot, service)?;
    let endpoints = behind.slices.iter().flat_map(|slice| slice.list("/endpoints"));
    let homes: BTreeSet<String> = endpoints
        .filter(|one| one.at("/conditions/ready") != Some(&Value::Bool(false)))
        .map(|one| one.text("/nodeName").to_owned())
        .collect();
    let nodes = scene.snapshot.every("Node", "")?;
    let bare = nodes.into_iter().filter(|node| !homes.contains(node.name()) && !crate::scene::is_lost(node));
    Ok((bare.collect(), homes))
}

fn internal_local<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    if service.text("/spec/internalTrafficPolicy") != "Local" || !selects(scene, service) {
        return Ok(None);
    }
    let (_, homes) = bare_nodes(scene, service)?;
    let call = scene.calls_to(service).find(|call| !homes.contains(call.pod.text("/spec/nodeName")));
    let fix = Fix::say("set internalTrafficPolicy: Cluster, or run a pod of it on every node").set(
        service,
        "/spec/internalTrafficPolicy",
        "Cluster",
    );
    Ok(call.filter(|_| !homes.is_empty()).map(|call| {
        let says =
            format!("it answers only on nodes that have a pod of it, and {} has none", call.pod.text("/spec/nodeName"));
        Claim::new(says)
            .field(service, "/spec/internalTrafficPolicy")
            .field(call.pod, "/spec/nodeName")
            .by(call.proof.clone())
            .fix(fix)
    }))
}

fn external_local<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    // A load balancer asks each node and leaves the bare ones out; who calls a node's port does not.
    if service.text("/spec/externalTrafficPolicy") != "Local"
        || service.text("/spec/type") != "NodePort"
        || !selects(scene, service)
    {
        return Ok(None);
    }
    let (bare, homes) = bare_nodes(scene, service)?;
    let slices = endpoints::behind(scene.snapshot, service)?.slices;
    let homes_of = slices.first().map(|slice| Proof::field(slice, "/endpoints/0/nodeName"));
    let fix = Fix::say("set externalTrafficPolicy: Cluster, or run a pod of it on every node").set(
        service,
        "/spec/externalTrafficPolicy",
        "Cluster",
    );
    Ok(bare.first().filter(|_| !homes.is_empty()).map(|node| {
        let says = format!("its node port answers only on nodes that have a pod of it, and {} has none", node.name());
        Claim::new(says).field(service, "/spec/externalTrafficPolicy").by_all(homes_of).fix(fix)
    }))
}

fn external_name<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    if service.text("/spec/type") != "ExternalName" {
        return Ok(None);
    }
    let call = scene.calls_to(service).find(|call| matches!(call.fault, CallFault::NoName | CallFault::NoResolver));
    let name = service.text("/spec/externalName");
    Ok(call.map(|call| {
        Claim::new(format!("it stands for {name}, which does not resolve"))
            .field(service, "/spec/externalName")
            .by(call.proof.clone())
    }))
}

fn balancer<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    let waits = service.text("/spec/type") == "LoadBalancer"
        && service.list("/status/loadBalancer/ingress").is_empty()
        && service.deletion().is_none();
    if !waits || scene.age(service) < 120 {
        return Ok(None);
    }
    let event =
        scene.warnings(service, &["SyncLoadBalancerFailed", "AllocationFailed", "CreatingLoadBalancerFailed"]).next();
    let says = if event.is_some() {
        "its load balancer cannot be made"
    } else {
        "nobody makes its load balancer: no controller is installed, or none for its class"
    };
    Ok(Some(
        Claim::new(says)
            .field(service, "/status/loadBalancer")
            .field(service, "/spec/type")
            .by_all(event.map(|event| Proof::field(event.0, event.pointer()))),
    ))
}

/// Addresses that no pod has, in slices that the controller made.
fn stale<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    if !selects(scene, service) {
        return Ok(None);
    }
    scene.snapshot.coverage().complete("Pod", service.ns())?;
    let behind = endpoints::behind(scene.snapshot, service)?;
    let made = |slice: &&&Object| {
        slice.label("endpointslice.kubernetes.io/managed-by") == Some("endpointslice-controller.k8s.io")
    };
    let gone = behind.slices.iter().filter(made).find_map(|slice| {
        slice.list("/endpoints").iter().enumerate().find_map(|(index, one)| {
            let pod = one.text("/targetRef/name");
            let absent = one.text("/targetRef/kind") == "Pod"
                && !pod.is_empty()
                && scene.snapshot.seen("Pod", service.ns(), pod).is_none()
                && one.at("/conditions/ready") != Some(&Value::Bool(false));
            absent.then(|| {
                (
                    Proof::field(slice, &format!("/endpoints/{index}/targetRef/name")),
                    Proof::absent(&Ref::new("Pod", service.ns(), pod)),
                )
            })
        })
    });
    // The controller needs a moment; a call that fails says that this one is over.
    let called = scene.calls_to(service).next().is_some();
    Ok(gone
        .filter(|_| called)
        .map(|(slice, pod)| Claim::new("its endpoints name a pod that is gone").by(slice).by(pod)))
}

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "svc.client-wrong-port",
        effect: Effect::CallsFail,
        weight: 76,
        means: "A program calls a port that the service does not have.",
        proves: "The port in its log, and the service's ports.",
        refutes: "the port among the service's",
        fix: "correct the port that is called, or add it to the service",
        judge: wrong_port,
        ..SVC
    },
    Rule {
        code: "svc.headless-misuse",
        means: "The service is headless, so its port is mapped by nobody; callers must use the pods' own port.",
        proves: "clusterIP None with another target port, and a caller that is refused.",
        refutes: "a caller that uses the target port",
        fix: "call the target port, or give the service an address",
        judge: headless,
        ..WAY
    },
    Rule {
        code: "svc.missing",
        on: &["Pod"],
        effect: Effect::CallsFail,
        weight: 77,
        means: "A program calls a service that does not exist.",
        proves: "The name does not resolve, and there is no such service.",
        refutes: "the service in the namespace that the name means",
        fix: "create the service, or correct the name",
        judge: missing,
        ..SVC
    },
    Rule {
        code: "dns.name-wrong-ns",
        on: &["Pod"],
        effect: Effect::CallsFail,
        weight: 77,
        means: "A program calls a service of another namespace by its short name.",
        proves: "The name does not resolve, and a service of that name is elsewhere.",
        refutes: "the service in the pod's namespace",
        fix: "call NAME.NAMESPACE",
        judge: wrong_namespace,
        ..SVC
    },
    Rule {
        code: "svc.internal-policy-local",
        means: "The service answers only on nodes that have a pod of it, and a caller is on another.",
        proves: "internalTrafficPolicy Local, the endpoints' nodes, and a call that fails.",
        refutes: "a ready endpoint on the caller's node",
        fix: "set internalTrafficPolicy: Cluster, or run a pod on every node",
        judge: internal_local,
        ..WAY
    },
    Rule {
        code: "svc.external-policy-local",
        effect: Effect::Latent,
        confidence: Confidence::Possible,
        means: "The service's node port answers only on nodes that have a pod of it.",
        proves: "externalTrafficPolicy Local on a NodePort service, and a node without an endpoint.",
        refutes: "whoever calls knowing which nodes answer",
        fix: "set externalTrafficPolicy: Cluster, or run a pod on every node",
        judge: external_local,
        ..SVC
    },
    Rule {
        code: "svc.externalname",
        effect: Effect::Nameless,
        means: "The service stands for a name outside that does not resolve.",
        proves: "A caller's name does not resolve, and the service is only another name.",
        refutes: "the external name resolving",
        fix: "correct externalName",
        judge: external_name,
        ..SVC
    },
    Rule {
        code: "svc.lb-pending",
        confidence: Confidence::Likely,
        effect: Effect::Latent,
        means: "The service waits for a load balancer.",
        proves: "No address for minutes; the controller's words, or none at all.",
        refutes: "an address in its status",
        fix: "install a load balancer controller, or mend what its event names",
        judge: balancer,
        ..SVC
    },
    Rule {
        code: "svc.endpoints-stale",
        stance: Stance::Yields,
        effect: Effect::Unreachable,
        means: "The service's endpoints name pods that are gone: their controller lags.",
        proves: "An endpoint whose pod does not exist, and a call that fails.",
        refutes: "endpoints that are all there",
        fix: "see the controller manager",
        judge: stale,
        ..SVC
    },
];
