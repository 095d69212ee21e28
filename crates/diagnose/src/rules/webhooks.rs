//! Webhooks that keep pods from being made: they cannot be asked, or say no.

use super::admission::{ADM, refused, says};
use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::admission::{self as grammar, Call, Refusal};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::Scene;
use crate::snapshot::{Judged, Snapshot};

/// The webhook configurations that have a webhook of this name.
pub(crate) fn owners_of<'a>(snapshot: &'a Snapshot, webhook: &str) -> Vec<&'a Object> {
    let kinds = ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"];
    let has = |config: &&Object| config.list("/webhooks").iter().any(|hook| hook.text("/name") == webhook);
    kinds.iter().flat_map(|kind| snapshot.all(kind)).filter(has).collect()
}

/// A webhook that could not be asked, of a configuration that is here or that the message names.
fn webhook<'a>(scene: &Scene<'a>, maker: &'a Object, wanted: &[Call], what: &str) -> Judged<Option<Claim>> {
    let Some((message, proof)) = refused(scene, maker) else { return Ok(None) };
    let Some(Refusal::WebhookFailed { webhook, why }) = grammar::read(message).filter(|_| true) else {
        return Ok(None);
    };
    if !wanted.contains(&why) {
        return Ok(None);
    }
    let configs = owners_of(scene.snapshot, webhook);
    let claim = Claim::new(format!("webhook {webhook}: {what}")).seen(maker).by(proof);
    let Some(config) = configs.first() else { return Ok(Some(claim)) };
    let index = config.list("/webhooks").iter().position(|hook| hook.text("/name") == webhook).unwrap_or(0);
    let (place, name) = (
        format!("/webhooks/{index}/clientConfig/service/namespace"),
        format!("/webhooks/{index}/clientConfig/service/name"),
    );
    let service = scene.snapshot.seen("Service", config.text(&place), config.text(&name));
    // Mended in the meantime: the controller will try again.
    let served = service.is_some_and(|service| scene.is_served(service));
    if why == Call::NoEndpoints && served || why == Call::NoService && service.is_some() {
        return Ok(None);
    }
    let policy = format!("/webhooks/{index}/failurePolicy");
    // Whom nobody has to ask keeps nobody out.
    if config.text(&policy) == "Ignore" {
        return Ok(None);
    }
    let patch = crate::value::json!([{"op": "replace", "path": policy, "value": "Ignore"}]);
    let text = format!(
        "repair it; until then kubectl patch {} {} --type json -p '{patch}'",
        config.id.kind.to_lowercase(),
        config.name()
    );
    let fix = Fix::say(text).set(config, &policy, "Ignore");
    let claim = claim.about(config.id.clone()).field(config, &policy).field(config, &name);
    Ok(Some(claim.fix(fix)))
}

fn denied<'a>(scene: &Scene<'a>, maker: &'a Object) -> Judged<Option<Claim>> {
    let Some((message, proof)) = refused(scene, maker) else { return Ok(None) };
    let who = match grammar::read(message) {
        Some(Refusal::WebhookDenied(name)) => format!("webhook {name}"),
        Some(Refusal::PolicyDenied(name)) => format!("admission policy {name}"),
        _ => return Ok(None),
    };
    let reason = message
        .split_once("denied the request:")
        .or_else(|| message.split_once("denied request:"))
        .map_or("", |(_, rest)| rest.trim());
    Ok(Some(Claim::new(format!("{who} refuses its pods: {reason}")).seen(maker).by(proof)))
}

const HOOK: Rule = Rule { effect: Effect::Denies, stance: Stance::Stands, ..ADM };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "adm.webhook-unreachable.svc-missing",
        means: "A webhook that must be asked has a service that does not exist.",
        proves: "The API server's words, and there is no such service.",
        refutes: "the service",
        fix: "restore the webhook's service, or delete its configuration",
        judge: |scene, maker| webhook(scene, maker, &[Call::NoService], "its service does not exist"),
        ..HOOK
    },
    Rule {
        code: "adm.webhook-unreachable.no-endpoints",
        means: "A webhook that must be asked has nobody behind its service.",
        proves: "The API server's words, and the service has no ready endpoints.",
        refutes: "a ready endpoint",
        fix: "restore the webhook's pods; meanwhile failurePolicy: Ignore",
        judge: |scene, maker| webhook(scene, maker, &[Call::NoEndpoints], "nobody is behind its service"),
        ..HOOK
    },
    Rule {
        code: "adm.webhook-unreachable.timeout",
        means: "A webhook that must be asked does not answer the API server.",
        proves: "The API server's call ran out of time or found no way.",
        refutes: "a call from the API server's machine that is answered",
        fix: "open the way from the API server to the webhook's pods; check its endpoints",
        judge: |scene, maker| webhook(scene, maker, &[Call::Timeout], "it does not answer"),
        ..HOOK
    },
    Rule {
        code: "adm.webhook-unreachable.refused",
        means: "Nobody listens where a webhook that must be asked should be.",
        proves: "The API server's connection was refused.",
        refutes: "a listening socket on the webhook's port",
        fix: "correct the port of the webhook's service, or start its server",
        judge: |scene, maker| webhook(scene, maker, &[Call::Refused], "nobody listens on its port"),
        ..HOOK
    },
    Rule {
        code: "adm.webhook-error",
        weight: 60,
        means: "A webhook that must be asked answers with an error.",
        proves: "The API server's words.",
        refutes: "a call that is answered",
        fix: "see the log of the webhook's pods",
        judge: |scene, maker| webhook(scene, maker, &[Call::Error], "it answers with an error"),
        ..HOOK
    },
    Rule {
        code: "adm.webhook-tls",
        means: "The API server does not trust the certificate of a webhook: another CA, another name, or too old.",
        proves: "The API server's words.",
        refutes: "a certificate for the service's name, signed by caBundle",
        fix: "renew the certificate for SERVICE.NAMESPACE.svc, and put its CA into caBundle",
        judge: |scene, maker| webhook(scene, maker, &[Call::Tls], "its certificate is not trusted"),
        ..HOOK
    },
    Rule {
        code: "adm.webhook-denied",
        means: "A policy refuses the pods.",
        proves: "The webhook's or the policy's own words.",
        refutes: "a pod of this template that is let in",
        fix: "change the pods as the policy says, or the policy",
        judge: denied,
        ..ADM
    },
    Rule {
        code: "adm.webhook-cumulative-timeout",
        confidence: Confidence::Likely,
        means: "All webhooks together take longer than a request may.",
        proves: "The API server's words.",
        refutes: "a request that is answered in time",
        fix: "lower timeoutSeconds of the webhooks",
        judge: |scene, maker| {
            says(scene, maker, "its request took longer than it may", |one| *one == Refusal::TimedOut)
        },
        ..ADM
    },
];
