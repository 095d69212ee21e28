//! `ps`: a choice of processes and a choice of columns, in BSD's words (`aux`) and POSIX's (`-ef -o pid,args`).

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use super::table::{Process, System, terminal_name};
use crate::frame::{Manual, Out, Outcome, Trouble, Words, serve};

const USAGE: &str = "ps [aux | -ef | -e | -A] [-o COLUMN[=TITLE],...] [-p PID,...] [-u USER,...] [-C NAME,...] [-t] [--sort [-]COLUMN] [--no-headers]
  Without a choice: the processes of this terminal. a, x: everybody's; -e, -A: all; u, -f, -l: more columns; -w: uncut.
  Columns:";

/// Runs `ps`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.names[0]).collect();
    let usage = format!("{USAGE} {}", names.join(" "));
    // One applet runs in a process: its usage may live as long as the process.
    serve(argv, &Manual { usage: usage.leak(), failure: 1 }, run)
}

/// A column: what it is called, its title, which side it leans to, and its text.
struct Column {
    names: &'static [&'static str],
    title: &'static str,
    lean: Lean,
    get: fn(&Process, &System) -> String,
    /// What to sort by, where that is not the text.
    weight: Option<fn(&Process, &System) -> i64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lean {
    Left,
    Right,
}

macro_rules! column {
    ($names:expr, $title:literal, $lean:ident, $get:expr) => {
        Column { names: &$names, title: $title, lean: Lean::$lean, get: $get, weight: None }
    };
    ($names:expr, $title:literal, $lean:ident, $get:expr, $weight:expr) => {
        Column { names: &$names, title: $title, lean: Lean::$lean, get: $get, weight: Some($weight) }
    };
}

#[rustfmt::skip]
static COLUMNS: &[Column] = &[
    column!(["pid", "tgid"], "PID", Right, |p, _| p.pid.to_string(), |p, _| p.pid.into()),
    column!(["ppid"], "PPID", Right, |p, _| p.parent.to_string(), |p, _| p.parent.into()),
    column!(["pgid", "pgrp"], "PGID", Right, |p, _| p.group.to_string(), |p, _| p.group.into()),
    column!(["sid", "sess", "session"], "SID", Right, |p, _| p.session.to_string(), |p, _| p.session.into()),
    column!(["user", "euser", "uname"], "USER", Left, |p, s| s.user(p.uid)),
    column!(["uid", "euid"], "UID", Right, |p, _| p.uid.to_string(), |p, _| p.uid.into()),
    column!(["group", "egroup"], "GROUP", Left, |p, s| s.group(p.gid)),
    column!(["gid", "egid"], "GID", Right, |p, _| p.gid.to_string(), |p, _| p.gid.into()),
    column!(["pcpu", "%cpu", "c"], "%CPU", Right, |p, s| tenths(cpu_per_mille(p, s)), cpu_per_mille),
    column!(["pmem", "%mem"], "%MEM", Right, |p, s| tenths(memory_per_mille(p, s)), memory_per_mille),
    column!(["vsz", "vsize"], "VSZ", Right, |p, _| (p.virtual_bytes / 1024).to_string(), |p, _| (p.virtual_bytes / 1024).cast_signed()),
    column!(["rss", "rssize"], "RSS", Right, |p, s| (p.resident_pages * s.page / 1024).to_string(), |p, _| p.resident_pages.cast_signed()),
    column!(["tty", "tt", "tname"], "TTY", Left, |p, _| terminal_name(p.terminal)),
    column!(["stat"], "STAT", Left, |p, _| states(p)),
    column!(["s", "state"], "S", Left, |p, _| p.state.to_string()),
    column!(["start", "stime", "start_time"], "START", Right, |p, s| began(p, s, "%H:%M", "%b%d"), |p, _| p.start_ticks.cast_signed()),
    column!(["lstart"], "STARTED", Right, |p, s| began(p, s, "%a %b %e %T %Y", "%a %b %e %T %Y"), |p, _| p.start_ticks.cast_signed()),
    column!(["time", "cputime"], "TIME", Right, |p, s| clock(s.span(p.ticks())), |p, _| p.ticks().cast_signed()),
    column!(["etime"], "ELAPSED", Right, |p, s| elapsed(s.age(p)), |p, _| -p.start_ticks.cast_signed()),
    column!(["etimes"], "ELAPSED", Right, |p, s| s.age(p).as_secs().to_string(), |p, _| -p.start_ticks.cast_signed()),
    column!(["ni", "nice"], "NI", Right, |p, _| p.nice.to_string(), |p, _| p.nice),
    column!(["pri", "priority"], "PRI", Right, |p, _| p.priority.to_string(), |p, _| p.priority),
    column!(["nlwp", "thcount"], "NLWP", Right, |p, _| p.threads.to_string(), |p, _| p.threads),
    column!(["psr"], "PSR", Right, |p, _| p.processor.to_string(), |p, _| p.processor.into()),
    column!(["wchan"], "WCHAN", Left, |p, _| file(p, "wchan")),
    column!(["cgroup"], "CGROUP", Left, |p, _| file(p, "cgroup")),
    column!(["exe"], "EXE", Left, |p, _| link(p, "exe")),
    column!(["cwd"], "CWD", Left, |p, _| link(p, "cwd")),
    column!(["root"], "ROOT", Left, |p, _| link(p, "root")),
    column!(["pidns"], "PIDNS", Right, |p, _| namespace(p, "pid")),
    column!(["netns"], "NETNS", Right, |p, _| namespace(p, "net")),
    column!(["mntns"], "MNTNS", Right, |p, _| namespace(p, "mnt")),
    column!(["userns"], "USERNS", Right, |p, _| namespace(p, "user")),
    column!(["utsns"], "UTSNS", Right, |p, _| namespace(p, "uts")),
    column!(["ipcns"], "IPCNS", Right, |p, _| namespace(p, "ipc")),
    column!(["comm", "ucomm"], "COMMAND", Left, |p, _| p.name.clone()),
    column!(["args", "cmd", "command"], "COMMAND", Left, |p, _| p.command()),
];

/// A column as asked for: its title may be changed, or be empty.
type Chosen = (&'static Column, String);

/// What the words ask for.
#[derive(Default)]
struct Choice {
    columns: Vec<Chosen>,
    everybody: bool,
    terminal_less: bool,
    all: bool,
    own_terminal: bool,
    pids: Vec<i32>,
    users: Vec<String>,
    names: Vec<String>,
    sort: Option<(&'static Column, bool)>,
    no_headers: bool,
    uncut: bool,
}

impl Choice {
    fn format(&mut self, list: &str) -> Result<(), Trouble> {
        for name in list.split([',', ' ']).filter(|name| !name.is_empty()) {
            let (name, title) = name.split_once('=').map_or((name, None), |(name, title)| (name, Some(title)));
            let column = column(name)?;
            self.columns.push((column, title.unwrap_or(column.title).to_owned()));
        }
        Ok(())
    }

    fn wants(&self, process: &Process, system: &System, own: &Process) -> bool {
        let listed = !self.pids.is_empty() || !self.users.is_empty() || !self.names.is_empty();
        if listed {
            return self.pids.contains(&process.pid)
                || self.users.iter().any(|user| system.uid(user) == Some(process.uid))
                || self.names.contains(&process.name);
        }
        if self.all || (self.everybody && self.terminal_less) {
            return true;
        }
        match (self.everybody, self.terminal_less) {
            (true, _) => process.terminal != 0,
            (_, true) => process.uid == own.uid,
            _ if own.terminal == 0 && !self.own_terminal => process.session == own.session,
            _ => process.terminal == own.terminal && process.uid == own.uid,
        }
    }
}

fn column(name: &str) -> Result<&'static Column, Trouble> {
    COLUMNS
        .iter()
        .find(|column| column.names.contains(&name))
        .ok_or_else(|| Trouble::Words(format!("unknown column `{name}`")))
}

const PLAIN: &str = "pid,tty,time,comm=CMD";
const FULL: &str = "user=UID,pid,ppid,c=C,stime=STIME,tty,time,args=CMD";
const LONG: &str = "s,uid,pid,ppid,pri,ni,vsz,wchan,tty,time,comm=CMD";
const USER: &str = "user,pid,%cpu,%mem,vsz,rss,tty,stat,start,time,command";

fn run(mut words: Words, out: &mut Out) -> Outcome {
    let choice = read(&words.rest_as_text()?)?;
    let system = System::read();
    let own = i32::try_from(std::process::id()).ok().and_then(Process::read).unwrap_or_default();
    let all = Process::all().map_err(Trouble::doing("cannot read /proc"))?;
    let mut chosen: Vec<&Process> = all.iter().filter(|process| choice.wants(process, &system, &own)).collect();
    if let Some((column, falling)) = choice.sort {
        match column.weight {
            Some(weight) => chosen.sort_by_key(|process| weight(process, &system)),
            None => chosen.sort_by_key(|process| (column.get)(process, &system)),
        }
        if falling {
            chosen.reverse();
        }
    }
    let status = i32::from(chosen.is_empty());
    let width =
        (std::io::stdout().is_terminal() && !choice.uncut).then(|| crate::terminal::size(std::io::stdout()).columns);
    print(out, &choice, &chosen, &system, width)?;
    Ok(status)
}

fn read(words: &[String]) -> Result<Choice, Trouble> {
    let mut choice = Choice::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
            let mut value = || value.clone().or_else(|| words.next().cloned()).ok_or_else(|| lacking(word));
            match name {
                "no-headers" | "no-heading" => choice.no_headers = true,
                "sort" => choice.sort = Some(order(&value()?)?),
                "format" => choice.format(&value()?)?,
                "pid" => choice.pids.extend(numbers(&value()?)?),
                "user" => choice.users.extend(list(&value()?)),
                _ => return Err(Trouble::Words(format!("unknown option `{word}`"))),
            }
            continue;
        }
        let (posix, letters) = word.strip_prefix('-').map_or((false, word.as_str()), |letters| (true, letters));
        if !posix && letters.starts_with(|first: char| first.is_ascii_digit()) {
            choice.pids.extend(numbers(letters)?);
            continue;
        }
        let mut rest = letters;
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            if matches!((posix, letter), (_, 'o' | 'O' | 'p' | 'q' | 'U') | (true, 'u' | 'C' | 'k') | (false, 'k')) {
                let value =
                    if rest.is_empty() { words.next().ok_or_else(|| lacking(word))?.clone() } else { rest.to_owned() };
                match letter {
                    'o' | 'O' => choice.format(&value)?,
                    'p' | 'q' => choice.pids.extend(numbers(&value)?),
                    'k' => choice.sort = Some(order(&value)?),
                    'C' => choice.names.extend(list(&value)),
                    _ => choice.users.extend(list(&value)),
                }
                break;
            }
            match (posix, letter) {
                (true, 'e' | 'A') => choice.all = true,
                (true, 'a' | 'd') => (choice.everybody, choice.terminal_less) = (true, letter == 'd'),
                (true, 'f' | 'F') => choice.format(FULL)?,
                (true, 'l') => choice.format(LONG)?,
                (_, 'T' | 't') => choice.own_terminal = true,
                (_, 'w') => choice.uncut = true,
                (false, 'a') => choice.everybody = true,
                (_, 'x') => choice.terminal_less = true,
                (false, 'u') => choice.format(USER)?,
                (false, 'l') => choice.format(LONG)?,
                (false, 'h') => choice.no_headers = true,
                (false, 'e' | 'f') | (true, 'H' | 'y') => {}
                _ => return Err(Trouble::Words(format!("unknown option `{letter}` in `{word}`"))),
            }
        }
    }
    if choice.columns.is_empty() {
        choice.format(PLAIN)?;
    }
    Ok(choice)
}

fn lacking(word: &str) -> Trouble {
    Trouble::Words(format!("`{word}` needs a value"))
}

fn list(text: &str) -> impl Iterator<Item = String> {
    text.split([',', ' ']).filter(|part| !part.is_empty()).map(str::to_owned)
}

fn numbers(text: &str) -> Result<Vec<i32>, Trouble> {
    list(text).map(|part| part.parse().map_err(|_| Trouble::Words(format!("not a process: `{part}`")))).collect()
}

/// `-pcpu` sorts the other way round.
fn order(text: &str) -> Result<(&'static Column, bool), Trouble> {
    let falling = text.starts_with('-');
    Ok((column(text.trim_start_matches(['-', '+']))?, falling))
}

fn print(
    out: &mut Out,
    choice: &Choice,
    rows: &[&Process],
    system: &System,
    width: Option<usize>,
) -> Result<(), Trouble> {
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| choice.columns.iter().map(|(column, _)| (column.get)(row, system)).collect()).collect();
    let widths: Vec<usize> = choice
        .columns
        .iter()
        .enumerate()
        .map(|(index, (_, title))| {
            cells.iter().map(|row| row[index].chars().count()).chain([title.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let titles: Vec<String> = choice.columns.iter().map(|(_, title)| title.clone()).collect();
    let head = (!choice.no_headers && titles.iter().any(|title| !title.is_empty())).then_some(&titles);
    for row in head.into_iter().chain(&cells) {
        let mut line = String::new();
        for (index, (column, _)) in choice.columns.iter().enumerate() {
            let (cell, width) = (&row[index], widths[index]);
            let last = index + 1 == choice.columns.len();
            match column.lean {
                Lean::Left if last => line += cell,
                Lean::Left => line += &format!("{cell:width$} "),
                Lean::Right => line += &format!("{cell:>width$}{}", if last { "" } else { " " }),
            }
        }
        match width {
            Some(width) => writeln!(out, "{}", line.chars().take(width).collect::<String>())?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

fn cpu_per_mille(process: &Process, system: &System) -> i64 {
    let age = system.age(process).as_millis().max(1);
    i64::try_from(system.span(process.ticks()).as_millis() * 1000 / age).unwrap_or(0)
}

fn memory_per_mille(process: &Process, system: &System) -> i64 {
    let bytes = u128::from(process.resident_pages) * u128::from(system.page) * 1000;
    i64::try_from(bytes / u128::from(system.memory.max(1))).unwrap_or(0)
}

fn tenths(per_mille: i64) -> String {
    format!("{}.{}", per_mille / 10, per_mille % 10)
}

/// The state with what `ps` adds to it: priority, session leader, threads, foreground.
fn states(process: &Process) -> String {
    let mut text = process.state.to_string();
    match process.nice {
        ..0 => text.push('<'),
        1.. => text.push('N'),
        0 => {}
    }
    if process.session == process.pid {
        text.push('s');
    }
    if process.threads > 1 {
        text.push('l');
    }
    if process.foreground == process.group && process.terminal != 0 {
        text.push('+');
    }
    text
}

/// When it began, in short: the clock for the last day, the date before.
fn began(process: &Process, system: &System, today: &str, before: &str) -> String {
    let format = if system.age(process) < Duration::from_secs(86400) { today } else { before };
    let moment = jiff::Timestamp::from_second(system.began(process)).unwrap_or_default();
    moment.to_zoned(jiff::tz::TimeZone::system()).strftime(format).to_string()
}

/// `[DD-]HH:MM:SS`
fn clock(span: Duration) -> String {
    let seconds = span.as_secs();
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    if seconds >= 86400 { format!("{}-{text}", seconds / 86400) } else { text }
}

/// `[[DD-]HH:]MM:SS`
fn elapsed(span: Duration) -> String {
    let text = clock(span);
    if span.as_secs() < 3600 { text[3..].to_owned() } else { text }
}

fn file(process: &Process, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{}/{name}", process.pid)).unwrap_or_default();
    let text = text.trim().replace('\n', ";");
    if text.is_empty() { "-".to_owned() } else { text }
}

fn link(process: &Process, name: &str) -> String {
    let target = std::fs::read_link(format!("/proc/{}/{name}", process.pid));
    target.map_or_else(|_| "-".to_owned(), |path| path.display().to_string())
}

/// The inode in `pid:[4026531836]`.
fn namespace(process: &Process, kind: &str) -> String {
    let text = link(process, &format!("ns/{kind}"));
    text.split(['[', ']']).nth(1).unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(line: &str) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let choice = read(&words).expect("words");
        choice.columns.iter().map(|(_, title)| title.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn both_dialects_choose_columns() {
        assert_eq!(titles(""), "PID TTY TIME CMD");
        assert_eq!(titles("aux"), "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND");
        assert_eq!(titles("-ef"), "UID PID PPID C STIME TTY TIME CMD");
        assert_eq!(titles("-o pid=,args=WHAT"), " WHAT");
        assert_eq!(titles("-eo pid,comm"), "PID COMMAND");
    }

    #[test]
    fn nonsense_is_named() {
        for (line, expect) in [
            ("-o nosuch", "unknown column `nosuch`"),
            ("--sort", "`--sort` needs a value"),
            ("-p x", "not a process: `x`"),
            ("-Z", "unknown option `Z` in `-Z`"),
        ] {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let Err(Trouble::Words(text)) = read(&words).map(|_| ()) else { panic!("{line} should be refused") };
            assert_eq!(text, expect);
        }
    }

    #[test]
    fn times_are_written_as_clocks() {
        assert_eq!(clock(Duration::from_secs(90061)), "1-01:01:01");
        assert_eq!(elapsed(Duration::from_secs(61)), "01:01");
    }
}
