//! Somebody to look at: this program again, which does what it is told.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Barrier;

/// Where it is told what to do.
const PART: &str = "FATHOM_STAGE";
/// How many threads write how often.
pub(crate) const THREADS: usize = 4;
pub(crate) const WRITES: usize = 500;

/// This program, to play a part.
pub(crate) fn plays(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "stage::part", "--nocapture"]).env(PART, part);
    command
}

#[test]
fn part() {
    let Ok(part) = std::env::var(PART) else { return };
    match part.as_str() {
        // All threads write, and one that is not the main one becomes another program.
        "threads" => {
            let barrier = Barrier::new(THREADS);
            std::thread::scope(|scope| {
                for number in 0..THREADS {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        let mut null = OpenOptions::new().write(true).open("/dev/null").unwrap();
                        (0..WRITES).for_each(|_| null.write_all(b"abc").unwrap());
                        barrier.wait();
                        if number == THREADS - 1 {
                            let error = Command::new("sh").args(["-c", ": > /dev/null; exec true"]).exec();
                            panic!("{error}");
                        }
                    });
                }
            });
        }
        other => panic!("nobody plays {other}"),
    }
}
