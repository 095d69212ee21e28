//! Tables: keys with a number each, the largest first. What `table_generator` and its sixteen children are in sysdig.

mod keyed;
mod layout;

use super::argument::Taken;
use super::body::Body;
use super::page::{Columns, Wish};
use super::{Argument, Every, Family, Row, Shows, Takes};
use keyed::{Distinct, Sums};
pub(super) use layout::{BETWEEN, Layout, hide_cursor, show_cursor};

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
        return Ok(Box::new(Distinct::by(keys)));
    }
    Ok(Box::new(Sums::by(keys, top.aggregate, layout)))
}
