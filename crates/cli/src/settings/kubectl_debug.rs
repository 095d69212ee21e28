//! The configuration file of kubectl-debug, `~/.kube/debug-config`: its text goes in, what it means here comes out, with
//! what means nothing here and why.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::{Given, SETTINGS, Setting, Takes};

/// A field of that file.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) sense: Sense,
}

/// What a field means here.
pub(crate) enum Sense {
    /// The same as this setting.
    As(&'static str),
    /// The same as this setting where the value fits; else nothing, and why.
    AsFar(&'static str, fn(&str) -> bool, &'static str),
    /// Nothing, and why.
    Nothing(&'static str),
    /// What is done here anyway with this value; nothing with any other, and why.
    Always(&'static str, &'static str),
}

use Sense::{Always, As, AsFar, Nothing};

const PORT: &str = "nothing listens on a port";
const LIMITS: &str = "what an agent may use is fixed";
const TOOLS: &str = "tools are no image that is pulled";

/// Every field that kubectl-debug reads.
pub(crate) const FIELDS: &[Field] = &[
    field("agentPodNamespace", As("agent-namespace")),
    field("agentImagePullSecretName", As("image-pull-secret")),
    field("agentImage", AsFar("agent-image", is_agent, "that agent is kubectl-debug's own; `agent-image` names ours")),
    field("image", AsFar("toolkit", is_toolkit, "tools are a toolkit; `fathom toolkit import` makes one of an image")),
    field("command", Nothing("the toolkit's shell starts by itself; another command stands after `--`")),
    field("forkPodRetainLabels", As("keep-labels")),
    field("agentless", Always("true", "no DaemonSet is needed: an agent comes for a session and goes after it")),
    field("debugAgentDaemonset", Nothing("no DaemonSet is needed: an agent comes for a session and goes after it")),
    field("debugAgentNamespace", Nothing("no DaemonSet is needed: an agent comes for a session and goes after it")),
    field("agentPodNamePrefix", Nothing("agents are found by their labels")),
    field("agentImagePullPolicy", Always("IfNotPresent", "the image is pulled where the node lacks it")),
    field("agentPort", Nothing(PORT)),
    field("agent_port", Nothing(PORT)),
    field("portForward", Nothing(PORT)),
    field("agentCpuRequests", Nothing(LIMITS)),
    field("agentCpuLimits", Nothing(LIMITS)),
    field("agentMemoryRequests", Nothing(LIMITS)),
    field("agentMemoryLimits", Nothing(LIMITS)),
    field("registrySecretName", Nothing(TOOLS)),
    field("registrySecretNamespace", Nothing(TOOLS)),
    field("registrySkipTLSVerify", Always("false", TOOLS)),
    field("isLxcfsEnabled", Always("false", "no lxcfs is mounted")),
    field("verbosity", Nothing("there are no levels of messages")),
];

const fn field(name: &'static str, sense: Sense) -> Field {
    Field { name, sense }
}

/// An image whose name says that it is our agent, of whichever registry.
fn is_agent(image: &str) -> bool {
    image.rsplit('/').next().is_some_and(|name| name.starts_with("fathom-agent"))
}

fn is_toolkit(image: &str) -> bool {
    ["mini", "full"].contains(&image)
}

/// A file as it was found.
#[derive(Debug)]
pub(crate) struct Habits {
    file: String,
    read: Result<Translation, String>,
}

impl Habits {
    pub(super) fn of(text: &str, file: &Path) -> Self {
        Habits { file: file.display().to_string(), read: translate(text) }
    }

    /// Adds what is not said yet, also not in words; returns what there is to tell, if anything.
    pub(crate) fn add_to(self, given: &mut Vec<Given>, typed: impl Fn(&Setting) -> bool) -> Option<String> {
        let Habits { file, read } = self;
        let leave = "`kubectl-debug-config = false` in our own configuration leaves it alone";
        let Translation { given: mut taken, unmeant } = match read {
            Ok(read) => read,
            Err(why) => return Some(format!("{file} of kubectl-debug cannot be read ({why}); {leave}")),
        };
        taken.retain(|one| !typed(one.setting) && given.iter().all(|known| known.setting != one.setting));
        let mut lines = Vec::new();
        if !taken.is_empty() {
            let meant = |one: &Given| format!("{} as {} = {}", one.place, one.setting.name, one.values.join(","));
            lines.push(format!("  taken over: {}", taken.iter().map(meant).collect::<Vec<_>>().join("; ")));
        }
        if !unmeant.is_empty() {
            let told = |(why, fields): &(&str, Vec<String>)| format!("{} ({why})", fields.join(", "));
            lines.push(format!("  without meaning here: {}", unmeant.iter().map(told).collect::<Vec<_>>().join("; ")));
        }
        for one in &mut taken {
            one.place = format!("`{}` in {file}", one.place);
        }
        given.append(&mut taken);
        (!lines.is_empty()).then(|| format!("{file} of kubectl-debug is read; {leave}\n{}", lines.join("\n")))
    }
}

/// What the file means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Translation {
    /// Settings; their place is the name of the field.
    pub(super) given: Vec<Given>,
    /// Fields without meaning, by the reason.
    pub(super) unmeant: Vec<(&'static str, Vec<String>)>,
}

impl Translation {
    fn drop(&mut self, field: String, why: &'static str) {
        match self.unmeant.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, fields)) => fields.push(field),
            None => self.unmeant.push((why, vec![field])),
        }
    }

    fn take(&mut self, field: &Field, name: &str, values: Vec<String>) {
        let setting = setting(name);
        if setting.takes == Takes::One && values.len() != 1 {
            self.drop(field.name.to_owned(), "it is not one text");
        } else {
            self.given.push(Given { setting, values, place: field.name.to_owned() });
        }
    }
}

/// Reads the text; the error is why it cannot be.
pub(super) fn translate(text: &str) -> Result<Translation, String> {
    // A file of comments alone is no mapping.
    let read: Option<BTreeMap<String, Value>> = serde_saphyr::from_str(text).map_err(|error| first_line(&error))?;
    let mut read = read.unwrap_or_default();
    let mut translation = Translation::default();
    for field in FIELDS {
        let values = read.remove(field.name).map(|value| texts(&value)).unwrap_or_default();
        let Some(first) = values.first() else { continue };
        match field.sense {
            As(name) => translation.take(field, name, values),
            AsFar(name, fits, _) if fits(first) => translation.take(field, name, values),
            AsFar(_, _, why) | Nothing(why) => translation.drop(field.name.to_owned(), why),
            Always(value, _) if value == first => {}
            Always(_, why) => translation.drop(field.name.to_owned(), why),
        }
    }
    for name in read.into_keys() {
        translation.drop(name, "kubectl-debug has no such field");
    }
    Ok(translation)
}

/// The setting of a name of [`FIELDS`].
pub(crate) fn setting(name: &str) -> &'static Setting {
    SETTINGS.iter().find(|setting| setting.name == name).expect("a test looks for each of FIELDS")
}

/// What is said; nothing for what says no more than silence does.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null | Value::Object(_) => Vec::new(),
        Value::Bool(said) => vec![said.to_string()],
        Value::Number(number) if number.as_u64() == Some(0) => Vec::new(),
        Value::Number(number) => vec![number.to_string()],
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
    }
}

fn first_line(error: &serde_saphyr::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect_given: &[(&str, &[&str])], expect_unmeant: &[(&str, &str)]) {
        let got = translate(text).expect(text);
        let given: Vec<(&str, Vec<&str>)> =
            got.given.iter().map(|one| (one.setting.name, one.values.iter().map(String::as_str).collect())).collect();
        let unmeant: Vec<(String, &str)> =
            got.unmeant.iter().map(|(reason, fields)| (fields.join(" "), *reason)).collect();
        assert_eq!(
            given,
            expect_given.iter().map(|(name, values)| (*name, values.to_vec())).collect::<Vec<_>>(),
            "{text}"
        );
        assert_eq!(
            unmeant,
            expect_unmeant.iter().map(|(f, why)| ((*f).to_owned(), *why)).collect::<Vec<_>>(),
            "{text}"
        );
    }

    #[test]
    fn each_field_leads_to_a_setting_that_there_is() {
        for field in FIELDS {
            if let As(name) | AsFar(name, ..) = field.sense {
                assert_eq!(setting(name).name, name);
            }
        }
    }

    #[test]
    fn what_means_the_same_is_taken_over() {
        check("", &[], &[]);
        check("# nothing\n", &[], &[]);
        check("agentPodNamespace: tools", &[("agent-namespace", &["tools"])], &[]);
        check("agentImagePullSecretName: regcred", &[("image-pull-secret", &["regcred"])], &[]);
        check("agentImage: 'mirror:5000/x/fathom-agent:2'", &[("agent-image", &["mirror:5000/x/fathom-agent:2"])], &[]);
        check("forkPodRetainLabels: [app, tier]", &[("keep-labels", &["app", "tier"])], &[]);
        check("image: full", &[("toolkit", &["full"])], &[]);
        check("agentless: true\nagentImagePullPolicy: IfNotPresent\nverbosity: 0\ncommand: []\nimage: ''", &[], &[]);
    }

    #[test]
    fn what_means_nothing_is_named_with_its_reason() {
        check("agentPort: 10027\nportForward: false", &[], &[("agentPort portForward", PORT)]);
        check(
            "agentless: false",
            &[],
            &[("agentless", "no DaemonSet is needed: an agent comes for a session and goes after it")],
        );
        check(
            "agentImage: aylei/debug-agent:latest",
            &[],
            &[("agentImage", "that agent is kubectl-debug's own; `agent-image` names ours")],
        );
        check("agentPodNamespace: [a, b]", &[], &[("agentPodNamespace", "it is not one text")]);
        check(
            "AgentPort: 1\nagentPodNamespace: x",
            &[("agent-namespace", &["x"])],
            &[("AgentPort", "kubectl-debug has no such field")],
        );
    }

    #[test]
    fn what_is_no_yaml_is_an_error() {
        for text in ["a: [", "- a\n- b", "just words"] {
            assert!(translate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_said_already_stays_and_the_rest_is_told() {
        let text = "agentPodNamespace: theirs\nagentImagePullSecretName: regcred\nimage: mini\nverbosity: 3\n";
        let habits = || Habits::of(text, Path::new("FILE"));
        let own = Given { setting: setting("agent-namespace"), values: vec!["ours".into()], place: "`x`".into() };
        let mut given = vec![own];
        let notice = habits().add_to(&mut given, |setting| setting.name == "toolkit").expect("there is much to tell");
        assert_eq!(
            notice,
            "FILE of kubectl-debug is read; `kubectl-debug-config = false` in our own configuration leaves it alone\n  \
            taken over: agentImagePullSecretName as image-pull-secret = regcred\n  \
            without meaning here: verbosity (there are no levels of messages)"
        );
        let given: Vec<_> = given.iter().map(|one| (one.setting.name, &*one.values[0], &*one.place)).collect();
        let taken = ("image-pull-secret", "regcred", "`agentImagePullSecretName` in FILE");
        assert_eq!(given, [("agent-namespace", "ours", "`x`"), taken]);
        assert_eq!(Habits::of("agentless: true", Path::new("FILE")).add_to(&mut Vec::new(), |_| false), None);
        let broken = Habits::of("- a", Path::new("FILE")).add_to(&mut Vec::new(), |_| false).expect("that is told");
        assert!(broken.starts_with("FILE of kubectl-debug cannot be read ("), "{broken}");
    }

    /// With every field that the project's README shows.
    #[test]
    fn a_whole_file_is_understood() {
        let text = "# debug agent listening port(outside container)\nagentPort: 10027\n\nagentless: true\n\
            agentPodNamespace: default\nagentPodNamePrefix: debug-agent-pod\nagentImage: aylei/debug-agent:latest\n\
            debugAgentDaemonset: debug-agent\ndebugAgentNamespace: kube-system\nportForward: true\n\
            image: nicolaka/netshoot:latest\ncommand:\n- '/bin/bash'\n- '-l'\n\
            registrySecretName: my-debug-secret\nregistrySecretNamespace: debug\n\
            agentCpuRequests: \"\"\nagentCpuLimits: \"\"\nagentMemoryRequests: \"\"\nagentMemoryLimits: \"\"\n\
            forkPodRetainLabels: []\nregistrySkipTLSVerify: false\nverbosity : 0\n";
        check(
            text,
            &[("agent-namespace", &["default"])],
            &[
                ("agentImage", "that agent is kubectl-debug's own; `agent-image` names ours"),
                ("image", "tools are a toolkit; `fathom toolkit import` makes one of an image"),
                ("command", "the toolkit's shell starts by itself; another command stands after `--`"),
                (
                    "debugAgentDaemonset debugAgentNamespace",
                    "no DaemonSet is needed: an agent comes for a session and goes after it",
                ),
                ("agentPodNamePrefix", "agents are found by their labels"),
                ("agentPort portForward", PORT),
                ("registrySecretName registrySecretNamespace", TOOLS),
            ],
        );
    }
}
