//! The harness for daemons and podman: containers are what their specs say, and nothing stays behind.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fathom_testkit::engine::{Containerd, Docker, MAPPED_FROM, Podman, Running, Spec};
use fathom_testkit::{Need, needs};

/// What on this machine still names an engine's folder: processes, mounts, cgroups and the folder itself.
fn leftovers(root: &Path) -> Vec<String> {
    let name = root.file_name().expect("it has a name").to_string_lossy().into_owned();
    let mut left = Vec::new();
    left.extend(root.exists().then(|| root.display().to_string()));
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the kernel says it");
    left.extend(mounts.lines().filter(|line| line.contains(&name)).map(str::to_owned));
    for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        let cgroup = hierarchy.path().join(&name);
        left.extend(cgroup.exists().then(|| cgroup.display().to_string()));
    }
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        left.extend(words.contains(&name).then_some(words));
    }
    left
}

fn owner(container: &Running) -> u32 {
    fs::metadata(format!("/proc/{}", container.pid())).expect("it lives").uid()
}

fn has_read_only_root(container: &Running) -> bool {
    let error = fs::write(format!("/proc/{}/root/new", container.pid()), "").err();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::ReadOnlyFilesystem)
}

fn exists(container: &Running, file: &str) -> bool {
    PathBuf::from(format!("/proc/{}/root/{file}", container.pid())).exists()
}

fn web() -> Spec {
    Spec::scratch("web", ["/app"]).read_only().user(65532).no_capabilities()
}

#[test]
fn containerd_runs_containers_in_any_namespace_and_leaves_nothing() {
    needs!(Need::Root, Need::Program("containerd"), Need::Program("ctr"), Need::Path("/bin/busybox"));
    let containerd = Containerd::start();
    let root = containerd.root().to_owned();
    let web = containerd.run(&web());
    assert_eq!((owner(&web), has_read_only_root(&web), exists(&web, "app")), (65532, true, true));
    let mapped = containerd.run_in("k8s.io", &Spec::scratch("mapped", ["/app"]).own_users());
    assert_eq!(owner(&mapped), MAPPED_FROM);
    let shell = containerd.run(&Spec::busybox("shell", ["sleep", "1000"]).env("A", "b c"));
    assert_eq!(containerd.exec(&shell, &["sh", "-c", "echo $A"]), "b c");
    drop(containerd);
    assert!(!web.is_alive() && !mapped.is_alive());
    assert_eq!(leftovers(&root), Vec::<String>::new());
}

#[test]
fn docker_runs_containers_and_leaves_nothing() {
    needs!(Need::Root, Need::Program("dockerd"), Need::Program("docker"), Need::Path("/bin/busybox"));
    let docker = Docker::start();
    let root = docker.root().to_owned();
    let web = docker.run(&web());
    assert_eq!((owner(&web), has_read_only_root(&web), exists(&web, "app")), (65532, true, true));
    assert_eq!(web.id().len(), 64);
    let volume = root.join("volume");
    fs::create_dir(&volume).unwrap();
    let shell = Spec::busybox("shell", ["sleep", "1000"]).hostname("here").mount(&volume, "/volume");
    let shell = docker.run(&shell);
    assert_eq!(docker.exec(&shell, &["sh", "-c", "touch /volume/file; hostname"]), "here");
    assert!(volume.join("file").exists());
    drop(docker);
    assert!(!web.is_alive() && !shell.is_alive());
    assert_eq!(leftovers(&root), Vec::<String>::new());
}

#[test]
fn podman_runs_containers_and_leaves_nothing() {
    needs!(Need::Root, Need::Program("podman"), Need::Program("runc"), Need::Path("/bin/busybox"));
    let mut podman = Podman::new();
    podman.serve();
    let root = podman.root().to_owned();
    let web = podman.run(&web());
    assert_eq!((owner(&web), has_read_only_root(&web), exists(&web, "app")), (65532, true, true));
    let mapped = podman.run(&Spec::scratch("mapped", ["/app"]).own_users());
    assert_eq!(owner(&mapped), MAPPED_FROM);
    let shell = podman.run(&Spec::busybox("shell", ["sleep", "1000"]).hostname("here"));
    assert_eq!(podman.exec(&shell, &["hostname"]), "here");
    drop(podman);
    assert!(!web.is_alive() && !mapped.is_alive());
    assert_eq!(leftovers(&root), Vec::<String>::new());
}

#[test]
fn podman_without_root_leaves_neither_containers_nor_a_user() {
    needs!(Need::Root, Need::Program("podman"), Need::Program("runc"), Need::Program("newuidmap"));
    let podman = Podman::rootless();
    let root = podman.root().to_owned();
    let name = root.file_name().unwrap().to_str().unwrap();
    let mine = podman.run(&Spec::scratch("mine", ["/app"]));
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with(name)).unwrap();
    assert_eq!(line.split(':').nth(2).unwrap(), owner(&mine).to_string());
    drop(podman);
    assert!(!mine.is_alive());
    assert_eq!(leftovers(&root), Vec::<String>::new());
    for file in ["/etc/passwd", "/etc/group", "/etc/subuid", "/etc/subgid"] {
        assert!(!fs::read_to_string(file).unwrap().contains(name), "{file}");
    }
}

#[test]
fn engines_go_even_when_the_test_panics() {
    needs!(Need::Root, Need::Program("dockerd"), Need::Program("docker"));
    let mut left = None;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let docker = Docker::start();
        left = Some((docker.root().to_owned(), docker.run(&web())));
        panic!("as a failing test would");
    }));
    assert!(panicked.is_err());
    let (root, web) = left.unwrap();
    assert!(!web.is_alive());
    assert_eq!(leftovers(&root), Vec::<String>::new());
}
