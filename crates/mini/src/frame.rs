//! The frame around our own applets: reads their words, prints their usage, turns what went wrong into one line on
//! stderr and a status. Statuses follow the programs people know: 0, 1, and 2 for wrong words.
#![allow(clippy::print_stdout, reason = "an applet is a program: its output is stdout")]
#![allow(clippy::print_stderr, reason = "an applet is a program: its complaints are stderr")]

use std::ffi::{OsStr, OsString};
use std::io::{self, BufWriter, StdoutLock, Write};

/// What an applet prints on: stdout, locked once and buffered.
pub(crate) type Out = BufWriter<StdoutLock<'static>>;

/// What an applet's body gives back: its exit status, or why it gave up.
pub(crate) type Outcome = Result<i32, Trouble>;

/// Why an applet gave up.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The words make no sense; says which.
    Words(String),
    /// Something could not be done; says what and why.
    Failed(String),
    /// `--help` was asked for.
    Help,
    /// The reader of stdout has gone away, which is no fault.
    ReaderGone,
}

impl Trouble {
    /// A failure with `doing` in front of its cause.
    pub(crate) fn doing(doing: impl std::fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |cause| match cause.kind() {
            io::ErrorKind::BrokenPipe => Trouble::ReaderGone,
            _ => Trouble::Failed(format!("{doing}: {}", reason(&cause))),
        }
    }
}

/// The cause in the system's words, without the number that the standard library appends.
pub(crate) fn reason(cause: &io::Error) -> String {
    let text = cause.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

impl From<io::Error> for Trouble {
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::BrokenPipe => Trouble::ReaderGone,
            _ => Trouble::Failed(reason(&cause)),
        }
    }
}

impl From<rustix::io::Errno> for Trouble {
    fn from(cause: rustix::io::Errno) -> Self {
        io::Error::from(cause).into()
    }
}

impl From<lexopt::Error> for Trouble {
    fn from(cause: lexopt::Error) -> Self {
        Trouble::Words(cause.to_string())
    }
}

/// How an applet is used: its `--help`, and the status that its failures end with.
pub(crate) struct Manual {
    /// The first line is the synopsis, printed when the words are wrong.
    pub(crate) usage: &'static str,
    /// The status of [`Trouble::Failed`]: 1, or 2 where 1 means "no match".
    pub(crate) failure: i32,
}

/// Runs `body` on the words of `argv`, and reports what it gave up on.
pub(crate) fn serve(argv: Vec<OsString>, manual: &Manual, body: fn(Words, &mut Out) -> Outcome) -> i32 {
    let name = argv.first().map_or_else(String::new, |word| base_name(word));
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let outcome = body(Words(lexopt::Parser::from_iter(argv)), &mut out)
        .and_then(|status| out.flush().map(|()| status).map_err(Trouble::from));
    match outcome {
        Ok(status) => status,
        Err(Trouble::ReaderGone) => 0,
        Err(Trouble::Help) => i32::from(writeln!(out, "usage: {}", manual.usage).and_then(|()| out.flush()).is_err()),
        Err(Trouble::Words(text)) => {
            complain(&name, &text);
            complain_raw(&format!("usage: {}", manual.usage.lines().next().unwrap_or_default()));
            2
        }
        Err(Trouble::Failed(text)) => {
            // What was found before the failure is still data.
            let _ = out.flush();
            complain(&name, &text);
            manual.failure
        }
    }
}

/// One line on stderr with the applet's name in front.
pub(crate) fn complain(name: &str, text: &str) {
    complain_raw(&format!("{name}: {text}"));
}

/// One line on stderr that is no complaint.
pub(crate) fn note(line: &str) {
    complain_raw(line);
}

fn complain_raw(line: &str) {
    // Nobody to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

/// The last part of a path, as text.
pub(crate) fn base_name(path: &OsStr) -> String {
    std::path::Path::new(path).file_name().unwrap_or(path).to_string_lossy().into_owned()
}

/// The words of a command line; `--help` is answered here for all applets.
pub(crate) struct Words(lexopt::Parser);

/// One word.
#[derive(Debug)]
pub(crate) enum Word {
    /// `-x`
    Short(char),
    /// `--xyz`
    Long(String),
    /// Anything else.
    Plain(OsString),
}

impl Words {
    /// Words without an `argv[0]`.
    pub(crate) fn of(words: Vec<OsString>) -> Self {
        Words(lexopt::Parser::from_args(words))
    }

    /// The next word.
    pub(crate) fn next(&mut self) -> Result<Option<Word>, Trouble> {
        Ok(match self.0.next()? {
            None => None,
            Some(lexopt::Arg::Long("help")) => return Err(Trouble::Help),
            Some(lexopt::Arg::Short(letter)) => Some(Word::Short(letter)),
            Some(lexopt::Arg::Long(name)) => Some(Word::Long(name.to_owned())),
            Some(lexopt::Arg::Value(value)) => Some(Word::Plain(value)),
        })
    }

    /// The value that belongs to the flag just read.
    pub(crate) fn value(&mut self) -> Result<OsString, Trouble> {
        Ok(self.0.value()?)
    }

    /// The value that stands behind a `=`, if there is one.
    pub(crate) fn optional(&mut self) -> Option<OsString> {
        self.0.optional_value()
    }

    /// That value as text.
    pub(crate) fn text(&mut self) -> Result<String, Trouble> {
        Ok(self.value()?.to_string_lossy().into_owned())
    }

    /// That value as a number.
    pub(crate) fn number<N: std::str::FromStr>(&mut self) -> Result<N, Trouble> {
        let text = self.text()?;
        text.parse().map_err(|_| Trouble::Words(format!("not a number that fits: `{text}`")))
    }

    /// Every word that is left, flags and all, as it stands.
    pub(crate) fn rest(&mut self) -> Result<Vec<OsString>, Trouble> {
        Ok(self.0.raw_args()?.collect())
    }

    /// Every word that is left, `--help` answered first; for programs whose words are no flags (`ip`, `ps aux`).
    pub(crate) fn rest_as_text(&mut self) -> Result<Vec<String>, Trouble> {
        let words: Vec<String> = self.rest()?.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        if words.iter().any(|word| word == "--help") { Err(Trouble::Help) } else { Ok(words) }
    }
}

/// The complaint about a word that an applet does not know.
pub(crate) fn unknown(word: &Word) -> Trouble {
    Trouble::Words(match word {
        Word::Short(letter) => format!("unknown option `-{letter}`"),
        Word::Long(name) => format!("unknown option `--{name}`"),
        Word::Plain(value) => format!("one word too many: `{}`", value.to_string_lossy()),
    })
}
