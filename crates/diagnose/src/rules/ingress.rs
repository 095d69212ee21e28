//! Ingresses and gateways that lead nowhere.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::selector;
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::Scene;
use crate::snapshot::{Judged, Proof};
use crate::value::Value;

/// Whether a backend is no service but an action of the AWS Load Balancer Controller, which an annotation describes.
fn is_action(ingress: &Object, backend: &Value) -> bool {
    let by_port = |port: &str| backend.text(port) == "use-annotation";
    let described = |name: &str| ingress.annotation(&format!("alb.ingress.kubernetes.io/actions.{name}")).is_some();
    (by_port("/service/port/name") || by_port("/servicePort"))
        && (described(backend.text("/service/name")) || described(backend.text("/serviceName")))
}

/// The services that an ingress leads to, with the pointer to each.
pub(crate) fn backends(ingress: &Object) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut add = |backend: Option<&Value>, pointer: String| {
        let Some(backend) = backend.filter(|backend| !is_action(ingress, backend)) else { return };
        // Before networking.k8s.io/v1 it was serviceName.
        for field in ["/service/name", "/serviceName"] {
            if !backend.text(field).is_empty() {
                found.push((backend.text(field).to_owned(), format!("{pointer}{field}")));
            }
        }
    };
    for field in ["/spec/defaultBackend", "/spec/backend"] {
        add(ingress.at(field), field.to_owned());
    }
    for (rule, one) in ingress.list("/spec/rules").iter().enumerate() {
        for (path, one) in one.list("/http/paths").iter().enumerate() {
            add(one.at("/backend"), format!("/spec/rules/{rule}/http/paths/{path}/backend"));
        }
    }
    found
}

fn backend_missing<'a>(scene: &Scene<'a>, ingress: &'a Object) -> Judged<Option<Claim>> {
    for (name, pointer) in backends(ingress) {
        let Some(absent) = scene.snapshot.absent("Service", ingress.ns(), &name)? else { continue };
        let near = selector::nearest(&name, scene.snapshot.within("Service", ingress.ns()).map(Object::name));
        let hint = near.map_or(String::new(), |near| format!("; there is {near}"));
        let fix = Fix::say(format!("correct the backend {name}{hint}"));
        let fix = near.map_or_else(|| fix.clone(), |near| fix.clone().set(ingress, &pointer, near));
        return Ok(Some(
            Claim::new(format!("it leads to service {name}, which does not exist{hint}"))
                .field(ingress, &pointer)
                .by(absent)
                .fix(fix),
        ));
    }
    Ok(None)
}

fn port_missing<'a>(scene: &Scene<'a>, ingress: &'a Object) -> Judged<Option<Claim>> {
    Ok(backends(ingress).into_iter().find_map(|(name, pointer)| {
        let service = scene.snapshot.seen("Service", ingress.ns(), &name)?;
        // Of a name outside of the cluster any port may be asked for.
        if service.text("/spec/type") == "ExternalName" && service.list("/spec/ports").is_empty() {
            return None;
        }
        let base = pointer.trim_end_matches("/name").trim_end_matches("/serviceName");
        let candidates = [format!("{base}/port/number"), format!("{base}/port/name"), format!("{base}/servicePort")];
        let (pointer, wanted) = candidates.iter().find_map(|at| Some((at, ingress.at(at)?)))?;
        let has = service
            .list("/spec/ports")
            .iter()
            .any(|port| port.at("/port") == Some(wanted) || port.at("/name") == Some(wanted));
        let only = service
            .list("/spec/ports")
            .first()
            .filter(|_| service.list("/spec/ports").len() == 1)
            .and_then(|port| port.int("/port"));
        let fix = Fix::say(format!("use a port of service {name}"));
        let fix = only
            .filter(|_| pointer.ends_with("number"))
            .map_or_else(|| fix.clone(), |only| fix.clone().set(ingress, pointer, only));
        (!has).then(|| {
            Claim::new(format!("service {name} has no port {wanted}"))
                .field(ingress, pointer)
                .field(service, "/spec/ports")
                .fix(fix)
        })
    }))
}

/// The class that an ingress names.
fn class(ingress: &Object) -> Option<(&str, &'static str)> {
    let named = ingress.text("/spec/ingressClassName");
    let old = ingress.annotation("kubernetes.io/ingress.class");
    (!named.is_empty())
        .then_some((named, "/spec/ingressClassName"))
        .or(old.map(|old| (old, "/metadata/annotations/kubernetes.io~1ingress.class")))
}

fn class_missing<'a>(scene: &Scene<'a>, ingress: &'a Object) -> Judged<Option<Claim>> {
    let Some((name, pointer)) = class(ingress).filter(|(_, pointer)| pointer.starts_with("/spec")) else {
        return Ok(None);
    };
    let Some(absent) = scene.snapshot.absent("IngressClass", "", name)? else { return Ok(None) };
    let near = selector::nearest(name, scene.snapshot.all("IngressClass").map(Object::name));
    let hint = near.map_or(String::new(), |near| format!("; there is {near}"));
    Ok(Some(Claim::new(format!("its class {name} does not exist{hint}")).field(ingress, pointer).by(absent)))
}

fn no_class<'a>(scene: &Scene<'a>, ingress: &'a Object) -> Judged<Option<Claim>> {
    let wanted = ingress.deletion().is_none();
    if class(ingress).is_some() || !wanted || !ingress.list("/status/loadBalancer/ingress").is_empty() {
        return Ok(None);
    }
    let classes = scene.snapshot.every("IngressClass", "")?;
    let default =
        classes.iter().any(|class| class.annotation("ingressclass.kubernetes.io/is-default-class") == Some("true"));
    Ok((!default)
        .then(|| Claim::new("it names no class, and none is the default one").field(ingress, "/spec/ingressClassName")))
}

/// A class whose controller nobody is seen to be, with ingresses that wait for it.
fn no_controller<'a>(scene: &Scene<'a>, class: &'a Object) -> Judged<Option<Claim>> {
    let waits = |ingress: &&Object| {
        self::class(ingress).is_some_and(|(name, _)| name == class.name())
            && ingress.list("/status/loadBalancer/ingress").is_empty()
    };
    let Some(ingress) = scene.snapshot.all("Ingress").find(waits) else { return Ok(None) };
    let served = scene.snapshot.all("Ingress").any(|other| {
        self::class(other).is_some_and(|(name, _)| name == class.name())
            && !other.list("/status/loadBalancer/ingress").is_empty()
    });
    let controller = class.text("/spec/controller");
    // `k8s.io/ingress-nginx`, `traefik.io/ingress-controller`: a word of it is in the names of its pods.
    let words: Vec<&str> = controller
        .split(['/', '.', '-'])
        .filter(|word| word.len() > 3 && !["ingress", "controller", "k8s", "example"].contains(word))
        .collect();
    let pods = scene.snapshot.all("Pod").filter(|pod| pod.text("/status/phase") == "Running");
    let runs = pods.into_iter().any(|pod| {
        let program = format!("{} {}", pod.name(), pod.text("/spec/containers/0/image"));
        program.contains("ingress") || words.iter().any(|word| program.contains(word))
    });
    // It may run in a namespace that nobody looked at.
    for namespace in scene
        .snapshot
        .every("Namespace", "")?
        .iter()
        .filter(|one| !["kube-public", "kube-node-lease"].contains(&one.name()))
    {
        scene.snapshot.coverage().complete("Pod", namespace.name())?;
    }
    let young = scene.age(ingress) < 5;
    Ok((!served && !runs && !young).then(|| {
        Claim::new(format!("no controller {controller} is seen to run"))
            .field(class, "/spec/controller")
            .field(ingress, "/status/loadBalancer")
    }))
}

fn tls_secret<'a>(scene: &Scene<'a>, ingress: &'a Object) -> Judged<Option<Claim>> {
    for (index, tls) in
        ingress.list("/spec/tls").iter().enumerate().filter(|(_, tls)| !tls.text("/secretName").is_empty())
    {
        // Who issues certificates makes the secret when it is ready.
        let issued = ["cert-manager.io/cluster-issuer", "cert-manager.io/issuer", "kubernetes.io/tls-acme"]
            .iter()
            .any(|key| ingress.annotation(key).is_some());
        if issued && scene.age(ingress) < 600 {
            continue;
        }
        if let Some(absent) = scene.snapshot.absent("Secret", ingress.ns(), tls.text("/secretName"))? {
            let says = format!("its certificate {} does not exist", tls.text("/secretName"));
            return Ok(Some(Claim::new(says).field(ingress, &format!("/spec/tls/{index}/secretName")).by(absent)));
        }
    }
    Ok(None)
}

fn tls_type<'a>(scene: &Scene<'a>, ingress: &'a Object) -> Judged<Option<Claim>> {
    Ok(ingress.list("/spec/tls").iter().find_map(|tls| {
        let secret = scene.snapshot.seen("Secret", ingress.ns(), tls.text("/secretName"))?;
        let keys = secret.map("/data");
        // Only what is not there is quoted: values of secrets are nobody's business.
        let missing =
            ["tls.crt", "tls.key"].into_iter().find(|key| keys.is_some_and(|keys| !keys.contains_key(key)))?;
        let claim = Claim::new(format!("secret {} has no {missing}", secret.name()));
        Some(claim.field(secret, &format!("/data/{missing}")).field(secret, "/type"))
    }))
}

fn no_endpoints<'a>(scene: &Scene<'a>, ingress: &'a Object) -> Judged<Option<Claim>> {
    let dead = backends(ingress).into_iter().find_map(|(name, pointer)| {
        let service =
            scene.snapshot.seen("Service", ingress.ns(), &name).filter(|service| !scene.is_served(service))?;
        let troubled =
            crate::eval::endpoints::selected(scene.snapshot, service).iter().any(|pod| scene.trouble(pod).is_some());
        troubled.then_some((name, pointer))
    });
    Ok(dead.map(|(name, pointer)| Claim::new(format!("nobody is behind service {name}")).field(ingress, &pointer)))
}

/// A condition of a gateway or a route that is false: its reason says which.
fn gateway(object: &Object, kinds: &[&str], says: &str) -> Judged<Option<Claim>> {
    let lists = [("/status/conditions".to_owned(), object.list("/status/conditions"))];
    let parents = object
        .list("/status/parents")
        .iter()
        .enumerate()
        .map(|(index, one)| (format!("/status/parents/{index}/conditions"), one.list("/conditions")));
    let mut all = lists
        .into_iter()
        .chain(parents)
        .flat_map(|(at, list)| list.iter().enumerate().map(move |(index, one)| (format!("{at}/{index}"), one)));
    let found = all.find(|(_, one)| kinds.contains(&one.text("/type")) && one.text("/status") == "False");
    Ok(found.filter(|_| object.deletion().is_none()).map(|(at, one)| {
        Claim::new(format!("{says}: {}", one.text("/reason")))
            .field(object, &format!("{at}/status"))
            .field(object, &format!("{at}/reason"))
            .by(Proof::field(object, &format!("{at}/message")))
    }))
}

const ING: Rule = Rule { on: &["Ingress"], effect: Effect::Unrouted, ..Rule::PLAIN };
const GW: Rule = Rule { on: &["Gateway", "GatewayClass", "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"], ..ING };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "ing.backend-svc-missing",
        means: "The ingress leads to a service that does not exist.",
        proves: "There is no such service in its namespace.",
        refutes: "the service",
        fix: "correct the backend, or create the service",
        judge: |scene, ingress| {
            let written = super::manifests::misnamed_backend(scene, ingress);
            super::manifests::first(written, || backend_missing(scene, ingress))
        },
        ..ING
    },
    Rule {
        code: "ing.port-missing",
        means: "The ingress leads to a port that its service does not have.",
        proves: "The port, and the service's ports.",
        refutes: "the port among the service's",
        fix: "use a port of the service",
        judge: port_missing,
        ..ING
    },
    Rule {
        code: "ing.backend-no-endpoints",
        weight: 10,
        stance: Stance::Symptom,
        confidence: Confidence::Likely,
        means: "Nobody is behind the service that the ingress leads to.",
        proves: "The service has no ready endpoint.",
        refutes: "a ready endpoint",
        fix: "mend what is behind the service",
        judge: no_endpoints,
        ..ING
    },
    Rule {
        code: "ing.class-missing",
        means: "The ingress names a class that does not exist.",
        proves: "There is no such class.",
        refutes: "the class",
        fix: "correct ingressClassName, or create the class",
        judge: class_missing,
        ..ING
    },
    Rule {
        code: "ing.no-class",
        confidence: Confidence::Likely,
        means: "The ingress names no class, and none is the default one, so no controller takes it.",
        proves: "No class, no annotation, no default, no address.",
        refutes: "a controller that takes ingresses without a class",
        fix: "set ingressClassName, or mark a class as the default one",
        judge: no_class,
        ..ING
    },
    Rule {
        code: "ing.no-controller",
        on: &["IngressClass"],
        effect: Effect::Down,
        confidence: Confidence::Likely,
        means: "Nobody serves the class of an ingress.",
        proves: "No pod by the controller's name runs, and no ingress of the class has an address.",
        refutes: "the controller running, here or outside the cluster",
        fix: "install the controller of the class",
        judge: no_controller,
        ..ING
    },
    Rule {
        code: "ing.tls-secret-missing",
        effect: Effect::Latent,
        means: "The certificate of the ingress does not exist, so visitors are shown another.",
        proves: "There is no such secret.",
        refutes: "the secret",
        fix: "create the secret of type kubernetes.io/tls",
        judge: tls_secret,
        ..ING
    },
    Rule {
        code: "ing.wrong-type",
        effect: Effect::Latent,
        means: "The secret of the ingress is no certificate with its key.",
        proves: "It has no tls.crt and tls.key.",
        refutes: "both keys in the secret",
        fix: "create the secret of type kubernetes.io/tls",
        judge: tls_type,
        ..ING
    },
    Rule {
        code: "gw.not-accepted",
        means: "A gateway or a route is not accepted.",
        proves: "Its condition Accepted is False, with the reason.",
        refutes: "the condition being True",
        fix: "see the reason: the class, the listener, or whom the listener lets in",
        judge: |_, object| gateway(object, &["Accepted"], "it is not accepted"),
        ..GW
    },
    Rule {
        code: "gw.refs-unresolved",
        means: "A route or a listener refers to something that is not there, or that it may not use.",
        proves: "Its condition ResolvedRefs is False, with the reason.",
        refutes: "the condition being True",
        fix: "correct the reference, or add a ReferenceGrant",
        judge: |_, object| gateway(object, &["ResolvedRefs"], "it refers to what is not there"),
        ..GW
    },
    Rule {
        code: "gw.not-programmed",
        weight: 70,
        means: "A gateway's settings do not reach its data plane.",
        proves: "Its condition Programmed is False, with the reason.",
        refutes: "the condition being True",
        fix: "see the reason, and the log of the gateway's controller",
        judge: |_, object| gateway(object, &["Programmed"], "its settings do not reach its data plane"),
        ..GW
    },
    Rule {
        code: "cert.issuing-stuck",
        on: &["Certificate"],
        stance: Stance::Yields,
        confidence: Confidence::Likely,
        effect: Effect::Down,
        means: "A certificate is not issued.",
        proves: "Its condition Ready is False for minutes.",
        refutes: "the condition being True",
        fix: "follow CertificateRequest, Order and Challenge to the one that is not ready",
        judge: |scene, object| {
            let old = object
                .condition("Ready")
                .and_then(|(_, one)| one.time("/lastTransitionTime"))
                .is_some_and(|at| scene.now().since(at) > 180);
            if old { gateway(object, &["Ready"], "it is not issued") } else { Ok(None) }
        },
        ..ING
    },
];
