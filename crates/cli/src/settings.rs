//! Defaults that the user has set: a variable wins over the configuration file, a flag over both. One table names them;
//! what they are otherwise is said only where the flag is, in `words.rs`. They become the defaults of the command tree
//! before it reads the words, so that `--help` shows them.

mod file;
pub(crate) mod kubectl_debug;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};
use fathom_model::{Class, Failure};

pub(crate) use kubectl_debug::Habits;

use crate::environment;

/// One setting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// In the file; as the flag that it feeds, where it feeds one.
    pub(crate) name: &'static str,
    /// In the environment.
    pub(crate) variable: &'static str,
    pub(crate) takes: Takes,
}

/// What can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// One value for the flag of this name.
    One,
    /// A list: the flag can be repeated.
    Many,
    /// Yes or no; there is no flag, so this says what it does.
    Switch(&'static str),
}

/// Verbs whose flags can be set.
pub(crate) const VERBS: &[&str] = &["enter", "sessions"];

/// Every setting.
pub(crate) const SETTINGS: &[Setting] = &[
    one("root", "FATHOM_ENTER_ROOT"),
    one("toolkit", "FATHOM_TOOLKIT"),
    one("profile", "FATHOM_PROFILE"),
    many("ns", "FATHOM_NS"),
    one("user", "FATHOM_USER"),
    many("env", "FATHOM_ENV"),
    one("memory", "FATHOM_MEMORY"),
    one("pids", "FATHOM_PIDS"),
    one("scratch", "FATHOM_SCRATCH"),
    one("cgroup", "FATHOM_CGROUP"),
    one("ttl", "FATHOM_TTL"),
    many("keep-labels", "FATHOM_KEEP_LABELS"),
    one("parallel", "FATHOM_PARALLEL"),
    one("namespace", "FATHOM_NAMESPACE"),
    one("kubeconfig", "FATHOM_KUBECONFIG"),
    one("context", "FATHOM_CONTEXT"),
    one("as", "FATHOM_AS"),
    many("as-group", "FATHOM_AS_GROUP"),
    one("agent-namespace", "FATHOM_AGENT_NAMESPACE"),
    one("agent-image", "FATHOM_AGENT_IMAGE"),
    many("image-pull-secret", "FATHOM_IMAGE_PULL_SECRET"),
    one("grace", "FATHOM_GRACE"),
    KUBECTL_DEBUG,
];

const KUBECTL_DEBUG: Setting = Setting {
    name: "kubectl-debug-config",
    variable: "FATHOM_KUBECTL_DEBUG_CONFIG",
    takes: Takes::Switch("Whether kubectl-debug's ~/.kube/debug-config is read for what is not set here"),
};

const fn one(name: &'static str, variable: &'static str) -> Setting {
    Setting { name, variable, takes: Takes::One }
}

const fn many(name: &'static str, variable: &'static str) -> Setting {
    Setting { name, variable, takes: Takes::Many }
}

/// What the user has set, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) setting: &'static Setting,
    pub(crate) values: Vec<String>,
    /// As a message names it: a variable, or a setting with its file and line.
    pub(crate) place: String,
}

/// Everything that is set for the verb of these words; nothing for a verb without settings.
pub(crate) fn given(arguments: &[OsString]) -> Result<Vec<Given>, Failure> {
    if !arguments.get(1).is_some_and(|verb| VERBS.iter().any(|known| verb == known)) {
        return Ok(Vec::new());
    }
    let mut given: Vec<Given> = SETTINGS.iter().filter_map(of_variable).collect();
    if let Some(path) = path() {
        let of_file = match std::fs::read_to_string(&path) {
            Ok(text) => file::parse(&text, &path.display().to_string())?,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            // Whoever has become another user may still have the first one's HOME.
            Err(error) if error.kind() == ErrorKind::PermissionDenied && !is_named() => Vec::new(),
            Err(error) => {
                let failure = Failure::new(Class::Usage, format!("cannot read {}", path.display()));
                return Err(Failure { cause: Some(error.to_string()), ..failure }
                    .hinting("make it readable, or name another file with FATHOM_CONFIG"));
            }
        };
        add(&mut given, of_file);
    }
    Ok(given)
}

/// What is not said yet.
fn add(given: &mut Vec<Given>, more: Vec<Given>) {
    for one in more {
        if !given.iter().any(|known| known.setting == one.setting) {
            given.push(one);
        }
    }
}

fn of_variable(setting: &'static Setting) -> Option<Given> {
    let text = environment::text(setting.variable)?;
    let values = match setting.takes {
        Takes::One | Takes::Switch(_) => vec![text],
        Takes::Many => text.split(',').map(str::to_owned).collect(),
    };
    Some(Given { setting, values, place: format!("`{}`", setting.variable) })
}

/// What kubectl-debug's file means, where it is there and nobody has said that it is left alone.
pub(crate) fn of_kubectl_debug(given: &[Given]) -> Result<Option<Habits>, Failure> {
    if let Some(switch) = given.iter().find(|one| one.setting == &KUBECTL_DEBUG) {
        match switch.values.as_slice() {
            [value] if value == "false" => return Ok(None),
            [value] if value == "true" => {}
            values => {
                let message = format!("{} cannot be `{}`", switch.place, values.join(", "));
                return Err(Failure::new(Class::Usage, message).hinting("use true or false"));
            }
        }
    }
    let home = environment::value(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
    let file = home.map(|home| PathBuf::from(home).join(".kube/debug-config"));
    Ok(file.and_then(|file| Some(Habits::of(&std::fs::read_to_string(&file).ok()?, &file))))
}

/// Where the file is.
pub(crate) fn path() -> Option<PathBuf> {
    let folder = |name: &str| environment::value(name).map(PathBuf::from);
    let (own, below) = if cfg!(windows) { ("APPDATA", "") } else { ("XDG_CONFIG_HOME", ".config") };
    folder("FATHOM_CONFIG").or_else(|| {
        let found = folder(own).filter(|path| path.is_absolute()).or_else(|| Some(folder("HOME")?.join(below)));
        Some(found?.join("fathom/config.toml"))
    })
}

/// Whether somebody has said which file it is.
fn is_named() -> bool {
    environment::value("FATHOM_CONFIG").is_some()
}

/// The command tree with what is set as its defaults.
pub(crate) fn set(mut tree: Command, given: &[Given]) -> Result<Command, Failure> {
    for one in given {
        for verb in VERBS {
            let Some(flag) = flag(&tree, verb, one.setting.name).cloned() else { continue };
            check(&flag, one)?;
            let set = |other: Arg| if other.get_id() == flag.get_id() { with_default(other, one) } else { other };
            // `mut_arg` would change the order.
            tree = tree.mut_subcommand(verb, |verb| verb.mut_args(set));
        }
    }
    Ok(tree)
}

/// The flag of a verb, by its long name.
pub(crate) fn flag<'a>(tree: &'a Command, verb: &str, name: &str) -> Option<&'a Arg> {
    tree.find_subcommand(verb)?.get_arguments().find(|flag| flag.get_long() == Some(name))
}

/// What a setting does, in the words of its flag.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only the reference shows it, written on Linux"))]
pub(crate) fn doc(tree: &Command, setting: &Setting) -> String {
    if let Takes::Switch(doc) = setting.takes {
        return doc.to_owned();
    }
    let help = VERBS.iter().find_map(|verb| flag(tree, verb, setting.name)?.get_help().map(ToString::to_string));
    help.unwrap_or_default()
}

/// What holds where it is not set.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only the reference shows it, written on Linux"))]
pub(crate) fn default(tree: &Command, setting: &Setting) -> Option<String> {
    if let Takes::Switch(_) = setting.takes {
        return Some("true".to_owned());
    }
    let defaults = VERBS.iter().find_map(|verb| Some(flag(tree, verb, setting.name)?.get_default_values()))?;
    defaults.first().map(|default| default.to_string_lossy().into_owned())
}

fn with_default(flag: Arg, one: &Given) -> Arg {
    // A help that tells the default in words would now tell two.
    let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    let help = help.split(" [default:").next().unwrap_or_default().to_owned();
    flag.help(help).default_values(&one.values)
}

/// A flag says itself whether it can have these values.
fn check(flag: &Arg, one: &Given) -> Result<(), Failure> {
    let words = one.values.iter().map(|value| format!("--{}={value}", one.setting.name));
    // Alone, without what it conflicts with or requires.
    let alone = Arg::new("value").long(one.setting.name).action(flag.get_action().clone());
    let alone = Command::new("setting").no_binary_name(true).arg(alone.value_parser(flag.get_value_parser().clone()));
    let Err(error) = alone.try_get_matches_from(words) else { return Ok(()) };
    let value = one.values.join(", ");
    let failure = Failure::new(Class::Usage, format!("{} cannot be `{value}`", one.place));
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    Err(match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(right)) if !right.is_empty() => {
            failure.hinting(format!("use {}", right.join(" or ")))
        }
        _ => Failure { cause, ..failure }
            .hinting(format!("`fathom enter --help` says what --{} takes", one.setting.name)),
    })
}

#[cfg(test)]
mod tests {
    use clap::{ArgAction, CommandFactory as _, FromArgMatches as _};

    use super::*;
    use crate::words::{Enter, Verb, Words};

    /// Flags of which a default would be a mistake: they mean one target or one call.
    const OF_ONE_CALL: &[&str] = &["selector", "container", "workdir", "record", "status-file", "output"];

    fn given(name: &str, values: &[&str], place: &str) -> Given {
        let setting = SETTINGS.iter().find(|setting| setting.name == name).expect("it is in the table");
        Given { setting, values: values.iter().map(|value| (*value).to_owned()).collect(), place: place.to_owned() }
    }

    fn enter(given: &[Given], words: &[&str]) -> Enter {
        let tree = set(Words::command(), given).expect("they are right");
        let words = [&["fathom", "enter", "web"], words].concat();
        let words = Words::from_arg_matches(&tree.try_get_matches_from(words).expect("they are right"));
        match words.expect("they are complete").verb {
            Verb::Enter(words) => *words,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_flag_with_a_value_can_be_set_or_is_of_one_call() {
        let tree = Words::command();
        for flag in VERBS.iter().flat_map(|verb| tree.find_subcommand(verb).expect("it is a verb").get_arguments()) {
            let Some(name) = flag.get_long().filter(|_| flag.get_action().takes_values()) else { continue };
            let setting = SETTINGS.iter().find(|setting| setting.name == name);
            assert!(setting.is_some() != OF_ONE_CALL.contains(&name), "--{name}: in SETTINGS or in OF_ONE_CALL");
            let takes = if matches!(flag.get_action(), ArgAction::Append) { Takes::Many } else { Takes::One };
            assert!(setting.is_none_or(|setting| setting.takes == takes), "--{name} is {takes:?}");
        }
        for setting in SETTINGS {
            let feeds = VERBS.iter().any(|verb| flag(&tree, verb, setting.name).is_some());
            assert_ne!(feeds, matches!(setting.takes, Takes::Switch(_)), "--{}", setting.name);
            let variables = environment::VARIABLES.iter().filter(|variable| variable.name == setting.variable).count();
            let settings = SETTINGS.iter().filter(|other| other.variable == setting.variable).count();
            assert_eq!((variables, settings), (0, 1), "{}", setting.variable);
        }
    }

    #[test]
    fn a_flag_wins_over_what_is_set_and_that_over_the_default() {
        let set = [
            given("agent-image", &["mine:1"], "FILE"),
            given("memory", &["1Gi"], "FILE"),
            given("grace", &["2m"], "FILE"),
            given("image-pull-secret", &["a", "b"], "FILE"),
        ];
        let seen = |words: &Enter| {
            let cluster = &words.cluster;
            (cluster.agent_image.clone(), words.memory, cluster.grace.as_secs(), cluster.image_pull_secret.join(" "))
        };
        assert_eq!(seen(&enter(&[], &[])), (crate::words::AGENT_IMAGE.to_owned(), 512 << 20, 30, String::new()));
        assert_eq!(seen(&enter(&set, &[])), ("mine:1".to_owned(), 1 << 30, 120, "a b".to_owned()));
        let flags = ["--agent-image=x", "--memory=1m", "--grace=5", "--image-pull-secret=c"];
        assert_eq!(seen(&enter(&set, &flags)), ("x".to_owned(), 1 << 20, 5, "c".to_owned()));
    }

    #[test]
    fn what_was_said_first_stays() {
        let mut said = vec![given("memory", &["1"], "`FATHOM_MEMORY`")];
        add(&mut said, vec![given("memory", &["2"], "FILE"), given("pids", &["3"], "FILE")]);
        assert_eq!(said, [given("memory", &["1"], "`FATHOM_MEMORY`"), given("pids", &["3"], "FILE")]);
    }

    #[test]
    fn values_that_a_flag_cannot_have_are_refused() {
        for (name, values, cause, hint) in [
            (
                "memory",
                ["lots"].as_slice(),
                Some("`lots` is not a size such as 512Mi, 2g or 1048576"),
                "`fathom enter --help` says what --memory takes",
            ),
            ("root", &["x"], None, "use tools or target"),
            ("pids", &["x"], Some("invalid digit found in string"), "`fathom enter --help` says what --pids takes"),
        ] {
            let failure = set(Words::command(), &[given(name, values, "`here`")]).expect_err(name);
            assert_eq!(failure.message, format!("`here` cannot be `{}`", values.join(", ")));
            assert_eq!((failure.cause.as_deref(), failure.hint.as_deref()), (cause, Some(hint)));
        }
    }

    #[test]
    fn flags_stay_where_they_are() {
        let set = set(Words::command(), &[given("root", &["target"], "FILE")]).expect("it is right");
        let flags = |tree: &Command| -> Vec<String> {
            let enter = tree.find_subcommand("enter").expect("it is a verb");
            enter.get_arguments().map(|flag| flag.get_id().to_string()).collect()
        };
        assert_eq!(flags(&set), flags(&Words::command()));
    }

    #[test]
    fn help_shows_what_is_set() {
        let tree = set(Words::command(), &[given("toolkit", &["full"], "FILE")]).expect("it is right");
        let mut tree = tree.term_width(200);
        tree.build();
        let help = tree.find_subcommand_mut("enter").expect("it is a verb").render_help().to_string();
        let line = help.lines().find(|line| line.contains("--toolkit ")).expect("it is a flag");
        assert!(line.ends_with("[default: full]") && line.matches("[default:").count() == 1, "{line}");
    }
}
