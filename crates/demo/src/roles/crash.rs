//! Does not find its settings, and ends: the sandbox that is to be explained.

use std::time::Duration;

use super::say;

/// What it needs and nobody gives it.
const SETTINGS: &str = "/etc/crash/settings.toml";
/// How long it seems well.
const BRIEFLY: Duration = Duration::from_secs(2);

/// Ends with status 1 after two seconds, unless there are settings.
pub(super) fn main() -> i32 {
    say(format_args!("starting; settings are in {SETTINGS}"));
    std::thread::sleep(BRIEFLY);
    match std::fs::read(SETTINGS) {
        Ok(settings) => {
            say(format_args!("read {} bytes of settings; all is well", settings.len()));
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            say(format_args!("fatal: cannot read {SETTINGS}: {error}"));
            1
        }
    }
}
