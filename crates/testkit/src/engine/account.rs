//! A user of this machine for one test: made with subordinate ids, gone afterwards with all its processes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::process::{eventually, run, try_run};

#[derive(Debug)]
pub(super) struct Account {
    name: String,
    uid: u32,
    /// What /run/user/UID is for a person who has logged in.
    run_folder: PathBuf,
    home: PathBuf,
}

impl Account {
    /// Makes a user whose home and run folder lie below `root`, laid out like `/`.
    ///
    /// # Panics
    /// When `useradd` refuses.
    pub(super) fn new(root: &Path) -> Self {
        let folder = root.file_name().expect("a scratch folder has a name").to_string_lossy();
        // `fathom-podman-PID-N` is short enough for a user's name.
        let name = folder.into_owned();
        let home = root.join("home").join(&name);
        run(Command::new("useradd").arg("--no-create-home").arg("--home-dir").arg(&home).arg(&name));
        let uid = run(Command::new("id").args(["--user", &name])).parse().expect("a uid is a number");
        let account = Account { run_folder: root.join(format!("run/user/{uid}")), name, uid, home };
        for folder in [&account.home, &account.run_folder] {
            fs::create_dir_all(folder).expect("the folder can be written to");
            account.own(folder);
        }
        let entry = format!("{}:x:{uid}:{uid}::{}:/bin/sh\n", account.name, account.home.display());
        fs::create_dir_all(root.join("etc")).expect("the folder can be written to");
        fs::write(root.join("etc/passwd"), entry).expect("the folder can be written to");
        account
    }

    /// Ends a user's processes and takes the user away, if there is one of that name.
    pub(super) fn remove(name: &str) {
        let uid = try_run(Command::new("id").args(["--user", name])).parse();
        if let Ok(uid) = uid {
            // What podman leaves to hold its user namespace has no other name than its user.
            eventually(|| kill_processes_of(uid) == 0);
            try_run(Command::new("userdel").arg(name));
        }
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    pub(super) fn run_folder(&self) -> &Path {
        &self.run_folder
    }

    /// Gives a file or folder to the user.
    pub(super) fn own(&self, path: &Path) {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.uid)).expect("root gives away what it likes");
    }

    /// `program` as this user, in the user's home.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={}", self.uid)).arg(format!("--regid={}", self.uid));
        command.args(["--clear-groups", "--inh-caps=-all", "--", program]);
        command.env("HOME", &self.home).env("XDG_RUNTIME_DIR", &self.run_folder).env("USER", &self.name);
        command.env_remove("DBUS_SESSION_BUS_ADDRESS").current_dir(&self.home);
        command
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        Account::remove(&self.name);
    }
}

/// Says how many there were. Zombies are their parents' business.
fn kill_processes_of(uid: u32) -> usize {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let killed = entries.filter(|entry| {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let Some(process) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { return false };
        let is_theirs = entry.metadata().is_ok_and(|about| about.uid() == uid);
        let is_zombie = fs::read_to_string(entry.path().join("status")).is_ok_and(|text| text.contains("State:\tZ"));
        is_theirs && !is_zombie && pidfd_send_signal(process, Signal::KILL).is_ok()
    });
    killed.count()
}
