//! Whoever joins a namespace must be the only thread of its process, so asking engines leaves none behind. Alone in its
//! binary, because other tests have threads and descriptors of their own.

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use fathom_runtime::{Places, list};
use fathom_testkit::Scratch;

fn count(of: &str) -> usize {
    fs::read_dir(format!("/proc/self/{of}")).expect("the kernel says it").count()
}

#[test]
fn asking_leaves_no_thread_and_no_descriptor() {
    let scratch = Scratch::new("alone");
    fs::create_dir_all(scratch.join("run/containerd")).unwrap();
    let _docker = UnixListener::bind(scratch.join("run/docker.sock")).unwrap();
    let _containerd = UnixListener::bind(scratch.join("run/containerd/containerd.sock")).unwrap();
    let ask = || list(&Places::rooted(scratch.path()), Duration::from_millis(50));
    // Where another crate of the program asks tokio for signals, its first runtime opens one pair of sockets for good.
    let (threads, _) = (count("task"), ask());
    let before = (threads, count("fd"));
    let listing = ask();
    assert_eq!(listing.missing.len(), 2);
    assert_eq!((count("task"), count("fd")), before);
}
