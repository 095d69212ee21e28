//! Traces commands, and takes what was printed apart.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

/// How a command is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By programs in the kernel.
    Bpf,
    /// By its stops: we have no right to the other.
    Steps,
}

pub(crate) const WAYS: [Way; 2] = [Way::Bpf, Way::Steps];

impl Way {
    /// `fathom trace` with these words.
    pub(crate) fn trace<A: AsRef<OsStr>>(self, words: impl IntoIterator<Item = A>) -> Command {
        let fathom = env!("CARGO_BIN_EXE_fathom");
        let mut command = match self {
            Way::Bpf => Command::new(fathom),
            Way::Steps => {
                let mut command = Command::new("setpriv");
                command.args(["--bounding-set=-all", "--inh-caps=-all", fathom]);
                command
            }
        };
        command.arg("trace").args(words).stdin(Stdio::null()).env("TZ", "UTC").env("FATHOM_CONFIG", "/dev/null");
        command
    }

    /// Its lines, of a command that ends well.
    pub(crate) fn lines<A: AsRef<OsStr>>(self, words: impl IntoIterator<Item = A>) -> Vec<String> {
        let told = told(&self.trace(words).output().unwrap());
        assert_eq!(told.status, 0, "{self:?}: {}", told.stderr);
        told.stdout.lines().map(str::to_owned).collect()
    }
}

/// What a program said.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn told(output: &Output) -> Told {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = output.status.code().unwrap_or(-1);
    Told { status, stdout: text(&output.stdout), stderr: text(&output.stderr) }
}
