//! Environment variables that fathom reads: one table, documented once, read nowhere else. Those that stand for flags
//! are in the table of [`settings`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::settings;

/// One variable.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only the reference shows it, written on Linux"))]
    pub(crate) doc: &'static str,
}

/// Every variable that no flag has.
pub(crate) const VARIABLES: &[Variable] = &[
    Variable { name: "FATHOM_CONFIG", doc: "the configuration file, in place of the one in the user's folder" },
    Variable { name: "FATHOM_STORE", doc: "the folder of unpacked toolkits and images" },
    Variable { name: "CONTAINER_RUNTIME_ENDPOINT", doc: "one more CRI socket to ask, as crictl reads it" },
    Variable { name: "DOCKER_HOST", doc: "one more Docker-compatible socket to ask (unix:// only)" },
    Variable { name: "FATHOM_ROOT", doc: "look for engines' files and sockets below this folder [default: /]" },
    Variable { name: "FATHOM_RUN", doc: "the folder where sessions are on record [default: /run/fathom]" },
    Variable {
        name: "FATHOM_RECORDINGS",
        doc: "where an agent records terminals that its server wants recorded [default: /var/lib/fathom/recordings]",
    },
    Variable { name: "FATHOM_DOOR", doc: "where the first process of an ephemeral container takes clients over" },
    Variable { name: "HOME", doc: "below it lie the configuration, and the store of a user other than root" },
    Variable { name: "XDG_CONFIG_HOME", doc: "the folder of configuration [default: .config below HOME]" },
    Variable { name: "APPDATA", doc: "the same on Windows" },
    Variable { name: "USERPROFILE", doc: "on Windows, below it lies kubectl-debug's configuration" },
    Variable { name: "XDG_RUNTIME_DIR", doc: "where sessions of a user other than root are on record" },
    Variable {
        name: "FATHOM_COMPLETE",
        doc: "the shell that asks for words; set by the script of `fathom completion`",
    },
    Variable { name: "TERM", doc: "passed on to a session with a terminal" },
    Variable { name: "NO_COLOR", doc: "no colours, whatever the terminal can" },
];

/// The value of a variable of the tables.
pub(crate) fn value(name: &str) -> Option<OsString> {
    let known = || VARIABLES.iter().any(|variable| variable.name == name);
    debug_assert!(known() || settings::SETTINGS.iter().any(|one| one.variable == name), "{name} is not documented");
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The same as text.
pub(crate) fn text(name: &str) -> Option<String> {
    value(name)?.into_string().ok()
}

/// Whether kubectl calls us, as its plugin or for what may come next in a line of it.
pub(crate) fn is_plugin() -> bool {
    is_called("kubectl-") || is_completion()
}

/// Whether kubectl asks what may come next.
pub(crate) fn is_completion() -> bool {
    is_called("kubectl_complete-")
}

fn is_called(beginning: &str) -> bool {
    let program = std::env::args_os().next().map(PathBuf::from);
    let name = program.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(beginning))
}
