//! With a terminal: a real pty on our side, and what the command makes of its own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use fathom_testkit::engine::{Runc, Running, Spec};
use fathom_testkit::{Need, Scratch, needs};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::{Machine, kill};

/// A person at a terminal.
struct Person {
    master: File,
    client: Child,
    screen: vt100::Parser,
    seen: String,
}

impl Person {
    fn sit_down(machine: &Machine, words: &[&str], columns: u16, rows: u16) -> Person {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("there are terminals");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("it is ours");
        let slave = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("it has another end");
        tcsetwinsize(&master, Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 })
            .expect("it has a size");
        let end = || Stdio::from(OwnedFd::try_clone(&slave).expect("it can be copied"));
        let mut command = machine.fathom(words);
        command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end());
        // A session and a controlling terminal of its own, as a login shell has.
        #[allow(unsafe_code, reason = "the child only makes two system calls before exec")]
        // SAFETY: setsid and an ioctl may be called between fork and exec.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                Ok(rustix::process::ioctl_tiocsctty(std::io::stdin())?)
            });
        }
        let client = command.spawn().expect("fathom starts");
        let size = |cells, usual| NonZeroU16::new(cells).unwrap_or(usual);
        let (lines, width) = (NonZeroU16::new(24).expect("not zero"), NonZeroU16::new(80).expect("not zero"));
        let screen = vt100::Parser::new(size(rows, lines), size(columns, width), 0);
        Person { master: master.into(), client, screen, seen: String::new() }
    }

    fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("somebody reads");
    }

    /// Reads until `text` has been written after the last one.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        let mut buffer = [0u8; 4096];
        for _ in 0..400 {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
            let _ = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 50_000_000 }));
            if fds[0].revents().is_empty() {
                continue;
            }
            let Ok(count) = self.master.read(&mut buffer) else { break };
            self.screen.process(&buffer[..count]);
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        panic!("never saw {text:?}; on the screen:\n{}\nlast: {:?}", self.screen.screen().contents(), self.seen);
    }

    #[track_caller]
    fn leaves_with(mut self, status: i32) {
        let mut rest = Vec::new();
        let _ = self.master.read_to_end(&mut rest);
        assert_eq!(self.client.wait().expect("it ends").code(), Some(status), "{}", String::from_utf8_lossy(&rest));
    }
}

fn target(runc: &Runc) -> (Running, String) {
    let web = runc.run(&Spec::scratch("web", ["/app"]).read_only().user(65532).no_capabilities());
    let target = format!("pid:{}", web.pid());
    (web, target)
}

#[test]
fn a_shell_with_a_terminal_of_its_own() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    for root in ["tools", "target"] {
        let mut person = Person::sit_down(&machine, &["enter", "--root", root, &target], 101, 33);
        person.types("echo \"on $(tty)\"; stty size\r");
        person.sees("on /dev/pts/0");
        person.sees("33 101");
        person.types("exit 5\r");
        person.leaves_with(5);
    }
    machine.assert_clean();
}

#[test]
fn job_control_and_interrupts() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let mut person = Person::sit_down(&machine, &["enter", &target], 80, 24);
    person.types("sleep 1000\r");
    person.sees("sleep 1000");
    wait_for(&machine, "sleep");
    person.types("\x03");
    person.types("echo st=$?.\r");
    person.sees("st=130.");
    person.types("sleep 1001\r");
    person.sees("sleep 1001");
    wait_for(&machine, "sleep");
    person.types("\x1a");
    person.sees("Stopped");
    person.types("jobs\r");
    person.sees("sleep 1001");
    person.types("kill %1; fg 2>/dev/null; echo done=$((1+1)).\r");
    person.sees("done=2.");
    person.types("exit 0\r");
    person.leaves_with(0);
    machine.assert_clean();
}

/// Waits until a command of this name runs in the session.
fn wait_for(machine: &Machine, name: &str) {
    let supervisor = machine.supervisor();
    let runs = crate::support::within(Duration::from_secs(5), || {
        crate::support::descendants(supervisor)
            .iter()
            .any(|pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().starts_with(name))
    });
    assert!(runs, "{name} does not run");
}

#[test]
fn the_size_follows_ours() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let mut person = Person::sit_down(&machine, &["enter", &target], 80, 24);
    person.types("stty size\r");
    person.sees("24 80");
    tcsetwinsize(&person.master, Winsize { ws_col: 132, ws_row: 43, ws_xpixel: 0, ws_ypixel: 0 })
        .expect("it has a size");
    // Our change reaches the command's terminal a moment later.
    let resized = crate::support::within(Duration::from_secs(5), || {
        person.types("echo size=$(stty size).\r");
        person.sees("size=");
        person.sees(".");
        person.screen.screen().contents().contains("size=43 132.")
    });
    assert!(resized, "{}", person.screen.screen().contents());
    person.types("exit\r");
    person.leaves_with(0);
    machine.assert_clean();
}

#[test]
fn terminals_of_no_size_and_of_a_huge_one() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    for (columns, rows) in [(0, 0), (1000, 1000), (1, 1)] {
        let mut person = Person::sit_down(
            &machine,
            &["enter", "-it", &target, "--", "sh", "-c", "stty size; echo fine"],
            columns,
            rows,
        );
        person.sees(&format!("{rows} {columns}"));
        person.leaves_with(0);
    }
    machine.assert_clean();
}

#[test]
fn closing_the_terminal_ends_the_session() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let mut person = Person::sit_down(
        &machine,
        &["enter", &target, "--", "sh", "-c", "trap '' HUP; echo ready; sleep 1000"],
        80,
        24,
    );
    person.sees("ready");
    let Person { master, mut client, .. } = person;
    drop(master);
    client.wait().expect("it ends");
    machine.assert_clean();
}

#[test]
fn a_session_is_left_found_again_and_ended() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let got = machine.run(["enter", "--detach", "-t", "-i", &target]);
    assert_eq!(got.status, 0, "{got:?}");
    let id = got.stdout.trim().to_owned();
    let listed = machine.run(["sessions", "list"]);
    assert!(listed.stdout.contains(&id) && listed.stdout.contains("detached"), "{listed:?}");

    let mut person = Person::sit_down(&machine, &["sessions", "attach", &id], 90, 30);
    person.types("mark=here; stty size\r");
    person.sees("30 90");
    person.types("\x10\x11");
    person.leaves_with(0);
    let mut person = Person::sit_down(&machine, &["sessions", "attach", &id], 80, 24);
    person.types("echo still=$mark.\r");
    person.sees("still=here.");
    person.types("\x10\x11");
    person.leaves_with(0);

    let ended = machine.run(["sessions", "kill", &id]);
    assert_eq!(ended.status, 0, "{ended:?}");
    machine.assert_clean();
    let gone = machine.run(["sessions", "attach", &id]);
    assert!(gone.status == 3 && gone.stderr.contains("there is no session"), "{gone:?}");
}

#[test]
fn a_detached_session_survives_its_client_and_not_its_supervisor() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let got = machine.run(["enter", "--detach", &target, "--", "sleep", "1000"]);
    assert_eq!(got.status, 0, "{got:?}");
    let supervisor = machine.supervisor();
    assert_eq!(machine.run(["sessions", "cleanup"]).stdout, "0 sessions removed, 0 processes ended\n");
    kill([supervisor]);
    machine.assert_clean();
}

#[test]
fn a_session_ends_when_its_time_is_up() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let got = machine.run(["enter", "--ttl", "1s", &target, "--", "sleep", "1000"]);
    assert!(got.status == 137 && got.stderr.contains("time is up"), "{got:?}");
    machine.assert_clean();
}

#[test]
fn a_recording_plays_what_was_seen() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc, folder) = (Machine::new(), Runc::new(), Scratch::new("cast"));
    let (_web, target) = target(&runc);
    let file = folder.join("a.cast").to_string_lossy().into_owned();
    let mut person = Person::sit_down(
        &machine,
        &["enter", "--record", &file, &target, "--", "sh", "-c", "printf 'gr\\303\\274n\\n'"],
        80,
        24,
    );
    person.sees("grün");
    person.leaves_with(0);
    machine.assert_clean();
    let cast = std::fs::read_to_string(file).expect("it was written");
    let lines: Vec<serde_json::Value> =
        cast.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect();
    assert_eq!((&lines[0]["version"], &lines[0]["width"], &lines[0]["height"]), (&2.into(), &80.into(), &24.into()));
    let output: String =
        lines[1..].iter().filter(|event| event[1] == "o").filter_map(|event| event[2].as_str()).collect();
    assert_eq!(output, "grün\r\n");
}
