//! What a container executes, as far as somebody knows.

use serde::{Deserialize, Serialize};

/// A container's command, from its runtime and from its image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Command {
    /// What the runtime was told to execute: the whole of it.
    pub argv: Option<Vec<String>>,
    /// ENTRYPOINT of the image.
    pub entrypoint: Option<Vec<String>>,
    /// CMD of the image.
    pub cmd: Option<Vec<String>>,
}

impl Command {
    /// Whether it says what is executed.
    pub fn is_enough(&self) -> bool {
        self.argv.is_some() || self.entrypoint.is_some()
    }

    /// With what `other` knows beyond this.
    #[must_use]
    pub fn or(self, other: Command) -> Command {
        Command {
            argv: self.argv.or(other.argv),
            entrypoint: self.entrypoint.or(other.entrypoint),
            cmd: self.cmd.or(other.cmd),
        }
    }
}
