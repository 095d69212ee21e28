//! What the API server answers, as a [`Failure`]: who lacks which right, and what to do about it.

use fathom_model::{Class, Failure};

/// What was tried, in the words of RBAC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried<'a> {
    pub(crate) verb: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) group: &'a str,
    /// None for what is in no namespace.
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: &'a str,
}

impl Tried<'_> {
    pub(crate) fn what(&self) -> String {
        let place = self.namespace.map_or_else(String::new, |namespace| format!(" in the namespace {namespace}"));
        let name = if self.name.is_empty() { String::new() } else { format!(" {}", self.name) };
        format!("{} {}{name}{place}", self.verb, self.resource)
    }

    /// The rule that would allow it, as YAML to paste.
    pub(crate) fn rule(&self) -> String {
        format!("apiGroups: [\"{}\"]\nresources: [\"{}\"]\nverbs: [\"{}\"]", self.group, self.resource, self.verb)
    }
}

/// Turns an error of the client into ours.
pub(crate) fn failure(tried: Tried<'_>, error: kube::Error) -> Failure {
    let what = tried.what();
    let clock = clock(&causes(&error));
    let (class, hint) = match &error {
        kube::Error::Api(status) => match status.code {
            401 => (Class::Denied, "log in again: the cluster does not know these credentials".to_owned()),
            403 if status.message.contains(POD_SECURITY) => (
                Class::Denied,
                "the namespace's Pod Security level forbids it; --profile chooses other rights".to_owned(),
            ),
            403 => {
                let kind = if tried.namespace.is_some() { "Role" } else { "ClusterRole" };
                (Class::Denied, format!("a {kind} with this rule allows it:\n{}", tried.rule()))
            }
            404 => (Class::NotFound, "`kubectl get` lists what there is; -n names another namespace".to_owned()),
            _ => (Class::System, "try again; `kubectl get --raw /readyz` says whether the cluster is well".to_owned()),
        },
        kube::Error::Auth(_) => (Class::Denied, "log in again, or choose another --context".to_owned()),
        kube::Error::Service(_) | kube::Error::HyperError(_) if clock.is_some() => {
            (Class::System, clock.unwrap_or_default())
        }
        kube::Error::Service(_) | kube::Error::HyperError(_) => {
            (Class::System, "check that the cluster can be reached: `kubectl version`".to_owned())
        }
        _ => (Class::System, "`kubectl` with the same words says whether the cluster is well".to_owned()),
    };
    let cause = match error {
        kube::Error::Api(status) => status.message,
        other => causes(&other),
    };
    Failure { class, message: format!("cannot {what}"), cause: Some(cause), hint: Some(hint) }
}

/// What to do about a certificate that is right at another time than ours, as rustls words it.
fn clock(cause: &str) -> Option<String> {
    const TIMES: [(&str, &str); 4] = [
        ("not valid yet", "is not valid yet"),
        ("NotValidYet", "is not valid yet"),
        ("certificate expired", "has expired"),
        ("Expired", "has expired"),
    ];
    let (_, state) = TIMES.iter().find(|(words, _)| cause.contains(words))?;
    Some(format!("the API server's certificate {state}, by the clock of this machine: compare `date -u` on both"))
}

/// What Pod Security's own admission begins with. Nothing in its answers tells it from others but this.
const POD_SECURITY: &str = "violates PodSecurity";

/// Whether a failure is the word of a namespace's Pod Security level, and of no lack of rights.
pub fn is_against_pod_security(failure: &Failure) -> bool {
    failure.class == Class::Denied && failure.cause.as_ref().is_some_and(|cause| cause.contains(POD_SECURITY))
}

pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut deeper = error.source();
    while let Some(cause) = deeper {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        deeper = cause.source();
    }
    text
}
