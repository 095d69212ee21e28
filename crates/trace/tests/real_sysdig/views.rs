//! Every view that both programs have, over every recording, without and with columns of containers and with a filter.

use std::path::Path;

use fathom_trace::format;
use fathom_trace::views::{self, Colours, Columns, View, Wish};

use crate::reference::{difference, ours, recordings, try_theirs, without_garbage};

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
