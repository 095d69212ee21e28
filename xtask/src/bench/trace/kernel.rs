//! What looking costs a call within the kernel alone: nobody shows what was seen. Beside what `fathom trace` does by
//! itself, the ways that cost less: looking at returns only, and adding up in place of telling.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use fathom_kernel::row::Mode;
use fathom_kernel::scope::{Calls, Ends};
use fathom_kernel::tally::{Column, Descriptor, Sum};
use fathom_kernel::{Held, Options, Scope, Source, Tally};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::live::{BLOCKS, CALLS, duration};
use crate::bench::page::Page;
use crate::bench::turns::{Contender, Series, take};

/// A way to look, and the most that it should add to a call in microseconds; nothing where nobody looks.
struct Way {
    name: &'static str,
    aim: Option<f64>,
    who: Who,
    ends: Ends,
    /// By what calls are added up.
    by: &'static [Column],
}

/// Who is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    Another,
    Itself,
}

const FILES: &[Column] = &[Column::Process, Column::Descriptor, Column::File, Column::Shape];

const fn another(name: &'static str, aim: f64, ends: Ends) -> Way {
    Way { name, aim: Some(aim), who: Who::Another, ends, by: &[] }
}

const fn counted(name: &'static str, by: &'static [Column]) -> Way {
    Way { name, aim: Some(0.2), who: Who::Itself, ends: Ends::Returns, by }
}

const WAYS: &[Way] = &[
    Way { name: "nobody looks", aim: None, who: Who::Nobody, ends: Ends::Both, by: &[] },
    another("another is looked at, both ends", 0.25, Ends::Both),
    another("another is looked at, returns only", 0.15, Ends::Returns),
    counted("added up by process and call", &[Column::Process, Column::Call]),
    counted("added up by process and file", FILES),
];

pub(super) fn measure(rounds: u32, page: &mut Page) -> anyhow::Result<()> {
    let contenders = WAYS.iter().map(|way| Contender::new(way.name, || way.turn())).collect();
    let series = take(contenders, rounds)?;
    let per_call = |series: &Series| series.median().as_secs_f64() * 1e6 / f64::from(BLOCKS * CALLS);
    let alone = series.first().map_or(0.0, per_call);
    let row = |(way, series): (&Way, &Series)| {
        let aim = way.aim.map_or_else(String::new, |aim| format!("{aim:.2} µs"));
        let added = format!("{:.2} µs", per_call(series) - alone);
        vec![series.name.clone(), format!("{:.2} µs", per_call(series)), added, aim]
    };
    let what = "`dd bs=80` from /dev/zero to /dev/null, by its own clock; of what is added up, each call was there";
    let rows = WAYS.iter().zip(&series).map(row).collect();
    page.table("One call, in the kernel", what, &["", "per call", "added by who looks", "aim"], rows);
    Ok(())
}

impl Way {
    /// How long a dd takes that is looked at like this.
    fn turn(&self) -> anyhow::Result<Duration> {
        let mut dd = Command::new("dd");
        dd.args(["if=/dev/zero", "of=/dev/null", "bs=80", &format!("count={BLOCKS}")]);
        dd.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let dd = Held::start(dd).context("cannot start dd")?;
        let mut other = Command::new("sleep").arg("100000").spawn().context("cannot start sleep")?;
        let looked = self.look(dd, other.id());
        let _ = (other.kill(), other.wait());
        looked
    }

    fn look(&self, dd: Held, other: u32) -> anyhow::Result<Duration> {
        let id = if self.who == Who::Itself { dd.id() } else { other };
        let mut source = match self.who {
            Who::Nobody => None,
            Who::Another | Who::Itself => Some(Source::attach(&self.options(id))?),
        };
        let mut dd = dd.go().context("cannot start dd")?;
        let mut all = Sum::default();
        while !has_ended(&dd)? {
            source.as_mut().map_or(Ok(()), |source| add(source, self, &mut all))?;
        }
        if let Some(source) = &mut source {
            source.detach();
            // The table that was not counted in meanwhile, and the one that was.
            (0..2).try_for_each(|_| add(source, self, &mut all))?;
        }
        ensure!(dd.wait().context("cannot wait for dd")?.success(), "dd failed");
        let calls = u64::from(BLOCKS * CALLS);
        ensure!(self.by.is_empty() || all.count >= calls, "{}: only {} of {calls} calls", self.name, all.count);
        let mut said = String::new();
        dd.stderr.take().context("it is a pipe")?.read_to_string(&mut said).context("cannot read what dd says")?;
        duration(&said)
    }

    fn options(&self, id: u32) -> Options {
        let options = Options { ends: self.ends, ..Options::of(Scope::Trees(vec![id])) };
        if self.by.is_empty() {
            return options;
        }
        let moved = Tally::by(self.by).with("read", Descriptor::Arg(0)).with("write", Descriptor::Arg(0));
        Options { calls: Calls::all(Mode::Off), tally: Some(moved), ..options }
    }
}

/// Takes what was told or added up since the last time.
fn add(source: &mut Source, way: &Way, all: &mut Sum) -> anyhow::Result<()> {
    source.poll(&mut |event| {
        std::hint::black_box(event);
    });
    if !way.by.is_empty() {
        let drained = source.counted()?;
        drained.totals.into_iter().for_each(|(_, sum)| *all += sum);
        *all += drained.rest;
    }
    Ok(())
}

/// So often is taken what was added up: more would be work for the kernel that nobody asks for.
const EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Waits a while; whether a child has ended by then.
fn has_ended(child: &Child) -> anyhow::Result<bool> {
    let gone = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    Ok(poll(&mut [PollFd::new(&gone, PollFlags::IN)], Some(&EVERY))? > 0)
}
