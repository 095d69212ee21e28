//! Files by which a machine is a node of Kubernetes: certificates and their dates, manifests of static pods.

use super::journals::{self, KUBELETS};
use crate::cause::Effect;
use crate::claim::{Claim, Confidence};
use crate::eval::messages::journal::Sign;
use crate::object::{Fields as _, Object};
use crate::rule::Rule;
use crate::scene::Scene;
use crate::snapshot::Judged;
use crate::value::Value;

/// So many seconds before its end a certificate that nobody renews by itself is worth a word.
const SOON: i64 = 14 * 86_400;

/// The kubelet renews its own certificates long before they end.
fn is_kubelet_s(certificate: &Object) -> bool {
    certificate.name().contains("kubelet")
}

/// Seconds that are left; less than none where it has ended.
fn left(scene: &Scene<'_>, certificate: &Object) -> Option<i64> {
    Some(certificate.time("/notAfter")?.since(scene.now()))
}

fn ended<'a>(scene: &Scene<'a>, certificate: &'a Object, says: &str) -> Judged<Option<Claim>> {
    let over = left(scene, certificate).filter(|left| *left < 0);
    Ok(over.map(|_| Claim::new(says).since(certificate.time("/notAfter")).field(certificate, "/notAfter")))
}

/// Whether the kubelet's certificate itself was read, and tells.
fn is_seen(scene: &Scene<'_>, machine: &str) -> bool {
    let mut own = scene.snapshot.within("Certificate", machine).filter(|one| is_kubelet_s(one));
    own.any(|one| left(scene, one).is_some_and(|left| left < 0))
}

/// `1 day`.
fn days(seconds: i64) -> String {
    crate::quantity::counted(usize::try_from(seconds / 86_400).unwrap_or(0), "day")
}

fn near<'a>(scene: &Scene<'a>, certificate: &'a Object) -> Judged<Option<Claim>> {
    let soon = left(scene, certificate).filter(|left| (0..SOON).contains(left) && !is_kubelet_s(certificate));
    Ok(soon.map(|left| Claim::new(format!("it is good for {} more", days(left))).field(certificate, "/notAfter")))
}

/// What the kubelet would make of a manifest: nothing, if it cannot read it.
fn manifest(file: &Object) -> Judged<Option<Claim>> {
    let text = file.text("/value");
    let is_manifest = file.name().starts_with("/etc/kubernetes/manifests/");
    if !is_manifest || file.at("/value").is_none() {
        return Ok(None);
    }
    let wrong = match serde_saphyr::from_str::<Value>(text) {
        Err(error) => Some(error.to_string().lines().next().unwrap_or_default().to_owned()),
        Ok(pod) if pod.text("/kind") != "Pod" => Some("it describes no Pod".to_owned()),
        Ok(pod) if pod.text("/metadata/name").is_empty() => Some("its pod has no name".to_owned()),
        Ok(pod) if pod.list("/spec/containers").is_empty() => Some("its pod has no container".to_owned()),
        Ok(_) => None,
    };
    Ok(wrong.map(|why| Claim::new(format!("the kubelet cannot make a pod of it: {why}")).field(file, "/value")))
}

const CERTIFICATE: Rule = Rule { on: &["Certificate"], effect: Effect::Down, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "node.kubelet-cert-expired",
        on: &["Certificate", "Unit"],
        means: "The kubelet's certificate has ended, so the API server lets it in no more.",
        proves: "The date in the certificate, or the kubelet's own last words.",
        refutes: "a date that is still to come",
        fix: "remove /var/lib/kubelet/pki/kubelet-client* and start the kubelet with a new bootstrap token",
        judge: |scene, one| match one.id.kind.as_str() {
            "Unit" if is_seen(scene, one.ns()) => Ok(None),
            "Unit" => Ok(journals::ended(scene, one, KUBELETS, Sign::Expired, "its certificate has ended")),
            _ if is_kubelet_s(one) => ended(scene, one, "the kubelet's certificate has ended"),
            _ => Ok(None),
        },
        ..CERTIFICATE
    },
    Rule {
        code: "cp.cert-expired",
        means: "A certificate of the control plane has ended: its components do not believe each other.",
        proves: "The date in the certificate.",
        refutes: "a date that is still to come",
        fix: "kubeadm certs renew all, then start the control plane's pods again",
        judge: |scene, certificate| {
            if is_kubelet_s(certificate) { Ok(None) } else { ended(scene, certificate, "it has ended") }
        },
        ..CERTIFICATE
    },
    Rule {
        code: "cp.near-expiry",
        effect: Effect::Latent,
        weight: 30,
        confidence: Confidence::Likely,
        means: "A certificate of the control plane ends within two weeks, and nothing renews it by itself.",
        proves: "The date in the certificate.",
        refutes: "a later date",
        fix: "kubeadm certs renew all, then start the control plane's pods again",
        judge: near,
        ..CERTIFICATE
    },
    Rule {
        code: "cp.static-pod-manifest",
        on: &["File"],
        effect: Effect::Down,
        means: "The manifest of a static pod cannot be read, so the kubelet does not run it.",
        proves: "The manifest itself.",
        refutes: "the pod running",
        fix: "correct the manifest; the kubelet takes it up by itself",
        judge: |_, file| manifest(file),
        ..Rule::PLAIN
    },
];
