//! Full-screen programs: less and top.

use std::io::Write;

use crate::toolbox::{Terminal, Toolbox};

const SIZE: (u16, u16) = (10, 40);

fn numbers(toolbox: &Toolbox) {
    let text: String = (1..=200).map(|number| format!("line {number}\n")).collect();
    toolbox.file("text", &text);
}

#[test]
fn less_pages_searches_and_leaves() {
    let toolbox = Toolbox::new("less");
    numbers(&toolbox);
    let mut terminal = Terminal::start(&toolbox, "less", &["text"], Some("xterm"), SIZE);
    terminal.until(|screen| screen.starts_with("line 1\n") && screen.trim_end().ends_with("line 9\n:"));
    terminal.type_in(" ");
    terminal.until(|screen| screen.starts_with("line 10\n"));
    terminal.type_in("j");
    terminal.until(|screen| screen.starts_with("line 11\n"));
    terminal.type_in("b");
    terminal.until(|screen| screen.starts_with("line 2\n"));
    terminal.type_in("/e 1[45]0$\r");
    terminal.until(|screen| screen.starts_with("line 140\n"));
    terminal.type_in("n");
    terminal.until(|screen| screen.starts_with("line 150\n"));
    terminal.type_in("N");
    terminal.until(|screen| screen.starts_with("line 140\n"));
    terminal.type_in("/nosuch\r");
    terminal.shows("pattern not found");
    terminal.type_in("G");
    terminal.until(|screen| screen.contains("line 200\n(END)"));
    terminal.type_in("g");
    terminal.until(|screen| screen.starts_with("line 1\n"));
    terminal.resize(6, 40);
    terminal.type_in("j");
    terminal.until(|screen| screen.starts_with("line 2\n") && screen.contains("line 6\n:"));
    terminal.type_in("q");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn less_reads_a_pipe_and_keys_at_once() {
    let toolbox = Toolbox::new("slow");
    let mut terminal =
        Terminal::start(&toolbox, "sh", &["-c", "{ echo early; sleep 98769; } | less"], Some("xterm"), SIZE);
    terminal.shows("early");
    terminal.type_in("q");
    // `less` has left; the shell waits for the rest of its pipeline.
    terminal.until(|screen| !screen.contains("early"));
    toolbox.run("pkill", &["-f", "^sleep 98769"]).gives("");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn less_follows() {
    let toolbox = Toolbox::new("follow");
    numbers(&toolbox);
    let mut terminal = Terminal::start(&toolbox, "less", &["+F", "text"], Some("xterm"), SIZE);
    terminal.shows("line 200");
    let mut file = std::fs::File::options().append(true).open(toolbox.path("text")).expect("the file");
    file.write_all(b"added\n").expect("room");
    terminal.shows("added");
    terminal.type_in("\x03");
    terminal.shows("(END)");
    terminal.type_in("q");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn less_passes_through_where_there_is_no_terminal() {
    let toolbox = Toolbox::new("through");
    numbers(&toolbox);
    toolbox.sh("less text | tail -n 1; cat text | less | head -n 1").gives("line 200\nline 1\n");
    assert_eq!(toolbox.run("less", &["nosuch"]).status, 1);
}

#[test]
fn top_draws_until_q() {
    let toolbox = Toolbox::new("top");
    let mut terminal = Terminal::start(&toolbox, "top", &["-d", "0.1"], Some("xterm"), (24, 80));
    terminal
        .until(|screen| screen.contains("load average") && screen.contains("%Cpu(s)") && screen.contains("PID USER"));
    terminal.type_in("Mq");
    assert_eq!(terminal.ends(), 0);
}
