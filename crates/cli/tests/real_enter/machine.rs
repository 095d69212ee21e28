//! Targets that are no containers: the machine itself, network namespaces, units, bare processes.

use std::path::PathBuf;
use std::process::Command;

use fathom_testkit::{Need, needs};

use crate::support::Machine;

#[test]
fn the_machine_itself_is_at_host() {
    needs!(Need::Root);
    let machine = Machine::new();
    let got = machine.run([
        "enter",
        "host",
        "--",
        "sh",
        "-c",
        "cat /host/proc/sys/kernel/hostname; ls -d /host/etc; hostname",
    ]);
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("it has a name");
    assert_eq!(got.stdout, format!("{name}/host/etc\n{name}"), "{got:?}");
    let got = machine.run([
        "enter",
        "--root",
        "target",
        "host",
        "--",
        "sh",
        "-c",
        "ls -d /etc/debian_version /.fathom; ls /.fathom",
    ]);
    assert!(got.status == 0 && got.stdout.contains("/.fathom\n"), "{got:?}");
    assert!(!std::path::Path::new("/.fathom").exists());
    machine.assert_clean();
}

#[test]
fn a_network_namespace_by_name_and_by_path() {
    needs!(Need::Root, Need::Program("ip"));
    let machine = Machine::new();
    let name = format!("fathom-test-{}", std::process::id());
    let made = Command::new("ip").args(["netns", "add", &name]).status().expect("ip runs");
    assert!(made.success());
    for target in [format!("netns:{name}"), format!("netns:/run/netns/{name}")] {
        let got = machine.run(["enter", &target, "--", "sh", "-c", "ls /sys/class/net; readlink /proc/self/ns/net"]);
        let ours = std::fs::read_link("/proc/self/ns/net").expect("we have one");
        assert!(
            got.status == 0 && got.stdout.starts_with("lo\n") && !got.stdout.contains(&*ours.to_string_lossy()),
            "{got:?}"
        );
    }
    let deleted = Command::new("ip").args(["netns", "delete", &name]).status().expect("ip runs");
    assert!(deleted.success());
    let got = machine.run(["enter", &format!("netns:{name}"), "--", "true"]);
    assert!(got.status == 3 && got.stderr.contains("cannot open the network namespace"), "{got:?}");
    machine.assert_clean();
}

/// A cgroup such as systemd gives a unit, with one process in it.
struct Unit {
    folder: PathBuf,
    process: std::process::Child,
}

impl Drop for Unit {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir(&self.folder);
    }
}

#[test]
fn a_unit_by_its_cgroup() {
    needs!(Need::Root);
    let machine = Machine::new();
    let hierarchy = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.join("cgroup.procs").exists());
    let folder = hierarchy.expect("cgroup v2 is mounted").join(format!("fathom-test-{}.service", std::process::id()));
    std::fs::create_dir(&folder).expect("a cgroup can be made");
    let unit = Unit { folder, process: Command::new("sleep").arg("1000").spawn().expect("sleep runs") };
    std::fs::write(unit.folder.join("cgroup.procs"), unit.process.id().to_string()).expect("it can be entered");
    let name = unit.folder.file_name().expect("it has a name").to_string_lossy().into_owned();
    for target in [format!("unit:{name}"), format!("unit:{}", name.trim_end_matches(".service"))] {
        let got = machine.run(["enter", &target, "--", "sh", "-c", "echo $FATHOM_TARGET_PID"]);
        assert_eq!((got.status, got.stdout.trim()), (0, unit.process.id().to_string().as_str()), "{got:?}");
    }
    drop(unit);
    let got = machine.run(["enter", "unit:no-such-unit", "--", "true"]);
    assert!(got.status == 3 && got.stderr.contains("no process of the unit"), "{got:?}");
    machine.assert_clean();
}
