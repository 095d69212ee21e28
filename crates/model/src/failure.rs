//! Why something did not happen, in words that survive the way from one process to another: made anywhere, printed by
//! `cli`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Hint;

/// What kind of failure it is; `cli` turns it into an exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The words make no sense for this target.
    Usage,
    /// The target is not there, or has ended.
    NotFound,
    /// We are not allowed.
    Denied,
    /// This kernel or machine cannot.
    Unsupported,
    /// The command exists and cannot be executed: status 126.
    NotExecutable,
    /// There is no such command: status 127.
    NoCommand,
    /// Everything else that is not the target's doing, a full disk or memory for instance.
    System,
}

/// A failure in words that survive the way from one process to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its kind.
    pub class: Class,
    /// What failed, on what.
    pub message: String,
    /// Why.
    pub cause: Option<String>,
    /// One thing to try.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a deeper cause.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Failure { class, message: message.into(), cause: None, hint: None }
    }

    /// With advice.
    #[must_use]
    pub fn hinting(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Hint for Failure {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It exited.
    Exited(i32),
    /// A signal killed it.
    Killed(i32),
}

impl Ending {
    /// As a shell reports it.
    pub fn status(self) -> i32 {
        match self {
            Ending::Exited(status) => status,
            Ending::Killed(signal) => 128 + signal,
        }
    }
}
