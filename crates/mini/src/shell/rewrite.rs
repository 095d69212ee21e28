//! Commands, changed before brush runs them, so that they do what brush 0.5 does not.
//!
//! - In a pipeline, brush runs a loop, a group or a function to its end before it starts what reads from it: more
//!   than a pipe holds, and both wait for ever. Such a part becomes the builtin `.group`, which runs beside the others.
//! - A command that ends in `&` becomes the builtin `.background`, which makes a process of it ([`super::background`]).
//! - Nothing ends a loop when `^C` has ended the command in it. The builtin `.check` does, after each command of a
//!   list (in a script, which gets the signal itself, after each round of a loop).
//!
//! What brush parses by itself (`$(…)`, sourced files, traps) it also runs by itself, unchanged.

use std::collections::HashSet;
use std::sync::Mutex;

use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem, CommandSuffix, CompoundCommand, CompoundList,
    CompoundListItem, Pipeline, Program, SeparatorOperator, SimpleCommand, Word,
};

/// Runs a part of a pipeline.
pub(super) const GROUP: &str = ".group";
/// Starts a list in the background.
pub(super) const BACKGROUND: &str = ".background";
/// Ends everything after an interruption.
pub(super) const CHECK: &str = ".check";

/// How often an interruption is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// After each command of each list: the shell at a terminal, which is not told itself.
    Command,
    /// After each round of a loop: a script.
    Round,
}

/// The rewriting of one text.
pub(super) struct Rewriter {
    pub(super) pace: Pace,
    /// Names that are functions by then.
    pub(super) functions: HashSet<String>,
}

/// What the builtins are called with: parts of programs, by number. Kept for as long as the shell lives, as functions
/// may hold them.
static PARTS: Mutex<Vec<Program>> = Mutex::new(Vec::new());

/// The part that the words `KEY TEXT` of a builtin mean: by its key in the process that made it, in another by its
/// text.
pub(super) fn part(key: &str) -> Option<Program> {
    let (process, number) = key.split_once(':')?;
    if process.parse() != Ok(std::process::id()) {
        return None;
    }
    let parts = PARTS.lock().ok()?;
    parts.get(number.parse::<usize>().ok()?).cloned()
}

/// A call of `builtin` with a part of the program.
fn call(builtin: &str, part: AndOrList) -> Command {
    let text = part.to_string();
    let item = CompoundListItem(part, SeparatorOperator::Sequence);
    let program = Program { complete_commands: vec![CompoundList(vec![item])] };
    let mut parts = PARTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    parts.push(program);
    let key = format!("{}:{}", std::process::id(), parts.len() - 1);
    let words = [key, super::background::quoted(&text)];
    let words = words.map(|word| CommandPrefixOrSuffixItem::Word(Word::from(word)));
    Command::Simple(SimpleCommand {
        prefix: None,
        word_or_name: Some(Word::from(builtin.to_owned())),
        suffix: Some(CommandSuffix(words.into())),
    })
}

fn alone(command: Command) -> AndOrList {
    AndOrList { first: Pipeline { timed: None, bang: false, seq: vec![command] }, additional: Vec::new() }
}

impl Rewriter {
    /// Rewrites one command of the text.
    pub(super) fn item(&self, item: CompoundListItem) -> CompoundListItem {
        let CompoundListItem(mut list, separator) = item;
        if matches!(separator, SeparatorOperator::Async) {
            // As it is: the process that runs it rewrites it.
            return CompoundListItem(alone(call(BACKGROUND, list)), SeparatorOperator::Sequence);
        }
        self.pipeline(&mut list.first);
        for AndOr::And(pipeline) | AndOr::Or(pipeline) in &mut list.additional {
            self.pipeline(pipeline);
        }
        CompoundListItem(list, separator)
    }

    fn pipeline(&self, pipeline: &mut Pipeline) {
        let last = pipeline.seq.len() - 1;
        for (index, command) in pipeline.seq.iter_mut().enumerate() {
            self.command(command);
            if index < last && self.waits(command) {
                let inner = std::mem::replace(
                    command,
                    Command::Simple(SimpleCommand { prefix: None, word_or_name: None, suffix: None }),
                );
                *command = call(GROUP, alone(inner));
            }
        }
    }

    /// Whether brush would run the command to its end before it starts the next one.
    fn waits(&self, command: &Command) -> bool {
        match command {
            Command::Compound(..) | Command::ExtendedTest(..) => true,
            Command::Simple(simple) => {
                simple.word_or_name.as_ref().is_some_and(|name| self.functions.contains(&name.value))
            }
            Command::Function(_) => false,
        }
    }

    fn command(&self, command: &mut Command) {
        match command {
            Command::Compound(compound, _) => self.compound(compound),
            Command::Function(function) => self.compound(&mut function.body.0),
            Command::Simple(_) | Command::ExtendedTest(..) => {}
        }
    }

    fn compound(&self, compound: &mut CompoundCommand) {
        match compound {
            CompoundCommand::BraceGroup(group) => self.list(&mut group.list, Place::Straight),
            CompoundCommand::Subshell(shell) => self.list(&mut shell.list, Place::Straight),
            CompoundCommand::ForClause(clause) => self.list(&mut clause.body.list, Place::Loop),
            CompoundCommand::ArithmeticForClause(clause) => self.list(&mut clause.body.list, Place::Loop),
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.list(&mut clause.0, Place::Straight);
                self.list(&mut clause.1.list, Place::Loop);
            }
            CompoundCommand::IfClause(clause) => {
                self.list(&mut clause.condition, Place::Straight);
                self.list(&mut clause.then, Place::Straight);
                for other in clause.elses.iter_mut().flatten() {
                    if let Some(condition) = &mut other.condition {
                        self.list(condition, Place::Straight);
                    }
                    self.list(&mut other.body, Place::Straight);
                }
            }
            CompoundCommand::CaseClause(clause) => {
                clause
                    .cases
                    .iter_mut()
                    .filter_map(|case| case.cmd.as_mut())
                    .for_each(|list| self.list(list, Place::Straight));
            }
            CompoundCommand::Coprocess(_) | CompoundCommand::Arithmetic(_) => {}
        }
    }

    fn list(&self, list: &mut CompoundList, place: Place) {
        let items = std::mem::take(&mut list.0);
        let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
        let count = items.len();
        for (index, item) in items.into_iter().enumerate() {
            list.0.push(self.item(item));
            let last = index + 1 == count;
            // The check is a command too, and would be what the next one finds in these.
            let seen = texts.get(index + 1).is_some_and(|next| next.contains("PIPESTATUS") || next.contains("$_"));
            if (self.pace == Pace::Command && !seen) || (place == Place::Loop && last) {
                let check =
                    SimpleCommand { prefix: None, word_or_name: Some(Word::from(CHECK.to_owned())), suffix: None };
                list.0.push(CompoundListItem(alone(Command::Simple(check)), SeparatorOperator::Sequence));
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Loop,
    Straight,
}

/// Names of functions that a program defines, wherever.
pub(super) fn functions(program: &Program) -> HashSet<String> {
    // Cheaper than another walk, and too many names do no harm: a program's text names what it defines.
    let text = program.to_string();
    let mut names = HashSet::new();
    let words: Vec<&str> = text
        .split(|letter: char| letter.is_whitespace() || ";&|".contains(letter))
        .filter(|word| !word.is_empty())
        .collect();
    for pair in words.windows(2) {
        if let Some(name) = pair[0].strip_suffix("()") {
            names.insert(name.to_owned());
        }
        if pair[1] == "()" {
            names.insert(pair[0].to_owned());
        }
    }
    names
}
