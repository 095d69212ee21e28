//! `pgrep` and `pkill`: processes by name, to print or to signal.

use std::ffi::OsString;
use std::io::Write;

use regex::RegexBuilder;
use rustix::process::{Pid, Signal};

use super::signal::{self, Sending};
use super::table::{Process, System};
use crate::frame::{Manual, Trouble, Word, Words, base_name, complain, serve, unknown};

/// `pgrep`
pub(crate) fn pgrep(argv: Vec<OsString>) -> i32 {
    let usage = "pgrep [-afilnovx] [-c] [-u USER] [-P PARENT] [-d TEXT] PATTERN
  -f: match the whole command line   -x: match it all   -i: any case   -v: the others   -n, -o: the newest, oldest
  -l, -a: print the name, the command line   -c: only count";
    serve(argv, &Manual { usage, failure: 3 }, |words, out| {
        let wanted = read(words)?;
        let found = wanted.find()?;
        let status = i32::from(found.is_empty());
        if wanted.count {
            writeln!(out, "{}", found.len())?;
            return Ok(status);
        }
        let lines: Vec<String> = found
            .iter()
            .map(|process| match wanted.show {
                Show::Pid => process.pid.to_string(),
                Show::Name => format!("{} {}", process.pid, process.name),
                Show::Command => format!("{} {}", process.pid, process.command()),
            })
            .collect();
        if !lines.is_empty() {
            writeln!(out, "{}", lines.join(&wanted.delimiter))?;
        }
        Ok(status)
    })
}

/// `pkill`
pub(crate) fn pkill(argv: Vec<OsString>) -> i32 {
    let usage = "pkill [-SIGNAL] [-finovx] [-u USER] [-P PARENT] PATTERN\n  Signals what pgrep would print; TERM unless told otherwise.";
    serve(argv, &Manual { usage, failure: 3 }, |words, _| {
        let wanted = read(words)?;
        let found = wanted.find()?;
        let mut status = i32::from(found.is_empty());
        for process in found {
            let Some(pid) = Pid::from_raw(process.pid) else { continue };
            let sent = match wanted.sending {
                Sending::Signal(signal) => rustix::process::kill_process(pid, signal),
                Sending::Nothing => rustix::process::test_kill_process(pid),
            };
            if let Err(cause) = sent {
                complain("pkill", &format!("cannot signal {}: {}", process.pid, crate::frame::reason(&cause.into())));
                status = 1;
            }
        }
        Ok(status)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Pid,
    Name,
    Command,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pick {
    All,
    Newest,
    Oldest,
}

struct Wanted {
    pattern: Option<String>,
    whole_command: bool,
    exact: bool,
    any_case: bool,
    others: bool,
    count: bool,
    show: Show,
    pick: Pick,
    users: Vec<String>,
    parents: Vec<i32>,
    delimiter: String,
    sending: Sending,
}

fn read(mut words: Words) -> Result<Wanted, Trouble> {
    let mut wanted = Wanted {
        pattern: None,
        whole_command: false,
        exact: false,
        any_case: false,
        others: false,
        count: false,
        show: Show::Pid,
        pick: Pick::All,
        users: Vec::new(),
        parents: Vec::new(),
        delimiter: "\n".to_owned(),
        sending: Sending::Signal(Signal::TERM),
    };
    // `-9` and `-KILL` are no flags that a parser could know: they are looked for first.
    let mut rest = words.rest()?;
    if rest.iter().any(|word| word == "--help") {
        return Err(Trouble::Help);
    }
    if let Some((index, sending)) = rest.iter().enumerate().find_map(|(index, word)| {
        let text = word.to_str()?.strip_prefix('-')?;
        let named = text.len() > 1 || text.starts_with(|first: char| first.is_ascii_digit());
        named.then(|| signal::read(text)).flatten().map(|sending| (index, sending))
    }) {
        rest.remove(index);
        wanted.sending = sending;
    }
    let mut words = Words::of(rest);
    while let Some(word) = words.next()? {
        match word {
            Word::Short('f') => wanted.whole_command = true,
            Word::Short('x') => wanted.exact = true,
            Word::Short('i') => wanted.any_case = true,
            Word::Short('v') => wanted.others = true,
            Word::Short('c') => wanted.count = true,
            Word::Short('l') => wanted.show = Show::Name,
            Word::Short('a') => wanted.show = Show::Command,
            Word::Short('n') => wanted.pick = Pick::Newest,
            Word::Short('o') => wanted.pick = Pick::Oldest,
            Word::Short('u' | 'U') => wanted.users.extend(words.text()?.split(',').map(str::to_owned)),
            Word::Short('P') => {
                for part in words.text()?.split(',') {
                    wanted.parents.push(part.parse().map_err(|_| Trouble::Words(format!("not a process: `{part}`")))?);
                }
            }
            Word::Short('d') => wanted.delimiter = words.text()?,
            Word::Long(name) if name == "signal" => {
                let text = words.text()?;
                wanted.sending =
                    signal::read(&text).ok_or_else(|| Trouble::Words(format!("no such signal: `{text}`")))?;
            }
            Word::Plain(text) if wanted.pattern.is_none() => wanted.pattern = Some(text.to_string_lossy().into_owned()),
            other => return Err(unknown(&other)),
        }
    }
    if wanted.pattern.is_none() && wanted.users.is_empty() && wanted.parents.is_empty() {
        return Err(Trouble::Words("which processes?".to_owned()));
    }
    Ok(wanted)
}

impl Wanted {
    fn find(&self) -> Result<Vec<Process>, Trouble> {
        let pattern = self.pattern.as_deref().unwrap_or_default();
        let pattern = if self.exact { format!("^(?:{pattern})$") } else { pattern.to_owned() };
        let pattern = RegexBuilder::new(&pattern)
            .case_insensitive(self.any_case)
            .build()
            .map_err(|cause| Trouble::Words(cause.to_string()))?;
        let system = System::read();
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let all = Process::all().map_err(Trouble::doing("cannot read /proc"))?;
        let mut found: Vec<Process> = all
            .into_iter()
            .filter(|process| process.pid != own)
            .filter(|process| {
                let hit = if self.whole_command {
                    pattern.is_match(&process.command())
                } else {
                    // The kernel keeps 15 bytes of a name; the rest is in the command line.
                    let first = process.words.first().map(|word| base_name(word.as_ref()));
                    let name = first.filter(|word| process.name.len() == 15 && word.starts_with(&process.name));
                    pattern.is_match(name.as_ref().unwrap_or(&process.name))
                };
                let users =
                    self.users.is_empty() || self.users.iter().any(|user| system.uid(user) == Some(process.uid));
                let parents = self.parents.is_empty() || self.parents.contains(&process.parent);
                (hit && users && parents) != self.others
            })
            .collect();
        found.sort_by_key(|process| (process.start_ticks, process.pid));
        match self.pick {
            Pick::All => found.sort_by_key(|process| process.pid),
            Pick::Newest => drop(found.drain(..found.len().saturating_sub(1))),
            Pick::Oldest => found.truncate(1),
        }
        Ok(found)
    }
}
