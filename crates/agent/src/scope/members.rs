//! Who is in a scope: the processes that the kernel looks at from the beginning, found out once more in `/proc`. Whoever
//! comes in later is known by what it does.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use fathom_host::Host;
use fathom_host::cgroup::Layout;
use fathom_kernel::Scope;

use crate::Node;

/// Those of the processes `all`, each with its parent, that are in `scope`; nothing if that is everybody.
pub fn members(node: &Node, scope: &Scope, all: impl Iterator<Item = (u32, u32)>) -> Option<BTreeSet<u32>> {
    let all: BTreeMap<u32, u32> = all.collect();
    Some(match scope {
        Scope::Machine => return None,
        Scope::Trees(roots) => descendants(&all, roots),
        Scope::PidNamespaces(inodes) => {
            let is_in = |pid: &u32| super::inode(&pid.to_string()).is_some_and(|inode| inodes.contains(&inode));
            all.into_keys().filter(is_in).collect()
        }
        Scope::Cgroups(ids) => {
            let root = Layout::of(&node.host).ok()?.v2?;
            let mut known = HashMap::new();
            all.into_keys().filter(|pid| is_below(&node.host, *pid, &root, ids, &mut known)).collect()
        }
    })
}

fn descendants(all: &BTreeMap<u32, u32>, roots: &[u32]) -> BTreeSet<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    all.iter().for_each(|(pid, parent)| children.entry(*parent).or_default().push(*pid));
    let (mut found, mut next) = (BTreeSet::new(), roots.to_vec());
    while let Some(pid) = next.pop() {
        found.insert(pid);
        // Taken out, so that no circle of what changed while it was read can hold us.
        next.extend(children.remove(&pid).unwrap_or_default());
    }
    found
}

/// Whether the cgroup of version 2 that a process is in is one of `ids`, or below one.
fn is_below(host: &Host, pid: u32, root: &Path, ids: &[u64], known: &mut HashMap<String, bool>) -> bool {
    let file = host.read(format!("proc/{pid}/cgroup")).unwrap_or_default();
    let file = String::from_utf8_lossy(&file);
    let Some(path) = file.lines().find_map(|line| line.strip_prefix("0::")) else { return false };
    *known.entry(path.to_owned()).or_insert_with(|| {
        let folder: PathBuf = root.join(path.trim_start_matches('/'));
        let above = folder.ancestors().take_while(|folder| folder.starts_with(root));
        above.filter_map(|folder| fs::metadata(folder).ok()).any(|found| ids.contains(&found.ino()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_a_process_with_all_that_descend_from_it() {
        let all = BTreeMap::from([(2, 1), (3, 2), (4, 3), (5, 1), (6, 9), (9, 6)]);
        assert_eq!(descendants(&all, &[2, 6]), BTreeSet::from([2, 3, 4, 6, 9]));
        // It may have ended since.
        assert_eq!(descendants(&all, &[7]), BTreeSet::from([7]));
    }
}
