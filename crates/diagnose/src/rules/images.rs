//! Images that cannot be pulled: what the registry or the runtime answered, from the state of the container that waits.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::between;
use crate::eval::messages::pull::{self, Pull};
use crate::object::{Fields as _, Object, Ref};
use crate::rule::Rule;
use crate::rules::manifests::{self, first};
use crate::scene::{Part, Scene};
use crate::snapshot::{Judged, Proof};

/// The container that waits for its image, what was said about it, and where.
fn refused<'a>(scene: &Scene<'a>, pod: &'a Object) -> Option<(Part<'a>, Pull, Proof)> {
    let part = scene.suffers(pod, Effect::NotStarted)?.part.clone()?;
    let image = part.image();
    let waits = [
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "SignatureValidationFailed",
        "RegistryUnavailable",
    ];
    if !waits.contains(&part.waits()) {
        return None;
    }
    let message = part.state("waiting")?.text("/message");
    if !is_of(message, image) {
        return None;
    }
    let whole = format!("{} {message}", part.waits());
    if let Some(said) = pull::read(&whole, image) {
        let message = part.saw("/state/waiting/message").or_else(|| part.saw("/state/waiting/reason"))?;
        return Some((part, said, message));
    }
    // Before 1.31 the state says only that it waits; the reason is in an event.
    let failed = scene.warnings(pod, &["Failed", "InspectFailed"]).find_map(|event| {
        // A table does not tell of which image it speaks.
        let image = if image.is_empty() { between(event.message(), "image \"", "\"")? } else { image };
        let said = event.message().contains(image).then(|| pull::read(event.message(), image)).flatten()?;
        Some((said, Proof::field(event.0, event.pointer())))
    });
    failed.map(|(said, proof)| (part, said, proof))
}

/// Whether a message is about an image: what it quotes as the container's has not been corrected since.
fn is_of(message: &str, image: &str) -> bool {
    let begins = ["pulling image \"", "default image tag \"", "parse image name \"", "Failed to pull image \""];
    begins.iter().find_map(|begin| between(message, begin, "\"")).is_none_or(|told| told == image)
}

/// An image of the same name that some node has, or that runs: what was meant, if there is only one.
fn near(scene: &Scene<'_>, image: &str) -> Option<String> {
    let mut found = scene.images(pull::name(image)).filter(|known| *known != image && !pull::name(image).is_empty());
    found.next().filter(|_| found.next().is_none()).map(str::to_owned)
}

/// The right reference, where the cluster shows it.
fn corrected(scene: &Scene<'_>, part: &Part<'_>, wanted: Pull) -> Option<Fix> {
    let image = part.image();
    let (right, why) = match wanted {
        Pull::InvalidName if image.to_lowercase() != image => (image.to_lowercase(), "names are in lower case"),
        Pull::NotFound | Pull::RegistryDns | Pull::InvalidName => (near(scene, image)?, "which the cluster has"),
        _ => return None,
    };
    let change = (format!("{}/image", part.spec_at), right.as_str().into());
    Some(Fix::patch(scene, part.pod, &format!("use {right}, {why}"), &[change]))
}

/// Says it if this is what was said.
fn said<'a>(scene: &Scene<'a>, pod: &'a Object, wanted: Pull) -> Judged<Option<Claim>> {
    Ok(refused(scene, pod).filter(|(_, said, _)| *said == wanted).map(|(part, _, proof)| {
        let registry = pull::registry(part.image());
        let known = between(&proof.saw, "image \"", "\"").filter(|_| part.image().is_empty()).map(str::to_owned);
        let image = known.as_deref().unwrap_or(part.image());
        let claim = Claim::new(format!("image {image} of {}", part.title()));
        let claim = claim.seen(pod).part(&part).by(proof).by_all(part.saw("/state/waiting/reason"));
        let advised = claim.proofs.first().and_then(|proof| super::advice::of_registry(&proof.saw));
        let fix = corrected(scene, &part, wanted).or(advised);
        let asked = known.is_none().then(|| part.asked("/image"));
        let claim = Claim { fix, ..claim.by_all(asked) };
        let shares = matches!(wanted, Pull::RegistryDns | Pull::Unreachable | Pull::Tls | Pull::RateLimit)
            && !registry.is_empty();
        if shares { claim.shared(Ref::new("Registry", "", registry)) } else { claim }
    }))
}

fn policy(part: &Part<'_>) -> String {
    format!("{}/imagePullPolicy", part.spec_at)
}

/// The names of pull secrets that apply to a pod: its own, or those of its service account.
fn secrets(scene: &Scene<'_>, pod: &Object) -> Vec<String> {
    let names = |object: &Object, pointer: &str| -> Vec<String> {
        object.list(pointer).iter().map(|one| one.text("/name").to_owned()).collect()
    };
    let own = names(pod, "/spec/imagePullSecrets");
    let account = scene.snapshot.seen("ServiceAccount", pod.ns(), pod.text("/spec/serviceAccountName"));
    if own.is_empty() { account.map(|account| names(account, "/imagePullSecrets")).unwrap_or_default() } else { own }
}

fn no_secret<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = said(scene, pod, Pull::Auth)?.filter(|_| secrets(scene, pod).is_empty()) else { return Ok(None) };
    let claim = claim.field(pod, "/spec/imagePullSecrets");
    let hidden = claim.proofs.iter().any(|proof| proof.saw.contains("may require"));
    Ok(Some(if hidden { claim.only(Confidence::Possible) } else { claim }))
}

fn secret_missing<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = said(scene, pod, Pull::Auth)? else { return Ok(None) };
    for name in secrets(scene, pod) {
        let told = scene.warnings(pod, &["FailedToRetrieveImagePullSecret"]).next();
        match scene.snapshot.absent("Secret", pod.ns(), &name) {
            Ok(None) => continue,
            Ok(Some(proof)) => {
                let told = told.map(|event| Proof::field(event.0, event.pointer()));
                let secret = crate::value::json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": pod.ns()}});
                let text = format!("kubectl -n {} create secret docker-registry {name} …", pod.ns());
                return Ok(Some(claim.by(proof).by_all(told).fix(Fix::say(text).adding(secret))));
            }
            // The kubelet looked, if we could not.
            Err(need) => match told {
                Some(event) => return Ok(Some(claim.field(event.0, event.pointer()))),
                None => return Err(need),
            },
        }
    }
    Ok(None)
}

fn bad_credentials<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let claim = said(scene, pod, Pull::Auth)?;
    let names = secrets(scene, pod);
    let present = !names.is_empty() && names.iter().all(|name| scene.snapshot.seen("Secret", pod.ns(), name).is_some());
    Ok(claim.filter(|_| present).map(|claim| claim.field(pod, "/spec/imagePullSecrets")))
}

fn slow<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.suffers(pod, Effect::NotStarted).filter(|trouble| trouble.part.is_none()) else {
        return Ok(None);
    };
    let mut events =
        scene.snapshot.events(pod).rev().filter(|event| ["Pulling", "Pulled", "Failed"].contains(&event.reason()));
    let pulling = events.next().filter(|event| event.reason() == "Pulling");
    let long = pulling.filter(|event| event.last().is_some_and(|at| scene.now().since(at) > 300));
    Ok(long
        .map(|event| Claim::of(trouble, "the pull goes on for more than five minutes").field(event.0, event.pointer())))
}

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "img.not-found",
        means: "The registry knows no such image or tag.",
        proves: "The container waits for its image, and the registry answered that there is none.",
        refutes: "a pull of the same reference that succeeds",
        fix: "correct the tag in the workload, or push the image",
        judge: |scene, pod| said(scene, pod, Pull::NotFound),
        ..Rule::PLAIN
    },
    Rule {
        code: "img.auth.none",
        means: "The registry wants credentials, and neither the pod nor its service account names a pull secret.",
        proves: "The registry answered 401 or 403, and there are no imagePullSecrets.",
        refutes: "a pull without credentials that succeeds elsewhere",
        fix: "create a pull secret and name it in imagePullSecrets of the pod or its service account",
        judge: no_secret,
        ..Rule::PLAIN
    },
    Rule {
        code: "img.auth.secret-missing",
        weight: 85,
        means: "The registry wants credentials, and the pull secret that is named does not exist.",
        proves: "The registry answered 401 or 403, and the secret is not in the namespace.",
        refutes: "the secret in the pod's namespace",
        fix: "create the pull secret in the pod's namespace",
        judge: secret_missing,
        ..Rule::PLAIN
    },
    Rule {
        code: "img.auth.bad-credentials",
        confidence: Confidence::Likely,
        means: "The registry does not accept the credentials of the pull secret, or they are for another registry.",
        proves: "The registry answered 401 or 403 though the secret exists.",
        refutes: "a pull with the same secret that succeeds",
        fix: "renew the credentials in the pull secret, for this registry",
        judge: bad_credentials,
        ..Rule::PLAIN
    },
    Rule {
        code: "img.registry-dns",
        means: "The registry's name does not resolve on the node; the node's resolver is asked, not the cluster's.",
        proves: "The runtime was told that there is no such host.",
        refutes: "the name resolving on the node",
        fix: "correct the registry's name in the image, or the node's resolver",
        judge: |scene, pod| said(scene, pod, Pull::RegistryDns),
        ..Rule::PLAIN
    },
    Rule {
        code: "img.registry-unreachable",
        means: "The node does not reach the registry, or the registry itself fails.",
        proves: "The runtime's connection failed or ran out of time, or it was answered with an error of the server.",
        refutes: "an answer of the registry to this node",
        fix: "open the way from the nodes to the registry, or use a mirror",
        judge: |scene, pod| said(scene, pod, Pull::Unreachable),
        ..Rule::PLAIN
    },
    Rule {
        code: "img.tls",
        means: "The node and the registry do not agree on TLS.",
        proves: "The runtime does not trust the certificate, it has expired, or the registry speaks plain HTTP.",
        refutes: "a TLS handshake from this node that succeeds",
        fix: "give the runtime the registry's CA, or mark the registry as plain HTTP (hosts.toml)",
        judge: |scene, pod| said(scene, pod, Pull::Tls),
        ..Rule::PLAIN
    },
    Rule {
        code: "img.rate-limit",
        means: "The registry answers no more requests for now.",
        proves: "It answered 429.",
        refutes: "a pull that succeeds now",
        fix: "pull with credentials or through a mirror; imagePullPolicy IfNotPresent helps",
        judge: |scene, pod| said(scene, pod, Pull::RateLimit),
        ..Rule::PLAIN
    },
    Rule {
        code: "img.platform",
        means: "The image exists, and not for the architecture of this node.",
        proves: "The manifest has no match for the platform.",
        refutes: "a manifest for the node's architecture",
        fix: "build the image for this architecture, or select nodes by kubernetes.io/arch",
        judge: |scene, pod| said(scene, pod, Pull::Platform),
        ..Rule::PLAIN
    },
    Rule {
        code: "img.invalid-name",
        means: "No image can be called so: upper case, a space, a scheme or an empty tag.",
        proves: "The kubelet could not parse the reference; of a manifest, the reference itself.",
        refutes: "none: the reference is wrong as it is written",
        fix: "correct the image's reference",
        judge: |scene, pod| first(manifests::image(scene, pod), || said(scene, pod, Pull::InvalidName)),
        ..Rule::PLAIN
    },
    Rule {
        code: "img.never-pull",
        means: "The node does not have the image, and pulling is forbidden.",
        proves: "imagePullPolicy is Never, and the kubelet did not find the image.",
        refutes: "the image on the pod's node",
        fix: "load the image on the node, or set imagePullPolicy to IfNotPresent",
        judge: |scene, pod| {
            let Some(claim) = said(scene, pod, Pull::Never)? else { return Ok(None) };
            let part = Part::all(pod).into_iter().find(|part| Some(part.name()) == claim.part.as_deref());
            let Some(part) =
                part.filter(|part| !part.pod.tells(&policy(part)) || part.spec.text("/imagePullPolicy") == "Never")
            else {
                return Ok(None);
            };
            let words = "let it be pulled, or load the image on the node";
            Ok(Some(claim.fix(Fix::patch(scene, pod, words, &[(policy(&part), "IfNotPresent".into())]))))
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "img.no-space",
        stance: crate::rule::Stance::Yields,
        means: "The node's image file system is full.",
        proves: "The runtime could not write a layer.",
        refutes: "free space on the image file system",
        fix: "free space on the node; see node.disk-pressure",
        judge: |scene, pod| said(scene, pod, Pull::NoSpace),
        ..Rule::PLAIN
    },
    Rule {
        code: "img.corrupt",
        means: "The image arrives damaged: a proxy cuts it off, or the registry's copy is broken.",
        proves: "Size or digest of a layer is wrong.",
        refutes: "a pull of the same digest by another way",
        fix: "push the image again, and pull without the proxy between",
        judge: |scene, pod| said(scene, pod, Pull::Corrupt),
        ..Rule::PLAIN
    },
    Rule {
        code: "img.pull-qps",
        means: "The kubelet itself limits how often it asks registries.",
        proves: "The kubelet says that its pull QPS is exceeded.",
        refutes: "the message being gone after a minute",
        fix: "raise registryPullQPS in the kubelet's configuration",
        judge: |scene, pod| said(scene, pod, Pull::Qps),
        ..Rule::PLAIN
    },
    Rule {
        code: "img.signature",
        means: "The node demands a signature that the image does not have.",
        proves: "The runtime says that the validation of the signature failed.",
        refutes: "a valid signature by the policy of the node",
        fix: "sign the image, or correct the signature policy",
        judge: |scene, pod| said(scene, pod, Pull::Signature),
        ..Rule::PLAIN
    },
    Rule {
        code: "img.slow-pull",
        confidence: Confidence::Likely,
        weight: 30,
        means: "The image is still being pulled after minutes: it is large, the way is slow, or others are pulled before it.",
        proves: "The last event is Pulling, five minutes old, and nothing failed.",
        refutes: "a Pulled event",
        fix: "use a smaller image or a nearer registry; serializeImagePulls: false lets pulls run side by side",
        judge: slow,
        ..Rule::PLAIN
    },
];
