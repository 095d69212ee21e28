//! What the server before us has left: sessions that go on where they run, with the name of their creator, which their
//! agents have kept. Each node is asked until it has answered once; all that begins later is our own.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long until a node that did not answer is asked again, and until is looked whether there are others.
const PAUSE: Duration = Duration::from_secs(20);

/// How many are asked at a time.
pub(crate) const AT_ONCE: usize = 16;

/// How long whoever asks for a session waits for all of them.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// Which nodes have been asked.
#[derive(Debug, Default)]
pub(crate) struct Legacy {
    looked: Option<Instant>,
    nodes: HashMap<String, Asked>,
}

#[derive(Debug)]
enum Asked {
    Never,
    InVain(Instant),
    Answered,
}

impl Legacy {
    /// Whether it is time to look which nodes there are.
    pub(crate) fn looks_again(&self) -> bool {
        self.looked.as_ref().is_none_or(is_due)
    }

    /// These are there.
    pub(crate) fn learn(&mut self, nodes: impl Iterator<Item = String>) {
        for node in nodes {
            self.nodes.entry(node).or_insert(Asked::Never);
        }
        self.looked = Some(Instant::now());
    }

    /// Those that are to be asked now: nobody is asked again and again because somebody asks us.
    pub(crate) fn due(&self) -> Vec<String> {
        let due = self.nodes.iter().filter(|(_, asked)| match asked {
            Asked::Never => true,
            Asked::InVain(at) => is_due(at),
            Asked::Answered => false,
        });
        due.map(|(node, _)| node.clone()).collect()
    }

    /// Whether one that was asked has answered.
    pub(crate) fn note(&mut self, node: &str, answered: bool) {
        let asked = if answered { Asked::Answered } else { Asked::InVain(Instant::now()) };
        self.nodes.insert(node.to_owned(), asked);
    }
}

fn is_due(at: &Instant) -> bool {
    at.elapsed() >= PAUSE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_more_than_is_needed() {
        let mut legacy = Legacy::default();
        assert!(legacy.looks_again() && legacy.due().is_empty());
        legacy.learn(["mute", "node1", "slow"].map(str::to_owned).into_iter());
        legacy.note("mute", false);
        legacy.note("node1", true);
        // Who has not answered yet is still asked; who could not, later.
        assert_eq!(legacy.due(), ["slow"]);
        assert!(!legacy.looks_again());
        let long_ago = Instant::now().checked_sub(PAUSE).expect("the machine runs for longer");
        legacy.nodes.insert("mute".to_owned(), Asked::InVain(long_ago));
        legacy.looked = Some(long_ago);
        legacy.note("slow", true);
        assert_eq!(legacy.due(), ["mute"]);
        assert!(legacy.looks_again());
        // What is learned again is not forgotten.
        legacy.learn(["node1".to_owned()].into_iter());
        assert_eq!(legacy.due(), ["mute"]);
    }
}
