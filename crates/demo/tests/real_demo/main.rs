//! The shop for real: opened, asked, killed and closed, each test at a place of its own.

mod ends;
mod runs;
mod shop;
