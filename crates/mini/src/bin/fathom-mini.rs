//! The toolkit as a program of its own, for this crate's tests: takes its applet from the name it was called by, or
//! else from its first argument. `fathom` itself finds applets the same way.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut argv: Vec<OsString> = std::env::args_os().collect();
    if argv.first().is_some_and(|name| name != "/proc/self/exe" && fathom_mini::find(name).is_none()) {
        argv.remove(0);
    }
    match fathom_mini::called(&mut argv) {
        Some(applet) => ExitCode::from(u8::try_from((applet.run)(argv) & 0xff).unwrap_or(u8::MAX)),
        None => ExitCode::from(127),
    }
}
