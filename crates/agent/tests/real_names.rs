//! Real containers by name: what the kernel is told to look at, what it tells then, and what is said of a cgroup.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use fathom_agent::names::Whom;
use fathom_agent::scope::{Known, Watched, is_known, watched};
use fathom_agent::{Names, Node};
use fathom_enter::session::Registry;
use fathom_host::Host;
use fathom_kernel::{Options, Scope, Source, What};
use fathom_model::{Class, Failure};
use fathom_runtime::Places;
use fathom_testkit::engine::{Containerd, Docker, Podman, Runc, Running, Spec};
use fathom_testkit::{Need, Scratch, needs};
use fathom_toolkit::Store;
use serde_json::Value;

/// This machine with the engines below `root`.
fn node(root: &std::path::Path, scratch: &Scratch) -> Node {
    Node {
        environment: Vec::new(),
        host: Host::local(),
        places: Places::rooted(root),
        store: Store::at(scratch.join("store")),
        registry: Registry::at(scratch.join("sessions")),
        recordings: scratch.join("recordings"),
        temporary: scratch.path().to_owned(),
    }
}

fn look(node: &Node, target: &str) -> Result<Watched, Failure> {
    watched(node, &target.parse().expect("it is a target"))
}

fn namespace(pid: u32) -> u64 {
    fs::metadata(format!("/proc/{pid}/ns/pid")).expect("it lives").ino()
}

/// The names of programs that are executed while `act` runs, in what is watched.
fn executed(scope: &Scope, act: impl FnOnce()) -> HashSet<String> {
    let mut source = Source::attach(&Options::of(scope.clone())).expect("this machine can be traced");
    let mut seen = HashSet::new();
    let mut take = |event: fathom_kernel::Event<'_>| {
        if let What::Exec(program) = event.what {
            seen.extend(program.task.map(|task| String::from_utf8_lossy(task.comm).into_owned()));
        }
    };
    act();
    source.poll(&mut take);
    source.finish(&mut take);
    seen
}

#[test]
fn a_container_is_its_pid_namespace_and_who_comes_later_is_in_it() {
    needs!(Need::Root, Need::Program("runc"));
    let (runc, scratch) = (Runc::new(), Scratch::new("names"));
    let web = runc.run(&Spec::busybox("web-by-name", ["sleep", "1000"]));
    let node = node(runc.root(), &scratch);
    let looked = look(&node, "web-by-name").expect("it runs");
    assert_eq!((&looked.scope, looked.blind), (&Scope::PidNamespaces(vec![namespace(web.pid())]), None));
    let seen = executed(&looked.scope, || {
        runc.exec(&web, &["busybox", "true"]);
        assert!(Command::new("cat").arg("/dev/null").status().expect("cat runs").success());
    });
    assert!(seen.contains("busybox") && !seen.contains("cat"), "{seen:?}");
    let known = |name: &str| is_known(&node, &name.parse().expect("it is a target"));
    assert_eq!(known("web-by-name"), Known::Yes);
    assert_eq!(known("web-by-nam"), Known::Yes, "ids may be shortened, and this is one");
    assert_eq!(known("wep-by-name"), Known::No { alike: vec!["web-by-name".into()] });
}

/// The container `name` of runc once more, with what `change` makes of its configuration.
fn again(runc: &Runc, name: &str, as_name: &str, change: impl FnOnce(&mut Value)) -> u32 {
    let bundle = runc.bundle(name);
    let text = fs::read(bundle.join("config.json")).expect("a bundle has one");
    let mut config: Value = serde_json::from_slice(&text).expect("it is JSON");
    let cgroup = config["linux"]["cgroupsPath"].as_str().expect("it has one").replace(name, as_name);
    config["linux"]["cgroupsPath"] = cgroup.into();
    change(&mut config);
    fs::write(bundle.join("config.json"), config.to_string()).expect("it can be written");
    let log = fs::File::create(bundle.join("again.log")).expect("it can be written");
    let pid_file = bundle.join("again.pid");
    let mut run = runc.command();
    run.args(["run", "--detach", "--bundle"]).arg(&bundle).arg("--pid-file").arg(&pid_file).arg(as_name);
    let run = run.stdin(std::process::Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log).status();
    assert!(run.is_ok_and(|status| status.success()), "{:?}", fs::read_to_string(bundle.join("again.log")));
    fs::read_to_string(pid_file).expect("runc writes it").trim().parse().expect("a number")
}

#[test]
fn one_that_shares_its_pid_namespace_is_its_cgroup() {
    needs!(Need::Root, Need::Program("runc"));
    let (runc, scratch) = (Runc::new(), Scratch::new("names"));
    let web = runc.run(&Spec::busybox("web-shares", ["sleep", "1000"]));
    let node = node(runc.root(), &scratch);
    // One in the machine's pid namespace, and one in the first one's.
    let machine = again(&runc, "web-shares", "web-of-machine", |config| {
        let kinds = config["linux"]["namespaces"].as_array_mut().expect("a list");
        kinds.retain(|kind| kind["type"] != "pid");
    });
    let beside = again(&runc, "web-shares", "web-beside", |config| {
        config["linux"]["cgroupsPath"] =
            config["linux"]["cgroupsPath"].as_str().unwrap().replace("of-machine", "beside").into();
        let kinds = config["linux"]["namespaces"].as_array_mut().expect("a list");
        kinds.push(serde_json::json!({"type": "pid", "path": format!("/proc/{}/ns/pid", web.pid())}));
    });
    for (name, pid) in [("web-of-machine", machine), ("web-beside", beside), ("web-shares", web.pid())] {
        let looked = look(&node, name).expect("it runs");
        let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it lives");
        let own = cgroups.lines().find_map(|line| line.strip_prefix("0::")).expect("version 2 is mounted");
        let root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
            .into_iter()
            .find(|at| fs::metadata(format!("{at}/cgroup.procs")).is_ok());
        let id = fs::metadata(format!("{}{own}", root.expect("version 2 is mounted"))).expect("it is there").ino();
        assert_eq!((&looked.scope, looked.blind), (&Scope::Cgroups(vec![id]), None), "{name}");
    }
    let looked = look(&node, "web-of-machine").expect("it runs");
    let seen = executed(&looked.scope, || {
        let mut exec = runc.command();
        assert!(exec.args(["exec", "web-of-machine", "busybox", "true"]).status().expect("runc runs").success());
        runc.exec(&web, &["busybox", "cat", "/dev/null"]);
    });
    assert!(seen.contains("busybox"), "{seen:?}");
}

#[test]
fn processes_units_and_networks_are_what_runs_now() {
    needs!(Need::Root);
    let scratch = Scratch::new("names");
    let node = node(scratch.path(), &scratch);
    let mut child = Command::new("unshare").args(["--net", "sleep", "1000"]).spawn().expect("unshare runs");
    let own = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let deadline = Instant::now() + Duration::from_secs(20);
    while own(child.id()) == own(std::process::id()) && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(look(&node, &format!("pid:{}", child.id())).expect("it runs").scope, Scope::Trees(vec![child.id()]));
    let network = look(&node, &format!("netns:/proc/{}/ns/net", child.id())).expect("somebody is in it");
    assert_eq!((&network.scope, network.blind.is_some()), (&Scope::Trees(vec![child.id()]), true));
    assert_eq!(look(&node, "host").expect("we are on one").scope, Scope::Machine);
    let pid = child.id();
    let _ = (child.kill(), child.wait());
    for (target, class) in [
        (format!("pid:{pid}"), Class::NotFound),
        ("unit:no-such-unit".into(), Class::NotFound),
        ("image:./x.tar".into(), Class::Usage),
        ("no-such-container".into(), Class::NotFound),
        ("pod/no-such-pod".into(), Class::NotFound),
        ("deploy/web".into(), Class::NotFound),
    ] {
        let refused = look(&node, &target).expect_err(&target);
        assert_eq!((refused.class, refused.hint.is_some() || target.starts_with("pid")), (class, true), "{target}");
    }
}

/// What is said of the cgroups of `container`, when nothing more is to come.
fn told(node: Node, container: &Running) -> Value {
    let file = fs::read_to_string(format!("/proc/{}/cgroup", container.pid())).expect("it lives");
    let line = |line: &str| line.splitn(3, ':').nth(2).map(|path| format!("x={path}\0"));
    let names = Names::start(node);
    names.ask([file.lines().filter_map(line).collect::<String>()]);
    let files = names.wait(Whom::Files, Duration::from_secs(20));
    let engines = names.wait(Whom::Engines, Duration::from_secs(20));
    let last = engines.into_iter().chain(files).next().expect("somebody knows it");
    serde_json::from_slice::<Value>(last.words()).expect("it is JSON")["container"].take()
}

fn spec(name: &str) -> Spec {
    let spec = Spec::busybox(name, ["sleep", "1000"]).env("SHOP", "open").label("tier", "front");
    spec.mount_read_only("/etc", "/machine")
}

#[track_caller]
fn assert_close(said: &Value, name: &str) {
    assert_eq!(
        (&said["name"], &said["privileged"], &said["lookup_state"]),
        (&name.into(), &false.into(), &1.into()),
        "{said}"
    );
    let env = said["env"].as_array().expect("a list");
    assert!(env.contains(&"SHOP=open".into()), "{said}");
    let mounts = said["Mounts"].as_array().expect("a list");
    let machine = mounts.iter().find(|mount| mount["Destination"] == "/machine").unwrap_or_else(|| panic!("{said}"));
    assert_eq!((&machine["Source"], &machine["RW"]), (&"/etc".into(), &false.into()), "{said}");
}

#[test]
fn docker_says_what_its_containers_are() {
    needs!(Need::Root, Need::Program("dockerd"));
    let (docker, scratch) = (Docker::start(), Scratch::new("names"));
    let labelled =
        spec("web-0-app").label("io.kubernetes.pod.name", "web-0").label("io.kubernetes.pod.namespace", "shop");
    let web = docker.run(&labelled.label("io.kubernetes.container.name", "app"));
    let said = told(node(docker.root(), &scratch), &web);
    assert_close(&said, "app");
    assert_eq!(
        (&said["id"], &said["full_id"], &said["type"]),
        (&web.id()[..12].into(), &web.id().into(), &0.into()),
        "{said}"
    );
    assert_eq!(
        (&said["labels"]["tier"], &said["labels"]["io.kubernetes.pod.name"]),
        (&"front".into(), &"web-0".into())
    );
    assert_eq!(said["imageid"].as_str().map(str::len), Some(64), "{said}");
    assert!(said["imagetag"].as_str().is_some_and(|tag| !tag.is_empty()), "{said}");
    let node = node(docker.root(), &scratch);
    for target in ["pod/web-0", "shop/pod/web-0/app", &format!("docker://{}", &web.id()[..9])] {
        let looked = look(&node, target).expect(target);
        assert_eq!(looked.scope, Scope::PidNamespaces(vec![namespace(web.pid())]), "{target}");
    }
    for target in ["bank/pod/web-0", "pod/web-0/sidecar"] {
        assert_eq!(look(&node, target).expect_err(target).class, Class::NotFound);
    }
}

#[test]
fn containerd_says_what_its_containers_are() {
    needs!(Need::Root, Need::Program("containerd"));
    let (containerd, scratch) = (Containerd::start(), Scratch::new("names"));
    let web = containerd.run(&spec("web-of-ctr"));
    let said = told(node(containerd.root(), &scratch), &web);
    assert_close(&said, "web-of-ctr");
    assert_eq!((&said["id"], &said["type"]), (&"web-of-ctr".into(), &7.into()), "{said}");
    assert!(said["imagerepo"].as_str().is_some_and(|image| !image.is_empty()), "{said}");
}

#[test]
fn podman_says_what_its_containers_are() {
    needs!(Need::Root, Need::Program("podman"));
    let (podman, scratch) = (Podman::new(), Scratch::new("names"));
    let web = podman.run(&spec("web-of-podman"));
    let said = told(node(podman.root(), &scratch), &web);
    assert_close(&said, "web-of-podman");
    assert_eq!((&said["id"], &said["type"]), (&web.id()[..12].into(), &11.into()), "{said}");
    assert_eq!(said["imageid"].as_str().map(str::len), Some(64), "{said}");
}

#[test]
fn runc_s_files_say_what_its_containers_are() {
    needs!(Need::Root, Need::Program("runc"));
    let (runc, scratch) = (Runc::new(), Scratch::new("names"));
    let web = runc.run(&spec("web-of-runc"));
    let said = told(node(runc.root(), &scratch), &web);
    assert_close(&said, "web-of-runc");
    assert!(said["cgroup"].as_str().is_some_and(|path| path.ends_with("/web-of-runc")), "{said}");
}
