//! What the three verbs say: plain data, which `cli` prints.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Serialize;

/// What [`up`](crate::up) did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether there was anything to do.
    pub outcome: Outcome,
    /// What runs.
    pub sandboxes: Vec<SandboxStatus>,
    /// What this machine or user cannot do, and what is lost with it; sentences without a final stop.
    pub missing: Vec<String>,
    /// How long it took until web answered.
    pub took: Duration,
}

/// Whether there was anything to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The shop was opened.
    Started,
    /// It was open already.
    AlreadyUp,
}

/// What [`status`](crate::status) found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The keeper's process; `None` when the shop is closed.
    pub keeper: Option<u32>,
    /// Every sandbox; none when the shop is closed.
    pub sandboxes: Vec<SandboxStatus>,
    /// As in [`Report::missing`].
    pub missing: Vec<String>,
}

/// One sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SandboxStatus {
    /// Its name.
    pub name: String,
    /// The image it would have been made from.
    pub image: String,
    /// Whether it runs.
    pub state: State,
    /// Its first process, while it runs, in this machine's pid namespace.
    pub pid: Option<u32>,
    /// Its address in the shop's network.
    pub address: Ipv4Addr,
    /// Where it listens, if it does.
    pub port: Option<u16>,
    /// How often it was started again.
    pub restarts: u32,
    /// How its last incarnation ended: the exit status, or 128 and the signal.
    pub last_exit: Option<i32>,
    /// Start of its first process, in seconds since 1970.
    pub started: Option<u64>,
}

/// Whether a sandbox runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It does.
    Running,
    /// It ended, and the keeper waits a little before it starts it again.
    Restarting,
}

/// What [`down`](crate::down) ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gone {
    /// Sandboxes that were there; 0 when the shop was closed and nothing was left of an earlier one.
    pub sandboxes: usize,
}
