//! What a person types to say where: `web`, `docker://4f1c`, `pid:4211`, `shop/pod/web-0/sidecar`, `host`.
//!
//! One grammar for every verb. Parsing never looks at the machine: whether `web` exists is asked later.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::container::Engine;
use crate::directory::distance;
use crate::failure::{Class, Failure};
use crate::hint::Hint;

/// A place to enter, trace or explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A container by name or id prefix, of any engine or of the one named by a scheme.
    Container {
        /// The engine, when a scheme said it.
        engine: Option<Engine>,
        /// Name or id prefix.
        name: String,
    },
    /// A process by its number on this machine.
    Pid(u32),
    /// The main process of a systemd unit.
    Unit(String),
    /// A network namespace by its name under /run/netns, or by path.
    Netns(PathBuf),
    /// The machine itself.
    Host,
    /// A stopped image: an OCI archive, a layout, a docker-save archive or a folder.
    Image(PathBuf),
    /// Something that Kubernetes knows.
    Object(Object),
}

/// A Kubernetes object that leads to a container or a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Namespace, when written before the kind.
    pub namespace: Option<String>,
    /// What kind of object.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// The container, when written after the name.
    pub container: Option<String>,
}

/// The kinds a target can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Kubernetes's own")]
pub enum ObjectKind {
    Pod,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Job,
    Service,
    Node,
}

impl ObjectKind {
    /// Every spelling kubectl takes; the first one of a kind is the one we print.
    pub const SPELLINGS: &[(&str, ObjectKind)] = &[
        ("pod", ObjectKind::Pod),
        ("po", ObjectKind::Pod),
        ("pods", ObjectKind::Pod),
        ("deploy", ObjectKind::Deployment),
        ("deployment", ObjectKind::Deployment),
        ("deployments", ObjectKind::Deployment),
        ("sts", ObjectKind::StatefulSet),
        ("statefulset", ObjectKind::StatefulSet),
        ("statefulsets", ObjectKind::StatefulSet),
        ("ds", ObjectKind::DaemonSet),
        ("daemonset", ObjectKind::DaemonSet),
        ("daemonsets", ObjectKind::DaemonSet),
        ("rs", ObjectKind::ReplicaSet),
        ("replicaset", ObjectKind::ReplicaSet),
        ("replicasets", ObjectKind::ReplicaSet),
        ("job", ObjectKind::Job),
        ("jobs", ObjectKind::Job),
        ("svc", ObjectKind::Service),
        ("service", ObjectKind::Service),
        ("services", ObjectKind::Service),
        ("node", ObjectKind::Node),
        ("no", ObjectKind::Node),
        ("nodes", ObjectKind::Node),
    ];

    /// The kind of this spelling.
    pub fn spelled(text: &str) -> Option<Self> {
        Self::SPELLINGS.iter().find(|(spelling, _)| *spelling == text).map(|(_, kind)| *kind)
    }
}

/// Why a word is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing was typed.
    #[error("the target is empty")]
    Empty,
    /// `pid:` without a usable number.
    #[error("`{0}` is not a process number")]
    Pid(String),
    /// A prefix without what it introduces.
    #[error("`{0}` names nothing after its prefix")]
    Nameless(String),
    /// `foo://…` or `foo:…` with a scheme nobody knows.
    #[error("`{scheme}` in `{text}` is no kind of target")]
    Scheme {
        /// What stood before the colon.
        scheme: String,
        /// The whole word.
        text: String,
    },
    /// `a/b` or longer in which no part is a known kind.
    #[error("`{text}` has slashes but no kind such as pod, deploy or node")]
    Kind {
        /// The whole word.
        text: String,
        /// A kind that looks like one of its parts.
        alike: Option<&'static str>,
    },
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        Failure { hint: error.hint(), ..Failure::new(Class::Usage, error.to_string()) }
    }
}

impl Hint for TargetError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            TargetError::Empty => "name a container, or pid:NUMBER, unit:NAME, netns:NAME or host".to_owned(),
            TargetError::Pid(_) => "write pid: with a number from `ps`, such as pid:4211".to_owned(),
            TargetError::Nameless(_) => "write the name right after the colon, without a space".to_owned(),
            TargetError::Scheme { .. } => {
                "use docker://, containerd://, cri-o://, podman://, pid:, unit:, netns:, image: or host".to_owned()
            }
            TargetError::Kind { alike: Some(kind), .. } => format!("did you mean `{kind}/…`"),
            TargetError::Kind { alike: None, .. } => {
                "write NAMESPACE/pod/NAME/CONTAINER, as in shop/pod/web-0".to_owned()
            }
        })
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if text.is_empty() {
            return Err(TargetError::Empty);
        }
        if text == "host" {
            return Ok(Target::Host);
        }
        if let Some((scheme, name)) = text.split_once("://") {
            let engine = scheme.parse().map_err(|()| unknown_scheme(scheme, text))?;
            return Ok(Target::Container { engine: Some(engine), name: named(name, text)? });
        }
        if let Some((prefix, rest)) = text.split_once(':')
            && let Some(target) = prefixed(prefix, rest, text)?
        {
            return Ok(target);
        }
        if text.contains('/') {
            return slashed(text);
        }
        Ok(Target::Container { engine: None, name: text.to_owned() })
    }
}

/// `pid:`, `unit:`, `netns:`, `image:`. Another word before a colon is a mistake when it is all lower-case letters,
/// and otherwise part of a name.
fn prefixed(prefix: &str, rest: &str, text: &str) -> Result<Option<Target>, TargetError> {
    Ok(Some(match prefix {
        "pid" => match rest.parse::<u32>() {
            Ok(pid) if pid > 0 && pid <= i32::MAX as u32 => Target::Pid(pid),
            _ => return Err(TargetError::Pid(rest.to_owned())),
        },
        "unit" => Target::Unit(named(rest, text)?),
        "netns" => Target::Netns(named(rest, text)?.into()),
        "image" => Target::Image(named(rest, text)?.into()),
        _ if !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_lowercase()) && !prefix.contains('/') => {
            return Err(unknown_scheme(prefix, text));
        }
        _ => return Ok(None),
    }))
}

/// `kind/name`, `kind/name/container`, `namespace/kind/name`, `namespace/kind/name/container`, `demo/name`.
fn slashed(text: &str) -> Result<Target, TargetError> {
    let parts: Vec<&str> = text.split('/').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(TargetError::Nameless(text.to_owned()));
    }
    if let ["demo", name] = parts.as_slice() {
        return Ok(Target::Container { engine: Some(Engine::Demo), name: (*name).to_owned() });
    }
    let kinds: Vec<Option<ObjectKind>> = parts.iter().map(|part| ObjectKind::spelled(part)).collect();
    let (namespace, kind, rest) = match (kinds.as_slice(), parts.as_slice()) {
        // A namespace may be called `pod`; the kind is the first part unless only the second one is a kind.
        ([Some(kind), ..], [_, rest @ ..]) => (None, *kind, rest),
        ([None, Some(kind), ..], [namespace, _, rest @ ..]) => (Some((*namespace).to_owned()), *kind, rest),
        _ => return Err(unknown_kind(text, &parts)),
    };
    let object = |name: &str, container: Option<&str>| {
        Target::Object(Object { namespace, kind, name: name.to_owned(), container: container.map(str::to_owned) })
    };
    match rest {
        [name] => Ok(object(name, None)),
        [name, container] if kind != ObjectKind::Node => Ok(object(name, Some(container))),
        [] => Err(TargetError::Nameless(text.to_owned())),
        _ => Err(unknown_kind(text, &parts)),
    }
}

fn named(name: &str, text: &str) -> Result<String, TargetError> {
    if name.is_empty() { Err(TargetError::Nameless(text.to_owned())) } else { Ok(name.to_owned()) }
}

fn unknown_scheme(scheme: &str, text: &str) -> TargetError {
    TargetError::Scheme { scheme: scheme.to_owned(), text: text.to_owned() }
}

fn unknown_kind(text: &str, parts: &[&str]) -> TargetError {
    let alike = ObjectKind::SPELLINGS
        .iter()
        .map(|(spelling, _)| *spelling)
        .filter(|spelling| spelling.len() > 2)
        .find(|spelling| parts.iter().any(|part| distance(part, spelling) == 1));
    TargetError::Kind { text: text.to_owned(), alike }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Container { engine: None, name } => write!(f, "{name}"),
            Target::Container { engine: Some(Engine::Demo), name } => write!(f, "demo/{name}"),
            Target::Container { engine: Some(engine), name } => write!(f, "{engine}://{name}"),
            Target::Pid(pid) => write!(f, "pid:{pid}"),
            Target::Unit(name) => write!(f, "unit:{name}"),
            Target::Netns(path) => write!(f, "netns:{}", path.display()),
            Target::Host => write!(f, "host"),
            Target::Image(path) => write!(f, "image:{}", path.display()),
            Target::Object(object) => write!(f, "{object}"),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        let spelling =
            ObjectKind::SPELLINGS.iter().find(|(_, kind)| *kind == self.kind).map_or("pod", |(text, _)| text);
        write!(f, "{spelling}/{}", self.name)?;
        self.container.iter().try_for_each(|container| write!(f, "/{container}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expect: Target) {
        assert_eq!(text.parse(), Ok(expect), "{text}");
    }

    fn container(engine: Option<Engine>, name: &str) -> Target {
        Target::Container { engine, name: name.into() }
    }

    fn object(namespace: Option<&str>, kind: ObjectKind, name: &str, container: Option<&str>) -> Target {
        Target::Object(Object {
            namespace: namespace.map(Into::into),
            kind,
            name: name.into(),
            container: container.map(Into::into),
        })
    }

    #[test]
    fn every_form_of_the_grammar() {
        check("web", container(None, "web"));
        check("docker://4f1c", container(Some(Engine::Docker), "4f1c"));
        check("cri-o://ab", container(Some(Engine::CriO), "ab"));
        check("demo/web", container(Some(Engine::Demo), "web"));
        check("pid:4211", Target::Pid(4211));
        check("unit:nginx.service", Target::Unit("nginx.service".into()));
        check("netns:blue", Target::Netns("blue".into()));
        check("netns:/run/netns/blue", Target::Netns("/run/netns/blue".into()));
        check("host", Target::Host);
        check("image:./app.tar", Target::Image("./app.tar".into()));
        check("pod/web-0", object(None, ObjectKind::Pod, "web-0", None));
        check("pod/web-0/sidecar", object(None, ObjectKind::Pod, "web-0", Some("sidecar")));
        check("shop/pod/web-0", object(Some("shop"), ObjectKind::Pod, "web-0", None));
        check("shop/pod/web-0/sidecar", object(Some("shop"), ObjectKind::Pod, "web-0", Some("sidecar")));
        check("sts/db", object(None, ObjectKind::StatefulSet, "db", None));
        check("node/worker-3", object(None, ObjectKind::Node, "worker-3", None));
        check("a name\nwith: odd", container(None, "a name\nwith: odd"));
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (text, says) in [
            ("", "the target is empty"),
            ("pid:0", "`0` is not a process number"),
            ("pid:99999999999", "`99999999999` is not a process number"),
            ("unit:", "`unit:` names nothing after its prefix"),
            ("dcoker://x", "`dcoker` in `dcoker://x` is no kind of target"),
            ("pdi:7", "`pdi` in `pdi:7` is no kind of target"),
            ("shop//web", "`shop//web` names nothing after its prefix"),
            ("pods2/web", "`pods2/web` has slashes but no kind such as pod, deploy or node"),
            ("node/a/b", "`node/a/b` has slashes but no kind such as pod, deploy or node"),
        ] {
            let error = text.parse::<Target>().expect_err(text);
            assert_eq!(error.to_string(), says);
            assert!(error.hint().is_some(), "{text}");
        }
        assert_eq!(
            "pods2/web".parse::<Target>().expect_err("no kind").hint().as_deref(),
            Some("did you mean `pods/…`")
        );
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(text in "[a-z:/0-9. -]{0,24}") {
            if let Ok(target) = text.parse::<Target>() {
                prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
            }
        }
    }
}
