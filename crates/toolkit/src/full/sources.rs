//! Where this machine gets its distribution's packages from, as apt itself sees it.

use std::collections::BTreeSet;
use std::process::Command;

use super::failed;
use crate::error::Error;

/// What mmdebstrap is given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sources {
    /// `bookworm`.
    pub(super) suite: String,
    /// Files of `/etc/apt` that name the distribution's own packages, with their keys and options.
    pub(super) files: Vec<String>,
}

/// Asks apt. Sources of third parties are left out: their packages are not wanted, and their keys may be missing.
pub(super) fn of_this_machine() -> Result<Sources, Error> {
    const FORMAT: &str = "$(ORIGIN)|$(CODENAME)|$(SOURCESENTRY)";
    let asked = Command::new("apt-get").args(["indextargets", "--format", FORMAT, "Created-By: Packages"]).output();
    let output = asked.map_err(|e| failed(format!("cannot ask apt for its sources: {e}")))?;
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    parse(&String::from_utf8_lossy(&output.stdout), &system)
        .ok_or_else(|| failed("apt knows no package lists of this distribution"))
}

fn parse(targets: &str, system: &str) -> Option<Sources> {
    let id = setting(system, "ID")?;
    let codename = setting(system, "VERSION_CODENAME")?;
    let own = targets.lines().filter_map(|line| {
        let mut parts = line.splitn(3, '|');
        let (origin, _codename, entry) = (parts.next()?, parts.next()?, parts.next()?);
        let (file, _line) = entry.rsplit_once(':')?;
        origin.eq_ignore_ascii_case(&id).then(|| file.to_owned())
    });
    let files: Vec<String> = own.collect::<BTreeSet<_>>().into_iter().collect();
    (!files.is_empty()).then_some(Sources { suite: codename, files })
}

/// A value of `os-release`.
fn setting(system: &str, key: &str) -> Option<String> {
    let mut pairs = system.lines().filter_map(|line| line.split_once('='));
    pairs.find(|(name, _)| *name == key).map(|(_, value)| value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: &str = "NAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=bookworm\nID=debian\n";

    #[test]
    fn takes_the_distributions_own_files_once() {
        let targets = "Debian|bookworm|/etc/apt/sources.list.d/debian.sources:1\n\
                       Debian|bookworm-security|/etc/apt/sources.list.d/debian.sources:2\n\
                       Vendor|stable|/etc/apt/sources.list.d/vendor.list:1\n\
                       Debian|bookworm|/etc/apt/sources.list:3\n";
        let files = vec!["/etc/apt/sources.list".to_owned(), "/etc/apt/sources.list.d/debian.sources".to_owned()];
        assert_eq!(parse(targets, SYSTEM), Some(Sources { suite: "bookworm".to_owned(), files }));
    }

    #[test]
    fn nothing_known_is_said() {
        assert_eq!(parse("", SYSTEM), None);
        assert_eq!(parse("$(ORIGIN)|$(CODENAME)|/etc/apt/sources.list:1\n", SYSTEM), None);
        assert_eq!(parse("Debian|bookworm|/etc/apt/sources.list:1\n", ""), None);
    }
}
