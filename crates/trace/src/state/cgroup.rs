//! From the cgroups of a thread to its container, as recorders without an engine's help see it: the engines' ways of
//! naming, as rows.

use super::{Text, Thread};
use crate::state::container::Engine;

/// How long a whole id is.
const ID: usize = 64;
/// How much of it is shown.
const SHORT: usize = 12;

/// What stands before and behind the id in a path. Their order decides between engines that name alike.
const LAYOUTS: &[(&str, &str, Engine)] = &[
    ("/libpod-", ".scope", Engine::Podman),
    ("/", "", Engine::Docker),
    ("/docker-", ".scope", Engine::Docker),
    ("/", "", Engine::Cri),
    ("/crio-", "", Engine::Cri),
    ("/cri-containerd-", ".scope", Engine::Cri),
    ("/crio-", ".scope", Engine::Cri),
    (":cri-containerd:", "", Engine::Cri),
];
/// What stands before the name of a container of LXC.
const LXC: &[&str] = &["/lxc/", "/lxc.payload/"];
/// And of libvirt, behind whose name its own suffix stands.
const LIBVIRT: (&str, &str) = ("-lxc\\x2d", ".scope");

/// `SUBSYSTEM` and path of each cgroup.
pub fn entries(cgroups: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    cgroups.split(|byte| *byte == 0).filter_map(|entry| {
        let at = entry.iter().rposition(|byte| *byte == b'=')?;
        Some((&entry[..at], &entry[at + 1..]))
    })
}

/// Whether one of them is `leaf` or below it.
pub(super) fn is_within(cgroups: &[u8], leaf: &[u8]) -> bool {
    entries(cgroups)
        .any(|(_, path)| path.strip_prefix(leaf).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")))
}

/// The same with the names that subsystems have elsewhere, each followed by a NUL.
pub(super) fn normalised(cgroups: &[u8]) -> Text {
    let mut whole = Vec::with_capacity(cgroups.len());
    // Something without a name ends the list.
    for entry in cgroups.split(|byte| *byte == 0) {
        let Some(at) = entry.iter().rposition(|byte| *byte == b'=') else { break };
        let subsystem = String::from_utf8_lossy(&entry[..at]).replacen("_cgroup", "", 1);
        let subsystem = match &subsystem[..] {
            "perf" => "perf_event",
            "mem" => "memory",
            "io" => "blkio",
            other => other,
        };
        whole.extend_from_slice(subsystem.as_bytes());
        whole.extend_from_slice(&entry[at..]);
        whole.push(0);
    }
    whole.into()
}

/// The short id of the container that a thread with these cgroups is in, and what made it.
pub(super) fn container(thread: &Thread) -> Option<(Text, Engine)> {
    let of_engine = |engine: Engine| {
        entries(&thread.cgroups).find_map(|(_, path)| {
            let layouts = LAYOUTS.iter().filter(|(_, _, other)| *other == engine);
            layouts.filter_map(|(prefix, suffix, _)| id(path, prefix.as_bytes(), suffix.as_bytes())).next()
        })
    };
    for engine in [Engine::Podman, Engine::Docker, Engine::Cri] {
        if let Some(id) = of_engine(engine) {
            return Some((id.into(), engine));
        }
    }
    let name =
        entries(&thread.cgroups).find_map(|(_, path)| LXC.iter().find_map(|prefix| lxc(path, prefix.as_bytes())));
    name.map(|name| (name.into(), Engine::Lxc)).or_else(|| libvirt(thread))
}

fn libvirt(thread: &Thread) -> Option<(Text, Engine)> {
    let (prefix, suffix) = LIBVIRT;
    entries(&thread.cgroups).find_map(|(_, path)| {
        let start = find_last(path, prefix.as_bytes())? + prefix.len();
        let name = path[start..].strip_suffix(suffix.as_bytes())?;
        Some((name.into(), Engine::LibvirtLxc))
    })
}

/// The short id between `prefix` and `suffix`, if it looks like one.
fn id<'p>(path: &'p [u8], prefix: &[u8], suffix: &[u8]) -> Option<&'p [u8]> {
    let start = find_last(path, prefix)? + prefix.len();
    let end = find_last(path, suffix)?;
    let whole = path.get(start..end)?;
    (whole.len() == ID && whole.iter().all(u8::is_ascii_hexdigit)).then(|| &whole[..SHORT])
}

fn lxc<'p>(path: &'p [u8], prefix: &[u8]) -> Option<&'p [u8]> {
    let start = path.windows(prefix.len()).position(|window| window == prefix)? + prefix.len();
    path[start..].split(|byte| *byte == b'/').next()
}

fn find_last(path: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(path.len());
    }
    path.windows(part.len()).rposition(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cgroups: &str, expect: Option<&str>) {
        let thread = Thread { cgroups: cgroups.as_bytes().into(), ..Thread::default() };
        let found = container(&thread).map(|(id, _)| String::from_utf8_lossy(&id).into_owned());
        assert_eq!(found.as_deref(), expect, "{cgroups}");
    }

    #[test]
    fn containers_are_found_by_the_engines_ways_of_naming() {
        let id = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
        for path in [
            format!("/docker/{id}"),
            format!("/system.slice/docker-{id}.scope"),
            format!("/machine.slice/libpod-{id}.scope"),
            format!("/kubepods/burstable/pod1/crio-{id}"),
            format!("/kubepods.slice/crio-{id}.scope"),
            format!("/kubepods.slice/cri-containerd-{id}.scope"),
            format!("/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:{id}"),
        ] {
            check(&format!("cpu=/\0memory={path}\0"), Some(&id[..12]));
        }
        check("cpu=/lxc/web/x\0", Some("web"));
        check("cpu=/lxc.payload/web\0", Some("web"));
        check("cpu=/\0", None);
        check(&format!("cpu=/docker/{}\0", &id[1..]), None);
    }

    #[test]
    fn subsystems_have_the_names_that_they_have_elsewhere() {
        assert_eq!(
            &normalised(b"cpu_cgroup=/a\0io_cgroup=/b\0mem_cgroup=/c\0perf=/d\0rest\0x=/e\0")[..],
            b"cpu=/a\0blkio=/b\0memory=/c\0perf_event=/d\0"
        );
    }
}
