//! How much threads used of processors: what recorders tell each second, read from `/proc`.

use std::fs;

use fathom_scap::Event;
use fathom_scap::event::Head;

use crate::replay::{Flow, Replay, Watcher};

/// The type of the event that tells it.
const PROCINFO: u16 = 234;

/// Tells it of all threads that are known. `time` is nanoseconds since 1970.
pub(super) fn tell(replay: &mut Replay, time: u64, each: &mut impl Watcher) -> Flow {
    let threads: Vec<_> = replay.state.threads.iter().map(|thread| (thread.pid, thread.tid)).collect();
    for (pid, tid) in threads {
        let Ok(stat) = fs::read(format!("/proc/{pid}/task/{tid}/stat")) else { continue };
        let Some([user, system]) = used(&stat) else { continue };
        let data = [user.to_le_bytes(), system.to_le_bytes()].concat();
        let head = Head { ts: time, tid, number: PROCINFO, cpu: 0 };
        if replay.event(&Event::new(head, &[8, 0, 8, 0], &data), each) == Flow::Enough {
            return Flow::Enough;
        }
    }
    Flow::On
}

/// Hundredths of seconds in its own code and in the kernel, of `stat`: the name before them may have brackets in it.
fn used(stat: &[u8]) -> Option<[u64; 2]> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse().ok();
    Some([next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_behind_the_name() {
        let stat = b"42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 7 9 0 0 20 0 1 0 100 0 0";
        assert_eq!((used(stat), used(b"42 (a"), used(b"")), (Some([7, 9]), None, None));
        let own = fs::read("/proc/self/stat").unwrap();
        assert!(used(&own).is_some());
    }
}
