//! Tools for text and bytes: grep, sed, a pager, dumps and archives.

use std::ffi::OsString;

use crate::coreutils;

/// `sed`, by uutils.
pub(crate) fn sed(argv: Vec<OsString>) -> i32 {
    coreutils::run("sed", argv, sed::sed::uumain)
}
