//! Containers that cannot be created, and what their configuration refers to and does not exist.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::{between, says, start};
use crate::eval::selector;
use crate::object::{Fields as _, Object, Ref};
use crate::rule::Rule;
use crate::rules::manifests::{self, Use, first};
use crate::scene::{Part, Scene};
use crate::snapshot::{Judged, Proof};
use crate::value::Value;

/// The container that cannot be created, what is said about it, and where.
fn waiting<'a>(scene: &Scene<'a>, pod: &'a Object) -> Option<(Part<'a>, &'a str, Proof)> {
    let trouble = scene.trouble(pod)?;
    let part = trouble.part.clone()?;
    part.state("waiting")?;
    let (message, proof) = scene.complaint(&part).or_else(|| Some(("", part.saw("/state/waiting/reason")?)))?;
    Some((part, message, proof))
}

/// Says it if the container waits with one of these words, or the sandbox cannot be made with them.
fn said<'a>(scene: &Scene<'a>, pod: &'a Object, words: &[&str], what: &str) -> Judged<Option<Claim>> {
    if let Some((part, message, proof)) = waiting(scene, pod) {
        let reason = part.waits();
        if says(message, words) || words.contains(&reason) {
            return Ok(Some(Claim::new(format!("{}: {what}", part.title())).seen(pod).part(&part).by(proof)));
        }
        let ended = part.end().filter(|(_, end)| says(end.text("/message"), words));
        if ended.is_some() {
            return Ok(Some(
                Claim::new(format!("{}: {what}", part.title())).seen(pod).part(&part).by_all(part.ending()),
            ));
        }
    }
    let Some(trouble) = scene.suffers(pod, Effect::NotStarted) else { return Ok(None) };
    let mut events = scene.warnings(pod, &["FailedCreatePodSandBox", "Failed"]);
    let found = events.find(|event| says(event.message(), words));
    Ok(found.map(|event| Claim::of(trouble, what).field(event.0, event.pointer())))
}

/// An object that the kubelet did not find, and that is not there now.
fn object_missing<'a>(scene: &Scene<'a>, pod: &'a Object, wanted: &str) -> Judged<Option<Claim>> {
    let Some((part, message, proof)) = waiting(scene, pod) else { return Ok(None) };
    if message.is_empty() && part.waits() == "CreateContainerConfigError" {
        return suspected(scene, &part, wanted);
    }
    let Some((kind, name)) = start::missing_object(message).filter(|(kind, _)| *kind == wanted) else {
        return Ok(None);
    };
    let (absent, need) = match scene.snapshot.absent(kind, pod.ns(), name) {
        // It is there now: the kubelet will notice.
        Ok(None) => return Ok(None),
        Ok(absent) => (absent, None),
        // The kubelet looked, if we could not.
        Err(need) => (None, Some(need)),
    };
    let elsewhere = scene.snapshot.all(kind).find(|other| other.name() == name);
    let near = selector::nearest(name, scene.snapshot.within(kind, pod.ns()).map(Object::name));
    let hint = match (elsewhere, near) {
        (Some(other), _) => format!("; one of this name is in {}", other.ns()),
        (_, Some(near)) => format!("; there is {near}"),
        _ => String::new(),
    };
    let fix = super::advice::making(kind, pod.ns(), name);
    let claim = Claim::new(format!("{kind} {name} does not exist{hint}")).seen(pod).part(&part).by(proof);
    Ok(Some(claim.by_all(absent).needing(need).fix(fix).shared(Ref::new(kind, pod.ns(), name))))
}

/// What a container cannot do without, of a kind: names, with the pointers to them.
fn wanted_of<'a>(spec: &'a Value, kind: &str) -> Vec<(&'a str, String)> {
    let (whole, key) =
        if kind == "Secret" { ("secretRef", "secretKeyRef") } else { ("configMapRef", "configMapKeyRef") };
    let lists = [("envFrom", whole.to_owned()), ("env", format!("valueFrom/{key}"))];
    let refs = lists.iter().flat_map(|(list, field)| {
        let all = spec.list(&format!("/{list}")).iter().enumerate();
        all.map(move |(at, one)| (one, format!("/{list}/{at}/{field}")))
            .filter_map(move |(one, at)| Some((one.at(&format!("/{field}"))?, at)))
    });
    let mut named: Vec<(&str, String)> = Vec::new();
    for (one, at) in refs.filter(|(one, _)| !one.holds("/optional")) {
        let name = one.text("/name");
        if !name.is_empty() && named.iter().all(|(known, _)| *known != name) {
            named.push((name, format!("{at}/name")));
        }
    }
    named
}

/// The kubelet cannot make a container for want of something that it refers to, and does not say of what: what is known
/// to be missing, or what could not be looked for.
fn suspected(scene: &Scene<'_>, part: &Part<'_>, wanted: &str) -> Judged<Option<Claim>> {
    let pod = part.pod;
    let look = |kind: &'static str| {
        wanted_of(part.spec, kind)
            .into_iter()
            .map(move |(name, at)| (name, at, scene.snapshot.absent(kind, pod.ns(), name)))
    };
    let missing = |kind| look(kind).find(|(.., absent)| matches!(absent, Ok(Some(_)))).map(|found| (kind, found));
    if let Some((kind, (name, at, Ok(absent)))) = missing("ConfigMap").or_else(|| missing("Secret")) {
        let claim = Claim::new(format!("{kind} {name} does not exist")).seen(pod).part(part);
        let claim = claim.by_all(part.saw("/state/waiting/reason")).by(part.asked(&at)).by_all(absent);
        return Ok((kind == wanted).then_some(claim));
    }
    // Of several only one is wrong, and which it is nobody knows.
    let unknown: Vec<_> = ["ConfigMap", "Secret"]
        .into_iter()
        .flat_map(|kind| look(kind).filter_map(move |(name, at, absent)| Some((kind, name, at, absent.err()?))))
        .collect();
    let Some((kind, name, ..)) = unknown.first().filter(|(kind, ..)| *kind == wanted) else { return Ok(None) };
    let names: Vec<String> = unknown.iter().map(|(kind, name, ..)| format!("{kind} {name}")).collect();
    let says = format!(
        "{}, or a key of it, is missing: the kubelet cannot make the container, and this could not be looked at",
        names.join(" or ")
    );
    let sure = if unknown.len() == 1 { Confidence::Likely } else { Confidence::Possible };
    let what = kind.to_lowercase();
    let fix = Fix::say(format!("kubectl -n {} get {what} {name}: where it is not found, create it", pod.ns()));
    let claim = Claim::new(says).only(sure).seen(pod).part(part).by_all(part.saw("/state/waiting/reason")).fix(fix);
    Ok(Some(unknown.into_iter().fold(claim, |claim, (_, _, at, need)| claim.by(part.asked(&at)).needing(Some(need)))))
}

fn key_missing<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some((part, message, proof)) = waiting(scene, pod) else { return Ok(None) };
    let Some((key, kind, name)) = start::missing_key(message) else { return Ok(None) };
    let claim = Claim::new(format!("{kind} {name} has no key {key}")).seen(pod).part(&part).by(proof);
    Ok(key_of(scene, claim, &Ref::new(kind, pod.ns(), name), key))
}

/// Adds what is known of the keys that are there; nothing where the key is there now.
pub(super) fn key_of(scene: &Scene<'_>, claim: Claim, holder: &Ref, key: &str) -> Option<Claim> {
    let Some(holder) = scene.snapshot.find(holder) else { return Some(claim) };
    let keys: Vec<&str> = ["/data", "/binaryData"]
        .iter()
        .filter_map(|at| holder.map(at))
        .flat_map(|map| map.keys().map(crate::value::Text::as_str))
        .collect();
    if keys.contains(&key) {
        return None;
    }
    let near = selector::nearest(key, keys.iter().copied()).map_or(String::new(), |near| format!("; there is {near}"));
    let says = format!("{}{near}", claim.says);
    let pointer = format!("/data/{}", key.replace('~', "~0").replace('/', "~1"));
    let fix = Fix::say(format!("add the key {key} to {} {}", holder.id.kind.to_lowercase(), holder.name()));
    Some(Claim { says, ..claim.field(holder, &pointer).fix(fix.set(holder, &pointer, "")) })
}

fn memory_floor<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let words = ["Minimum memory limit allowed", "memory limit too low", "init was OOM-killed", "minimum memory limit"];
    let Some(claim) = said(scene, pod, &words, "its memory limit is too small to start")? else { return Ok(None) };
    let smallest = Part::all(pod)
        .into_iter()
        .min_by_key(|part| crate::quantity::of(part.spec.at("/resources/limits/memory")).unwrap_or(i128::MAX));
    Ok(Some(claim.by_all(smallest.map(|part| part.asked("/resources/limits/memory")))))
}

fn unit_typo<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    if scene.trouble(pod).is_none() && !scene.is_planned(pod) {
        return Ok(None);
    }
    Ok(Part::all(pod).into_iter().find_map(|part| {
        let mut fields = ["/resources/limits/memory", "/resources/requests/memory"].into_iter();
        let field = fields.find(|field| part.spec.text(field).ends_with('m'))?;
        let says = format!("{} asks for thousandths of a byte: m is milli, Mi is meant", part.title());
        Some(Claim::new(says).seen(pod).part(&part).by(part.asked(field)))
    }))
}

fn poststart<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.trouble(pod) else { return Ok(None) };
    let Some(part) = trouble.part.as_ref().filter(|part| part.spec.at("/lifecycle/postStart").is_some()) else {
        return Ok(None);
    };
    if part.waits() == "PostStartHookError" {
        return Ok(part
            .saw("/state/waiting/reason")
            .map(|proof| Claim::of(trouble, "its postStart hook fails").by(proof)));
    }
    let event = scene.warnings(pod, &["FailedPostStartHook"]).next();
    let recent = event.filter(|event| event.last() >= part.end().and_then(|(_, end)| end.time("/startedAt")));
    Ok(recent.map(|event| Claim::of(trouble, "its postStart hook fails").field(event.0, event.pointer())))
}

fn runtime_class<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = said(scene, pod, &["no runtime for", "runtime handler"], "no such runtime on its node")? else {
        return Ok(None);
    };
    let handler =
        claim.proofs.iter().find_map(|proof| between(&proof.saw, "no runtime for \"", "\"").map(str::to_owned));
    let says =
        handler.map_or(claim.says.clone(), |handler| format!("the runtime of its node knows no handler {handler}"));
    Ok(Some(Claim { says, ..claim.field(pod, "/spec/runtimeClassName") }))
}

/// A pod that its kubelet refused for a sysctl. A workload makes another in its stead, again and again; once one of them
/// runs that is over.
fn sysctl(scene: &Scene<'_>, pod: &Object) -> Option<Claim> {
    let refused = |pod: &Object| {
        pod.text("/status/phase") == "Failed"
            && pod.text("/status/reason") == "SysctlForbidden"
            && pod.deletion().is_none()
    };
    let owner = pod.controller().filter(|owner| owner.text("/kind") != "Job").map(|owner| owner.text("/name"));
    let stays = || match owner {
        None => scene.suffers(pod, Effect::Failed).is_some(),
        Some(owner) => {
            let of_owner = |other: &&Object| other.controller().is_some_and(|one| one.text("/name") == owner);
            let mut later = scene.snapshot.within("Pod", pod.ns()).filter(of_owner);
            scene.lives(pod.ns()) && !later.any(|other| other.created() > pod.created() && !refused(other))
        }
    };
    (refused(pod) && stays()).then(|| {
        let claim = Claim::new("its node forbids a sysctl of it").seen(pod);
        claim.field(pod, "/status/reason").field(pod, "/status/message")
    })
}

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "cfg.configmap-missing",
        means: "A container takes its environment from a ConfigMap that does not exist.",
        proves: "The kubelet did not find it, and it is not there now.",
        refutes: "the ConfigMap in the pod's namespace",
        fix: "create the ConfigMap, or correct its name in the workload",
        judge: |scene, pod| {
            first(manifests::misnamed(scene, pod, Use::Env, "ConfigMap"), || object_missing(scene, pod, "ConfigMap"))
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "cfg.secret-missing",
        means: "A container takes its environment from a Secret that does not exist.",
        proves: "The kubelet did not find it, and it is not there now.",
        refutes: "the Secret in the pod's namespace",
        fix: "create the Secret, or correct its name in the workload",
        judge: |scene, pod| {
            first(manifests::misnamed(scene, pod, Use::Env, "Secret"), || object_missing(scene, pod, "Secret"))
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "cfg.key-missing",
        means: "The ConfigMap or Secret exists, the key that a container asks for does not.",
        proves: "The kubelet did not find the key, and it is not there now.",
        refutes: "the key in the object",
        fix: "add the key, or correct it in the workload",
        judge: |scene, pod| first(manifests::key(scene, pod, Use::Env), || key_missing(scene, pod)),
        ..Rule::PLAIN
    },
    Rule {
        code: "cfg.runasnonroot-root",
        means: "The pod must not run as root, and its image would.",
        proves: "The kubelet refuses: runAsNonRoot, and the image's user is 0.",
        refutes: "a runAsUser other than 0, or a USER in the image",
        fix: "set runAsUser to a user of the image, or build the image with a USER",
        judge: |scene, pod| {
            let words = ["image will run as root", "runAsUser breaks non-root policy"];
            first(manifests::root(scene, pod), || said(scene, pod, &words, "may not run as root, and would"))
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "cfg.runasnonroot-nonnumeric",
        means: "The pod must not run as root, and the image's user is a name, which nobody can check.",
        proves: "The kubelet refuses: the user is not numeric.",
        refutes: "a numeric runAsUser",
        fix: "set runAsUser to the number of the image's user",
        judge: |scene, pod| said(scene, pod, &["non-numeric user"], "its image's user is not a number"),
        ..Rule::PLAIN
    },
    Rule {
        code: "cfg.create-timeout",
        confidence: Confidence::Likely,
        weight: 50,
        means: "The runtime takes too long to create containers: its node is overloaded, or the runtime hangs.",
        proves: "Creating the container ran out of time.",
        refutes: "other containers being created on the node in seconds",
        fix: "relieve the node's disks, or restart its runtime",
        judge: |scene, pod| {
            let claim = said(scene, pod, &["context deadline exceeded"], "the runtime did not answer in time")?;
            let created = waiting(scene, pod)
                .is_some_and(|(part, _, _)| ["CreateContainerError", "RunContainerError"].contains(&part.waits()));
            Ok(claim.filter(|_| created).map(|claim| claim.shared(Ref::new("Node", "", pod.text("/spec/nodeName")))))
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "cfg.name-reserved",
        weight: 45,
        stance: crate::rule::Stance::Yields,
        means: "An earlier attempt to create the container hangs in the runtime and holds its name.",
        proves: "The runtime says that the name is reserved.",
        refutes: "the container being created",
        fix: "wait, or remove the earlier container with crictl rm",
        judge: |scene, pod| {
            said(scene, pod, &["failed to reserve container name"], "its name is held by an earlier attempt")
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "cfg.memory-floor",
        means: "The memory limit is so small that not even the container's first process starts.",
        proves: "The runtime says that the limit is below its floor, or that init was killed for memory.",
        refutes: "a start with the same limit",
        fix: "raise the memory limit; check the unit: m is milli, Mi is mebi",
        judge: memory_floor,
        ..Rule::PLAIN
    },
    Rule {
        code: "cfg.runtimeclass",
        means: "The RuntimeClass names a handler that the runtime of the node does not have.",
        proves: "The runtime knows no such handler.",
        refutes: "the handler in the runtime's configuration on the node",
        fix: "install and configure the handler on the node, or select nodes that have it (RuntimeClass scheduling)",
        judge: runtime_class,
        ..Rule::PLAIN
    },
    Rule {
        code: "cfg.poststart-hook",
        weight: 85,
        effect: Effect::Crashing,
        means: "The container's postStart hook fails, so the kubelet kills the container.",
        proves: "The state or an event of the current run says so.",
        refutes: "the hook's command succeeding in the container",
        fix: "correct lifecycle.postStart",
        judge: poststart,
        ..Rule::PLAIN
    },
    Rule {
        code: "cfg.lsm-profile",
        means: "A seccomp or AppArmor profile that the container names is not on its node.",
        proves: "The runtime could not load the profile.",
        refutes: "the profile on the node",
        fix: "put the profile on every node that may run the pod",
        judge: |scene, pod| {
            said(
                scene,
                pod,
                &[
                    "cannot load seccomp profile",
                    "apparmor profile",
                    "failed to load seccomp",
                    "AppArmor enabled on the node",
                    "profile not loaded",
                ],
                "its security profile is not on the node",
            )
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "cfg.unit-typo",
        weight: 88,
        means: "Memory is asked for in thousandths of a byte: m is milli.",
        proves: "The quantity in the spec ends with m, and the pod does not run.",
        refutes: "none: no program needs thousandths of a byte",
        fix: "write Mi instead of m",
        judge: unit_typo,
        ..Rule::PLAIN
    },
    Rule {
        code: "cfg.sysctl-forbidden",
        effect: Effect::Failed,
        weight: 90,
        means: "The pod asks for a sysctl that its node does not allow.",
        proves: "The kubelet refused the pod with SysctlForbidden.",
        refutes: "the sysctl in the kubelet's allowedUnsafeSysctls",
        fix: "allow the sysctl on the nodes that run the pod (allowedUnsafeSysctls), or do without it",
        judge: |scene, pod| first(manifests::sysctl(scene, pod), || Ok(sysctl(scene, pod))),
        ..Rule::PLAIN
    },
];
