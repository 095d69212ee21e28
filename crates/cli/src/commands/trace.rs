//! `fathom trace`: system calls as text, of this machine or of recordings. Here words become what the trace crate takes.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::Path;

use clap::CommandFactory as _;
use fathom_filter::{Mistakes, Predicate};
use fathom_model::{Class, Failure, Hint as _, Target};
use fathom_scap::{Reader, Tolerance};
use fathom_trace::fields::Bound;
use fathom_trace::lines::{Accounts, Own, Page, Stopped, What, When};
use fathom_trace::recorder::AfterError;
use fathom_trace::replay::Counts;
use fathom_trace::views::Around;
use fathom_trace::{Buffers, Fields, Format, Json, Lines, Ports, Recorder, Replay, Style, Summary, format};

use self::lists::Detail;
use self::progress::Progress;
use crate::words::{Topic, Trace, Words};
use crate::{environment, machine, printer};

mod around;
pub(crate) mod asked;
mod lists;
pub(crate) mod pages;
mod progress;
pub(crate) mod recording;
mod remote;
pub(crate) mod views;

#[cfg(target_os = "linux")]
pub(crate) use lists::views_page;

use asked::{Asked, Bare, Origin, Standing, Typed};

/// Done, and something was found: the recording is damaged.
const FOUND: i32 = 1;

pub(crate) fn run(words: &Trace) -> anyhow::Result<i32> {
    let coloured = words.format.is_none() && !words.json && words.write.is_none() && is_colourful();
    let default = if coloured { format::COLOURED } else { format::DEFAULT };
    if let Some(text) = said_at_once(words, default)? {
        printer::data(&text);
        return Ok(0);
    }
    // Before any file is read: mistakes in words are told at once.
    let (chosen, rest) = views::chosen(words)?;
    let Asked { target, filter: wish, .. } = asked(words, &rest)?;
    around::check(words, &chosen, &wish)?;
    tell_of_empty(&lines(words, default, &wish)?);
    if let Some(whom) = remote::whom(words, target.as_ref()) {
        return remote::trace(words, whom, &wish, views::arguments(words, &rest));
    }
    let shown = || views::shown(words, &chosen, lines(words, default, &wish)?);
    let mut summary = words.summary.then(Summary::default);
    let status = if words.files.is_empty() {
        let mut out = printer::stream();
        let (mut replay, page) = shown()?.begin(&mut out, summary.as_mut());
        // A command goes on, and so does the count of what it does; nothing else ends by itself.
        let after = if words.command.is_empty() { AfterError::Stop } else { AfterError::Count };
        replay.recorder = recorder_of(words, &wish, after)?;
        machine::trace(words, target.as_ref(), replay, page)?
    } else {
        match read(words, &wish, shown, summary.as_mut())? {
            Read::Whole(status) => status,
            Read::ByNobody => return Ok(0),
        }
    };
    if coloured && chosen.is_empty() {
        printer::data("\x1b[00m");
    }
    if let Some(summary) = summary {
        let mut table = Vec::new();
        summary.write(&mut table);
        printer::data(&String::from_utf8_lossy(&table));
    }
    Ok(status)
}

/// What is asked about tracing itself, and not of what happens.
fn said_at_once(words: &Trace, default: &str) -> Result<Option<String>, Failure> {
    if let Some(text) = told_of_itself(words) {
        return Ok(Some(text));
    }
    if let Some(name) = &words.view {
        return Ok(Some(lists::view(views::row(name)?)));
    }
    if words.views.iter().any(|name| name == "l") {
        return Ok(Some(lists::views()));
    }
    Ok((words.format.as_deref() == Some("p")).then(|| format!("{default}\n")))
}

/// How the reading of recordings ended.
enum Read {
    /// With this status.
    Whole(i32),
    /// Nobody looks any more: `fathom trace -r FILE | head`.
    ByNobody,
}

/// Reads recordings, one after the other.
fn read(
    words: &Trace,
    wish: &str,
    shown: impl Fn() -> Result<Lines, Failure>,
    mut summary: Option<&mut Summary>,
) -> anyhow::Result<Read> {
    let mut kept = around::Kept::default();
    let (mut recorder, mut status) = (None, 0);
    for (index, file) in words.files.iter().enumerate() {
        let lines = shown()?;
        let mut reader = open(file, words).map_err(|error| failure(file, error.into()))?;
        // Not before it is known that there is something to read.
        if index == 0 {
            recorder = recorder_of(words, wish, AfterError::Count)?;
        }
        let mut out = printer::stream();
        let (mut replay, page) = lines.begin(&mut out, summary.as_deref_mut());
        replay.recorder = recorder.take();
        let played = play(&mut reader, &mut replay, page, |around| kept.note(file, around));
        drop(out);
        // Several recordings become one of several sections.
        if index + 1 == words.files.len() || played.is_err() {
            recording::close(&mut replay, words)?;
        }
        recorder = replay.recorder.take();
        match played {
            Ok(()) => status = status.max(tell(&replay.counts)),
            Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Read::ByNobody),
            Err(error) => return Err(failure(file, error).into()),
        }
    }
    kept.write(words)?;
    Ok(Read::Whole(status))
}

/// What the words mean here.
fn asked(words: &Trace, rest: &[String]) -> Result<Asked, Failure> {
    let typed = Typed {
        words: rest,
        target: words.target.as_deref(),
        filter: words.filter.as_deref(),
        // Where labels say which pod it is, it needs no name.
        pod: match words.selector {
            Some(_) => (None, None),
            None => (words.namespace.as_deref(), words.container.as_deref()),
        },
        bare: if environment::is_plugin() { Bare::Pod } else { Bare::Container },
    };
    let looks_here = words.files.is_empty() && words.command.is_empty();
    let origin = if looks_here { Origin::Machine } else { Origin::Else };
    asked::divide(&typed, origin, |target| standing(words, target))
}

/// Whether a word is the name of something. To kubectl's users what is no filter is a pod, and the cluster knows of it.
fn standing(words: &Trace, target: &Target) -> Standing {
    let is_of_cluster = environment::is_plugin() && !words.here;
    match target {
        Target::Object(object) if is_of_cluster && !asked::looks_like_a_filter(&object.name) => Standing::Here,
        _ => machine::standing(target),
    }
}

/// What is asked of the tables, and of no recording.
fn told_of_itself(words: &Trace) -> Option<String> {
    let detail = if words.verbose { Detail::Full } else { Detail::Brief };
    Some(match words.help {
        Some(Topic::Words) => help(),
        Some(Topic::Fields) => lists::fields(detail),
        Some(Topic::Events) => lists::events(),
        Some(Topic::Filters) => pages::filters(),
        None if words.list => lists::fields(detail),
        None if words.list_events => lists::events(),
        None if words.list_markdown => pages::fields(),
        None => return None,
    })
}

/// What clap says of the words.
fn help() -> String {
    let mut tree = Words::command();
    tree.build();
    let trace = tree.find_subcommand_mut("trace");
    trace.map_or_else(String::new, |trace| trace.render_long_help().to_string())
}

/// Says which fields never have a value, once for each reason.
fn tell_of_empty(lines: &Lines) {
    let filters = lines.filter.iter().chain(&lines.shown).flat_map(Predicate::fields);
    let mut told: Vec<&str> = Vec::new();
    for bound in filters.chain(lines.format.fields()) {
        if let Some(why) = bound.row.void.filter(|why| !told.contains(why)) {
            told.push(why);
            printer::notice(&format!("`{}` is always empty: {why}", bound.row.name));
        }
    }
}

/// Whether stdout shows colours.
fn is_colourful() -> bool {
    io::stdout().is_terminal() && environment::value("NO_COLOR").is_none()
}

fn filter(wish: &str) -> Result<Option<Predicate<Bound>>, Failure> {
    if wish.is_empty() {
        return Ok(None);
    }
    fathom_filter::compile(wish, &Fields).map(Some).map_err(|mistakes| wrong("filter", &mistakes))
}

fn wrong(what: &str, mistakes: &Mistakes) -> Failure {
    let message = format!("cannot understand the {what}: {mistakes}");
    Failure::new(Class::Usage, message).hinting("`fathom trace --list` has all fields")
}

/// What is asked for.
fn lines(words: &Trace, default: &str, wish: &str) -> Result<Lines, Failure> {
    let text = words.format.as_deref().unwrap_or(default);
    let mut lines = Lines::new(Format::parse(text).map_err(|mistakes| wrong("format", &mistakes))?);
    lines.style = style(words);
    let filter = without(filter(wish)?, &words.suppress_comm);
    *(if words.displayflt { &mut lines.shown } else { &mut lines.filter }) = filter;
    lines.most = words.numevents;
    lines.longest = words.seconds.map(|seconds| seconds.saturating_mul(1_000_000_000));
    lines.own = if words.debug { Own::Shown } else { Own::Hidden };
    lines.what = if words.quiet || words.write.is_some() { What::Nothing } else { What::Events };
    lines.when = if words.unbuffered { When::Each } else { When::Together };
    lines.accounts = if words.exclude_users { Accounts::Unnamed } else { Accounts::Recorded };
    Ok(lines)
}

/// What keeps a recording, if one is asked for.
fn recorder_of(words: &Trace, wish: &str, after: AfterError) -> Result<Option<Recorder>, Failure> {
    let processes = if words.filter_proclist { without(filter(wish)?, &words.suppress_comm) } else { None };
    Ok(recording::open(words, after)?.map(|recorder| recorder.with_processes(processes)))
}

/// The same, and not what processes of these names do.
fn without(filter: Option<Predicate<Bound>>, names: &[String]) -> Option<Predicate<Bound>> {
    if names.is_empty() {
        return filter;
    }
    // Quoted, so that no name is anything but a name.
    let quoted = names.iter().map(|name| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")));
    let suppressed = format!("proc.name in ({})", quoted.collect::<Vec<_>>().join(", "));
    let others = fathom_filter::compile(&suppressed, &Fields).expect("quoted names are values").negated();
    Some(match filter {
        Some(filter) => filter.and(others),
        None => others,
    })
}

fn style(words: &Trace) -> Style {
    let buffers = [
        (words.print_ascii, Buffers::Ascii),
        (words.print_hex_ascii, Buffers::HexAscii),
        (words.print_hex, Buffers::Hex),
        (words.print_base64, Buffers::Base64),
    ];
    Style {
        buffers: buffers.into_iter().find(|(asked, _)| *asked).map_or(Buffers::Dots, |(_, buffers)| buffers),
        longest: (!words.verbose).then_some(80),
        clock: words.timetype.clock(),
        offset: jiff::Zoned::now().offset().seconds(),
        ports: if words.resolve_ports { Ports::Services } else { Ports::Numbers },
        json: if words.json { Json::Yes } else { Json::No },
    }
}

/// Plays it to its end. What views want to be kept besides is handed to `note`.
fn play(
    reader: &mut Reader<'_>,
    replay: &mut Replay,
    mut page: Page<'_>,
    note: impl FnOnce(Vec<Around>),
) -> Result<(), Stopped> {
    let played = replay.play(reader, &mut page);
    note(page.around());
    page.finish(&replay.state)?;
    Ok(played?)
}

/// A recording, and how much of it was read if somebody wants to know. Of a pipe nobody knows how long it is.
fn open(file: &Path, words: &Trace) -> Result<Reader<'static>, fathom_scap::Error> {
    if file == Path::new("-") {
        return Reader::stream(io::stdin(), Tolerance::Salvage);
    }
    let failed = |source| fathom_scap::Error::Read { offset: 0, source };
    let opened = File::open(file).map_err(failed)?;
    let kind = opened.metadata().map_err(failed)?;
    if words.progress && kind.is_file() {
        return Reader::stream(Progress::new(opened, kind.len()), Tolerance::Salvage);
    }
    Reader::stream(opened, Tolerance::Salvage)
}

/// Says what of a recording was not shown; the status that belongs to it.
fn tell(counts: &Counts) -> i32 {
    if counts.unknown > 0 {
        printer::notice(&format!("{} events are of types that this program does not know", counts.unknown));
    }
    counts.gaps.iter().for_each(|gap| printer::notice(&gap.to_string()));
    if counts.more_gaps > 0 {
        printer::notice(&format!("{} more parts of the recording could not be read", counts.more_gaps));
    }
    if counts.gaps.is_empty() { 0 } else { FOUND }
}

fn failure(file: &Path, stopped: Stopped) -> Failure {
    let shown = file.display();
    let (class, message, cause, hint) = match stopped {
        Stopped::Output(error) => {
            (Class::System, "cannot write what was asked for".to_owned(), error.to_string(), None)
        }
        Stopped::Recording(fathom_scap::Error::Read { offset, source }) => {
            let class = match source.kind() {
                io::ErrorKind::NotFound => Class::NotFound,
                io::ErrorKind::PermissionDenied => Class::Denied,
                _ => Class::System,
            };
            let at = if offset > 0 { format!(" at byte {offset}") } else { String::new() };
            (class, format!("cannot read {shown}{at}"), source.to_string(), None)
        }
        Stopped::Recording(error) => {
            let hint = error.hint();
            (Class::Usage, format!("cannot read {shown}"), error.to_string(), hint)
        }
    };
    Failure { class, message, cause: Some(cause), hint }
}
