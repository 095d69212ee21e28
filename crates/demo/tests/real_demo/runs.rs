//! What is there while it is open, and how often it can be.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fathom_demo::{Error, Place, SandboxStatus, State, down, status, up};
use fathom_model::Hint as _;
use fathom_testkit::{Need, Scratch, needs};
use rustix::process::{Signal, pidfd_send_signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::shop::*;

#[test]
fn web_answers_through_api_and_db() {
    needs!(Need::Root);
    let shop = Shop::new("demo-answers");
    let sandboxes = shop.up();
    let names: Vec<_> = sandboxes.iter().map(|sandbox| sandbox.name.as_str()).collect();
    assert_eq!(names, ["web", "api", "db", "crash"]);
    let pid = shop.status("web").pid.expect("web runs");
    let first = visits(&get(pid, "10.231.0.2:8080", "/"));
    let second = visits(&get(pid, "10.231.0.3:8080", "/items"));
    assert!(second > first, "{first} {second}");
    assert!(get(pid, "10.231.0.2:8080", "/nowhere").starts_with("HTTP/1.1 404 "));

    let mut db = BufReader::new(connect_from(pid, "10.231.0.4:6400"));
    db.get_mut().write_all(b"GET visits\n").unwrap();
    let mut answer = String::new();
    db.read_line(&mut answer).unwrap();
    assert!(answer.trim().parse::<u64>().unwrap() >= second, "{answer}");
    // The volume is a folder of the machine.
    let kept = fs::read_to_string(shop.place.folder().join("data/shop.db")).unwrap();
    assert!(kept.contains("visits="), "{kept}");
    assert!(shop.log("customer").contains("GET http://web:8080/ 200 "), "{}", shop.log("customer"));
    assert!(shop.log("api").contains("10.231.0.2 \"GET /items HTTP/1.1\" 200 "), "{}", shop.log("api"));
}

#[test]
fn each_sandbox_is_what_its_row_says() {
    needs!(Need::Root);
    let shop = Shop::new("demo-rows");
    for sandbox in shop.up().iter().filter(|sandbox| sandbox.name != "crash") {
        let pid = sandbox.pid.expect("it runs");
        let facts = process(pid);
        let row = fathom_demo::shop::SANDBOXES.iter().find(|row| row.name == sandbox.name).unwrap();
        assert_eq!((facts.uid, facts.gid, facts.groups.len()), (row.user, row.user, 0), "{}", sandbox.name);
        assert_eq!((facts.own_pid(), facts.name.as_str()), (1, sandbox.name.as_str()));
        for kind in ["mnt", "pid", "net", "ipc", "uts", "cgroup"] {
            assert_ne!(namespace(pid, kind), namespace(std::process::id(), kind), "{} {kind}", sandbox.name);
        }
        let root = PathBuf::from(format!("/proc/{pid}/root"));
        assert_eq!(fs::read_to_string(root.join("etc/hostname")).unwrap().trim(), sandbox.name);
        assert!(fs::read_to_string(root.join("etc/hosts")).unwrap().contains("10.231.0.4 db\n"));
        let uts = fs::File::open(format!("/proc/{pid}/ns/uts")).unwrap();
        let named = std::thread::spawn(move || {
            move_into_link_name_space(uts.as_fd(), Some(LinkNameSpaceType::HostNameAndNISDomainName)).unwrap();
            rustix::system::uname().nodename().to_str().unwrap().to_owned()
        });
        assert_eq!(named.join().unwrap(), sandbox.name);
        let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        assert!(cgroup.contains(&format!(":/{}/{}\n", shop.cgroup, sandbox.name)), "{cgroup}");
        // Only our own pipes and sockets, and nothing of the machine's.
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
            let to = fs::read_link(entry.unwrap().path()).unwrap_or_default();
            let to = to.to_str().unwrap();
            assert!(to.starts_with("pipe:") || to.starts_with("socket:") || to == "/dev/null", "{} {to}", sandbox.name);
        }
    }
    assert_eq!(memory_limits(&shop.cgroup), ["67108864"; 4]);
}

fn memory_limits(cgroup: &str) -> Vec<String> {
    let files = |name: &str| {
        let paths = [
            format!("/sys/fs/cgroup/{cgroup}/{name}/memory.max"),
            format!("/sys/fs/cgroup/memory/{cgroup}/{name}/memory.limit_in_bytes"),
        ];
        paths.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default().trim().to_owned()
    };
    ["web", "api", "db", "crash"].map(files).to_vec()
}

#[test]
fn web_is_like_an_image_from_scratch() {
    needs!(Need::Root);
    let shop = Shop::new("demo-web");
    shop.up();
    let pid = shop.status("web").pid.expect("web runs");
    let facts = process(pid);
    assert_eq!((facts.uid, facts.no_new_privs), (65532, 1));
    assert_eq!(facts.capabilities, fathom_host::process::Capabilities::default());
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let entries = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(entries.collect::<BTreeSet<_>>(), BTreeSet::from(["dev", "etc", "proc", "web"].map(str::to_owned)));
    for file in ["new", "etc/hosts"] {
        let refused = fs::write(root.join(file), "").unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem, "{file}");
    }
    // Who gets out of the sandbox cannot change the program for the others (CVE-2019-5736).
    let refused = fs::OpenOptions::new().append(true).open(root.join("web")).unwrap_err();
    assert!(
        matches!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::ExecutableFileBusy),
        "{refused}"
    );
    let api = PathBuf::from(format!("/proc/{}/root/tmp/items", shop.status("api").pid.unwrap()));
    assert!(fs::read_to_string(api).unwrap().contains("tea: "));
}

#[test]
fn crash_ends_and_comes_back_as_another_process() {
    needs!(Need::Root);
    let shop = Shop::new("demo-crash");
    shop.up();
    let first = shop.status("crash").pid.expect("crash has just been started");
    assert_ends(handle(first));
    let next = eventually(|| Some(shop.status("crash")).filter(|crash| crash.pid.is_some_and(|pid| pid != first)));
    assert_eq!((next.state, next.last_exit), (State::Running, Some(1)));
    assert!(next.restarts >= 1);
    assert!(shop.log("crash").contains("fatal: cannot read /etc/crash/settings.toml: "), "{}", shop.log("crash"));
    // Its network works again, too.
    let web = shop.status("web").pid.unwrap();
    assert_ne!(namespace(next.pid.unwrap(), "net"), namespace(web, "net"));
}

#[test]
fn who_is_killed_comes_back_and_the_shop_goes_on() {
    needs!(Need::Root);
    let shop = Shop::new("demo-killed");
    shop.up();
    let first = shop.status("db").pid.unwrap();
    pidfd_send_signal(handle(first), Signal::KILL).unwrap();
    let next = eventually(|| Some(shop.status("db")).filter(|db| db.pid.is_some_and(|pid| pid != first)));
    assert_eq!((next.restarts, next.last_exit), (1, Some(128 + 9)));
    let web = shop.status("web").pid.unwrap();
    // One answer may still be about the connection that was lost.
    eventually(|| Some(()).filter(|()| get(web, "10.231.0.2:8080", "/").starts_with("HTTP/1.1 200 ")));
}

#[test]
fn up_twice_is_one_shop() {
    needs!(Need::Root);
    let shop = Shop::new("demo-twice");
    let open = || up(&shop.place, Some(Path::new(PROGRAM))).expect("it opens");
    let (one, other) = std::thread::scope(|scope| {
        let (one, other) = (scope.spawn(open), scope.spawn(open));
        (one.join().unwrap(), other.join().unwrap())
    });
    let outcomes = BTreeSet::from([format!("{:?}", one.outcome), format!("{:?}", other.outcome)]);
    assert_eq!(outcomes, BTreeSet::from(["AlreadyUp".to_owned(), "Started".to_owned()]));
    let pids = |sandboxes: &[SandboxStatus]| sandboxes.iter().take(3).map(|sandbox| sandbox.pid).collect::<Vec<_>>();
    assert_eq!(pids(&one.sandboxes), pids(&other.sandboxes));
    assert_eq!(pids(&shop.up()), pids(&one.sandboxes));
}

#[test]
fn two_places_are_two_shops() {
    needs!(Need::Root);
    let (one, other) = (Shop::new("demo-one"), Shop::new("demo-other"));
    one.up();
    other.up();
    assert_ne!(one.keeper(), other.keeper());
    let (trace, web) = (one.trace(), other.status("web").pid.unwrap());
    down(&one.place).expect("it closes");
    one.assert_gone(&trace);
    assert_eq!(other.status("web").pid, Some(web));
    assert!(visits(&get(web, "10.231.0.2:8080", "/")) > 0);
}

#[test]
fn without_root_the_shop_opens_in_a_user_namespace_and_says_what_is_missing() {
    needs!(Need::Root, Need::Path("/proc/self/ns/user"));
    let scratch = Scratch::new("demo-user");
    let program = scratch.join("program");
    fs::copy(PROGRAM, &program).unwrap();
    fs::create_dir(scratch.join("run")).unwrap();
    std::os::unix::fs::chown(scratch.join("run"), Some(1000), Some(1000)).unwrap();
    let place = Place::at(scratch.join("run/demo"), None);
    let as_user = |verb: &str| {
        let mut command = Command::new(&program);
        let output = command.arg(verb).arg(place.folder()).arg("").uid(1000).gid(1000).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    let said = as_user("up");
    assert!(said.contains("other ids need root") && said.contains("no memory limit"), "{said}");
    let found = status(&place).unwrap();
    let web = found.sandboxes.iter().find(|sandbox| sandbox.name == "web").unwrap();
    let facts = process(web.pid.unwrap());
    assert_eq!((facts.uid, facts.no_new_privs, facts.own_pid()), (1000, 1, 1));
    assert_eq!(facts.capabilities, fathom_host::process::Capabilities::default());
    // From outside, by another user's verb: root may look.
    let log = fs::read_to_string(place.folder().join("customer.log")).unwrap();
    assert!(log.contains(" 200 "), "{log}");
    let trace = Trace::of(found.sandboxes.iter().filter_map(|sandbox| sandbox.pid).chain(found.keeper));
    as_user("down");
    assert_eq!(trace.processes(), Vec::<String>::new());
    assert!(!place.folder().exists());
}

#[test]
fn a_program_that_web_may_not_run_is_named_and_nothing_is_left() {
    needs!(Need::Root);
    let shop = Shop::new("demo-refused");
    let program = shop.scratch.join("program");
    fs::copy(PROGRAM, &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let error = up(&shop.place, Some(&program)).unwrap_err();
    assert_eq!(error.to_string(), "cannot run /web");
    assert!(error.hint().unwrap().contains("readable and executable for everybody"));
    shop.assert_gone(&Trace::default());
}

#[test]
fn other_people_s_folders_are_left_alone() {
    needs!(Need::Root);
    let scratch = Scratch::new("demo-foreign");
    let folder = scratch.join("demo");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(1000), Some(1000)).unwrap();
    let refused = up(&Place::at(&folder, None), Some(Path::new(PROGRAM))).unwrap_err();
    assert!(matches!(&refused, Error::NotOurs(path) if *path == folder), "{refused}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn only_roles_are_run() {
    let words = |name: &str| vec![std::ffi::OsString::from(name)];
    assert_eq!(fathom_demo::role(&words("/bin/fathom-demo-web")), Some("fathom-demo-web"));
    assert_eq!(fathom_demo::role(&words("fathom-demo")), None);
    assert_eq!(fathom_demo::role(&[]), None);
    assert_eq!(fathom_demo::main(words("fathom-demo-nobody")), 2);
    assert_eq!(fathom_demo::main(words("fathom-demo-keeper")), 2);
}
