//! Defaults that the user has set: a variable wins over the configuration file, a flag over both. One table names them;
//! what they are otherwise is said only where the flag is, in `words.rs`. They become the defaults of the command tree
//! before it reads the words, so that `--help` shows them.

mod file;
pub(crate) mod kubectl_debug;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::PathBuf;

use clap::builder::ArgPredicate;
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
    /// Yes or no: whether the flag counts as said.
    Flag,
    /// Yes or no; there is no flag, so this says what it does.
    Switch(&'static str),
}

/// Verbs whose flags can be set.
pub(crate) const VERBS: &[&str] = &["enter", "sessions", "doctor", "trace", "why"];

/// Flags that mean more than a default can: of `why` without a target, a namespace is the question.
const UNSET: &[(&str, &str)] = &[("why", "namespace")];

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
    switch("survive", "FATHOM_SURVIVE"),
    switch("skip-init", "FATHOM_SKIP_INIT"),
    switch("installed", "FATHOM_INSTALLED"),
    switch("agentless", "FATHOM_AGENTLESS"),
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

const fn switch(name: &'static str, variable: &'static str) -> Setting {
    Setting { name, variable, takes: Takes::Flag }
}

/// Flags of which the one that is said undoes the other one that is set.
const OPPOSITES: &[[&str; 2]] = &[["installed", "agentless"]];

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
        Takes::One | Takes::Flag | Takes::Switch(_) => vec![text],
        Takes::Many => text.split(',').map(str::to_owned).collect(),
    };
    Some(Given { setting, values, place: format!("`{}`", setting.variable) })
}

/// What kubectl-debug's file means, where it is there and nobody has said that it is left alone.
pub(crate) fn of_kubectl_debug(given: &[Given]) -> Result<Option<Habits>, Failure> {
    let switch = given.iter().find(|one| one.setting == &KUBECTL_DEBUG);
    if switch.map(yes_or_no).transpose()? == Some(false) {
        return Ok(None);
    }
    let home = environment::value(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
    let file = home.map(|home| PathBuf::from(home).join(".kube/debug-config"));
    Ok(file.and_then(|file| Some(Habits::of(&std::fs::read_to_string(&file).ok()?, &file))))
}

fn yes_or_no(one: &Given) -> Result<bool, Failure> {
    match one.values.as_slice() {
        [value] if value == "true" => Ok(true),
        [value] if value == "false" => Ok(false),
        values => {
            let message = format!("{} cannot be `{}`", one.place, values.join(", "));
            Err(Failure::new(Class::Usage, message).hinting("use true or false"))
        }
    }
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
            let flag = flag(&tree, verb, one.setting.name).filter(|_| !UNSET.contains(&(*verb, one.setting.name)));
            let Some(flag) = flag.cloned() else { continue };
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
    let opposite = OPPOSITES.iter().find(|pair| pair.contains(&one.setting.name));
    let opposite = opposite.and_then(|pair| pair.iter().find(|name| **name != one.setting.name));
    let flag = match opposite {
        Some(name) => flag.default_value_if(*name, ArgPredicate::Equals("true".into()), "false"),
        None => flag,
    };
    flag.help(help).default_values(&one.values)
}

/// A flag says itself whether it can have these values.
fn check(flag: &Arg, one: &Given) -> Result<(), Failure> {
    let words = one.values.iter().map(|value| format!("--{}={value}", one.setting.name));
    if one.setting.takes == Takes::Flag {
        return yes_or_no(one).map(drop);
    }
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
mod tests;
