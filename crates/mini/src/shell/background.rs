//! Commands that end in `&`.
//!
//! brush 0.5 runs them as tasks within the shell: they have no process of their own, so no `$!`, `kill %1`, `fg` or
//! `wait PID`. Here each is a process: a second shell, which gets this one's variables and functions, and becomes the
//! command itself where that is a plain one. To be listed as a job it must be brush's child and be stopped once: it
//! starts by stopping itself, brush makes a job of it, and we let it go on.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use brush_core::jobs::JobState;
use brush_core::{ExecutionParameters, ShellFd, ShellValue};
use brush_parser::ast;
use rustix::fs::MemfdFlags;
use rustix::process::{Pid, Signal};

use super::{Shell, jobs};

/// Under which descriptors the job gets its stdin, its stderr and what it is to run: above those that scripts use.
const STDIN: ShellFd = 60;
const STDERR: ShellFd = 61;
const SCRIPT: ShellFd = 62;

/// The status of a program that is not there.
const NOT_FOUND: u8 = 127;

/// How this shell is called once more: by a link of its name that leads to this very program, or else in the form
/// that `fathom_mini::called` knows.
static OWN: LazyLock<String> = LazyLock::new(|| {
    let file = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    let own = file(Path::new("/proc/self/exe"));
    let called = std::env::args_os().next().map(PathBuf::from).filter(|path| path.parent() != Some(Path::new("")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let links = std::env::split_paths(&path).flat_map(|folder| ["sh", "bash"].map(|name| folder.join(name)));
    called
        .into_iter()
        .chain(links)
        .filter(|path| own.is_some() && file(path) == own)
        .filter(|path| path.file_name().is_some_and(|name| name == "sh" || name == "bash"))
        .find_map(|path| std::path::absolute(path).ok()?.into_os_string().into_string().ok())
        .map_or_else(|| "/proc/self/exe sh".to_owned(), |path| quoted(&path))
});

/// Starts `list` as a job; false when that cannot be done here, and brush's way must do.
pub(super) async fn start(shell: &mut Shell, list: &ast::AndOrList, params: &ExecutionParameters) -> bool {
    let Some(script) = script(shell, list) else { return false };
    let mut params = params.clone();
    params.process_group_policy = shell.default_exec_params().process_group_policy;
    let interactive = shell.options().interactive;
    let stdin = if interactive { params.try_fd(shell, 0) } else { null() };
    let (Some(stdin), Some(stderr), Some(nothing), Some(silence)) = (stdin, params.try_fd(shell, 2), null(), null())
    else {
        return false;
    };
    // Neither is the job's stdin, which would hand it the terminal, nor its stderr, on which brush tells of the stop.
    params.set_fd(0, nothing);
    params.set_fd(2, silence);
    params.set_fd(STDIN, stdin);
    params.set_fd(STDERR, stderr);
    params.set_fd(SCRIPT, script.into());
    let mut line = format!("{} --job {}", *OWN, quoted(&shell_name(shell)));
    for word in shell.current_shell_args() {
        line += &format!(" {}", quoted(word));
    }
    let Ok(program) = shell.parse_string(line) else { return false };
    let before = last_job(shell);
    let reminder = tokio::spawn(remind(Duration::from_millis(1)));
    let outcome = shell.run_program(program, &params).await;
    reminder.abort();
    shell.set_last_exit_status(0);
    if last_job(shell) == before {
        if outcome.is_ok_and(|result| u8::from(result.exit_code) == NOT_FOUND) {
            return false;
        }
        // brush's way would need as many processes, and would wait for whatever other job stops.
        complain(shell, "cannot start a job: no room for another process");
        return true;
    }
    let Some(job) = shell.jobs_mut().current_job_mut() else { return false };
    job.command_line = list.to_string();
    job.state = JobState::Running;
    let (id, pid) = (job.id, job.representative_pid());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        jobs::proceed(pid);
    }
    if interactive {
        // Nobody to tell when stderr is closed.
        let _ = writeln!(shell.stderr(), "[{id}] {}", pid.unwrap_or_default());
    }
    true
}

/// On the shell's own stderr, and as its status.
fn complain(shell: &mut Shell, trouble: &str) {
    // Nobody to tell when stderr is closed.
    let _ = writeln!(shell.stderr(), "{}: {trouble}", shell_name(shell));
    shell.set_last_exit_status(1);
}

/// brush looks for stopped children when a SIGCHLD comes, and misses the one that came before it listened.
/// For so long only as a child may have been quicker than that.
pub(super) async fn remind(pause: Duration) {
    for _ in 0..1000 {
        tokio::time::sleep(pause).await;
        // Nothing but the question itself can fail, and then the job's own signal must do.
        let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::CHILD);
    }
}

/// The job's side: takes its descriptors, stops until it is a job, and gives what is to be run.
pub(super) fn begin() -> Result<String, String> {
    let lost = |what: &str| format!("the job has lost its {what}");
    let stdin = take(STDIN).ok_or_else(|| lost("stdin"))?;
    let stderr = take(STDERR).ok_or_else(|| lost("stderr"))?;
    let mut script = take(SCRIPT).ok_or_else(|| lost("script"))?;
    let mut text = String::new();
    script
        .seek(SeekFrom::Start(0))
        .and_then(|_| script.read_to_string(&mut text))
        .map_err(|cause| format!("cannot read the job's script: {cause}"))?;
    rustix::stdio::dup2_stdin(stdin).map_err(|cause| cause.to_string())?;
    rustix::stdio::dup2_stderr(stderr).map_err(|cause| cause.to_string())?;
    rustix::process::kill_process(rustix::process::getpid(), Signal::STOP).map_err(|cause| cause.to_string())?;
    Ok(text)
}

/// A descriptor that was handed over under a number; the number itself is closed, lest the command inherits it.
fn take(number: ShellFd) -> Option<File> {
    let brush_core::openfiles::OpenFile::File(file) = brush_core::sys::fd::try_get_file_for_open_fd(number)? else {
        return None;
    };
    nix::unistd::close(number).ok()?;
    Some(file)
}

fn null() -> Option<brush_core::openfiles::OpenFile> {
    brush_core::openfiles::null().ok()
}

fn last_job(shell: &Shell) -> Option<i32> {
    shell.jobs().current_job().and_then(brush_core::jobs::Job::representative_pid)
}

fn shell_name(shell: &Shell) -> String {
    shell.current_shell_name().map_or_else(|| "sh".to_owned(), |name| name.to_string())
}

/// What the second shell runs: our state, then the list.
fn script(shell: &Shell, list: &ast::AndOrList) -> Option<File> {
    let mut text = variables(shell);
    let flags: String = shell.options().option_flags().chars().filter(|flag| "aefuxC".contains(*flag)).collect();
    if is_plain(shell, list) {
        text += &format!("exec {list}\n");
    } else {
        for (_, function) in shell.funcs().iter() {
            text += &format!("{}\n", function.definition());
        }
        if !flags.is_empty() {
            text += &format!("set -{flags}\n");
        }
        text += &format!("{list}\n");
    }
    let mut file = File::from(rustix::fs::memfd_create("job", MemfdFlags::CLOEXEC).ok()?);
    file.write_all(text.as_bytes()).ok()?;
    Some(file)
}

/// Whether `list` is one program with its words, which can take the second shell's place.
fn is_plain(shell: &Shell, list: &ast::AndOrList) -> bool {
    let pipeline = &list.first;
    let [ast::Command::Simple(command)] = pipeline.seq.as_slice() else { return false };
    let (None, Some(name)) = (&command.prefix, &command.word_or_name) else { return false };
    let name = name.value.as_str();
    list.additional.is_empty()
        && !pipeline.bang
        && pipeline.timed.is_none()
        && name.chars().all(|letter| letter.is_alphanumeric() || "/._+-".contains(letter))
        && shell.funcs().get(name).is_none()
        && !shell.builtins().contains_key(name)
        && !shell.aliases().contains_key(name)
}

/// Assignments of all variables that the environment does not carry.
fn variables(shell: &Shell) -> String {
    let mut text = String::new();
    for (name, variable) in shell.env().iter() {
        if variable.is_exported() || variable.is_readonly() || is_own(name) {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = match variable.value() {
            ShellValue::String(value) => writeln!(text, "{name}={}", quoted(value)),
            ShellValue::IndexedArray(values) => writeln!(text, "{name}=({})", pairs(values.iter())),
            ShellValue::AssociativeArray(values) => writeln!(text, "declare -A {name}=({})", pairs(values.iter())),
            ShellValue::Unset(_) | ShellValue::Dynamic { .. } => Ok(()),
        };
    }
    text
}

fn pairs<'a>(values: impl Iterator<Item = (impl ToString, &'a String)>) -> String {
    values.map(|(key, value)| format!("[{}]={} ", quoted(&key.to_string()), quoted(value))).collect()
}

/// Variables that each shell sets for itself.
fn is_own(name: &str) -> bool {
    const OWN: [&str; 20] = [
        "_",
        "COMP_WORDBREAKS",
        "DIRSTACK",
        "EUID",
        "FUNCNAME",
        "GROUPS",
        "HISTCMD",
        "HOSTNAME",
        "HOSTTYPE",
        "LINENO",
        "MACHTYPE",
        "OPTERR",
        "OPTIND",
        "OSTYPE",
        "PIPESTATUS",
        "PPID",
        "RANDOM",
        "SECONDS",
        "SHELLOPTS",
        "UID",
    ];
    OWN.contains(&name) || name.starts_with("BASH") || name.starts_with("PS") || name.starts_with("HIST")
}

/// `text` as one word.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
