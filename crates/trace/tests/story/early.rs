//! What is left out before it is recorded: nobody who asks can tell.

use std::collections::HashMap;
use std::fs;

use fathom_filter::Predicate;
use fathom_scap::schema::{Traits, event_type};
use fathom_scap::{Event, Item, Reader, Tolerance};
use fathom_testkit::need::{Need, missing, workspace};
use fathom_trace::early::{Apart, Time};
use fathom_trace::fields::Bound;
use fathom_trace::views::{self, Row, Takes, View, Wish};
use fathom_trace::{Each, Early, Fields, Flow, Format, Lines, Replay, Shown, Style, Want, Watcher};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::tale;

/// More events than this of one recording are not looked at.
const MOST: u64 = 4000;

fn compile(filter: &str) -> Predicate<Bound> {
    fathom_filter::compile(filter, &Fields).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn early<'f>(filter: &'f Predicate<Bound>, format: &'f Format) -> Early<'f> {
    Early::new(Some(filter), &Shown::Fields(format.fields().collect()))
}

/// How the call of an event ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The recording does not say.
    Open,
    Success,
    Failure,
}

/// For each event how its call ends.
fn outcomes(bytes: &[u8]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut begun: HashMap<i64, (u16, usize)> = HashMap::new();
    let mut reader = Reader::new(bytes, Tolerance::Salvage).unwrap();
    while let Some(item) = reader.next().unwrap() {
        let Item::Event(event) = item else { continue };
        let index = outcomes.len();
        outcomes.push(Outcome::Open);
        if !is_call(&event) {
            continue;
        }
        if event.number % 2 == 0 {
            begun.insert(event.tid, (event.number, index));
            continue;
        }
        let named =
            event_type(event.number).is_some_and(|kind| kind.position("res").or(kind.position("fd")) == Some(0));
        let failed = named && event.i64(0).is_some_and(|result| result < 0);
        outcomes[index] = if failed { Outcome::Failure } else { Outcome::Success };
        if let Some((number, enter)) = begun.remove(&event.tid)
            && number + 1 == event.number
        {
            outcomes[enter] = outcomes[index];
        }
    }
    outcomes
}

fn is_call(event: &Event<'_>) -> bool {
    let aside = event_type(event.number).is_none_or(|kind| kind.traits.any(Traits::ASIDE));
    !aside && ![16, 146, 152, 186, 228, 272, 324].contains(&event.number)
}

/// What a live source would not have sent.
fn is_left_out(early: &Early<'_>, event: &Event<'_>, outcome: Outcome) -> bool {
    if !is_call(event) {
        return !early.event(event.number);
    }
    let name = match event.number {
        0 | 1 => {
            let row = event.u16(0).and_then(fathom_scap::schema::syscalls::syscall);
            row.map_or("<unknown>", |row| row.0)
        }
        _ => "",
    };
    match early.call(event.number, name) {
        Want::Everything | Want::Total => false,
        Want::Failures => outcome != Outcome::Failure,
        Want::Nothing => true,
    }
}

/// The lines of what passes, and how many events were left out.
fn lines(bytes: &[u8], filter: &str, format: &str, outcomes: Option<&[Outcome]>) -> (Vec<String>, u64) {
    let format = Format::parse(format).unwrap();
    let asked = compile(filter);
    let early = early(&asked, &format);
    let mut replay = Replay::new(Some(compile(filter)), Style::default());
    let mut reader = Reader::new(bytes, Tolerance::Salvage).unwrap();
    let (mut lines, mut index, mut left_out) = (Vec::new(), 0, 0);
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Event(event) => {
                let outcome = outcomes.map(|outcomes| outcomes[index]);
                index += 1;
                if index as u64 > MOST {
                    break;
                }
                if outcome.is_some_and(|outcome| is_left_out(&early, &event, outcome)) {
                    left_out += 1;
                    continue;
                }
                let mut each = |moment: &fathom_trace::Moment<'_>| {
                    let mut line = Vec::new();
                    format.write(moment, &mut line);
                    let mut line = String::from_utf8_lossy(&line).into_owned();
                    if moment.kind.name == "switch" {
                        // See `check`.
                        line.truncate(line.rfind("  ").unwrap_or(line.len()));
                    }
                    lines.push(line);
                    Flow::On
                };
                replay.event(&event, &mut each);
            }
            Item::Users(users) => replay.state.load_users(users).unwrap(),
            Item::Interfaces(interfaces) => replay.state.load_interfaces(interfaces).unwrap(),
            Item::Processes(processes) => replay.state.load_processes(processes).unwrap(),
            Item::Descriptors(descriptors) => replay.state.load_descriptors(descriptors).unwrap(),
            _ => {}
        }
    }
    (lines, left_out)
}

/// Fields that can be decided early, with values, and some that cannot.
const FIELDS: &[(&str, &[&str])] = &[
    ("evt.type", &["open", "openat", "read", "write", "close", "mmap", "futex", "connect", "execve", "switch"]),
    ("syscall.type", &["open", "fcntl", "rt_sigaction"]),
    ("evt.dir", &["<", ">"]),
    ("evt.category", &["file", "net", "memory", "ipc", "process", "other", "unknown"]),
    ("evt.failed", &["true", "false"]),
    ("evt.rawres", &["0", "-2", "11", "-115"]),
    ("evt.res", &["SUCCESS", "ENOENT", "EAGAIN"]),
    ("evt.is_io", &["true", "false"]),
    ("evt.is_io_read", &["true", "false"]),
    ("evt.is_wait", &["true", "false"]),
    ("evt.io_dir", &["read", "write"]),
    ("evt.buflen", &["0", "5", "200"]),
    ("evt.count.error", &["1"]),
    ("evt.count.error.file", &["1"]),
    ("evt.count.exit", &["1"]),
    ("evt.type.is.read", &["0", "1"]),
    ("evt.is_open_read", &["true", "false"]),
    ("evt.is_syslog", &["true", "false"]),
    ("evt.arg.fd", &["3", "10"]),
    ("evt.arg[1]", &["3", "data"]),
    ("evt.rawarg.res", &["0", "-2"]),
    ("evt.latency", &["1000", "0"]),
    ("fd.num", &["3", "5", "10"]),
    ("fd.name", &["/etc/passwd", "/tmp/a/c", "x"]),
    ("fd.type", &["file", "ipv4", "pipe"]),
    ("fd.sport", &["80", "443"]),
    ("fd.cip", &["10.0.0.1"]),
    ("fdlist.nums", &["3"]),
    ("proc.name", &["sh", "ls", "nginx"]),
    ("proc.pid", &["100", "101"]),
    ("proc.aname", &["sh", "init"]),
    ("thread.ismain", &["true", "false"]),
    ("user.name", &["root"]),
    ("container.id", &["host"]),
];

const FORMATS: &[&str] = &[
    "%evt.time %evt.cpu %proc.name (%thread.tid) %evt.dir %evt.type %evt.info %evt.latency",
    "*%evt.type %evt.dir %fd.name %fd.type %evt.category %proc.cwd",
    "*%evt.type %evt.dir %proc.name %proc.cmdline %proc.pname %evt.rawres %user.name %container.id",
];

fn check() -> impl Strategy<Value = String> {
    let field = prop::sample::select(FIELDS);
    (field, any::<prop::sample::Index>(), 0..5_u8).prop_map(|((name, values), at, way)| {
        let value = at.get(values);
        let number = value.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
        let ordered = number && !["fd.cip", "evt.arg.fd", "evt.arg[1]", "fdlist.nums"].contains(&name);
        // A processor that changes to another thread shows how long the call takes that is under way, whichever it is.
        let name = if name == "evt.latency" { "evt.type != switch and evt.latency" } else { name };
        match way {
            0 => format!("{name} exists"),
            1 => format!("{name} in ({})", values.join(", ")),
            2 => format!("{name} != {value}"),
            3 if ordered => format!("{name} < {value}"),
            4 if ordered => format!("{name} >= {value}"),
            _ => format!("{name} = {value}"),
        }
    })
}

fn filter() -> impl Strategy<Value = String> {
    check().prop_recursive(3, 12, 3, |inner| {
        let many = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            3 => (many, 0..3_u8).prop_map(|(all, way)| format!("({})", all.join(if way > 0 { " and " } else { " or " }))),
            1 => inner.prop_map(|one| format!("not ({one})")),
        ]
    })
}

/// The recording that tests make, and those that lie outside of the repository, if they do.
fn recordings() -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("tale".to_owned(), tale::recording().0)];
    match workspace().ancestors().map(|above| above.join("shared/data/scap")).find(|folder| folder.is_dir()) {
        None => drop(missing(&[Need::Path("../shared/data/scap")])),
        Some(folder) => {
            let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let files = files.filter(|path| path.extension().is_some_and(|end| end == "scap"));
            all.extend(files.map(|path| (path.display().to_string(), fs::read(&path).unwrap())));
        }
    }
    all.sort();
    all
}

#[test]
fn nobody_can_tell_what_was_left_out() {
    let recordings = recordings();
    let ends: Vec<_> = recordings.iter().map(|(_, bytes)| outcomes(bytes)).collect();
    let mut runner = TestRunner::new(Config { cases: 120, failure_persistence: None, ..Config::default() });
    let strategy = (filter(), 0..recordings.len(), prop::sample::select(FORMATS));
    let outcome = runner.run(&strategy, |(filter, which, format)| {
        let (name, bytes) = &recordings[which];
        let all = lines(bytes, &filter, format, None).0;
        let some = lines(bytes, &filter, format, Some(&ends[which])).0;
        let differs = (0..all.len().max(some.len())).find(|index| all.get(*index) != some.get(*index));
        if let Some(index) = differs {
            return Err(TestCaseError::fail(format!(
                "{name}: {filter}\n line {index}\n all  {:?}\n some {:?}",
                all.get(index),
                some.get(index)
            )));
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Something that each kind of argument may be.
fn word(argument: &views::Argument) -> String {
    match argument.takes {
        Takes::Number => "0".to_owned(),
        Takes::Port => "80".to_owned(),
        Takes::Address => "127.0.0.1".to_owned(),
        Takes::OneOf(words) => words[0].to_owned(),
        Takes::Filter => "fd.num>0".to_owned(),
        Takes::File => "around.scap".to_owned(),
        Takes::Text => match argument.name {
            "filter" => "'evt.is_io=true'".to_owned(),
            "value" => "evt.count".to_owned(),
            _ => "proc.name".to_owned(),
        },
    }
}

fn view(row: &'static Row, words: &[String]) -> View {
    let taken = views::take(row, words, |_| false).unwrap_or_else(|wrong| panic!("{wrong}")).taken;
    View::new(row, &taken, Wish::default()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// What a view shows of what passes, and how many events were left out.
fn shown(bytes: &[u8], row: &'static Row, filter: &str, outcomes: Option<&[Outcome]>) -> (Vec<u8>, u64) {
    let mut lines = Lines::new(Format::parse(fathom_trace::format::DEFAULT).unwrap());
    let words: Vec<_> = row.arguments.iter().filter(|argument| !argument.optional).map(word).collect();
    lines.style = row.style(lines.style);
    lines.views = vec![view(row, &words)];
    lines.filter = Some(compile(filter));
    let mut out = Vec::new();
    let (mut replay, mut page) = lines.begin(&mut out, None);
    let (asked, twin) = (compile(filter), view(row, &words));
    let early = Early::new(Some(&asked), &Shown::Views(None, vec![twin.reads()], Each::IsNothing));
    let mut reader = Reader::new(bytes, Tolerance::Salvage).unwrap();
    let (mut index, mut left_out) = (0, 0);
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Event(event) => {
                let outcome = outcomes.map(|outcomes| outcomes[index]);
                index += 1;
                if index as u64 > MOST {
                    break;
                }
                if outcome.is_some_and(|outcome| is_left_out(&early, &event, outcome)) {
                    left_out += 1;
                    // Live, time goes on all the same. What describes containers and users happens at no time.
                    if ![272, 324].contains(&event.number) && !(354..=361).contains(&event.number) {
                        replay.state.first = if replay.state.first == 0 { event.ts } else { replay.state.first };
                        page.other(event.ts);
                    }
                    continue;
                }
                if replay.event(&event, &mut page) == Flow::Enough {
                    break;
                }
            }
            Item::Users(users) => replay.state.load_users(users).unwrap(),
            Item::Interfaces(interfaces) => replay.state.load_interfaces(interfaces).unwrap(),
            Item::Processes(processes) => replay.state.load_processes(processes).unwrap(),
            Item::Descriptors(descriptors) => replay.state.load_descriptors(descriptors).unwrap(),
            _ => {}
        }
    }
    page.finish(&replay.state).unwrap();
    (out, left_out)
}

#[test]
fn views_show_the_same_without_what_they_cannot_use() {
    let recordings = recordings();
    let ends: Vec<_> = recordings.iter().map(|(_, bytes)| outcomes(bytes)).collect();
    let rows: Vec<&'static Row> = views::rows().collect();
    // A processor that changes to another thread shows how long the call takes that is under way, whichever it is.
    let always = "evt.type!=switch";
    let same = |which: usize, row: &'static Row, filter: &str| {
        let (name, bytes) = &recordings[which];
        let (all, some) = (shown(bytes, row, filter, None).0, shown(bytes, row, filter, Some(&ends[which])));
        if all == some.0 {
            return Ok(some.1);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Err(format!("{name}: {} {filter}\n all:\n{}\n some:\n{}", row.name, text(&all), text(&some.0)))
    };
    let mut left_out = 0;
    // Each of them with another recording too.
    for (index, row) in rows.iter().enumerate() {
        for which in [index % recordings.len(), (index * 7 + 3) % recordings.len()] {
            left_out += same(which, row, always).unwrap_or_else(|differs| panic!("{differs}"));
        }
    }
    assert!(left_out > 1000, "{left_out} events were left out");
    let mut runner = TestRunner::new(Config { cases: 80, failure_persistence: None, ..Config::default() });
    let strategy = (filter(), 0..recordings.len(), 0..rows.len());
    let outcome = runner.run(&strategy, |(filter, which, row)| {
        same(which, rows[row], &format!("{always} and ({filter})")).map(drop).map_err(TestCaseError::fail)
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// A view, its words and a filter; what calls are told apart by, whether time counts, what is wanted of `read`.
type Added<'a> = (&'a str, &'a [&'a str], &'a str, &'a [Apart], Time, Want);

#[test]
fn what_is_only_added_up_is_said() {
    let totals = |name: &str, words: &[&str], filter: &str, each: Each| {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let view = view(views::row(name).unwrap(), &words);
        let asked = (!filter.is_empty()).then(|| compile(filter));
        let early = Early::new(asked.as_ref(), &Shown::Views(None, vec![view.reads()], each));
        let read = early.call(READ, "read");
        let clone = early.call(222, "clone");
        assert!(early.totals().is_none() || (clone == Want::Everything), "who threads are is followed");
        early.totals().map(|totals| (totals.by.clone(), totals.time, read))
    };
    use Apart::{Call, Error, Nothing, Task};
    let cases: &[Added<'_>] = &[
        ("topscalls", &[], "", &[Call], Time::Ignored, Want::Total),
        ("topscalls", &[], "proc.name=sh and evt.dir=<", &[Task, Nothing, Call], Time::Ignored, Want::Total),
        ("topscalls", &[], "evt.type=mmap", &[Call], Time::Ignored, Want::Nothing),
        ("topscalls_time", &[], "", &[Call], Time::Added, Want::Total),
        ("topprocs_errors", &[], "", &[Error, Task], Time::Ignored, Want::Total),
        ("topcontainers_error", &[], "container.id=abc", &[Task, Error], Time::Ignored, Want::Total),
        ("fdbytes_by", &["proc.name"], "", &[Call, Error, Task], Time::Ignored, Want::Total),
        ("fdtime_by", &["evt.type"], "", &[Call], Time::Added, Want::Total),
        ("iobytes", &[], "", &[Call], Time::Ignored, Want::Total),
    ];
    for (name, words, filter, by, time, want) in cases {
        let found = totals(name, words, filter, Each::IsNothing);
        assert_eq!(found, Some((by.to_vec(), *time, *want)), "{name} {words:?} {filter}");
        assert_eq!(totals(name, words, filter, Each::Counts), None);
    }
    let others: &[(&str, &[&str], &str)] = &[
        ("topscalls", &[], "fd.name=/etc/passwd"),
        ("topscalls", &[], "evt.num>100"),
        ("topscalls", &[], "user.name=root"),
        ("topfiles_bytes", &[], ""),
        ("topprocs_net", &[], ""),
        ("topprocs_cpu", &[], ""),
        ("fdbytes_by", &["fd.name"], ""),
        ("fdcount_by", &["proc.name"], ""),
        ("iobytes_file", &[], ""),
        ("bottlenecks", &[], ""),
        ("echo_fds", &[], ""),
        ("ps", &[], ""),
    ];
    for (name, words, filter) in others {
        assert_eq!(totals(name, words, filter, Each::IsNothing), None, "{name} {words:?} {filter}");
    }
}

/// What is wanted of a call, for the default line.
fn want(filter: &str, event: u16, name: &str) -> Want {
    let (filter, format) = (compile(filter), Format::parse(fathom_trace::format::DEFAULT).unwrap());
    early(&filter, &format).call(event, name)
}

const READ: u16 = 6;
const MMAP: u16 = 160;
const OPENAT: u16 = 306;

#[test]
fn a_filter_says_which_calls_are_wanted() {
    let cases: &[(&str, u16, &str, Want)] = &[
        ("evt.type=read", READ, "read", Want::Everything),
        ("evt.type=read", MMAP, "mmap", Want::Nothing),
        // It says what descriptors are called.
        ("evt.type=read", OPENAT, "openat", Want::Everything),
        ("evt.type in (mmap, munmap) and proc.name=sh", READ, "read", Want::Nothing),
        ("evt.type!=read", READ, "read", Want::Nothing),
        ("not (evt.type=read or evt.type=mmap)", MMAP, "mmap", Want::Nothing),
        ("evt.type=read or proc.name=sh", MMAP, "mmap", Want::Everything),
        ("evt.failed=true", READ, "read", Want::Failures),
        ("evt.rawres<0 and evt.type=read", READ, "read", Want::Failures),
        ("evt.rawres<0 and evt.type=read", MMAP, "mmap", Want::Nothing),
        ("evt.rawres=-2", MMAP, "mmap", Want::Failures),
        ("evt.rawres<=0", READ, "read", Want::Everything),
        ("evt.res=ENOENT", READ, "read", Want::Failures),
        ("evt.count.error=1", READ, "read", Want::Failures),
        ("evt.dir=> and evt.failed=true", READ, "read", Want::Nothing),
        ("evt.category=memory", READ, "read", Want::Nothing),
        ("evt.category=net", READ, "read", Want::Everything),
        ("evt.is_io=true", MMAP, "mmap", Want::Nothing),
        ("fd.port=80", MMAP, "mmap", Want::Nothing),
        ("fd.port=80", READ, "read", Want::Everything),
        // Captures have no more of it than which call it is.
        ("evt.type=sched_yield", 0, "sched_yield", Want::Everything),
        ("evt.type=sched_yield", 0, "rt_sigaction", Want::Nothing),
        ("evt.failed=true", 0, "sched_yield", Want::Nothing),
        // What counts events needs all of them.
        ("evt.num=10 and evt.type=read", MMAP, "mmap", Want::Everything),
    ];
    for (filter, event, name, expected) in cases {
        assert_eq!(want(filter, *event, name), *expected, "{filter}: {name}");
    }
}

#[test]
fn what_nobody_looks_at_is_not_followed() {
    let wanted = |format: &str, event: u16| {
        let (filter, format) = (compile("evt.type=mmap"), Format::parse(format).unwrap());
        early(&filter, &format).call(event, "")
    };
    const CLONE: u16 = 222;
    assert_eq!(wanted("%proc.name %evt.type", OPENAT), Want::Nothing);
    assert_eq!(wanted("%proc.name %evt.type", CLONE), Want::Everything);
    assert_eq!(wanted("%proc.cwd", OPENAT), Want::Everything);
    assert_eq!(wanted("%fd.name", OPENAT), Want::Everything);
    let filter = compile("evt.type=mmap");
    assert_eq!(Early::new(Some(&filter), &Shown::Whole).call(OPENAT, "openat"), Want::Everything);
    assert_eq!(Early::new(None, &Shown::Whole).call(MMAP, "mmap"), Want::Everything);
}

#[test]
fn data_comes_along_if_somebody_looks_at_it() {
    let needs = |filter: &str, format: &str| {
        let (filter, format) = (compile(filter), Format::parse(format).unwrap());
        early(&filter, &format).needs_data()
    };
    assert!(needs("evt.type=read", fathom_trace::format::DEFAULT));
    assert!(needs("evt.buffer contains x", "%proc.name"));
    assert!(needs("evt.type=read", "%evt.arg.data"));
    assert!(needs("evt.type=read", "%evt.arg[1]"));
    assert!(!needs("evt.type=read", "%proc.name %evt.buflen %fd.name %evt.arg.res"));
}

#[test]
fn processes_are_those_without_which_nothing_passes() {
    let processes = |filter: &str, format: &str| {
        let (filter, format) = (compile(filter), Format::parse(format).unwrap());
        early(&filter, &format).processes()
    };
    assert_eq!(processes("proc.pid=7 and evt.type=read", "%evt.info"), Some(vec![7]));
    assert_eq!(processes("proc.pid in (7, 8)", "%evt.info"), Some(vec![7, 8]));
    assert_eq!(processes("proc.pid=7 or proc.name=sh", "%evt.info"), None);
    // The parent may become another program, which only its own calls tell.
    assert_eq!(processes("proc.pid=7", "%proc.pname"), None);
    assert_eq!(processes("proc.pid=7 and proc.aname=sh", "%evt.info"), None);
    let filter = compile("container.id in (abc, def) and evt.type=switch");
    let early = Early::new(Some(&filter), &Shown::Whole);
    assert_eq!(
        early.only("container.id").map(|mut ids| {
            ids.sort();
            ids
        }),
        Some(vec!["abc".to_owned(), "def".to_owned()])
    );
    assert!(early.names("switch") && !early.names("page_fault"));
}
