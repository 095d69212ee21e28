//! What comes out: one event after another, in the order of time.

use crate::facts::{FileFacts, TaskFacts};
use crate::number;
use crate::record::{ARGS, Kind, Memory, Record};

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// On which processor.
    pub cpu: u16,
    /// To which thread, by its number in the outermost pid namespace.
    pub tid: u32,
    /// Of which process.
    pub pid: u32,
    /// What.
    pub what: What<'a>,
}

/// What happened.
#[derive(Debug, Clone, Copy)]
pub enum What<'a> {
    /// A system call began.
    Enter(Call<'a>),
    /// A system call returned.
    Exit(Call<'a>, Returned),
    /// The thread has made another one.
    Fork {
        /// The new thread, and the process that it is in.
        tid: u32,
        /// See above.
        pid: u32,
        /// What the kernel knows of it.
        child: Option<TaskFacts<'a>>,
    },
    /// The process executes a program. Comes between both ends of the call that did it.
    Exec(Program<'a>),
    /// The thread has ended.
    End {
        /// As wait(2) reports it: the signal, and the exit status shifted by eight.
        status: i32,
        /// Nanoseconds that it used of processors in its own code and in the kernel; zero where that is not told.
        used: [u64; 2],
    },
    /// A signal reached the thread.
    Signal {
        /// Its number.
        number: i32,
        /// The process that sent it; 0: the kernel.
        sender: u32,
    },
    /// The processor turned to another thread.
    Switch {
        /// Which.
        next: u32,
        /// Of the thread that had to go: page faults that read from a disk so far.
        major_faults: u64,
        /// And those that did not.
        minor_faults: u64,
        /// Its memory in KiB: mapped, resident, swapped out.
        memory: [u64; 3],
    },
    /// A page was not there.
    Fault {
        /// What was to be read, written or executed.
        address: u64,
        /// By which instruction.
        instruction: u64,
        /// As the processor says it.
        code: u64,
    },
    /// The ring of this processor was full: so many records before this moment are missing.
    Lost(u32),
}

/// A system call.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Its number; of another table if `compat`.
    pub number: u16,
    /// Whether a 32-bit program made it.
    pub compat: bool,
    /// Its arguments as they were passed.
    pub args: [u64; ARGS],
    /// What its row says to copy. Both ends of a call show the same memory, as it was at the call's end; where a call
    /// is shown before its end, there is none.
    pub memory: Memory<'a>,
}

impl Call<'_> {
    /// Its name, if it has one.
    pub fn name(&self) -> Option<&'static str> {
        if self.compat { None } else { number::name(self.number) }
    }
}

/// How a system call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// What it returned: below 0, and not below -4095, an error.
    pub value: i64,
    /// When it began, in nanoseconds since 1970; unknown for calls that were under way when we came.
    pub began: Option<u64>,
}

/// A program that is executed.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// The number that the thread had before; it is the process's from now on.
    pub old_tid: u32,
    /// What the kernel knows of the process.
    pub task: Option<TaskFacts<'a>>,
    /// The file as it was named to the kernel. Arguments and environment come with the end of the call.
    pub file: &'a [u8],
    /// The file itself.
    pub image: Option<FileFacts>,
}

/// The call that a record tells of.
pub(crate) fn call<'a>(record: &Record<'a>) -> Call<'a> {
    Call { number: record.nr(), compat: record.is_compat(), args: record.args(), memory: record.memory() }
}

/// What a thread used of processors is exact; how much of that was in the kernel is guessed by the kernel's ticks, as in
/// `/proc`.
fn used(whole: u64, user: u64, system: u64) -> [u64; 2] {
    let ticks = u128::from(user) + u128::from(system);
    let share = (u128::from(whole) * u128::from(system)).checked_div(ticks).unwrap_or(0) as u64;
    [whole - share, share]
}

/// What a record tells, besides the beginning of a call. `epoch` is added to the kernel's clock.
pub(crate) fn what<'a>(record: &Record<'a>, epoch: u64) -> Option<What<'a>> {
    let args = record.args();
    let memory = record.memory();
    Some(match record.kind() {
        Kind::Call => {
            let began = (record.enter() != 0).then(|| record.enter().wrapping_add(epoch));
            What::Exit(call(record), Returned { value: record.ret(), began })
        }
        Kind::Entered => return None,
        Kind::Fork => {
            What::Fork { tid: record.ret() as u32, pid: args[0] as u32, child: memory.get(0).and_then(TaskFacts::new) }
        }
        Kind::Exec => What::Exec(Program {
            old_tid: args[0] as u32,
            task: memory.get(0).and_then(TaskFacts::new),
            file: memory.text(1).unwrap_or_default(),
            image: memory.get(2).and_then(FileFacts::new),
        }),
        Kind::Exit => What::End { status: record.ret() as i32, used: used(args[0], args[1], args[2]) },
        Kind::Signal => What::Signal {
            number: record.ret() as i32,
            // SI_USER, SI_QUEUE, SI_TKILL: a process sent it; SIGCHLD names the child. What else the kernel sends has
            // something different in that place.
            sender: if args[0] as i64 <= 0 || record.ret() as i32 == libc::SIGCHLD { args[1] as u32 } else { 0 },
        },
        Kind::Switch => What::Switch {
            next: record.ret() as u32,
            major_faults: args[0],
            minor_faults: args[1],
            memory: [args[2], args[3], args[4]],
        },
        Kind::Fault => What::Fault { address: args[0], instruction: args[1], code: args[2] },
    })
}
