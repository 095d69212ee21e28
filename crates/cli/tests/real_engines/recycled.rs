//! Files that name a process which is another one by now: never entered, never shown as the container's.

use std::path::Path;
use std::process::{Child, Command};

use fathom_testkit::engine::{Containerd, Docker, Podman, Runc};
use fathom_testkit::{Need, needs};

use crate::place::{Place, own_name, scratch_like};
use crate::support::Machine;

/// A process that has nothing to do with containers.
struct Bystander(Child);

impl Bystander {
    fn start() -> Self {
        Bystander(Command::new("sleep").arg("1000").spawn().expect("sleep runs"))
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes the bystander's number where the file has the container's, and leaves the file as old as it was.
fn replace(file: &Path, old: u32, new: u32) {
    let written = std::fs::metadata(file).and_then(|about| about.modified()).expect("the engine wrote it");
    let text = std::fs::read_to_string(file).expect("the engine wrote it");
    let changed = text.replace(&old.to_string(), &new.to_string());
    assert_ne!(text, changed, "{} does not name {old}", file.display());
    std::fs::write(file, changed).expect("root can write");
    let opened = std::fs::File::options().write(true).open(file).expect("root can write");
    opened.set_modified(written).expect("root can say when");
}

/// `name` is not entered, and no row of `ps` has the bystander's process.
#[track_caller]
fn assert_refused(place: &Place<'_>, name: &str, bystander: &Bystander) {
    let got = place.run(["enter", name, "--", "echo", "entered"]);
    assert_eq!((got.status, got.stdout.as_str()), (3, ""), "{got:?}");
    let rows = place.rows(&["--all"]);
    assert!(rows.iter().all(|row| row["pid"] != bystander.0.id()), "{rows:#?}");
}

#[test]
fn a_pid_in_runcs_state_that_started_at_another_time_is_not_entered() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    // Older than the state, so only the exact start can tell.
    let bystander = Bystander::start();
    let web = runc.run(&scratch_like(own_name()));
    let state = runc.root().join(format!("run/runc/{}/state.json", own_name()));
    let own = std::fs::read(&state).expect("runc wrote it");
    place.assert_leads_to(own_name(), &web);
    replace(&state, web.pid(), bystander.0.id());
    assert_refused(&place, &format!("runc://{}", own_name()), &bystander);
    // As it was, it is entered again, and runc can take it away.
    std::fs::write(&state, own).expect("root can write");
    place.assert_leads_to(own_name(), &web);
    machine.assert_clean();
}

#[test]
fn a_pid_in_containerds_files_of_a_later_process_is_not_entered() {
    needs!(Need::Root, Need::Program("containerd"));
    let (machine, containerd) = (Machine::new(), Containerd::start());
    let place = Place::of(&machine, containerd.root());
    let web = containerd.run(&scratch_like(own_name()));
    web.kill();
    let file = containerd
        .root()
        .join("run/containerd/io.containerd.runtime.v2.task/default")
        .join(own_name())
        .join("init.pid");
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let bystander = Bystander::start();
    replace(&file, web.pid(), bystander.0.id());
    let opened = std::fs::File::options().write(true).open(&file).expect("root can write");
    opened.set_modified(hour_ago).expect("root can say when");
    assert_refused(&place, own_name(), &bystander);
    machine.assert_clean();
}

#[test]
fn a_pid_in_podmans_files_of_a_process_elsewhere_is_not_entered() {
    needs!(Need::Root, Need::Program("podman"));
    let (machine, podman) = (Machine::new(), Podman::new());
    let place = Place::of(&machine, podman.root());
    let web = podman.run(&scratch_like(own_name()));
    let userdata = podman.root().join("run/containers/storage/vfs-containers").join(web.id()).join("userdata/pidfile");
    // Another container's process: the cgroup that it is in has that one's id.
    let other = podman.run(&scratch_like("other"));
    replace(&userdata, web.pid(), other.pid());
    let got = place.run(["enter", &format!("podman://{}", own_name()), "--", "readlink", "/proc/self/ns/pid"]);
    // /proc still shows where web itself is.
    assert_ne!(got.stdout.trim(), crate::place::pid_namespace(&other), "{got:?}");
    place.assert_leads_to(own_name(), &web);
    machine.assert_clean();
}

#[test]
fn a_pid_in_dockers_files_is_not_entered_when_its_container_died_with_the_daemon() {
    needs!(Need::Root, Need::Program("dockerd"));
    let (machine, docker) = (Machine::new(), Docker::start());
    let place = Place::of(&machine, docker.root());
    let web = docker.run(&scratch_like(own_name()));
    let daemon: i32 = std::fs::read_to_string(docker.root().join("run/docker.pid"))
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .expect("dockerd writes its number");
    let pid = rustix::process::Pid::from_raw(daemon).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("root may");
    place.assert_leads_to(own_name(), &web);
    web.kill();
    let bystander = Bystander::start();
    let config = docker.root().join("var/lib/docker/containers").join(web.id()).join("config.v2.json");
    let text = std::fs::read_to_string(&config).expect("docker wrote it");
    // A reboot's distance: the daemon wrote it down an hour ago.
    let hour = "\"StartedAt\":\"2020-01-01T00:00:00Z\"".to_owned();
    let at = text.find("\"StartedAt\":\"").expect("docker says when");
    let end = at + 13 + text[at + 13..].find('"').expect("a string ends") + 1;
    std::fs::write(&config, format!("{}{hour}{}", &text[..at], &text[end..])).expect("root can write");
    replace(&config, web.pid(), bystander.0.id());
    assert_refused(&place, own_name(), &bystander);
    machine.assert_clean();
}
