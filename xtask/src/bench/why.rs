//! `cargo xtask bench why`: faults of many groups are made in the cluster that `FATHOM_E2E_KUBECONFIG` names, each in a
//! namespace of its own, and `fathom why` is asked until it says the same twice. A fault is a file of `xtask/faults`:
//!
//! ```text
//! # What is wrong, in words
//! # expect: CODE Kind/name                    the root; Kind//name outside of namespaces; or `nothing`; `unexplained` in
//!                                             place of a code where nothing but the program knows the cause
//! # accept: CODE Kind/name                    another name of the same root
//! # then: WORDS                               what kubectl does once the manifest is applied
//! manifests, in which NAMESPACE stands for its own
//! ```

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fathom_testkit::need::workspace;
use serde_json::Value;

use super::page::Page;
use crate::program::{Profile, fathom};

/// What `cargo xtask bench why` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// Measure this file instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Only faults of these names
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Write docs/benchmarks.md too
    #[arg(long)]
    write: bool,
}

/// How long a fault may take to show itself.
const PATIENCE: Duration = Duration::from_secs(150);

/// How long a quiet state is watched.
const QUIET: Duration = Duration::from_secs(60);

/// Between two questions about a fault.
const PAUSE: Duration = Duration::from_secs(3);

/// One fault.
struct Fault {
    name: String,
    title: String,
    /// Code and object; empty where nothing is wrong.
    expected: Vec<String>,
    then: Vec<String>,
    manifest: String,
    namespace: String,
}

/// What came of it.
struct Outcome {
    said: Vec<String>,
    /// Roots that were said before, while the fault was not whole.
    before: Vec<String>,
    answer: Duration,
    after: Duration,
}

struct Place {
    program: PathBuf,
    kubeconfig: OsString,
}

pub(super) fn run(words: &Words) -> anyhow::Result<u8> {
    let program = match &words.program {
        Some(file) => file.canonicalize().with_context(|| format!("there is no {}", file.display()))?,
        None => fathom(Profile::Release)?,
    };
    let kubeconfig = std::env::var_os("FATHOM_E2E_KUBECONFIG").context("FATHOM_E2E_KUBECONFIG names no kubeconfig")?;
    let place = Place { program, kubeconfig };
    let mut page = Page::head(
        "why",
        "Each fault is made in a namespace of its own; the answer is to `fathom why ns/…`.",
        &place.program,
    );
    let version = place.kubectl(&["version", "-o", "json"])?;
    let version: Value = serde_json::from_str(&version).unwrap_or_default();
    page.line("cluster", version["serverVersion"]["gitVersion"].as_str().unwrap_or("unknown"));
    let (mut rows, mut right, mut answers) = (Vec::new(), 0, Vec::new());
    let faults = faults(words)?;
    for fault in &faults {
        eprintln!("measuring: {}", fault.name);
        let outcome = place.make(fault).and_then(|()| place.ask(fault));
        place.clear(fault);
        let outcome = outcome.with_context(|| fault.name.clone())?;
        let is_right = fault.is_right(&outcome.said);
        right += usize::from(is_right);
        answers.push(outcome.answer);
        rows.push(vec![
            fault.title.clone(),
            code_list(&fault.expected[..fault.expected.len().min(1)]),
            if is_right { "the same".to_owned() } else { code_list(&outcome.said) },
            code_list(&outcome.before),
            format!("{:.2} s", outcome.answer.as_secs_f64()),
            format!("{:.0} s", outcome.after.as_secs_f64()),
        ]);
    }
    answers.sort_unstable();
    let median = answers.get(answers.len() / 2).copied().unwrap_or_default();
    page.line("right", &format!("{right} of {}", faults.len()));
    page.line("the median answer takes", &format!("{:.2} s", median.as_secs_f64()));
    let columns = ["fault", "expected", "said", "said before", "the answer takes", "after the fault"];
    let what = "what is said in the end, what was said on the way while the fault showed itself step by step, how long one \
                answer takes, and how long after the manifest was applied it was first right";
    page.table("Faults of a real cluster", what, &columns, rows);
    page.show(words.write)
}

/// The files, by name.
fn faults(words: &Words) -> anyhow::Result<Vec<Fault>> {
    let folder = workspace().join("xtask/faults");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut faults = Vec::new();
    for path in paths {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if !words.only.is_empty() && !words.only.contains(&name) {
            continue;
        }
        let namespace = format!("fathom-why-{}-{name}", std::process::id());
        let manifest = std::fs::read_to_string(&path)?.replace("NAMESPACE", &namespace);
        faults.push(Fault::read(name, namespace, manifest));
    }
    Ok(faults)
}

impl Fault {
    fn read(name: String, namespace: String, manifest: String) -> Fault {
        let said = |mark: &str| {
            let lines = manifest.lines().filter_map(|line| line.strip_prefix(mark).map(str::trim));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let title = manifest.lines().next().unwrap_or_default().trim_start_matches("# ").to_owned();
        let mut expected = said("# expect:");
        expected.retain(|text| text != "nothing");
        expected.extend(said("# accept:"));
        Fault { name, title, expected, then: said("# then:"), namespace, manifest }
    }

    /// Whether exactly the expected root is said: a controller's pods and replica sets stand for it.
    fn is_right(&self, said: &[String]) -> bool {
        if self.expected.is_empty() {
            return said.is_empty();
        }
        said.len() == 1 && self.expected.iter().any(|expected| fits(expected, &said[0]))
    }
}

/// Whether `code Kind/namespace/name` is `code Kind/name`.
fn fits(expected: &str, said: &str) -> bool {
    let parts = |text: &str| {
        let (code, object) = text.split_once(' ').unwrap_or((text, ""));
        let (kind, rest) = object.split_once('/').unwrap_or((object, ""));
        let name = rest.rsplit('/').next().unwrap_or_default();
        [code, kind, name].map(str::to_owned)
    };
    parts(expected) == parts(said)
}

fn code_list(said: &[String]) -> String {
    let short = |text: &String| {
        let (code, object) = text.split_once(' ').unwrap_or((text, ""));
        let (kind, name) =
            (object.split('/').next().unwrap_or_default(), object.rsplit('/').next().unwrap_or_default());
        let name = if name.starts_with("fathom-why-") { "…" } else { name };
        format!("`{code}` {kind}/{name}")
    };
    if said.is_empty() { "nothing".to_owned() } else { said.iter().map(short).collect::<Vec<_>>().join(", ") }
}

impl Place {
    fn kubectl(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut kubectl = Command::new("kubectl");
        let output = kubectl.arg("--kubeconfig").arg(&self.kubeconfig).args(words).stdin(Stdio::null()).output();
        let output = output.context("cannot run kubectl")?;
        ensure!(output.status.success(), "kubectl {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn make(&self, fault: &Fault) -> anyhow::Result<()> {
        self.kubectl(&["create", "namespace", &fault.namespace])?;
        let mut kubectl = Command::new("kubectl");
        kubectl.arg("--kubeconfig").arg(&self.kubeconfig).args(["-n", &fault.namespace, "apply", "-f", "-"]);
        let mut child = kubectl.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        child.stdin.take().context("kubectl has no stdin")?.write_all(fault.manifest.as_bytes())?;
        ensure!(child.wait()?.success(), "kubectl did not take {}", fault.name);
        for then in &fault.then {
            let words: Vec<&str> = ["-n", &fault.namespace].into_iter().chain(then.split(' ')).collect();
            self.kubectl(&words)?;
        }
        Ok(())
    }

    /// Asks until the answer is right, twice, or patience ends; where nothing is wrong, all the time.
    fn ask(&self, fault: &Fault) -> anyhow::Result<Outcome> {
        let began = Instant::now();
        let patience = if fault.expected.is_empty() { QUIET } else { PATIENCE };
        let (mut before, mut last, mut after) = (Vec::<String>::new(), Vec::new(), None);
        loop {
            let (said, answer) = self.why(fault)?;
            let right = fault.is_right(&said);
            if right && after.is_none() {
                after = Some(began.elapsed());
            }
            let settled = right && last == said && !fault.expected.is_empty();
            if settled || began.elapsed() > patience {
                before.retain(|one| !said.contains(one));
                return Ok(Outcome { said, before, answer, after: after.unwrap_or(patience) });
            }
            let new = said.iter().filter(|one| !right && !before.contains(one)).cloned().collect::<Vec<_>>();
            before.extend(new);
            last = said;
            std::thread::sleep(PAUSE);
        }
    }

    /// What is said now, and how long that took.
    fn why(&self, fault: &Fault) -> anyhow::Result<(Vec<String>, Duration)> {
        let mut why = Command::new(&self.program);
        why.arg("why")
            .arg(format!("ns/{}", fault.namespace))
            .args(["-o", "json", "--kubeconfig"])
            .arg(&self.kubeconfig);
        let began = Instant::now();
        let output =
            why.env("FATHOM_CONFIG", "/dev/null").stdin(Stdio::null()).output().context("cannot run fathom")?;
        let took = began.elapsed();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer: Value = serde_json::from_slice(&output.stdout).with_context(|| complaint)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = |list: &str| answer[list].as_array().cloned().unwrap_or_default();
        let named = |one: &Value| format!("{} {}", text(&one["code"]), text(&one["object"]));
        let mut said: Vec<String> = all("findings").iter().map(named).collect();
        said.extend(all("unexplained").iter().map(|one| format!("unexplained {}", text(&one["object"]))));
        said.dedup();
        Ok((said, took))
    }

    /// Takes everything away again, what a finalizer holds too.
    fn clear(&self, fault: &Fault) {
        let mut kubectl = Command::new("kubectl");
        kubectl.arg("--kubeconfig").arg(&self.kubeconfig);
        kubectl.args(["delete", "--ignore-not-found", "--wait=false", "-f", "-"]);
        if let Ok(mut child) = kubectl.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            let _ = child.stdin.take().map(|mut stdin| stdin.write_all(fault.manifest.as_bytes()));
            let _ = child.wait();
        }
        let free = r#"{"metadata": {"finalizers": null}}"#;
        let held = ["-n", &fault.namespace, "patch", "configmap", "held", "--type=merge", "-p", free];
        let _ = self.kubectl(&held);
        let _ = self.kubectl(&["delete", "namespace", &fault.namespace, "--ignore-not-found", "--wait=false"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_the_same_in_every_namespace() {
        assert!(fits("a.b Deployment/web", "a.b Deployment/fathom-why-1-x/web"));
        assert!(fits("a.b Webhook//x", "a.b Webhook//x"));
        assert!(!fits("a.b Deployment/web", "a.c Deployment/n/web") && !fits("a.b Pod/web", "a.b Deployment/n/web"));
    }

    #[test]
    fn a_file_says_what_it_expects() {
        let text = "# No shop\n# expect: a.b Deployment/web\n# accept: a.c Deployment/web\nkind: X\n# then: delete x\n";
        let fault = Fault::read("x".into(), "n".into(), text.into());
        assert_eq!((fault.title.as_str(), fault.expected.len(), fault.then.len()), ("No shop", 2, 1));
        assert!(fault.is_right(&["a.c Deployment/n/web".into()]) && !fault.is_right(&[]));
        let well = Fault::read("x".into(), "n".into(), "# Well\n# expect: nothing\n".into());
        assert!(well.is_right(&[]) && !well.is_right(&["a.b X/y".into()]));
    }
}
