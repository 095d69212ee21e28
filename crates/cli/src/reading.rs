//! From what was typed to words, with the defaults that the user has set.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use crate::settings::{self, Given};
use crate::words::{Verb, Words, refused};
use crate::{commands, printer};

/// Reads the words.
pub(crate) fn words(arguments: &[OsString]) -> anyhow::Result<Words> {
    let mut given = settings::given(arguments)?;
    let (words, matches) = read(arguments, &given)?;
    if !commands::speak_to_a_cluster(&words.verb) {
        return Ok(words);
    }
    // Only now is it known that the habits of kubectl-debug matter. Those that the user has said otherwise do not.
    let Some(habits) = settings::of_kubectl_debug(&given)? else { return Ok(words) };
    let notice = habits.add_to(&mut given, |setting| is_typed(&matches, setting.name));
    notice.iter().for_each(|text| printer::notice(text));
    Ok(read(arguments, &given)?.0)
}

fn read(arguments: &[OsString], given: &[Given]) -> anyhow::Result<(Words, ArgMatches)> {
    let mut tree = settings::set(Words::command(), given)?;
    let matches = tree.try_get_matches_from_mut(arguments).map_err(|error| refused::explain(error, arguments))?;
    let mut words = Words::from_arg_matches(&matches).map_err(|error| error.format(&mut tree))?;
    if let (Verb::Trace(trace), Some((_, matches))) = (&mut words.verb, matches.subcommand()) {
        trace.place(matches, arguments)?;
    }
    Ok((words, matches))
}

/// Whether a flag of the verb stands among the words.
fn is_typed(matches: &ArgMatches, flag: &str) -> bool {
    let Some((verb, matches)) = matches.subcommand() else { return false };
    let tree = Words::command();
    let flag = settings::flag(&tree, verb, flag);
    flag.is_some_and(|flag| matches.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine))
}
