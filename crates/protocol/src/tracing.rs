//! What a client may say of a trace that a node carries out: words of `fathom trace` that choose what is shown and how.
//! None of them names a file of the node, or anything that it would run.

use std::fmt;

/// An option that a node takes, in its long form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Without the dashes.
    pub name: &'static str,
    /// What stands behind it.
    pub value: Value,
}

/// What stands behind an option, after `=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    None,
    /// Anything.
    Any,
    /// This and nothing else.
    Only(&'static str),
}

/// A recording goes where everything goes: back to the client, who has the file.
pub const WRITE: Row = Row { name: "write", value: Value::Only("-") };
/// Which events.
pub const FILTER: Row = Row { name: "filter", value: Value::Any };

/// Every option that a node takes.
pub const OPTIONS: &[Row] = &[
    FILTER,
    WRITE,
    any("chisel"),
    any("print"),
    any("timetype"),
    any("numevents"),
    any("seconds"),
    any("snaplen"),
    any("suppress-comm"),
    any("scap-profile"),
    none("json"),
    none("print-ascii"),
    none("print-hex-ascii"),
    none("print-hex"),
    none("print-base64"),
    none("displayflt"),
    none("quiet"),
    none("summary"),
    none("resolve-ports"),
    none("verbose"),
    none("exclude-users"),
    none("stats"),
    none("page-faults"),
    none("unbuffered"),
    none("debug"),
    none("compress"),
    none("fatfile"),
];

/// Variables that a client may set: how a terminal is written to, and by which clock.
pub const VARIABLES: &[&str] = &["NO_COLOR", "TERM", "TZ"];

const fn any(name: &'static str) -> Row {
    Row { name, value: Value::Any }
}

const fn none(name: &'static str) -> Row {
    Row { name, value: Value::None }
}

/// A word that a node does not take from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown(pub String);

impl fmt::Display for Unknown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a trace for somebody far away takes no `{}`", self.0)
    }
}

impl std::error::Error for Unknown {}

/// Whether a node takes these words: options of the table, and arguments of views, which begin with no dash.
///
/// # Errors
/// The first word that it does not take.
pub fn check(words: &[String]) -> Result<(), Unknown> {
    match words.iter().find(|word| !is_taken(word)) {
        None => Ok(()),
        Some(word) => Err(Unknown(word.clone())),
    }
}

fn is_taken(word: &str) -> bool {
    let Some(option) = word.strip_prefix("--") else { return !word.starts_with('-') };
    let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
    OPTIONS.iter().any(|row| {
        row.name == name
            && match (row.value, value) {
                (Value::None, None) | (Value::Any, Some(_)) => true,
                (Value::Only(only), Some(value)) => only == value,
                _ => false,
            }
    })
}

/// Whether a node sets this variable to this value: none leads to a file.
pub fn is_variable(name: &str, value: &str) -> bool {
    VARIABLES.contains(&name) && value.len() < 64 && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn checked(words: &[&str], refused: Option<&str>) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(check(&words).err(), refused.map(|word| Unknown(word.to_owned())), "{words:?}");
    }

    #[test]
    fn what_is_shown_and_how_is_for_a_client_to_say() {
        checked(&[], None);
        checked(&["--chisel=spy_port", "80", "--filter=evt.type=open and fd.name=-x", "--json", "--write=-"], None);
    }

    #[test]
    fn nothing_of_the_node_is() {
        for word in [
            "-w/etc/shadow",
            "-r",
            "--readfile=/etc/shadow",
            "--write=/etc/shadow",
            "--write",
            "--target=host",
            "--file-size=1",
            "--",
            "-",
            "--json=x",
            "--filter",
            "--help",
        ] {
            checked(&["--json", word, "sh"], Some(word));
        }
    }

    #[test]
    fn a_variable_leads_to_no_file() {
        assert!(is_variable("TZ", "<+0200>-02:00:00") && is_variable("NO_COLOR", "1") && is_variable("TERM", "xterm"));
        for (name, value) in [("TZ", ":/etc/shadow"), ("TERM", "../x"), ("FATHOM_ROOT", "x"), ("TERM", "a b")] {
            assert!(!is_variable(name, value), "{name}={value}");
        }
    }
}
