//! How much threads used of processors: what recorders tell each second.

use fathom_kernel::snapshot;
use fathom_scap::Event;
use fathom_scap::event::Head;

use crate::replay::{Flow, Replay, Watcher};

/// The type of the event that tells it.
const PROCINFO: u16 = 234;

/// Tells it of all threads that are looked at. `time` is nanoseconds since 1970.
pub(super) fn tell(replay: &mut Replay, time: u64, each: &mut impl Watcher) -> Flow {
    let looked_at = replay.state.threads.iter().filter(|thread| !thread.aside);
    let threads: Vec<_> = looked_at.map(|thread| (thread.pid, thread.tid)).collect();
    for (pid, tid) in threads {
        let Some([user, system]) = snapshot::used(pid as u32, tid as u32) else { continue };
        let data = [user.to_le_bytes(), system.to_le_bytes()].concat();
        let head = Head { ts: time, tid, number: PROCINFO, cpu: 0 };
        if replay.event(&Event::new(head, &[8, 0, 8, 0], &data), each) == Flow::Enough {
            return Flow::Enough;
        }
    }
    Flow::On
}
