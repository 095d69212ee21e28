//! Engines that are dead or hang: their containers are found and entered all the same.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use fathom_testkit::engine::{Docker, Runc};
use fathom_testkit::{Need, Scratch, needs};

use crate::place::{Place, own_name, scratch_like};
use crate::support::Machine;

#[test]
fn containers_of_a_killed_dockerd_are_found_by_name() {
    needs!(Need::Root, Need::Program("dockerd"));
    let (machine, docker) = (Machine::new(), Docker::start());
    let place = Place::of(&machine, docker.root());
    let web = docker.run(&scratch_like(own_name()));
    let number = std::fs::read_to_string(docker.root().join("run/docker.pid")).expect("dockerd writes its number");
    let pid = number.trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("root may");
    for name in [own_name(), web.id(), &format!("docker://{}", own_name())] {
        place.assert_leads_to(name, &web);
    }
    let row = place.row_of(&web);
    assert_eq!(
        (&row["name"], &row["image"], &row["runtime"]),
        (&own_name().into(), &"fathom.test/idle:1".into(), &"docker".into())
    );
    machine.assert_clean();
}

#[test]
fn an_engine_that_hangs_is_named_and_nothing_waits_for_it() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc, scratch) = (Machine::new(), Runc::new(), Scratch::new("hangs"));
    let socket = scratch.join("docker.sock");
    // Takes connections and never says a word.
    let _listener = UnixListener::bind(&socket).expect("a scratch folder can be written to");
    let place = Place::of(&machine, runc.root()).with_docker(&socket);
    let web = runc.run(&scratch_like(own_name()));
    let started = Instant::now();
    let listed = place.run(["ps", "-o", "json"]);
    let took = started.elapsed();
    assert_eq!(listed.status, 0, "{listed:?}");
    assert!(listed.stdout.contains(&format!("\"pid\":{}", web.pid())), "{listed:?}");
    let said = format!("the engine at `{}` did not answer within 300 ms", socket.display());
    assert!(listed.stderr.contains(&said), "{listed:?}");
    assert!(took < Duration::from_secs(2), "ps took {took:?}");
    place.assert_leads_to(own_name(), &web);
    machine.assert_clean();
}

#[test]
fn a_socket_that_an_engine_left_is_named() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc, scratch) = (Machine::new(), Runc::new(), Scratch::new("left"));
    let socket = scratch.join("docker.sock");
    drop(UnixListener::bind(&socket).expect("a scratch folder can be written to"));
    let place = Place::of(&machine, runc.root()).with_docker(&socket);
    let web = runc.run(&scratch_like(own_name()));
    let listed = place.run(["ps"]);
    assert!(listed.stderr.contains("cannot reach the engine at"), "{listed:?}");
    assert_eq!(place.row_of(&web)["name"], own_name());
    machine.assert_clean();
}
