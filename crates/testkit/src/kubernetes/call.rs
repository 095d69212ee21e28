//! What a request asks for, in RBAC's words: from method, path and query.

use hyper::Method;

/// A request for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// `get`, `list`, `watch`, `create`, …
    pub(super) verb: &'static str,
    pub(super) group: String,
    pub(super) version: String,
    pub(super) namespace: Option<String>,
    pub(super) resource: String,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
    /// Name and value, decoded, in their order.
    pub(super) query: Vec<(String, String)>,
}

impl Call {
    /// None for a path that leads to no resource, such as `/version` or `/apis`.
    pub(super) fn parse(method: &Method, path: &str, query: &str) -> Option<Call> {
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            // The namespace itself is a resource too.
            ["namespaces", namespace, rest @ ..]
                if !rest.is_empty() && *rest != ["status"] && *rest != ["finalize"] =>
            {
                (Some((*namespace).to_owned()), rest)
            }
            _ => (None, rest),
        };
        let (resource, name, subresource) = match rest {
            [resource] => (*resource, None, None),
            [resource, name] => (*resource, Some((*name).to_owned()), None),
            [resource, name, sub @ ..] => (*resource, Some((*name).to_owned()), Some(sub.join("/"))),
            [] => return None,
        };
        let query: Vec<(String, String)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        let watches = query.iter().any(|(name, value)| name == "watch" && value != "false" && value != "0");
        let verb = match (method.as_str(), &name) {
            ("GET", None) if watches => "watch",
            ("GET", None) => "list",
            ("GET" | "HEAD", _) => "get",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", None) => "deletecollection",
            ("DELETE", _) => "delete",
            _ => return None,
        };
        let (group, version, resource) = (group.to_owned(), version.to_owned(), resource.to_owned());
        Some(Call { verb, group, version, namespace, resource, name, subresource, query })
    }

    /// The first value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// All values of one that is repeated.
    pub(super) fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_on(&self, resource: &str, subresource: &str) -> bool {
        self.resource == resource && self.subresource.as_deref() == Some(subresource)
    }
}

/// Undoes percent encoding; `+` is a space, as forms have it.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let value = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        (bytes, rest) = match value {
            Some(value) => ([bytes, vec![value]].concat(), &after[2..]),
            None => ([bytes, vec![if *first == b'+' { b' ' } else { *first }]].concat(), after),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        method: Method,
        path: &str,
        query: &str,
        expect: (&str, &str, Option<&str>, &str, Option<&str>, Option<&str>),
    ) {
        let call = Call::parse(&method, path, query).expect("it leads to a resource");
        let got = (
            call.verb,
            call.group.as_str(),
            call.namespace.as_deref(),
            call.resource.as_str(),
            call.name.as_deref(),
            call.subresource.as_deref(),
        );
        assert_eq!(got, expect, "{path}");
    }

    #[test]
    fn paths_are_what_rbac_calls_them() {
        let get = Method::GET;
        check(get.clone(), "/api/v1/nodes", "", ("list", "", None, "nodes", None, None));
        check(get.clone(), "/api/v1/namespaces/demo", "", ("get", "", None, "namespaces", Some("demo"), None));
        check(get.clone(), "/api/v1/namespaces/demo/pods", "watch=1", ("watch", "", Some("demo"), "pods", None, None));
        check(get, "/api/v1/namespaces/d/pods/p/exec", "", ("get", "", Some("d"), "pods", Some("p"), Some("exec")));
        let path = "/apis/batch/v1/namespaces/d/jobs";
        check(Method::POST, path, "", ("create", "batch", Some("d"), "jobs", None, None));
        let path = "/apis/fathom.dev/v1alpha1/sessions/x/attach";
        check(Method::GET, path, "", ("get", "fathom.dev", None, "sessions", Some("x"), Some("attach")));
    }

    #[test]
    fn parameters_are_decoded() {
        let call = Call::parse(&Method::GET, "/api/v1/pods", "labelSelector=a%3Db%2Cc&command=x&command=y+z");
        let call = call.expect("it leads to pods");
        assert_eq!(call.parameter("labelSelector"), Some("a=b,c"));
        assert_eq!(call.parameters("command").collect::<Vec<_>>(), ["x", "y z"]);
    }
}
