//! What may come next on a line: for a shell that has read our script, and for kubectl, which asks a program called
//! `kubectl_complete-fathom`. Words come from the command tree, names from this machine or a cluster.

mod names;
mod target;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory as _};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};
use clap_complete::env::{Bash, EnvCompleter, Fish, Powershell, Zsh};

use crate::completion::names::Line;
use crate::words::{Shell, Words};
use crate::{environment, exit, printer, settings};

/// The variable by which our script says which shell it is for.
const VARIABLE: &str = "FATHOM_COMPLETE";

/// Answers a shell or kubectl, if one asks.
pub(crate) fn asked(arguments: &[OsString]) -> Option<ExitCode> {
    if environment::is_completion() {
        printer::data(&for_kubectl(arguments.to_vec()));
        return Some(exit::code(0));
    }
    // Whoever exports the variable by mistake still gets what was asked for.
    let words = arguments.get(2..).filter(|_| arguments.get(1).is_some_and(|word| word == "--"))?;
    let shell = environment::text(VARIABLE)?;
    let shell = [&Bash as &dyn EnvCompleter, &Zsh, &Fish, &Powershell].into_iter().find(|known| known.is(&shell))?;
    let mut text = Vec::new();
    // A line that cannot be completed is no reason to write into it.
    let _ = shell.write_complete(&mut tree(words), words.to_vec(), std::env::current_dir().ok().as_deref(), &mut text);
    printer::data(&String::from_utf8_lossy(&text));
    Some(exit::code(0))
}

/// Prints what a shell has to read.
pub(crate) fn script(shell: Shell) -> anyhow::Result<i32> {
    let shell: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
        Shell::Powershell => &Powershell,
    };
    let mut text = Vec::new();
    shell.write_registration(VARIABLE, "fathom", "fathom", &program(), &mut text)?;
    printer::data(&String::from_utf8_lossy(&text));
    Ok(0)
}

/// Who answers later: what PATH leads to, unless we were called by a path.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    let own = std::env::current_exe().ok().filter(|_| called.contains(std::path::is_separator));
    own.map_or_else(|| "fathom".to_owned(), |path| path.display().to_string())
}

/// Candidates as cobra writes them: one a line with what it means, then what the shell shall do.
fn for_kubectl(line: Vec<OsString>) -> String {
    let last = line.len() - 1;
    let mut tree = tree(&line);
    let candidates = complete(&mut tree, line, last, std::env::current_dir().ok().as_deref()).unwrap_or_default();
    let mut text: String = candidates.iter().map(written).collect();
    let is_open = |candidate: &CompletionCandidate| candidate.get_value().to_string_lossy().ends_with(['/', '=']);
    let directive = if !candidates.is_empty() && candidates.iter().all(is_open) { NO_SPACE } else { 0 };
    text.push_str(&format!(":{}\n", directive | NO_FILES));
    text
}

/// cobra's ShellCompDirectiveNoSpace: more of the same word follows.
const NO_SPACE: u32 = 2;
/// cobra's ShellCompDirectiveNoFileComp: names of files are among the candidates where they fit.
const NO_FILES: u32 = 4;

fn written(candidate: &CompletionCandidate) -> String {
    let value = candidate.get_value().to_string_lossy();
    let help = candidate.get_help().map(StyledStr::to_string).unwrap_or_default();
    match help.lines().next() {
        Some(help) => format!("{value}\t{help}\n"),
        None => format!("{value}\n"),
    }
}

/// The command tree with the names that there are, for this line.
fn tree(line: &[OsString]) -> Command {
    let mut tree = Words::command();
    // Flags are many: they come when a dash asks for them.
    if !line.last().is_some_and(|word| word.to_string_lossy().starts_with('-')) {
        tree = without_flags(tree);
    }
    for (verbs, id, complete) in names::COMPLETERS {
        let line = Line::of(line);
        let completer = ArgValueCompleter::new(move |word: &OsStr| {
            let word = word.to_string_lossy();
            let names = complete(&line, &word).into_iter().filter(|name| name.starts_with(&*word));
            names.map(CompletionCandidate::new).collect()
        });
        // `mut_arg` would change the order, and so which word of the line is the target.
        let add = |flag: Arg| if flag.get_id() == id { flag.add(completer.clone()) } else { flag };
        tree = verbs.iter().fold(tree, |tree, verb| below(tree, verb, |verb| verb.mut_args(&add)));
    }
    tree
}

/// Changes the verb that these names lead to.
fn below(tree: Command, path: &str, change: impl FnOnce(Command) -> Command) -> Command {
    match path.split_once(' ') {
        Some((verb, rest)) => tree.mut_subcommand(verb, |verb| below(verb, rest, change)),
        None => tree.mut_subcommand(path, change),
    }
}

fn without_flags(tree: Command) -> Command {
    let hide = |flag: Arg| if flag.is_positional() { flag } else { flag.hide(true) };
    tree.disable_help_flag(true).disable_version_flag(true).mut_args(hide).mut_subcommands(without_flags)
}

/// The command tree with what the user has set, as far as that is right.
fn set_tree(line: &[OsString]) -> Command {
    let given = settings::given(line).unwrap_or_default();
    settings::set(Words::command(), &given).unwrap_or_else(|_| Words::command())
}
