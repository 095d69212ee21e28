//! Services that lead nowhere, or not where their callers think.

use std::collections::BTreeSet;

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::call::CallFault;
use crate::eval::{endpoints, probes, selector};
use crate::object::{Fields as _, Object, Ref};
use crate::rule::{Rule, Stance};
use crate::rules::roles;
use crate::scene::{Call, Part, Scene};
use crate::snapshot::{Judged, Proof};
use crate::value::Value;

/// Whether a service has a selector and is there to stay.
pub(super) fn selects(scene: &Scene<'_>, service: &Object) -> bool {
    service.map("/spec/selector").is_some_and(|wanted| !wanted.is_empty())
        && service.deletion().is_none()
        && scene.lives(service.ns())
        && service.text("/spec/type") != "ExternalName"
}

/// No pod and no workload has the labels that it selects.
fn mismatch<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    if let Some(claim) = super::manifests::selects_nobody(scene, service) {
        return Ok(Some(claim));
    }
    if !selects(scene, service) || scene.age(service) < 3 {
        return Ok(None);
    }
    let pods = scene.snapshot.every_labelled("Pod", service.ns())?;
    let wanted = service.map("/spec/selector").cloned().unwrap_or_default();
    let makers = ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet"];
    let template = |maker: &Object| {
        let at = if maker.id.kind == "CronJob" {
            "/spec/jobTemplate/spec/template/metadata/labels"
        } else {
            "/spec/template/metadata/labels"
        };
        maker.map(at).is_some_and(|labels| selector::equal(&wanted, Some(labels)))
    };
    let fed = makers.iter().flat_map(|kind| scene.snapshot.within(kind, service.ns())).any(template);
    let made_by_hand = endpoints::behind(scene.snapshot, service)?.ready > 0;
    if fed || made_by_hand || pods.iter().any(|pod| selector::equal(&wanted, pod.labels())) {
        return Ok(None);
    }
    // Somebody is meant: a pod that has most of the labels, another value of a key, or the service's own name.
    let mut near = pods.iter().filter_map(|pod| {
        let alike =
            wanted.iter().filter(|(key, value)| pod.labels().and_then(|labels| labels.get(key)) == Some(value)).count();
        let other = wanted.iter().find(|(key, value)| {
            pod.labels().and_then(|labels| labels.get(key)).is_some_and(|found| found != *value)
        })?;
        let found = pod.label(other.0)?;
        let close = alike > 0
            || found == service.name()
            || selector::nearest(other.1.as_str().unwrap_or_default(), std::iter::once(found)).is_some();
        close.then(|| (*pod, other.0.clone(), found.to_owned()))
    });
    // Who only has another role just now was never meant, nor does anybody but an operator mend what it keeps.
    let near = near.find(|(pod, key, _)| !roles::is_kept(service) && !roles::differs(scene, service, pod, key));
    let called = scene.calls_to(service).next();
    let exposed = scene.snapshot.all("Ingress").any(|ingress| {
        ingress.ns() == service.ns() && super::ingress::backends(ingress).iter().any(|(name, _)| name == service.name())
    });
    if near.is_none() && called.is_none() && !exposed {
        return Ok(None);
    }
    let shown = selector::show(&wanted);
    let none = Proof::count(scene.snapshot, "Pod", service.ns(), &shown);
    let claim = Claim::new(format!("no pod has the labels {shown}")).about(service.id.clone());
    let claim = claim.field(service, "/spec/selector").by(none);
    let claim = claim.by_all(called.map(|call| call.proof.clone()));
    Ok(Some(match near {
        Some((pod, key, found)) => {
            let pointer = format!("/spec/selector/{}", key.replace('~', "~0").replace('/', "~1"));
            let fix = Fix::say(format!(
                "kubectl -n {} patch svc {} -p '{{\"spec\":{{\"selector\":{{\"{key}\":\"{found}\"}}}}}}'",
                service.ns(),
                service.name()
            ));
            let says = format!("no pod has the labels {shown}; {} has {key}={found}", scene.top(pod));
            let label = format!("/metadata/labels/{}", key.replace('~', "~0").replace('/', "~1"));
            Claim { says, ..claim }.field(pod, &label).fix(fix.set(service, &pointer, found))
        }
        None => claim.only(Confidence::Likely),
    }))
}

/// Behind it are pods, and none is ready: their own trouble is the cause, where it is known.
fn no_ready<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    if !selects(scene, service) || service.holds("/spec/publishNotReadyAddresses") {
        return Ok(None);
    }
    let behind = endpoints::behind(scene.snapshot, service)?;
    let pods = endpoints::selected(scene.snapshot, service);
    let troubled = pods.iter().any(|pod| scene.trouble(pod).is_some());
    let none = behind.ready == 0 && behind.waiting > 0 && troubled;
    Ok(none.then(|| Claim::new("pods are behind it, and none is ready").field(service, "/spec/selector")))
}

/// The named port of a service that a pod's containers do not have.
fn named_port<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    if !selects(scene, service) {
        return Ok(None);
    }
    let pods = endpoints::selected(scene.snapshot, service);
    let specs: Vec<&Value> = pods.iter().filter_map(|pod| pod.at("/spec")).collect();
    let mut ports = service.list("/spec/ports").iter().enumerate();
    let missing = ports.find(|(_, port)| {
        port.at("/targetPort").is_some_and(Value::is_string)
            && !specs.is_empty()
            && specs.iter().all(|spec| endpoints::target(port, spec).is_none() && !has_other_protocol(port, spec))
    });
    Ok(missing.map(|(index, port)| {
        let name = port.text("/targetPort");
        let declared: Vec<(i64, &str, &str)> = specs.first().map(|spec| endpoints::declared(spec)).unwrap_or_default();
        let near = selector::nearest(name, declared.iter().map(|(_, named, _)| *named))
            .or_else(|| declared.iter().map(|(_, named, _)| *named).find(|_| declared.len() == 1));
        let hint = near.map_or(String::new(), |near| format!("; there is {near}"));
        let pointer = format!("/spec/ports/{index}/targetPort");
        let shown =
            pods.first().and_then(|pod| Part::all(pod).into_iter().find(|part| part.spec.at("/ports").is_some()));
        let fix = Fix::say(format!("correct targetPort {name} of the service{hint}"));
        let fix = near.map_or_else(|| fix.clone(), |near| fix.clone().set(service, &pointer, near));
        Claim::new(format!("no container of its pods names a port {name}{hint}"))
            .field(service, &pointer)
            .by_all(shown.map(|part| part.asked("/ports")))
            .fix(fix)
    }))
}

fn has_other_protocol(port: &Value, spec: &Value) -> bool {
    endpoints::declared(spec)
        .iter()
        .any(|(_, named, said)| *named == port.text("/targetPort") && *said != endpoints::protocol(port))
}

/// The service's protocol is not the one that its pods' port has.
fn protocol<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    if !selects(scene, service) {
        return Ok(None);
    }
    let pods = endpoints::selected(scene.snapshot, service);
    let Some(pod) = pods.first() else { return Ok(None) };
    let spec = pod.at("/spec").cloned().unwrap_or_default();
    let declared = endpoints::declared(&spec);
    let wrong = service.list("/spec/ports").iter().enumerate().find_map(|(index, port)| {
        let wanted = endpoints::protocol(port);
        let number = port
            .at("/targetPort")
            .and_then(Value::as_i64)
            .or_else(|| port.at("/targetPort").is_none().then(|| port.int("/port")).flatten());
        let same = |one: &&(i64, &str, &str)| {
            Some(one.0) == number || !port.text("/targetPort").is_empty() && one.1 == port.text("/targetPort")
        };
        let others: Vec<_> = declared.iter().filter(same).collect();
        // What pods declare is documentation, but nobody writes TCP of a port that serves UDP alone.
        let clash = !others.is_empty() && others.iter().all(|(_, _, said)| *said != wanted);
        // Without a declaration, a caller over TCP tells; who asks for names is none, and says so or not.
        let number_of = |call: &&Call<'_>| call.port.is_some_and(|at| port.int("/port") == Some(i64::from(at)));
        let is_tcp = |call: &&Call<'_>| call.port != Some(53) && !call.proof.saw.contains("udp");
        let called = scene.calls_to(service).filter(number_of).find(is_tcp);
        let by_call = (wanted == "UDP"
            && others.is_empty()
            && !service
                .list("/spec/ports")
                .iter()
                .any(|other| other.int("/port") == port.int("/port") && endpoints::protocol(other) == "TCP"))
        .then_some(called)
        .flatten();
        (clash || by_call.is_some()).then(|| (index, wanted, by_call.map(|call| call.proof.clone())))
    });
    Ok(wrong.map(|(index, wanted, proof)| {
        let fix = Fix::say("set the protocol that the pods serve").set(
            service,
            &format!("/spec/ports/{index}/protocol"),
            if wanted == "UDP" { "TCP" } else { "UDP" },
        );
        let part = Part::all(pod).into_iter().find(|part| part.spec.at("/ports").is_some());
        Claim::new(format!("it forwards {wanted}, and its pods serve another protocol"))
            .field(service, &format!("/spec/ports/{index}/protocol"))
            .by_all(part.map(|part| part.asked("/ports")))
            .by_all(proof)
            .fix(fix)
    }))
}

/// Callers are refused though somebody is ready: the pods say that they listen elsewhere, or it was tried.
fn not_listening<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    if let Some(claim) = super::flows::closed(scene, service)? {
        return Ok(Some(claim));
    }
    let refused = |call: &&Call<'a>| call.fault == CallFault::Refused;
    let Some(call) = scene
        .calls_to(service)
        .find(refused)
        .filter(|_| selects(scene, service) && service.text("/spec/clusterIP") != "None")
    else {
        return Ok(None);
    };
    if endpoints::behind(scene.snapshot, service)?.ready == 0 {
        return Ok(None);
    }
    let asked = |port: &&Value| call.port.is_none_or(|at| port.int("/port") == Some(i64::from(at)));
    let Some((index, port)) = service.list("/spec/ports").iter().enumerate().find(|(_, port)| asked(port)) else {
        return Ok(None);
    };
    let pods = endpoints::selected(scene.snapshot, service);
    let target = pods.iter().find_map(|pod| endpoints::target(port, pod.at("/spec")?));
    let heard = pods.iter().flat_map(|pod| Part::all(pod)).find_map(|part| {
        let (name, log) = scene.words(&part)?;
        let ports = probes::listening(&log.lines);
        let at = log.lines.iter().position(|line| !probes::listening(std::slice::from_ref(line)).is_empty())?;
        Some((ports, Proof::line(&name, at + 1, &log.lines[at])))
    });
    let declared: Vec<i64> = pods
        .first()
        .and_then(|pod| pod.at("/spec"))
        .map(|spec| endpoints::declared(spec).iter().map(|(number, _, _)| *number).collect())
        .unwrap_or_default();
    let pointer = format!("/spec/ports/{index}/targetPort");
    let elsewhere = heard.filter(|(ports, _)| target.is_some_and(|target| !ports.contains(&target)));
    let undeclared = target.is_some_and(|target| !declared.is_empty() && !declared.contains(&target));
    let right = elsewhere.as_ref().and_then(|(ports, _)| ports.first().copied()).or(declared.first().copied());
    let fix = right.map(|right| Fix::say(format!("set targetPort to {right}")).set(service, &pointer, right));
    let claim = Claim::new(format!("it forwards to port {}, where its pods do not listen", target.unwrap_or_default()))
        .by(call.proof.clone())
        .field(service, &pointer);
    let claim = fix.map_or_else(|| claim.clone(), |fix| claim.clone().fix(fix));
    Ok(match (elsewhere, undeclared) {
        (Some((_, proof)), _) => Some(claim.by(proof)),
        (None, true) => Some(claim.only(Confidence::Likely)),
        _ => None,
    })
}

/// Pods of two workloads that are not versions of one another.
fn over_broad<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    if !selects(scene, service) {
        return Ok(None);
    }
    let pods = endpoints::selected(scene.snapshot, service);
    let tops: BTreeSet<Ref> = pods.iter().map(|pod| scene.top(pod)).collect();
    if tops.len() < 2 {
        return Ok(None);
    }
    // A port that some declare and others do not, and names that are no variants of one another.
    let serves = |pod: &Object| {
        let spec = pod.at("/spec").cloned().unwrap_or_default();
        let declared = endpoints::declared(&spec);
        service.list("/spec/ports").iter().any(|port| {
            endpoints::target(port, &spec).is_some_and(|target| declared.iter().any(|(number, _, _)| *number == target))
        })
    };
    let keys = ["app", "app.kubernetes.io/name", "k8s-app", "name"];
    let app = |pod: &Object| keys.iter().find_map(|key| pod.label(key)).map(str::to_owned);
    let (server, stranger) = (pods.iter().find(|pod| serves(pod)), pods.iter().find(|pod| !serves(pod)));
    let called = scene.calls_to(service).find(|call| call.fault == CallFault::Refused);
    let apart = |one: &Object, other: &Object| match (app(one), app(other)) {
        (Some(a), Some(b)) => a != b && !a.starts_with(&b) && !b.starts_with(&a),
        _ => false,
    };
    let own = pods.iter().find(|pod| app(pod).as_deref() == Some(service.name()));
    let other = own.and_then(|own| pods.iter().find(|pod| apart(own, pod)));
    let pair = match (server, stranger, called) {
        (Some(server), Some(stranger), _) if apart(server, stranger) => Some((server, stranger)),
        (_, _, Some(_)) => own.zip(other),
        _ => own.zip(other).filter(|(own, other)| own.list("/spec/containers").len() == 1 && images_differ(own, other)),
    };
    Ok(pair.map(|(server, stranger)| {
        let says = format!(
            "it selects pods of {} and of {}, which are not the same program",
            scene.top(server),
            scene.top(stranger)
        );
        let label = |pod: &Object| {
            keys.iter()
                .find(|key| pod.label(key).is_some())
                .map(|key| Proof::field(pod, &format!("/metadata/labels/{}", key.replace('/', "~1"))))
        };
        Claim::new(says)
            .field(service, "/spec/selector")
            .by_all(label(server))
            .by_all(label(stranger))
            .by_all(called.map(|call| call.proof.clone()))
    }))
}

/// Whether two pods run another command or another image.
fn images_differ(one: &Object, other: &Object) -> bool {
    let program = |pod: &Object| {
        (
            pod.text("/spec/containers/0/image").to_owned(),
            pod.at("/spec/containers/0/command").cloned(),
            pod.at("/spec/containers/0/args").cloned(),
        )
    };
    program(one) != program(other)
}

pub(super) const SVC: Rule = Rule { on: &["Service"], effect: Effect::NoEndpoints, ..Rule::PLAIN };

pub(super) const WAY: Rule = Rule { effect: Effect::Unreachable, ..SVC };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "svc.selector-mismatch",
        means: "The service selects labels that no pod has.",
        proves: "No pod and no workload has the labels; one comes near, or somebody calls the service.",
        refutes: "a pod with the labels",
        fix: "correct the service's selector, or the pods' labels",
        judge: mismatch,
        ..SVC
    },
    Rule {
        code: "svc.no-ready-endpoints",
        weight: 10,
        stance: Stance::Symptom,
        confidence: Confidence::Likely,
        means: "Pods are behind the service, and none is ready.",
        proves: "The service's slices.",
        refutes: "a ready endpoint",
        fix: "mend the pods",
        judge: no_ready,
        ..SVC
    },
    Rule {
        code: "svc.named-port-missing",
        means: "The service forwards to a port by name, and no container of its pods has a port of that name.",
        proves: "The name, and the ports that are declared.",
        refutes: "a container port of this name",
        fix: "correct targetPort, or name the container's port",
        judge: named_port,
        ..WAY
    },
    Rule {
        code: "svc.protocol-mismatch",
        means: "The service forwards another protocol than its pods serve.",
        proves: "The protocol of the service's port and of the pods' port.",
        refutes: "a socket of the service's protocol in the pods",
        fix: "set the protocol that the pods serve",
        judge: protocol,
        ..WAY
    },
    Rule {
        code: "svc.targetport-not-listening",
        weight: 75,
        means: "The service forwards to a port where its pods do not listen.",
        proves: "A caller is refused though endpoints are ready, and the pods say that they listen elsewhere; or an endpoint itself refuses.",
        refutes: "a listening socket on the target port",
        fix: "correct targetPort",
        judge: not_listening,
        ..WAY
    },
    Rule {
        code: "svc.over-broad-selector",
        confidence: Confidence::Likely,
        means: "The service selects pods of two programs, and only one of them is meant.",
        proves: "The workloads behind it, which are no versions of one another.",
        refutes: "both serving the same",
        fix: "select by a label that only the meant pods have",
        judge: over_broad,
        ..WAY
    },
];
