//! Taking down every process of a cgroup, so that none escapes by forking.
//!
//! Three ways, best first: `cgroup.kill` (Linux 5.14) is atomic; freezing stops the clock while each process gets its
//! SIGKILL; without a freezer the list is read again until nobody new is in it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::Leaf;
use crate::Error;

/// Files of one cgroup, held open: they work in any root and any mount namespace. Files only, never the folder:
/// whoever gets at a folder's descriptor can climb out of it.
#[derive(Debug)]
pub struct KillSwitch {
    kill: Option<File>,
    /// The file with what to write into it for frozen and for thawed.
    freeze: Option<(File, &'static str, &'static str)>,
    procs: File,
}

impl KillSwitch {
    pub(super) fn open(leaf: &Leaf) -> Result<Self, Error> {
        let writable = |path: &Path| File::options().write(true).open(path).ok();
        let (folder, kill, freeze) = match (&leaf.v2, leaf.v1.last()) {
            (Some(v2), _) => {
                let freeze = writable(&v2.join("cgroup.freeze")).map(|file| (file, "1", "0"));
                (v2, writable(&v2.join("cgroup.kill")), freeze)
            }
            (None, Some(v1)) => (v1, None, writable(&v1.join("freezer.state")).map(|file| (file, "FROZEN", "THAWED"))),
            (None, None) => return Err(Error::NoCgroups),
        };
        let path = folder.join("cgroup.procs");
        let procs = File::open(&path).map_err(|source| Error::Cgroup { what: "open", path, source })?;
        Ok(KillSwitch { kill, freeze, procs })
    }

    /// Kills all that is in the cgroup. Returns when every process has its SIGKILL, not when it is gone.
    pub fn kill(&mut self) -> io::Result<()> {
        if let Some(kill) = &mut self.kill {
            return kill.write_all(b"1");
        }
        self.freeze_with(|(_, frozen, _)| frozen)?;
        let result = self.kill_each();
        self.freeze_with(|(_, _, thawed)| thawed)?;
        result
    }

    /// The numbers of the processes in the cgroup, in our pid namespace (0 for one outside it).
    pub fn pids(&mut self) -> io::Result<Vec<u32>> {
        let mut text = String::new();
        self.procs.rewind()?;
        self.procs.read_to_string(&mut text)?;
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// Whether no live process is in it. Zombies do not count: v2 does not list them and v1 lists them as threads of
    /// none.
    pub fn is_empty(&mut self) -> io::Result<bool> {
        Ok(self.pids()?.is_empty())
    }

    /// Stops every process where it is. `None` where nothing can freeze.
    pub fn freeze(&mut self) -> io::Result<()> {
        self.freeze_with(|(_, frozen, _)| frozen)
    }

    /// Lets frozen processes go on.
    pub fn thaw(&mut self) -> io::Result<()> {
        self.freeze_with(|(_, _, thawed)| thawed)
    }

    fn freeze_with(&mut self, word: fn(&(File, &'static str, &'static str)) -> &'static str) -> io::Result<()> {
        let Some(freeze) = &mut self.freeze else { return Ok(()) };
        let word = word(freeze);
        freeze.0.write_all(word.as_bytes())
    }

    fn kill_each(&mut self) -> io::Result<()> {
        let mut hit = HashSet::new();
        // A process that forks faster than we read is caught by the limit on its number of children.
        for _ in 0..1000 {
            let pids = self.pids()?;
            for pid in &pids {
                self.kill_one(*pid)?;
            }
            // Freezing takes a moment, in which one may fork, and without a freezer any moment will do; but who has
            // its SIGKILL forks no more. Their going is not waited for: v1 lets the frozen die only when thawed.
            if pids.into_iter().filter(|pid| hit.insert(*pid)).count() == 0 {
                return Ok(());
            }
        }
        Err(io::Error::other("processes of the session fork faster than they can be killed"))
    }

    /// The number may be another process's by now: hold it, look whether it is still in the cgroup, then kill.
    fn kill_one(&mut self, pid: u32) -> io::Result<()> {
        let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
        match pidfd_open(number, PidfdFlags::empty()) {
            Ok(handle) => {
                if self.pids()?.contains(&pid) {
                    let _ = pidfd_send_signal(&handle, Signal::KILL);
                }
            }
            // Before 5.3 nothing can hold a process; frozen, it cannot end and lose its number either.
            Err(rustix::io::Errno::NOSYS) => drop(rustix::process::kill_process(number, Signal::KILL)),
            Err(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Host;
    use crate::cgroup::{Layout, Limits};
    use fathom_testkit::{Need, needs};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Child, Command, Stdio};

    /// The parts of this machine's layout, each as if the machine had no other.
    fn layouts() -> Vec<Layout> {
        let whole = Layout::of(&Host::local()).expect("cgroups are mounted");
        let v2 = whole.v2.clone().map(|v2| Layout { v2: Some(v2), v1: Vec::new() });
        let v1 = whole.v1_of("freezer").is_some().then(|| Layout { v2: None, v1: whole.v1.clone() });
        v2.into_iter().chain(v1).collect()
    }

    /// A shell in `leaf`, with two processes below it, that says when it is there.
    fn inhabit(leaf: &Leaf) -> Child {
        use std::io::Read as _;
        let script = "for procs; do echo $$ > $procs/cgroup.procs; done; sleep 1000 & (sleep 1000) & echo; wait";
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).args(leaf.v2.iter().chain(&leaf.v1)).stdout(Stdio::piped());
        let mut shell = shell.spawn().expect("sh runs");
        let mut word = [0];
        shell.stdout.as_mut().expect("it was piped").read_exact(&mut word).expect("it starts");
        shell
    }

    /// Waits until the last process is gone, which the shell's pipe tells.
    fn drained(shell: &mut Child) {
        let mut rest = Vec::new();
        shell.stdout.take().expect("it was piped").read_to_end(&mut rest).expect("a pipe can be read");
        assert_eq!(shell.wait().expect("it is ours").signal(), Some(9));
    }

    #[test]
    fn each_layout_makes_limits_kills_and_removes() {
        needs!(Need::Root);
        for (number, layout) in layouts().into_iter().enumerate() {
            let leaf = Leaf::planned(&layout, &format!("kill-{}-{number}", std::process::id()));
            let limits = Limits { memory: Some(64 << 20), pids: Some(50), cpu_weight: Some(10) };
            let unmet = leaf.create(&limits).expect("root may make cgroups");
            let limited = leaf.v1.iter().find(|path| path.join("pids.max").exists()).or(leaf.v2.as_ref());
            let limited = limited.expect("there is a leaf").join("pids.max");
            assert_eq!(
                std::fs::read_to_string(limited).ok().map(|text| text.trim().to_owned()),
                (!unmet.contains(&"pids")).then(|| "50".to_owned()),
                "{layout:?}: {unmet:?}"
            );
            let mut shell = inhabit(&leaf);
            let mut switch = leaf.kill_switch().expect("it can be opened");
            assert!(switch.pids().expect("it can be read").len() >= 3, "{layout:?}");
            switch.kill().expect("root may kill");
            drained(&mut shell);
            removed(&leaf);
        }
    }

    #[test]
    fn without_cgroup_kill_each_is_frozen_and_killed() {
        needs!(Need::Root);
        for (number, layout) in layouts().into_iter().enumerate() {
            let leaf = Leaf::planned(&layout, &format!("nokill-{}-{number}", std::process::id()));
            leaf.create(&Limits::default()).expect("root may make cgroups");
            for hidden in [Hidden::Kill, Hidden::KillAndFreezer] {
                let mut shell = inhabit(&leaf);
                let mut switch = leaf.kill_switch().expect("it can be opened");
                switch.kill = None;
                if hidden == Hidden::KillAndFreezer {
                    switch.freeze = None;
                }
                switch.kill().expect("root may kill");
                drained(&mut shell);
            }
            removed(&leaf);
        }
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Hidden {
        Kill,
        KillAndFreezer,
    }

    /// A process that has closed its pipe may need a moment more to leave its cgroup.
    fn removed(leaf: &Leaf) {
        let started = std::time::Instant::now();
        while leaf.remove().is_err() {
            assert!(started.elapsed().as_secs() < 5, "{leaf:?} stays");
            std::thread::yield_now();
        }
        assert!(!leaf.exists());
    }
}
