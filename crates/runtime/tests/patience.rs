//! Engines that hang, have died, or are something else: each costs the patience at most, and is named.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use fathom_model::{Engine, Hint, State};
use fathom_runtime::{Listing, Missing, Places, list};
use fathom_testkit::Scratch;

const PATIENCE: Duration = Duration::from_millis(200);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

fn listen(scratch: &Scratch, name: &str) -> UnixListener {
    let path = scratch.join(name);
    std::fs::create_dir_all(path.parent().expect("it has a parent")).expect("scratch is writable");
    UnixListener::bind(path).expect("scratch is writable")
}

/// Answers every connection with the same bytes and hangs up.
fn answer(listener: UnixListener, bytes: Vec<u8>) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&bytes);
        }
    });
}

#[track_caller]
fn only_missing(listing: &Listing) -> &Missing {
    let [missing] = listing.missing.as_slice() else { panic!("{:?}", listing.missing) };
    missing
}

#[test]
fn hanging_engines_cost_the_patience_once() {
    let scratch = Scratch::new("hang");
    let _held = [
        listen(&scratch, "run/containerd/containerd.sock"),
        listen(&scratch, "run/crio/crio.sock"),
        listen(&scratch, "run/docker.sock"),
        listen(&scratch, "run/podman/podman.sock"),
    ];
    let start = Instant::now();
    let listing = list(&Places::rooted(scratch.path()), PATIENCE);
    let took = start.elapsed();
    assert!(took >= PATIENCE && took < PATIENCE + SLACK, "{took:?}");
    assert_eq!(listing.missing.len(), 4);
    for missing in &listing.missing {
        assert!(matches!(missing, Missing::Silent { .. }), "{missing:?}");
        assert!(missing.to_string().ends_with("did not answer within 200 ms"));
        assert!(missing.hint().is_some());
    }
}

#[test]
fn a_hanging_engine_hides_no_other_source() {
    let scratch = Scratch::new("hang-one");
    let _held = listen(&scratch, "run/crio/crio.sock");
    let body = br#"[{"Id":"77","Names":["/web"],"Image":"web:1","State":"paused","Created":5}]"#;
    let head = format!("HTTP/1.1 200 OK\r\nServer: Docker/20\r\nContent-Length: {}\r\n\r\n", body.len());
    answer(listen(&scratch, "run/docker.sock"), [head.as_bytes(), body].concat());
    let state = scratch.join("run/runc/by-hand/state.json");
    std::fs::create_dir_all(state.parent().unwrap()).unwrap();
    std::fs::write(state, br#"{"init_process_pid":7,"created":"2026-11-20T23:50:51Z"}"#).unwrap();
    let listing = list(&Places::rooted(scratch.path()), PATIENCE);
    assert!(matches!(only_missing(&listing), Missing::Silent { .. }));
    let all: Vec<_> = listing.containers.iter().map(|c| (c.id.as_str(), c.engine, c.state)).collect();
    assert_eq!(all, [("77", Engine::Docker, State::Paused), ("by-hand", Engine::Runc, State::Running)]);
}

#[test]
fn a_socket_that_its_engine_left_behind_is_named() {
    let scratch = Scratch::new("dead");
    drop(listen(&scratch, "run/docker.sock"));
    let listing = list(&Places::rooted(scratch.path()), PATIENCE);
    let missing = only_missing(&listing);
    assert!(matches!(missing, Missing::Unreachable { .. }), "{missing:?}");
    assert_eq!(missing.hint().as_deref(), Some("start the engine again, or remove the socket it left"));
}

#[test]
fn a_named_socket_that_is_not_there_is_named_and_a_usual_one_is_not() {
    let scratch = Scratch::new("absent");
    assert!(list(&Places::rooted(scratch.path()), PATIENCE).missing.is_empty());
    let named = Places::rooted(scratch.path()).with_cri("unix:///nowhere.sock").unwrap();
    assert!(
        matches!(only_missing(&list(&named, PATIENCE)), Missing::Unreachable { socket, .. } if socket == Path::new("/nowhere.sock"))
    );
}

#[test]
fn somebody_elses_answers_are_no_containers() {
    let answers: [&[u8]; 6] = [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n[",
        b"",
    ];
    for bytes in answers {
        for socket in ["run/docker.sock", "run/containerd/containerd.sock"] {
            let scratch = Scratch::new("strange");
            answer(listen(&scratch, socket), bytes.to_vec());
            let listing = list(&Places::rooted(scratch.path()), PATIENCE + SLACK);
            let missing = only_missing(&listing);
            assert!(matches!(missing, Missing::Strange { .. }), "{socket}: {bytes:?}: {missing:?}");
            assert!(listing.containers.is_empty());
        }
    }
}
