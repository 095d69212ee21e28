//! The commands that this project began with, word for word, with the full toolkit, in containers whose images have
//! none of these programs.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::UdpSocket;
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::sync::Once;

use fathom_testkit::engine::{CABLE, Docker, Podman, Runc, Running, Spec, plug};
use fathom_testkit::{Need, Scratch, needs};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::place::{Engine, Place, own_name};
use crate::support::{Ended, Machine, ended};

/// The full toolkit is in the store: it was, or is made here.
fn with_full_toolkit() {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        let toolkit = |words: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
            ended(command.arg("toolkit").args(words).stdin(Stdio::null()).output().expect("fathom runs"))
        };
        if !toolkit(&["list", "-o", "name"]).stdout.contains("fathom-toolkit:full") {
            let built = toolkit(&["build"]);
            assert_eq!(built.status, 0, "{built:?}");
        }
    });
}

fn enter<'w>(place: &Place<'_>, words: &[&'w str], target: &'w str, command: &[&'w str]) -> Command {
    let all = ["enter", "--toolkit", "full"].iter().chain(words).chain([&target, &"--"]).chain(command).copied();
    place.command(all)
}

fn run(place: &Place<'_>, target: &str, command: &[&str]) -> Ended {
    ended(enter(place, &[], target, command).output().expect("fathom runs"))
}

/// A target that writes to a file for ever, and what it needs to find the name server at the cable's other end.
fn target(settings: &Scratch) -> Spec {
    let servers = settings.join("resolv.conf");
    std::fs::write(&servers, format!("nameserver {}\n", CABLE[1])).expect("a scratch folder can be written to");
    let script = "while true; do echo tick >> /log; sleep 0.1; done";
    Spec::busybox(own_name(), ["sh", "-c", script]).mount_read_only(servers, "/etc/resolv.conf")
}

/// Something that runs until the test is over.
struct Until(Child);

impl Drop for Until {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Packets from the cable's other end.
fn pinging(runc: &Runc, peer: &Running) -> Until {
    let address = CABLE[0].to_string();
    let mut ping = runc.command();
    ping.args(["exec", peer.id(), "ping", &address]).stdin(Stdio::null()).stdout(Stdio::null());
    Until(ping.spawn().expect("runc runs"))
}

/// Answers one question after the other, in the peer's network, until the test's process ends: 192.0.2.7, whatever
/// the name.
fn serve_names(peer: &Running) {
    let network = std::fs::File::open(format!("/proc/{}/ns/net", peer.pid())).expect("it lives");
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
        let socket = UdpSocket::bind((CABLE[1], 53)).expect("nobody else serves names there");
        ready.send(()).expect("the test waits");
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            let _ = socket.send_to(&answer(&question[..length]), from);
        }
    });
    is_ready.recv().expect("the server starts");
}

/// RFC 1035: the header, the question as it was asked, and one address.
fn answer(question: &[u8]) -> Vec<u8> {
    let name = question[12..].iter().position(|byte| *byte == 0).expect("a name ends");
    let mut reply = question[..12 + name + 5].to_vec();
    reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
    reply
}

/// Reads what it writes until all of `enough` has come, in whatever order and pieces; then it is killed.
#[track_caller]
fn assert_writes(mut command: Command, enough: &[&str]) {
    let mut child = Until(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("fathom starts"));
    let mut stdout = child.0.stdout.take().expect("it has a pipe");
    let (mut all, mut chunk) = (String::new(), [0; 4096]);
    while !enough.iter().all(|part| all.contains(part)) {
        let count = stdout.read(&mut chunk).expect("a pipe can be read");
        if count == 0 {
            let mut said = String::new();
            let _ = child.0.stderr.take().expect("it has a pipe").read_to_string(&mut said);
            panic!("ended without {enough:?}: {all}{said}");
        }
        all.push_str(&String::from_utf8_lossy(&chunk[..count]));
    }
}

/// A target of this engine, a peer at the other end of a cable, and the seeds about networks.
fn assert_sees_the_network<E: Engine>(engine: &E) {
    with_full_toolkit();
    let (machine, runc, settings) = (Machine::new(), Runc::new(), Scratch::new("settings"));
    let place = Place::of(&machine, engine.root());
    let peer = runc.run(&Spec::busybox(&format!("{}-peer", own_name()), ["sleep", "1000"]));
    let web = engine.run(&target(&settings));
    plug(&web, &peer);
    let _pings = pinging(&runc, &peer);
    serve_names(&peer);

    let got = run(&place, own_name(), &["tcpdump", "-i", "eth0", "-c", "1", "-Xvv", "icmp"]);
    assert_eq!(got.status, 0, "{got:?}");
    assert!(got.stdout.contains("ICMP echo") && got.stdout.contains("0x0000:"), "{got:?}");

    let got = run(&place, own_name(), &["drill", "-V", "5", "shop.example"]);
    assert_eq!(got.status, 0, "{got:?}");
    assert!(got.stdout.contains("192.0.2.7") && got.stdout.contains(&CABLE[1].to_string()), "{got:?}");

    assert_writes(enter(&place, &["-t", "-e", "TERM=xterm"], own_name(), &["iftop", "-i", "eth0"]), &["TX:", "RX:"]);
    let text = run(&place, own_name(), &["iftop", "-i", "eth0", "-n", "-t", "-s", "2"]);
    assert!(text.stdout.contains(&CABLE[1].to_string()), "{text:?}");
    machine.assert_clean();
}

/// The seeds about files, from both roots.
fn assert_sees_the_files<E: Engine>(engine: &E) {
    with_full_toolkit();
    let (machine, settings) = (Machine::new(), Scratch::new("settings"));
    let place = Place::of(&machine, engine.root());
    let web = engine.run(&target(&settings));
    for (root, file) in [("tools", "/proc/1/root/log"), ("tools", "/target/log"), ("target", "/proc/1/root/log")] {
        assert_writes(enter(&place, &["--root", root], own_name(), &["tail", "-f", file]), &["tick\ntick\n"]);
    }
    // The target's busybox is what runs behind the door, and it is where the target is.
    let got = run(&place, own_name(), &["chroot", "/proc/1/root", "/bin/busybox", "readlink", "/bin/sh"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "busybox\n"), "{got:?}");
    let mut shell = enter(&place, &["-i", "-e", "SHELL=/bin/sh"], own_name(), &["chroot", "/proc/1/root"]);
    let shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut shell = Until(shell.expect("fathom starts"));
    shell.0.stdin.take().expect("a pipe").write_all(b"echo in; ls -d /log; exit 4\n").expect("it reads");
    let lines: Vec<String> =
        BufReader::new(shell.0.stdout.take().expect("a pipe")).lines().map_while(Result::ok).collect();
    let status = shell.0.wait().expect("it is ours").code();
    assert!(lines.iter().any(|line| line.contains("/log")) && status == Some(4), "{lines:?} {status:?}");
    assert!(web.is_alive());
    machine.assert_clean();
}

#[test]
fn the_network_of_a_container_of_docker() {
    needs!(Need::Root, Need::Program("dockerd"), Need::Program("runc"), Need::Program("mmdebstrap"));
    assert_sees_the_network(&Docker::start());
}

#[test]
fn the_network_of_a_container_of_podman() {
    needs!(Need::Root, Need::Program("podman"), Need::Program("runc"), Need::Program("mmdebstrap"));
    assert_sees_the_network(&Podman::new());
}

#[test]
fn the_files_of_a_container_of_docker() {
    needs!(Need::Root, Need::Program("dockerd"), Need::Program("mmdebstrap"));
    assert_sees_the_files(&Docker::start());
}

#[test]
fn the_files_of_a_container_of_runc() {
    needs!(Need::Root, Need::Program("runc"), Need::Program("mmdebstrap"));
    assert_sees_the_files(&Runc::new());
}

#[test]
fn the_machine_itself_is_at_host() {
    needs!(Need::Root, Need::Program("mmdebstrap"));
    with_full_toolkit();
    let (machine, scratch) = (Machine::new(), Scratch::new("host"));
    let place = Place::of(&machine, scratch.path());
    std::fs::write(scratch.join("note"), "of the machine\n").expect("a scratch folder can be written to");
    let inside = format!("/host{}", scratch.join("note").display());
    let got = run(&place, "host", &["cat", &inside]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "of the machine\n"), "{got:?}");
    let note = scratch.join("note").display().to_string();
    let got = run(&place, "host", &["chroot", "/host", "cat", &note]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "of the machine\n"), "{got:?}");
    machine.assert_clean();
}
