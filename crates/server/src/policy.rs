//! What a cluster allows besides rights: one text in one ConfigMap, read afresh for every session.

use std::time::Duration;

use fathom_model::quantity::{parse_duration, parse_size};
use fathom_model::{Class, Failure};
use fathom_protocol::{Bounds, Entry};
use serde::Deserialize;

/// Under which key of the ConfigMap it stands.
pub const KEY: &str = "policy.yaml";

/// What may stand in it: name and meaning. The reference page is made from this.
pub const RULES: &[(&str, &str)] = &[
    (
        "toolkits",
        "list of digests (`sha256:…`) of toolkits that may come along, of images or of archives (`sha256sum FILE`), and `mini` for the one inside the program; without it, any that the node's store has or that is sent",
    ),
    ("ttl", "longest life of a session (`8h`); one that asks for more, or for none, gets this"),
    (
        "memory",
        "most memory of a session (`1Gi`); one that asks for more gets this, and none may use the target's own cgroup",
    ),
    ("forbidden-namespaces", "list of namespaces whose pods nobody enters or traces, whatever their rights"),
    ("recording", "`required`: every terminal is recorded on its node, below `/var/lib/fathom/recordings`"),
];

/// The rules, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    toolkits: Option<Vec<String>>,
    ttl: Option<Duration>,
    memory: Option<u64>,
    forbidden: Vec<String>,
    recording: Recording,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Recording {
    #[default]
    Off,
    Required,
}

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Written {
    toolkits: Option<Vec<String>>,
    ttl: Option<String>,
    memory: Option<String>,
    forbidden_namespaces: Vec<String>,
    recording: Recording,
}

impl Policy {
    /// Reads it. No text at all is a mistake, an empty one has no rules.
    ///
    /// # Errors
    /// When a word is not understood: then nobody enters.
    pub fn read(text: Option<&str>) -> Result<Self, Failure> {
        let unusable = |cause: String| {
            Failure {
                cause: Some(cause),
                ..Failure::new(Class::System, "nobody enters: the policy of the cluster cannot be read")
            }
            .hinting(format!("whoever installed fathom has to mend `{KEY}` in the ConfigMap fathom-policy"))
        };
        let text = text.ok_or_else(|| unusable(format!("there is no `{KEY}`")))?;
        let bare = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        let written: Written = if bare {
            Written::default()
        } else {
            serde_saphyr::from_str(text).map_err(|error| unusable(error.to_string()))?
        };
        let ttl =
            written.ttl.as_deref().map(parse_duration).transpose().map_err(|error| unusable(error.to_string()))?;
        let memory =
            written.memory.as_deref().map(parse_size).transpose().map_err(|error| unusable(error.to_string()))?;
        let toolkits = written.toolkits;
        if let Some(odd) = toolkits.iter().flatten().find(|one| !(is_digest(one) || *one == "mini")) {
            return Err(unusable(format!(
                "`{odd}` is neither `mini` nor a digest (sha256: and 64 hexadecimal digits)"
            )));
        }
        Ok(Policy { toolkits, ttl, memory, forbidden: written.forbidden_namespaces, recording: written.recording })
    }

    /// Whether the archive of this digest may be sent to a node.
    ///
    /// # Errors
    /// When it may not.
    pub fn admit(&self, archive: &str) -> Result<(), Failure> {
        if !is_digest(archive) {
            return Err(Failure::new(Class::Usage, format!("`{archive}` is no digest of an archive"))
                .hinting("sha256: and 64 hexadecimal digits"));
        }
        if self.toolkits.as_ref().is_none_or(|allowed| allowed.iter().any(|one| one == archive)) {
            return Ok(());
        }
        Err(Failure::new(Class::Denied, format!("the policy of the cluster does not allow the archive {archive}"))
            .hinting("the ConfigMap fathom-policy says which toolkits are allowed, by the digest of image or archive"))
    }

    /// Holds an entry to it, and says what was changed.
    ///
    /// # Errors
    /// When there is no way to allow it.
    pub fn hold(&self, namespace: Option<&str>, entry: &mut Entry) -> Result<Vec<String>, Failure> {
        let denied = |what: String, hint: &str| Failure::new(Class::Denied, what).hinting(hint);
        let mut notices = self.hold_trace(namespace, entry)?;
        if let Some(most) = self.memory {
            if entry.target_cgroup {
                return Err(denied(
                    "the policy of the cluster limits the memory of sessions".to_owned(),
                    "leave --cgroup target out",
                ));
            }
            if entry.memory.is_none_or(|asked| asked > most) {
                entry.memory = Some(most);
                notices.push(format!("the policy of the cluster limits this session to {} MiB of memory", most >> 20));
            }
        }
        entry.bounds = Some(Bounds { toolkits: self.toolkits.clone() });
        Ok(notices)
    }

    /// Holds a trace to what of it applies there: what the kernel keeps for a trace is not for its user to choose.
    ///
    /// # Errors
    /// When there is no way to allow it.
    pub fn hold_trace(&self, namespace: Option<&str>, entry: &mut Entry) -> Result<Vec<String>, Failure> {
        if let Some(namespace) = namespace.filter(|name| self.forbidden.iter().any(|one| one == name)) {
            let message =
                format!("the policy of the cluster forbids to enter or trace pods of the namespace {namespace}");
            return Err(Failure::new(Class::Denied, message)
                .hinting("the ConfigMap fathom-policy says which namespaces are forbidden"));
        }
        let mut notices = Vec::new();
        if let Some(longest) = self.ttl.map(|ttl| ttl.as_secs())
            && entry.ttl.is_none_or(|asked| asked > longest)
        {
            entry.ttl = Some(longest);
            notices.push(format!("the policy of the cluster ends this session after {longest} s"));
        }
        if self.recording == Recording::Required && entry.terminal.is_some() {
            entry.recorded = true;
            notices.push("the policy of the cluster has this terminal recorded".to_owned());
        }
        Ok(notices)
    }
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str =
        "ttl: 1h\nmemory: 256Mi\nforbidden-namespaces: [kube-system]\nrecording: required\ntoolkits: [mini]\n";

    fn entry() -> Entry {
        Entry { terminal: Some((80, 24)), memory: Some(512 << 20), ..Entry::default() }
    }

    #[test]
    fn every_rule_holds_an_entry() {
        let policy = Policy::read(Some(ALL)).expect("it is well written");
        let mut held = entry();
        let notices = policy.hold(Some("shop"), &mut held).expect("it may be");
        assert_eq!((held.ttl, held.memory, held.recorded), (Some(3600), Some(256 << 20), true));
        assert_eq!(held.bounds, Some(Bounds { toolkits: Some(vec!["mini".into()]) }));
        assert_eq!(notices.len(), 3, "{notices:?}");
        let mut modest = Entry { ttl: Some(60), memory: Some(64 << 20), ..Entry::default() };
        assert_eq!(policy.hold(Some("shop"), &mut modest), Ok(vec![]));
        assert_eq!((modest.ttl, modest.memory, modest.recorded), (Some(60), Some(64 << 20), false));
        assert_eq!(policy.hold(Some("kube-system"), &mut entry()).map_err(|failure| failure.class), Err(Class::Denied));
        let mut sly = Entry { target_cgroup: true, ..entry() };
        assert_eq!(policy.hold(Some("shop"), &mut sly).map_err(|failure| failure.class), Err(Class::Denied));
    }

    #[test]
    fn without_rules_everything_stays_but_what_a_client_says_of_bounds() {
        for text in ["", "# nothing yet\n"] {
            let mut held = entry();
            assert_eq!(Policy::read(Some(text)).expect("it is well written").hold(None, &mut held), Ok(vec![]));
            assert_eq!(held, Entry { bounds: Some(Bounds::default()), ..entry() });
        }
    }

    #[test]
    fn a_policy_that_is_not_understood_lets_nobody_in() {
        for text in
            ["ttl: long", "memory: 1Q", "tll: 1h", "- ttl", "recording: maybe", "toolkits: [full]", "ttl: [", ":"]
        {
            assert!(Policy::read(Some(text)).is_err(), "{text}");
        }
        assert!(Policy::read(None).is_err());
    }

    /// The table is what is documented; what is read has to be in it.
    #[test]
    fn every_rule_is_documented() {
        for line in ALL.lines() {
            let name = line.split(':').next().expect("it has one");
            assert!(RULES.iter().any(|(rule, _)| *rule == name), "{name}");
        }
        assert_eq!(RULES.len(), ALL.lines().count());
    }
}
