//! `fathom trace` of what happens now: the kernel's events, of this machine or of a command that is started here.

mod adding;
mod command;
mod ears;
mod eyes;
mod names;
mod presence;
mod target;
mod told;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fathom_agent::scope::Watched;
use fathom_kernel::scope::Besides;
use fathom_kernel::{Error, Event, Held, Loss, Options, Scope, Source, Stepper};
use fathom_model::{Class, Failure, Target};
use fathom_trace::lines::{Page, Stopped};
use fathom_trace::live::{Tables, wanted};
use fathom_trace::replay::Replay;
use fathom_trace::{Early, Flow, Live, Shown};

use crate::commands::trace::recording;
use crate::commands::trace::views::screen;
use crate::words::Trace;
use crate::{environment, exit, printer};
use adding::Adding;
use ears::{Ears, Wanted};
use eyes::Eyes;
use names::Naming;
use presence::{After, Presence};
pub(crate) use target::standing;
use told::Stats;

/// Bytes of data that are kept of a call, as in sysdig.
const SNAPLEN: u32 = 80;
/// Nobody waits longer for a line.
const LATE: Duration = Duration::from_millis(50);
/// So often processor times are told.
const SECOND: Duration = Duration::from_secs(1);
/// A command that takes longer than this is worth a word.
const LONG: Duration = Duration::from_secs(1);

/// Shows what happens until somebody ends it, or the command has ended, whose status is passed on.
pub(crate) fn trace(words: &Trace, target: Option<&Target>, replay: Replay, mut page: Page<'_>) -> anyhow::Result<i32> {
    // Before any thread exists, so that all have it.
    let ears = Ears::new()?;
    let shown = if replay.recorder.is_some() { Shown::Whole } else { page.shown() };
    let early = Early::new(replay.filter.as_ref(), &shown);
    let snaplen = words.snaplen.or(page.snaplen()).unwrap_or(SNAPLEN);
    let besides: &[Besides] = if words.page_faults { &[Besides::Faults] } else { &[] };
    let names_containers = early.needs_containers();
    let watched = target.filter(|_| words.command.is_empty()).map(target::watched).transpose()?;
    let is_open = target.is_none() && words.command.is_empty();
    let (scope, presence) = match (watched, is_open.then(|| target::named(&early)).flatten()) {
        (Some(Watched { title, scope, .. }), _) => (scope.clone(), Presence::of(Some(title), &scope)),
        (None, Some((scope, title))) => (scope, Presence::of_filter(title)),
        (None, None) => (Scope::Machine, Presence::of(None, &Scope::Machine)),
    };
    let options = wanted::narrow(&early, Options { snaplen, besides, ..Options::of(scope) });
    // Who is in it decides of whom recordings have tables, and of whom is told how busy he is.
    let members = if replay.recorder.is_some() || page.reads_processors() { Members::Asked } else { Members::Unasked };
    let (eyes, mut live) = match words.command.is_empty() {
        true => look(&options, replay, members, words)?,
        false => start(&words.command, options.clone(), replay)?,
    };
    let adding = Adding::begin(&eyes, &mut live, &mut page);
    let deadline = words.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let naming = names_containers.then(|| Naming::begin(&mut live));
    let before = Loss::default();
    Watch { eyes, options, before, live, adding, naming, presence, page, ears, deadline }.until_the_end(words)
}

/// Whether anybody wants to know which processes are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Members {
    Asked,
    Unasked,
}

/// Looks at what runs already.
fn look(options: &Options, replay: Replay, members: Members, words: &Trace) -> Result<(Eyes, Live), Failure> {
    let mut source = Source::attach(options)?;
    let root = environment::value("FATHOM_ROOT").map(PathBuf::from);
    let mut found = source.found();
    // Whoever may look at one pod learns nothing of what else its node runs.
    if words.confined
        && let Some(members) = target::members(&options.scope, &found)
    {
        found.processes.retain(|process| members.contains(&process.pid));
        found.descriptors.retain(|pid, _| members.contains(pid));
    }
    let members = (members == Members::Asked).then(|| target::members(&options.scope, &found)).flatten();
    let tables = Tables::of(found).below(root);
    let tables = if let Some(members) = members { tables.looking_at(&members) } else { tables };
    let live = Live::new(replay, &tables);
    Ok((Eyes::Kernel(Box::new(source), None), live))
}

/// Starts the command and looks at it from its first moment on; without BPF, by its steps.
fn start(words: &[OsString], options: Options, replay: Replay) -> Result<(Eyes, Live), Failure> {
    let failed = |error| command::cannot_start(words, &error);
    let held = Held::start(command::ready(words)?).map_err(failed)?;
    let options = wanted::of_held(Options { scope: Scope::Trees(vec![held.id()]), ..options });
    let lack = match Source::attach(&options) {
        Ok(source) => {
            let mut live = Live::new(replay, &Tables::of_newborn(held.id()));
            live.begin_with_exec(held.id());
            let child = held.go().map_err(failed)?;
            return Ok((Eyes::Kernel(Box::new(source), Some(child)), live));
        }
        Err(error @ Error::Map { .. }) => return Err(error.into()),
        Err(lack) => Failure::from(lack),
    };
    drop(held);
    let cause = lack.cause.map_or_else(String::new, |cause| format!(" ({cause})"));
    printer::notice(&format!(
        "{}{cause}: the command is stopped at each of its calls instead, which is slow",
        lack.message
    ));
    let stepper = Stepper::start(command::ready(words)?, &options.telling())?;
    let live = Live::new(replay, &Tables::of_newborn(stepper.id()));
    Ok((Eyes::Steps(Box::new(stepper)), live))
}

/// Everything that is at work while one looks.
struct Watch<'o> {
    eyes: Eyes,
    options: Options,
    /// What was lost by who looked before.
    before: Loss,
    live: Live,
    adding: Adding,
    /// Nobody, where no name of a container is asked for.
    naming: Option<Naming>,
    presence: Presence,
    page: Page<'o>,
    ears: Ears,
    deadline: Option<Instant>,
}

impl Watch<'_> {
    fn until_the_end(mut self, words: &Trace) -> anyhow::Result<i32> {
        let (flow, wanted) = self.while_wanted()?;
        let tells_processors = self.tells_processors();
        let Watch { mut eyes, before, mut live, mut adding, mut page, mut ears, .. } = self;
        let mut flow = flow;
        adding.finish(&mut eyes, &mut live)?;
        let rest = eyes.finish(&mut |event| {
            if flow == Flow::On {
                flow = live.event(&event, &mut page);
            }
        });
        if flow == Flow::On {
            live.settle(u64::MAX, &mut page);
        }
        if flow == Flow::On && tells_processors {
            live.processors(now(), &mut page);
        }
        written(page.finish(&live.replay.state))?;
        let rest = rest.map_err(|error| command::cannot_start(&words.command, &error))?;
        let kept = recording::close(&mut live.replay, words);
        adding.tell_of_the_rest();
        told::losses(&rest.loss.and(&before), if words.stats { Stats::All } else { Stats::Losses });
        let status = match (rest.status, rest.command) {
            (Some(status), _) => Some(command::passed_on(status)),
            (None, Some(child)) => Some(outlast(child, wanted, &mut ears)?),
            (None, None) => None,
        };
        match (kept, status) {
            (Ok(()), status) => Ok(status.unwrap_or(0)),
            (Err(failure), None) => Err(failure.into()),
            (Err(failure), Some(status)) => Ok(both(failure, status)),
        }
    }

    /// Whether processor times are told. Whoever reads a recording later may want to know as well.
    fn tells_processors(&self) -> bool {
        self.page.reads_processors() || self.live.replay.recorder.is_some()
    }

    /// Until the command has ended, somebody wants an end, or nothing more is asked for.
    fn while_wanted(&mut self) -> anyhow::Result<(Flow, Wanted)> {
        let command = self.eyes.command();
        let (mut flow, mut flushed, mut last) = (Flow::On, Instant::now(), 0);
        let mut told: Option<Instant> = None;
        let tells_processors = self.tells_processors();
        loop {
            let ending = self.eyes.ending()?;
            let count = self.eyes.poll(&mut |event: Event<'_>| {
                last = event.time;
                if flow == Flow::On {
                    flow = self.live.event(&event, &mut self.page);
                }
            });
            if let Some(naming) = &self.naming {
                naming.go_on(&mut self.live, last);
            }
            self.adding.go_on(&mut self.eyes, &mut self.live)?;
            if flow == Flow::On && (count == 0 || flushed.elapsed() > LATE) {
                flushed = Instant::now();
                self.page.idle(settled());
                flow = self.live.settle(settled(), &mut self.page);
                if tells_processors && told.is_none_or(|told| told.elapsed() >= SECOND) {
                    told = Some(flushed);
                    self.live.processors(settled(), &mut self.page);
                }
                if self.page.flush() == Flow::Enough {
                    flow = Flow::Enough;
                }
                if let Some(recorder) = &mut self.live.replay.recorder {
                    recorder.flush();
                }
            }
            let over = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            let gone = self.presence.has_ended(&mut self.eyes);
            if gone == Some(After::Widen) {
                flow = self.widen(flow)?;
            }
            if flow == Flow::Enough || ending.is_some() || over || gone == Some(After::End) {
                return Ok((flow, Wanted::Nothing));
            }
            match self.ears.wait(self.eyes.pause(), command)? {
                Wanted::Nothing => {}
                Wanted::Resize => self.page.resize(screen()),
                end @ Wanted::End(_) => return Ok((flow, end)),
            }
        }
    }
}

impl Watch<'_> {
    /// Looks at the whole machine from now on.
    fn widen(&mut self, mut flow: Flow) -> Result<Flow, Failure> {
        let mut source = Source::attach(&Options { scope: Scope::Machine, ..self.options.clone() })?;
        let tables = Tables::of(source.found());
        // What was counted of it goes with it.
        self.adding.finish(&mut self.eyes, &mut self.live)?;
        let narrow = std::mem::replace(&mut self.eyes, Eyes::Kernel(Box::new(source), None));
        let rest = narrow.finish(&mut |event| {
            if flow == Flow::On {
                flow = self.live.event(&event, &mut self.page);
            }
        });
        let failed = |error: io::Error| Failure {
            cause: Some(error.to_string()),
            ..Failure::new(Class::System, "cannot look at the whole machine")
        };
        self.before = rest.map_err(failed)?.loss;
        self.live.look_wider(&tables);
        Ok(flow)
    }
}

/// The status where the recording of a command has failed, and the command ended with `own`. Neither is lost: a command that
/// failed is told by its own status, one that did not by that of the failure; both are said.
fn both(failure: Failure, own: i32) -> i32 {
    printer::trouble(&failure);
    printer::notice(&format!("the command itself ended with status {own}"));
    if own == 0 { exit::of(&failure.into()) } else { own }
}

/// Until when all that happened was told: nanoseconds since 1970.
fn settled() -> u64 {
    now().saturating_sub(LATE.as_nanos() as u64 * 2)
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// Whether all that was asked for was written. That nobody reads any more is no mistake: `fathom trace | head`.
fn written(result: Result<(), Stopped>) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            let failure = Failure::new(Class::System, "cannot write what was asked for");
            Err(Failure { cause: Some(error.to_string()), ..failure })
        }
    }
}

/// Waits for a command of which nothing more is to be shown, unless somebody wants to end even now.
fn outlast(mut child: Child, wanted: Wanted, ears: &mut Ears) -> anyhow::Result<i32> {
    let (mut wanted, mut told) = (wanted, false);
    loop {
        if let Wanted::End(signal) = wanted {
            return Ok(128 + signal);
        }
        if let Some(status) = child.try_wait()? {
            return Ok(command::passed_on(status));
        }
        wanted = ears.wait(LONG, Some(child.id()))?;
        if !std::mem::replace(&mut told, true) {
            printer::notice("nothing more of it is to be shown: waiting for the command to end");
        }
    }
}
