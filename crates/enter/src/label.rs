//! The label under which a security module, AppArmor or SELinux, confines a process: read from the target, put on the
//! command of a session that is to be confined like it.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A profile of AppArmor, or a context of SELinux.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "module", content = "name", rename_all = "kebab-case")]
pub enum Label {
    /// `docker-default`
    AppArmor(String),
    /// `system_u:system_r:container_t:s0:c1,c2`
    SeLinux(String),
}

/// Where AppArmor has had files of its own since 5.8, when it learned to live beside other modules.
const APPARMOR: &str = "apparmor/";

impl Label {
    /// The label that the files below `/proc/PID/attr` show, read by `read`; none where nothing confines it.
    pub fn of(read: impl Fn(&str) -> Option<Vec<u8>>) -> Option<Self> {
        let text = read(&format!("attr/{APPARMOR}current")).or_else(|| read("attr/current"))?;
        Self::parse(&String::from_utf8_lossy(&text))
    }

    /// Reads one of these files: `docker-default (enforce)`, or a context with its NUL.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end_matches(['\0', '\n']).trim();
        if text.is_empty() || text == "unconfined" || text == "kernel" {
            None
        } else if let Some((name, mode)) = text.rsplit_once(" (") {
            // A profile in the mode "unconfined" forbids nothing, yet others may be told apart by it.
            mode.ends_with(')').then(|| Label::AppArmor(name.to_owned()))
        } else if text.splitn(3, ':').count() == 3 {
            Some(Label::SeLinux(text.to_owned()))
        } else {
            Some(Label::AppArmor(text.to_owned()))
        }
    }

    /// Asks the kernel to put this label on whatever this thread executes next.
    pub(crate) fn take_on(&self, proc: &Path) -> io::Result<()> {
        let (files, wish): (&[&str], String) = match self {
            Label::AppArmor(name) => (&["apparmor/exec", "exec"], format!("exec {name}")),
            Label::SeLinux(context) => (&["exec"], context.clone()),
        };
        let file = |name: &&str| -> PathBuf { proc.join("thread-self/attr").join(name) };
        let file = files.iter().map(file).find(|path| path.exists()).ok_or(io::ErrorKind::NotFound)?;
        // In one write: the kernel takes what comes at once for the whole wish.
        std::fs::write(file, wish)
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Label::AppArmor(name) => write!(out, "AppArmor profile {name}"),
            Label::SeLinux(context) => write!(out, "SELinux context {context}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use fathom_testkit::Scratch;

    use super::*;

    #[track_caller]
    fn check(current: &str, expect: Option<Label>) {
        assert_eq!(Label::of(|file| (file == "attr/current").then(|| current.as_bytes().to_vec())), expect);
    }

    #[test]
    fn of_apparmor() {
        let profile = |name: &str| Some(Label::AppArmor(name.to_owned()));
        check("docker-default (enforce)\n", profile("docker-default"));
        check("/usr/sbin/ntpd (complain)\n", profile("/usr/sbin/ntpd"));
        check(
            "lxc-c1_</var/lib/lxc>//&:lxc-c1:unconfined (enforce)\n",
            profile("lxc-c1_</var/lib/lxc>//&:lxc-c1:unconfined"),
        );
        check("unconfined\n", None);
    }

    #[test]
    fn of_selinux() {
        let context = "system_u:system_r:container_t:s0:c214,c816";
        check(&format!("{context}\0"), Some(Label::SeLinux(context.to_owned())));
        check("kernel\0", None);
        check("", None);
    }

    #[test]
    fn apparmors_own_file_comes_first() {
        let read = |file: &str| {
            Some(if file == "attr/apparmor/current" { &b"web (enforce)\n"[..] } else { b"other\n" }.to_vec())
        };
        assert_eq!(Label::of(read), Some(Label::AppArmor("web".to_owned())));
    }

    #[test]
    fn the_next_exec_is_asked_for_in_the_modules_own_words() {
        let proc = Scratch::new("attr");
        let attr = proc.path().join("thread-self/attr");
        std::fs::create_dir_all(attr.join("apparmor")).expect("it is ours");
        let asked = |label: &Label, file: &str| {
            std::fs::write(attr.join(file), "").expect("it is ours");
            label.take_on(proc.path()).expect("the file is there");
            std::fs::read_to_string(attr.join(file)).expect("it is ours")
        };
        let profile = Label::AppArmor("docker-default".to_owned());
        assert_eq!(asked(&profile, "exec"), "exec docker-default");
        assert_eq!(asked(&profile, "apparmor/exec"), "exec docker-default");
        assert_eq!(asked(&Label::SeLinux("a:b:c:s0".to_owned()), "exec"), "a:b:c:s0");
        assert!(profile.take_on(&proc.join("nowhere")).is_err());
    }
}
