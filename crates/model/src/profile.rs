//! The profiles by name: what the command in a session may do. What each grants is a row of the table in `enter`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A named set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the table in `enter` describes each")]
pub enum Profile {
    AsTarget,
    Restricted,
    General,
    Netadmin,
    Sysadmin,
    Host,
}

impl Profile {
    /// Every profile with its name, from few rights to many.
    pub const ALL: &[(Profile, &str)] = &[
        (Profile::AsTarget, "as-target"),
        (Profile::Restricted, "restricted"),
        (Profile::General, "general"),
        (Profile::Netadmin, "netadmin"),
        (Profile::Sysadmin, "sysadmin"),
        (Profile::Host, "host"),
    ];

    /// What users type, and clients say to nodes.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(profile, _)| *profile == self).map_or("", |(_, name)| name)
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
        let known = Self::ALL.iter().find(|(_, name)| *name == text);
        known.map(|(profile, _)| *profile).ok_or_else(|| format!("`{text}` is no profile; there are {}", names()))
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_is_what_it_is_called() {
        for (profile, name) in Profile::ALL {
            assert_eq!(name.parse(), Ok(*profile));
            assert_eq!(profile.to_string(), *name);
        }
        assert_eq!(
            "hots".parse::<Profile>(),
            Err("`hots` is no profile; there are as-target, restricted, general, netadmin, sysadmin, host".to_owned())
        );
    }
}
