//! `top`: processes by their use of processor and memory, again and again.
//!
//! Each screen is the difference of two readings of /proc. With `-b`, or when stdout is no terminal, screens are
//! printed one after the other.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::table::{Process, System};
use crate::frame::{Manual, Out, Outcome, Trouble, Word, Words, serve, unknown};
use crate::terminal::{self, Key, Raw};

/// Runs `top`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let usage = "top [-b] [-n TIMES] [-d SECONDS] [-p PID,...] [-o %CPU|%MEM|TIME|PID]
  -b: print instead of drawing. Keys: P, M, T, N sort by processor, memory, time, number; space: now; q: leave.";
    serve(argv, &Manual { usage, failure: 1 }, run)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Cpu,
    Memory,
    Time,
    Pid,
}

struct Wanted {
    times: Option<u64>,
    pause: Duration,
    pids: Vec<i32>,
    sort: Sort,
}

fn run(mut words: Words, out: &mut Out) -> Outcome {
    let mut wanted = Wanted { times: None, pause: Duration::from_secs(2), pids: Vec::new(), sort: Sort::Cpu };
    let mut batch = !(std::io::stdout().is_terminal() && std::io::stdin().is_terminal());
    while let Some(word) = words.next()? {
        match word {
            Word::Short('b') => batch = true,
            Word::Short('n') => wanted.times = Some(words.number()?),
            Word::Short('d') => {
                wanted.pause = Duration::try_from_secs_f64(words.number()?)
                    .map_err(|_| Trouble::Words("the pause is no number of seconds".to_owned()))?;
            }
            Word::Short('p') => {
                for part in words.text()?.split(',') {
                    wanted.pids.push(part.parse().map_err(|_| Trouble::Words(format!("not a process: `{part}`")))?);
                }
            }
            Word::Short('o') => {
                wanted.sort = match words.text()?.to_ascii_uppercase().as_str() {
                    "%CPU" | "CPU" => Sort::Cpu,
                    "%MEM" | "MEM" | "RES" => Sort::Memory,
                    "TIME" | "TIME+" => Sort::Time,
                    "PID" => Sort::Pid,
                    other => return Err(Trouble::Words(format!("cannot sort by `{other}`"))),
                }
            }
            Word::Short('c') => {}
            other => return Err(unknown(&other)),
        }
    }
    if batch { print(wanted, out) } else { draw(wanted, out) }
}

fn print(wanted: Wanted, out: &mut Out) -> Outcome {
    let mut before = Reading::empty();
    let mut count = 0;
    loop {
        let now = Reading::take()?;
        for line in screen(&before, &now, &wanted, usize::MAX) {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
        out.flush()?;
        before = now;
        count += 1;
        if wanted.times.is_some_and(|times| count >= times) {
            return Ok(0);
        }
        std::thread::sleep(wanted.pause);
    }
}

fn draw(mut wanted: Wanted, out: &mut Out) -> Outcome {
    let raw = Raw::enter(std::io::stdin())?;
    // The other screen, without a cursor; both undone at the end, whatever ends it.
    out.write_all(b"\x1b[?1049h\x1b[?25l")?;
    let result = redraw(&mut wanted, out, raw.fd());
    out.write_all(b"\x1b[?25h\x1b[?1049l")?;
    result
}

fn redraw(wanted: &mut Wanted, out: &mut Out, tty: std::os::fd::BorrowedFd<'_>) -> Outcome {
    let mut before = Reading::empty();
    let mut now = Reading::take()?;
    let mut count = 0;
    loop {
        let size = terminal::size(tty);
        out.write_all(b"\x1b[H")?;
        let lines = screen(&before, &now, wanted, size.rows);
        for (row, line) in lines.iter().enumerate() {
            let line: String = line.chars().take(size.columns).collect();
            let end = if row + 1 < size.rows.min(lines.len()) { "\r\n" } else { "" };
            write!(out, "{line}\x1b[K{end}")?;
        }
        out.write_all(b"\x1b[J")?;
        out.flush()?;
        count += 1;
        if wanted.times.is_some_and(|times| count >= times) {
            return Ok(0);
        }
        match terminal::key_within(tty, wanted.pause)? {
            Some(Key::Char('q') | Key::Control('c')) => return Ok(0),
            Some(Key::Char('P')) => wanted.sort = Sort::Cpu,
            Some(Key::Char('M')) => wanted.sort = Sort::Memory,
            Some(Key::Char('T')) => wanted.sort = Sort::Time,
            Some(Key::Char('N')) => wanted.sort = Sort::Pid,
            // Two readings at the same moment have no difference: an impatient key redraws the last one.
            Some(_) if now.at.elapsed() < Duration::from_millis(200) => {}
            _ => before = std::mem::replace(&mut now, Reading::take()?),
        }
    }
}

/// /proc at one moment.
struct Reading {
    at: Instant,
    system: System,
    processes: Vec<Process>,
    /// /proc/stat's first line: user, nice, system, idle, waiting, interrupts, soft interrupts, stolen.
    processor: [u64; 8],
}

impl Reading {
    fn take() -> Result<Self, Trouble> {
        let processes = Process::all().map_err(Trouble::doing("cannot read /proc"))?;
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let mut processor = [0; 8];
        for (slot, text) in processor.iter_mut().zip(stat.split_whitespace().skip(1)) {
            *slot = text.parse().unwrap_or(0);
        }
        Ok(Reading { at: Instant::now(), system: System::read(), processes, processor })
    }

    /// Boot: the first screen shows averages since then.
    fn empty() -> Self {
        Reading { at: Instant::now(), system: System::read(), processes: Vec::new(), processor: [0; 8] }
    }
}

fn screen(before: &Reading, now: &Reading, wanted: &Wanted, rows: usize) -> Vec<String> {
    let mut lines = head(before, now);
    lines.push(String::new());
    lines.push(format!(
        "{:>7} {:10} {:>3} {:>4} {:>9} {:>9} S {:>5} {:>5} {:>10} COMMAND",
        "PID", "USER", "PR", "NI", "VIRT", "RES", "%CPU", "%MEM", "TIME+"
    ));
    let earlier: HashMap<i32, u64> = before.processes.iter().map(|process| (process.pid, process.ticks())).collect();
    let first = before.processes.is_empty();
    let passed = (now.at - before.at).as_secs_f64().max(0.001);
    let system = &now.system;
    let mut table: Vec<(f64, &Process)> = now
        .processes
        .iter()
        .filter(|process| wanted.pids.is_empty() || wanted.pids.contains(&process.pid))
        .map(|process| {
            let (ticks, span) = if first {
                (process.ticks(), system.age(process).as_secs_f64().max(0.001))
            } else {
                (process.ticks().saturating_sub(earlier.get(&process.pid).copied().unwrap_or(0)), passed)
            };
            (100.0 * system.span(ticks).as_secs_f64() / span, process)
        })
        .collect();
    match wanted.sort {
        Sort::Cpu => table.sort_by(|left, right| right.0.total_cmp(&left.0)),
        Sort::Memory => table.sort_by_key(|(_, process)| std::cmp::Reverse(process.resident_pages)),
        Sort::Time => table.sort_by_key(|(_, process)| std::cmp::Reverse(process.ticks())),
        Sort::Pid => table.sort_by_key(|(_, process)| process.pid),
    }
    for (share, process) in table.into_iter().take(rows.saturating_sub(lines.len())) {
        lines.push(row(share, process, system));
    }
    lines
}

fn row(share: f64, process: &Process, system: &System) -> String {
    let resident = process.resident_pages * system.page;
    let memory = 100.0 * resident as f64 / system.memory.max(1) as f64;
    let time = system.span(process.ticks()).as_millis();
    let time = format!("{}:{:02}.{:02}", time / 60_000, time / 1000 % 60, time / 10 % 100);
    let user: String = system.user(process.uid).chars().take(10).collect();
    let (pid, priority, nice, state) = (process.pid, process.priority, process.nice, process.state);
    let (size, resident, command) = (process.virtual_bytes / 1024, resident / 1024, process.command());
    format!(
        "{pid:>7} {user:10} {priority:>3} {nice:>4} {size:>9} {resident:>9} {state} {share:>5.1} {memory:>5.1} {time:>10} {command}"
    )
}

fn head(before: &Reading, now: &Reading) -> Vec<String> {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    let clock = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
    let up = now.system.uptime.as_secs();
    let of = |states: &str| now.processes.iter().filter(|process| states.contains(process.state)).count();
    let mut processor = String::from("%Cpu(s):");
    let used: Vec<u64> =
        now.processor.iter().zip(before.processor).map(|(now, before)| now.saturating_sub(before)).collect();
    let total = used.iter().sum::<u64>().max(1) as f64;
    let order = [(0, "us"), (2, "sy"), (1, "ni"), (3, "id"), (4, "wa"), (5, "hi"), (6, "si"), (7, "st")];
    for (index, (slot, name)) in order.into_iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(processor, "{comma} {:4.1} {name}", 100.0 * used[slot] as f64 / total);
    }
    let memory = crate::system::memory().unwrap_or_default();
    let mib = |name: &str| memory.get(name).copied().unwrap_or(0) as f64 / f64::from(1 << 20);
    let cache = mib("Buffers") + mib("Cached") + mib("SReclaimable");
    vec![
        format!(
            "top - {clock} up {} days, {:02}:{:02}, load average: {}",
            up / 86400,
            up / 3600 % 24,
            up / 60 % 60,
            load.join(", ")
        ),
        format!(
            "Tasks: {} total, {} running, {} sleeping, {} stopped, {} zombie",
            now.processes.len(),
            of("R"),
            of("SDI"),
            of("Tt"),
            of("Z")
        ),
        processor,
        format!(
            "MiB Mem : {:.1} total, {:.1} free, {:.1} used, {cache:.1} buff/cache",
            mib("MemTotal"),
            mib("MemFree"),
            mib("MemTotal") - mib("MemAvailable")
        ),
        format!(
            "MiB Swap: {:.1} total, {:.1} free, {:.1} avail Mem",
            mib("SwapTotal"),
            mib("SwapFree"),
            mib("MemAvailable")
        ),
    ]
}
