//! Files alone, with no engine alive: `tests/machine` holds one machine on which every engine has left something, in
//! the shapes that runc 1.1, crun 1.8, containerd 1.6, docker 20.10, podman 4.3 and their later versions write.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fathom_model::{Container, Hint, State};
use fathom_runtime::{Missing, Places, on_disk};
use fathom_testkit::Scratch;

fn machine() -> Places {
    Places::rooted(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machine"))
}

/// `ENGINE ID NAME IMAGE PID STATE POD`, `-` for what is not known.
fn line(container: &Container) -> String {
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let pid = container.pid.map_or("-".into(), |pid| pid.to_string());
    let pod = container
        .pod
        .as_ref()
        .map_or("-".into(), |pod| format!("{}/{}/{}", pod.namespace, pod.name, word(&pod.container)));
    let id = container.id.get(..4).unwrap_or(&container.id);
    let (name, image) = (word(&container.name), word(&container.image));
    format!("{} {id} {name} {image} {pid} {:?} {pod}", container.engine, container.state)
}

#[test]
fn every_engines_files_are_read() {
    let listing = on_disk(&machine());
    assert!(listing.missing.is_empty(), "{:?}", listing.missing);
    let mut lines: Vec<_> = listing.containers.iter().map(line).collect();
    lines.sort();
    let expect = "\
containerd 2a2a api-0 - 200 Running shop/api-0/-
containerd 2b2b app registry.example/api:7 201 Running shop/api-0/app
containerd 2c2c cache - 203 Running -
containerd 3a3a dns dns:1 300 Running kube-system/coredns-1/dns
containerd by-h by-hand - 202 Running -
cri-o 5a5a db quay.example/db:1 500 Running shop/db-0/db
crun tiny tiny - 601 Running -
demo demo web demo/web 800 Running -
docker 1a1a web shop/web:1 101 Running -
docker 1b1b gone shop/web:1 - Exited -
docker 1c1c fresh shop/web:1 - Created -
docker 1d1d app shop/web:1 104 Running shop/web-0/app
nspawn book book /var/lib/machines/book 700 Running -
podman 4a4a pweb localhost/web:1 400 Running -
podman 4b4b pgone localhost/web:1 - Exited -
podman 4c4c elsewhere localhost/web:2 402 Running -
podman 4d4d mine localhost/mine:1 403 Running -
runc web  web 1 - 600 Running -";
    assert_eq!(lines.join("\n"), expect);
}

#[test]
fn details_survive_the_join() {
    let listing = on_disk(&machine());
    let web = listing.containers.iter().find(|container| container.pid == Some(101)).unwrap();
    assert_eq!(web.labels.get("tier").map(String::as_str), Some("front"));
    assert_eq!(web.started, Some(1_795_219_181));
    let app = listing.containers.iter().find(|container| container.pid == Some(201)).unwrap();
    assert!(app.started.is_some());
    assert_eq!(app.pod.as_ref().unwrap().uid.as_deref(), Some("u2"));
}

#[test]
fn an_empty_machine_misses_nothing() {
    let scratch = Scratch::new("empty");
    let listing = on_disk(&Places::rooted(scratch.path()));
    assert!(listing.containers.is_empty() && listing.missing.is_empty());
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("it has a parent")).expect("scratch is writable");
    std::fs::write(path, bytes).expect("scratch is writable");
}

#[test]
fn garbage_hides_nobody_and_is_named() {
    let scratch = Scratch::new("garbage");
    let good = br#"{"id":"web","init_process_pid":7,"created":"2026-11-20T23:50:51Z","config":{}}"#;
    write(&scratch.join("run/runc/web/state.json"), good);
    let bad: [(&str, &[u8]); 7] = [
        ("run/runc/bad/state.json", b"{\"init_process_pid\":"),
        ("run/crun/bad/status", b"\xff\xfe"),
        ("var/lib/docker/containers/bad/config.v2.json", b"[]"),
        ("run/containerd/io.containerd.runtime.v2.task/k8s.io/bad2/config.json", b"{\"annotations\":5}"),
        ("var/lib/containers/storage/vfs-containers/containers.json", b"[{\"id\":1}]"),
        ("run/systemd/machines/bad", b"LEADER=1\n"),
        ("run/fathom/demo/bad.json", b"null"),
    ];
    for (path, bytes) in bad {
        write(&scratch.join(path), bytes);
    }
    let listing = on_disk(&Places::rooted(scratch.path()));
    assert!(listing.containers.iter().any(|container| container.id == "web" && container.pid == Some(7)));
    let mut named: Vec<PathBuf> = Vec::new();
    for missing in &listing.missing {
        let Missing::Garbled { path, .. } = missing else { panic!("{missing:?}") };
        assert!(missing.hint().is_some());
        named.push(path.strip_prefix(scratch.path()).unwrap().to_owned());
    }
    named.sort();
    let mut expect = bad.map(|(path, _)| PathBuf::from(path));
    expect.sort();
    assert_eq!(named, expect);
}

#[test]
fn files_of_a_trap_setter_cost_nothing() {
    let scratch = Scratch::new("traps");
    let endless = scratch.join("run/runc/endless/state.json");
    write(&endless, b"");
    std::fs::File::options().write(true).open(&endless).unwrap().set_len(1 << 40).unwrap();
    let pipe = scratch.join("run/crun/pipe/status");
    std::fs::create_dir_all(pipe.parent().unwrap()).unwrap();
    let mode = rustix::fs::Mode::from(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    std::fs::create_dir_all(scratch.join("run/crun/folder/status")).unwrap();
    let start = Instant::now();
    let listing = on_disk(&Places::rooted(scratch.path()));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(listing.containers.is_empty());
    let said: Vec<_> = listing.missing.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|line| line.contains("1099511627776 bytes long")), "{said:?}");
    assert_eq!(said.iter().filter(|line| line.starts_with("cannot read")).count(), 2, "{said:?}");
}

#[test]
fn an_id_leads_nowhere_else() {
    let scratch = Scratch::new("escape");
    let list = br#"[{"id":"../../../../../secret","names":["x"]}]"#;
    write(&scratch.join("var/lib/containers/storage/vfs-containers/containers.json"), list);
    write(&scratch.join("secret/userdata/pidfile"), b"1");
    let listing = on_disk(&Places::rooted(scratch.path()));
    assert_eq!((listing.containers[0].pid, listing.containers[0].state), (None, State::Exited));
}

/// `fathom ps` has 50 ms for 500 containers; files get a fifth of it. This build is not optimised and the machine may
/// be busy, hence the margin of ten; the optimised figure is in docs/benchmarks.md.
#[test]
fn five_hundred_containers_are_read_at_once() {
    let scratch = Scratch::new("many");
    let padding = format!(r#"{{"names":["{}"],"action":"SCMP_ACT_ALLOW"}}"#, "syscall".repeat(4_000));
    for number in 0..500 {
        let id = format!("{number:064x}");
        let name = format!("web-{number}");
        let docker = format!(
            r#"{{"State":{{"Running":true,"Pid":{pid},"StartedAt":"2026-11-20T23:59:41.27Z"}},"ID":"{id}","Config":{{"Image":"web:1","Labels":{{"a":"b"}},"Env":["{env}"]}},"Name":"/{name}"}}"#,
            pid = number + 1,
            env = "x".repeat(3_000)
        );
        write(&scratch.join(format!("var/lib/docker/containers/{id}/config.v2.json")), docker.as_bytes());
        let state = format!(
            r#"{{"id":"{id}","init_process_pid":{},"init_process_start":5,"created":"2026-11-20T23:50:51Z","config":{{"seccomp":{padding}}}}}"#,
            number + 1
        );
        write(&scratch.join(format!("run/docker/runtime-runc/moby/{id}/state.json")), state.as_bytes());
        let task = scratch.join(format!("run/containerd/io.containerd.runtime.v2.task/k8s.io/f{}", &id[1..]));
        let bundle = format!(
            r#"{{"process":{{"env":["{env}"]}},"annotations":{{"io.kubernetes.cri.container-name":"app","io.kubernetes.cri.sandbox-name":"{name}","io.kubernetes.cri.sandbox-namespace":"shop"}},"linux":{{"seccomp":{padding}}}}}"#,
            env = "x".repeat(3_000)
        );
        write(&task.join("config.json"), bundle.as_bytes());
        write(&task.join("init.pid"), number.to_string().as_bytes());
    }
    let places = Places::rooted(scratch.path());
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let start = Instant::now();
            let listing = on_disk(&places);
            assert_eq!((listing.containers.len(), listing.missing.len()), (1_000, 0));
            start.elapsed()
        })
        .collect();
    times.sort();
    assert!(times[0] < Duration::from_millis(100), "1000 containers took {times:?}");
}
