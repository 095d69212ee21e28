//! Every view that both programs have, over every recording, without and with columns of containers and with a filter.

use std::path::{Path, PathBuf};
use std::process::Command;

use fathom_testkit::scratch::Scratch;
use fathom_trace::views::{self, Colours, Columns, Screen, View, Wish};
use fathom_trace::{Json, Style, format};
use serde_json::Value;

use crate::reference::{difference, ours, recordings, split, theirs, try_theirs, without_garbage};
use crate::tale::{SHELL, Tale};

fn view(file: &Path, name: &str, words: &[&str], wanted: &str, wish: Wish) -> Vec<Vec<u8>> {
    let row = views::row(name).unwrap();
    let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    let taken = views::take(row, &words, |_| false).unwrap_or_else(|wrong| panic!("{wrong}")).taken;
    let view = View::new(row, &taken, wish).unwrap_or_else(|wrong| panic!("{wrong}"));
    let style = row.style(wish.style);
    ours(file, format::DEFAULT, wanted, |lines| (lines.style, lines.views) = (style, vec![view]))
}

/// How lines may differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Not at all.
    Same,
    /// Rows with the same number stand in any order in sysdig, and at the end of a table it is open which of them are
    /// left out: Lua sorts what it takes out of a hash table.
    Ties,
    /// Rows stand in the order of a hash table of sysdig's.
    Any,
}

/// Rows in an order of ours. Of rows that are equal to the last one only how many there are is compared.
fn ordered(order: Order, mut lines: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    match order {
        Order::Same => {}
        Order::Any => lines.sort(),
        Order::Ties => {
            let value = |line: &[u8]| line.split(|byte| matches!(byte, b' ')).next().unwrap_or_default().to_vec();
            lines.retain(|line| !line.is_empty());
            let last = lines.last().map(|line| value(line)).unwrap_or_default();
            for row in lines.iter_mut().skip(2).filter(|row| value(row) == last) {
                row.clone_from(&last);
            }
            if lines.len() > 2 {
                lines[2..].sort();
            }
        }
    }
    lines
}

struct Case {
    name: &'static str,
    words: &'static [&'static str],
    order: Order,
}

const fn case(name: &'static str, words: &'static [&'static str], order: Order) -> Case {
    Case { name, words, order }
}

/// What is asked for beside a view: columns of containers, a filter.
const WISHES: &[(Columns, &str)] = &[
    (Columns::Plain, ""),
    (Columns::Containers, ""),
    (Columns::Plain, "proc.name=haproxy or proc.name contains sh"),
    (Columns::Containers, "evt.num>100 and evt.num<2000"),
];

/// What Lua says of a field that has no value, where a view of sysdig's does not think of that. Then it ends early, and
/// nothing is compared.
const LUA: &[&str] = &["a nil value", "invalid call to evt.field()", "got nil)"];

fn agree(cases: &[Case], colours: Colours) {
    agree_in(cases, colours, WISHES);
}

fn agree_in(cases: &[Case], colours: Colours, wishes: &[(Columns, &str)]) {
    let Some(recordings) = recordings() else { return };
    let (mut wrong, mut compared, mut failed) = (Vec::new(), 0, 0);
    for (case, file) in cases.iter().flat_map(|case| recordings.files.iter().map(move |file| (case, file))) {
        for (columns, wanted) in wishes {
            let words = case.words.join(" ");
            let mut said = vec!["-c", case.name];
            said.extend([words.as_str(), *wanted].into_iter().filter(|word| !word.is_empty()));
            if *columns == Columns::Containers {
                said.insert(0, "-pc");
            }
            let wish = Wish { columns: *columns, colours, ..Wish::default() };
            let ours = view(file, case.name, case.words, wanted, wish);
            let ours = ordered(case.order, without_garbage(file, ours));
            let theirs = match try_theirs(file, &said) {
                Ok(theirs) => ordered(case.order, without_garbage(file, theirs)),
                Err(why) => {
                    assert!(LUA.iter().any(|words| why.contains(words)), "{} {said:?}: {why}", file.display());
                    failed += 1;
                    continue;
                }
            };
            compared += 1;
            if let Some(difference) = difference(file, &format!("{said:?}"), &theirs, &ours) {
                wrong.push(difference);
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 3 * failed, "{compared} compared, {failed} not");
}

/// Those without arguments, of which each test takes some.
fn tables(which: impl Fn(&str) -> bool, count: usize) {
    let rows = views::rows().filter(|row| row.table().is_some() && row.arguments.is_empty() && which(row.name));
    let cases: Vec<_> = rows.map(|row| case(row.name, &[], Order::Ties)).collect();
    assert_eq!(cases.len(), count);
    agree(&cases, Colours::No);
}

#[test]
fn tables_of_files() {
    tables(|name| name.contains("file"), 5);
}

#[test]
fn tables_of_the_network() {
    tables(|name| name.ends_with("_net") || name == "topconns" || name == "topports_server", 4);
}

#[test]
fn tables_of_calls_and_errors() {
    tables(|name| name.starts_with("topscalls") || name == "topprocs_errors" || name == "topcontainers_error", 4);
}

#[test]
fn tables_of_processors() {
    tables(|name| name.ends_with("_cpu"), 2);
}

#[test]
fn tables_by_a_field_of_choice() {
    agree(
        &[
            case("fdbytes_by", &["fd.name"], Order::Ties),
            case("fdbytes_by", &["fd.type"], Order::Ties),
            case("fdtime_by", &["proc.name"], Order::Ties),
            case("fdcount_by", &["proc.name"], Order::Any),
            case("fdcount_by", &["fd.type"], Order::Any),
        ],
        Colours::No,
    );
}

#[test]
fn data() {
    agree(
        &[
            case("echo_fds", &[], Order::Same),
            case("stdin", &[], Order::Same),
            case("stdout", &[], Order::Same),
            case("stderr", &[], Order::Same),
            case("spy_port", &["80"], Order::Same),
            case("spy_ip", &["192.168.0.3"], Order::Same),
            case("spy_file", &[], Order::Same),
            case("spy_file", &["W"], Order::Same),
        ],
        Colours::Yes,
    );
}

#[test]
fn logs() {
    agree(&[case("spy_logs", &[], Order::Same), case("spy_syslog", &[], Order::Same)], Colours::No);
}

#[test]
fn what_took_long() {
    agree(
        &[
            case("fileslower", &["0"], Order::Same),
            case("netlower", &["0"], Order::Same),
            case("scallslower", &["1"], Order::Same),
            case("proc_exec_time", &[], Order::Same),
        ],
        Colours::Yes,
    );
}

#[test]
fn seconds_and_bottlenecks() {
    agree(
        &[
            case("iobytes", &[], Order::Same),
            case("iobytes_file", &[], Order::Same),
            case("iobytes_net", &[], Order::Same),
            case("bottlenecks", &[], Order::Same),
        ],
        Colours::No,
    );
}

#[test]
fn what_there_is() {
    let moments = &[(Columns::Plain, ""), (Columns::Containers, "")];
    agree_in(
        &[
            case("ps", &[], Order::Same),
            case("ps", &["fd.type=ipv4"], Order::Same),
            case("lsof", &[], Order::Any),
            case("lsof", &["'fd.num>2 and proc.name contains sh'"], Order::Any),
            case("netstat", &[], Order::Any),
            case("netstat", &["fd.port=80"], Order::Any),
            case("lscontainers", &[], Order::Any),
        ],
        Colours::No,
        moments,
    );
}

#[test]
fn people() {
    agree(&[case("spy_users", &[], Order::Same)], Colours::Yes);
}

#[test]
fn requests() {
    agree(
        &[
            case("httplog", &[], Order::Same),
            case("httptop", &[], Order::Ties),
            case("httptop", &["time"], Order::Ties),
            case("httptop", &["bytes"], Order::Ties),
        ],
        Colours::No,
    );
}

#[test]
fn tables_of_one_s_own() {
    const ROWS: &[&str] = &["proc.name,evt.type", "Process,Call", "evt.count", "Calls", "'evt.dir=<'", "50", "none"];
    const BYTES: &[&str] = &["fd.name", "Name", "evt.rawarg.res", "Bytes", "'evt.is_io=true'", "20", "bytes"];
    const TIME: &[&str] = &["evt.type", "Call", "evt.latency", "Time", "'evt.type!=switch'", "0", "time"];
    let cases = [ROWS, BYTES, TIME].map(|words| case("table_generator", words, Order::Ties));
    agree(&cases, Colours::No);
}

/// Rows of a table as JSON, but for those that are as large as the last one: Lua leaves open which of them stand there.
fn sure_rows(lines: &[Vec<u8>]) -> Vec<Value> {
    let text = lines.join(&b'\n');
    let tables = serde_json::Deserializer::from_slice(&text).into_iter::<Value>().map(|table| table.unwrap());
    let sure = |mut table: Value| {
        let data = table["data"].take();
        let rows = data.as_array().cloned().unwrap_or_default();
        let value = |row: &Value| row.as_array().and_then(|row| row.last()?.as_f64());
        let last = rows.last().and_then(value);
        let mut rows: Vec<_> = rows.into_iter().filter(|row| value(row) != last).map(|row| row.to_string()).collect();
        rows.sort();
        table["data"] = rows.into();
        // sysdig leaves a hole between the columns.
        table["info"].as_array_mut().into_iter().for_each(|info| info.retain(|column| !column.is_null()));
        table
    };
    tables.map(sure).collect()
}

#[test]
fn tables_as_json() {
    let Some(recordings) = recordings() else { return };
    for file in &recordings.files {
        for name in ["topfiles_bytes", "topprocs_errors", "topscalls", "topscalls_time", "topconns", "topports_server"]
        {
            // Addresses that were never in the recording, see `without_garbage`.
            if file.ends_with("502Error.scap") && name == "topconns" {
                continue;
            }
            let theirs = try_theirs(file, &["-j", "-c", name]).unwrap();
            let style = Style { json: Json::Yes, ..Style::default() };
            let ours = view(file, name, &[], "", Wish { style, ..Wish::default() });
            let (theirs, ours) = (sure_rows(&without_garbage(file, theirs)), sure_rows(&without_garbage(file, ours)));
            assert_eq!(ours, theirs, "{} {name}", file.display());
        }
    }
}

/// What sysdig shows on a terminal of 80 columns.
fn on_terminal(file: &Path, words: &str) -> Vec<Vec<u8>> {
    let program = fathom_testkit::need::find_program("sysdig").unwrap();
    let shown = format!("stty cols 80 rows 24; {} -r {} {words}", program.display(), file.display());
    let output = Command::new("script").args(["-qec", &shown, "/dev/null"]).env("TZ", "UTC").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let text = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    split(text.as_bytes())
}

fn without(line: &[u8], what: &[u8]) -> Vec<u8> {
    let at = line.windows(what.len()).position(|window| window == what);
    at.map_or_else(|| line.to_vec(), |at| [&line[..at], &line[at + what.len()..]].concat())
}

#[test]
fn heat() {
    if fathom_testkit::need::missing(&[fathom_testkit::need::Need::Program("script")]) {
        return;
    }
    let Some(recordings) = recordings() else { return };
    for file in &recordings.files {
        for (name, words) in [("spectrogram", &[][..]), ("spectrogram", &["100"]), ("subsecoffset", &[])] {
            let wish = Wish { screen: Screen::Of(80, 24), colours: Colours::Yes, ..Wish::default() };
            let ours = view(file, name, words, "", wish);
            let mut theirs = on_terminal(file, &format!("-c {name} {}", words.join(" ")));
            // The colours of lines end, though there are none.
            theirs.iter_mut().for_each(|line| *line = without(line, b"\x1b[00m"));
            if let Some(difference) = difference(file, name, &theirs, &ours) {
                panic!("{difference}");
            }
        }
    }
}

/// sysdig keeps one shell only, the last one, and prints it once for each of three facts that it has of it.
#[test]
fn login_shells() {
    let Some(recordings) = recordings() else { return };
    for file in &recordings.files {
        for (words, title) in [(&[][..], "All shells:"), (&["s"], "Shells containing s:")] {
            let said = [&["-c", "list_login_shells"], words].concat();
            let theirs = match try_theirs(file, &said) {
                Ok(theirs) => theirs,
                Err(why) => {
                    assert!(LUA.iter().any(|words| why.contains(words)), "{}: {why}", file.display());
                    continue;
                }
            };
            let ours = view(file, "list_login_shells", words, "", Wish::default());
            assert_eq!(ours[0], title.as_bytes());
            assert_eq!(theirs[0], ours[0]);
            let last = theirs.get(1).filter(|line| !line.is_empty());
            assert!(last.is_none_or(|last| ours[1..].contains(last)), "{}: {last:?} {ours:?}", file.display());
            assert_eq!(last.is_none(), ours.get(1).is_none_or(Vec::is_empty), "{}", file.display());
        }
    }
}

/// A recording of these events, in a file.
fn kept(scratch: &Scratch, tale: Tale) -> PathBuf {
    let file = scratch.join("made.scap");
    std::fs::write(&file, tale.capture.0).unwrap();
    file
}

#[test]
fn commands_to_memcached() {
    if fathom_testkit::need::missing(&[fathom_testkit::need::Need::Program("sysdig")]) {
        return;
    }
    let scratch = Scratch::new("views");
    let tale = Tale::begin()
        .exec(SHELL, "/usr/bin/memcached", "memcached")
        .accept(SHELL, 11)
        .read(SHELL, 11, b"get key1\r\n")
        .write(SHELL, 11, b"VALUE key1 0 3\r\nabc\r\nEND\r\n")
        .read(SHELL, 11, b"set key2 0 900 2000 noreply\r\nsome data")
        .read(SHELL, 11, b"set key3 0 900 5\r\nabcde")
        .read(SHELL, 11, b"gets key1 key2\r\n")
        .read(SHELL, 11, b"delete key1\r\n")
        .write(SHELL, 11, b"STORED\r\n");
    let file = kept(&scratch, tale);
    for words in [&[][..], &["get"], &["set 1000"], &["set 0"]] {
        let theirs = theirs(&file, &[&["-c", "memcachelog"], words].concat());
        let ours = view(&file, "memcachelog", words, "", Wish::default());
        assert!(ours.len() > 1, "{words:?}: {ours:?}");
        if let Some(difference) = difference(&file, &format!("{words:?}"), &theirs, &ours) {
            panic!("{difference}");
        }
    }
}

/// sysdig does not understand the filter of its own chisel any more, and asks for an argument `environment`, which no
/// event has had for years.
#[test]
fn attacks_on_shells() {
    let Some(recordings) = recordings() else { return };
    for file in &recordings.files {
        let why = try_theirs(file, &["-c", "shellshock_detect"]).expect_err("its filter has no brackets");
        assert!(why.contains("invalid filter"), "{why}");
        let ours = view(file, "shellshock_detect", &[], "", Wish::default());
        assert!(ours[0].starts_with(b"TIME ") && ours.len() == 2, "{}: {ours:?}", file.display());
    }
    let scratch = Scratch::new("views");
    let file = kept(&scratch, Tale::begin().exec_with(SHELL, "/bin/bash", "bash", b"A=b\0X=() { :; }; echo hi\0"));
    let ours = view(&file, "shellshock_detect", &[], "", Wish::default());
    assert_eq!(ours.len(), 3, "{ours:?}");
    assert!(ours[1].ends_with(b"() { :; }; echo hi"), "{:?}", String::from_utf8_lossy(&ours[1]));
}

/// Files that hold no view of their own.
const PARTS: &[&str] = &["ansiterminal", "common", "dkjson", "http", "statsd"];

#[test]
fn every_chisel_is_a_view_or_is_said_to_be_none() {
    let folder = Path::new("/usr/share/sysdig/chisels");
    if fathom_testkit::need::missing(&[fathom_testkit::need::Need::Path("/usr/share/sysdig/chisels")]) {
        return;
    }
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = files.filter_map(|file| file.strip_suffix(".lua").map(str::to_owned));
    // `v_…` are the views of csysdig, which is another program.
    let chisels = names.filter(|name| !name.starts_with("v_") && !PARTS.contains(&name.as_str()));
    let known = |name: &str| views::row(name).is_ok() || views::ABSENT.iter().any(|row| row.0 == name);
    let unknown: Vec<_> = chisels.filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
