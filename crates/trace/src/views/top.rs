//! Tables: keys with a number each, the largest first. What `table_generator` and its sixteen children are in sysdig.

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Value as Json, json};

use super::argument::Taken;
use super::body::{Body, Cells, End, Tick};
use super::page::{Columns, Page, Source, Wish, bytes, hundredths, number, span};
use super::{Argument, Every, Family, Row, Shows, Takes};
use crate::replay::Flow;

/// How wide columns are.
const WIDTH: usize = 20;
/// What stands between the keys of a row while it is counted.
const BETWEEN: &[u8] = b"\x01\x01";

/// A table. In every text `{NAME}` stands for an argument.
#[derive(Debug, Clone, Copy)]
pub struct Top {
    /// Fields that are the key, with commas, and what they are called in the header.
    pub keys: (&'static str, &'static str),
    /// The same if containers have columns.
    pub with_containers: (&'static str, &'static str),
    /// The field whose numbers are put together, and what it is called.
    pub value: (&'static str, &'static str),
    /// How they are put together.
    pub aggregate: Aggregate,
    /// No more rows than these.
    pub rows: &'static str,
    /// What the number is: bytes, time, timepct or none.
    pub unit: &'static str,
}

/// How numbers are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Numbers above zero are added up.
    Sum,
    /// So are per cents of a processor, each measured over a second.
    Share,
    /// How many different ones there are: the header is left out.
    Distinct,
}

impl Top {
    const fn of(keys: &'static str, titles: &'static str) -> Self {
        Top {
            keys: (keys, titles),
            with_containers: (keys, titles),
            value: ("evt.rawarg.res", "Bytes"),
            aggregate: Aggregate::Sum,
            rows: "10",
            unit: "bytes",
        }
    }

    const fn containers(mut self, keys: &'static str, titles: &'static str) -> Self {
        self.with_containers = (keys, titles);
        self
    }

    const fn value(mut self, field: &'static str, title: &'static str, unit: &'static str) -> Self {
        self.value = (field, title);
        self.unit = unit;
        self
    }

    const fn rows(mut self, rows: &'static str) -> Self {
        self.rows = rows;
        self
    }

    const fn aggregate(mut self, aggregate: Aggregate) -> Self {
        self.aggregate = aggregate;
        self
    }
}

const KEY: &[Argument] = &[Argument::required("key", Takes::Text, "field, or several with commas")];
const NET: &str = "(fd.type=ipv4 or fd.type=ipv6) and evt.is_io=true";
const FILE: &str = "fd.type=file and evt.is_io=true";
const CONTAINER: Top = Top::of("container.name", "container.name");
const PROCESS: Top = Top::of("proc.name,proc.pid", "Process,PID")
    .containers("proc.name,proc.pid,thread.vtid,container.name", "Process,Host_pid,Container_pid,container.name");
const CALL: Top =
    Top::of("evt.type", "Syscall").containers("evt.type,container.name", "Syscall,container.name").rows("30");

/// The views.
pub(super) const ROWS: &[Row] = &[
    top(
        "topconns",
        Family::Network,
        "Connections, by bytes in and out",
        Top::of("fd.l4proto,fd.name", "Proto,Conn")
            .containers("container.name,fd.l4proto,fd.name", "container.name,Proto,Conn")
            .rows("30"),
    )
    .about(NET),
    top(
        "topports_server",
        Family::Network,
        "Ports of servers, by bytes in and out",
        Top::of("fd.sport", "Srv Port").containers("fd.sport,container.name", "Srv Port,container.name").rows("100"),
    )
    .about(NET),
    top("topprocs_net", Family::Network, "Processes, by bytes from and to the network", PROCESS.rows("100")).about(NET),
    top("topcontainers_net", Family::Network, "Containers, by bytes from and to the network", CONTAINER.rows("100"))
        .about("(fd.type=ipv4 or fd.type=ipv6) and evt.is_io=true and container.name!=host"),
    top(
        "topfiles_bytes",
        Family::Io,
        "Files, by bytes read and written",
        Top::of("fd.name", "Filename").containers("container.name,fd.name", "container.name,Filename"),
    )
    .about(FILE),
    top(
        "topfiles_time",
        Family::Io,
        "Files, by time spent reading and writing",
        Top::of("fd.name", "Filename").containers("fd.name,container.name", "Filename,container.name").value(
            "evt.latency",
            "Time",
            "time",
        ),
    )
    .about(FILE),
    top(
        "topfiles_errors",
        Family::Errors,
        "Files, by failed calls",
        Top::of("fd.name", "Filename")
            .containers("fd.name,container.name", "Filename,container.name")
            .value("evt.count", "#Errors", "none")
            .rows("100"),
    )
    .about("fd.type=file and evt.failed=true"),
    top("topprocs_file", Family::Io, "Processes, by bytes from and to files", PROCESS).about(FILE),
    top(
        "topprocs_errors",
        Family::Errors,
        "Processes, by failed calls",
        PROCESS.value("evt.count", "#Errors", "none").rows("100"),
    )
    .about("evt.failed=true"),
    top(
        "topcontainers_error",
        Family::Errors,
        "Containers, by failed calls",
        CONTAINER.value("evt.count", "#Errors", "none").rows("100"),
    )
    .about("evt.failed=true and container.name!=host"),
    top("topcontainers_file", Family::Io, "Containers, by bytes from and to files", CONTAINER)
        .about("fd.type=file and evt.is_io=true and container.name!=host"),
    top(
        "topscalls",
        Family::Performance,
        "System calls, by how often they were made",
        CALL.value("evt.count", "# Calls", "none"),
    )
    .about("evt.type!=switch"),
    top(
        "topscalls_time",
        Family::Performance,
        "System calls, by time spent in them",
        CALL.value("evt.latency", "Time", "time"),
    ),
    top(
        "topprocs_cpu",
        Family::Processors,
        "Processes, by use of processors",
        Top::of("proc.name,proc.pid", "Process,PID")
            .containers("proc.name,proc.pid,proc.vpid,container.name", "Process,Host_pid,Container_pid,container.name")
            .value("thread.cpu", "CPU%", "timepct")
            .aggregate(Aggregate::Share),
    )
    .about("evt.type=procinfo"),
    top(
        "topcontainers_cpu",
        Family::Processors,
        "Containers, by use of processors",
        CONTAINER.value("thread.cpu", "CPU%", "timepct").aggregate(Aggregate::Share),
    )
    .about("evt.type=procinfo"),
    top("fdbytes_by", Family::Io, "Bytes in and out, by a field of your choice", Top::of("{key}", "{key}").rows("30"))
        .about("evt.is_io=true and evt.failed=false")
        .taking(KEY),
    top(
        "fdtime_by",
        Family::Io,
        "Time spent reading and writing, by a field of your choice",
        Top::of("{key}", "{key}").value("evt.latency", "Time", "time"),
    )
    .about("evt.is_io=true")
    .taking(KEY),
    top(
        "fdcount_by",
        Family::Io,
        "How many descriptors were used, by a field of your choice",
        Top::of("{key}", "{key}").value("fd.num", "Count", "none").rows("0").aggregate(Aggregate::Distinct),
    )
    .reading(&["fd.name"])
    .every(Every::End)
    .taking(KEY),
    top(
        "table_generator",
        Family::Performance,
        "A table of your own",
        Top::of("{keys}", "{keydescs}").value("{value}", "{valuedesc}", "{value_units}").rows("{top_number}"),
    )
    .about("{filter}")
    .taking(&[
        Argument::required("keys", Takes::Text, "fields that are the key, with commas"),
        Argument::required("keydescs", Takes::Text, "what they are called, with commas"),
        Argument::required("value", Takes::Text, "the field whose numbers are added up"),
        Argument::required("valuedesc", Takes::Text, "what it is called"),
        Argument::required("filter", Takes::Text, "which events are counted, in quotes"),
        Argument::required("top_number", Takes::Number, "no more rows than these; 0 is no limit"),
        Argument::required("value_units", Takes::OneOf(UNITS), "what the number is"),
    ]),
];

const UNITS: &[&str] = &["bytes", "time", "timepct", "none"];

const fn top(name: &'static str, family: Family, title: &'static str, top: Top) -> Row {
    Row::new(name, family, title, Shows::Top(top))
}

/// A table with its arguments in it, and the fields that it reads.
pub(super) fn body(
    top: &'static Top,
    taken: &Taken,
    wish: &Wish,
    fields: &mut Vec<String>,
) -> Result<Box<dyn Body>, String> {
    let (keys, titles) = if wish.columns == Columns::Containers { top.with_containers } else { top.keys };
    let list = |text: &str| taken.fill(text).split(',').map(str::to_owned).collect::<Vec<_>>();
    let (names, titles) = (list(keys), list(titles));
    if names.len() != titles.len() {
        return Err(format!("there are {} keys with {} titles", names.len(), titles.len()));
    }
    let (value, title) = (taken.fill(top.value.0), taken.fill(top.value.1));
    let rows = taken.fill(top.rows).parse::<f64>().unwrap_or(0.0) as usize;
    let first = fields.len();
    fields.extend(names.iter().cloned());
    fields.push(value.clone());
    let layout = Layout { names, titles, value, title, rows, unit: taken.fill(top.unit) };
    let keys = first..first + layout.names.len();
    if top.aggregate == Aggregate::Distinct {
        return Ok(Box::new(Distinct { keys, found: FxHashMap::default() }));
    }
    let scale = if top.aggregate == Aggregate::Share { 1e7 } else { 1.0 };
    Ok(Box::new(Sums { keys, scale, layout, sums: FxHashMap::default(), key: Vec::new() }))
}

/// What a table looks like.
pub(super) struct Layout {
    /// Fields, as JSON names them.
    pub(super) names: Vec<String>,
    /// What they are called.
    pub(super) titles: Vec<String>,
    /// The field of the number.
    pub(super) value: String,
    /// What it is called.
    pub(super) title: String,
    /// No more rows than these, if not zero.
    pub(super) rows: usize,
    /// What the number is.
    pub(super) unit: String,
}

impl Layout {
    /// Writes the largest of `sums`. Those that are equally large stand in the order of their keys.
    pub(super) fn write(&self, sums: &FxHashMap<Box<[u8]>, f64>, time: u64, length: u64, page: &mut Page) {
        let mut rows: Vec<_> = sums.iter().map(|(key, value)| (&key[..], *value)).collect();
        rows.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(other.0)));
        if self.rows > 0 {
            rows.truncate(self.rows);
        }
        if page.is_json() {
            return page_json(self, &rows, time, page);
        }
        page.column(self.title.as_bytes(), WIDTH);
        for title in &self.titles {
            page.column(title.as_bytes(), WIDTH);
        }
        page.line(b"").line([b'-'; 80]);
        for (key, value) in rows {
            let shown = match self.unit.as_str() {
                "bytes" => bytes(value).into_bytes(),
                "time" => span(value).into_bytes(),
                "timepct" if length > 0 => (hundredths(value / length as f64 * 100.0) + "%").into_bytes(),
                "timepct" => b"0.00%".to_vec(),
                _ => number(value),
            };
            page.column(&shown, WIDTH);
            let mut keys = split(key).peekable();
            while let Some(key) = keys.next() {
                if keys.peek().is_some() {
                    page.column(key, WIDTH);
                } else {
                    page.line(key);
                }
            }
        }
    }
}

/// The same as one JSON object, with the names that sysdig gives its parts.
fn page_json(layout: &Layout, rows: &[(&[u8], f64)], time: u64, page: &mut Page) {
    let whole =
        |value: f64| if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) };
    let data = rows.iter().map(|(key, value)| {
        let keys = split(key).map(|key| Json::from(String::from_utf8_lossy(key)));
        keys.chain([whole(*value)]).collect::<Json>()
    });
    let column = |name: &String, title: &String, key: bool| json!({"name": name, "desc": title, "is_key": key});
    let keys = layout.names.iter().zip(&layout.titles).map(|(name, title)| column(name, title, true));
    let info: Json = keys.chain([column(&layout.value, &layout.title, false)]).collect();
    let time = format!("{}000000000", time / 1_000_000_000);
    page.line(json!({"ts": time, "info": info, "data": data.collect::<Json>()}).to_string());
}

fn split(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(key);
    std::iter::from_fn(move || {
        let whole = rest?;
        let at = whole.windows(BETWEEN.len()).position(|window| window == BETWEEN);
        rest = at.map(|at| &whole[at + BETWEEN.len()..]);
        Some(at.map_or(whole, |at| &whole[..at]))
    })
}

/// Appends the key of a moment; whether every part of it is known.
#[inline]
fn write_key(cells: &Cells<'_>, keys: std::ops::Range<usize>, into: &mut Vec<u8>) -> bool {
    let first = keys.start;
    into.clear();
    for index in keys {
        if index > first {
            into.extend_from_slice(BETWEEN);
        }
        if !cells.write(index, into) {
            return false;
        }
    }
    true
}

struct Sums {
    keys: std::ops::Range<usize>,
    scale: f64,
    layout: Layout,
    sums: FxHashMap<Box<[u8]>, f64>,
    key: Vec<u8>,
}

impl Body for Sums {
    fn begin(&mut self, page: &mut Page) {
        hide_cursor(page);
    }

    #[inline]
    fn moment(&mut self, cells: &Cells<'_>, _: &mut Page) -> Flow {
        if !write_key(cells, self.keys.clone(), &mut self.key) {
            return Flow::On;
        }
        // Who uses no processor has a row too.
        let least = if self.scale == 1.0 { f64::MIN_POSITIVE } else { 0.0 };
        let Some(value) = cells.number(self.keys.end).filter(|value| *value >= least) else { return Flow::On };
        match self.sums.get_mut(&self.key[..]) {
            Some(sum) => *sum += value * self.scale,
            None => drop(self.sums.insert(self.key.clone().into(), value * self.scale)),
        }
        Flow::On
    }

    fn tick(&mut self, tick: Tick, page: &mut Page) {
        page.wipe();
        self.layout.write(&self.sums, tick.time, tick.length, page);
        self.sums.clear();
    }

    fn end(&mut self, end: &End<'_>, page: &mut Page) {
        // Of what happens now, the last interval is shorter than the others.
        if page.wish.source == Source::Recording || !self.sums.is_empty() {
            page.wipe();
            self.layout.write(&self.sums, end.time, end.length, page);
        }
        show_cursor(page);
    }
}

/// Tables of what happens now stand still on a screen.
pub(super) fn hide_cursor(page: &mut Page) {
    if page.is_live_screen() {
        page.wipe();
        page.put(b"\x1b[?25l");
    }
}

/// What [`hide_cursor`] did ends.
pub(super) fn show_cursor(page: &mut Page) {
    if page.is_live_screen() {
        page.put(b"\x1b[?25h");
    }
}

struct Distinct {
    keys: std::ops::Range<usize>,
    found: FxHashMap<Box<[u8]>, FxHashSet<Box<[u8]>>>,
}

impl Body for Distinct {
    fn moment(&mut self, cells: &Cells<'_>, _: &mut Page) -> Flow {
        let (mut key, mut name) = (Vec::new(), Vec::new());
        let known = write_key(cells, self.keys.clone(), &mut key);
        let fd = cells.number(self.keys.end).filter(|fd| *fd > 0.0);
        if let Some(fd) = fd
            && known
            && cells.write(0, &mut name)
            && !name.is_empty()
        {
            name.extend_from_slice(&number(fd));
            self.found.entry(key.into()).or_default().insert(name.into());
        }
        Flow::On
    }

    fn end(&mut self, _: &End<'_>, page: &mut Page) {
        let mut rows: Vec<_> = self.found.iter().map(|(key, names)| (names.len(), key)).collect();
        rows.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
        for (count, key) in rows {
            page.put(key).put(b"\t").line(count.to_string());
        }
    }
}
