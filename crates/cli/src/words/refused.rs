//! Words of sysdig's that make no sense here. Who types one is told why, and what to do instead.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use fathom_model::{Class, Failure};

/// A word that is refused.
pub(crate) struct Refused {
    /// As it is typed, the short form first if there is one.
    pub(crate) words: &'static [&'static str],
    /// Why.
    pub(crate) reason: &'static str,
    /// What to do.
    pub(crate) instead: &'static str,
}

const fn word(words: &'static [&'static str], reason: &'static str, instead: &'static str) -> Refused {
    Refused { words, reason, instead }
}

/// All of them.
pub(crate) const REFUSED: &[Refused] = &[
    word(
        &["-B", "--bpf", "--modern-bpf"],
        "fathom brings its own programs for the kernel, and loads what this kernel takes",
        "leave it out; `fathom doctor` says what works here",
    ),
    word(
        &["--cpus-for-each-buffer"],
        "each processor has a buffer of its own",
        "leave it out; what is lost all the same is told at the end",
    ),
    word(
        &["-k", "--k8s-api", "-K", "--k8s-api-cert", "--node-name"],
        "names of pods come from the container engines of the machine, and the API server is not asked",
        "leave it out; -pk shows pods, and filters know k8s.pod.name, k8s.ns.name and k8s.pod.label",
    ),
    word(
        &["-m", "--mesos-api"],
        "nothing asks the API of Mesos or Marathon any more",
        "leave it out; -pc shows containers",
    ),
    word(
        &["--cri", "--cri-timeout"],
        "container engines are found by their sockets and files, wherever they have them",
        "leave it out; `fathom doctor` says which engines were found",
    ),
    word(
        &["-H", "--plugin", "-I", "--input", "--plugin-config-file"],
        "plugins are programs for sysdig's own library; here events come from this kernel or from a recording",
        "use -r for a recording that sysdig has made",
    ),
    word(
        &["-T", "--force-tracers-capture"],
        "programs told of spans through a device that no kernel has any more",
        "leave it out; what is written to any file is an event like others",
    ),
    word(
        &["--large-environment"],
        "an environment is kept up to its first 4096 bytes",
        "leave it out; proc.env has what was kept",
    ),
    word(
        &["-g", "--gvisor-config", "--gvisor-generate-config", "--gvisor-root"],
        "what runs in gVisor makes its calls to gVisor, and not to this kernel",
        "trace gVisor's own processes by their names",
    ),
    word(&["--log-level"], "there is no log: what matters is said on stderr", "leave it out"),
    word(&["--libs-version"], "sysdig's library is not in here", "use `fathom --version`"),
];

/// What is said of a wrong word of `fathom trace`; of all others what clap says.
pub(crate) fn explain(error: clap::Error, arguments: &[OsString]) -> anyhow::Error {
    let of_trace = arguments.iter().skip(1).any(|word| word == "trace");
    let typed = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if of_trace && error.kind() == ErrorKind::UnknownArgument => word.as_str(),
        _ => return error.into(),
    };
    let Some(row) = REFUSED.iter().find(|row| row.words.contains(&typed)) else { return error.into() };
    let message = format!("`{typed}` of sysdig has no meaning here: {}", row.reason);
    Failure::new(Class::Usage, message).hinting(row.instead).into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::words::Words;

    #[test]
    fn what_is_refused_is_not_taken_and_is_there_once() {
        let tree = Words::command();
        let trace = tree.find_subcommand("trace").expect("it is there");
        let mut all: Vec<_> = REFUSED.iter().flat_map(|row| row.words).collect();
        for word in &all {
            let long = word.strip_prefix("--");
            let short = word.strip_prefix('-').and_then(|rest| rest.chars().next()).filter(|_| long.is_none());
            let taken = trace
                .get_arguments()
                .any(|arg| (long.is_some() && arg.get_long() == long) || (short.is_some() && arg.get_short() == short));
            assert!(!taken, "{word}");
        }
        let before = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), before);
    }
}
