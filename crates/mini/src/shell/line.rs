//! Where commands are read: a terminal with line editing, a terminal without (TERM=dumb), or a pipe.
//!
//! A command may need several lines; [`next_command`] asks for more as long as brush's parser says that something is
//! open. Pipes are read byte by byte, because what follows the command may be meant for the command.

use std::io::{IsTerminal, Write};

use brush_parser::ParseError;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::runtime::{Handle, Runtime};

use super::Shell;
use super::editor::{Candidates, Editor};

/// What reading gave.
pub(super) enum Line {
    /// A line, or a whole command.
    Text(String),
    /// `^C` at the prompt.
    Interrupted,
    /// `^D`, or the end of the pipe.
    End,
}

/// Somewhere that lines come from.
pub(super) trait Source {
    /// Whether prompts are shown, and so worth composing.
    fn prompts(&self) -> bool;
    /// One line, with its newline.
    fn line(&mut self, prompt: &str, shell: &mut Shell) -> Line;
    /// Keeps a command for the up arrow.
    fn remember(&mut self, _command: &str) {}
}

/// Reads lines until they make a command (or a mistake, which brush will report).
pub(super) fn next_command(shell: &mut Shell, runtime: &Runtime, source: &mut impl Source) -> Line {
    let mut command = String::new();
    loop {
        let prompt = if source.prompts() { prompt(shell, runtime, command.is_empty()) } else { String::new() };
        match source.line(&prompt, shell) {
            Line::Text(text) => command.push_str(&text),
            Line::Interrupted => return Line::Interrupted,
            Line::End if command.is_empty() => return Line::End,
            Line::End => break,
        }
        if is_whole(shell, &command) {
            break;
        }
    }
    source.remember(command.trim_end());
    Line::Text(command)
}

fn prompt(shell: &mut Shell, runtime: &Runtime, first: bool) -> String {
    let composed = if first {
        runtime.block_on(shell.compose_prompt())
    } else {
        runtime.block_on(shell.compose_continuation_prompt())
    };
    // \[ and \] become marks that only readline understands.
    composed.unwrap_or_else(|_| "$ ".to_owned()).replace(['\u{1}', '\u{2}'], "")
}

fn is_whole(shell: &Shell, command: &str) -> bool {
    if command.ends_with("\\\n") {
        return false;
    }
    match shell.parse_string(command) {
        Err(ParseError::ParsingAtEndOfInput) => false,
        Err(ParseError::Tokenizing { inner, .. }) => !inner.is_incomplete(),
        Ok(_) | Err(_) => true,
    }
}

/// Whether this terminal can be written all over.
pub(super) fn can_edit() -> bool {
    std::io::stdin().is_terminal()
        && std::io::stderr().is_terminal()
        && std::env::var("TERM").is_ok_and(|term| !term.is_empty() && term != "dumb")
}

/// The terminal's settings as they were.
pub(super) struct Settings(Option<Termios>);

impl Settings {
    pub(super) fn of_stdin() -> Self {
        Settings(tcgetattr(std::io::stdin()).ok())
    }

    pub(super) fn restore(&self) {
        if let Some(settings) = &self.0 {
            // A terminal that has gone away needs no settings.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, settings);
        }
    }
}

/// Lines as the kernel gives them.
pub(super) struct Plain {
    prompts: bool,
}

impl Plain {
    pub(super) fn piped() -> Self {
        Plain { prompts: false }
    }

    pub(super) fn prompting() -> Self {
        Plain { prompts: true }
    }
}

impl Source for Plain {
    fn prompts(&self) -> bool {
        self.prompts
    }

    fn line(&mut self, prompt: &str, _shell: &mut Shell) -> Line {
        let mut stderr = std::io::stderr();
        // Nobody to tell when stderr is closed.
        let _ = stderr.write_all(prompt.as_bytes()).and_then(|()| stderr.flush());
        let (mut line, mut byte) = (Vec::new(), [0]);
        while line.last() != Some(&b'\n') {
            match rustix::io::read(std::io::stdin(), &mut byte) {
                Ok(1..) => line.push(byte[0]),
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) | Err(_) => break,
            }
        }
        if line.is_empty() { Line::End } else { Line::Text(String::from_utf8_lossy(&line).into_owned()) }
    }
}

/// Lines edited by [`Editor`], with brush's completion.
pub(super) struct Edited {
    editor: Editor,
    runtime: Handle,
}

impl Edited {
    pub(super) fn new(runtime: Handle) -> Self {
        Edited { editor: Editor::default(), runtime }
    }
}

impl Source for Edited {
    fn prompts(&self) -> bool {
        true
    }

    fn line(&mut self, prompt: &str, shell: &mut Shell) -> Line {
        let runtime = self.runtime.clone();
        let mut complete = |text: &str, cursor: usize| completions(shell, &runtime, text, cursor);
        self.editor.read(prompt, &mut complete).unwrap_or(Line::End)
    }

    fn remember(&mut self, command: &str) {
        self.editor.remember(command);
    }
}

/// What brush would complete, made ready to stand in a command: folders end in `/`, the only candidate in a blank,
/// and blanks and quotes of a file's name are escaped.
fn completions(shell: &mut Shell, runtime: &Handle, text: &str, cursor: usize) -> Candidates {
    let Ok(found) = runtime.block_on(shell.complete(text, cursor)) else { return Candidates::default() };
    let files = found.options.treat_as_filenames;
    let mut words: Vec<String> = Vec::new();
    for word in &found.candidates {
        let folder = files && !word.ends_with('/') && shell.working_dir().join(word).is_dir();
        let word = if files { escaped(word) } else { word.clone() };
        let word = if folder { word + "/" } else { word };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    if let [only] = words.as_mut_slice()
        && !only.ends_with('/')
        && !found.options.no_trailing_space_at_end_of_line
    {
        only.push(' ');
    }
    Candidates { start: found.insertion_index, words }
}

fn escaped(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if " \t\n\\'\"$`&|;<>()*?[]#!".contains(letter) {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_escaped() {
        assert_eq!(super::escaped("a b$(c)"), r"a\ b\$\(c\)");
        assert_eq!(super::escaped("plain-1.txt"), "plain-1.txt");
    }
}
