//! How much threads used of processors: what recorders tell each second, and of those that end, what the kernel says.

use fathom_kernel::snapshot;
use fathom_scap::Event;
use fathom_scap::event::Head;
use fathom_scap::schema::number::PROCESSOR_TIME;

use crate::replay::{Flow, Replay, Watcher};

/// What is told in hundredths of a second.
const HUNDREDTH: u64 = 10_000_000;

/// Tells it of all threads that are looked at. `time` is nanoseconds since 1970.
pub(super) fn tell(replay: &mut Replay, time: u64, each: &mut impl Watcher) -> Flow {
    let looked_at = replay.state.threads.iter().filter(|thread| !thread.aside);
    let threads: Vec<_> = looked_at.map(|thread| (thread.pid, thread.tid)).collect();
    for (pid, tid) in threads {
        let Some(used) = snapshot::used(pid as u32, tid as u32) else { continue };
        if tell_one(replay, time, tid, used, each) == Flow::Enough {
            return Flow::Enough;
        }
    }
    Flow::On
}

/// Tells what a thread used that ends now: nanoseconds in its own code and in the kernel.
pub(super) fn tell_last(replay: &mut Replay, time: u64, tid: i64, used: [u64; 2], each: &mut impl Watcher) -> Flow {
    tell_one(replay, time, tid, used.map(|used| used / HUNDREDTH), each)
}

fn tell_one(replay: &mut Replay, time: u64, tid: i64, used: [u64; 2], each: &mut impl Watcher) -> Flow {
    let head = Head { ts: time, tid, number: PROCESSOR_TIME, cpu: 0 };
    replay.event(&Event::new(head, &[8, 0, 8, 0], &used.map(u64::to_le_bytes).concat()), each)
}
