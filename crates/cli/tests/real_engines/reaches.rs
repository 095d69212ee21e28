//! `fathom why --probe`: names and connections tried from a container's own network, and what each answer means. The
//! networks are two containers' with a cable between them; rules and servers are in the other one's.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::mpsc;

use fathom_testkit::engine::{CABLE, Runc, Running, Spec, plug};
use fathom_testkit::{Need, Scratch, needs};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use crate::place::{Place, own_name};
use crate::support::Machine;

const THERE: Ipv4Addr = CABLE[1];

/// Makes a socket in a container's network, in a thread of its own, since a thread is where it is for ever.
fn inside<T: Send + 'static>(container: &Running, make: impl FnOnce() -> T + Send + 'static) -> T {
    let network = std::fs::File::open(format!("/proc/{}/ns/net", container.pid())).expect("it lives");
    let (put, take) = mpsc::channel();
    std::thread::spawn(move || {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may join a network");
        put.send(make()).expect("the test waits");
    });
    take.recv().expect("the thread answers")
}

fn rule(container: &Running, words: &[&str]) {
    let pid = container.pid().to_string();
    let mut command = Command::new("nsenter");
    let status = command.args(["--net", "--target", &pid, "iptables", "-A", "INPUT"]).args(words).status();
    assert!(status.expect("iptables runs").success(), "{words:?}");
}

/// The causes that are named of the container, with all that is said of them.
fn causes(place: &Place<'_>, name: &str, peer: &str) -> Vec<(String, Value)> {
    let got = place.run(["why", name, &format!("--probe={peer}"), "-o", "json"]);
    assert_eq!(got.stderr, "", "{got:?}");
    let answer: Value = serde_json::from_str(&got.stdout).unwrap_or_else(|error| panic!("{error}: {got:?}"));
    let findings = answer["findings"].as_array().cloned().unwrap_or_default();
    let own = |finding: &Value| finding["object"].as_str().is_some_and(|object| object.ends_with(&format!("/{name}")));
    let code = |finding: &Value| finding["code"].as_str().unwrap_or_default().to_owned();
    findings.iter().filter(|finding| own(finding)).map(|finding| (code(finding), finding.clone())).collect()
}

fn codes(place: &Place<'_>, name: &str, peer: &str) -> Vec<String> {
    causes(place, name, peer).into_iter().map(|(code, _)| code).collect()
}

/// Two containers on a cable: who asks, and who is asked.
fn two(runc: &Runc) -> (Running, Running) {
    let (one, other) = (own_name().to_owned(), format!("{}-db", own_name()));
    let pair = (runc.run(&Spec::scratch(&one, ["/app"])), runc.run(&Spec::scratch(&other, ["/app"])));
    plug(&pair.0, &pair.1);
    pair
}

#[test]
fn a_refusal_is_told_by_who_sent_it() {
    needs!(Need::Root, Need::Program("runc"), Need::Program("iptables"), Need::Program("nsenter"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    let (one, other) = two(&runc);
    let _listener = inside(&other, || TcpListener::bind((THERE, 7001)).expect("the port is free"));
    rule(&other, &["-p", "tcp", "--dport", "7003", "-j", "REJECT"]);
    rule(&other, &["-p", "tcp", "--dport", "7004", "-j", "DROP"]);
    let name = one.name();
    assert_eq!(codes(&place, name, &format!("{THERE}:7001")), [""; 0], "it is reached");
    for (peer, code) in [
        (format!("{THERE}:7002"), "net.port-closed"),
        (format!("{THERE}:7003"), "net.host-firewall"),
        (format!("{THERE}:7004"), "net.dropped"),
        ("198.18.0.77:80".to_owned(), "net.host-gone"),
        ("203.0.113.5:80".to_owned(), "net.route-missing"),
    ] {
        let found = causes(&place, name, &peer);
        assert_eq!(found.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), [code], "{peer}: {found:#?}");
        if code == "net.host-firewall" {
            assert!(found[0].1["proofs"].to_string().contains(&THERE.to_string()), "who refused: {found:#?}");
        }
    }
    machine.assert_clean();
}

#[test]
fn packets_that_vanish_by_their_size_are_told_of() {
    needs!(Need::Root, Need::Program("runc"), Need::Program("nsenter"), Need::Program("ip"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    let (one, other) = two(&runc);
    let _listener = inside(&other, || TcpListener::bind((THERE, 7001)).expect("the port is free"));
    assert_eq!(codes(&place, one.name(), &format!("{THERE}:7001")), [""; 0]);
    // What is larger than an end of the cable takes is dropped there without a word.
    let pid = other.pid().to_string();
    let words = ["--net", "--target", &pid, "ip", "link", "set", "eth0", "mtu", "1300"];
    assert!(Command::new("nsenter").args(words).status().expect("ip runs").success());
    let found = causes(&place, one.name(), &format!("{THERE}:7001"));
    assert_eq!(found.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["net.mtu"], "{found:#?}");
    let proofs = found[0].1["proofs"].to_string();
    assert!(proofs.contains("1280") && proofs.contains("1400"), "{proofs}");
    machine.assert_clean();
}

/// Answers every question of a name server's until the test ends: `db.shop.test` is there, all else is not.
fn serve(socket: &UdpSocket) {
    let mut question = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut question) {
        let asked = &question[..length];
        let known = asked.windows(13).any(|part| part == b"\x02db\x04shop\x04test");
        let mut answer = asked.to_vec();
        answer[2] = 0x81;
        answer[3] = if known { 0x80 } else { 0x83 };
        if known {
            answer[7] = 1;
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            answer.extend(THERE.octets());
        }
        let _ = socket.send_to(&answer, from);
    }
}

#[test]
fn names_are_asked_for_as_the_container_would() {
    needs!(Need::Root, Need::Program("runc"), Need::Program("iptables"), Need::Program("nsenter"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    let (one, other) = two(&runc);
    let name = one.name();
    let etc = runc.bundle(name).join("rootfs/etc");
    std::fs::create_dir_all(&etc).expect("a bundle can be written");
    std::fs::write(etc.join("resolv.conf"), format!("nameserver {THERE}\nsearch shop.test\n")).expect("it can");
    let _listener = inside(&other, || TcpListener::bind((THERE, 7001)).expect("the port is free"));

    assert_eq!(codes(&place, name, "db:7001"), ["dns.no-server"], "nobody serves names yet");
    let server = inside(&other, || UdpSocket::bind((THERE, 53)).expect("the port is free"));
    std::thread::spawn(move || serve(&server));
    assert_eq!(codes(&place, name, "db:7001"), [""; 0], "it is found by its search domain");
    assert_eq!(codes(&place, name, "cache:7001"), ["dns.name-unknown"]);
    assert_eq!(codes(&place, name, "db:7002"), ["net.port-closed"]);
    rule(&other, &["-p", "udp", "--dport", "53", "-j", "DROP"]);
    let found = causes(&place, name, "db:7001");
    assert_eq!(found.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["dns.no-server"], "{found:#?}");
    assert!(found[0].1["proofs"].to_string().contains("timeout"), "{found:#?}");
    machine.assert_clean();
}

#[test]
fn of_the_machine_itself_each_name_server_is_asked() {
    needs!(Need::Root, Need::Program("unshare"), Need::Program("ip"));
    let (machine, root) = (Machine::new(), Scratch::new("servers"));
    let place = Place::of(&machine, root.path());
    let (conf, hosts) = (root.join("resolv.conf"), root.join("hosts"));
    std::fs::write(&conf, "nameserver 127.0.0.1\nnameserver 127.0.0.2\n").expect("a scratch folder can be written");
    std::fs::write(&hosts, "127.0.0.1 localhost\n127.0.0.3 db\n").expect("a scratch folder can be written");
    // A machine of its own, as far as names and networks go: nobody listens there.
    let inner = place.command(["why", "host", "-o", "json"]);
    let program = inner.get_program().to_string_lossy().into_owned();
    let codes = |probe: &str| {
        let script = format!(
            "mount --bind {} /etc/resolv.conf && mount --bind {} /etc/hosts && ip link set lo up && exec {program} why host -o json {probe}",
            conf.display(),
            hosts.display()
        );
        let mut command = Command::new("unshare");
        let settings = inner.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let got =
            command.args(["--mount", "--net", "sh", "-c", &script]).envs(settings).output().expect("unshare runs");
        let answer: Value = serde_json::from_slice(&got.stdout).unwrap_or_else(|error| panic!("{error}: {got:?}"));
        let findings = answer["findings"].as_array().cloned().unwrap_or_default();
        let own = findings.iter().filter_map(|one| one["code"].as_str()).filter(|code| !code.starts_with("perf."));
        own.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(codes(""), [""; 0], "nothing is tried unasked");
    assert_eq!(codes("--probe"), ["dns.no-server"]);
    assert_eq!(codes("--probe=db:5432"), ["net.port-closed"], "the hosts file knows it, and no server is asked");
    machine.assert_clean();
}
