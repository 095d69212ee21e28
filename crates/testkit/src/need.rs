//! What a test needs of the machine, and the record of what was skipped for the lack of it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// One thing that a machine may lack.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// Effective uid 0.
    Root,
    /// A program on PATH.
    Program(&'static str),
    /// A file or folder at this path.
    Path(&'static str),
    /// An environment variable that names something outside the repository.
    Variable(&'static str),
}

impl Need {
    /// Why it is not met, or `None` when it is.
    fn lacking(self) -> Option<String> {
        match self {
            Need::Root => (!rustix::process::geteuid().is_root()).then(|| "needs root".to_owned()),
            Need::Program(name) => find_program(name).is_none().then(|| format!("needs the program {name}")),
            Need::Path(path) => (!Path::new(path).exists()).then(|| format!("needs {path}")),
            Need::Variable(name) => std::env::var_os(name).is_none().then(|| format!("needs {name} to be set")),
        }
    }
}

/// Where `name` is on PATH, or in the folders that hold daemons.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Whether any of `needs` is not met; if so the running test's name and the reason go on record.
///
/// # Panics
/// With `FATHOM_TEST_ALL=1`, for a skip that `.ci/allowed-skips` does not name.
pub fn missing(needs: &[Need]) -> bool {
    let Some(reason) = needs.iter().find_map(|need| need.lacking()) else { return false };
    let test = std::thread::current().name().unwrap_or("unnamed").to_owned();
    record(&test, &reason);
    let strict = std::env::var("FATHOM_TEST_ALL").is_ok_and(|value| value == "1");
    assert!(!strict || is_allowed(&test), "skipped: {test}: {reason} (and .ci/allowed-skips does not name it)");
    true
}

/// The workspace's root, found from this crate's own folder.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("testkit lies two folders below the workspace").to_owned()
}

/// Appends to the file that `cargo xtask test` prints at the end. One short write, so that parallel tests do not mix.
fn record(test: &str, reason: &str) {
    let Some(file) = std::env::var_os("FATHOM_SKIPS") else { return };
    if let Ok(mut file) = fs::OpenOptions::new().append(true).create(true).open(file) {
        let _ = file.write_all(format!("{test}: {reason}\n").as_bytes());
    }
}

/// Lines of `.ci/allowed-skips` are `TEST: REASON`; `#` starts a comment.
fn is_allowed(test: &str) -> bool {
    let list = fs::read_to_string(workspace().join(".ci/allowed-skips")).unwrap_or_default();
    list.lines().any(|line| line.split_once(": ").is_some_and(|(name, reason)| name == test && !reason.is_empty()))
}
