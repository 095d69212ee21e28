//! Cgroups of a process, from the form that `/proc` has them in to that of recordings.

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
    fn every_layout_of_a_machine_has_its_list() {
        check("4:cpu,cpuacct:/a\n1:name=systemd:/b\n", "cpu=/a\0cpuacct=/a\0");
        // Where both versions are mounted, the controllers are those of the first.
        check("4:memory:/a\n0::/b\n", "memory=/a\0");
        check("0::/a:b\n", "cpuset=/a:b\0cpu=/a:b\0io=/a:b\0memory=/a:b\0pids=/a:b\0");
        check("", "");
        check("nothing\n:\n", "");
    }
}
