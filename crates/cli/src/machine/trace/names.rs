//! Names of the containers that are seen: asked for when their cgroups appear, learnt when they are known.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fathom_agent::Names;
use fathom_agent::names::Whom;
use fathom_trace::Live;

use crate::machine::node;

/// How long the first event may wait for the names of what was there before it. Files are read in a few milliseconds; only
/// a disk that does not answer takes longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Somebody who looks names up, and what was asked of them.
pub(super) struct Naming(Names);

impl Naming {
    /// Of all that is there already, files say the names before anything is shown.
    pub(super) fn begin(live: &mut Live) -> Naming {
        let naming = Naming(Names::start(node::node()));
        live.replay.state.watch_cgroups();
        if naming.ask(live) {
            let found = naming.0.wait(Whom::Files, PATIENCE);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            found.iter().for_each(|description| live.replay.learn(&description.event(now)));
        }
        naming
    }

    /// Asks for what has appeared, and learns what was found out, at the moment of the last event: in a recording time
    /// does not run backwards.
    #[inline]
    pub(super) fn go_on(&self, live: &mut Live, last: u64) {
        self.ask(live);
        for description in self.0.answers() {
            live.replay.learn(&description.event(last));
        }
    }

    /// Whether there was anything to ask.
    fn ask(&self, live: &mut Live) -> bool {
        let new = live.replay.state.new_cgroups();
        let is_any = !new.is_empty();
        if is_any {
            self.0.ask(new);
        }
        is_any
    }
}
