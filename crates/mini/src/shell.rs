//! `sh` and `bash`: the shell, made of `brush` (parser, interpreter, builtins, jobs) and of a reader of ours.
//!
//! Commands come from `-c`, a script, a pipe or a terminal, and go to brush one complete command at a time, so that
//! a child which reads stdin finds what follows. Nothing is saved: a shell inside a container leaves no history file.
//! Why brush, and what it lacks: docs/adr/0003-shell-of-the-mini-toolkit.md.
#![allow(clippy::print_stderr, reason = "an applet is a program: its complaints are stderr")]

mod background;
mod editor;
mod flow;
mod jobs;
mod line;
mod rewrite;
mod words;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};

use brush_builtins::{BuiltinSet, ShellBuilderExt};
use brush_core::{ProfileLoadBehavior, RcLoadBehavior};
use tokio::runtime::Runtime;

use crate::frame::{base_name, complain};
use flow::Next;
use line::{Line, Source};
use words::{Commands, Wanted};

/// brush's shell with the messages of [`Complaints`].
pub(crate) type Shell = brush_core::Shell<Extensions>;
type Extensions = brush_core::extensions::ShellExtensionsImpl<Complaints>;

/// Errors as other shells print them: `sh: nosuch: command not found`.
#[derive(Debug, Default, Clone)]
pub(crate) struct Complaints;

impl brush_core::extensions::ErrorFormatter for Complaints {
    fn format_error(
        &self,
        error: &brush_core::Error,
        shell: &brush_core::Shell<impl brush_core::ShellExtensions>,
    ) -> String {
        let name = shell.current_shell_name().map_or_else(|| "sh".to_owned(), |name| base_name(name.as_ref().as_ref()));
        format!("{name}: {error}\n")
    }
}

/// Runs the shell.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let name = argv.first().map_or_else(|| "sh".to_owned(), |word| base_name(word));
    let name = name.trim_start_matches('-').to_owned();
    let wanted = match words::read(argv) {
        Ok(Some(wanted)) => wanted,
        Ok(None) => {
            // Nobody to tell when stdout is closed.
            let _ = writeln!(std::io::stdout(), "usage: {name} {}", words::USAGE);
            return 0;
        }
        Err(trouble) => {
            complain(&name, &trouble);
            return 2;
        }
    };
    match run(&wanted) {
        Ok(status) => status,
        Err(trouble) => {
            complain(&name, &trouble);
            1
        }
    }
}

fn run(wanted: &Wanted) -> Result<i32, String> {
    if let Commands::Script(path) = &wanted.commands
        && let Some(status) = unreadable(&wanted.name, path)
    {
        return Ok(status);
    }
    let runtime = interpreter(&wanted.name)?;
    let mut shell = runtime.block_on(build(wanted)).map_err(|cause| cause.to_string())?;
    match &wanted.commands {
        Commands::Text(text) => carry_out(&mut shell, &runtime, text.clone(), "-c"),
        Commands::Script(path) => {
            let text = std::fs::read(path).map_err(|cause| format!("cannot read {path}: {cause}"))?;
            carry_out(&mut shell, &runtime, String::from_utf8_lossy(&text).into_owned(), path);
        }
        Commands::Job => carry_out(&mut shell, &runtime, background::begin()?, "job"),
        Commands::Stdin if wanted.interactive => converse(&mut shell, &runtime)?,
        Commands::Stdin => obey(&mut shell, &runtime, &mut line::Plain::piped()),
    }
    let status = shell.last_exit_status();
    // Background jobs outlive the shell; their waiting tasks must not hold it.
    runtime.shutdown_background();
    Ok(i32::from(status))
}

/// Pipelines of builtins are tasks that block on each other's pipes, hence more than one thread; a machine of 64
/// processors needs no 64 of them.
const THREADS: usize = 4;

/// What brush runs on. A thread that the limit of processes refuses makes tokio panic if it is the first, and hang
/// later if it is another.
#[expect(clippy::exit, reason = "tokio gives no error back, and unwinding out of it hangs")]
fn interpreter(name: &str) -> Result<Runtime, String> {
    const TROUBLE: &str = "cannot start its threads: no room for another process";
    let name = name.to_owned();
    std::panic::set_hook(Box::new(move |_| {
        complain(&name, TROUBLE);
        std::process::exit(1);
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
    let _ = std::panic::take_hook();
    // Without /proc nobody can tell, and then nothing but such a limit would be wrong.
    let started = std::fs::read_dir("/proc/self/task").map_or(THREADS + 1, Iterator::count);
    if started <= THREADS {
        // Not dropped: it would wait for threads that are not there.
        std::mem::forget(runtime);
        return Err(TROUBLE.to_owned());
    }
    runtime.map_err(|cause| format!("cannot start: {}", crate::frame::reason(&cause)))
}

/// Runs a whole text.
fn carry_out(shell: &mut Shell, runtime: &Runtime, text: String, origin: &str) {
    flow::run(shell, runtime, text, origin);
    finish(shell, runtime);
}

/// Gives an EXIT trap its turn; one that fails changes nothing any more.
fn finish(shell: &mut Shell, runtime: &Runtime) {
    let _ = runtime.block_on(shell.on_exit());
}

/// The status for a script that cannot be run at all, after saying why.
fn unreadable(name: &str, path: &str) -> Option<i32> {
    let (reason, status) = match std::fs::File::open(path).and_then(|file| file.metadata()) {
        Ok(found) if found.is_dir() => ("is a directory".to_owned(), 126),
        Ok(_) => return None,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => (crate::frame::reason(&cause), 127),
        Err(cause) => (crate::frame::reason(&cause), 126),
    };
    complain(name, &format!("{path}: {reason}"));
    Some(status)
}

async fn build(wanted: &Wanted) -> Result<Shell, brush_core::Error> {
    let mut shell = brush_core::Shell::builder_with_extensions::<Extensions>()
        .enable_options(wanted.set.clone())
        .disable_options(wanted.unset.clone())
        .login(wanted.login)
        .interactive(wanted.interactive)
        .command_string_mode(matches!(wanted.commands, Commands::Text(_)))
        .read_commands_from_stdin(matches!(wanted.commands, Commands::Stdin))
        .profile(ProfileLoadBehavior::Skip)
        .rc(RcLoadBehavior::Skip)
        .posix(wanted.posix)
        .shell_name(wanted.name.clone())
        .shell_args(wanted.arguments.clone())
        .fds(stdin())
        .shell_product_display_str("fathom".to_owned())
        .default_builtins(BuiltinSet::BashMode)
        .build()
        .await?;
    jobs::install(&mut shell);
    // Without it, only a command that runs can be interrupted.
    let _ = flow::install(&mut shell);
    let prompts = [("PS1", r"\h:\w\$ "), ("PS2", "> ")];
    for (name, text) in prompts.into_iter().filter(|_| wanted.interactive) {
        if std::env::var_os(name).is_none() {
            shell.set_env_global(name, brush_core::ShellVariable::new(text))?;
        }
    }
    let profile = if wanted.start_files { ProfileLoadBehavior::LoadDefault } else { ProfileLoadBehavior::Skip };
    let rc = if wanted.start_files { RcLoadBehavior::LoadDefault } else { RcLoadBehavior::Skip };
    // BASH_ENV is not honoured by brush, which says so by an error; a variable of the target must not stop the shell.
    if wanted.interactive || wanted.login {
        shell.load_config(&profile, &rc).await?;
    }
    Ok(shell)
}

/// Our stdin as a plain file: the standard library's own reads ahead, and the builtin `read` would swallow what the
/// next command was to be.
fn stdin() -> std::collections::HashMap<brush_core::ShellFd, brush_core::openfiles::OpenFile> {
    let copy = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 10).map(std::fs::File::from);
    copy.into_iter().map(|file| (0, file.into())).collect()
}

/// The conversation at a terminal.
fn converse(shell: &mut Shell, runtime: &Runtime) -> Result<(), String> {
    let terminal = std::io::stdin().is_terminal();
    // Held until the end: it gives the terminal back to whoever had it.
    let _control = terminal.then(brush_core::terminal::TerminalControl::acquire).and_then(Result::ok);
    survive_signals(runtime);
    shell.start_interactive_session().map_err(|cause| cause.to_string())?;
    if line::can_edit() {
        obey(shell, runtime, &mut line::Edited::new(runtime.handle().clone()));
    } else {
        obey(shell, runtime, &mut line::Plain::prompting());
    }
    shell.end_interactive_session().map_err(|cause| cause.to_string())?;
    Ok(())
}

/// What is typed at a program must not end the shell. The handlers of tokio stay for good once asked for, and are
/// undone by exec in every child.
fn survive_signals(runtime: &Runtime) {
    use tokio::signal::unix::{SignalKind, signal};
    let _guard = runtime.enter();
    let stop = SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
    for kind in [SignalKind::interrupt(), SignalKind::quit(), SignalKind::terminate(), stop] {
        // A signal that cannot be caught keeps its default action, as in a shell without job control.
        let _ = signal(kind);
    }
}

/// Reads commands from `source` and runs them, until its end or `exit`.
fn obey(shell: &mut Shell, runtime: &Runtime, source: &mut impl Source) {
    let tty = line::Settings::of_stdin();
    loop {
        // Jobs that ended are told before the prompt; a job table that cannot be read must not end the session.
        let _ = shell.check_for_completed_jobs();
        match line::next_command(shell, runtime, source) {
            Line::End => break,
            Line::Interrupted => shell.set_last_exit_status(130),
            Line::Text(text) if text.trim().is_empty() => {}
            Line::Text(text) => {
                // A history that is full or off is no reason not to run the command.
                let _ = shell.add_to_history(text.trim_end_matches('\n'));
                let lines = text.lines().count().max(1);
                let next = flow::run(shell, runtime, text, "main");
                shell.increment_interactive_line_offset(lines);
                if shell.last_exit_status() >= 128 {
                    // Whoever was killed had no time to tidy up.
                    tty.restore();
                }
                if next == Next::Stop {
                    break;
                }
            }
        }
    }
    finish(shell, runtime);
}
