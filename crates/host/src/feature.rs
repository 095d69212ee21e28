//! What this kernel can do: one table of the features that fathom builds on, each with a harmless question to the
//! kernel, what it is for, what is lost without it, and what to do then.
//!
//! From the running kernel to [`Finding`]s; `fathom doctor` prints them, `enter` refuses early by them.

mod probe;
mod table;

use std::io;

pub use table::FEATURES;

/// One thing that a kernel, its configuration or our rights may lack.
#[derive(Debug)]
pub struct Feature {
    /// What kernel people call it.
    pub name: &'static str,
    /// The first Linux that has it; empty where it is a matter of configuration or rights.
    pub since: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// What is lost without it.
    pub loss: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// How much is lost.
    pub weight: Weight,
    /// Asks for it without a side effect.
    probe: fn() -> io::Result<()>,
}

/// How much is lost without a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Nothing can be entered.
    Needed,
    /// Something that users notice.
    Useful,
    /// Nothing: another way leads to the same, slower or with more steps.
    Replaced,
}

/// What the question about one feature brought.
#[derive(Debug)]
pub struct Finding {
    /// The feature.
    pub feature: &'static Feature,
    /// Why it cannot be used, where it cannot.
    pub missing: Option<io::Error>,
}

impl Feature {
    /// Asks for it. The error is `Unsupported` where it is not there, and `PermissionDenied` where it is kept from us.
    pub fn probe(&self) -> io::Result<()> {
        (self.probe)()
    }
}

/// Asks for every feature of the table.
pub fn survey() -> impl Iterator<Item = Finding> {
    FEATURES.iter().map(|feature| Finding { feature, missing: feature.probe().err() })
}

/// The first system call that this kernel does not have and nothing can be entered without. Costs three calls.
pub fn lacking_call() -> Option<&'static Feature> {
    FEATURES.iter().filter(|feature| feature.weight == Weight::Needed && !feature.since.is_empty()).find(|feature| {
        // What we may not use is another matter: whoever tries hears which step it was.
        feature.probe().is_err_and(|error| error.kind() == io::ErrorKind::Unsupported)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fathom_testkit::kernel::{Call, without};
    use fathom_testkit::{Need, needs};
    use std::collections::BTreeSet;

    fn lacking() -> BTreeSet<&'static str> {
        survey().filter(|finding| finding.missing.is_some()).map(|finding| finding.feature.name).collect()
    }

    #[test]
    fn names_are_unique_and_every_row_is_filled_in() {
        let names: BTreeSet<&str> = FEATURES.iter().map(|feature| feature.name).collect();
        assert_eq!(names.len(), FEATURES.len());
        for feature in FEATURES {
            for text in [feature.purpose, feature.loss, feature.remedy] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}: `{text}`", feature.name);
            }
        }
    }

    #[test]
    fn what_a_kernel_does_not_answer_is_missing_and_nothing_else_is() {
        needs!(Need::Root);
        let here = lacking();
        for (call, names) in [
            (Call::Clone3, &["clone3", "clone into a cgroup"][..]),
            (Call::MountSetattr, &["mount_setattr"]),
            (Call::OpenTree, &["open_tree"]),
            (Call::Fsopen, &["fsopen"]),
            (Call::MoveMount, &["move_mount"]),
            (Call::CloseRange, &["close_range"]),
            (Call::Openat2, &["openat2"]),
            (Call::PidfdOpen, &["pidfd_open"]),
        ] {
            let there = without(call, lacking);
            let new: BTreeSet<&str> = there.difference(&here).copied().collect();
            assert_eq!(new, names.iter().copied().filter(|name| !here.contains(name)).collect(), "{call:?}");
        }
    }

    #[test]
    fn the_first_call_that_nothing_replaces_is_named() {
        needs!(Need::Root);
        assert!(lacking_call().is_none(), "this kernel can be worked with");
        let name = |call| without(call, || lacking_call().map(|feature| feature.name));
        assert_eq!(name(Call::OpenTree), Some("open_tree"));
        assert_eq!(name(Call::Fsopen), Some("fsopen"));
        assert_eq!(name(Call::MountSetattr), None);
    }
}
