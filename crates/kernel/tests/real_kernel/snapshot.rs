//! What there was before one began to look.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use fathom_kernel::snapshot::{Opened, Process, Socket};
use fathom_kernel::{Options, Scope, Snapshot, Source};
use fathom_testkit::{Need, Scratch, needs};

#[test]
fn a_process_is_known_with_all_it_has_open() {
    needs!(Need::Root);
    let folder = Scratch::new("kernel");
    let path = folder.join("a file");
    fs::write(&path, b"x").expect("there is room");
    let script = "exec 7<\"$1\" 8<>\"$2\"; cd \"$2/..\"; echo ready; read _";
    let fifo = folder.join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo can be started");
    assert!(made.success());
    let script = script.replace("/..\"", "_folder\"");
    fs::create_dir(folder.join("fifo_folder")).expect("there is room");
    let mut child = Command::new("sh")
        .args(["-c", &script, "sh"])
        .args([&path, &fifo])
        .env("FATHOM_MARK", "here")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell can be started");
    let mut ready = [0; 6];
    child.stdout.as_mut().expect("it is a pipe").read_exact(&mut ready).expect("the shell says so");

    let mut snapshot = Snapshot::local();
    let process = snapshot.process(child.id()).expect("it lives");
    assert_eq!(process.parent, std::process::id());
    assert_eq!(process.comm, b"sh");
    assert!(process.args.starts_with(b"sh\0-c\0"));
    assert!(process.env.split(|byte| *byte == 0).any(|word| word == b"FATHOM_MARK=here"));
    assert_eq!(process.cwd, folder.join("fifo_folder").to_str().expect("text").as_bytes());
    assert_eq!(process.root, b"/");
    assert!(process.fd_limit > 0 && process.resident_kib > 0);
    assert_eq!(process.threads.len(), 1);
    assert_eq!((process.uid, process.vpid), (0, child.id()));

    let descriptors = snapshot.descriptors(child.id());
    let of = |fd: i32| descriptors.iter().find(|descriptor| descriptor.fd == fd).expect("it is open");
    let meta = fs::metadata(&path).expect("it is there");
    assert_eq!(of(7).what, Opened::File(path.to_str().expect("text").into()));
    assert_eq!((of(7).inode, of(7).device), (meta.ino(), meta.dev()));
    assert_eq!(of(8).what, Opened::Pipe(fifo.to_str().expect("text").into()));
    assert_eq!(of(8).flags & libc::O_ACCMODE as u32, libc::O_RDWR as u32);
    assert_eq!(of(0).what, Opened::Pipe(Vec::new()));
    let _ = child.stdin.take().expect("it is a pipe").write_all(b"\n");
    child.wait().expect("it is our child");
    assert!(snapshot.process(child.id()).is_none(), "it has ended");
}

#[test]
fn sockets_have_their_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    let port = listener.local_addr().expect("it is bound").port();
    let client = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
    let mut snapshot = Snapshot::local();
    let descriptors = snapshot.descriptors(std::process::id());
    let of = |fd: i32| descriptors.iter().find(|descriptor| descriptor.fd == fd).map(|descriptor| &descriptor.what);
    let Some(Opened::Socket(Some(Socket::Internet { local, listening: true, .. }))) = of(listener.as_raw_fd()) else {
        panic!("{:?}", of(listener.as_raw_fd()));
    };
    assert_eq!(local.port(), port);
    let Some(Opened::Socket(Some(Socket::Internet { local, remote, listening: false, .. }))) = of(client.as_raw_fd())
    else {
        panic!("{:?}", of(client.as_raw_fd()));
    };
    assert_eq!((remote.port(), *local), (port, client.local_addr().expect("it is bound")));
    // Made after the tables were read.
    let later = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    let descriptors = snapshot.descriptors(std::process::id());
    let found = descriptors.iter().find(|descriptor| descriptor.fd == later.as_raw_fd()).expect("it is open");
    assert!(matches!(found.what, Opened::Socket(Some(_))), "{found:?}");
}

#[test]
fn a_tree_begins_with_its_root() {
    let mut child = Command::new("sh")
        .args(["-c", "sleep 1000 & echo ready; wait"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell can be started");
    child.stdout.as_mut().expect("it is a pipe").read_exact(&mut [0; 6]).expect("the shell says so");
    let tree = Snapshot::local().tree(child.id());
    assert_eq!(tree.len(), 2);
    assert_eq!((tree[0].pid, tree[1].parent), (child.id(), child.id()));
    let pid = rustix::process::Pid::from_raw(tree[1].pid as i32).expect("no process is 0");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("our child's child");
    child.wait().expect("it is our child");
}

/// Without what changes from one look to the next.
fn settled(mut process: Process) -> Process {
    (process.minor_faults, process.major_faults) = (0, 0);
    (process.size_kib, process.resident_kib, process.swap_kib) = (0, 0, 0);
    process.threads.sort_by_key(|thread| thread.tid);
    process.shared_cgroups = 0;
    process
}

#[test]
fn the_kernel_finds_what_proc_says() {
    needs!(Need::Root);
    let folder = Scratch::new("kernel");
    let words = crate::actor::act(&format!("open {}", folder.path().display()));
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started");
    // What the test runner of that program says comes first.
    let mut said = Vec::new();
    let mut stdout = child.stdout.take().expect("it is a pipe");
    while !said.ends_with(b"ready\n") {
        let mut byte = [0];
        stdout.read_exact(&mut byte).expect("it says so");
        said.extend(byte);
    }

    let mut source = Source::attach(&Options::of(Scope::Trees(Vec::new()))).expect("this machine can be traced");
    let found = source.found();
    let mut snapshot = Snapshot::local();
    let of_proc = snapshot.process(child.id()).expect("it lives");
    let process = found.processes.iter().find(|process| process.pid == child.id()).expect("it lives");
    assert_eq!(settled(process.clone()), settled(of_proc));
    assert_ne!(process.shared_cgroups, 0);
    assert!(process.threads.len() >= 3 && !process.env.is_empty() && process.start > 0);
    let near = |one: u32, other: u32| one.abs_diff(other) <= other / 4 + 64;
    let again = snapshot.process(child.id()).expect("it lives");
    assert!(near(process.resident_kib, again.resident_kib), "{} {}", process.resident_kib, again.resident_kib);

    let descriptors = &found.descriptors[&child.id()];
    let of_proc = snapshot.descriptors(child.id());
    assert!(of_proc.len() > 10, "{of_proc:?}");
    for (one, other) in descriptors.iter().zip(&of_proc) {
        if other.what == Opened::Socket(None) {
            // The tables of `/proc` leave out sockets that are bound to nothing.
            assert_eq!((one.fd, &one.what), (other.fd, &Opened::Socket(Some(Socket::Netlink))));
        } else {
            assert_eq!(one, other);
        }
    }
    assert_eq!(descriptors.len(), of_proc.len());
    drop(child.stdin.take());
    child.wait().expect("it is our child");
    let all = snapshot.processes().len();
    assert!(found.processes.len().abs_diff(all) < all / 2 + 20, "{} and {all}", found.processes.len());
}
