//! Pods that manifests would make, and that could not start or would not be ready.

use crate::claim::{Claim, Fix};
use crate::eval::probes::Kind;
use crate::eval::validation::is_placeholder;
use crate::eval::{image as reference, selector};
use crate::object::{Fields as _, Object};
use crate::scene::{Part, Role, Scene};
use crate::value::Value;

/// No image can be called so.
pub(in crate::rules) fn image(scene: &Scene<'_>, pod: &Object) -> Option<Claim> {
    let parts = if scene.is_to_be(pod) { Part::all(pod) } else { Vec::new() };
    parts.into_iter().find_map(|part| {
        let image = part.image();
        // What is empty or has spaces around it, the API server refuses; ko puts an image in place of its own scheme.
        let own = !image.is_empty() && image.trim() == image && !is_placeholder(image) && !image.starts_with("ko://");
        let why = reference::fault(image).filter(|_| own)?;
        let claim = Claim::new(format!("container {}: no image can be called {image}: {why}", part.name()));
        let small = image.to_lowercase();
        let right = [small, image.replace("::", ":"), image.trim_end_matches(':').to_owned()];
        let right = right.into_iter().find(|right| reference::fault(right).is_none());
        let at = format!("{}/image", part.spec_at);
        let fix = match right {
            Some(right) => Fix::patch(scene, pod, &format!("use {right}"), &[(at, right.into())]),
            None => Fix::say("correct the image: REGISTRY/NAME:TAG, in small letters"),
        };
        Some(claim.by(part.asked("/image")).fix(fix))
    })
}

/// A container must not run as root, and is told to.
pub(in crate::rules) fn root(scene: &Scene<'_>, pod: &Object) -> Option<Claim> {
    let parts = if scene.is_to_be(pod) { Part::all(pod) } else { Vec::new() };
    parts.into_iter().find_map(|part| {
        let said = |field: &str| {
            let at = format!("/securityContext/{field}");
            let own = part.spec.at(&at).map(|value| (value, part.asked(&at)));
            let shared = format!("/spec{at}");
            own.or_else(|| Some((pod.at(&shared)?, crate::snapshot::Proof::field(pod, &shared))))
        };
        let (forbids, forbidden) = said("runAsNonRoot")?;
        let (user, told) = said("runAsUser")?;
        (*forbids == Value::Bool(true) && user.as_i64() == Some(0)).then(|| {
            let says = format!("container {}: it must not run as root, and its user is 0", part.name());
            Claim::new(says).by(forbidden).by(told)
        })
    })
}

/// A probe asks a port by a name that its container does not have.
pub(in crate::rules) fn asks_missing_port(scene: &Scene<'_>, pod: &Object, kind: Kind) -> Option<Claim> {
    let parts = if scene.is_to_be(pod) { Part::all(pod) } else { Vec::new() };
    parts.into_iter().filter(|part| part.role != Role::Init).find_map(|part| {
        let field = kind.field();
        let way = ["/httpGet/port", "/tcpSocket/port"]
            .into_iter()
            .find(|way| part.spec.at(&format!("{field}{way}")).is_some())?;
        let pointer = format!("{field}{way}");
        let name = part.spec.text(&pointer);
        let names = || part.spec.list("/ports").iter().map(|port| port.text("/name")).filter(|name| !name.is_empty());
        let is_name = name.contains(|letter: char| letter.is_ascii_alphabetic()) && !is_placeholder(name);
        if !is_name || names().any(|known| known == name) {
            return None;
        }
        let near = selector::nearest(name, names()).or_else(|| names().next().filter(|_| names().count() == 1));
        let hint = near.map_or(String::new(), |near| format!("; there is {near}"));
        let probe = field.trim_start_matches('/');
        let says = format!("container {}: its {probe} asks port {name}, which it does not have{hint}", part.name());
        let claim = Claim::new(says).by(part.asked(&pointer)).by(part.asked("/ports"));
        let at = format!("{}{pointer}", part.spec_at);
        Some(match near {
            Some(near) => claim.fix(Fix::patch(scene, pod, &format!("let {probe} ask {near}"), &[(at, near.into())])),
            None => claim.fix(Fix::say(format!("name a port of the container {name}, or give {probe} a number"))),
        })
    })
}

/// What begins so belongs to a namespace that a pod may have of its own
/// (k8s.io/component-helpers/node/util/sysctl): (beginning, what must not be the node's).
const SYSCTLS: [(&str, &str); 5] = [
    ("kernel.sem", "hostIPC"),
    ("kernel.shm", "hostIPC"),
    ("kernel.msg", "hostIPC"),
    ("fs.mqueue.", "hostIPC"),
    ("net.", "hostNetwork"),
];

/// A sysctl that no kubelet sets for a pod, whatever it is told to allow.
pub(in crate::rules) fn sysctl(scene: &Scene<'_>, pod: &Object) -> Option<Claim> {
    let list = if scene.is_to_be(pod) { pod.list("/spec/securityContext/sysctls") } else { &[] };
    list.iter().enumerate().find_map(|(index, sysctl)| {
        let name = sysctl.text("/name").replace('/', ".");
        let own = SYSCTLS.iter().find(|(begin, _)| name.starts_with(begin));
        let at = format!("/spec/securityContext/sysctls/{index}/name");
        let claim = |says: String| Claim::new(says).field(pod, &at);
        match own {
            _ if name.is_empty() || is_placeholder(&name) => None,
            None => Some(claim(format!("{name} is the node's alone, and no pod may set it")).fix(Fix::say(format!(
                "set {name} on the nodes, by their own settings or a privileged init container"
            )))),
            Some((_, host)) if pod.holds(&format!("/spec/{host}")) => Some(
                claim(format!("{name} would be the node's with {host}, and no pod may set that"))
                    .field(pod, &format!("/spec/{host}")),
            ),
            Some(_) => None,
        }
    })
}
