//! `fathom ps` with 500 containers: 500 state files as runc writes them, each with a live process in a cgroup.
//!
//! Measured by this program once more, inside a mount namespace in which /run/runc is empty and ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use fathom_testkit::{Scratch, engine::image};
use serde_json::{Value, json};

use super::containers::Containers;
use super::page::Page;
use super::start::timed;
use super::turns::{Contender, Series, take};

const COUNT: usize = 500;

/// What the part inside is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// The program to measure
    program: PathBuf,
    /// A state file that runc wrote
    template: PathBuf,
    rounds: u32,
}

/// Starts the part inside, and puts its numbers on the page.
pub(super) fn measure(containers: &Containers, rounds: u32, page: &mut Page) -> anyhow::Result<()> {
    let (runc, target) = &containers.runc;
    let template = runc.root().join("run/runc").join(target.id()).join("state.json");
    let made = !Path::new(RUNC).exists();
    fs::create_dir_all(RUNC).with_context(|| format!("cannot make {RUNC}"))?;
    let mut inside = Command::new("unshare");
    inside.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().context("we are a file")?);
    inside.args(["bench", "crowd"]).arg(&containers.program).arg(template).arg(rounds.to_string());
    let output = inside.stderr(Stdio::inherit()).output().context("cannot run unshare");
    if made {
        // Another's container may have come meanwhile; then it stays.
        let _ = fs::remove_dir(RUNC);
    }
    let output = output?;
    ensure!(output.status.success(), "the part with {COUNT} containers ended with {}", output.status);
    let lines: Value = serde_json::from_slice(&output.stdout).context("the part inside wrote no JSON")?;
    let series = lines.as_array().into_iter().flatten().map(|line| {
        let times = line["micros"].as_array().into_iter().flatten().filter_map(Value::as_u64);
        Series::new(line["name"].as_str().unwrap_or_default().to_owned(), times.map(Duration::from_micros).collect())
    });
    page.times(
        &format!("A list of {COUNT} containers"),
        "state files of runc, each with a live process in a cgroup of its own",
        series.collect(),
    );
    Ok(())
}

const RUNC: &str = "/run/runc";

/// The part inside.
pub(super) fn inside(words: &Words) -> anyhow::Result<u8> {
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("tmpfs", RUNC, "tmpfs", flags, None).with_context(|| format!("cannot mount over {RUNC}"))?;
    let crowd = Crowd::gather(&words.template)?;
    let mut seen = Command::new(&words.program);
    let listed = seen.args(["ps", "--quiet"]).output().context("cannot run fathom ps")?;
    let listed = String::from_utf8_lossy(&listed.stdout)
        .lines()
        .filter(|id| crowd.ids.iter().any(|own| own.starts_with(id)))
        .count();
    ensure!(listed == COUNT, "`fathom ps` lists {listed} of {COUNT} containers");
    let contenders = vec![
        Contender::new("fathom ps", || timed(Command::new(&words.program).arg("ps"))),
        Contender::new("runc list", || timed(Command::new("runc").arg("list"))),
    ];
    let lines: Vec<Value> = take(contenders, words.rounds)?
        .into_iter()
        .map(|series| json!({ "name": series.name, "micros": series.all().map(|time| time.as_micros() as u64).collect::<Vec<_>>() }))
        .collect();
    println!("{}", Value::from(lines));
    Ok(0)
}

/// 500 processes with their records; all gone when dropped. The records are on a file system that goes with us.
struct Crowd {
    ids: Vec<String>,
    processes: Vec<Child>,
    cgroup: PathBuf,
    _program: Scratch,
}

impl Crowd {
    fn gather(template: &Path) -> anyhow::Result<Self> {
        let template: Value = serde_json::from_slice(&fs::read(template).context("cannot read the template")?)?;
        let scratch = Scratch::new("crowd");
        let program = scratch.join("idle");
        fs::write(&program, image::IDLE)?;
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let cgroup = unified()?.join(format!("fathom-crowd-{}", std::process::id()));
        let mut crowd = Crowd { ids: Vec::new(), processes: Vec::new(), cgroup, _program: scratch };
        for number in 0..COUNT {
            let id = format!("{number:064x}");
            let process = Command::new(&program).stdin(Stdio::null()).spawn().context("cannot start a process")?;
            let pid = process.id();
            crowd.processes.push(process);
            let leaf = crowd.cgroup.join(&id);
            fs::create_dir_all(&leaf).context("cannot make a cgroup")?;
            fs::write(leaf.join("cgroup.procs"), pid.to_string()).context("cannot move a process")?;
            let mut state = template.clone();
            state["id"] = json!(id);
            state["init_process_pid"] = json!(pid);
            state["init_process_start"] = json!(start_of(pid)?);
            fs::create_dir(Path::new(RUNC).join(&id))?;
            fs::write(Path::new(RUNC).join(&id).join("state.json"), state.to_string())?;
            crowd.ids.push(id);
        }
        Ok(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
        }
        for process in &mut self.processes {
            let _ = process.wait();
        }
        for leaf in fs::read_dir(&self.cgroup).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(leaf.path());
        }
        let _ = fs::remove_dir(&self.cgroup);
    }
}

/// Where cgroup v2 is mounted, alone or beside v1.
fn unified() -> anyhow::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("cannot read the mounts")?;
    let of_v2 = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let point = words.next()?;
        (words.next()? == "cgroup2").then(|| PathBuf::from(point))
    };
    mounts.lines().find_map(of_v2).context("this machine has no cgroup v2")
}

/// When the process started, as runc writes it: field 22 of `/proc/PID/stat`.
fn start_of(pid: u32) -> anyhow::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("a process ended at once")?;
    let after = stat.rsplit(')').next().unwrap_or_default();
    after.split_whitespace().nth(19).and_then(|field| field.parse().ok()).context("the kernel says no start time")
}
