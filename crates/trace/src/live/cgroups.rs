//! Cgroups of a process, from the form that `/proc` has them in to that of recordings.

use fathom_kernel::snapshot;
use rustc_hash::FxHashMap;

/// No more lists of cgroups are known at a time, nor programs under way.
const MOST: usize = 4096;

/// Cgroups by the number that the kernel has for all processes in the same ones. A process may have ended before anybody
/// can read its file; what it shared them with says what they were.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    known: FxHashMap<u64, Vec<u8>>,
    /// Processes that execute a program, and the number of the cgroups that each is in.
    executing: FxHashMap<u32, u64>,
}

impl Cgroups {
    /// Takes in what a process shares with others, as recordings have it.
    pub(super) fn learn(&mut self, number: u64, list: &[u8]) {
        if number == 0 || list.is_empty() {
            return;
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(number, list.to_vec());
    }

    /// A process begins to execute a program.
    pub(super) fn executes(&mut self, pid: u32, number: u64) {
        if self.executing.len() >= MOST {
            self.executing.clear();
        }
        self.executing.insert(pid, number);
    }

    /// The cgroups of a process that has executed a program; nothing if nobody can tell any more.
    pub(super) fn of(&mut self, pid: u32) -> Option<Vec<u8>> {
        let number = self.executing.remove(&pid).unwrap_or_default();
        let Some(file) = snapshot::cgroups_of(pid) else { return self.known.get(&number).cloned() };
        let list = listed(&file);
        self.learn(number, &list);
        Some(list)
    }
}

/// What a group of version 2 stands for: there, one path is that of all controllers.
const CONTROLLERS: [&[u8]; 5] = [b"cpuset", b"cpu", b"io", b"memory", b"pids"];

/// `SUBSYSTEM=PATH`, each followed by a NUL, of the file `cgroup`: lines `ID:SUBSYSTEMS:PATH`.
pub(super) fn listed(file: &[u8]) -> Vec<u8> {
    let lines = || file.split(|byte| *byte == b'\n').filter_map(line);
    let mut list = Vec::with_capacity(file.len());
    for (subsystems, path) in lines() {
        // Groups of no controller have a name instead: `name=systemd`.
        for subsystem in subsystems.split(|byte| *byte == b',').filter(|name| !name.is_empty() && !name.contains(&b'='))
        {
            append(&mut list, subsystem, path);
        }
    }
    if list.is_empty()
        && let Some((_, path)) = lines().find(|(subsystems, _)| subsystems.is_empty())
    {
        CONTROLLERS.iter().for_each(|subsystem| append(&mut list, subsystem, path));
    }
    list
}

fn line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = line.splitn(3, |byte| *byte == b':').skip(1);
    Some((parts.next()?, parts.next()?))
}

fn append(list: &mut Vec<u8>, subsystem: &[u8], path: &[u8]) {
    list.extend_from_slice(subsystem);
    list.push(b'=');
    list.extend_from_slice(path);
    list.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, expect: &str) {
        assert_eq!(String::from_utf8_lossy(&listed(file.as_bytes())), expect);
    }

    #[test]
    fn who_has_ended_was_where_others_are_that_share_its_cgroups() {
        let (mut cgroups, own) = (Cgroups::default(), std::process::id());
        let nobody = u32::MAX;
        cgroups.executes(own, 7);
        let list = cgroups.of(own).expect("we have not ended");
        cgroups.executes(nobody, 7);
        assert_eq!(cgroups.of(nobody), Some(list));
        // Nothing is known of other numbers, or where the kernel has told none.
        cgroups.executes(nobody, 8);
        assert_eq!(cgroups.of(nobody), None);
        assert_eq!(cgroups.of(nobody), None);
        (0..10_000).for_each(|number| cgroups.learn(number, b"cpu=/a\0"));
        (0..10_000).for_each(|pid| cgroups.executes(pid, 1));
        assert!(cgroups.known.len() <= MOST && cgroups.executing.len() <= MOST);
    }

    #[test]
    fn every_layout_of_a_machine_has_its_list() {
        check("4:cpu,cpuacct:/a\n1:name=systemd:/b\n", "cpu=/a\0cpuacct=/a\0");
        // Where both versions are mounted, the controllers are those of the first.
        check("4:memory:/a\n0::/b\n", "memory=/a\0");
        check("0::/a:b\n", "cpuset=/a:b\0cpu=/a:b\0io=/a:b\0memory=/a:b\0pids=/a:b\0");
        check("", "");
        check("nothing\n:\n", "");
    }
}
