//! Claims without a volume.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::controllers::is_tended;
use crate::eval::messages::{between, says};
use crate::eval::{binding, selector};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::Scene;
use crate::snapshot::{Event, Judged, Proof};

/// A claim that has waited long enough.
pub(super) fn pending<'a>(scene: &Scene<'a>, claim: &'a Object) -> bool {
    claim.text("/status/phase") == "Pending"
        && claim.deletion().is_none()
        && scene.lives(claim.ns())
        && !waits_for_consumer(scene, claim)
}

/// Whether its class binds only once a pod uses it, and none does.
pub(crate) fn waits_for_consumer(scene: &Scene<'_>, claim: &Object) -> bool {
    let used =
        || scene.snapshot.within("Pod", claim.ns()).any(|pod| binding::claims(pod).any(|name| name == claim.name()));
    binds_late(scene, claim) && !used()
}

/// Whether its class binds only once a pod uses it.
pub(crate) fn binds_late(scene: &Scene<'_>, claim: &Object) -> bool {
    let class = binding::class(claim).and_then(|name| scene.snapshot.seen("StorageClass", "", name));
    let late = class.is_some_and(|class| class.text("/volumeBindingMode") == "WaitForFirstConsumer");
    late || scene.snapshot.about(&claim.id).any(|event| event.reason() == "WaitForFirstConsumer")
}

/// The latest warning of its provisioning or binding.
pub(super) fn told<'a>(scene: &Scene<'a>, claim: &'a Object, reasons: &'a [&'a str]) -> Option<Event<'a>> {
    scene.warnings(claim, reasons).next()
}

fn class_missing<'a>(scene: &Scene<'a>, claim: &'a Object) -> Judged<Option<Claim>> {
    // The provisioner says of which class it knows nothing, also where the claim itself was not given.
    let event = told(scene, claim, &["ProvisioningFailed"]);
    let unknown =
        event.as_ref().and_then(|event| between(event.message(), "storageclass.storage.k8s.io \"", "\" not found"));
    let Some(name) = binding::class(claim).or(unknown).filter(|name| !name.is_empty() && pending(scene, claim)) else {
        return Ok(None);
    };
    // Volumes made by hand may bear the name of a class that does not exist; then only a volume is missing.
    if scene.snapshot.all("PersistentVolume").any(|volume| binding::class(volume) == Some(name)) {
        return Ok(None);
    }
    let (absent, need) = match scene.snapshot.absent("StorageClass", "", name) {
        Ok(None) => return Ok(None),
        Ok(absent) => (absent, None),
        Err(need) if unknown == Some(name) => (None, Some(need)),
        Err(need) => return Err(need),
    };
    let near = selector::nearest(name, scene.snapshot.all("StorageClass").map(Object::name));
    let hint = near.map_or(String::new(), |near| format!("; there is {near}"));
    let said = Claim::new(format!("the storage class {name} does not exist{hint}"));
    let claim = if claim.tells("/spec/storageClassName") { said.field(claim, "/spec/storageClassName") } else { said };
    let claim = claim.by_all(absent).by_all(event.map(|event| Proof::field(event.0, event.pointer())));
    Ok(Some(if need.is_some() { claim.only(Confidence::Likely).needing(need) } else { claim }))
}

fn no_default<'a>(scene: &Scene<'a>, claim: &'a Object) -> Judged<Option<Claim>> {
    if !pending(scene, claim) || binding::class(claim).is_some() {
        return Ok(None);
    }
    let classes = scene.snapshot.every("StorageClass", "")?;
    let default = ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
    if classes.iter().any(|class| default.iter().any(|key| class.annotation(key) == Some("true"))) {
        return Ok(None);
    }
    let event = told(scene, claim, &["FailedBinding"]).map(|event| Proof::field(event.0, event.pointer()));
    let fix = classes.first().map_or_else(
        || Fix::say("create a storage class and mark it as the default one, or a volume for the claim"),
        |class| {
            Fix::say(format!("set storageClassName: {} in the claim, or mark a class as the default one", class.name()))
        },
    );
    Ok(Some(
        Claim::new("it names no storage class, and none is the default one")
            .field(claim, "/spec/storageClassName")
            .by_all(event)
            .fix(fix),
    ))
}

/// How long a provisioner may take for a volume, in seconds.
const FIRST: i64 = 60;

/// Whether a pod has no node for want of a claim.
fn is_missed(scene: &Scene<'_>, claim: &Object) -> bool {
    let waits = |pod: &&Object| scene.suffers(pod, Effect::Unscheduled).is_some();
    let mut waiting = scene.snapshot.within("Pod", claim.ns()).filter(waits);
    waiting.any(|pod| binding::claims(pod).any(|name| name == claim.name()))
}

/// The class's provisioner: nobody by its name is seen.
fn provisioner_absent<'a>(scene: &Scene<'a>, claim: &'a Object) -> Judged<Option<Claim>> {
    let class = binding::class(claim).filter(|_| pending(scene, claim));
    let Some(class) = class.and_then(|name| scene.snapshot.seen("StorageClass", "", name)) else { return Ok(None) };
    let name = class.text("/provisioner");
    if name.is_empty() || name.starts_with("kubernetes.io/") {
        return Ok(None);
    }
    // Not every provisioner registers a driver, and the first volume takes its time.
    let young = scene.age(claim) < FIRST;
    let tended = || is_tended(scene.snapshot, name).unwrap_or(true);
    if young && (!is_missed(scene, claim) || tended()) {
        return Ok(None);
    }
    let driver = scene.snapshot.absent("CSIDriver", "", name)?;
    let registered = scene
        .snapshot
        .all("CSINode")
        .any(|node| node.list("/spec/drivers").iter().any(|one| one.text("/name") == name));
    let waits = scene.snapshot.events(claim).rev().find(|event| event.reason() == "ExternalProvisioning");
    let provisions = scene.snapshot.events(claim).any(|event| {
        ["Provisioning", "ProvisioningFailed"].contains(&event.reason())
            && event.0.text("/source/component").contains(name)
    });
    let Some((driver, waits)) = driver.zip(waits).filter(|_| !registered && !provisions) else { return Ok(None) };
    let says = format!("nobody provisions for {name}: the driver is not installed");
    let claim = Claim::new(says).field(class, "/provisioner").by(driver).field(waits.0, waits.pointer());
    Ok(Some(if young { claim.only(Confidence::Likely) } else { claim }))
}

fn provision_failed<'a>(scene: &Scene<'a>, claim: &'a Object) -> Judged<Option<Claim>> {
    let Some(event) = told(scene, claim, &["ProvisioningFailed"]).filter(|_| pending(scene, claim)) else {
        return Ok(None);
    };
    let own = says(
        event.message(),
        &["no volume plugin matched", "storageclass.storage.k8s.io", "access mode", "accessMode"],
    );
    Ok((!own).then(|| Claim::new("its driver cannot make the volume").field(event.0, event.pointer())))
}

fn modes_unsupported<'a>(scene: &Scene<'a>, claim: &'a Object) -> Judged<Option<Claim>> {
    let event = told(scene, claim, &["ProvisioningFailed"]).filter(|_| pending(scene, claim));
    let event = event.filter(|event| {
        says(event.message(), &["access mode", "accessModes", "MULTI_NODE_MULTI_WRITER", "MULTI_NODE"])
    });
    Ok(event.map(|event| {
        Claim::new("its driver does not offer this access mode")
            .field(claim, "/spec/accessModes")
            .field(event.0, event.pointer())
    }))
}

fn lost<'a>(scene: &Scene<'a>, claim: &'a Object) -> Judged<Option<Claim>> {
    let is = claim.text("/status/phase") == "Lost" && claim.deletion().is_none();
    let absent = scene.snapshot.absent("PersistentVolume", "", claim.text("/spec/volumeName")).ok().flatten();
    Ok(is.then(|| Claim::new("the volume that it was bound to is gone").field(claim, "/status/phase").by_all(absent)))
}

fn terminating<'a>(scene: &Scene<'a>, claim: &'a Object) -> Judged<Option<Claim>> {
    let held =
        claim.list("/metadata/finalizers").iter().position(|one| one.as_str() == Some("kubernetes.io/pvc-protection"));
    let Some(held) =
        held.filter(|_| claim.deletion().is_some_and(|at| scene.now().since(at) >= 2) && scene.lives(claim.ns()))
    else {
        return Ok(None);
    };
    let uses = |pod: &&Object| {
        !["Succeeded", "Failed"].contains(&pod.text("/status/phase"))
            && pod.deletion().is_none()
            && binding::claims(pod).any(|name| name == claim.name())
    };
    let user = scene.snapshot.within("Pod", claim.ns()).find(uses);
    Ok(user.map(|pod| {
        let index = pod
            .list("/spec/volumes")
            .iter()
            .position(|volume| volume.text("/persistentVolumeClaim/claimName") == claim.name());
        let proof =
            index.map(|index| Proof::field(pod, &format!("/spec/volumes/{index}/persistentVolumeClaim/claimName")));
        let says = format!("it was deleted while {} uses it", scene.top(pod));
        Claim::new(says)
            .field(claim, "/metadata/deletionTimestamp")
            .field(claim, &format!("/metadata/finalizers/{held}"))
            .by_all(proof)
            .fix(release(scene, pod))
    }))
}

/// Lets the last user of a claim go.
fn release(scene: &Scene<'_>, pod: &Object) -> Fix {
    let top = scene.top(pod);
    let text = match top.kind.as_str() {
        "Deployment" | "StatefulSet" => {
            format!("kubectl -n {} scale {} {} --replicas=0", top.namespace, top.kind.to_lowercase(), top.name)
        }
        _ => format!("delete or scale down {top}"),
    };
    let mut fix = Fix::say(format!("{text}; the claim goes with its last user"));
    if let Some(owner) = scene.snapshot.find(&top).filter(|owner| owner.at("/spec/replicas").is_some()) {
        let pods = scene.snapshot.within("Pod", pod.ns()).filter(|other| scene.top(other) == top);
        fix = pods.fold(fix.set(owner, "/spec/replicas", 0), Fix::remove);
    }
    fix
}

fn resize<'a>(scene: &Scene<'a>, claim: &'a Object) -> Judged<Option<Claim>> {
    let kinds = ["FileSystemResizePending", "ControllerResizeError", "NodeResizeError", "Resizing"];
    let stuck = kinds.iter().filter_map(|kind| claim.condition(kind)).find(|(_, condition)| {
        let since = condition.time("/lastTransitionTime").map_or(0, |at| scene.now().since(at));
        condition.text("/status") == "True" && (since > 300 || condition.text("/type").ends_with("Error"))
    });
    let event = told(scene, claim, &["VolumeResizeFailed", "FileSystemResizeFailed", "ExternalExpanding"]);
    Ok(stuck.map(|(at, _)| {
        Claim::new("it is not expanded")
            .field(claim, &format!("{at}/type"))
            .by_all(event.map(|event| Proof::field(event.0, event.pointer())))
    }))
}

pub(super) const CLAIM: Rule = Rule { on: &["PersistentVolumeClaim"], effect: Effect::Unbound, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "pvc.storageclass-missing",
        means: "The claim names a storage class that does not exist.",
        proves: "There is no such class, and no volume bears its name.",
        refutes: "the class",
        fix: "create the class, or the claim anew with one that exists",
        judge: class_missing,
        ..CLAIM
    },
    Rule {
        code: "pvc.no-default-class",
        means: "The claim names no storage class, and none is the default one.",
        proves: "storageClassName is not set, and no class is marked.",
        refutes: "a class marked as the default one before the claim was made",
        fix: "set storageClassName, or mark a class as the default one",
        judge: no_default,
        ..CLAIM
    },
    Rule {
        code: "pvc.provisioner-absent",
        means: "The driver that should make the volume is not installed.",
        proves: "The claim waits for a provisioner that neither a CSIDriver nor a CSINode knows.",
        refutes: "the driver's controller running",
        fix: "install or repair the CSI driver, or use another class",
        judge: provisioner_absent,
        ..CLAIM
    },
    Rule {
        code: "pvc.provision-failed",
        weight: 70,
        means: "The driver could not make the volume: quota, rights, zone, or its backend.",
        proves: "The driver's own words, and the claim is still pending.",
        refutes: "a ProvisioningSucceeded event",
        fix: "mend what the driver's message names",
        judge: provision_failed,
        ..CLAIM
    },
    Rule {
        code: "pvc.access-mode-unsupported",
        weight: 75,
        means: "The driver does not offer the access mode that the claim asks for.",
        proves: "The driver's own words.",
        refutes: "a volume of this class with the mode",
        fix: "use ReadWriteOnce, or a class whose driver offers the mode",
        judge: modes_unsupported,
        ..CLAIM
    },
    Rule {
        code: "pvc.lost",
        means: "The volume that the claim was bound to is gone.",
        proves: "The claim's phase is Lost.",
        refutes: "the volume",
        fix: "restore the volume from a backup",
        judge: lost,
        ..CLAIM
    },
    Rule {
        code: "pvc.terminating-in-use",
        effect: Effect::Stuck,
        means: "The claim was deleted while a pod uses it; it stays until the pod is gone.",
        proves: "The protection finalizer, and the pod that mounts it.",
        refutes: "no pod that mounts it",
        fix: "delete or scale down the pod",
        judge: terminating,
        ..CLAIM
    },
    Rule {
        code: "pvc.resize-stuck",
        effect: Effect::Latent,
        stance: Stance::Root,
        means: "The claim was to grow, and does not.",
        proves: "A condition of the claim says so for minutes.",
        refutes: "the claim's capacity at its request",
        fix: "restart the pod if the file system waits for it; else see the driver's resizer",
        judge: resize,
        ..CLAIM
    },
];
