//! The program inside scratch containers: one static file that needs nothing of the root it runs in.
//!
//! `idle` pauses for ever and, as PID 1, never reaps a child. `idle exit N SECONDS` ends with status N after a while.
//! It is compiled by the testkit's build script and put into roots and images by `engine::image`.

use std::time::Duration;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [verb, status, seconds] = words.as_slice() {
        if let ("exit", Ok(status), Ok(seconds)) = (verb.as_str(), status.parse(), seconds.parse()) {
            std::thread::sleep(Duration::from_secs_f64(seconds));
            std::process::exit(status);
        }
    }
    loop {
        std::thread::park();
    }
}
