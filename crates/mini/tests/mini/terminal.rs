//! The shell at a terminal: prompt, line editing, job control.

use std::time::{Duration, Instant};

use crate::toolbox::{Terminal, Toolbox};

const SIZE: (u16, u16) = (24, 80);

/// A shell whose prompt is `$ `, at which it waits.
fn shell(toolbox: &Toolbox) -> Terminal {
    toolbox.file("rc", "PS1='$ '\n");
    let mut terminal = Terminal::start(toolbox, "bash", &["--norc"], Some("xterm"), SIZE);
    terminal.type_in("PS1='$ '; clear\r");
    terminal.until(|screen| screen.trim_end() == "$");
    terminal
}

#[test]
fn statuses_leave_the_shell() {
    let toolbox = Toolbox::new("exit");
    let mut terminal = shell(&toolbox);
    terminal.type_in("exit 5\r");
    assert_eq!(terminal.ends(), 5);
    let mut terminal = shell(&toolbox);
    terminal.type_in("false\r");
    terminal.until(|screen| screen.matches('$').count() == 2);
    terminal.type_in("\x04");
    assert_eq!(terminal.ends(), 1);
}

#[test]
fn jobs_stop_and_go_on() {
    let toolbox = Toolbox::new("jobs");
    let mut terminal = shell(&toolbox);
    terminal.type_in("sleep 98763\r");
    terminal.shows("sleep 98763");
    // The command has the terminal when it is in its own group, which `ps` of another shell could tell; the shell
    // tells it more simply: keys typed too early would be its own.
    await_command(&toolbox, "sleep 98763");
    terminal.type_in("\x1a");
    terminal.shows("Stopped");
    terminal.type_in("clear; jobs\r");
    terminal.until(|screen| screen.starts_with("[1]+  Stopped"));
    terminal.type_in("bg\r");
    terminal.shows("[1]+ sleep 98763 &");
    terminal.type_in("clear; jobs\r");
    terminal.until(|screen| screen.starts_with("[1]+  Running"));
    terminal.type_in("fg\r");
    terminal.until(|screen| screen.trim_end().ends_with("fg\nsleep 98763"));
    terminal.type_in("\x03");
    terminal.until(|screen| screen.trim_end().ends_with('$'));
    terminal.type_in("clear; echo status=$?; jobs\r");
    terminal.until(|screen| screen.starts_with("status=0\n$") || screen.starts_with("status=130\n$"));
}

/// Waits until a command runs, by asking /proc again and again as `pgrep` does.
fn await_command(toolbox: &Toolbox, line: &str) {
    let start = Instant::now();
    while toolbox.run("pgrep", &["-fx", line]).status != 0 {
        assert!(start.elapsed() < crate::toolbox::PATIENCE, "{line} does not start");
    }
}

#[test]
fn a_pipeline_stops_as_a_whole() {
    let toolbox = Toolbox::new("pipeline");
    let mut terminal = shell(&toolbox);
    terminal.type_in("sleep 98764 | cat\r");
    await_command(&toolbox, "sleep 98764");
    terminal.type_in("\x1a");
    terminal.shows("Stopped");
    terminal.type_in("kill -9 %1; wait; clear; pgrep -f 'sleep 9876[4]'; echo over=$?\r");
    terminal.until(|screen| screen.starts_with("over=1"));
}

#[test]
fn background_jobs_are_listed_and_told() {
    let toolbox = Toolbox::new("background");
    let mut terminal = shell(&toolbox);
    terminal.type_in("sleep 98767 &\r");
    terminal.until(|screen| screen.lines().any(|line| line.starts_with("[1] ")));
    terminal.type_in("clear; jobs\r");
    terminal.until(|screen| screen.starts_with("[1]+  Running") && screen.contains("sleep 98767"));
    terminal.type_in("fg %1\r");
    terminal.until(|screen| screen.trim_end().ends_with("fg %1\nsleep 98767"));
    terminal.type_in("\x03");
    terminal.until(|screen| screen.trim_end().ends_with('$'));
    terminal.type_in("clear; sh -c 'exit 0' & wait; jobs; echo none\r");
    terminal.shows("none");
}

#[test]
fn interrupting_a_loop_ends_it() {
    let toolbox = Toolbox::new("loops");
    for text in [
        "while true; do sleep 0.01; echo round; done",
        "while :; do :; done",
        "for i in $(seq 99999); do :; done | cat",
        "f() { while :; do sleep 0.01; echo round; done; }; f | cat",
        "bash -c 'while :; do sleep 0.01; echo round; done'",
    ] {
        let mut terminal = shell(&toolbox);
        terminal.type_in(&format!("echo started; {text}\r"));
        terminal.until(|screen| screen.lines().any(|line| line == "started"));
        // A signal that falls between fork and exec of a child is lost with the child's old handlers: as a person
        // would, we press again when nothing happens.
        let ended = (0..10).any(|_| {
            terminal.type_in("\x03");
            terminal.until_within(Duration::from_secs(2), |screen| screen.trim_end().ends_with('$'))
        });
        assert!(ended, "{text} goes on");
        terminal.type_in("clear; echo over\r");
        terminal.until(|screen| screen.starts_with("over\n$"));
    }
}

#[test]
fn interrupting_a_list_ends_it() {
    let toolbox = Toolbox::new("loop");
    let mut terminal = shell(&toolbox);
    terminal.type_in("sleep 98768; echo after\r");
    await_command(&toolbox, "sleep 98768");
    terminal.type_in("\x03");
    terminal.until(|screen| screen.trim_end().ends_with('$'));
    terminal.type_in("echo still here=$?\r");
    let screen = terminal.shows("\nstill here=130");
    assert!(!screen.contains("\nafter"), "{screen}");
}

/// An empty screen, and the shell waiting: keys that the terminal itself understands are its own while a command runs.
fn clear(terminal: &mut Terminal) {
    terminal.type_in("clear\r");
    terminal.until(|screen| screen.trim_end() == "$");
}

#[test]
fn lines_are_edited() {
    let toolbox = Toolbox::new("edit");
    let mut terminal = shell(&toolbox);
    // Home, a word, End, erase a word, arrows, delete.
    terminal.type_in("two thre\x7f\x7f\x7f\x7f\x01echo one \x05three\x17four\x1b[D\x1b[D\x1b[3~x\r");
    terminal.shows("\none two foxr");
    // Up, and down to what was being typed.
    terminal.type_in("echo second\r");
    terminal.shows("\nsecond");
    clear(&mut terminal);
    terminal.type_in("echo dra\x1b[A\x1b[A\x1b[A\x1b[B\x1b[B\x1b[Bft\r");
    terminal.shows("\ndraft");
    // Reverse search, which Enter runs.
    clear(&mut terminal);
    terminal.type_in("\x12sec\r");
    terminal.shows("\nsecond");
    // Given up by ^C: a new prompt, nothing run.
    clear(&mut terminal);
    terminal.type_in("echo never\x03echo $?\r");
    terminal.until(|screen| screen.contains("^C\n$ echo $?\n130"));
}

#[test]
fn names_are_completed() {
    let toolbox = Toolbox::new("complete");
    toolbox.sh("mkdir folder; echo inside > 'folder/a file'; touch folder/alpha folder/beta");
    let mut terminal = shell(&toolbox);
    terminal.type_in("cat fol\ta\t");
    terminal.type_in("\t");
    terminal.until(|screen| screen.contains("a\\ file") && screen.contains("alpha"));
    terminal.type_in("\\ \t\r");
    terminal.shows("inside");
}

#[test]
fn long_lines_wrap_and_can_be_edited() {
    let toolbox = Toolbox::new("wrap");
    let mut terminal = shell(&toolbox);
    let long = "x".repeat(100);
    terminal.type_in(&format!("echo {long}\x01\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C-n \x05 end\r"));
    // What stood in the last columns is blank on some rows: only the letters count.
    let letters = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
    terminal.until(|screen| letters(screen) == letters(&format!("$ echo -n {long} end{long} end$")));
}

#[test]
fn what_is_typed_early_is_not_lost() {
    let toolbox = Toolbox::new("early");
    let mut terminal = shell(&toolbox);
    terminal.type_in("cat\rfor the cat\r");
    terminal.shows("\nfor the cat");
    terminal.type_in("\x04echo next\r");
    terminal.shows("\nnext");
    terminal.type_in("clear\rfor i in 1 2\rdo echo n$i\rdone\r");
    terminal.until(|screen| screen.contains("\nn1\nn2\n"));
}

#[test]
fn the_prompt_comes_at_once() {
    let toolbox = Toolbox::new("prompt");
    let start = Instant::now();
    let terminal = Terminal::start(&toolbox, "bash", &["--norc"], Some("xterm"), SIZE);
    terminal.until(|screen| screen.contains("# ") || screen.contains("$ ") || screen.trim_end().ends_with(['#', '$']));
    let first = terminal.first_byte().expect("a byte") - start;
    // A debug build on a busy machine; the release build is measured by the benchmarks.
    assert!(first.as_millis() < 2000, "{first:?}");
}

#[test]
fn terminals_without_size_or_abilities_will_do() {
    let toolbox = Toolbox::new("poor");
    for (term, size) in [
        (Some("xterm"), (0, 0)),
        (Some("xterm"), (1000, 1000)),
        (Some("dumb"), SIZE),
        (None, SIZE),
        (Some("nosuch"), (1, 1)),
    ] {
        let mut terminal = Terminal::start(&toolbox, "sh", &[], term, size);
        terminal.type_in("echo $((40+2)); exit 3\r");
        assert_eq!(terminal.ends(), 3, "TERM={term:?} {size:?}");
    }
}

#[test]
fn a_terminal_that_hangs_up_ends_the_shell() {
    let toolbox = Toolbox::new("hangup");
    let mut terminal = shell(&toolbox);
    terminal.type_in("echo $$ > pid\r");
    terminal.until(|screen| screen.matches('$').count() == 4);
    let pid = std::fs::read_to_string(toolbox.path("pid")).expect("its number");
    drop(terminal);
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists());
}

#[test]
fn nothing_is_saved() {
    let toolbox = Toolbox::new("saved");
    let mut terminal = Terminal::start(&toolbox, "env", &["HOME=.", "bash"], Some("xterm"), SIZE);
    terminal.type_in("echo secret\rexit\r");
    assert_eq!(terminal.ends(), 0);
    toolbox.sh("ls -A").gives("bin\n");
}
