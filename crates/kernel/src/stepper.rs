//! A command that we start ourselves, traced without BPF: it stops at both ends of each call, and we look. Slow, but it
//! needs no right and no kernel newer than 5.3. The events are the same as those of [`crate::Source`].
//!
//! ptrace(2) binds what is traced to the thread that traces: whoever starts a command polls it too, and has no other
//! children in that thread.

use std::collections::{HashMap, HashSet};
use std::process::{Child, Command};

use crate::Error;
use crate::Held;
use crate::capture::row_of;
use crate::event::{self, Event, What};
use crate::loss::Loss;
use crate::record::{Head, Kind, Record};
use crate::row::{Copy, Mode};
use crate::scope::Options;
use crate::source::{epoch, now, process_of};
use crate::subject::{Subject, facts};
use crate::sys::{self, Stop, Stopped, Wait};

/// A command under our eyes; it dies with us, unless [`Stepper::finish`] lets it go.
#[derive(Debug)]
pub struct Stepper {
    root: u32,
    held: Option<Held>,
    stage: Stage,
    /// It has been let go for the first time.
    begun: bool,
    tasks: HashMap<u32, Task>,
    options: Options,
    epoch: u64,
    /// How many calls had other numbers than this machine's own.
    foreign: u64,
    ending: Option<i32>,
}

/// One thread of it.
#[derive(Debug, Default)]
struct Task {
    pid: u32,
    /// Whether the stop that it is born with is behind it.
    started: bool,
    /// It stands still until its maker says which call has made it.
    waits: bool,
    /// The call that has made it.
    made_by: Option<(u64, [u64; 6])>,
    under_way: Option<UnderWay>,
}

/// Whose numbers a call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// This machine's.
    Own,
    /// Those of 32-bit programs.
    Foreign,
}

/// A call that has begun.
#[derive(Debug)]
struct UnderWay {
    number: u64,
    /// A program of another kind may be executed by a call of this one.
    numbers: Numbers,
    args: [u64; 6],
    enter: u64,
    /// What was there at its beginning; execve leaves nothing of it.
    pieces: Vec<Option<Vec<u8>>>,
}

/// What a command is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A copy of us.
    Copy,
    /// About to be itself, if there is such a program.
    Executes,
    /// Itself.
    Itself,
}

/// How far a command has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Something has happened.
    Stepped,
    /// Nothing has.
    Waits,
    /// It has ended, and all that it has started.
    Over,
}

impl Stepper {
    /// Starts `command`, which waits before it becomes itself for the first step. Of `options`, the scope means nothing.
    ///
    /// # Errors
    /// Where no process can be made, or we are traced ourselves by something that lets nobody else trace.
    pub fn start(command: Command, options: &Options) -> Result<Stepper, Error> {
        let said = |source| Error::Map { what: "start the command under trace", source };
        let held = Held::start(command).map_err(said)?;
        let root = held.id();
        sys::attach(root).map_err(said)?;
        held.let_go().map_err(said)?;
        let tasks = HashMap::from([(root, Task { pid: root, started: true, ..Task::default() })]);
        let (options, stage) = (options.clone(), Stage::Copy);
        Ok(Stepper {
            root,
            held: Some(held),
            stage,
            begun: false,
            tasks,
            options,
            epoch: epoch(),
            foreign: 0,
            ending: None,
        })
    }

    /// What is told without its name. Nothing is lost where everything stops.
    pub fn loss(&self) -> Loss {
        Loss { compat: self.foreign, ..Loss::default() }
    }

    /// The process of the command.
    pub fn id(&self) -> u32 {
        self.root
    }

    /// Waits until something happens and hands it out. Nothing more is to come once this is `None`; the status of the
    /// command, as wait(2) has it, is what [`Stepper::ending`] says then.
    pub fn step(&mut self, deliver: &mut dyn FnMut(Event<'_>)) -> Option<()> {
        (self.advance(Wait::Long, deliver) == Progress::Stepped).then_some(())
    }

    /// The same without waiting: SIGCHLD says when there is something new.
    pub fn poll(&mut self, deliver: &mut dyn FnMut(Event<'_>)) -> Progress {
        self.advance(Wait::Not, deliver)
    }

    fn advance(&mut self, wait: Wait, deliver: &mut dyn FnMut(Event<'_>)) -> Progress {
        if !std::mem::replace(&mut self.begun, true) {
            let _ = sys::go_on(self.root, 0);
        }
        let (tid, stopped) = match sys::wait_for_stop(wait) {
            None => return Progress::Over,
            Some(None) => return Progress::Waits,
            Some(Some(stop)) => stop,
        };
        let signal = match self.stage {
            Stage::Itself => self.happened(tid, stopped, deliver),
            Stage::Copy | Stage::Executes => self.prepare(tid, stopped, deliver),
        };
        if let Some(signal) = signal.filter(|_| !matches!(stopped, Stopped::Ended(_))) {
            // It may have been killed meanwhile; then the next wait tells.
            let _ = sys::go_on(tid, signal);
        }
        Progress::Stepped
    }

    /// What the command does before it is one is nothing to tell, but for its execve. Nothing is said if it cannot be one.
    fn prepare(&mut self, tid: u32, stopped: Stopped, deliver: &mut dyn FnMut(Event<'_>)) -> Option<i32> {
        match stopped {
            Stopped::At(Stop::Signal(signal)) => return Some(signal),
            Stopped::At(Stop::Executed(_)) => self.stage = Stage::Itself,
            Stopped::At(Stop::Call) => {
                let number = match sys::call_of(tid) {
                    Some(sys::Call::Begins { number, compat: false, .. }) => number as libc::c_long,
                    _ if self.stage == Stage::Copy => return Some(0),
                    _ => libc::SYS_execve,
                };
                match (self.stage, [libc::SYS_execve, libc::SYS_execveat].contains(&number)) {
                    (Stage::Copy, false) => return Some(0),
                    (_, true) => self.stage = Stage::Executes,
                    (_, false) => {
                        // No file could be executed. It tells whoever waits for its start, who collects it: a stop that
                        // is seen there is seen nowhere else.
                        let _ = sys::detach(tid);
                        self.tasks.remove(&tid);
                        self.ending = Some(0);
                        return None;
                    }
                }
            }
            _ => {}
        }
        self.happened(tid, stopped, deliver)
    }

    /// Lets go of all that is still there, and says whether the command could be started at all.
    ///
    /// # Errors
    /// What execve has said.
    pub fn finish(mut self) -> std::io::Result<Child> {
        self.tasks.retain(|tid, _| sys::halt(*tid).is_ok());
        let mut freed = HashSet::new();
        while !self.tasks.is_empty()
            && let Some(Some((tid, stopped))) = sys::wait_for_stop(Wait::Long)
        {
            match stopped {
                Stopped::Ended(status) => {
                    self.tasks.remove(&tid);
                    if tid == self.root {
                        self.ending = Some(status);
                    }
                }
                Stopped::At(Stop::Signal(libc::SIGSTOP)) => {
                    self.tasks.remove(&tid);
                    freed.insert(tid);
                    let _ = sys::detach(tid);
                }
                Stopped::At(Stop::Signal(signal)) => drop(sys::run_on(tid, signal)),
                Stopped::At(Stop::Born(child)) => {
                    // A child stands still as it begins, and may have done so before its parent tells of it.
                    if !freed.contains(&child) {
                        self.tasks.entry(child).or_default();
                    }
                    let _ = sys::run_on(tid, 0);
                }
                Stopped::At(_) => drop(sys::run_on(tid, 0)),
            }
        }
        let held = self.held.take().expect("only this takes it");
        held.started()
    }

    /// How the command ended.
    pub fn ending(&self) -> Option<i32> {
        self.ending
    }

    /// Tells what a stop means, and which signal the thread gets as it goes on; nothing if it stays where it is.
    fn happened(&mut self, tid: u32, stopped: Stopped, deliver: &mut dyn FnMut(Event<'_>)) -> Option<i32> {
        match stopped {
            Stopped::Ended(status) => {
                self.tasks.remove(&tid);
                if tid == self.root {
                    self.ending = Some(status);
                }
            }
            Stopped::At(Stop::Call) => self.call(tid, deliver),
            Stopped::At(Stop::Born(child)) => {
                let pid = process_of(child);
                let made_by = self.tasks.get(&tid).and_then(|task| task.under_way.as_ref());
                let made_by = made_by.map(|call| (call.number, call.args));
                let task = self.tasks.entry(child).or_default();
                (task.pid, task.made_by) = (pid, made_by);
                let waits = std::mem::take(&mut task.waits);
                let pieces = [facts::task(child)];
                self.tell(tid, Kind::Fork, i64::from(child), u64::from(pid), &pieces, deliver);
                if waits {
                    self.begins(child, deliver);
                    let _ = sys::go_on(child, 0);
                }
            }
            Stopped::At(Stop::Executed(old)) => {
                if old != tid
                    && let Some(task) = self.tasks.remove(&old)
                {
                    self.tasks.entry(tid).or_default().under_way = task.under_way;
                }
                let named = self.tasks.get(&tid).and_then(|task| task.under_way.as_ref()?.pieces.get(1)?.clone());
                let image = facts::file(std::path::Path::new(&format!("/proc/{tid}/exe")), 0);
                let pieces = [facts::task(tid), named, image];
                self.tell(tid, Kind::Exec, 0, u64::from(old), &pieces, deliver);
            }
            Stopped::At(Stop::Ending(status)) => self.tell(tid, Kind::Exit, i64::from(status), 0, &[], deliver),
            Stopped::At(Stop::Signal(signal)) => {
                let task = self.tasks.entry(tid).or_default();
                if signal == libc::SIGSTOP && !task.started {
                    task.started = true;
                    task.pid = process_of(tid);
                    task.waits = task.made_by.is_none();
                    if task.waits {
                        return None;
                    }
                    self.begins(tid, deliver);
                    return Some(0);
                }
                let (code, sender) = sys::signal_origin(tid);
                let time = now();
                let args = [i64::from(code) as u64, u64::from(sender), 0, 0, 0, 0];
                self.tell_record(self.head(tid, Kind::Signal, time, i64::from(signal), args), &[], deliver);
                return Some(signal);
            }
        }
        Some(0)
    }

    /// The new thread's end of the call that has made it, at which it does not stop.
    fn begins(&self, tid: u32, deliver: &mut dyn FnMut(Event<'_>)) {
        let Some((number, args)) = self.tasks.get(&tid).and_then(|task| task.made_by) else { return };
        if self.options.calls.mode(number as usize) != Mode::All {
            return;
        }
        let copies = u16::try_from(number).ok().and_then(row_of).map_or(&[][..], |row| row.copies);
        let snaplen = self.options.snaplen.into();
        let pieces = Subject { tid, args: &args, returned: Some(0), snaplen }.pieces(copies);
        let head = Head { number: number as u16, ..self.head(tid, Kind::Call, now(), 0, args) };
        self.tell_record(head, &pieces, deliver);
    }

    /// A stop at one end of a call.
    fn call(&mut self, tid: u32, deliver: &mut dyn FnMut(Event<'_>)) {
        let time = now();
        let Some(call) = sys::call_of(tid) else { return };
        let snaplen = self.options.snaplen.into();
        match call {
            sys::Call::Begins { number, args, compat } => {
                let mode = if compat { self.options.calls.other() } else { self.options.calls.mode(number as usize) };
                let row = if compat { None } else { u16::try_from(number).ok().and_then(row_of) };
                let copies = row.map_or(&[][..], |row| row.copies);
                let pieces = match mode {
                    Mode::Off => Vec::new(),
                    _ => Subject { tid, args: &args, returned: None, snaplen }.pieces(copies),
                };
                if mode == Mode::All {
                    let head = Head {
                        enter: time,
                        number: number as u16,
                        compat,
                        ..self.head(tid, Kind::Call, time, 0, args)
                    };
                    self.tell_beginning(head, &pieces, deliver);
                }
                self.foreign += u64::from(compat);
                let numbers = if compat { Numbers::Foreign } else { Numbers::Own };
                let under_way = UnderWay { number, numbers, args, enter: time, pieces };
                self.tasks.entry(tid).or_default().under_way = Some(under_way);
            }
            sys::Call::Ended { value } => self.ended(tid, time, value, deliver),
        }
    }

    /// The end of the call that a thread has under way.
    fn ended(&mut self, tid: u32, time: u64, value: i64, deliver: &mut dyn FnMut(Event<'_>)) {
        let snaplen = self.options.snaplen.into();
        let Some(call) = self.tasks.get_mut(&tid).and_then(|task| task.under_way.take()) else { return };
        let compat = call.numbers == Numbers::Foreign;
        let mode = if compat { self.options.calls.other() } else { self.options.calls.mode(call.number as usize) };
        if mode == Mode::Off || (mode == Mode::Failed && value >= 0) {
            return;
        }
        let row = if compat { None } else { u16::try_from(call.number).ok().and_then(row_of) };
        let copies = row.map_or(&[][..], |row| row.copies);
        let mut pieces = Subject { tid, args: &call.args, returned: Some(value), snaplen }.pieces(copies);
        for (index, (_, copy)) in copies.iter().enumerate() {
            if matches!(copy, Copy::Program(_)) && pieces[index].is_none() {
                pieces[index] = call.pieces.get(index).cloned().flatten();
            }
        }
        let head = self.head(tid, Kind::Call, time, value, call.args);
        let head = Head { enter: call.enter, number: call.number as u16, compat, ..head };
        self.tell_record(head, &pieces, deliver);
    }

    fn head(&self, tid: u32, kind: Kind, time: u64, ret: i64, args: [u64; 6]) -> Head {
        let pid = self.tasks.get(&tid).map_or(tid, |task| task.pid);
        Head { kind, compat: false, number: 0, tid, pid, time, enter: 0, ret, args }
    }

    fn tell(
        &self,
        tid: u32,
        kind: Kind,
        ret: i64,
        arg: u64,
        pieces: &[Option<Vec<u8>>],
        deliver: &mut dyn FnMut(Event<'_>),
    ) {
        self.tell_record(self.head(tid, kind, now(), ret, [arg, 0, 0, 0, 0, 0]), pieces, deliver);
    }

    fn tell_beginning(&self, head: Head, pieces: &[Option<Vec<u8>>], deliver: &mut dyn FnMut(Event<'_>)) {
        let bytes = head.compose(pieces);
        if let Some(record) = Record::new(&bytes) {
            self.hand_out(&record, What::Enter(event::call(&record)), deliver);
        }
    }

    fn tell_record(&self, head: Head, pieces: &[Option<Vec<u8>>], deliver: &mut dyn FnMut(Event<'_>)) {
        let bytes = head.compose(pieces);
        if let Some(record) = Record::new(&bytes)
            && let Some(what) = event::what(&record, self.epoch)
        {
            self.hand_out(&record, what, deliver);
        }
    }

    fn hand_out(&self, record: &Record<'_>, what: What<'_>, deliver: &mut dyn FnMut(Event<'_>)) {
        let time = record.time().wrapping_add(self.epoch);
        deliver(Event { time, cpu: 0, tid: record.tid(), pid: record.pid(), what });
    }
}

impl Drop for Stepper {
    fn drop(&mut self) {
        // Threads and children die with their tracer; the command itself is collected.
        if self.held.is_some() && self.ending.is_none() {
            sys::kill(self.root);
        }
    }
}
