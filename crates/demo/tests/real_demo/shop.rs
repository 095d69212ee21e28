//! A shop of a test's own, and ways to look at it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fathom_demo::{Place, SandboxStatus, down, status, up};
use fathom_host::{Host, Process};
use fathom_testkit::Scratch;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_fathom-demo-test");
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A place that is closed at the end, whatever the test did.
pub(crate) struct Shop {
    pub(crate) place: Place,
    pub(crate) cgroup: String,
    pub(crate) scratch: Scratch,
}

impl Shop {
    pub(crate) fn new(name: &str) -> Shop {
        let scratch = Scratch::new(name);
        let cgroup = scratch
            .path()
            .file_name()
            .expect("a scratch folder has a readable name")
            .to_str()
            .expect("a scratch folder has a readable name")
            .to_owned();
        Shop { place: Place::at(scratch.join("demo"), Some(&cgroup)), cgroup, scratch }
    }

    pub(crate) fn up(&self) -> Vec<SandboxStatus> {
        up(&self.place, Some(Path::new(PROGRAM))).expect("the shop opens").sandboxes
    }

    pub(crate) fn status(&self, name: &str) -> SandboxStatus {
        let all = status(&self.place).expect("the files are ours").sandboxes;
        all.into_iter().find(|sandbox| sandbox.name == name).expect("it is in the shop")
    }

    pub(crate) fn keeper(&self) -> u32 {
        status(&self.place).expect("the files are ours").keeper.expect("the shop is open")
    }

    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.place.folder().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Every process of the shop, whatever it calls itself: those in the keeper's and the sandboxes' namespaces.
    pub(crate) fn trace(&self) -> Trace {
        let pids = status(&self.place).expect("the files are ours").sandboxes.into_iter().filter_map(|s| s.pid);
        Trace::of(pids.chain([self.keeper()]))
    }

    /// Nothing is left: no process, mount, cgroup, file.
    pub(crate) fn assert_gone(&self, trace: &Trace) {
        assert_eq!(trace.processes(), Vec::<String>::new());
        assert!(!self.place.folder().exists(), "{:?}", self.place.folder());
        let name = self.place.folder().to_str().expect("a readable name");
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc is there");
        assert!(!mounts.contains(name) && !mounts.contains("fathom-demo"), "{mounts}");
        assert_eq!(cgroups_named(&self.cgroup), Vec::<PathBuf>::new());
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = down(&self.place);
    }
}

/// The network namespaces of a shop, to find processes that are left in them. Held open, or another shop's would get
/// their numbers.
#[derive(Default)]
pub(crate) struct Trace(pub(crate) Vec<(PathBuf, fs::File)>);

impl Trace {
    pub(crate) fn of(pids: impl Iterator<Item = u32>) -> Trace {
        let held = |pid| (namespace(pid, "net"), fs::File::open(format!("/proc/{pid}/ns/net")).expect("it lives"));
        Trace(pids.map(held).collect())
    }

    pub(crate) fn processes(&self) -> Vec<String> {
        let pids = Host::local().pids().expect("/proc is there");
        let left = pids.into_iter().filter(|pid| {
            let own = fs::read_link(format!("/proc/{pid}/ns/net"));
            own.is_ok_and(|own| self.0.iter().any(|(name, _)| *name == own))
        });
        left.map(|pid| format!("{pid} {}", fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default()))
            .collect()
    }
}

pub(crate) fn namespace(pid: u32, kind: &str) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).expect("it lives")
}

pub(crate) fn cgroups_named(name: &str) -> Vec<PathBuf> {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    let all = hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]).map(|path| path.join(name));
    all.filter(|path| path.exists()).collect()
}

pub(crate) fn handle(pid: u32) -> OwnedFd {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    pidfd_open(pid, PidfdFlags::empty()).expect("it lives")
}

pub(crate) fn assert_ends(process: impl AsFd) {
    let patience = Timespec::try_from(LONG).expect("a short time fits");
    assert_eq!(poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&patience)), Ok(1), "it lives on");
}

/// For what has no event to wait for: a file that somebody is about to write.
#[track_caller]
pub(crate) fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < LONG, "it does not happen");
        let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 2_000_000 }));
    }
}

/// Connects from where `pid` is. Only the thread goes there.
pub(crate) fn connect_from(pid: u32, address: &str) -> TcpStream {
    let (net, address) = (fs::File::open(format!("/proc/{pid}/ns/net")).expect("it lives"), address.to_owned());
    let thread = std::thread::spawn(move || {
        move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network)).expect("we are root");
        TcpStream::connect(address).expect("somebody listens")
    });
    thread.join().expect("the thread connects")
}

pub(crate) fn get(pid: u32, address: &str, path: &str) -> String {
    let mut stream = connect_from(pid, address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

pub(crate) fn visits(answer: &str) -> u64 {
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    answer.lines().find_map(|line| line.strip_prefix("visits: ")).expect("db counts").parse().expect("a number")
}

pub(crate) fn process(pid: u32) -> Process {
    Host::local().process(pid).expect("it lives")
}
