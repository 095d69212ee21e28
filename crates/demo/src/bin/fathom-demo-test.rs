//! The demo's roles without the rest of `fathom`: takes its role from the name it was called by, or else from
//! `up FOLDER CGROUP`, `down FOLDER CGROUP`, for tests that need another user or a process to kill.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use fathom_demo::Place;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let status = match arguments.get(1).and_then(|word| word.to_str()) {
        Some(verb @ ("up" | "down")) if fathom_demo::role(&arguments).is_none() => run(verb, &arguments[2..]),
        _ => fathom_demo::main(arguments),
    };
    ExitCode::from(u8::try_from(status & 0xff).unwrap_or(u8::MAX))
}

fn run(verb: &str, arguments: &[OsString]) -> i32 {
    let [folder, cgroup] = arguments else { return 2 };
    let place = Place::at(folder, cgroup.to_str().filter(|name| !name.is_empty()));
    let said = match verb {
        "up" => fathom_demo::up(&place, None).map(|report| format!("{report:#?}")),
        _ => fathom_demo::down(&place).map(|gone| format!("{gone:#?}")),
    };
    let (text, status) = match said {
        Ok(text) => (text, 0),
        Err(error) => (format!("{error}: {:?}", std::error::Error::source(&error)), 1),
    };
    let _ = writeln!(std::io::stdout(), "{text}");
    status
}
