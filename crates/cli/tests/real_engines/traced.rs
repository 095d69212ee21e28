//! Containers of every engine traced by name: exactly their events, with their names, whoever starts what in them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use fathom_testkit::engine::{Containerd, Docker, Podman, Runc, Running, Spec};
use fathom_testkit::{Need, needs};
use rustix::process::{Pid, Signal, kill_process};

use crate::place::{Place, own_name};
use crate::support::Machine;

/// How long anything may take.
const LONG: Duration = Duration::from_secs(30);

/// A running `fathom trace`.
struct Tracing {
    child: Child,
    lines: Receiver<String>,
}

impl Tracing {
    fn start(mut command: Command) -> Tracing {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("fathom starts");
        let (to, lines) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().expect("it is a pipe"));
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
        Tracing { child, lines }
    }

    /// Lines up to one of which this holds, that one included.
    #[track_caller]
    fn until(&mut self, is_it: impl Fn(&str) -> bool) -> Vec<String> {
        let deadline = Instant::now() + LONG;
        let mut seen = Vec::new();
        while seen.last().is_none_or(|line: &String| !is_it(line)) {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => seen.push(line),
                Err(error) => panic!("{error}: {seen:?}\n{}", self.end()),
            }
        }
        seen
    }

    /// Ends it as Ctrl-C does; what it said on stderr.
    fn end(&mut self) -> String {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a pid");
        let _ = kill_process(pid, Signal::INT);
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = stderr.read_to_string(&mut said);
        }
        let _ = self.child.wait();
        said
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A container that does something again and again, so that it is known when it is looked at.
fn ticking(name: &str) -> Spec {
    let script = "while :; do busybox true; busybox usleep 50000; done";
    Spec::busybox(name, ["busybox", "sh", "-c", script]).mount_read_only("/etc", "/machine")
}

/// Container, what it executes, and what is read and written of a file of the machine.
const WORDS: [&str; 3] = [
    "-p",
    "*%container.name|%container.id|%evt.type|%evt.rawres|%proc.args|%fd.name",
    "evt.dir=< and (evt.type=execve or evt.type in (read, write) and proc.args contains /machine/passwd)",
];

fn is_tick(line: &str) -> bool {
    line.contains("|execve|0|true|")
}

/// Its own work is seen with its name, what `exec` does in it is seen exactly, what others do is not.
#[track_caller]
fn assert_exact(command: Command, web: &Running, exec: impl FnOnce(&[&str])) -> String {
    let mut tracing = Tracing::start(command);
    let own = tracing.until(is_tick);
    exec(&["busybox", "dd", "if=/machine/passwd", "of=/dev/null", "bs=1", "count=7"]);
    let outside =
        Command::new("dd").args(["if=/etc/passwd", "of=/dev/null", "bs=1", "count=5"]).stderr(Stdio::null()).status();
    assert!(outside.is_ok_and(|status| status.success()));
    let ended = |line: &str| line.contains("count=7");
    let mut seen = tracing.until(ended);
    // Everything before a tick that begins later is there.
    seen.extend(tracing.until(is_tick));
    seen.extend(tracing.until(is_tick));
    let said = tracing.end();
    let short = if web.id().len() == 64 { &web.id()[..12] } else { web.id() };
    let of_it = format!("{}|{short}|", web.name());
    // Whatever the engine does to get in there is in the container's namespaces before it is in its cgroup.
    let strangers: Vec<_> = own.iter().chain(&seen).filter(|line| is_tick(line) && !line.starts_with(&of_it)).collect();
    assert!(strangers.is_empty(), "{strangers:?}\n{said}");
    let of = |call: &str, file: &str| {
        let wanted = |line: &&String| line.contains(&format!("|{call}|1|")) && line.ends_with(file);
        seen.iter().filter(wanted).count()
    };
    assert_eq!((of("read", "/machine/passwd"), of("write", "/dev/null")), (7, 7), "{seen:#?}\n{said}");
    assert!(!seen.iter().any(|line| line.contains("count=5")), "{seen:#?}");
    said
}

#[test]
fn docker_s() {
    needs!(Need::Root, Need::Program("dockerd"));
    let (machine, docker) = (Machine::new(), Docker::start());
    let place = Place::of(&machine, docker.root());
    let web = docker.run(&ticking(own_name()));
    for target in [web.name(), &format!("docker://{}", &web.id()[..9])] {
        let command = place.command(["trace", target].into_iter().chain(WORDS));
        assert_exact(command, &web, |words| drop(docker.exec(&web, words)));
    }
}

#[test]
fn containerd_s() {
    needs!(Need::Root, Need::Program("containerd"));
    let (machine, containerd) = (Machine::new(), Containerd::start());
    let place = Place::of(&machine, containerd.root());
    let web = containerd.run(&ticking(own_name()));
    let command = place.command(["trace", web.name()].into_iter().chain(WORDS));
    assert_exact(command, &web, |words| drop(containerd.exec(&web, words)));
}

#[test]
fn podman_s() {
    needs!(Need::Root, Need::Program("podman"));
    let (machine, podman) = (Machine::new(), Podman::new());
    let place = Place::of(&machine, podman.root());
    let web = podman.run(&ticking(own_name()));
    let command = place.command(["trace", web.name()].into_iter().chain(WORDS));
    assert_exact(command, &web, |words| drop(podman.exec(&web, words)));
}

#[test]
fn runc_s_also_when_somebody_has_entered_it() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    let web = runc.run(&ticking(own_name()));
    let command = || place.command(["trace", web.name()].into_iter().chain(WORDS));
    assert_exact(command(), &web, |words| drop(runc.exec(&web, words)));
    assert_exact(command(), &web, |words| {
        let mut all = vec!["enter", "--root", "target", web.name(), "--"];
        all.extend(words);
        let entered = place.run(all);
        assert_eq!(entered.status, 0, "{entered:?}");
    });
    // The whole machine is asked for a container by its name.
    let words = ["trace", "-p", "%container.name %evt.type"];
    let filter = format!("container.name={} and evt.type=execve", web.name());
    let mut tracing = Tracing::start(place.command(words.into_iter().chain([filter.as_str()])));
    assert_eq!(tracing.until(|_| true), [format!("{} execve", web.name())]);
    tracing.end();
}

#[test]
fn programs_that_end_at_once_are_their_container_s() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    let web = runc.run(&ticking(own_name()));
    // Nobody can read in time where they are; the kernel tells with whom they are there.
    let filter = format!("container.name={} and evt.type=execve and evt.dir=<", web.name());
    let mut tracing = Tracing::start(place.command(["trace", "-p", "%proc.args", filter.as_str()]));
    tracing.until(|_| true);
    let args: Vec<String> = (1..=10).map(|number| format!("true {number}")).collect();
    args.iter()
        .for_each(|args| drop(runc.exec(&web, &[&["busybox"][..], &args.split(' ').collect::<Vec<_>>()].concat())));
    let mut seen = tracing.until(|line| line == "true 10");
    seen.retain(|line| args.contains(line));
    assert_eq!(seen, args);
    tracing.end();
}

/// How many calls the kernel has told of, as `--stats` says it.
fn calls(said: &str) -> u64 {
    let count = |line: &str| line.split_once(": ")?.1.split_once(" calls, of which ")?.0.parse::<u64>().ok();
    said.lines().filter_map(|line| count(line.strip_prefix("fathom: processor ")?)).sum()
}

/// Something that makes some hundred thousand calls a second, until dropped.
struct Busy(Child);

impl Busy {
    fn new() -> Busy {
        let mut dd = Command::new("dd");
        Busy(dd.args(["if=/dev/zero", "of=/dev/null", "bs=1"]).stderr(Stdio::null()).spawn().expect("dd starts"))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_filter_that_names_a_container_has_the_kernel_look_at_no_other() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    let web = runc.run(&ticking(own_name()));
    let busy = Busy::new();
    for field in ["container.name", "container.id"] {
        let filter = format!("{field}={} and ({})", web.name(), WORDS[2]);
        let command = place.command(["trace", "--stats", WORDS[0], WORDS[1], filter.as_str()]);
        let mut tracing = Tracing::start(command);
        let mut seen = tracing.until(is_tick);
        seen.extend(tracing.until(is_tick));
        let said = tracing.end();
        assert!(seen.iter().all(|line| line.starts_with(web.name())), "{field}: {seen:?}");
        assert!(calls(&said) > 0 && calls(&said) < 50_000, "{field}: {said}");
    }
    // Where something else may pass too, nobody is left out.
    let filter = format!("container.name={} or proc.name=dd", web.name());
    let mut tracing = Tracing::start(place.command(["trace", "-p", "%proc.name", "-n", "1000", filter.as_str()]));
    tracing.until(|line| line == "dd");
    tracing.end();
    drop(busy);
}

#[test]
fn a_container_that_begins_later_or_again_is_seen_by_a_filter_that_names_it() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    let name = own_name();
    let filter = format!("container.name={name} and evt.type=execve and evt.dir=<");
    let trace = || Tracing::start(place.command(["trace", "-p", "%container.name %proc.args", filter.as_str()]));
    let sleeps = |long: u32| move |line: &str| line == format!("{name} usleep {long}");
    let mut later = trace();
    runc.run(&ticking(name));
    later.until(sleeps(50000));
    later.end();
    let mut again = trace();
    again.until(sleeps(50000));
    assert!(runc.command().args(["delete", "--force", name]).status().is_ok_and(|status| status.success()));
    let bundle = runc.bundle(name);
    let config = std::fs::read_to_string(bundle.join("config.json")).expect("a bundle has one");
    std::fs::write(bundle.join("config.json"), config.replace("usleep 50000", "usleep 50001")).expect("it is ours");
    let mut run = runc.command();
    run.args(["run", "--detach", "--bundle"]).arg(&bundle).arg(name);
    let run = run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(run.is_ok_and(|status| status.success()), "it runs again");
    again.until(sleeps(50001));
    let said = again.end();
    assert!(said.contains("the whole machine is looked at"), "{said}");
}

#[test]
fn words_that_name_nothing() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    for (words, status, says) in [
        (&["trace", "no-such-container"][..], 2, "`no-such-container` is neither a target nor a filter"),
        (&["trace", "no-such-container", "fd.port=80"], 2, "is neither a target nor a filter"),
        (&["trace", "docker://no-such-container"], 3, "no container is called `no-such-container`"),
        (&["trace", "--target", "no-such-container"], 3, "no container is called `no-such-container`"),
        (&["trace", "--here", "pod/no-such-pod"], 3, "no container of it runs on this machine"),
        (&["trace", "evt.tipe=open"], 2, "did you mean"),
        (&["trace", "--container", "web"], 2, "need the name of a pod"),
        (&["trace", "--target", "web", "--", "true"], 2, "a target goes neither with a recording"),
    ] {
        let got = place.run(words.iter().copied());
        assert_eq!(
            (got.status, got.stderr.contains(says), got.stdout.as_str()),
            (status, true, ""),
            "{words:?}: {got:?}"
        );
    }
}

/// `fathom` where only one kind of cgroup hierarchy is mounted.
fn only(kind: &str, inner: &Command) -> Command {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("there is a /proc");
    let all = mounts.lines().filter_map(|line| {
        let (point, rest) = (line.split(' ').nth(4)?, line.split_once(" - ")?.1);
        Some((point.to_owned(), rest.split(' ').next()?.to_owned()))
    });
    let hidden = all.filter(|(_, other)| other.starts_with("cgroup") && other != kind).map(|(point, _)| point);
    let script = r#"while [ "$1" != -- ]; do umount "$1" || exit 99; shift; done; shift; exec "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]).args(hidden).arg("--");
    command.arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
    for (name, value) in inner.get_envs() {
        command.env(name, value.expect("it is set"));
    }
    command
}

/// The container `name` of runc as another one, which is in the machine's pid namespace.
fn in_the_machine_s_namespace(runc: &Runc, name: &str) -> String {
    let (other, bundle) = (format!("{name}-shared"), runc.bundle(name));
    let text = std::fs::read(bundle.join("config.json")).expect("a bundle has one");
    let mut config: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
    let cgroup = config["linux"]["cgroupsPath"].as_str().expect("it has one").replace(name, &other);
    config["linux"]["cgroupsPath"] = cgroup.into();
    config["linux"]["namespaces"].as_array_mut().expect("a list").retain(|kind| kind["type"] != "pid");
    std::fs::write(bundle.join("config.json"), config.to_string()).expect("it can be written");
    let log = std::fs::File::create(bundle.join("shared.log")).expect("it can be written");
    let mut run = runc.command();
    run.args(["run", "--detach", "--bundle"]).arg(&bundle).arg(&other);
    let run = run.stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log).status();
    assert!(run.is_ok_and(|status| status.success()), "{:?}", std::fs::read_to_string(bundle.join("shared.log")));
    other
}

#[test]
fn with_one_version_of_cgroups_alone() {
    needs!(Need::Root, Need::Program("runc"), Need::Path("/sys/fs/cgroup/memory"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    let web = runc.run(&ticking(own_name()));
    let shared = in_the_machine_s_namespace(&runc, web.name());
    for kind in ["cgroup", "cgroup2"] {
        let command = only(kind, &place.command(["trace", web.name()].into_iter().chain(WORDS)));
        assert_exact(command, &web, |words| drop(runc.exec(&web, words)));
        let command = only(kind, &place.command(["trace", shared.as_str()].into_iter().chain(WORDS)));
        let mut tracing = Tracing::start(command);
        let tick = tracing.until(is_tick).pop().expect("it has done something");
        assert!(tick.starts_with(&format!("{shared}|{shared}|")), "{kind}: {tick}");
        let said = tracing.end();
        // Without version 2, who comes later cannot be told.
        assert_eq!(said.contains("is not seen"), kind == "cgroup", "{kind}: {said}");
    }
}

#[test]
fn a_recording_has_the_names_and_sysdig_shows_them() {
    needs!(Need::Root, Need::Program("dockerd"), Need::Program("sysdig"));
    let (machine, docker) = (Machine::new(), Docker::start());
    let place = Place::of(&machine, docker.root());
    let labelled =
        ticking(own_name()).label("io.kubernetes.pod.name", "web-0").label("io.kubernetes.pod.namespace", "shop");
    let web = docker.run(&labelled);
    let file = docker.root().join("web.scap");
    let to = file.to_str().expect("a readable path");
    let mut recording = place.command(["trace", "pod/web-0", "-n", "3000", "-w", to]);
    assert!(recording.status().is_ok_and(|status| status.success()));
    let format = "%container.name %container.id %k8s.pod.name %k8s.ns.name %evt.type";
    let own = format!("web-0 {} web-0 shop execve", &web.id()[..12]);
    let ours = place.run(["trace", "-r", to, "-p", format, "evt.type=execve"]);
    let theirs =
        Command::new("sysdig").args(["-r", to, "-p", format, "evt.type=execve"]).output().expect("sysdig runs");
    let theirs = String::from_utf8_lossy(&theirs.stdout).into_owned();
    assert_eq!(ours.stdout, theirs);
    assert!(theirs.lines().count() > 3 && theirs.lines().all(|line| line == own), "{theirs}");
}

/// Commands of the README that trace the demo.
fn examples() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = std::fs::read_to_string(readme).expect("there is one");
    let commands = text.lines().filter(|line| line.starts_with("fathom trace ") && line.contains("demo/"));
    commands.map(|line| line.split("  #").next().unwrap_or(line).trim().to_owned()).collect()
}

#[test]
fn the_readme_s_examples_on_the_demo() {
    needs!(Need::Root);
    let machine = Machine::new();
    let scratch = fathom_testkit::Scratch::new("traced-demo");
    let group = scratch.path().file_name().and_then(|name| name.to_str()).expect("a readable name").to_owned();
    let shop = fathom_demo::Place::at(scratch.join("run/fathom/demo"), Some(&group));
    std::fs::create_dir_all(scratch.join("run/fathom")).expect("it is ours");
    fathom_demo::up(&shop, Some(Path::new(env!("CARGO_BIN_EXE_fathom")))).expect("the shop opens");
    let place = Place::of(&machine, scratch.path());
    let examples = examples();
    let seen: Vec<(usize, String)> = examples
        .iter()
        .map(|example| {
            // Of each, what it shows first.
            let mut shell = Command::new("sh");
            let one = example.replacen("fathom trace", "exec \"$FATHOM\" trace -n 1", 1);
            let program = place.command(["ps"]);
            for (name, value) in program.get_envs() {
                shell.env(name, value.expect("it is set"));
            }
            shell.args(["-c", &one]).env("FATHOM", env!("CARGO_BIN_EXE_fathom"));
            let mut tracing = Tracing::start(shell);
            let lines = tracing.until(|_| true).len();
            (lines, tracing.end())
        })
        .collect();
    let names = {
        let mut tracing = Tracing::start(place.command(["trace", "demo/web", "-n", "1", "-p", "%container.name"]));
        tracing.until(|_| true)
    };
    fathom_demo::down(&shop).expect("the shop closes");
    assert_eq!((names.as_slice(), examples.len()), (&["web".to_owned()][..], 3));
    assert!(seen.iter().all(|(lines, _)| *lines > 0), "{seen:?}");
}
