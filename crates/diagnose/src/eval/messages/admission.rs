//! Why the API server refused to create an object: what controllers repeat in FailedCreate events and conditions.

use super::between;

/// The reason for a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// `exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2`: quota and resource.
    Quota {
        /// The quota's name.
        quota: &'a str,
        /// The resource that was exceeded.
        resource: &'a str,
    },
    /// `failed quota: q: must specify limits.cpu for: c`.
    QuotaWants(&'a str),
    /// `maximum memory usage per Container is 256Mi, but limit is 1Gi`.
    LimitRange,
    /// `violates PodSecurity "restricted:latest": …`.
    PodSecurity,
    /// `PodSecurityPolicy: unable to admit pod: […]`, before Kubernetes 1.25.
    PodSecurityPolicy,
    /// `unable to validate against any security context constraint: […]`, of OpenShift.
    SecurityContext,
    /// A webhook could not be asked: its name and why.
    WebhookFailed {
        /// `validate.example.com`.
        webhook: &'a str,
        /// What came of the call.
        why: Call,
    },
    /// A webhook said no: its name.
    WebhookDenied(&'a str),
    /// `ValidatingAdmissionPolicy 'p' with binding 'b' denied request`.
    PolicyDenied(&'a str),
    /// `serviceaccount "x" not found`.
    NoServiceAccount(&'a str),
    /// `no PriorityClass with name x was found`.
    NoPriorityClass(&'a str),
    /// `RuntimeClass "x" not found`.
    NoRuntimeClass(&'a str),
    /// All webhooks together took too long.
    TimedOut,
    /// The object is too large.
    TooLarge,
    /// The spec is not valid.
    Invalid,
    /// The namespace is being deleted.
    NamespaceEnds,
    /// The controller itself may not create it.
    Forbidden,
}

/// What came of calling a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Its service does not exist.
    NoService,
    /// Its service has no ready endpoints.
    NoEndpoints,
    /// Nobody answered.
    Timeout,
    /// The connection was refused.
    Refused,
    /// The certificate does not fit.
    Tls,
    /// It answered with an error.
    Error,
}

/// What a text says.
pub fn read(text: &str) -> Option<Refusal<'_>> {
    if let Some(webhook) = between(text, "failed calling webhook \"", "\"") {
        return Some(Refusal::WebhookFailed { webhook, why: call(text) });
    }
    if text.contains("denied the request") {
        return Some(Refusal::WebhookDenied(between(text, "admission webhook \"", "\"").unwrap_or_default()));
    }
    if text.contains("denied request") {
        return Some(Refusal::PolicyDenied(between(text, "ValidatingAdmissionPolicy '", "'").unwrap_or_default()));
    }
    if let Some((_, rest)) = text.split_once("exceeded quota: ") {
        let quota = rest.split(',').next().unwrap_or_default();
        let resource = between(rest, "requested: ", "=").unwrap_or_default();
        return Some(Refusal::Quota { quota, resource });
    }
    if let Some(quota) = between(text, "failed quota: ", ":") {
        return Some(Refusal::QuotaWants(quota));
    }
    if text.contains("unable to validate against any security context constraint") {
        return Some(Refusal::SecurityContext);
    }
    let bounds = ["maximum ", "minimum "].iter().any(|word| text.contains(word)) && text.contains(" per ");
    if bounds || text.contains("max limit to request ratio per") {
        return Some(Refusal::LimitRange);
    }
    if ["PodSecurityPolicy: unable to admit pod", "unable to validate against any pod security policy"]
        .iter()
        .any(|words| text.contains(words))
    {
        return Some(Refusal::PodSecurityPolicy);
    }
    if text.contains("violates PodSecurity") {
        return Some(Refusal::PodSecurity);
    }
    if let Some(name) = between(text, "serviceaccount \"", "\" not found") {
        return Some(Refusal::NoServiceAccount(name));
    }
    if let Some(name) = between(text, "no PriorityClass with name ", " was found") {
        return Some(Refusal::NoPriorityClass(name));
    }
    if let Some(name) = between(text, "RuntimeClass \"", "\" not found") {
        return Some(Refusal::NoRuntimeClass(name));
    }
    let plain = [
        ("request did not complete within", Refusal::TimedOut),
        ("Request entity too large", Refusal::TooLarge),
        ("because it is being terminated", Refusal::NamespaceEnds),
        ("is invalid:", Refusal::Invalid),
        ("cannot create resource", Refusal::Forbidden),
        ("cannot set blockOwnerDeletion", Refusal::Forbidden),
    ];
    plain.into_iter().find(|(words, _)| text.contains(words)).map(|(_, refusal)| refusal)
}

fn call(text: &str) -> Call {
    // The address that was called ends with `?timeout=5s`.
    let text = text.split_once("Post \"").and_then(|(_, rest)| rest.split_once('"')).map_or(text, |(_, rest)| rest);
    const WORDS: &[(Call, &[&str])] = &[
        (Call::NoEndpoints, &["no endpoints available", "no service port"]),
        (Call::Tls, &["x509", "tls:", "HTTP response to HTTPS"]),
        (Call::Refused, &["connection refused", "connection reset"]),
        (Call::Timeout, &["deadline exceeded", "timeout", "no route to host", "timed out", "network is unreachable"]),
        (Call::NoService, &["\" not found"]),
    ];
    let words = WORDS.iter().find(|(_, words)| super::says(text, words));
    words.map_or(Call::Error, |(call, _)| *call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        let webhook = |why| Some(Refusal::WebhookFailed { webhook: "v.example.com", why });
        for (text, expect) in [
            (
                "pods \"a\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2",
                Some(Refusal::Quota { quota: "q", resource: "pods" }),
            ),
            (
                "pods \"a\" is forbidden: failed quota: q: must specify limits.cpu for: c",
                Some(Refusal::QuotaWants("q")),
            ),
            (
                "pods \"a\" is forbidden: maximum memory usage per Container is 256Mi, but limit is 1Gi",
                Some(Refusal::LimitRange),
            ),
            ("pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": x", Some(Refusal::PodSecurity)),
            (
                "error looking up service account a/b: serviceaccount \"b\" not found",
                Some(Refusal::NoServiceAccount("b")),
            ),
            (
                "failed calling webhook \"v.example.com\": Post \"https://v.a.svc:443/x?timeout=5s\": no endpoints available for service \"v\"",
                webhook(Call::NoEndpoints),
            ),
            (
                "failed calling webhook \"v.example.com\": Post \"https://v.a.svc:443/\": service \"v\" not found",
                webhook(Call::NoService),
            ),
            (
                "failed calling webhook \"v.example.com\": Post \"https://v.a.svc:443/\": dial tcp 10.0.0.1:443: connect: no route to host",
                webhook(Call::Timeout),
            ),
            (
                "failed calling webhook \"v.example.com\": Post \"https://v.a.svc:443/\": context deadline exceeded",
                webhook(Call::Timeout),
            ),
            (
                "failed calling webhook \"v.example.com\": tls: failed to verify certificate: x509: certificate is valid for localhost",
                webhook(Call::Tls),
            ),
            (
                "admission webhook \"v.example.com\" denied the request: no",
                Some(Refusal::WebhookDenied("v.example.com")),
            ),
            (
                "pods \"a-\" is forbidden: unable to validate against any pod security policy: [spec.containers[0].securityContext.privileged: Invalid value: true: Privileged containers are not allowed]",
                Some(Refusal::PodSecurityPolicy),
            ),
            ("pods \"a-\" is forbidden: PodSecurityPolicy: unable to admit pod: []", Some(Refusal::PodSecurityPolicy)),
            (
                "pods \"a-\" is forbidden: unable to validate against any security context constraint: [provider \"anyuid\": Forbidden: not usable by user or serviceaccount]",
                Some(Refusal::SecurityContext),
            ),
            ("all is well", None),
        ] {
            assert_eq!(read(text), expect, "{text}");
        }
    }
}
