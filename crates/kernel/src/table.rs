//! Every system call that brings memory along.

use crate::row::{Copy, Fd, Length, Row, When};

const ROWS: &[Row] = &[
    Row { name: "read", copies: &[(When::Success, Copy::Data(1, Length::Return))] },
    Row { name: "write", copies: &[(When::Always, Copy::Data(1, Length::ReturnOr(2)))] },
    Row { name: "openat", copies: &[(When::Always, Copy::Text(1)), (When::Success, Copy::File(Fd::Return))] },
];

/// The row of a call; calls without one have nothing but numbers.
pub fn row(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}
