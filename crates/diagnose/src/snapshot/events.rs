//! Events of both APIs (`v1` and `events.k8s.io/v1`) read alike.

use crate::object::{Fields as _, Object, Ref};
use crate::time::Time;

/// An object of kind Event.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a>(pub &'a Object);

impl<'a> Event<'a> {
    fn either(self, old: &str, new: &str) -> &'a str {
        let text = self.0.text(old);
        if text.is_empty() { self.0.text(new) } else { text }
    }

    /// What it is about.
    pub fn about(self) -> Ref {
        let [kind, namespace, name] = self.about_parts();
        Ref::new(kind, namespace, name)
    }

    /// The same as kind, namespace and name.
    pub(super) fn about_parts(self) -> [&'a str; 3] {
        [
            self.either("/involvedObject/kind", "/regarding/kind"),
            self.either("/involvedObject/namespace", "/regarding/namespace"),
            self.either("/involvedObject/name", "/regarding/name"),
        ]
    }

    /// Whether it is about this.
    pub fn is_about(self, id: &Ref) -> bool {
        self.about_parts() == [&id.kind, &id.namespace, &id.name]
    }

    /// The uid of what it is about.
    pub fn uid(self) -> &'a str {
        self.either("/involvedObject/uid", "/regarding/uid")
    }

    /// `FailedMount`.
    pub fn reason(self) -> &'a str {
        self.0.text("/reason")
    }

    /// What it says, without the mark of events that were put together.
    pub fn message(self) -> &'a str {
        let text = self.either("/message", "/note");
        text.strip_prefix("(combined from similar events): ").unwrap_or(text)
    }

    /// The pointer to what it says.
    pub fn pointer(self) -> &'static str {
        if self.0.text("/message").is_empty() { "/note" } else { "/message" }
    }

    /// How often it happened.
    pub fn count(self) -> i64 {
        let counts = ["/count", "/series/count", "/deprecatedCount"];
        counts.iter().filter_map(|pointer| self.0.int(pointer)).max().unwrap_or(1)
    }

    /// When it last happened.
    pub fn last(self) -> Option<Time> {
        let times = ["/lastTimestamp", "/series/lastObservedTime", "/deprecatedLastTimestamp", "/eventTime"];
        times.iter().filter_map(|pointer| self.0.time(pointer)).max().or_else(|| self.0.created())
    }

    /// When it first happened.
    pub fn first(self) -> Option<Time> {
        let times = ["/firstTimestamp", "/deprecatedFirstTimestamp", "/eventTime"];
        times.iter().find_map(|pointer| self.0.time(pointer)).or_else(|| self.0.created())
    }

    /// Whether it warns.
    pub fn warns(self) -> bool {
        self.0.text("/type") == "Warning"
    }
}
