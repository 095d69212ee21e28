//! Every source against the engine that writes or answers it.

mod pod;

use std::time::Duration;

use fathom_model::{Container, Engine, State};
use fathom_runtime::{Listing, Places};
use fathom_testkit::engine::{Containerd, Docker, Podman, Runc, Running, Spec, image::Content};
use fathom_testkit::{Need, needs};

/// Longer than a person would wait, because test machines are busy.
const PATIENT: Duration = Duration::from_secs(10);

#[track_caller]
fn record<'a>(listing: &'a Listing, running: &Running) -> &'a Container {
    assert!(listing.missing.is_empty(), "{:?}", listing.missing);
    let found = listing.containers.iter().find(|container| container.id == running.id());
    let found = found.unwrap_or_else(|| panic!("{running:?} is not among {:#?}", listing.containers));
    assert_eq!(found.pid, Some(running.pid()));
    found
}

/// Both ways of asking; what files say may be less, but never something else.
fn ask(places: &Places) -> [Listing; 2] {
    [fathom_runtime::on_disk(places), fathom_runtime::list(places, PATIENT)]
}

/// What runs says it itself, also after it has ended; what never ran is in its image.
#[track_caller]
fn check_command(places: &Places, id: &str) {
    let known = fathom_runtime::command(places, Some(id), "", PATIENT);
    assert_eq!(known.argv.as_deref(), Some(&["/app".to_owned()][..]), "{known:?}");
    let known = fathom_runtime::command(places, None, "fathom.test/idle:1", PATIENT);
    let words = known.entrypoint.iter().chain(&known.cmd).flatten().map(String::as_str).collect::<Vec<_>>();
    assert!(known.argv.is_none() && words == ["/app"], "{known:?}");
    let nobody = fathom_runtime::command(places, Some("nobody"), "fathom.test/idle:2", PATIENT);
    assert!(!nobody.is_enough(), "{nobody:?}");
}

fn web() -> Spec {
    Spec::scratch("web", ["/app"]).label("tier", "front")
}

fn seconds_since_start(container: &Container) -> u64 {
    let now = std::time::UNIX_EPOCH.elapsed().expect("the clock is right").as_secs();
    now.abs_diff(container.started.expect("its start is known"))
}

#[test]
fn runc() {
    needs!(Need::Root, Need::Program("runc"));
    let runc = Runc::new();
    let web = runc.run(&web());
    let odd = runc.run(&Spec::scratch("a.b_c+d", ["/app"]));
    for listing in ask(&Places::rooted(runc.root())) {
        let web = record(&listing, &web);
        assert_eq!((web.engine, web.name.as_deref(), web.state), (Engine::Runc, Some("web"), State::Running));
        assert!(seconds_since_start(web) < 120);
        assert_eq!(record(&listing, &odd).id, "a.b_c+d");
    }
    web.kill();
}

#[test]
fn containerd_with_ctr() {
    needs!(Need::Root, Need::Program("containerd"), Need::Program("ctr"));
    let containerd = Containerd::start();
    let web = containerd.run(&web());
    let other = containerd.run_in("k8s.io", &Spec::scratch("by-hand", ["/app"]));
    let [disk, live] = ask(&Places::rooted(containerd.root()));
    for listing in [&disk, &live] {
        let web = record(listing, &web);
        assert_eq!((web.engine, web.name.as_deref(), web.state), (Engine::Containerd, Some("web"), State::Running));
        assert_eq!(record(listing, &other).pod, None);
    }
    let web = record(&live, &web);
    assert_eq!(web.image.as_deref(), Some("fathom.test/idle:1"));
    assert_eq!(web.labels.get("tier").map(String::as_str), Some("front"));
    check_command(&Places::rooted(containerd.root()), &web.id);
}

#[test]
fn containerd_with_pods() {
    needs!(Need::Root, Need::Program("containerd"), Need::Program("ctr"));
    let containerd = Containerd::start();
    let image = Content::idle();
    containerd.load_in("k8s.io", &image);
    let (sandbox, container) = pod::run(&containerd.socket(), &containerd.cgroup(), &image.name);
    let places = Places::rooted(containerd.root());
    let [disk, live] = ask(&places);
    for listing in [&disk, &live] {
        assert!(listing.missing.is_empty(), "{:?}", listing.missing);
        let by_id = |id: &str| listing.containers.iter().find(|container| container.id == id).expect("it runs");
        let (app, pause) = (by_id(&container), by_id(&sandbox));
        assert_eq!((app.engine, app.name.as_deref(), app.state), (Engine::Containerd, Some("app"), State::Running));
        assert_eq!(app.image.as_deref(), Some("fathom.test/idle:1"));
        assert!(app.pid.is_some() && pause.pid.is_some() && app.pid != pause.pid);
        let pod = app.pod.as_ref().expect("it belongs to a pod");
        assert_eq!((pod.namespace.as_str(), pod.name.as_str(), pod.uid.as_deref()), ("shop", "web-0", Some("u1")));
        assert_eq!(pod.container.as_deref(), Some("app"));
        assert_eq!(pause.pod.as_ref().map(|pod| (pod.name.as_str(), pod.container.as_deref())), Some(("web-0", None)));
    }
    assert_eq!(live.containers.len(), 2);
    // With every file out of sight the engine itself says the same, pids too.
    let elsewhere = Places::rooted(containerd.root().join("nowhere"));
    let told = fathom_runtime::list(&elsewhere.with_cri(&containerd.socket().display().to_string()).unwrap(), PATIENT);
    assert_eq!(told.containers.len(), 2);
    assert!(told.containers.iter().all(|told| live.containers.iter().any(|known| known.pid == told.pid)));
}

#[test]
fn docker() {
    needs!(Need::Root, Need::Program("dockerd"), Need::Program("docker"));
    let docker = Docker::start();
    let web = docker.run(&web());
    let gone = docker.finish(&Spec::scratch("gone", ["/app", "exit", "3", "0"]));
    let [disk, live] = ask(&Places::rooted(docker.root()));
    for listing in [&disk, &live] {
        let web = record(listing, &web);
        assert_eq!((web.engine, web.name.as_deref(), web.state), (Engine::Docker, Some("web"), State::Running));
        assert_eq!(web.image.as_deref(), Some("fathom.test/idle:1"));
        assert_eq!(web.labels.get("tier").map(String::as_str), Some("front"));
        assert!(seconds_since_start(web) < 120);
        let gone = listing.containers.iter().find(|container| container.id == gone).expect("docker keeps it");
        assert_eq!((gone.state, gone.pid, gone.name.as_deref()), (State::Exited, None, Some("gone")));
    }
    check_command(&Places::rooted(docker.root()), web.id());
    docker.command().args(["pause", web.id()]).output().expect("docker runs");
    let paused = fathom_runtime::list(&Places::rooted(docker.root()), PATIENT);
    assert_eq!(record(&paused, &web).state, State::Paused);
    docker.command().args(["unpause", web.id()]).output().expect("docker runs");
    // With every file out of sight the engine itself says the same, pids too.
    let elsewhere = Places::rooted(docker.root().join("nowhere"));
    let address = format!("unix://{}", docker.socket().display());
    record(&fathom_runtime::list(&elsewhere.with_docker(&address).unwrap(), PATIENT), &web);
}

#[test]
fn podman() {
    needs!(Need::Root, Need::Program("podman"), Need::Program("runc"));
    let mut podman = Podman::new();
    let web = podman.run(&web());
    let gone = podman.finish(&Spec::scratch("gone", ["/app", "exit", "3", "0"]));
    let places = Places::rooted(podman.root());
    let check = |listing: &Listing| {
        let web = record(listing, &web);
        assert_eq!((web.engine, web.name.as_deref(), web.state), (Engine::Podman, Some("web"), State::Running));
        assert_eq!(web.image.as_deref(), Some("fathom.test/idle:1"));
        assert!(seconds_since_start(web) < 120);
    };
    for listing in ask(&places) {
        check(&listing);
    }
    podman.serve();
    let live = fathom_runtime::list(&places, PATIENT);
    check(&live);
    assert_eq!(record(&live, &web).labels.get("tier").map(String::as_str), Some("front"));
    let gone = live.containers.iter().find(|container| container.id == gone).expect("podman keeps it");
    assert_eq!((gone.state, gone.pid), (State::Exited, None));
    check_command(&places, web.id());
    let elsewhere = Places::rooted(podman.root().join("nowhere"));
    let address = format!("unix://{}", podman.socket().display());
    let told = fathom_runtime::list(&elsewhere.with_docker(&address).unwrap(), PATIENT);
    assert_eq!(record(&told, &web).engine, Engine::Podman);
}

#[test]
fn podman_without_root() {
    needs!(Need::Root, Need::Program("podman"), Need::Program("runc"), Need::Program("newuidmap"));
    let mut podman = Podman::rootless();
    let web = podman.run(&web());
    let places = Places::rooted(podman.root());
    let check = |listing: &Listing| {
        let web = record(listing, &web);
        assert_eq!((web.engine, web.name.as_deref(), web.state), (Engine::Podman, Some("web"), State::Running));
        assert_eq!(web.image.as_deref(), Some("fathom.test/idle:1"));
    };
    check(&fathom_runtime::on_disk(&places));
    podman.serve();
    let live = fathom_runtime::list(&places, PATIENT);
    check(&live);
    assert_eq!(record(&live, &web).labels.get("tier").map(String::as_str), Some("front"));
}
