//! What this program is by the name that it was called by: the keeper, the customer, or who serves in a sandbox.
//!
//! Each of the five talks to its neighbours over the shop's network and to nobody else, and says on stdout what it
//! did: the material for whoever enters, traces and explains them.

mod api;
mod crash;
mod customer;
mod db;
mod http;
mod web;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use crate::keeper;
use crate::verbs::keeper_main;

/// A program in the program: its name and its main function, which gets the arguments after the name.
type Role = (&'static str, fn(&[OsString]) -> i32);

const ROLES: &[Role] = &[
    (keeper::NAME, keeper_main),
    ("fathom-demo-customer", |_| customer::main()),
    ("fathom-demo-web", |_| web::main()),
    ("fathom-demo-api", |_| api::main()),
    ("fathom-demo-db", |_| db::main()),
    ("fathom-demo-crash", |_| crash::main()),
];

/// The role that the first of `arguments` names, if it names one.
pub fn role(arguments: &[OsString]) -> Option<&'static str> {
    find(arguments).map(|(name, _)| *name)
}

fn find(arguments: &[OsString]) -> Option<&'static Role> {
    let name = Path::new(arguments.first()?).file_name()?;
    ROLES.iter().find(|(known, _)| name == *known)
}

/// Runs the role that the first of `arguments` names. Returns the exit status: 2 when there is no such role.
pub fn main(arguments: Vec<OsString>) -> i32 {
    let Some((_, run)) = find(&arguments) else { return 2 };
    // As first process of a pid namespace it is everybody's last parent, also of what sessions leave behind.
    if arguments[0] != keeper::NAME {
        fathom_host::sys::ignore_signal(libc::SIGCHLD);
    }
    run(&arguments[1..])
}

/// One line on stdout, which is a pipe to the keeper.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}
