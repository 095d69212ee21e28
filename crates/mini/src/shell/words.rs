//! The shell's own command line.

use std::ffi::OsString;
use std::io::IsTerminal;

use crate::frame::base_name;

/// The synopsis.
pub(super) const USAGE: &str = "[-il] [-abefhkmnptuvxBCEHPT] [-o OPTION] [--norc] [--posix] [-c TEXT [NAME [WORD...]] | SCRIPT [WORD...] | -s [WORD...]]
  -c TEXT  run TEXT        -s  read commands from stdin    -i  converse    -l  read the profile, as at login
  -e  stop at a failure    -u  unset variables are errors  -x  show commands before they run
Without -c and SCRIPT, commands come from stdin; with a prompt and line editing when that is a terminal.";

/// Where the commands come from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Commands {
    Text(String),
    Script(String),
    Stdin,
    /// What another shell has started with `&`.
    Job,
}

/// What the command line asks for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) commands: Commands,
    pub(super) arguments: Vec<String>,
    pub(super) interactive: bool,
    pub(super) login: bool,
    pub(super) posix: bool,
    pub(super) start_files: bool,
    pub(super) set: Vec<String>,
    pub(super) unset: Vec<String>,
}

/// Reads `argv`; `None` when only help was wanted.
pub(super) fn read(argv: Vec<OsString>) -> Result<Option<Wanted>, String> {
    let mut argv = argv.into_iter().map(|word| word.to_string_lossy().into_owned());
    let own = argv.next().unwrap_or_else(|| "sh".to_owned());
    let (mut rest, mut text, mut stdin, mut interactive) = (Vec::new(), false, false, false);
    let mut wanted = Wanted {
        login: own.starts_with('-'),
        posix: base_name(own.as_ref()).trim_start_matches('-') == "sh",
        name: own,
        commands: Commands::Stdin,
        arguments: Vec::new(),
        interactive: false,
        start_files: true,
        set: Vec::new(),
        unset: Vec::new(),
    };
    while let Some(word) = argv.next() {
        match word.as_str() {
            "--" | "-" => break,
            "--help" => return Ok(None),
            "--job" => {
                wanted.commands = Commands::Job;
                wanted.name = argv.next().ok_or("option `--job` needs a name")?;
                break;
            }
            "--login" => wanted.login = true,
            "--posix" => wanted.posix = true,
            "--norc" | "--noprofile" => wanted.start_files = false,
            "--noediting" => {}
            long if long.starts_with("--") => return Err(format!("unknown option `{long}`")),
            flags if flags.len() > 1 && flags.starts_with(['-', '+']) => {
                let list = if flags.starts_with('-') { &mut wanted.set } else { &mut wanted.unset };
                for flag in flags.chars().skip(1) {
                    match flag {
                        'c' => text = true,
                        's' => stdin = true,
                        'i' => interactive = true,
                        'l' => wanted.login = true,
                        'o' => list.push(argv.next().ok_or("option `-o` needs a name")?),
                        letter => list.push(option_of(letter).ok_or(format!("unknown option `-{letter}`"))?.to_owned()),
                    }
                }
            }
            _ => {
                rest.push(word);
                break;
            }
        }
    }
    rest.extend(argv);
    if text {
        if rest.is_empty() {
            return Err("option `-c` needs a text".to_owned());
        }
        wanted.commands = Commands::Text(rest.remove(0));
        if !rest.is_empty() {
            wanted.name = rest.remove(0);
        }
    } else if !stdin && !rest.is_empty() && wanted.commands != Commands::Job {
        let script = rest.remove(0);
        wanted.name.clone_from(&script);
        wanted.commands = Commands::Script(script);
    }
    wanted.arguments = rest;
    let conversing = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    wanted.interactive = interactive || (wanted.commands == Commands::Stdin && conversing);
    Ok(Some(wanted))
}

/// POSIX's names of the one-letter options.
fn option_of(letter: char) -> Option<&'static str> {
    Some(match letter {
        'a' => "allexport",
        'b' => "notify",
        'B' => "braceexpand",
        'C' => "noclobber",
        'e' => "errexit",
        'E' => "errtrace",
        'f' => "noglob",
        'h' => "hashall",
        'H' => "histexpand",
        'k' => "keyword",
        'm' => "monitor",
        'n' => "noexec",
        'p' => "privileged",
        'P' => "physical",
        't' => "onecmd",
        'T' => "functrace",
        'u' => "nounset",
        'v' => "verbose",
        'x' => "xtrace",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, commands: Commands, arguments: &[&str]) -> Wanted {
        let wanted = read(line.split(' ').map(OsString::from).collect()).expect("words").expect("no help");
        assert_eq!(
            (&wanted.commands, wanted.arguments.as_slice()),
            (&commands, arguments.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().as_slice())
        );
        wanted
    }

    #[test]
    fn commands_come_from_where_posix_says() {
        check("sh -c exit a b", Commands::Text("exit".into()), &["b"]);
        check("sh -ec exit", Commands::Text("exit".into()), &[]);
        check("sh script -c x", Commands::Script("script".into()), &["-c", "x"]);
        check("sh -s a", Commands::Stdin, &["a"]);
        assert!(check("-bash -c x", Commands::Text("x".into()), &[]).login);
        assert_eq!(
            check("sh -o pipefail -eu script", Commands::Script("script".into()), &[]).set,
            ["pipefail", "errexit", "nounset"]
        );
    }

    #[test]
    fn nonsense_is_named() {
        let read = |line: &str| read(line.split(' ').map(OsString::from).collect()).map(|_| ());
        assert_eq!(read("sh -c"), Err("option `-c` needs a text".to_owned()));
        assert_eq!(read("sh -Z"), Err("unknown option `-Z`".to_owned()));
        assert_eq!(read("sh --nosuch"), Err("unknown option `--nosuch`".to_owned()));
    }
}
