//! What is wanted early, told to the kernel: which calls, how much of their data, of whom.

use fathom_kernel::row::Mode;
use fathom_kernel::scope::{Besides, Calls};
use fathom_kernel::tally::{self, Column, Descriptor};
use fathom_kernel::{Options, Scope, Tally, capture, number, snapshot};

use crate::early::{Apart, Early, Time, Want};

/// The options with what nobody will see left out.
pub fn narrow(early: &Early<'_>, options: Options) -> Options {
    let snaplen = if early.needs_data() { options.snaplen } else { 0 };
    let scope = match options.scope {
        Scope::Machine => processes(early).map_or(Scope::Machine, Scope::Trees),
        scope => scope,
    };
    let (calls, besides, tally) = (calls(early), besides(early, options.besides), tally(early));
    Options { scope, snaplen, calls, besides, tally, ..options }
}

/// The same for a command that is held, and not yet what it is looked at for: what it does before that is told apart.
pub fn of_held(mut options: Options) -> Options {
    if let Some(tally) = options.tally.as_mut().filter(|tally| !tally.by.contains(&Column::Thread)) {
        tally.by.push(Column::Thread);
    }
    options
}

/// What each way of telling calls apart is in the kernel.
const COLUMNS: &[(Apart, &[Column])] = &[
    (Apart::Nothing, &[]),
    (Apart::Call, &[Column::Call]),
    // Not every call tells its result.
    (Apart::Error, &[Column::Call, Column::Error]),
    // A process knows its threads' names no better than they do.
    (Apart::Task, &[Column::Thread]),
];

/// What is added up in the kernel, if that is all that is asked of any call.
fn tally(early: &Early<'_>) -> Option<Tally> {
    let totals = early.totals()?;
    let mut columns: Vec<Column> = Vec::new();
    for column in COLUMNS.iter().filter(|row| totals.tells(row.0)).flat_map(|row| row.1) {
        if !columns.contains(column) {
            columns.push(*column);
        }
    }
    let mut tally = Tally::by(columns);
    tally.time = match totals.time {
        Time::Added => tally::Time::Summed,
        Time::Ignored => tally::Time::Ignored,
    };
    let is_counted = |number: u16, name: &str| early.call(event_of(number), name) == Want::Total;
    let counted = number::all().filter(|(number, name)| is_counted(*number, name));
    let tally = counted.fold(tally, |tally, (_, name)| tally.with(name, Descriptor::None));
    tally.counts_any().then_some(tally)
}

/// The type of the first event of a call.
fn event_of(number: u16) -> u16 {
    capture::row_of(number).map_or(0, |row| row.event)
}

/// What is told besides calls: what is asked for anyhow, or by its name in the filter.
fn besides(early: &Early<'_>, asked: &[Besides]) -> &'static [Besides] {
    let wants = |name: &str, besides: Besides| asked.contains(&besides) || early.names(name);
    match (wants("switch", Besides::Switches), wants("page_fault", Besides::Faults)) {
        (false, false) => &[],
        (true, false) => &[Besides::Switches],
        (false, true) => &[Besides::Faults],
        (true, true) => &[Besides::Switches, Besides::Faults],
    }
}

/// Which calls, by their names in the kernel.
pub fn calls(early: &Early<'_>) -> Calls {
    let of = |want: Want| match want {
        Want::Nothing | Want::Total => Mode::Off,
        Want::Failures => Mode::Failed,
        Want::Everything => Mode::All,
    };
    let mode = |event: u16, name: &str| of(early.call(event, name));
    let others = match early.call(0, "<unknown>") {
        // Nothing is added up of what has no number of its own.
        Want::Total => Mode::All,
        want => of(want),
    };
    let others = Calls::none().with_others(others);
    number::all().fold(others, |calls, (number, name)| calls.with(name, mode(event_of(number), name)))
}

/// The processes without which nothing passes, if they are there; one that is not may still come.
fn processes(early: &Early<'_>) -> Option<Vec<u32>> {
    let processes = early.processes()?;
    processes.iter().all(|pid| snapshot::is_there(*pid)).then_some(processes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::early::Shown;
    use crate::{Fields, Format};

    fn narrowed(filter: &str, format: &str) -> Options {
        let filter = fathom_filter::compile(filter, &Fields).expect("it is sound");
        let format = Format::parse(format).expect("it is sound");
        let early = Early::new(Some(&filter), &Shown::Fields(format.fields().collect()));
        narrow(&early, Options::of(Scope::Machine))
    }

    #[test]
    fn what_is_rare_is_told_where_it_is_named() {
        assert_eq!(narrowed("evt.type=read", crate::format::DEFAULT).besides, []);
        assert_eq!(narrowed("evt.type=switch", crate::format::DEFAULT).besides, [Besides::Switches]);
        let both = narrowed("evt.type in (switch, page_fault)", crate::format::DEFAULT).besides;
        assert_eq!(both, [Besides::Switches, Besides::Faults]);
    }

    #[test]
    fn the_kernel_is_told_no_more_than_what_is_wanted() {
        let mode = |options: &Options, name: &str| {
            options.calls.mode(usize::from(number::number(name).expect("every machine has it")))
        };
        let options = narrowed("evt.type=read and evt.failed=true", crate::format::DEFAULT);
        assert_eq!(mode(&options, "read"), Mode::Failed);
        assert_eq!(mode(&options, "openat"), Mode::All, "it says what descriptors are");
        assert_eq!(mode(&options, "futex"), Mode::Off);
        assert_eq!(mode(&options, "sched_yield"), Mode::Off);
        assert_eq!(options.snaplen, 80);
        let options = narrowed("evt.type in (mmap, sched_yield)", "%proc.name %evt.type");
        assert_eq!(mode(&options, "sched_yield"), Mode::All);
        assert_eq!(mode(&options, "mmap"), Mode::All);
        assert_eq!(mode(&options, "openat"), Mode::Off);
        assert_eq!(mode(&options, "execve"), Mode::All);
        assert_eq!(options.snaplen, 0);
    }

    #[test]
    fn only_processes_that_are_there_are_all_that_is_looked_at() {
        let own = std::process::id();
        let options = narrowed(&format!("proc.pid={own} and evt.type=read"), "%evt.info");
        assert_eq!(options.scope, Scope::Trees(vec![own]));
        assert_eq!(narrowed("proc.pid=999999999", "%evt.info").scope, Scope::Machine);
        assert_eq!(narrowed("proc.name=sh", "%evt.info").scope, Scope::Machine);
    }
}
