//! Tools for text and bytes: grep, sed, a pager, dumps and archives.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};

use crate::coreutils;
use crate::frame::Trouble;

pub(crate) mod archive;
pub(crate) mod bytes;
pub(crate) mod grep;
pub(crate) mod less;
mod pattern;

/// `sed`, by uutils.
pub(crate) fn sed(argv: Vec<OsString>) -> i32 {
    coreutils::run("sed", argv, sed::sed::uumain)
}

/// Opens a file, or stdin for `-`.
fn open(name: &OsStr) -> Result<Box<dyn Read>, Trouble> {
    if name == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let failed = |cause| Trouble::doing(format_args!("cannot open {}", name.display()))(cause);
    let file = File::open(name).map_err(failed)?;
    if file.metadata().is_ok_and(|found| found.is_dir()) {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    Ok(Box::new(file))
}
