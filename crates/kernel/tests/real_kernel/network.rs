//! Sockets: who speaks with whom.

use std::net::{Ipv4Addr, Ipv6Addr};

use fathom_kernel::facts::SocketFacts;
use fathom_testkit::{Need, Scratch, needs};

use crate::stage::{Story, play};

/// Ports of both ends, as connect and accept tell them.
fn ports(story: &Story) -> [(u16, u16); 2] {
    let connected = story.exits("connect");
    let (call, _) = connected.last().expect("it was called");
    let client = SocketFacts::new(call.bytes(0)).expect("facts are whole");
    let accepted = [story.exits("accept4"), story.exits("accept")].concat();
    let (call, _) = accepted.last().expect("it was called");
    let server = SocketFacts::new(call.bytes(0)).expect("facts are whole");
    assert_eq!(client.local, server.remote);
    [(client.local_port, client.remote_port), (server.local_port, server.remote_port)]
}

#[test]
fn a_connection_has_both_ends() {
    needs!(Need::Root);
    for (act, family) in [("tcp", 2), ("tcp6", 10)] {
        let story = play(act, |_| {});
        let [(from, to), (server, client)] = ports(&story);
        assert!(from != 0 && to != 0 && from != to);
        assert_eq!((from, to), (client, server), "{act}");
        let connected = story.exits("connect");
        let (call, returned) = connected.last().expect("it was called");
        assert_eq!(returned.value, 0);
        let facts = SocketFacts::new(call.bytes(0)).expect("facts are whole");
        assert_eq!(facts.family, family);
        let address = call.bytes(1);
        assert_eq!(u16::from_be_bytes([address[2], address[3]]), to, "what connect was given");
        if family == 2 {
            assert_eq!(facts.remote[..4], Ipv4Addr::LOCALHOST.octets());
        } else {
            assert_eq!(facts.remote, Ipv6Addr::LOCALHOST.octets());
        }
        let accepted = [story.exits("accept4"), story.exits("accept")].concat();
        let listening = SocketFacts::new(accepted.last().expect("it was called").0.bytes(1)).expect("facts are whole");
        assert_eq!(listening.local_port, to);
        assert!(listening.backlog_max > 0);
    }
}

#[test]
fn datagrams_name_the_other_end() {
    needs!(Need::Root);
    let story = play("udp", |_| {});
    let sent = story.exits("sendto");
    let (call, _) = sent.iter().find(|(call, _)| call.bytes(2) == b"datagram").expect("it was sent");
    let own = SocketFacts::new(call.bytes(0)).expect("facts are whole").local_port;
    let other = u16::from_be_bytes([call.bytes(1)[2], call.bytes(1)[3]]);
    let received = story.exits("recvfrom");
    let (call, _) = received.iter().find(|(call, _)| call.bytes(2) == b"datagram").expect("it was received");
    assert_eq!(u16::from_be_bytes([call.bytes(1)[2], call.bytes(1)[3]]), own, "it comes from the sender");
    assert_eq!(SocketFacts::new(call.bytes(0)).expect("facts are whole").local_port, other);
}

#[test]
fn unix_sockets_have_a_path_and_know_their_peer() {
    needs!(Need::Root);
    let folder = Scratch::new("kernel");
    let path = folder.join("socket");
    let path = path.to_str().expect("the folder's name is text");
    let story = play(&format!("unix {path}"), |_| {});
    let connected = story.exits("connect");
    let (call, _) = connected
        .iter()
        .find(|(call, _)| call.bytes(1).ends_with(b"socket\0") || call.text(1).contains(path))
        .expect("it was called");
    let client = SocketFacts::new(call.bytes(0)).expect("facts are whole");
    assert_eq!(client.family, 1);
    assert_eq!(String::from_utf8_lossy(client.path).trim_end_matches('\0'), path);
    let accepted = [story.exits("accept4"), story.exits("accept")].concat();
    let server = SocketFacts::new(accepted.last().expect("it was called").0.bytes(0)).expect("facts are whole");
    assert_eq!((server.own, server.peer), (client.peer, client.own), "each is the other's peer");
    let bound = story.exits("bind");
    assert!(bound.iter().any(|(call, _)| String::from_utf8_lossy(call.bytes(0)).contains(path)));
}

#[test]
fn messages_come_with_all_their_parts() {
    needs!(Need::Root);
    let story = play("message", |_| {});
    for name in ["sendmsg", "recvmsg"] {
        let calls = story.exits(name);
        let (call, _) = calls.iter().find(|(_, returned)| returned.value == 9).expect("nine bytes");
        let piece = call.bytes(1);
        assert_eq!(piece[..8], 0_u64.to_ne_bytes(), "{name}: no address");
        assert_eq!(piece[24..], *b"head-tail", "{name}");
        let sum = if name == "sendmsg" { 9_u64 } else { 64 };
        assert_eq!(piece[16..24], sum.to_ne_bytes(), "{name}");
    }
}
