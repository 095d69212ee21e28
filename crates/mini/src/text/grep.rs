//! `grep`: lines that match. Status 0 when some did, 1 when none, 2 on trouble.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::Path;

use regex::bytes::{Regex, RegexBuilder};

use super::pattern::{Syntax, translate};
use crate::frame::{Manual, Out, Outcome, Trouble, Word, Words, complain, reason, serve, unknown};

/// Runs `grep`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let usage = "grep [-EFinvcloqwxrshHaL] [-A N] [-B N] [-C N] [-m N] [--include GLOB] [--exclude GLOB] [-e PATTERN | -f FILE | PATTERN] [FILE...]
  -E, -F: extended, fixed text; -i: any case; -v: the others; -c: count; -l, -L: files with, without; -o: only the match
  -w, -x: whole words, lines; -r: folders; -n: line numbers; -h, -H: without, with file names; -q: only the status";
    serve(argv, &Manual { usage, failure: 2 }, run)
}

/// What is printed of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    Lines,
    Matches,
    Count,
    /// Its name, when something matched.
    NameWith,
    NameWithout,
    Nothing,
}

struct Wanted {
    regex: Regex,
    invert: bool,
    show: Show,
    names: bool,
    numbers: bool,
    silent: bool,
    text: bool,
    color: bool,
    most: u64,
    before: usize,
    after: usize,
    files: Files,
}

/// Which files are searched below folders.
struct Files {
    recursive: bool,
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    exclude_folders: Vec<Regex>,
}

fn read(mut words: Words) -> Result<(Wanted, Vec<OsString>), Trouble> {
    let (mut syntax, mut patterns, mut files) = (Syntax::Basic, Vec::new(), Vec::new());
    let (mut any_case, mut word_only, mut line_only, mut given) = (false, false, false, false);
    let (mut names, mut color) = (None, false);
    let mut wanted = Wanted {
        // Replaced below, when all flags that bear on it are known.
        regex: compile("", false)?,
        invert: false,
        show: Show::Lines,
        names: false,
        numbers: false,
        silent: false,
        text: false,
        color: false,
        most: u64::MAX,
        before: 0,
        after: 0,
        files: Files { recursive: false, include: Vec::new(), exclude: Vec::new(), exclude_folders: Vec::new() },
    };
    while let Some(word) = words.next()? {
        match &word {
            Word::Short('E' | 'P') => syntax = Syntax::Extended,
            Word::Short('F') => syntax = Syntax::Fixed,
            Word::Short('G') => syntax = Syntax::Basic,
            Word::Short('i' | 'y') => any_case = true,
            Word::Short('w') => word_only = true,
            Word::Short('x') => line_only = true,
            Word::Short('v') => wanted.invert = true,
            Word::Short('n') => wanted.numbers = true,
            Word::Short('c') => wanted.show = Show::Count,
            Word::Short('l') => wanted.show = Show::NameWith,
            Word::Short('L') => wanted.show = Show::NameWithout,
            Word::Short('o') => wanted.show = Show::Matches,
            Word::Short('q') => wanted.show = Show::Nothing,
            Word::Short('s') => wanted.silent = true,
            Word::Short('a') => wanted.text = true,
            Word::Short('h') => names = Some(false),
            Word::Short('H') => names = Some(true),
            Word::Short('r' | 'R') => wanted.files.recursive = true,
            Word::Short('m') => wanted.most = words.number()?,
            Word::Short('A') => wanted.after = words.number()?,
            Word::Short('B') => wanted.before = words.number()?,
            Word::Short('C') => {
                wanted.before = words.number()?;
                wanted.after = wanted.before;
            }
            Word::Short('e') => {
                given = true;
                patterns.extend(words.text()?.split('\n').map(str::to_owned));
            }
            Word::Short('f') => {
                given = true;
                let mut text = String::new();
                super::open(&words.value()?)?.read_to_string(&mut text)?;
                patterns.extend(text.lines().map(str::to_owned));
            }
            Word::Short('I' | 'U' | 'b') => {}
            Word::Long(name) => match name.as_str() {
                "color" | "colour" => {
                    color = words.optional().is_none_or(|when| when != "never") && io::stdout().is_terminal()
                }
                "include" => wanted.files.include.push(glob(&words.text()?)?),
                "exclude" => wanted.files.exclude.push(glob(&words.text()?)?),
                "exclude-dir" => wanted.files.exclude_folders.push(glob(&words.text()?)?),
                "line-buffered" => {}
                _ => return Err(unknown(&word)),
            },
            Word::Plain(text) if !given && patterns.is_empty() => {
                patterns.extend(text.to_string_lossy().split('\n').map(str::to_owned));
                given = true;
            }
            Word::Plain(file) => files.push(file.clone()),
            Word::Short(_) => return Err(unknown(&word)),
        }
    }
    if !given {
        return Err(Trouble::Words("which pattern?".to_owned()));
    }
    if files.is_empty() {
        files.push(if wanted.files.recursive { "." } else { "-" }.into());
    }
    wanted.color = color;
    wanted.names = names.unwrap_or(files.len() > 1 || wanted.files.recursive);
    let translated: Result<Vec<String>, String> =
        patterns.iter().map(|pattern| Ok(format!("(?:{})", translate(pattern, syntax)?))).collect();
    let mut pattern = translated.map_err(Trouble::Words)?.join("|");
    if patterns.is_empty() {
        // An empty list of patterns matches nothing; an empty pattern matches all.
        pattern = r"[^\s\S]".to_owned();
    }
    if word_only {
        pattern = format!(r"\b{{start-half}}(?:{pattern})\b{{end-half}}");
    }
    if line_only {
        pattern = format!("^(?:{pattern})$");
    }
    wanted.regex = compile(&pattern, any_case)?;
    Ok((wanted, files))
}

fn compile(pattern: &str, any_case: bool) -> Result<Regex, Trouble> {
    RegexBuilder::new(pattern).case_insensitive(any_case).build().map_err(|cause| Trouble::Words(cause.to_string()))
}

/// `*.log` as a pattern for a whole name.
fn glob(text: &str) -> Result<Regex, Trouble> {
    let escaped = regex::escape(text).replace(r"\*", ".*").replace(r"\?", ".").replace(r"\[", "[").replace(r"\]", "]");
    compile(&format!("^(?s:{escaped})$"), false)
}

fn run(words: Words, out: &mut Out) -> Outcome {
    let (wanted, files) = read(words)?;
    let mut search = Search { wanted: &wanted, out, found: false, trouble: false, printed: false };
    for file in &files {
        search.path(Path::new(file), Depth::Named)?;
        if search.found && wanted.show == Show::Nothing {
            return Ok(0);
        }
    }
    Ok(if search.trouble { 2 } else { i32::from(!search.found) })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Named on the command line.
    Named,
    /// Found in a folder.
    Below,
}

struct Search<'a> {
    wanted: &'a Wanted,
    out: &'a mut Out,
    found: bool,
    trouble: bool,
    /// Whether a group of lines was printed, after which `--` separates.
    printed: bool,
}

impl Search<'_> {
    fn path(&mut self, path: &Path, depth: Depth) -> Result<(), Trouble> {
        let files = &self.wanted.files;
        if files.recursive && path != Path::new("-") {
            let name = path.file_name().unwrap_or(path.as_os_str()).as_encoded_bytes();
            let found = if depth == Depth::Named { path.metadata() } else { path.symlink_metadata() };
            match found {
                Ok(found) if found.is_dir() => {
                    let wanted = depth == Depth::Named || !files.exclude_folders.iter().any(|glob| glob.is_match(name));
                    return if wanted { self.folder(path) } else { Ok(()) };
                }
                // Pipes and devices found on the way would be waited for; links would lead in circles.
                Ok(found) if depth == Depth::Below && !found.is_file() => return Ok(()),
                Ok(_) => {}
                Err(cause) => {
                    self.complain(path, &cause);
                    return Ok(());
                }
            }
            let included = files.include.is_empty() || files.include.iter().any(|glob| glob.is_match(name));
            if !included || files.exclude.iter().any(|glob| glob.is_match(name)) {
                return Ok(());
            }
        }
        self.file(path)
    }

    fn folder(&mut self, path: &Path) -> Result<(), Trouble> {
        let mut names: Vec<OsString> = match std::fs::read_dir(path) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect(),
            Err(cause) => {
                self.complain(path, &cause);
                return Ok(());
            }
        };
        names.sort();
        for name in names {
            let path = if path == Path::new(".") { name.into() } else { path.join(name) };
            self.path(&path, Depth::Below)?;
        }
        Ok(())
    }

    fn complain(&mut self, path: &Path, cause: &io::Error) {
        self.trouble = true;
        if !self.wanted.silent {
            complain("grep", &format!("{}: {}", path.display(), reason(cause)));
        }
    }

    fn file(&mut self, path: &Path) -> Result<(), Trouble> {
        let shown = if path == Path::new("-") { OsStr::new("(standard input)") } else { path.as_os_str() };
        let source = match super::open(path.as_os_str()) {
            Ok(source) => source,
            Err(trouble) => {
                self.trouble = true;
                if let (Trouble::Failed(text), false) = (trouble, self.wanted.silent) {
                    complain("grep", &text);
                }
                return Ok(());
            }
        };
        let mut source = BufReader::with_capacity(64 * 1024, source);
        let binary = !self.wanted.text && source.fill_buf().is_ok_and(|bytes| bytes.contains(&0));
        match self.lines(&mut source, shown, binary) {
            Err(Trouble::Failed(text)) => {
                self.trouble = true;
                if !self.wanted.silent {
                    complain("grep", &format!("{}: {text}", path.display()));
                }
                Ok(())
            }
            other => other,
        }
    }

    fn lines(&mut self, source: &mut impl BufRead, name: &OsStr, binary: bool) -> Result<(), Trouble> {
        let wanted = self.wanted;
        let (mut line, mut number, mut count, mut follow) = (Vec::new(), 0u64, 0u64, 0);
        let mut before: VecDeque<(u64, Vec<u8>)> = VecDeque::new();
        while count < wanted.most || follow > 0 {
            line.clear();
            if source.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            number += 1;
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            if count < wanted.most && wanted.regex.is_match(text) != wanted.invert {
                count += 1;
                self.found |= wanted.show != Show::NameWithout;
                match wanted.show {
                    Show::Nothing => return Ok(()),
                    Show::NameWith | Show::NameWithout => break,
                    Show::Count => {}
                    Show::Lines | Show::Matches if binary => {
                        writeln!(self.out, "Binary file {} matches", name.display())?;
                        return Ok(());
                    }
                    Show::Matches => self.matches(name, number, text)?,
                    Show::Lines => {
                        let gap = follow == 0 && before.front().map_or(number, |(first, _)| *first) > 1;
                        if self.printed && gap && (wanted.before > 0 || wanted.after > 0) {
                            self.out.write_all(b"--\n")?;
                        }
                        for (number, text) in before.drain(..) {
                            self.line(name, number, &text, '-')?;
                        }
                        self.line(name, number, text, ':')?;
                        follow = wanted.after;
                    }
                }
            } else if follow > 0 {
                follow -= 1;
                self.line(name, number, text, '-')?;
            } else if wanted.before > 0 && wanted.show == Show::Lines {
                if before.len() == wanted.before {
                    before.pop_front();
                }
                before.push_back((number, text.to_vec()));
            }
        }
        match wanted.show {
            Show::Count => {
                if wanted.names {
                    write!(self.out, "{}:", name.display())?;
                }
                writeln!(self.out, "{count}")?;
            }
            Show::NameWith if count > 0 => writeln!(self.out, "{}", name.display())?,
            Show::NameWithout if count == 0 => {
                self.found = true;
                writeln!(self.out, "{}", name.display())?;
            }
            _ => {}
        }
        Ok(())
    }

    fn head(&mut self, name: &OsStr, number: u64, mark: char) -> Result<(), Trouble> {
        if self.wanted.names {
            write!(self.out, "{}{mark}", name.display())?;
        }
        if self.wanted.numbers {
            write!(self.out, "{number}{mark}")?;
        }
        Ok(())
    }

    fn line(&mut self, name: &OsStr, number: u64, text: &[u8], mark: char) -> Result<(), Trouble> {
        self.head(name, number, mark)?;
        self.printed = true;
        let mut at = 0;
        if self.wanted.color && mark == ':' && !self.wanted.invert {
            for found in self.wanted.regex.find_iter(text).filter(|found| !found.is_empty()) {
                self.out.write_all(&text[at..found.start()])?;
                self.out.write_all(b"\x1b[1;31m")?;
                self.out.write_all(found.as_bytes())?;
                self.out.write_all(b"\x1b[0m")?;
                at = found.end();
            }
        }
        self.out.write_all(&text[at..])?;
        self.out.write_all(b"\n")?;
        self.live()
    }

    fn matches(&mut self, name: &OsStr, number: u64, text: &[u8]) -> Result<(), Trouble> {
        if self.wanted.invert {
            return Ok(());
        }
        for found in self.wanted.regex.find_iter(text).filter(|found| !found.is_empty()) {
            self.head(name, number, ':')?;
            self.out.write_all(found.as_bytes())?;
            self.out.write_all(b"\n")?;
        }
        self.live()
    }

    /// Somebody who watches `tail -f | grep` wants lines as they come.
    fn live(&mut self) -> Result<(), Trouble> {
        if self.wanted.color || io::stdout().is_terminal() {
            self.out.flush()?;
        }
        Ok(())
    }
}
