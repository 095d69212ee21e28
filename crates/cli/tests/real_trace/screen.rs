//! Tables on a terminal: each takes the place of the one before, none is larger than the screen, and the terminal is as
//! it was when all is over.

use std::process::Command;

use fathom_testkit::{Need, needs};

/// What a terminal of 80 columns and 24 rows is sent while `words` run on it.
fn on_terminal(words: &str) -> String {
    let fathom = env!("CARGO_BIN_EXE_fathom");
    let shown = format!("stty cols 80 rows 24; {}", words.replace("FATHOM", fathom));
    let mut script = Command::new("script");
    script.args(["-qec", &shown, "/dev/null"]).env("TERM", "xterm").env("FATHOM_CONFIG", "/dev/null");
    let output = script.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Tables, one after the other.
fn frames(sent: &str) -> Vec<Vec<String>> {
    let frames = sent.split("\x1b[2J\x1b[0;0H").skip(1);
    let lines = |frame: &str| {
        let frame = frame.replace("\x1b[?25l", "").replace("\x1b[?25h", "");
        frame.lines().map(|line| line.trim_end_matches('\r').to_owned()).filter(|line| !line.is_empty()).collect()
    };
    frames.map(lines).filter(|lines: &Vec<String>| lines.iter().any(|line| line.contains("Process"))).collect()
}

const HIDE: &str = "\x1b[?25l";
const SHOW: &str = "\x1b[?25h";

/// More processes than a screen has rows, and then a smaller screen.
const MANY: &str = "i=0; while [ $i -lt 40 ]; do /bin/true; i=$((i+1)); done; sleep 1.1; \
                    stty rows 10 cols 50 < /dev/tty; i=0; while [ $i -lt 40 ]; do /bin/true; i=$((i+1)); done; sleep 1.1";

#[test]
fn tables_fit_on_the_screen_whatever_its_size() {
    needs!(Need::Root, Need::Program("script"));
    let sent = on_terminal(&format!("FATHOM trace -c topprocs_errors -- sh -c '{MANY}'"));
    let frames = frames(&sent);
    assert!(frames.len() >= 2, "{sent:?}");
    for frame in &frames {
        assert!(frame[0].starts_with("#Errors"), "{frame:?}");
        assert!(frame.len() <= 23 && frame.iter().all(|line| line.chars().count() <= 80), "{frame:?}");
    }
    assert!(frames.iter().any(|frame| frame.len() == 23), "there are more processes than rows: {frames:?}");
    let small = frames.iter().filter(|frame| frame.len() == 9);
    let small: Vec<_> = small.filter(|frame| frame.iter().all(|line| line.chars().count() <= 50)).collect();
    assert!(!small.is_empty(), "{frames:?}");
    let (hidden, shown) = (sent.find(HIDE).unwrap(), sent.rfind(SHOW).unwrap());
    assert!(hidden < shown && sent.rfind(HIDE) < Some(shown), "the cursor is back: {sent:?}");
}

#[test]
fn who_interrupts_gets_the_terminal_back() {
    needs!(Need::Root, Need::Program("script"));
    let command = "sh -c \"while :; do /bin/true; kill -INT \\$PPID; done\"";
    let sent = on_terminal(&format!("FATHOM trace -c topprocs_errors -- {command}; echo; stty -a"));
    assert!(!frames(&sent).is_empty(), "{sent:?}");
    assert!(sent.rfind(HIDE) < sent.rfind(SHOW), "the cursor is back: {sent:?}");
    assert!(sent.contains(" echo ") && sent.contains(" icanon "), "{sent:?}");
}
