//! Starts a command that waits, looks at it, lets it go, and keeps all that happened.

#![allow(dead_code, reason = "what no test compares is printed when one fails")]

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fathom_kernel::event::{Call, Returned};
use fathom_kernel::{Event, Loss, Marks, Options, Scope, Source, What};

/// An event that outlives its ring.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) time: u64,
    pub(crate) tid: u32,
    pub(crate) pid: u32,
    pub(crate) kind: Is,
}

#[derive(Debug, Clone)]
pub(crate) enum Is {
    Enter(Called),
    Exit(Called, Returned),
    Fork { tid: u32, pid: u32, vtid: u32 },
    Exec { file: String, comm: String },
    End(i32),
    Signal { number: i32, sender: u32 },
    Switch(u32),
    Fault(u64),
    Lost(u32),
}

#[derive(Debug, Clone)]
pub(crate) struct Called {
    pub(crate) name: &'static str,
    pub(crate) compat: bool,
    pub(crate) args: [u64; 6],
    pub(crate) memory: Vec<Option<Vec<u8>>>,
}

impl Seen {
    pub(crate) fn of(event: &Event<'_>) -> Seen {
        let called = |call: &Call<'_>| Called {
            name: call.name().unwrap_or_default(),
            compat: call.compat,
            args: call.args,
            memory: call.memory.pieces().map(|piece| piece.map(<[u8]>::to_vec)).collect(),
        };
        let kind = match &event.what {
            What::Enter(call) => Is::Enter(called(call)),
            What::Exit(call, returned) => Is::Exit(called(call), *returned),
            What::Fork { tid, pid, child } => {
                Is::Fork { tid: *tid, pid: *pid, vtid: child.map(|child| child.vtid).unwrap_or_default() }
            }
            What::Exec(program) => Is::Exec {
                file: String::from_utf8_lossy(program.file).into_owned(),
                comm: program.task.map(|task| String::from_utf8_lossy(task.comm).into_owned()).unwrap_or_default(),
            },
            What::End { status, .. } => Is::End(*status),
            What::Signal { number, sender } => Is::Signal { number: *number, sender: *sender },
            What::Switch { next, .. } => Is::Switch(*next),
            What::Fault { address, .. } => Is::Fault(*address),
            What::Lost(count) => Is::Lost(*count),
        };
        Seen { time: event.time, tid: event.tid, pid: event.pid, kind }
    }
}

/// A command that waits for its turn: a shell that reads one line, then becomes the command.
pub(crate) struct Waiting {
    pub(crate) child: Child,
}

impl Waiting {
    pub(crate) fn new(words: &[&str]) -> Waiting {
        let mut command = Command::new("sh");
        command.args(["-c", "read _ && exec \"$@\"", "sh"]).args(words);
        // Of an environment only the first few kilobytes come along; that of a test runner may be longer.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let waiting = Waiting { child: command.spawn().expect("a shell can be started") };
        // Its own calls, up to the one that it waits in, are no part of any story.
        let reads = format!("{} 0x0 ", fathom_kernel::number::number("read").expect("every machine has it"));
        let call = format!("/proc/{}/syscall", waiting.id());
        let deadline = Instant::now() + Duration::from_secs(60);
        while !std::fs::read_to_string(&call).is_ok_and(|call| call.starts_with(&reads)) {
            assert!(Instant::now() < deadline, "the shell does not wait");
            std::thread::yield_now();
        }
        waiting
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn go(&mut self) {
        let mut stdin = self.child.stdin.take().expect("the shell's stdin is a pipe");
        stdin.write_all(b"\n").expect("the shell reads");
    }
}

/// All that happened to one command.
pub(crate) struct Story {
    pub(crate) events: Vec<Seen>,
    pub(crate) loss: Loss,
}

/// Runs `words` to their end and tells everything about them.
pub(crate) fn tell(words: &[&str], change: impl FnOnce(&mut Options)) -> Story {
    tell_with(Marks::Best, words, change)
}

pub(crate) fn tell_with(marks: Marks, words: &[&str], change: impl FnOnce(&mut Options)) -> Story {
    let mut waiting = Waiting::new(words);
    let mut options = Options::of(Scope::Trees(vec![waiting.id()]));
    change(&mut options);
    let source = Source::attach_with(&options, marks).unwrap_or_else(|error| panic!("{error}: {error:?}"));
    waiting.go();
    watch(source, waiting.child)
}

/// Polls until `child` has ended, then finishes.
pub(crate) fn watch(mut source: Source, mut child: Child) -> Story {
    let mut events = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(100);
    while child.try_wait().expect("it is our child").is_none() {
        assert!(Instant::now() < deadline, "the command does not end");
        source.poll(&mut |event| events.push(Seen::of(&event)));
        std::thread::sleep(source.pause());
    }
    let loss = source.finish(&mut |event| events.push(Seen::of(&event)));
    Story { events, loss }
}

impl Story {
    /// Ends of calls of this name.
    pub(crate) fn exits(&self, name: &str) -> Vec<(&Called, Returned)> {
        self.events
            .iter()
            .filter_map(|seen| match &seen.kind {
                Is::Exit(called, returned) if called.name == name => Some((called, *returned)),
                _ => None,
            })
            .collect()
    }

    /// Beginnings of calls of this name.
    pub(crate) fn enters(&self, name: &str) -> Vec<&Called> {
        self.events
            .iter()
            .filter_map(|seen| match &seen.kind {
                Is::Enter(called) if called.name == name => Some(called),
                _ => None,
            })
            .collect()
    }

    /// Fails unless time never runs backwards.
    pub(crate) fn assert_ordered(&self) {
        for pair in self.events.windows(2) {
            assert!(pair[0].time <= pair[1].time, "{:?} before {:?}", pair[0], pair[1]);
        }
    }
}

impl Called {
    /// A piece of memory; nothing where it is absent.
    pub(crate) fn bytes(&self, piece: usize) -> &[u8] {
        self.memory[piece].as_deref().unwrap_or_default()
    }

    /// A piece of memory as words, each of which ends with NUL.
    pub(crate) fn words(&self, piece: usize) -> Vec<String> {
        let bytes = self.bytes(piece).strip_suffix(b"\0").unwrap_or_default();
        bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    /// A piece of memory as text, without its NUL.
    pub(crate) fn text(&self, piece: usize) -> String {
        String::from_utf8_lossy(self.bytes(piece)).trim_end_matches('\0').to_owned()
    }
}

/// Has this program act, and tells everything about it.
pub(crate) fn play(words: &str, change: impl FnOnce(&mut Options)) -> Story {
    let words = crate::actor::act(words);
    tell(&words.iter().map(String::as_str).collect::<Vec<_>>(), change)
}
