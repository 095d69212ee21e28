//! Processes: ps, top, pgrep, pkill, lsof, setsid.

use crate::toolbox::Toolbox;

/// A child with a name that no other process has.
fn sleeper(toolbox: &Toolbox, seconds: &str) -> crate::toolbox::Started {
    toolbox.start("sleep", &[seconds])
}

#[test]
fn ps_shows_a_child_in_both_dialects() {
    let toolbox = Toolbox::new("ps");
    let child = sleeper(&toolbox, "98761");
    let pid = child.0.id().to_string();
    for words in [vec!["aux"], vec!["-ef"], vec!["-eo", "pid,args"]] {
        let ran = toolbox.run("ps", &words);
        let row = ran
            .stdout
            .lines()
            .find(|line| line.contains("sleep 98761"))
            .unwrap_or_else(|| panic!("{words:?}: {ran:?}"));
        assert!(row.split_whitespace().any(|cell| cell == pid), "{row}");
    }
    let own = std::process::id();
    toolbox.run("ps", &["-o", "ppid=,stat=,comm=", "-p", &pid]).gives(&format!("{own} S sleep\n"));
    assert_eq!(toolbox.run("ps", &["-p", "4194304"]).status, 1);
}

#[test]
fn namespaces_are_columns() {
    let toolbox = Toolbox::new("ns");
    let pid = std::process::id().to_string();
    let link = std::fs::read_link("/proc/self/ns/net").expect("a namespace").display().to_string();
    let inode: String = link.chars().filter(char::is_ascii_digit).collect();
    toolbox.run("ps", &["-o", "netns=", "-p", &pid]).gives(&format!("{inode}\n"));
}

#[test]
fn top_prints_screens() {
    let toolbox = Toolbox::new("top");
    let pid = std::process::id().to_string();
    let ran = toolbox.run("top", &["-b", "-n", "2", "-d", "0.01", "-p", &pid]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.stdout.matches("load average").count(), 2, "{}", ran.stdout);
    assert_eq!(ran.stdout.lines().filter(|line| line.trim_start().starts_with(&pid)).count(), 2, "{}", ran.stdout);
}

#[test]
fn processes_are_found_and_signalled_by_name() {
    let toolbox = Toolbox::new("pgrep");
    let mut child = sleeper(&toolbox, "98762");
    let pid = child.0.id();
    toolbox.run("pgrep", &["-f", "sleep 98762"]).gives(&format!("{pid}\n"));
    toolbox.run("pgrep", &["-fa", "^/.*sleep 98762$"]).status_is_one_line_of(pid);
    assert_eq!(toolbox.run("pgrep", &["-f", "sleep 9876[x]"]).status, 1);
    toolbox.run("pkill", &["-9", "-f", "sleep 98762"]).gives("");
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(child.0.wait().expect("a child").signal(), Some(9));
}

impl crate::toolbox::Ran {
    #[track_caller]
    fn status_is_one_line_of(&self, pid: u32) {
        assert!(
            self.status == 0 && self.stdout.starts_with(&format!("{pid} ")) && self.stdout.lines().count() == 1,
            "{self:?}"
        );
    }
}

#[test]
fn lsof_shows_open_files() {
    let toolbox = Toolbox::new("lsof");
    toolbox.file("held", "");
    let mut tail = toolbox.start("tail", &["-f", "held", "-n", "1"]);
    // tail has opened it when it can show what is added.
    std::fs::write(toolbox.path("held"), "x\n").expect("room");
    tail.expect("x\n");
    let ran = toolbox.run("lsof", &["-p", &tail.0.id().to_string()]);
    assert!(ran.stdout.lines().any(|line| line.ends_with("/held") && line.contains("REG")), "{ran:?}");
}

#[test]
fn setsid_leads_a_session() {
    let toolbox = Toolbox::new("setsid");
    toolbox.run("setsid", &["-w", "sh", "-c", "[ $(ps -o sid= -p $$) = $$ ]"]).gives("");
    assert_eq!(toolbox.run("setsid", &["-fw", "sh", "-c", "exit 4"]).status, 4);
    assert_eq!(toolbox.run("setsid", &["nosuch"]).status, 127);
    assert_eq!(toolbox.run("setsid", &["/etc/passwd"]).status, 126);
}
