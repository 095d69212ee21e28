//! Environment variables that fathom reads: one table, documented once, read nowhere else.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// One variable.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only the reference shows it, written on Linux"))]
    pub(crate) doc: &'static str,
}

/// Every variable.
pub(crate) const VARIABLES: &[Variable] = &[
    Variable { name: "FATHOM_TOOLKIT", doc: "the toolkit that `enter` brings along, as --toolkit" },
    Variable { name: "FATHOM_STORE", doc: "the folder of unpacked toolkits and images" },
    Variable { name: "CONTAINER_RUNTIME_ENDPOINT", doc: "one more CRI socket to ask, as crictl reads it" },
    Variable { name: "DOCKER_HOST", doc: "one more Docker-compatible socket to ask (unix:// only)" },
    Variable { name: "FATHOM_ROOT", doc: "look for engines' files and sockets below this folder [default: /]" },
    Variable { name: "FATHOM_RUN", doc: "the folder where sessions are on record [default: /run/fathom]" },
    Variable {
        name: "FATHOM_RECORDINGS",
        doc: "where an agent records terminals that its server wants recorded [default: /var/lib/fathom/recordings]",
    },
    Variable { name: "HOME", doc: "below it lies the store of a user other than root" },
    Variable { name: "XDG_RUNTIME_DIR", doc: "where sessions of a user other than root are on record" },
    Variable { name: "TERM", doc: "passed on to a session with a terminal" },
    Variable { name: "NO_COLOR", doc: "no colours, whatever the terminal can" },
];

/// The value of a variable of the table.
pub(crate) fn value(name: &str) -> Option<OsString> {
    debug_assert!(VARIABLES.iter().any(|variable| variable.name == name), "{name} is not documented");
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The same as text.
pub(crate) fn text(name: &str) -> Option<String> {
    value(name)?.into_string().ok()
}

/// Whether kubectl calls us, as its plugin.
pub(crate) fn is_plugin() -> bool {
    let program = std::env::args_os().next().map(PathBuf::from);
    program
        .as_deref()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with("kubectl-"))
}
