//! Running a text: its commands one after the other, and the builtins that [`super::rewrite`] puts into them.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use brush_core::{
    CommandArg, Error, ExecutionContext, ExecutionControlFlow, ExecutionParameters, ExecutionResult,
    ProcessGroupPolicy, SourceInfo,
};
use brush_parser::ast;
use tokio::runtime::Runtime;

use super::rewrite::{self, Pace, Rewriter};
use super::{Extensions, Shell, background, jobs};

type Context<'a> = ExecutionContext<'a, Extensions>;
type Future<'a> = Pin<Box<dyn std::future::Future<Output = Result<ExecutionResult, Error>> + Send + 'a>>;

/// Set by SIGINT, and by [`check`] for a command that it has ended.
static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// The status of what `^C` has ended.
const STATUS: u8 = 130;

/// What comes after a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The next one.
    Go,
    /// Nothing: `exit`, or an interrupted script.
    Stop,
}

/// Puts the builtins in place, and listens for SIGINT.
pub(super) fn install(shell: &mut Shell) -> std::io::Result<()> {
    let group: fn(Context<'_>, Vec<CommandArg>) -> Future<'_> = |context, words| Box::pin(group(context, words));
    let start: fn(Context<'_>, Vec<CommandArg>) -> Future<'_> = |context, words| Box::pin(start(context, words));
    let check: fn(Context<'_>, Vec<CommandArg>) -> Future<'_> =
        |context, _| Box::pin(async move { Ok(check(&context)) });
    let eval: fn(Context<'_>, Vec<CommandArg>) -> Future<'_> = |context, words| Box::pin(eval(context, words));
    shell.register_builtin(rewrite::GROUP, jobs::row(group));
    shell.register_builtin(rewrite::BACKGROUND, jobs::row(start));
    shell.register_builtin(rewrite::CHECK, jobs::row(check));
    shell.register_builtin("eval", jobs::row(eval).special());
    signal_hook::flag::register(rustix::process::Signal::INT.as_raw(), Arc::clone(&INTERRUPTED))?;
    Ok(())
}

/// Runs a text in the shell.
pub(super) fn run(shell: &mut Shell, runtime: &Runtime, text: String, origin: &str) -> Next {
    INTERRUPTED.store(false, Ordering::Relaxed);
    let params = shell.default_exec_params();
    // A child that stops at once can be quicker than brush's ear for it.
    let reminder = runtime.spawn(background::remind(Duration::from_millis(20)));
    let result = runtime.block_on(perform(shell, text, origin, &params));
    reminder.abort();
    let interactive = shell.options().interactive;
    if INTERRUPTED.swap(false, Ordering::Relaxed) {
        shell.set_last_exit_status(STATUS);
        return if interactive { Next::Go } else { Next::Stop };
    }
    match result {
        Ok(ExecutionControlFlow::ExitShell) => Next::Stop,
        Ok(_) => Next::Go,
        Err(cause) => {
            let mut stderr = shell.stderr();
            // Nobody to tell when stderr is closed.
            let _ = shell.display_error(&mut stderr, &cause);
            shell.set_last_exit_status(1);
            Next::Go
        }
    }
}

/// Runs a text's commands, until one of them changes the flow.
async fn perform(
    shell: &mut Shell,
    text: String,
    origin: &str,
    params: &ExecutionParameters,
) -> Result<ExecutionControlFlow, Error> {
    let Ok(program) = shell.parse_string(text.as_str()) else {
        // The same mistake again, which is then told.
        return Ok(shell.run_string(text, &SourceInfo::from(origin), params).await?.next_control_flow);
    };
    let mut functions = rewrite::functions(&program);
    functions.extend(shell.funcs().iter().map(|(name, _)| name.clone()));
    let pace = if shell.options().interactive { Pace::Command } else { Pace::Round };
    let rewriter = Rewriter { pace, functions };
    for item in program.complete_commands.into_iter().flat_map(|list| list.0) {
        let shown = item.0.to_string();
        let jobs = shell.jobs().jobs.len();
        let item = rewriter.item(item);
        let program = ast::Program { complete_commands: vec![ast::CompoundList(vec![item])] };
        let result = shell.run_program(program, params).await?;
        if shell.jobs().jobs.len() > jobs
            && let Some(job) = shell.jobs_mut().current_job_mut()
        {
            // As it was typed, not as it was rewritten.
            job.command_line = shown;
        }
        if !matches!(result.next_control_flow, ExecutionControlFlow::Normal) {
            return Ok(result.next_control_flow);
        }
        if is_interrupted(shell) {
            INTERRUPTED.store(true, Ordering::Relaxed);
            return Ok(ExecutionControlFlow::ExitShell);
        }
    }
    Ok(ExecutionControlFlow::Normal)
}

/// Whether `^C` was pressed: the shell's own SIGINT, or, at a terminal, that of the command just run.
fn is_interrupted(shell: &Shell) -> bool {
    let interactive = shell.options().interactive;
    INTERRUPTED.load(Ordering::Relaxed) || (interactive && shell.last_exit_status() == STATUS)
}

/// `.check`: leaves the status as it is, or everything.
fn check(context: &Context<'_>) -> ExecutionResult {
    let mut result = ExecutionResult::new(context.shell.last_exit_status());
    if is_interrupted(context.shell) {
        INTERRUPTED.store(true, Ordering::Relaxed);
        result.next_control_flow = ExecutionControlFlow::ExitShell;
    }
    result
}

/// The part of a program that a builtin was called with.
fn part(shell: &Shell, words: &[CommandArg]) -> Option<ast::Program> {
    let key = words.get(1)?.to_string();
    rewrite::part(&key).or_else(|| shell.parse_string(words.get(2)?.to_string()).ok())
}

/// `.group`: in a copy of the shell, on a thread of its own, as brush runs builtins in pipelines.
async fn group(context: Context<'_>, words: Vec<CommandArg>) -> Result<ExecutionResult, Error> {
    let Some(program) = part(context.shell, &words) else { return Ok(ExecutionResult::new(2)) };
    let mut params = context.params.clone();
    // Whoever reads from it stays in the foreground with us, and so do its commands.
    params.process_group_policy = ProcessGroupPolicy::SameProcessGroup;
    context.shell.run_program(program, &params).await?;
    Ok(ExecutionResult::new(context.shell.last_exit_status()))
}

/// `.background`
async fn start(context: Context<'_>, words: Vec<CommandArg>) -> Result<ExecutionResult, Error> {
    let Some(mut program) = part(context.shell, &words) else { return Ok(ExecutionResult::new(2)) };
    let Some(item) = program.complete_commands.first_mut().and_then(|list| list.0.first_mut()) else {
        return Ok(ExecutionResult::success());
    };
    if background::start(context.shell, &item.0, &context.params).await {
        return Ok(ExecutionResult::new(context.shell.last_exit_status()));
    }
    item.1 = ast::SeparatorOperator::Async;
    context.shell.run_program(program, &context.params).await?;
    Ok(ExecutionResult::success())
}

/// `eval`: in this shell, rewritten like all else.
async fn eval(context: Context<'_>, words: Vec<CommandArg>) -> Result<ExecutionResult, Error> {
    let words: Vec<String> = words.iter().skip(1).map(ToString::to_string).skip_while(|word| word == "--").collect();
    let text = words.join(" ");
    if text.trim().is_empty() {
        return Ok(ExecutionResult::success());
    }
    // Boxed, since what is evaluated may evaluate.
    let flow = Box::pin(perform(context.shell, text, "eval", &context.params)).await?;
    let mut result = ExecutionResult::new(context.shell.last_exit_status());
    result.next_control_flow = flow;
    Ok(result)
}
