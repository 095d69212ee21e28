//! A folder of links to the program, and a terminal to use it at.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use fathom_testkit::Scratch;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// How long anything may take before a test fails; nothing waits that long when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A scratch folder whose `bin` holds a link for each applet.
pub(crate) struct Toolbox {
    scratch: Scratch,
}

impl Toolbox {
    pub(crate) fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        std::fs::create_dir(scratch.join("bin")).expect("a folder for links");
        for applet in fathom_mini::APPLETS {
            let link = scratch.join("bin").join(applet.name);
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_fathom-mini"), link).expect("a link");
        }
        Toolbox { scratch }
    }

    /// A path in the scratch folder, where commands run.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Writes a file there.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// An applet with its words, in the scratch folder, with nothing but PATH in its environment.
    pub(crate) fn command(&self, name: &str, words: &[&str]) -> Command {
        let mut command = Command::new(self.path("bin").join(name));
        command.args(words).current_dir(self.scratch.path()).env_clear().env("PATH", self.path("bin"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(&self, name: &str, words: &[&str]) -> Ran {
        Ran::of(self.command(name, words).output().expect("the program runs"))
    }

    /// Runs it with something on stdin.
    #[track_caller]
    pub(crate) fn feed(&self, name: &str, words: &[&str], input: &str) -> Ran {
        let mut command = self.command(name, words);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        Ran::of(child.wait_with_output().expect("it ends"))
    }

    /// Runs a text in the shell.
    #[track_caller]
    pub(crate) fn sh(&self, text: &str) -> Ran {
        self.run("sh", &["-c", text])
    }

    /// Starts it in the background; it is killed when dropped.
    pub(crate) fn start(&self, name: &str, words: &[&str]) -> Started {
        let mut command = self.command(name, words);
        Started(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program runs"))
    }
}

/// What came of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Ran {
            status: output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Checks that it printed this, and nothing on stderr, and ended well.
    #[track_caller]
    pub(crate) fn gives(&self, stdout: &str) {
        assert_eq!((self.status, self.stdout.as_str(), self.stderr.as_str()), (0, stdout, ""));
    }
}

impl Ran {
    /// Checks how it ended.
    #[track_caller]
    pub(crate) fn status_is(&self, status: i32) {
        assert_eq!(self.status, status, "{self:?}");
    }
}

/// A running command.
pub(crate) struct Started(pub(crate) Child);

impl Started {
    /// Reads its stdout until that holds `text`.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        let stdout = self.0.stdout.as_mut().expect("a pipe");
        let mut byte = [0];
        while !String::from_utf8_lossy(&seen).contains(text) {
            assert_eq!(stdout.read(&mut byte).expect("a pipe"), 1, "ended at {:?}", String::from_utf8_lossy(&seen));
            seen.push(byte[0]);
        }
        String::from_utf8_lossy(&seen).into_owned()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and needs not be.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command at a terminal of its own: what it draws is on a screen that can be asked.
pub(crate) struct Terminal {
    child: Child,
    master: File,
    screen: Arc<(Mutex<Screen>, Condvar)>,
}

struct Screen {
    parser: vt100::Parser,
    /// When the first byte came.
    first: Option<Instant>,
    ended: bool,
}

impl Terminal {
    /// Starts `name` as the leader of a session at a new terminal.
    pub(crate) fn start(
        toolbox: &Toolbox,
        name: &str,
        words: &[&str],
        term: Option<&str>,
        (rows, columns): (u16, u16),
    ) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).expect("its other side");
        unlockpt(&master).expect("its other side");
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(master.as_fd(), size).expect("a size");
        let path = PathBuf::from(ptsname(&master, Vec::new()).expect("its name").into_string().expect("text"));
        let other = File::options().read(true).write(true).open(path).expect("its other side");
        let mut command = toolbox.command("setsid", &["-c", name]);
        command.args(words);
        if let Some(term) = term {
            command.env("TERM", term);
        }
        let again = || Stdio::from(other.try_clone().expect("a copy"));
        let child = command.stdin(again()).stdout(again()).stderr(again()).spawn().expect("the program runs");
        drop(command);
        drop(other);
        let master = File::from(master);
        // A terminal of no size still needs a screen to look at.
        let parser = vt100::Parser::new(at_least(rows, 24), at_least(columns, 80), 0);
        let screen = Arc::new((Mutex::new(Screen { parser, first: None, ended: false }), Condvar::new()));
        let (mut reader, shared) = (master.try_clone().expect("a copy"), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                // Reading fails when nobody holds the other side any more.
                let length = reader.read(&mut buffer).unwrap_or(0);
                let mut screen = shared.0.lock().expect("no reader panics");
                screen.parser.process(&buffer[..length]);
                screen.first.get_or_insert_with(Instant::now);
                screen.ended = length == 0;
                shared.1.notify_all();
                if length == 0 {
                    return;
                }
            }
        });
        Terminal { child, master, screen }
    }

    /// Types `keys`.
    pub(crate) fn type_in(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits until the screen, as text, is as wanted; gives that text.
    #[track_caller]
    pub(crate) fn until(&self, wanted: impl Fn(&str) -> bool) -> String {
        let guard = self.screen.0.lock().expect("no reader panics");
        let (guard, timeout) = self
            .screen
            .1
            .wait_timeout_while(guard, PATIENCE, |screen| !wanted(&screen.parser.screen().contents()) && !screen.ended)
            .expect("no reader panics");
        let contents = guard.parser.screen().contents();
        assert!(!timeout.timed_out() && wanted(&contents), "the screen stays at:\n{contents}");
        contents
    }

    /// Waits for no longer than this until the screen is as wanted; says whether it is.
    pub(crate) fn until_within(&self, wait: Duration, wanted: impl Fn(&str) -> bool) -> bool {
        let guard = self.screen.0.lock().expect("no reader panics");
        let waiting = |screen: &mut Screen| !wanted(&screen.parser.screen().contents()) && !screen.ended;
        let (guard, _) = self.screen.1.wait_timeout_while(guard, wait, waiting).expect("no reader panics");
        wanted(&guard.parser.screen().contents())
    }

    /// Waits until the screen shows `text`.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> String {
        self.until(|screen| screen.contains(text))
    }

    /// When the first byte came.
    pub(crate) fn first_byte(&self) -> Option<Instant> {
        self.screen.0.lock().expect("no reader panics").first
    }

    /// Changes the size, as a window does.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        self.screen
            .0
            .lock()
            .expect("no reader panics")
            .parser
            .screen_mut()
            .set_size(at_least(rows, 1), at_least(columns, 1));
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(self.master.as_fd(), size).expect("a size");
    }

    /// Waits for the end; gives the status.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> i32 {
        let guard = self.screen.0.lock().expect("no reader panics");
        let (guard, timeout) =
            self.screen.1.wait_timeout_while(guard, PATIENCE, |screen| !screen.ended).expect("no reader panics");
        assert!(!timeout.timed_out(), "still there:\n{}", guard.parser.screen().contents());
        drop(guard);
        self.child.wait().expect("a status").code().expect("no signal")
    }
}

fn at_least(size: u16, least: u16) -> NonZero<u16> {
    NonZero::new(size.max(least)).expect("not zero")
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and needs not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
