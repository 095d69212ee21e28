//! The words of `fathom trace`. Its letters are sysdig's.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgGroup, ArgMatches, Args, Command, ValueEnum};
use fathom_model::{Class, Failure};
use fathom_protocol::tracing::{FILTER, OPTIONS, Value, WRITE};
use fathom_trace::Clock;

use super::Reach;

/// What `fathom trace` takes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("data").args(["print_ascii", "print_hex_ascii", "print_hex", "print_base64"]))]
pub(crate) struct Trace {
    /// What is looked at, as for `enter`, and which events: web 'evt.type=open and fd.name startswith /etc'
    #[arg(value_name = "[TARGET] [FILTER]")]
    pub(crate) words: Vec<String>,
    /// What is looked at, if it could be taken for something else
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Option<String>,
    /// Which events, if it could be taken for something else
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Namespace of the pod
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Namespace of what is named without one, where a setting says it
    #[arg(skip)]
    pub(crate) usual_namespace: Option<String>,
    /// Container of the pod [default: all of them]
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// Look on this machine alone, and in no cluster
    #[arg(long)]
    pub(crate) here: bool,
    /// Know of nothing beside TARGET: no other process, and no other container
    #[arg(long)]
    pub(crate) confined: bool,
    /// The one pod in a cluster that has these labels, in place of TARGET: app=web,tier=front
    #[arg(long, value_name = "LABELS", conflicts_with_all = ["target", "files", "command", "here"])]
    pub(crate) selector: Option<String>,
    /// Start a command and trace it with all that it starts; what it prints goes to stderr, its status is passed on
    #[arg(last = true, value_name = "CMD", conflicts_with = "files")]
    pub(crate) command: Vec<OsString>,
    /// Read a recording, `-` for stdin; can be repeated
    #[arg(short = 'r', long = "readfile", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Keep what is asked for as a recording and show no lines, `-` for stdout; tried with sysdig and csysdig 0.29.3 and tshark
    /// 4.0, not with newer readers. If not all of it can be written, that is said, and a command that ended with 0 gives 5
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Pack the recording
    #[arg(short = 'z', long, requires = "write")]
    pub(crate) compress: bool,
    /// Begin another file after so many millions of bytes: FILE0, FILE1, …
    #[arg(short = 'C', long, value_name = "MB", requires = "write", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) file_size: Option<u64>,
    /// Begin another file after so many seconds; FILE may have the time in it, as strftime(3) writes it
    #[arg(short = 'G', long, value_name = "SECONDS", requires = "write", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) file_seconds: Option<u64>,
    /// Begin another file after so many events: FILE0, FILE1, …
    #[arg(short = 'e', long, value_name = "N", requires = "write", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) events: Option<u64>,
    /// Keep no more files than these, and write over the oldest
    #[arg(short = 'W', long, value_name = "N", requires = "write", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Keep what is not asked for too if it changes what later events mean; readers do not show it. What happens now is
    /// kept like this anyway
    #[arg(short = 'F', long, requires = "write")]
    pub(crate) fatfile: bool,
    /// Write no more processes into the recording's tables than those of which the filter may let an event pass, and the names
    /// of those that have started them; of a target or a command no others are written anyway
    #[arg(long, requires = "write")]
    pub(crate) filter_proclist: bool,
    /// Who is to read the recording
    #[arg(long, value_name = "WHO", value_enum, default_value_t = ScapProfile::Legacy, requires = "write")]
    pub(crate) scap_profile: ScapProfile,
    /// Show a view instead of lines: its arguments are the first words; `l` lists all views; can be repeated
    #[arg(short = 'c', long = "chisel", value_name = "VIEW")]
    pub(crate) views: Vec<String>,
    /// How many of the words stand before the first view, and are none of its arguments
    #[arg(skip)]
    pub(crate) before_views: usize,
    /// Say what a view is and what it takes
    #[arg(short = 'i', long = "chisel-info", value_name = "VIEW")]
    pub(crate) view: Option<String>,
    /// What a line looks like: text with %FIELD in it, or c (containers), k (pods), m (tasks of Mesos), p (print the default)
    #[arg(short = 'p', long = "print", value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Each event as a JSON object
    #[arg(short = 'j', long)]
    pub(crate) json: bool,
    /// Data with what can be printed, on lines of its own
    #[arg(short = 'A', long)]
    pub(crate) print_ascii: bool,
    /// Data in hexadecimal and as text
    #[arg(short = 'X', long)]
    pub(crate) print_hex_ascii: bool,
    /// Data in hexadecimal
    #[arg(short = 'x', long)]
    pub(crate) print_hex: bool,
    /// Data in base64
    #[arg(short = 'b', long)]
    pub(crate) print_base64: bool,
    /// The time before an event
    #[arg(short = 't', long = "timetype", value_name = "CLOCK", value_enum, default_value_t = Timetype::Human)]
    pub(crate) timetype: Timetype,
    /// No more events than these
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) numevents: Option<u64>,
    /// No more seconds than these
    #[arg(short = 'M', long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seconds: Option<u64>,
    /// Follow everything and filter only what is shown: fields know more, and it takes longer
    #[arg(short = 'd', long)]
    pub(crate) displayflt: bool,
    /// Count events, and show no lines
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,
    /// How often each call was made, at the end
    #[arg(short = 'S', long)]
    pub(crate) summary: bool,
    /// Names of services instead of ports
    #[arg(short = 'R', long)]
    pub(crate) resolve_ports: bool,
    /// All of what is read and written, not only 80 characters
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
    /// Users and groups by their numbers alone
    #[arg(short = 'E', long)]
    pub(crate) exclude_users: bool,
    /// Bytes of data that are kept of a call [default: 80]; recordings have as many as they have
    #[arg(short = 's', long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(..=65_000))]
    pub(crate) snaplen: Option<u32>,
    /// At the end, say on stderr how many events there were and how many are lost, by processor
    #[arg(long)]
    pub(crate) stats: bool,
    /// Page faults too
    #[arg(long, conflicts_with = "files")]
    pub(crate) page_faults: bool,
    /// Each line at once
    #[arg(long)]
    pub(crate) unbuffered: bool,
    /// List all fields; with -v also what they hold
    #[arg(short = 'l', long)]
    pub(crate) list: bool,
    /// List all events with their parameters
    #[arg(short = 'L', long)]
    pub(crate) list_events: bool,
    /// List all fields as a page of Markdown
    #[arg(long)]
    pub(crate) list_markdown: bool,
    /// Say on stderr how much of a recording was read
    #[arg(short = 'P', long)]
    pub(crate) progress: bool,
    /// Show what recorders tell of themselves too, such as processor times
    #[arg(short = 'D', long)]
    pub(crate) debug: bool,
    /// Leave out what processes of this name do; can be repeated
    #[arg(short = 'U', long, value_name = "NAME")]
    pub(crate) suppress_comm: Vec<String>,
    /// Print this, or all there is to know of one thing
    #[arg(short = 'h', long = "help", value_name = "TOPIC", value_enum, num_args = 0..=1, default_missing_value = "words")]
    pub(crate) help: Option<Topic>,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// The options among these words that a node takes, as it takes them
    #[arg(skip)]
    pub(crate) options: Vec<String>,
}

/// What help is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Topic {
    /// These words
    Words,
    /// Fields
    Fields,
    /// Events with their parameters
    Events,
    /// How filters and formats are put together
    Filters,
}

/// Who is to read a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScapProfile {
    /// Everybody, from sysdig 0.29 on
    Legacy,
    /// The newest readers: everything as it is
    Modern,
}

impl Trace {
    /// Finds out what only the places of the words say.
    ///
    /// # Errors
    /// Where a command was announced that is not there: `fathom trace -- $CMD` is not meant to trace the machine.
    pub(crate) fn place(&mut self, matches: &ArgMatches, arguments: &[OsString]) -> Result<(), Failure> {
        if arguments.last().is_some_and(|last| last == "--") {
            return Err(Failure::new(Class::Usage, "there is no command after `--`")
                .hinting("leave `--` out to trace what runs already"));
        }
        if matches.value_source("namespace") != Some(ValueSource::CommandLine) {
            self.usual_namespace = self.namespace.take();
        }
        self.options = options(matches);
        let first = matches.indices_of("views").and_then(|mut places| places.next());
        let words = matches.indices_of("words").into_iter().flatten();
        self.before_views = first.map_or(0, |first| words.filter(|place| *place < first).count());
        Ok(())
    }
}

/// What was typed of the options that a node takes as they are, in their long form.
fn options(matches: &ArgMatches) -> Vec<String> {
    let tree = Trace::augment_args(Command::new("trace"));
    let mut options = Vec::new();
    for row in OPTIONS.iter().filter(|row| ![FILTER.name, WRITE.name].contains(&row.name)) {
        let Some(id) = tree.get_arguments().find(|arg| arg.get_long() == Some(row.name)).map(Arg::get_id) else {
            continue;
        };
        if matches.value_source(id.as_str()) != Some(ValueSource::CommandLine) {
            continue;
        }
        match row.value {
            Value::None => options.push(format!("--{}", row.name)),
            Value::Any | Value::Only(_) => {
                let values = matches.get_raw(id.as_str()).into_iter().flatten();
                options.extend(values.map(|value| format!("--{}={}", row.name, value.to_string_lossy())));
            }
        }
    }
    options
}

/// Which time stands before an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Timetype {
    /// Time of the day
    #[value(name = "h")]
    Human,
    /// Seconds since 1970
    #[value(name = "a")]
    Absolute,
    /// Seconds since the first event
    #[value(name = "r")]
    Relative,
    /// How long the call took
    #[value(name = "d")]
    Latency,
    /// Seconds since the event before
    #[value(name = "D")]
    Delta,
}

impl Timetype {
    pub(crate) fn clock(self) -> Clock {
        match self {
            Timetype::Human => Clock::Human,
            Timetype::Absolute => Clock::Absolute,
            Timetype::Relative => Clock::Relative,
            Timetype::Latency => Clock::Latency,
            Timetype::Delta => Clock::Delta,
        }
    }
}
