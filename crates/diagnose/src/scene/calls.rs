//! Calls that fail now: who reaches for what, by the end of its log or by the words of its probe.

use std::collections::BTreeSet;

use super::{Part, Role, Scene};
use crate::cause::Effect;
use crate::eval::messages::call::{self, CallFault};
use crate::eval::messages::says;
use crate::eval::resolver::{self, Meant};
use crate::eval::{endpoints, selector};
use crate::object::{Fields as _, Object};
use crate::snapshot::Proof;
use crate::value::Value;

/// A call that fails.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Who calls.
    pub pod: &'a Object,
    /// The container.
    pub container: String,
    /// How it fails.
    pub fault: CallFault,
    /// What is called, as the caller writes it.
    pub host: String,
    /// The port, where it is written.
    pub port: Option<u16>,
    /// The service that is meant.
    pub service: Option<&'a Object>,
    /// The service that should be there and is not: name and namespace.
    pub missing: Option<(String, String)>,
    /// A pod's name before a governing service that is not there: the service's name.
    pub ungoverned: Option<String>,
    /// Where it is said.
    pub proof: Proof,
    /// Where it stands who is called, if that is not said there.
    pub told: Option<Proof>,
}

impl Call<'_> {
    /// Whether what is called is any more than a word: `timed out waiting for caches` names nobody.
    fn is_a_call(&self) -> bool {
        let unnamed = matches!(self.fault, CallFault::NoName | CallFault::NoResolver);
        let told = self.port.is_some() || self.host.contains('.') || self.host.contains(':');
        unnamed || told || self.service.is_some()
    }
}

/// What a log is asked for: whose end it tells of decides how far back a complaint may stand that is still true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Teller {
    /// A program that ended said why before it did; traces may stand below, and they are long.
    Ended,
    /// A program that runs and is not well goes on complaining among what else it writes.
    Unwell,
    /// A program that is well must not have said anything better since.
    Well,
}

/// A complaint and what is said so shortly before it are of one moment.
const MOMENT: usize = 8;

/// How many lines are looked at at all.
const LONGEST: usize = 400;

impl Teller {
    /// How many lines at its end a log tells of now.
    fn patience(self) -> usize {
        match self {
            Teller::Ended => 60,
            Teller::Unwell => 40,
            // The kubelet asks every few seconds: who is well and still calls in vain complains again within a minute.
            Teller::Well => 6,
        }
    }

    /// Whether a line may stand below a complaint that is still true.
    fn passes(self, line: &str) -> bool {
        (self != Teller::Well || call::says_nothing_better(line)) && !call::recovers(line)
    }

    /// The last complaint that is still true. What a line goes on with, such as a trace, counts as that line.
    fn complaint(self, lines: &[String], complains: impl Fn(&str) -> bool) -> Option<usize> {
        let (mut told, mut otherwise) = (0, false);
        for at in (0..lines.len()).rev().take(LONGEST) {
            let near = lines.len() - at <= MOMENT;
            if complains(&lines[at]) {
                return (near || !otherwise).then_some(at);
            }
            told += usize::from(!call::continues(&lines[at]));
            otherwise |= self == Teller::Ended && call::ends_otherwise(lines, at);
            if told > self.patience() || !self.passes(&lines[at]) {
                return None;
            }
        }
        None
    }
}

/// All of those of pods that may have any.
pub(super) fn find<'a>(scene: &Scene<'a>, may: impl Fn(&Object) -> bool) -> Vec<Call<'a>> {
    let mut calls = Vec::new();
    for pod in scene.snapshot.programs().filter(|pod| may(pod)) {
        let phase = pod.text("/status/phase");
        let alive = ["Running", "Pending"].contains(&phase) || phase == "Failed" && scene.trouble(pod).is_some();
        let may = scene.speaks(pod) || scene.trouble(pod).is_some();
        if !may || !alive || pod.deletion().is_some() || !scene.lives(pod.ns()) {
            continue;
        }
        for part in Part::all(pod) {
            of_log(scene, &part, &mut calls);
            of_probe(scene, &part, &mut calls);
            of_waiting(scene, &part, &mut calls);
        }
    }
    calls
}

/// The end of the log: of the run that ended where the container crashes, else of the one that runs.
fn of_log<'a>(scene: &Scene<'a>, part: &Part<'a>, calls: &mut Vec<Call<'a>>) {
    let trouble = scene.trouble(part.pod).filter(|one| one.part.as_ref().is_none_or(|one| one.name() == part.name()));
    let ends = trouble.is_some_and(|trouble| matches!(trouble.effect, Effect::Crashing | Effect::Failed));
    let teller = match trouble {
        Some(_) if ends => Teller::Ended,
        Some(_) => Teller::Unwell,
        None => Teller::Well,
    };
    let words = if ends { scene.last_words(part) } else { scene.words(part) };
    let Some((name, log)) = words.filter(|_| ends || part.state("running").is_some()) else { return };
    let lines = &log.lines;
    // Who serves names says which of those that others asked for are not known.
    let answers = serves_names(scene, part);
    let failed_call = |line: &str| call::failed_call(line).filter(|one| !answers || one.fault != CallFault::NoName);
    let Some(last) = teller.complaint(lines, |line| failed_call(line).is_some()) else { return };
    let fails = |line: &str| failed_call(line).is_some_and(|failed| !failed.to.is_empty());
    let Some(named) = teller.complaint(&lines[..=last], fails) else {
        return implied(scene, part, &Proof::line(&name, last + 1, &lines[last]), calls);
    };
    let mut seen = BTreeSet::new();
    for at in (named.saturating_sub(MOMENT - 1)..=named).rev() {
        let Some(failed) = failed_call(&lines[at]) else { continue };
        for (host, port) in failed.to {
            if !seen.insert(host.clone()) {
                continue;
            }
            let call = call(scene, part, failed.fault, host, port, Proof::line(&name, at + 1, &lines[at]));
            if call.is_a_call() {
                calls.push(call);
            }
        }
    }
}

/// Whether a container answers questions for names: by its ports, or by those of a service that leads to it.
fn serves_names(scene: &Scene<'_>, part: &Part<'_>) -> bool {
    let of_names = |ports: &[Value], field: &str| ports.iter().any(|port| port.int(field) == Some(53));
    let leads = |service: &Object| {
        let wanted = service.map("/spec/selector").filter(|wanted| !wanted.is_empty());
        wanted.is_some_and(|wanted| selector::equal(wanted, part.pod.labels()))
    };
    let mut services = scene.snapshot.within("Service", part.pod.ns());
    of_names(part.spec.list("/ports"), "/containerPort")
        || services.any(|service| of_names(service.list("/spec/ports"), "/port") && leads(service))
}

/// A complaint that names nobody: of those whom the container is told to call, the services that nobody is ready behind,
/// or for who was answered those that somebody is.
fn implied<'a>(scene: &Scene<'a>, part: &Part<'a>, proof: &Proof, calls: &mut Vec<Call<'a>>) {
    let Some(failed) = call::failed_call(&proof.saw).filter(|failed| failed.fault != CallFault::NoName) else { return };
    let answered = failed.fault == CallFault::Answered;
    for ((host, port), told) in part.told_peers() {
        let service = |host: &str| match resolver::meant(scene.snapshot, part.pod.ns(), host) {
            Meant::Service(service) => scene.snapshot.find(&service.id),
            _ => resolver::by_address(scene.snapshot, host),
        };
        if service(&host).is_some_and(|service| scene.is_served(service) == answered) {
            let call = call(scene, part, failed.fault, host, port, proof.clone());
            calls.push(Call { told: Some(told), ..call });
        }
    }
}

/// What a readiness command printed when it failed.
fn of_probe<'a>(scene: &Scene<'a>, part: &Part<'a>, calls: &mut Vec<Call<'a>>) {
    let troubled = scene
        .suffers(part.pod, Effect::NotReady)
        .is_some_and(|trouble| trouble.part.as_ref().is_some_and(|one| one.name() == part.name()));
    if !troubled || part.spec.at("/readinessProbe/exec").is_none() {
        return;
    }
    let Some(event) = scene.warnings(part.pod, &["Unhealthy"]).next() else { return };
    for line in event.message().lines() {
        let Some(failed) = call::failed_call(line) else { continue };
        for (host, port) in failed.to {
            let proof = Proof { saw: line.to_owned(), ..Proof::field(event.0, event.pointer()) };
            calls.push(call(scene, part, failed.fault, host, port, proof));
        }
    }
}

/// What an init container waits for: names of its own command that its log repeats.
fn of_waiting<'a>(scene: &Scene<'a>, part: &Part<'a>, calls: &mut Vec<Call<'a>>) {
    let waits = part.role == Role::Init
        && scene.suffers(part.pod, Effect::NotStarted).is_some_and(|trouble| {
            trouble.part.as_ref().is_some_and(|one| one.name() == part.name() && one.state("running").is_some())
        });
    let Some((name, log)) = scene.words(part).filter(|_| waits) else { return };
    let command = part.words();
    let mut lines = log.lines.iter().enumerate().rev();
    let Some((at, line)) = lines.find(|(_, line)| says(line, &["waiting for", "wait for"])) else { return };
    for (host, port) in call::peers(line) {
        let mut words = command.split(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c)));
        if words.any(|word| word == host) && !calls.iter().any(|call| call.pod.id == part.pod.id && call.host == host) {
            calls.push(call(scene, part, CallFault::NoName, host, port, Proof::line(&name, at + 1, line)));
        }
    }
}

fn call<'a>(
    scene: &Scene<'a>,
    part: &Part<'a>,
    fault: CallFault,
    host: String,
    port: Option<u16>,
    proof: Proof,
) -> Call<'a> {
    let (pod, container) = (part.pod, part.name().to_owned());
    let service = resolver::by_address(scene.snapshot, &host);
    let mut call =
        Call { pod, container, fault, host, port, service, missing: None, ungoverned: None, proof, told: None };
    // Services are of a cluster, and mean nothing to a container that is of none.
    if pod.id.kind == "Container" {
        return call;
    }
    if call.host.parse::<std::net::IpAddr>().is_ok() {
        call.service = call.service.or_else(|| headless(scene, &call));
        return call;
    }
    let host = call.host.clone();
    match resolver::meant(scene.snapshot, pod.ns(), &host) {
        Meant::Service(service) => call.service = scene.snapshot.find(&service.id),
        Meant::Missing { name, namespace } => call.missing = Some((name.to_owned(), namespace.to_owned())),
        Meant::MissingGovernor { name } => call.ungoverned = Some(name.to_owned()),
        Meant::Elsewhere => {}
    }
    call
}

/// The headless service through which a pod's own address was found: one of the caller's words names it.
fn headless<'a>(scene: &Scene<'a>, call: &Call<'a>) -> Option<&'a Object> {
    let target = scene.snapshot.all("Pod").find(|pod| pod.text("/status/podIP") == call.host)?;
    let spec = Part::all(call.pod).iter().map(Part::words).collect::<Vec<_>>().join(" ");
    let mentioned =
        |name: &str| spec.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(|word| word == name);
    scene.snapshot.all("Service").find(|service| {
        service.ns() == target.ns()
            && service.text("/spec/clusterIP") == "None"
            && mentioned(service.name())
            && endpoints::selected(scene.snapshot, service).iter().any(|pod| pod.id == target.id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Gathering, LogName, Run};
    use crate::value::json;

    /// How many calls fail of a pod that runs and has written this.
    fn calls(log: &str) -> usize {
        let mut gathering = Gathering::new();
        gathering.value(json!({"kind": "Pod", "metadata": {"name": "a", "namespace": "n"}, "spec": {"nodeName": "n1", "containers": [{"name": "app"}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "app", "ready": true, "state": {"running": {}}}]}}));
        let name = LogName { namespace: "n".into(), pod: "a".into(), container: "app".into(), run: Run::Current };
        gathering.log(name, log.as_bytes());
        Scene::new(&gathering.finish()).calls().len()
    }

    #[test]
    fn an_empty_line_is_no_better_news() {
        let refused = "wget: can't connect to remote host (10.96.0.9): Connection refused";
        assert_eq!(calls(&format!("{refused}\n\n{refused}\n\n")), 1);
        assert_eq!(calls(&format!("{refused}\nserving\n")), 0);
    }

    #[test]
    fn the_kubelets_questions_hide_a_complaint_only_for_long() {
        let refused = "wget: can't connect to remote host (10.96.0.9): Connection refused\n";
        let asked = "10.1.0.1 - - \"GET /healthz HTTP/1.1\" 200 2 \"-\" \"kube-probe/1.30\"\n";
        assert_eq!(calls(&format!("{refused}{}", asked.repeat(4))), 1);
        assert_eq!(calls(&format!("{refused}{}", asked.repeat(30))), 0);
        // Somebody else was answered.
        assert_eq!(calls(&format!("{refused}10.1.0.7 - - \"GET /cart HTTP/1.1\" 200 2\n")), 0);
    }
}
