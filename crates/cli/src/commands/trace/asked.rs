//! What the words of `fathom trace` mean that views have left: a target, then a filter. Pure: whether there is
//! a container of that name, somebody else says.

use fathom_filter::Mistakes;
use fathom_model::target::{Object, ObjectKind, TargetError};
use fathom_model::{Class, Failure, Hint as _, Target};
use fathom_trace::Fields;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// What is looked at, if it is named.
    pub(crate) target: Option<Target>,
    /// Which events; empty for all.
    pub(crate) filter: String,
}

/// Where events come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This machine, of which a target may be named.
    Machine,
    /// A recording, or a command that is started: they are the target.
    Else,
}

/// What was typed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Typed<'a> {
    /// What follows no option.
    pub(crate) words: &'a [String],
    /// `--target`.
    pub(crate) target: Option<&'a str>,
    /// `--filter`.
    pub(crate) filter: Option<&'a str>,
    /// `--namespace` and `--container`.
    pub(crate) pod: (Option<&'a str>, Option<&'a str>),
    /// What a word without more says: a pod, to kubectl's users.
    pub(crate) bare: Bare,
}

/// What a word is that could be the name of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bare {
    Container,
    Pod,
}

/// Whether something of this name is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Here,
    /// Names that look alike.
    Unknown(Vec<String>),
}

const TARGETLESS: &str = "a target goes neither with a recording nor with a command of its own";

/// Takes the words apart. `stands` is asked only of a word that could be a target and is no filter.
pub(crate) fn divide(
    typed: &Typed<'_>,
    origin: Origin,
    stands: impl FnOnce(&Target) -> Standing,
) -> Result<Asked, Failure> {
    let words = typed.words;
    if origin == Origin::Else && (typed.target.is_some() || typed.pod != (None, None)) {
        return Err(Failure::new(Class::Usage, TARGETLESS).hinting("ask with a filter: container.name=web"));
    }
    let meant = |text: &str| target(text, typed);
    let asked = |target, filter: String| Asked { target, filter };
    match (typed.target, typed.filter) {
        (Some(named), None) => Ok(asked(Some(meant(named)?), words.join(" "))),
        (Some(named), Some(filter)) if words.is_empty() => Ok(asked(Some(meant(named)?), filter.to_owned())),
        (None, Some(filter)) if words.is_empty() => Ok(asked(pod_alone(typed)?, filter.to_owned())),
        (None, Some(filter)) if words.len() == 1 && origin == Origin::Machine => {
            Ok(asked(Some(meant(&words[0])?), filter.to_owned()))
        }
        (_, Some(_)) => {
            let message = format!("`{}` has no meaning beside --filter", words[words.len() - 1]);
            Err(Failure::new(Class::Usage, message).hinting("leave --filter out, or write all of the filter after it"))
        }
        (None, None) if words.is_empty() => Ok(asked(pod_alone(typed)?, String::new())),
        (None, None) => {
            let whole = words.join(" ");
            let Err(mistakes) = compiles(&whole) else { return Ok(asked(pod_alone(typed)?, whole)) };
            if origin == Origin::Else {
                return match words.first().filter(|word| !looks_like_a_filter(word)) {
                    Some(word) => Err(Failure::new(Class::Usage, format!("`{word}` is no filter, and {TARGETLESS}"))
                        .hinting(format!("ask with a filter: container.name={word}"))),
                    None => Ok(asked(None, whole)),
                };
            }
            let target = first(&words[0], typed, stands, &mistakes)?;
            // If it is none, the mistakes are told where all filters are.
            let filter = if target.is_some() { words[1..].join(" ") } else { whole };
            Ok(asked(target, filter))
        }
    }
}

fn compiles(filter: &str) -> Result<(), Mistakes> {
    fathom_filter::compile(filter, &Fields).map(drop)
}

/// The target that a first word names which is not the beginning of a filter; none if it is one, with mistakes.
fn first(
    word: &str,
    typed: &Typed<'_>,
    stands: impl FnOnce(&Target) -> Standing,
    mistakes: &Mistakes,
) -> Result<Option<Target>, Failure> {
    let why = match target(word, typed) {
        // Nobody else writes it like that.
        Ok(target) if !is_bare(&target, word) => return Ok(Some(target)),
        Ok(target) => match stands(&target) {
            Standing::Here => return Ok(Some(target)),
            Standing::Unknown(alike) => {
                let kind = if typed.means_pods() { "pod" } else { "container" };
                let alike =
                    if alike.is_empty() { String::new() } else { format!(": did you mean {}?", alike.join(" or ")) };
                format!("no {kind} here is called so{alike}")
            }
        },
        Err(failure) => failure.message,
    };
    if looks_like_a_filter(word) {
        return Ok(None);
    }
    let message = format!("`{word}` is neither a target nor a filter\n  as a target: {why}\n  as a filter: {mistakes}");
    Err(Failure::new(Class::Usage, message).hinting(
        "`fathom ps` lists the containers, `fathom trace --list` the fields; --target and --filter say which is meant",
    ))
}

/// Whether somebody has begun to write a filter: with what no name has, or with a field's class.
pub(super) fn looks_like_a_filter(word: &str) -> bool {
    const CLASSES: &[&str] = &[
        "evt.",
        "fd.",
        "proc.",
        "thread.",
        "user.",
        "group.",
        "container.",
        "k8s.",
        "syslog.",
        "fdlist.",
        "mesos.",
        "span.",
    ];
    word == "not"
        || word.contains(['=', '<', '>', '!', '(', ')', ' ', '\'', '"'])
        || CLASSES.iter().any(|class| word.starts_with(class))
}

/// Whether a word says no more than a name.
fn is_bare(target: &Target, word: &str) -> bool {
    match target {
        Target::Container { engine: None, .. } => true,
        Target::Object(object) => object.kind == ObjectKind::Pod && !word.contains('/'),
        _ => false,
    }
}

impl Typed<'_> {
    fn means_pods(&self) -> bool {
        self.bare == Bare::Pod || self.pod != (None, None)
    }
}

/// The target that `text` names, in the namespace and container that options name.
fn target(text: &str, typed: &Typed<'_>) -> Result<Target, Failure> {
    let known = |error: TargetError| Failure { hint: error.hint(), ..Failure::new(Class::Usage, error.to_string()) };
    let target = match text.parse().map_err(known)? {
        Target::Container { engine: None, name } if typed.means_pods() => {
            Target::Object(Object { namespace: None, kind: ObjectKind::Pod, name, container: None })
        }
        target => target,
    };
    let (namespace, container) = typed.pod;
    match target {
        Target::Object(object) => Ok(Target::Object(Object {
            namespace: object.namespace.or_else(|| namespace.map(str::to_owned)),
            container: object.container.or_else(|| container.map(str::to_owned)),
            ..object
        })),
        target if typed.pod == (None, None) => Ok(target),
        target => Err(Failure::new(
            Class::Usage,
            format!("`{target}` is no pod, so --namespace and --container do not go with it"),
        )
        .hinting("leave them out, or name a pod: pod/web-0")),
    }
}

/// `--namespace` and `--container` say something of a pod that has to be named.
fn pod_alone(typed: &Typed<'_>) -> Result<Option<Target>, Failure> {
    if typed.pod == (None, None) {
        return Ok(None);
    }
    Err(Failure::new(Class::Usage, "--namespace and --container need the name of a pod").hinting("add it: pod/web-0"))
}

#[cfg(test)]
mod tests;
