//! A command that we start ourselves, traced without BPF: it stops at both ends of each call, and we look. Slow, but it
//! needs no right and no kernel newer than 5.3. The events are the same as those of [`crate::Source`].
//!
//! ptrace(2) binds what is traced to the thread that traces: whoever starts a command polls it too, and has no other
//! children in that thread.

use std::collections::HashMap;
use std::process::Command;

use crate::Error;
use crate::capture::row_of;
use crate::event::{self, Event, What};
use crate::record::{Head, Kind, Record};
use crate::row::{Copy, Mode};
use crate::scope::Options;
use crate::source::{epoch, now, process_of};
use crate::subject::{Subject, facts};
use crate::sys::{self, Stop, Stopped};

/// A command under our eyes; it dies with us.
#[derive(Debug)]
pub struct Stepper {
    root: u32,
    tasks: HashMap<u32, Task>,
    options: Options,
    epoch: u64,
    ending: Option<i32>,
}

/// One thread of it.
#[derive(Debug, Default)]
struct Task {
    pid: u32,
    /// Whether the stop that it is born with is behind it.
    started: bool,
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
    args: [u64; 6],
    enter: u64,
    /// What was there at its beginning; execve leaves nothing of it.
    pieces: Vec<Option<Vec<u8>>>,
    /// Whether its beginning is out.
    told: bool,
}

impl Stepper {
    /// Starts `command`, which goes on as far as its first call. Of `options`, the scope means nothing.
    ///
    /// # Errors
    /// Where the command cannot be started, or we are traced ourselves by something that lets nobody else trace.
    pub fn start(command: &mut Command, options: &Options) -> Result<Stepper, Error> {
        let said = |source| Error::Map { what: "start the command under trace", source };
        let root = sys::start_traced(command).map_err(said)?;
        sys::go_on(root, 0).map_err(said)?;
        // Its own execve is over; both ends are told before its first call.
        let mut name = std::os::unix::ffi::OsStrExt::as_bytes(command.get_program()).to_vec();
        name.push(0);
        let number = libc::SYS_execve as u64;
        let under_way = UnderWay { number, args: [0; 6], enter: now(), pieces: vec![None, Some(name)], told: false };
        let task = Task { pid: root, started: true, under_way: Some(under_way) };
        let tasks = HashMap::from([(root, task)]);
        Ok(Stepper { root, tasks, options: options.clone(), epoch: epoch(), ending: None })
    }

    /// The process of the command.
    pub fn id(&self) -> u32 {
        self.root
    }

    /// Waits until something happens and hands it out. Nothing more is to come once this is `None`; the status of the
    /// command, as wait(2) has it, is what [`Stepper::ending`] says then.
    pub fn step(&mut self, deliver: &mut dyn FnMut(Event<'_>)) -> Option<()> {
        let (tid, stopped) = sys::wait_for_stop()?;
        let signal = self.happened(tid, stopped, deliver);
        if !matches!(stopped, Stopped::Ended(_)) {
            // It may have been killed meanwhile; then the next wait tells.
            let _ = sys::go_on(tid, signal);
        }
        Some(())
    }

    /// How the command ended.
    pub fn ending(&self) -> Option<i32> {
        self.ending
    }

    /// Tells what a stop means, and which signal the thread gets as it goes on.
    fn happened(&mut self, tid: u32, stopped: Stopped, deliver: &mut dyn FnMut(Event<'_>)) -> i32 {
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
                self.tasks.entry(child).or_default().pid = pid;
                let pieces = [facts::task(child)];
                self.tell(tid, Kind::Fork, i64::from(child), u64::from(pid), &pieces, deliver);
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
                    return 0;
                }
                let (code, sender) = sys::signal_origin(tid);
                let time = now();
                let args = [i64::from(code) as u64, u64::from(sender), 0, 0, 0, 0];
                self.tell_record(self.head(tid, Kind::Signal, time, i64::from(signal), args), &[], deliver);
                return signal;
            }
        }
        0
    }

    /// A stop at one end of a call.
    fn call(&mut self, tid: u32, deliver: &mut dyn FnMut(Event<'_>)) {
        let time = now();
        let Some(call) = sys::call_of(tid) else { return };
        let snaplen = self.options.snaplen.into();
        match call {
            sys::Call::Begins { number, args, compat } => {
                // The execve that began it all was over before we could stop at its end.
                if self.tasks.get(&tid).and_then(|task| task.under_way.as_ref()).is_some_and(|call| !call.told) {
                    self.ended(tid, time, 0, Numbers::Own, deliver);
                }
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
                let under_way = UnderWay { number, args, enter: time, pieces, told: true };
                self.tasks.entry(tid).or_default().under_way = Some(under_way);
            }
            sys::Call::Ended { value, compat } => {
                self.ended(tid, time, value, if compat { Numbers::Foreign } else { Numbers::Own }, deliver)
            }
        }
    }

    /// The end of the call that a thread has under way.
    fn ended(&mut self, tid: u32, time: u64, value: i64, numbers: Numbers, deliver: &mut dyn FnMut(Event<'_>)) {
        let compat = numbers == Numbers::Foreign;
        let snaplen = self.options.snaplen.into();
        let Some(call) = self.tasks.get_mut(&tid).and_then(|task| task.under_way.take()) else { return };
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
        if !call.told && mode == Mode::All {
            self.tell_beginning(Head { time: call.enter, ..head }, &pieces, deliver);
        }
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
        if self.ending.is_none() {
            sys::kill(self.root);
        }
    }
}
