//! Every system call that makes more than a generic event: what memory it brings along, and which parameters its events
//! have. To add one is to add a row to the file that it belongs to.

use crate::row::Row;

mod descriptor;
mod file;
mod network;
mod notation;
mod process;

const CHAPTERS: &[&[Row]] = &[file::ROWS, descriptor::ROWS, network::ROWS, process::ROWS];

/// All rows.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    CHAPTERS.iter().copied().flatten()
}

/// The row of a call; calls without one have nothing but numbers.
pub fn row(name: &str) -> Option<&'static Row> {
    rows().find(|row| row.name == name)
}
