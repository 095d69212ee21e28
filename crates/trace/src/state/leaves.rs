//! Cgroups that somebody else knows more about: those of containers that are not called by their ids, and those that
//! nobody was asked about yet.

use rustc_hash::FxHashSet;

use super::{Text, cgroup};

/// More are not kept: every thread that begins is compared with them.
const MOST: usize = 1024;

/// Cgroups of containers.
#[derive(Debug, Default)]
pub(super) struct Leaves(Vec<(Text, Text)>);

impl Leaves {
    /// The cgroup `path` is that of the container `id`; says whether that is news.
    pub(super) fn add(&mut self, path: &[u8], id: &Text) -> bool {
        // All are in the root.
        if path.len() < 2 || self.0.iter().any(|(known, own)| &known[..] == path && own == id) {
            return false;
        }
        self.0.retain(|(known, _)| &known[..] != path);
        if self.0.len() >= MOST {
            return false;
        }
        self.0.push((path.into(), id.clone()));
        true
    }

    /// The container that threads with these cgroups are in.
    pub(super) fn container_of(&self, cgroups: &[u8]) -> Option<&Text> {
        if self.0.is_empty() {
            return None;
        }
        self.0.iter().find(|(leaf, _)| cgroup::is_within(cgroups, leaf)).map(|(_, id)| id)
    }
}

/// Cgroups that were seen, if anybody wants to know.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    seen: Option<FxHashSet<Text>>,
    fresh: Vec<Text>,
}

impl Strangers {
    pub(super) fn begin(&mut self) {
        self.seen.get_or_insert_default();
    }

    pub(super) fn meet(&mut self, cgroups: &Text) {
        let Some(seen) = &mut self.seen else { return };
        if !cgroups.is_empty() && !seen.contains(cgroups) {
            seen.insert(cgroups.clone());
            self.fresh.push(cgroups.clone());
        }
    }

    #[inline]
    pub(super) fn take(&mut self) -> Vec<Text> {
        if self.fresh.is_empty() { Vec::new() } else { std::mem::take(&mut self.fresh) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_in_the_container_of_its_cgroup_or_of_one_above() {
        let mut leaves = Leaves::default();
        let web: Text = b"web"[..].into();
        assert!(leaves.add(b"/demo/web", &web) && !leaves.add(b"/demo/web", &web));
        assert!(!leaves.add(b"/", &web));
        for (cgroups, inside) in
            [("cpu=/\0memory=/demo/web\0", true), ("cpu=/demo/web/x\0", true), ("cpu=/demo/web2\0", false)]
        {
            assert_eq!(leaves.container_of(cgroups.as_bytes()).is_some(), inside, "{cgroups}");
        }
    }

    #[test]
    fn every_cgroup_is_told_once_if_anybody_wants_to_know() {
        let (mut strangers, root): (_, Text) = (Strangers::default(), b"cpu=/\0"[..].into());
        strangers.meet(&root);
        assert!(strangers.take().is_empty());
        strangers.begin();
        strangers.meet(&root);
        strangers.meet(&root);
        assert_eq!(strangers.take(), std::slice::from_ref(&root));
        strangers.meet(&root);
        assert!(strangers.take().is_empty());
    }
}
