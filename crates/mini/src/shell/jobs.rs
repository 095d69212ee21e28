//! The builtins `fg`, `bg`, `kill` and `wait`, in place of brush's.
//!
//! A stopped pipeline is several processes: all of them are continued and signalled here, where brush 0.5 reaches
//! only the first. Its `kill` sends SIGKILL by default and knows neither `-9` nor a second process;
//! its `wait` knows no processes and no statuses.

use std::io::Write;
use std::pin::Pin;

use brush_core::builtins::Registration;
use brush_core::jobs::{Job, JobState};
use brush_core::{CommandArg, Error, ExecutionContext, ExecutionResult};
use rustix::process::{Pid, Signal};

use super::{Extensions, Shell};
use crate::process::signal::{self, Sending};

type Context<'a> = ExecutionContext<'a, Extensions>;
type Future<'a> = Pin<Box<dyn std::future::Future<Output = Result<ExecutionResult, Error>> + Send + 'a>>;

/// Puts the four in place.
pub(super) fn install(shell: &mut Shell) {
    shell.register_builtin("fg", row(|context, words| Box::pin(foreground(context, words))));
    shell.register_builtin("bg", row(|context, words| Box::pin(async move { background(context, words) })));
    shell.register_builtin("wait", row(|context, words| Box::pin(wait(context, words))));
    shell.register_builtin("kill", row(|context, words| Box::pin(async move { kill(context, words) })));
}

pub(super) fn row(execute: fn(Context<'_>, Vec<CommandArg>) -> Future<'_>) -> Registration<Extensions> {
    Registration {
        execute_func: execute,
        content_func: |name, _, _| Ok(format!("{name}: a builtin of fathom's shell\n")),
        disabled: false,
        special_builtin: false,
        declaration_builtin: false,
    }
}

/// `fg`: the job gets the terminal first and goes on second, lest it stops again at its first read.
async fn foreground(context: Context<'_>, words: Vec<CommandArg>) -> Result<ExecutionResult, Error> {
    let (mut stdout, mut stderr) = (context.stdout(), context.stderr());
    let name = words.get(1).map_or_else(|| "%%".to_owned(), job_name);
    let Some(job) = context.shell.jobs_mut().resolve_job_spec(&name) else {
        writeln!(stderr, "fg: {name}: no such job")?;
        return Ok(ExecutionResult::general_error());
    };
    let group = group_of(job);
    if let Some(group) = group {
        // Without a terminal there is nothing to hand over.
        let _ = rustix::termios::tcsetpgrp(std::io::stdin(), group);
    }
    // Told when keys already reach the job.
    writeln!(stdout, "{}", job.command_line)?;
    if let Some(group) = group {
        proceed(group);
    }
    job.state = JobState::Running;
    let result = job.wait().await?;
    let stopped = matches!(job.state, JobState::Stopped).then(|| job.to_string());
    brush_core::sys::terminal::move_self_to_foreground()?;
    if let Some(line) = stopped {
        writeln!(stderr, "\r{line}")?;
    } else {
        // The job has nothing left to wait for: this takes it off the list, untold, as it ended before our eyes.
        context.shell.jobs_mut().poll()?;
    }
    Ok(result)
}

/// `bg`.
fn background(context: Context<'_>, words: Vec<CommandArg>) -> Result<ExecutionResult, Error> {
    let mut stderr = context.stderr();
    let names: Vec<String> = words.iter().skip(1).map(job_name).collect();
    let names = if names.is_empty() { vec!["%%".to_owned()] } else { names };
    for name in names {
        let Some(job) = context.shell.jobs_mut().resolve_job_spec(&name) else {
            writeln!(stderr, "bg: {name}: no such job")?;
            return Ok(ExecutionResult::general_error());
        };
        if let Some(group) = group_of(job) {
            proceed(group);
        }
        job.state = JobState::Running;
        writeln!(stderr, "[{}]{} {} &", job.id, job.annotation(), job.command_line)?;
    }
    Ok(ExecutionResult::success())
}

/// `wait`: the status is that of the last one waited for, 127 for a stranger.
async fn wait(context: Context<'_>, words: Vec<CommandArg>) -> Result<ExecutionResult, Error> {
    let mut stderr = context.stderr();
    let mut result = ExecutionResult::success();
    for word in words.iter().skip(1).map(ToString::to_string) {
        let jobs = context.shell.jobs_mut();
        let job = match word.parse::<i32>() {
            Ok(pid) => jobs.jobs.iter_mut().find(|job| job.representative_pid() == Some(pid)),
            Err(_) if word.starts_with('%') => jobs.resolve_job_spec(&word),
            Err(_) => None,
        };
        match job {
            Some(job) => result = job.wait().await?,
            None => {
                writeln!(stderr, "wait: {word}: no such job or child")?;
                result = ExecutionResult::new(127);
            }
        }
    }
    if words.len() == 1 {
        for job in &mut context.shell.jobs_mut().jobs {
            job.wait().await?;
        }
    }
    // What has been waited for is not told again.
    context.shell.jobs_mut().poll()?;
    Ok(result)
}

/// `kill`.
fn kill(context: Context<'_>, words: Vec<CommandArg>) -> Result<ExecutionResult, Error> {
    let mut stderr = context.stderr();
    let words: Vec<String> = words.iter().skip(1).map(ToString::to_string).collect();
    let mut sending = Sending::Signal(Signal::TERM);
    let mut rest = words.as_slice();
    while let [first, after @ ..] = rest {
        rest = match first.as_str() {
            "--" => {
                rest = after;
                break;
            }
            "-l" | "-L" => return list(context, after),
            "-s" | "-n" if !after.is_empty() => {
                let Some(known) = signal::read(&after[0]) else { return unknown(stderr, &after[0]) };
                sending = known;
                &after[1..]
            }
            flag if flag.len() > 1 && flag.starts_with('-') => {
                let Some(known) = signal::read(&flag[1..]) else { return unknown(stderr, &flag[1..]) };
                sending = known;
                after
            }
            _ => break,
        };
    }
    if rest.is_empty() {
        writeln!(stderr, "kill: usage: kill [-SIGNAL] PID|%JOB...")?;
        return Ok(ExecutionResult::new(2));
    }
    let mut result = ExecutionResult::success();
    for target in rest {
        if let Err(reason) = deliver(context.shell, target, sending) {
            writeln!(stderr, "kill: {target}: {reason}")?;
            result = ExecutionResult::general_error();
        }
    }
    Ok(result)
}

fn deliver(shell: &mut Shell, target: &str, sending: Sending) -> Result<(), String> {
    let (group, number) = if target.starts_with('%') {
        let job = shell.jobs_mut().resolve_job_spec(target).ok_or("no such job")?;
        let number = job.process_group_id().ok_or("the job has no process of its own")?;
        // Without job control a job is in our own group.
        (Pid::from_raw(number).is_some_and(leads_group), number)
    } else {
        let number: i32 = target.parse().map_err(|_| "neither a process nor a job")?;
        (number < 0, number.abs())
    };
    let sent = match (Pid::from_raw(number), sending) {
        (None, Sending::Signal(signal)) => rustix::process::kill_current_process_group(signal),
        (None, Sending::Nothing) => Ok(()),
        (Some(pid), Sending::Signal(signal)) if group => rustix::process::kill_process_group(pid, signal),
        (Some(pid), Sending::Signal(signal)) => rustix::process::kill_process(pid, signal),
        (Some(pid), Sending::Nothing) if group => rustix::process::test_kill_process_group(pid),
        (Some(pid), Sending::Nothing) => rustix::process::test_kill_process(pid),
    };
    sent.map_err(|cause| crate::frame::reason(&cause.into()))
}

fn list(context: Context<'_>, numbers: &[String]) -> Result<ExecutionResult, Error> {
    let mut stdout = context.stdout();
    if numbers.is_empty() {
        for (number, name) in signal::all() {
            writeln!(stdout, "{number:2}) SIG{name}")?;
        }
    }
    for text in numbers {
        let name = text.parse().ok().and_then(signal::name_of);
        let number = signal::all().find(|(_, known)| text.trim_start_matches("SIG") == *known);
        match (name, number) {
            (Some(name), _) => writeln!(stdout, "{name}")?,
            (None, Some((number, _))) => writeln!(stdout, "{number}")?,
            (None, None) => return unknown(context.stderr(), text),
        }
    }
    Ok(ExecutionResult::success())
}

fn unknown(mut stderr: impl Write, text: &str) -> Result<ExecutionResult, Error> {
    writeln!(stderr, "kill: {text}: no such signal")?;
    Ok(ExecutionResult::general_error())
}

/// `%1` as written, and `1` for it.
fn job_name(word: &CommandArg) -> String {
    let text = word.to_string();
    if text.starts_with('%') { text } else { format!("%{text}") }
}

fn group_of(job: &Job) -> Option<Pid> {
    job.process_group_id().and_then(Pid::from_raw)
}

/// Continues a job: its group, or itself where it has none.
pub(super) fn proceed(job: Pid) {
    // One that has ended meanwhile is found out by waiting for it.
    let _ = if leads_group(job) {
        rustix::process::kill_process_group(job, Signal::CONT)
    } else {
        rustix::process::kill_process(job, Signal::CONT)
    };
}

fn leads_group(process: Pid) -> bool {
    rustix::process::getpgid(Some(process)).is_ok_and(|group| group == process)
}
