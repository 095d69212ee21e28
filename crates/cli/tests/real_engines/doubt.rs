//! Names that several containers have, odd names, and names of what does not run.

use fathom_testkit::engine::{Containerd, Docker, Podman, Runc, Spec};
use fathom_testkit::{Need, needs};

use crate::place::{Place, own_name, scratch_like};
use crate::support::Machine;

#[test]
fn a_name_in_two_engines_is_refused_and_both_are_listed() {
    needs!(Need::Root, Need::Program("dockerd"), Need::Program("podman"));
    let (machine, docker, podman) = (Machine::new(), Docker::start(), Podman::new());
    // docker is known by its socket alone, as with a data root of its own; podman by its files.
    let place = Place::of(&machine, podman.root()).with_docker(&docker.socket());
    let (one, other) = (docker.run(&scratch_like(own_name())), podman.run(&scratch_like(own_name())));
    let got = place.run(["enter", own_name(), "--", "true"]);
    assert_eq!((got.status, got.stdout.as_str()), (3, ""), "{got:?}");
    for word in [&format!("docker://{}", &one.id()[..12]), &format!("podman://{}", &other.id()[..12]), "hint:"] {
        assert!(got.stderr.contains(word), "no {word}: {got:?}");
    }
    place.assert_leads_to(&format!("docker://{}", one.id()), &one);
    place.assert_leads_to(&format!("docker://{}", own_name()), &one);
    place.assert_leads_to(&format!("podman://{}", own_name()), &other);
    machine.assert_clean();
}

#[test]
fn the_same_id_in_two_namespaces_is_two_containers() {
    needs!(Need::Root, Need::Program("containerd"));
    let (machine, containerd) = (Machine::new(), Containerd::start());
    let place = Place::of(&machine, containerd.root());
    let root = containerd.cgroup();
    let spec = |namespace: &str| scratch_like(own_name()).cgroup(&format!("{root}/{namespace}/{}", own_name()));
    let one = containerd.run_in("default", &spec("default"));
    let other = containerd.run_in("k8s.io", &spec("k8s.io"));
    let pids = [one.pid(), other.pid()];
    for pid in pids {
        let rows = place.rows(&[]);
        assert!(rows.iter().any(|row| row["pid"] == pid && row["name"] == own_name()), "{pid} is not in {rows:#?}");
    }
    let got = place.run(["enter", &format!("containerd://{}", own_name()), "--", "true"]);
    assert_eq!(got.status, 3, "{got:?}");
    for pid in pids {
        assert!(got.stderr.contains(&format!("pid {pid}")), "{got:?}");
    }
    place.assert_leads_to(&format!("pid:{}", other.pid()), &other);
    machine.assert_clean();
}

#[test]
fn the_start_of_two_ids_is_refused_and_more_of_one_is_enough() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    let (web1, _web2) = (runc.run(&scratch_like("shop-web-1")), runc.run(&scratch_like("shop-web-2")));
    let got = place.run(["enter", "shop-w", "--", "true"]);
    assert_eq!(got.status, 3, "{got:?}");
    assert!(got.stderr.contains("runc://shop-web-1") && got.stderr.contains("runc://shop-web-2"), "{got:?}");
    place.assert_leads_to("shop-web-1", &web1);
    // An exact name wins over those that start with it.
    let short = runc.run(&scratch_like("shop-w"));
    place.assert_leads_to("shop-w", &short);
    machine.assert_clean();
}

#[test]
fn a_dead_container_is_said_to_be_dead() {
    needs!(Need::Root, Need::Program("dockerd"));
    let (machine, docker) = (Machine::new(), Docker::start());
    let place = Place::of(&machine, docker.root());
    let id = docker.finish(&Spec::scratch(own_name(), ["/app", "exit", "3", "0"]));
    for name in [own_name(), &id, &id[..12]] {
        let got = place.run(["enter", name, "--", "true"]);
        assert_eq!(got.status, 3, "{got:?}");
        assert!(got.stderr.contains("is not running") && got.stderr.contains("hint: "), "{got:?}");
    }
    assert!(place.rows(&[]).iter().all(|row| row["name"] != own_name()));
    let row = place.rows(&["--all"]).into_iter().find(|row| row["name"] == own_name()).expect("--all lists the dead");
    assert_eq!((&row["state"], &row["pid"]), (&"exited".into(), &serde_json::Value::Null));
    machine.assert_clean();
}

#[test]
fn a_name_that_is_almost_right_is_guessed() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    let _web = runc.run(&scratch_like("storefront"));
    let got = place.run(["enter", "storefrnot", "--", "true"]);
    assert_eq!(got.status, 3, "{got:?}");
    assert!(got.stderr.contains("hint: did you mean storefront"), "{got:?}");
    machine.assert_clean();
}

#[test]
fn odd_names_are_names() {
    needs!(Need::Root, Need::Program("runc"), Need::Program("dockerd"));
    let (machine, runc, docker) = (Machine::new(), Runc::new(), Docker::start());
    let place = Place::of(&machine, runc.root());
    for name in ["a+b", "web_1.x-y", "-web", "0123", "pod", "docker"] {
        if name.starts_with('-') {
            continue;
        }
        let odd = runc.run(&scratch_like(name));
        place.assert_leads_to(name, &odd);
        assert_eq!(place.row_of(&odd)["name"], name);
    }
    let place = Place::of(&machine, docker.root());
    let odd = docker.run(&scratch_like("A_b.c-d_0"));
    place.assert_leads_to("A_b.c-d_0", &odd);
    for nobody in ["we b", "we\nb", "../web", "", " ", "ウェブ", "web/../web"] {
        let got = place.run(["enter", nobody, "--", "true"]);
        assert!(matches!(got.status, 2 | 3 | 5), "{nobody:?}: {got:?}");
        assert!(got.stderr.starts_with("fathom: ") || got.stderr.starts_with("error:"), "{nobody:?}: {got:?}");
    }
    machine.assert_clean();
}
