//! Whose cgroup is it? Container ids by the paths that engines give their cgroups.
//!
//! One row per way of naming. Ids need not be hexadecimal (`ctr run IMAGE web`), and one container's path may differ
//! between controllers, so every line of `/proc/PID/cgroup` is tried.

use fathom_model::Engine;

/// A container as its cgroup names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named<'a> {
    /// The engine's id.
    pub id: &'a str,
    /// Which engine names its cgroups like that.
    pub engine: Engine,
    /// The path up to and including the part with the id.
    pub path: &'a str,
    /// The pod's UID, with the dashes that Kubernetes writes, where the path has one.
    pub pod_uid: Option<String>,
}

/// `PREFIX id SUFFIX` as the last of a path's parts; the first row that fits wins.
const LAST_PART: &[(&str, &str, Engine)] = &[
    ("docker-", ".scope", Engine::Docker),
    ("cri-containerd-", ".scope", Engine::Containerd),
    ("nerdctl-", ".scope", Engine::Containerd),
    ("crio-", ".scope", Engine::CriO),
    ("crio-", "", Engine::CriO),
    ("libpod-", ".scope", Engine::Podman),
    ("libpod-", "", Engine::Podman),
    ("runc-", ".scope", Engine::Runc),
    ("crun-", ".scope", Engine::Crun),
    ("crun-", "", Engine::Crun),
    ("lxc.payload.", "", Engine::Lxc),
    ("systemd-nspawn@", ".service", Engine::Nspawn),
    ("machine-", ".scope", Engine::Nspawn),
];

/// `FOLDER/id`: the folder directly above decides.
const FOLDERS: &[(&str, Engine)] = &[
    ("docker", Engine::Docker),
    ("ecs", Engine::Docker),
    ("lxc", Engine::Lxc),
    ("lxc.payload", Engine::Lxc),
    ("fathom-demo", Engine::Demo),
];

/// Words in an engine's own helpers, which are not the container.
const HELPERS: &[&str] = &["conmon", "lxc.monitor"];

/// The container that the cgroup `path` belongs to, if an engine's way of naming shows.
pub fn container_of(path: &str) -> Option<Named<'_>> {
    // The outermost part that fits: what a container makes below its own cgroup is still that container.
    let mut end = 0;
    let mut folder = "";
    for part in path.strip_prefix('/')?.split('/') {
        end += 1 + part.len();
        if let Some((id, engine)) = named_part(part, folder, &path[..end]) {
            return Some(Named { id, engine, path: &path[..end], pod_uid: pod_uid(path) });
        }
        folder = part;
    }
    None
}

fn named_part<'a>(part: &'a str, folder: &str, path: &str) -> Option<(&'a str, Engine)> {
    if HELPERS.iter().any(|word| part.contains(word)) {
        return None;
    }
    for (prefix, suffix, engine) in LAST_PART {
        let id = part.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
        if let Some(id) =
            id.filter(|id| !id.is_empty() && (!suffix.is_empty() || *engine == Engine::Lxc || is_hex_id(id)))
        {
            return Some((id, *engine));
        }
    }
    if let Some((_, engine)) = FOLDERS.iter().find(|(name, engine)| *name == folder && fits(part, *engine)) {
        return Some((part, *engine));
    }
    // cgroupfs driver: …/kubepods/burstable/pod<uid>/<id>; who runs it is told by the engines themselves.
    if folder.starts_with("pod") && path.contains("/kubepods") && is_hex_id(part) {
        return Some((part, Engine::Unknown));
    }
    is_hex_id(part).then_some((part, Engine::Unknown))
}

/// docker's ids are hexadecimal; a plain folder called `docker` may hold anything else.
fn fits(id: &str, engine: Engine) -> bool {
    !matches!(engine, Engine::Docker) || is_hex_id(id)
}

fn is_hex_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `pod<uid>` with dashes (cgroupfs driver), or `…-pod<uid>.slice` with underscores (systemd driver).
fn pod_uid(path: &str) -> Option<String> {
    path.split('/').find_map(|part| {
        let part = part.strip_suffix(".slice").unwrap_or(part);
        let uid = part.rsplit('-').next().filter(|last| last.starts_with("pod") && last.contains('_')).unwrap_or(part);
        let uid = uid.strip_prefix("pod")?.replace('_', "-");
        let shape: Vec<usize> = uid.split('-').map(str::len).collect();
        (shape == [8, 4, 4, 4, 12] || (uid.len() == 32 && uid.bytes().all(|b| b.is_ascii_hexdigit()))).then_some(uid)
    })
}

/// The paths of `/proc/PID/cgroup`, the v2 one first.
pub fn paths(text: &str) -> impl Iterator<Item = &str> {
    let path = |line: &'_ str| -> Option<(bool, usize)> {
        let controllers = line.find(':')? + 1;
        let at = controllers + line[controllers..].find(':')? + 1;
        Some((at == controllers + 1, at))
    };
    let v2 = text.lines().filter_map(move |line| path(line).filter(|(v2, _)| *v2).map(|(_, at)| &line[at..]));
    let v1 = text.lines().filter_map(move |line| path(line).filter(|(v2, _)| !*v2).map(|(_, at)| &line[at..]));
    v2.chain(v1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "4f1c6a8f0d2b4c6e8a0b1c2d3e4f5061728394a5b6c7d8e9f0a1b2c3d4e5f607";

    #[track_caller]
    fn check(path: &str, expect: Option<(&str, Engine)>) {
        let path = path.replace("ID", ID);
        let expect = expect.map(|(id, engine)| (id.replace("ID", ID), engine));
        assert_eq!(container_of(&path).map(|found| (found.id.to_owned(), found.engine)), expect, "{path}");
    }

    #[test]
    fn every_engine_s_way_of_naming() {
        check("/docker/ID", Some(("ID", Engine::Docker)));
        check("/system.slice/docker-ID.scope", Some(("ID", Engine::Docker)));
        check("/system.slice/docker-ID.scope/init", Some(("ID", Engine::Docker)));
        check("/kubepods/burstable/pod2c0e7f1a-0f0b-4a5e-9a55-0a1b2c3d4e5f/ID", Some(("ID", Engine::Unknown)));
        check(
            "/kubepods.slice/kubepods-pod2c0e7f1a_0f0b_4a5e_9a55_0a1b2c3d4e5f.slice/cri-containerd-ID.scope",
            Some(("ID", Engine::Containerd)),
        );
        check("/kubepods.slice/x.slice/crio-ID.scope", Some(("ID", Engine::CriO)));
        check("/machine.slice/libpod-ID.scope/container", Some(("ID", Engine::Podman)));
        check("/libpod_parent/libpod-ID", Some(("ID", Engine::Podman)));
        check(
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
            Some(("ID", Engine::Podman)),
        );
        check("/machine.slice/systemd-nspawn@deb.service/payload", Some(("deb", Engine::Nspawn)));
        check("/machine.slice/machine-deb.scope", Some(("deb", Engine::Nspawn)));
        check("/lxc/c1", Some(("c1", Engine::Lxc)));
        check("/lxc.payload.c1/system.slice", Some(("c1", Engine::Lxc)));
        check("/default/ID", Some(("ID", Engine::Unknown)));
        check("/user.slice/runc-web.scope", Some(("web", Engine::Runc)));
        check("/fathom-demo/web", Some(("web", Engine::Demo)));
    }

    #[test]
    fn what_is_no_container() {
        for path in [
            "",
            "/",
            "/init.scope",
            "/system.slice/ssh.service",
            "/machine.slice/libpod-conmon-ID.scope",
            "/docker",
            "/docker/buildx",
        ] {
            check(path, None);
        }
    }

    #[test]
    fn a_pod_s_uid_is_read_in_both_spellings() {
        let uid = Some("2c0e7f1a-0f0b-4a5e-9a55-0a1b2c3d4e5f".to_owned());
        let systemd = format!(
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod2c0e7f1a_0f0b_4a5e_9a55_0a1b2c3d4e5f.slice/crio-{ID}.scope"
        );
        assert_eq!(container_of(&systemd).expect("a container").pod_uid, uid);
        let plain = format!("/kubepods/pod2c0e7f1a-0f0b-4a5e-9a55-0a1b2c3d4e5f/{ID}");
        assert_eq!(container_of(&plain).expect("a container").pod_uid, uid);
    }

    #[test]
    fn v2_comes_first() {
        assert_eq!(paths("4:memory:/a\n0::/b\n1:name=systemd:/c:d\n").collect::<Vec<_>>(), ["/b", "/a", "/c:d"]);
    }

    proptest! {
        #[test]
        fn no_path_makes_it_panic(path in "[/a-f0-9._@:-]{0,200}|.*") {
            container_of(&path);
            paths(&path).count();
        }
    }
}
