//! Why the kubelet or the runtime of a node does not start, or starts again and again, by its own last words; and whom a
//! kubelet that runs does not reach.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::journal::{self, Sign, Speaker};
use crate::object::{Fields as _, Object};
use crate::rule::Rule;
use crate::scene::{Noted, Scene};
use crate::snapshot::Proof;
use crate::value::Value;

/// Programs of units that are kubelets, and runtimes.
pub(super) const KUBELETS: &[&str] = &["kubelet", "k3s-server", "k3s-agent", "rke2"];
pub(super) const RUNTIMES: &[&str] = &["containerd", "crio", "dockerd", "cri-dockerd"];

/// Who was started for so few seconds has not shown yet that it stays.
const YOUNG: i64 = 60;
/// Seconds for which lines of a service that runs tell of now, and for how long they must have been written.
const RECENT: i64 = 60;
const LASTING: i64 = 30;

/// Whether systemd, or else what is seen of its program, says that a unit does not run.
pub(super) fn is_down(unit: &Object) -> bool {
    match unit.text("/active") {
        "" => unit.at("/runs") == Some(&Value::Bool(false)),
        "active" | "reloading" | "refreshing" => false,
        "activating" => unit.text("/sub").starts_with("auto-restart") || unit.int("/restarts").unwrap_or(0) > 0,
        _ => true,
    }
}

/// Whether it ended in its last runs as well, and runs since a moment ago.
fn falls(scene: &Scene<'_>, unit: &Object) -> bool {
    let often = unit.int("/restarts").is_some_and(|times| times >= 3) && unit.int("/up").is_some_and(|up| up < YOUNG);
    often && scene.journal(unit.ns(), unit.name()).any(|line| line.run >= 2 && line.ago < 600)
}

/// A service that is wanted, of one of these programs, and that does not run or does not stay. Its last words are told.
pub(super) fn stopped(scene: &Scene<'_>, unit: &Object, programs: &[&str], says: &str) -> Option<Claim> {
    let words = last_words(scene, unit);
    let why = words.as_ref().map(|(_, line)| format!(": {}", journal::told(line.text))).unwrap_or_default();
    let claim = down(scene, unit, programs, &format!("{says}{why}"))?;
    let look = format!("on the node: systemctl status {}; journalctl -u {}", unit.name(), unit.name());
    Some(claim.by_all(words.map(|(_, line)| line.proof)).fix(Fix::say(look)))
}

fn down(scene: &Scene<'_>, unit: &Object, programs: &[&str], says: &str) -> Option<Claim> {
    let (is_down, falls) = (is_down(unit), falls(scene, unit));
    let own = programs.contains(&unit.text("/program"));
    (own && (is_down || falls)).then(|| {
        let seen = if falls && !is_down { ["/restarts", "/up"] } else { ["/active", "/runs"] };
        let seen = seen.into_iter().filter(|at| unit.at(at).is_some()).map(|at| Proof::field(unit, at));
        Claim::new(format!("{}: {says}", unit.name())).by_all(seen).field(unit, "/wanted")
    })
}

/// What the last run that complained said of its end: the line that names a cause, or else the last.
pub(super) fn last_words<'a>(scene: &Scene<'a>, unit: &Object) -> Option<(Option<Sign>, Noted<'a>)> {
    let speaker = if KUBELETS.contains(&unit.text("/program")) { Speaker::Kubelet } else { Speaker::Runtime };
    // The one before, where the last has only begun.
    let lines: Vec<Noted<'_>> = scene.journal(unit.ns(), unit.name()).filter(|line| line.run <= 1).collect();
    let run = lines.iter().map(|line| line.run).min()?;
    let lines: Vec<Noted<'_>> = lines.into_iter().filter(|line| line.run == run).collect();
    let telling = lines.iter().filter_map(|line| Some((journal::sign(speaker, line.text)?, line)));
    let found = telling.min_by_key(|(sign, _)| *sign).map(|(sign, line)| (Some(sign), line.clone()));
    found.or_else(|| lines.into_iter().next().map(|line| (None, line)))
}

/// A service that does not run, of one of these programs, whose last words have this sign.
pub(super) fn ended(scene: &Scene<'_>, unit: &Object, programs: &[&str], sign: Sign, says: &str) -> Option<Claim> {
    let (_, line) = last_words(scene, unit).filter(|(said, _)| *said == Some(sign))?;
    let claim = down(scene, unit, programs, &format!("{says}: {}", journal::told(line.text)))?;
    Some(claim.by(line.proof))
}

/// Whether its last words name a cause, of which a rule of its own tells.
pub(super) fn is_told(scene: &Scene<'_>, unit: &Object) -> bool {
    last_words(scene, unit).is_some_and(|(sign, _)| sign.is_some()) || super::kubelets::swapped(scene, unit).is_some()
}

/// Whether the kubelet's own unit tells why a node is silent.
pub(super) fn tells_why(scene: &Scene<'_>, node: &Object) -> bool {
    let mut units = scene.snapshot.within("Unit", node.name());
    units
        .any(|unit| cut_off(scene, unit).is_some() || down(scene, unit, KUBELETS, "").is_some() && is_told(scene, unit))
}

/// A runtime that does not run, or one that the kubelet does not find.
pub(super) fn no_runtime(scene: &Scene<'_>, unit: &Object) -> Option<Claim> {
    if KUBELETS.contains(&unit.text("/program")) {
        let mut units = scene.snapshot.within("Unit", unit.ns());
        // What its runtime says of itself is nearer to the cause.
        let better = units.any(|one| down(scene, one, RUNTIMES, "").is_some() && is_told(scene, one));
        let says = "it finds no runtime behind its socket, and ends";
        return ended(scene, unit, KUBELETS, Sign::NoRuntime, says).filter(|_| !better);
    }
    let untold = Some(unit).filter(|unit| !is_told(scene, unit))?;
    stopped(scene, untold, RUNTIMES, "the runtime is wanted and does not run")
}

/// A kubelet that runs, and has said for a while and until now that the API server does not answer it.
fn cut_off(scene: &Scene<'_>, unit: &Object) -> Option<Claim> {
    if !KUBELETS.contains(&unit.text("/program")) || is_down(unit) {
        return None;
    }
    let own = scene.journal(unit.ns(), unit.name()).filter(|line| line.run == 0);
    let lines: Vec<Noted<'_>> = own.filter(|line| journal::is_cut_off(line.text)).collect();
    let (last, first) = (lines.first()?, lines.last()?);
    (last.ago <= RECENT && first.ago - last.ago >= LASTING).then(|| {
        let says = format!("its kubelet does not reach the API server: {}", journal::told(last.text));
        let since = crate::time::Time(scene.now().0.saturating_sub(first.ago));
        Claim::new(says).since(Some(since)).by(last.proof.clone()).by(first.proof.clone())
    })
}

/// The kubelet ends because the runtime does not speak CRI, with the runtime's own word for it.
fn no_cri(scene: &Scene<'_>, unit: &Object) -> Option<Claim> {
    let claim = ended(scene, unit, KUBELETS, Sign::NoCri, "the runtime answers it, and does not speak CRI")?;
    let mut lines = scene.journal(unit.ns(), "containerd.service").filter(|line| line.run == 0);
    let claim = claim.by_all(lines.find(|line| journal::lacks_cri(line.text)).map(|line| line.proof));
    let off = scene.file(unit.ns(), "/etc/containerd/config.toml").and_then(|file| {
        let mut lines = file.text("/value").lines();
        let line = lines.find(|line| line.trim_start().starts_with("disabled_plugins") && line.contains("cri"))?;
        Some(Proof { saw: line.trim().to_owned(), ..Proof::field(file, "/value") })
    });
    Some(claim.by_all(off))
}

/// Both.
const ALL: &[&str] = &["kubelet", "k3s-server", "k3s-agent", "rke2", "containerd", "crio", "dockerd", "cri-dockerd"];

const ENDED: Rule = Rule { on: &["Unit"], effect: Effect::Lost, weight: 85, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "node.kubelet-config",
        means: "The kubelet does not start, because its settings or flags cannot be read or ask for what the node has not.",
        proves: "Its own last words, and that it does not run.",
        refutes: "the kubelet running with these settings",
        fix: "correct /var/lib/kubelet/config.yaml, kubeadm-flags.env or the kubeconfig that is named, and start the kubelet",
        judge: |scene, unit| Ok(ended(scene, unit, KUBELETS, Sign::Settings, "it does not start with what it is told")),
        ..ENDED
    },
    Rule {
        code: "node.runtime-config",
        means: "The container runtime does not start, because its own settings cannot be read or are wrong.",
        proves: "Its own last words, and that it does not run.",
        refutes: "the runtime running with these settings",
        fix: "correct the file that it names; containerd config dump and crio config --validate read it too",
        judge: |scene, unit| Ok(ended(scene, unit, RUNTIMES, Sign::Settings, "it does not start with its settings")),
        ..ENDED
    },
    Rule {
        code: "node.cri-off",
        means: "The runtime runs without its part for kubelets, so the kubelet ends.",
        proves: "The kubelet's last words; the runtime's own, where they are there.",
        refutes: "crictl version answering",
        fix: "take cri out of disabled_plugins in /etc/containerd/config.toml and restart containerd; \
              else see why it did not load: ctr plugins ls",
        judge: |scene, unit| Ok(no_cri(scene, unit)),
        ..ENDED
    },
    Rule {
        code: "node.sysctl",
        means: "The kubelet does not start, because figures of the kernel are not as it wants them.",
        proves: "Its own last words, and that it does not run.",
        refutes: "the figure having the value that it expects",
        fix: "set what it names with sysctl -w and in /etc/sysctl.d, or protectKernelDefaults: false",
        judge: |scene, unit| {
            Ok(ended(scene, unit, KUBELETS, Sign::Sysctl, "a figure of the kernel is not as it wants it"))
        },
        ..ENDED
    },
    Rule {
        code: "node.port-taken",
        means: "The kubelet or the runtime does not stay, because another program has its port.",
        proves: "Its own last words, and that it does not run.",
        refutes: "nobody else listening there: ss -ltnp",
        fix: "find who listens there with ss -ltnp, and stop the second one",
        judge: |scene, unit| Ok(ended(scene, unit, ALL, Sign::Port, "another program has its port")),
        ..ENDED
    },
    Rule {
        code: "node.inotify-limit",
        means: "The kubelet or the runtime does not start, because no more files may be watched on the machine.",
        proves: "Its own last words, and that it does not run.",
        refutes: "higher fs.inotify limits",
        fix: "sysctl -w fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=524288, and keep it in /etc/sysctl.d",
        judge: |scene, unit| Ok(ended(scene, unit, ALL, Sign::Watches, "it may watch no more files")),
        ..ENDED
    },
    Rule {
        code: "node.apiserver-unreachable",
        weight: 80,
        confidence: Confidence::Likely,
        means: "The kubelet runs, and does not reach the API server.",
        proves: "Its own words of the last minute, for half a minute and longer.",
        refutes: "an answer from the node: curl -k https://SERVER/livez",
        fix: "try the server of /etc/kubernetes/kubelet.conf from the node; see its load balancer, DNS and firewall",
        judge: |scene, unit| Ok(cut_off(scene, unit)),
        ..ENDED
    },
];

#[cfg(test)]
mod tests {
    use super::super::kubelets::tests::found;
    use serde_json::{Value, json};

    const SWAP: &str = "E0301 11:59:54.1 7 run.go:74] \"command failed\" err=\"running with swap on is not supported\"";
    const ODD: &str = "E0301 11:59:54.1 7 run.go:74] \"command failed\" err=\"failed to run Kubelet: odd\"";
    const SOCKET: &str = "E0301 11:59:54.1 7 run.go:74] \"command failed\" err=\"failed to run Kubelet: validate CRI v1 runtime API: code = Unavailable\"";

    fn unit(name: &str, active: &str, restarts: i64, up: i64) -> Value {
        json!({"kind": "Unit", "metadata": {"name": format!("{name}.service"), "namespace": "n1"}, "program": name,
            "wanted": "/etc/x", "runs": active == "active", "active": active, "restarts": restarts, "up": up})
    }

    fn journal(name: &str, lines: &[(i64, i64, &str)]) -> Value {
        let lines: Vec<Value> =
            lines.iter().map(|(ago, run, text)| json!({"ago": ago, "run": run, "text": text})).collect();
        let unit = format!("{name}.service");
        json!({"kind": "Output", "metadata": {"name": format!("journalctl --unit {unit}"), "namespace": "n1"}, "unit": unit, "value": lines})
    }

    #[test]
    fn a_service_that_is_down_is_told_of_by_its_last_words() {
        let swaps = json!({"kind": "File", "metadata": {"name": "/proc/swaps", "namespace": "n1"}, "value": "Filename\n/dev/sda2 partition"});
        let kubelet =
            |active, restarts, up, lines: &[_]| vec![unit("kubelet", active, restarts, up), journal("kubelet", lines)];
        for (what, facts, expect) in [
            ("it ended for swap", kubelet("failed", 5, 100, &[(9, 0, SWAP)]), "node.swap"),
            (
                "the run before tells where the last has only begun",
                kubelet("failed", 5, 100, &[(9, 1, SWAP)]),
                "node.swap",
            ),
            (
                "what was mended since is over",
                kubelet("failed", 5, 100, &[(20, 1, SWAP), (9, 0, ODD)]),
                "node.kubelet-down",
            ),
            (
                "swap is on, and it ended for something else",
                [kubelet("failed", 5, 100, &[(9, 0, ODD)]), vec![swaps]].concat(),
                "node.kubelet-down",
            ),
            (
                "it runs, and has ended again and again",
                kubelet("active", 57, 2, &[(24, 2, SWAP), (13, 1, SWAP)]),
                "node.swap",
            ),
            ("it runs since yesterday", kubelet("active", 57, 90_000, &[(90_024, 2, SWAP), (90_013, 1, SWAP)]), ""),
            ("it was started for the first time", kubelet("active", 0, 2, &[(24, 2, SWAP), (13, 1, SWAP)]), ""),
            (
                "its program is called otherwise",
                vec![
                    json!({"kind": "Unit", "metadata": {"name": "kubelet.service", "namespace": "n1"}, "program": "kubelet", "wanted": "/etc/x", "runs": false, "active": "active"}),
                ],
                "",
            ),
            ("it finds no runtime", kubelet("failed", 5, 100, &[(9, 0, SOCKET)]), "node.runtime-down"),
            (
                "the runtime does not run either",
                [kubelet("failed", 5, 100, &[(9, 0, SOCKET)]), vec![unit("containerd", "failed", 0, 100)]].concat(),
                "node.runtime-down",
            ),
            (
                "the runtime cannot read its settings",
                vec![
                    unit("containerd", "failed", 0, 100),
                    journal("containerd", &[(9, 0, "containerd: failed to load TOML: x")]),
                ],
                "node.runtime-config",
            ),
        ] {
            let expect: Vec<String> = Some(expect)
                .filter(|code| !code.is_empty())
                .map(|code| format!("{code} Node//n1"))
                .into_iter()
                .collect();
            assert_eq!(found(facts), expect, "{what}");
        }
    }

    #[test]
    fn the_runtime_is_the_root_of_a_kubelet_that_finds_none() {
        let lines = [(9, 0, "containerd: failed to load TOML: x")];
        let facts = vec![
            unit("kubelet", "failed", 5, 100),
            journal("kubelet", &[(9, 0, SOCKET)]),
            unit("containerd", "failed", 0, 100),
            journal("containerd", &lines),
        ];
        assert_eq!(found(facts), ["node.runtime-config Node//n1"]);
    }
}
