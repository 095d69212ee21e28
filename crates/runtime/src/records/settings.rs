//! Settings that say where else to look: podman's `storage.conf`, and the homes in `/etc/passwd`.

use std::path::PathBuf;

/// Where containers/storage keeps what survives a reboot, and what does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Storage {
    /// `graphroot`.
    pub graph_root: Option<PathBuf>,
    /// `runroot`.
    pub run_root: Option<PathBuf>,
}

/// The two folders in a `storage.conf`. It is TOML, of which two plain strings are looked for; a value that needs
/// the environment (`$HOME`) is not taken.
pub fn storage_conf(text: &str) -> Storage {
    let value = |name: &str| {
        let mut lines =
            text.lines().filter_map(|line| line.trim_start().strip_prefix(name)?.trim_start().strip_prefix('='));
        let value = lines.next()?.trim_start();
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let inner = value[1..].split(quote).next()?;
        (inner.starts_with('/') && !inner.contains('$')).then(|| PathBuf::from(inner))
    };
    Storage { graph_root: value("graphroot"), run_root: value("runroot") }
}

/// Every user's uid and home in an `/etc/passwd` (passwd(5)).
pub fn homes(text: &str) -> Vec<(u32, PathBuf)> {
    let user = |line: &str| {
        let mut fields = line.split(':').skip(2);
        let (uid, home) = (fields.next()?.parse().ok()?, fields.nth(2)?);
        home.starts_with('/').then(|| (uid, PathBuf::from(home)))
    };
    text.lines().filter_map(user).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_in_storage_conf() {
        let text = "[storage]\n# graphroot = \"/no\"\ndriver = \"overlay\"\n  graphroot=\"/data/storage\" # big\nrunroot = '/run/x'\n";
        let expect = Storage { graph_root: Some("/data/storage".into()), run_root: Some("/run/x".into()) };
        assert_eq!(storage_conf(text), expect);
        assert_eq!(storage_conf("graphroot = \"$HOME/x\"\nrunroot = \"\"\n"), Storage::default());
        assert_eq!(storage_conf("graphroot =\nrunroot"), Storage::default());
    }

    #[test]
    fn homes_of_users() {
        let text = "root:x:0:0:root:/root:/bin/sh\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\nno:x:5:5::none:\n";
        assert_eq!(homes(text), [(0, "/root".into()), (1000, "/home/ann".into())]);
    }
}
