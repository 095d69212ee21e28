//! What crashed programs say of themselves. Believed only where the container ended badly, and only of its last run.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::call::{CallFault, is_loopback};
use crate::eval::messages::program::{self, Sign};
use crate::object::{Fields as _, Object, Ref};
use crate::rule::{Rule, Stance};
use crate::scene::{Call, Part, Scene};
use crate::snapshot::{Judged, Proof};

/// The line by which a program's log is judged, if it has this sign.
pub(super) fn last_sign<'a>(scene: &Scene<'a>, part: &Part<'a>, wanted: Sign) -> Option<(String, Proof)> {
    let (name, log) = scene.last_words(part)?;
    let (at, _) = program::verdict(&log.lines).filter(|(_, sign)| *sign == wanted)?;
    Some((log.lines[at].clone(), Proof::line(&name, at + 1, &log.lines[at])))
}

/// Whether how it ended is known already, and not from its log.
fn settled(part: &Part<'_>) -> bool {
    let reason = part.end().map_or("", |(_, end)| end.text("/reason"));
    ["OOMKilled", "StartError", "ContainerCannotRun", "DeadlineExceeded"].contains(&reason) || part.exit() == Some(0)
}

/// Says it of the crashed container whose log has this sign.
pub(super) fn signed<'a>(scene: &Scene<'a>, pod: &'a Object, sign: Sign, says: &str) -> Option<Claim> {
    let (trouble, parts) = super::crashes::ended(scene, pod)?;
    parts.iter().filter(|part| !settled(part)).find_map(|part| {
        let (line, proof) = last_sign(scene, part, sign)?;
        let claim = Claim::of(trouble, format!("{says}: {}", line.trim())).part(part).by(proof);
        Some(Claim { fix: super::advice::of_program(&line), ..claim.by_all(part.ending()) })
    })
}

fn plain<'a>(scene: &Scene<'a>, pod: &'a Object, sign: Sign, says: &str) -> Judged<Option<Claim>> {
    Ok(signed(scene, pod, sign, says))
}

/// A variable that the program misses and that its container really does not set.
fn missing_env<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = signed(scene, pod, Sign::MissingEnv, "a variable is not set") else { return Ok(None) };
    let part = Part::all(pod).into_iter().find(|part| Some(part.name()) == claim.part.as_deref());
    let line = claim.proofs.first().map_or("", |proof| proof.saw.as_str());
    let log = part.as_ref().and_then(|part| scene.last_words(part)).map(|(_, log)| log.lines.as_slice());
    let names = program::variables(line, log.unwrap_or_default());
    // A table does not tell what is set; the program does.
    if part.as_ref().is_some_and(|part| !pod.tells(&format!("{}/env", part.spec_at))) {
        return Ok(Some(claim));
    }
    let set = part.as_ref().is_some_and(|part| {
        part.spec.list("/env").iter().any(|one| {
            names.iter().any(|name| name.eq_ignore_ascii_case(one.text("/name")))
                && !(one.text("/value").is_empty() && one.at("/valueFrom").is_none())
        })
    });
    // Values of variables may be secrets; only that there are none is quoted.
    let none = part.filter(|part| part.spec.at("/env").is_none()).map(|part| part.asked("/env"));
    // A name in the line that is set is none that is missing.
    let known = |name: &&&str| part_sets(pod, &claim, name);
    let wanted = names.iter().find(|name| !known(name)).map(|name| name.to_ascii_uppercase());
    let fix = wanted.and_then(|name| set_variable(scene, pod, &claim, &name));
    Ok((!set).then(|| Claim { fix, ..claim.by_all(none) }))
}

fn part_sets(pod: &Object, claim: &Claim, name: &str) -> bool {
    let mut parts = Part::all(pod).into_iter().filter(|part| Some(part.name()) == claim.part.as_deref());
    parts.any(|part| part.spec.list("/env").iter().any(|one| one.text("/name").eq_ignore_ascii_case(name)))
}

/// Sets a variable of a container; its value is for a person to choose.
fn set_variable(scene: &Scene<'_>, pod: &Object, claim: &Claim, name: &str) -> Option<Fix> {
    let part = Part::all(pod).into_iter().find(|part| Some(part.name()) == claim.part.as_deref())?;
    let mut all: Vec<crate::value::Value> = part.spec.list("/env").to_vec();
    all.push(crate::value::json!({"name": name, "value": "…"}));
    let fix = Fix::patch(scene, pod, "", &[(format!("{}/env", part.spec_at), all.into())]);
    let top = scene.top(pod);
    let whom = format!("{} {} -c {}", top.kind.to_lowercase(), top.name, part.name());
    Some(Fix { text: format!("kubectl -n {} set env {whom} {name}=…", pod.ns()), ..fix })
}

/// A file of settings that comes from a ConfigMap, where the line names one.
fn bad_config<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = signed(scene, pod, Sign::BadConfig, "its settings are wrong") else { return Ok(None) };
    let line = claim.proofs.first().map_or(String::new(), |proof| proof.saw.clone());
    let mount = Part::all(pod).into_iter().find_map(|part| {
        let index = part
            .spec
            .list("/volumeMounts")
            .iter()
            .position(|mount| line.contains(mount.text("/mountPath")) && mount.text("/mountPath").len() > 1)?;
        Some(Proof::field(pod, &format!("{}/volumeMounts/{index}/name", part.spec_at)))
    });
    Ok(Some(claim.by_all(mount)))
}

fn port_in_use<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    Ok(signed(scene, pod, Sign::PortInUse, "its port is taken").map(|claim| {
        let others = pod.list("/spec/containers").len() > 1;
        let host = pod.holds("/spec/hostNetwork");
        let by = match (others, host) {
            (_, true) => Some(Proof::field(pod, "/spec/hostNetwork")),
            (true, _) => Some(Proof::field(pod, "/spec/containers/1/name")),
            _ => None,
        };
        claim.by_all(by)
    }))
}

/// A permission error that no volume and no profile explains.
fn permission<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let claim = signed(scene, pod, Sign::Permission, "it is not permitted");
    let context = "/spec/containers/0/securityContext";
    Ok(claim.map(|claim| if pod.at(context).is_some() { claim.field(pod, context) } else { claim }))
}

fn is_token(line: &str) -> bool {
    line.contains("serviceaccount/token")
}

fn no_token<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = signed(scene, pod, Sign::NoToken, "it has no token for the API")
        .filter(|claim| claim.proofs.iter().any(|proof| is_token(&proof.saw)))
    else {
        return Ok(None);
    };
    let field = "/spec/automountServiceAccountToken";
    if pod.holds(field) {
        return Ok(None);
    }
    let change = (field.to_owned(), true.into());
    let claim = claim.fix(Fix::patch(scene, pod, "let the token be mounted", &[change]));
    if pod.at(field).is_some() {
        return Ok(Some(claim.field(pod, field)));
    }
    let account = scene.snapshot.seen("ServiceAccount", pod.ns(), pod.text("/spec/serviceAccountName"));
    let off = account.filter(|account| account.at("/automountServiceAccountToken").is_some());
    Ok(Some(claim.by_all(off.map(|account| Proof::field(account, "/automountServiceAccountToken")))))
}

/// The failing calls of a crashed or waiting pod, of one kind.
fn calls<'a, 's>(scene: &'s Scene<'a>, pod: &'a Object, faults: &'s [CallFault]) -> impl Iterator<Item = &'s Call<'a>> {
    scene.calls_of(pod).filter(move |call| faults.contains(&call.fault))
}

/// A crash whose last words are that a call failed. Who is called is another's finding, if anybody's.
fn dependency<'a>(scene: &Scene<'a>, pod: &'a Object, faults: &[CallFault], what: &str) -> Judged<Option<Claim>> {
    let Some((trouble, parts)) = super::crashes::ended(scene, pod) else { return Ok(None) };
    let call =
        calls(scene, pod, faults).find(|call| parts.iter().any(|part| part.name() == call.container && !settled(part)));
    Ok(call.map(|call| {
        let port = call.port.map_or(String::new(), |port| format!(":{port}"));
        let claim = Claim::of(trouble, format!("it ends because {}{port} {what}", call.host)).by(call.proof.clone());
        let fix = super::advice::of_program(&call.proof.saw);
        let claim = Claim { part: Some(call.container.clone()), fix, ..claim };
        let claim = claim.by_all(call.told.clone());
        // What is outside of the cluster has no object that could be blamed, and many may call it.
        let address = call.host.parse::<std::net::IpAddr>().is_ok() && !is_loopback(&call.host);
        if address && call.service.is_none() {
            return claim.shared(Ref::new("Address", "", format!("{}{port}", call.host)));
        }
        claim.by_all(call.service.map(|service| Proof::field(service, "/metadata/name")))
    }))
}

const APP: Rule = Rule { effect: Effect::Crashing, weight: 60, confidence: Confidence::Likely, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "crash.app.missing-env",
        weight: 68,
        means: "The program wants an environment variable that is not set.",
        proves: "It says so before it ends, and the container does not set it.",
        refutes: "the variable in env or envFrom",
        fix: "set the variable in env, or the key in the ConfigMap of envFrom",
        judge: missing_env,
        ..APP
    },
    Rule {
        code: "crash.app.bad-config",
        means: "The program does not understand its settings: a file that does not parse, a flag that does not exist.",
        proves: "It says so before it ends.",
        refutes: "the program starting with the same settings elsewhere",
        fix: "correct the settings; see what changed in their ConfigMap or in args",
        judge: bad_config,
        ..APP
    },
    Rule {
        code: "crash.app.port-in-use",
        weight: 68,
        means: "The port that the program wants to listen on is taken: by another container of the pod, or on the host's network.",
        proves: "It says so before it ends.",
        refutes: "nobody else listening on the port",
        fix: "give one of them another port",
        judge: port_in_use,
        ..APP
    },
    Rule {
        code: "crash.app.permission",
        weight: 62,
        means: "The program is not permitted to do something: a capability, a user, a file.",
        proves: "It says so before it ends.",
        refutes: "the same as a user who may",
        fix: "add the capability that it needs, or run it as a user who may",
        judge: permission,
        ..APP
    },
    Rule {
        code: "crash.app.file-missing",
        weight: 55,
        means: "A file that the program wants is not there: not in the image, or hidden by a mount.",
        proves: "It says so before it ends.",
        refutes: "the file in the container",
        fix: "put the file into the image, or mount it where it is wanted",
        judge: |scene, pod| plain(scene, pod, Sign::FileMissing, "a file is missing"),
        ..APP
    },
    Rule {
        code: "crash.app.wrong-data",
        weight: 66,
        means: "The data is not what the program wants: a database, a table or a migration is missing, or another version wrote it.",
        proves: "It says so before it ends.",
        refutes: "the program starting with the same data",
        fix: "create what is missing or run the migration; go back to the version that wrote the data, or upgrade it as its maker says",
        judge: |scene, pod| plain(scene, pod, Sign::WrongData, "its data is not what it wants"),
        ..APP
    },
    Rule {
        code: "crash.app.auth-failed",
        weight: 67,
        means: "A server does not accept the program's credentials, or does not allow them what it asks for.",
        proves: "The program says so before it ends.",
        refutes: "the same credentials accepted",
        fix: "correct the Secret; restart the pods if it was changed after they started; in a cloud, see what the identity may",
        judge: |scene, pod| plain(scene, pod, Sign::AuthFailed, "its credentials are not accepted"),
        ..APP
    },
    Rule {
        code: "crash.app.tls-expired",
        weight: 67,
        means: "A certificate has expired, or a clock is wrong.",
        proves: "The program says so before it ends.",
        refutes: "a certificate that is valid now, and a clock that is right",
        fix: "renew the certificate; if it is valid, set the node's clock",
        judge: |scene, pod| plain(scene, pod, Sign::TlsExpired, "a certificate has expired"),
        ..APP
    },
    Rule {
        code: "crash.app.tls-untrusted",
        weight: 66,
        means: "The program does not trust the certificate that it is shown.",
        proves: "It says so before it ends.",
        refutes: "the CA in the program's trust store",
        fix: "mount the CA that signed the certificate, or correct the name that is called",
        judge: |scene, pod| plain(scene, pod, Sign::TlsUntrusted, "it does not trust a certificate"),
        ..APP
    },
    Rule {
        code: "crash.app.fd-limit",
        weight: 67,
        means: "The program has as many files open as it may.",
        proves: "It says so before it ends.",
        refutes: "a limit far above what it has open",
        fix: "raise the limit, or close what is not needed",
        judge: |scene, pod| plain(scene, pod, Sign::FdLimit, "it may not open more files"),
        ..APP
    },
    Rule {
        code: "crash.app.pids-limit",
        weight: 67,
        means: "The program may not make more processes or threads.",
        proves: "It says so before it ends; on a node, pids.current and pids.events of its cgroup.",
        refutes: "a pids.max far above what it has",
        fix: "raise podPidsLimit of the kubelet, or make fewer threads",
        judge: |scene, pod| {
            let said = plain(scene, pod, Sign::PidsLimit, "it may not make more processes or threads")?;
            let counted = if super::crashes::is_container(pod) { super::limits::pids(scene, pod)? } else { None };
            Ok(counted.or(said))
        },
        ..APP
    },
    Rule {
        code: "crash.app.heap-full",
        weight: 67,
        means: "The heap of the language's runtime is full, below the container's limit.",
        proves: "The runtime says so before it ends.",
        refutes: "a larger heap that fills too: a leak",
        fix: "raise the heap's size (max-old-space-size, Xmx), or find the leak",
        judge: |scene, pod| plain(scene, pod, Sign::HeapFull, "its heap is full"),
        ..APP
    },
    Rule {
        code: "crash.app.disk-full",
        weight: 64,
        means: "A file system that the program writes to is full.",
        proves: "It says so before it ends.",
        refutes: "free space and free inodes",
        fix: "make room, or write to a volume that is large enough",
        judge: |scene, pod| plain(scene, pod, Sign::Full, "a file system is full"),
        ..APP
    },
    Rule {
        code: "crash.app.read-only",
        weight: 63,
        means: "A file system that the program writes to is read-only, and the spec does not say why: the kernel may have made it so.",
        proves: "It says so before it ends.",
        refutes: "a mount that is writable",
        fix: "see the node's kernel log for errors of the disk",
        judge: |scene, pod| plain(scene, pod, Sign::ReadOnly, "a file system is read-only"),
        ..APP
    },
    Rule {
        code: "crash.app.panic",
        weight: 40,
        means: "The program met an error that it does not handle.",
        proves: "The trace in its log, and its exit status.",
        refutes: "a more specific cause in the trace",
        fix: "look at the trace: the first line of it, and the topmost frame of the program's own code",
        judge: |scene, pod| plain(scene, pod, Sign::Panic, "it met an error that it does not handle"),
        ..APP
    },
    Rule {
        code: "crash.shell-command-not-found",
        weight: 69,
        confidence: Confidence::Proven,
        means: "A script calls a program that the image does not have.",
        proves: "The shell says so, and the container ended with a failure.",
        refutes: "the program in the image's PATH",
        fix: "install the program in the image, or correct the script",
        judge: |scene, pod| plain(scene, pod, Sign::NoCommand, "a program is not in the image"),
        ..APP
    },
    Rule {
        code: "crash.app.dependency-refused",
        weight: 50,
        stance: Stance::Yields,
        means: "The program ends because what it calls refuses, or cannot be reached.",
        proves: "Its last words are that a call failed.",
        refutes: "the same call succeeding from the pod",
        fix: "see what is called; let the program try again instead of ending",
        judge: |scene, pod| {
            dependency(scene, pod, &[CallFault::Refused, CallFault::NoRoute], "does not accept the connection")
        },
        ..APP
    },
    Rule {
        code: "crash.app.dependency-timeout",
        weight: 49,
        stance: Stance::Yields,
        means: "The program ends because what it calls does not answer.",
        proves: "Its last words are that a call ran out of time.",
        refutes: "the same call succeeding from the pod",
        fix: "see what is called, and what lies between: network policies, firewalls",
        judge: |scene, pod| dependency(scene, pod, &[CallFault::Timeout], "does not answer"),
        ..APP
    },
    Rule {
        code: "crash.app.dependency-dns",
        weight: 51,
        stance: Stance::Yields,
        means: "The program ends because a name does not resolve.",
        proves: "Its last words are that a name is not known.",
        refutes: "the name resolving in the pod",
        fix: "correct the name, or see the cluster's DNS",
        judge: |scene, pod| dependency(scene, pod, &[CallFault::NoName, CallFault::NoResolver], "does not resolve"),
        ..APP
    },
    Rule {
        code: "rbac.token-missing",
        weight: 70,
        means: "The program calls the API, and its pod has no token.",
        proves: "The token's file is not there, and mounting it is turned off.",
        refutes: "automountServiceAccountToken not false",
        fix: "set automountServiceAccountToken: true in the pod",
        judge: no_token,
        ..APP
    },
    Rule {
        code: "crash.app.exit",
        weight: 10,
        stance: Stance::Symptom,
        confidence: Confidence::Possible,
        means: "The program ends with a failure, and its last words fit no known cause.",
        proves: "Its exit status and its last line.",
        refutes: "a known cause in its log",
        fix: "read the log of the previous run",
        judge: |scene, pod| {
            let Some((trouble, parts)) = super::crashes::ended(scene, pod) else { return Ok(None) };
            Ok(parts.iter().filter(|part| !settled(part)).find_map(|part| {
                let (name, log) = scene.last_words(part)?;
                let (at, line) = log.lines.iter().enumerate().rev().find(|(_, line)| !line.trim().is_empty())?;
                let status = part.exit().map_or(String::new(), |exit| format!(" with status {exit}"));
                let claim = Claim::of(trouble, format!("it ends{status}: {}", line.trim()));
                Some(claim.part(part).by(Proof::line(&name, at + 1, line)).by_all(part.ending()).fix(Fix::say(
                    format!("kubectl -n {} logs {} -c {} --previous", pod.ns(), pod.name(), part.name()),
                )))
            }))
        },
        ..APP
    },
];
