//! Volumes that cannot be attached, mounted or written.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::binding;
use crate::eval::messages::start::{self, Mount};
use crate::eval::messages::{between, says};
use crate::object::{Fields as _, Object, Ref};
use crate::rule::{Rule, Stance};
use crate::rules::manifests::{self, Use, first};
use crate::scene::{Part, Role, Scene};
use crate::snapshot::{Event, Judged, Proof};

/// The latest word on why the volumes of a pod that is not started are not there.
fn failing<'a>(scene: &Scene<'a>, pod: &'a Object) -> Option<Event<'a>> {
    scene.suffers(pod, Effect::NotStarted).filter(|trouble| trouble.part.is_none())?;
    let mut events = scene.warnings(pod, &["FailedMount", "FailedAttachVolume", "FailedMapVolume"]);
    // That the kubelet waits for volumes says nothing about why.
    events.find(|event| {
        let lags = start::mount(event.message()) == Some(Mount::NotRegistered) && scene.age(pod) <= 120;
        !lags && !event.message().starts_with("Unable to attach or mount volumes")
    })
}

fn mounts<'a>(scene: &Scene<'a>, pod: &'a Object, wanted: Mount, what: &str) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.trouble(pod) else { return Ok(None) };
    let event = failing(scene, pod).filter(|event| start::mount(event.message()) == Some(wanted));
    Ok(event.map(|event| Claim::of(trouble, volume(event.message(), what)).field(event.0, event.pointer())))
}

/// With the volume's name, which the kubelet always says.
fn volume(message: &str, what: &str) -> String {
    between(message, "volume \"", "\"").map_or(what.to_owned(), |name| format!("volume {name}: {what}"))
}

fn object_missing<'a>(scene: &Scene<'a>, pod: &'a Object, wanted: &str) -> Judged<Option<Claim>> {
    let Some((trouble, event)) = scene.trouble(pod).zip(failing(scene, pod)) else { return Ok(None) };
    let Some((kind, name)) = start::missing_object(event.message()).filter(|(kind, _)| *kind == wanted) else {
        return Ok(None);
    };
    let (absent, need) = match scene.snapshot.absent(kind, pod.ns(), name) {
        Ok(None) => return Ok(None),
        Ok(absent) => (absent, None),
        Err(need) => (None, Some(need)),
    };
    let near = crate::eval::selector::nearest(name, scene.snapshot.within(kind, pod.ns()).map(Object::name));
    let hint = near.map_or(String::new(), |near| format!("; there is {near}"));
    let fix = super::advice::making(kind, pod.ns(), name);
    let claim = Claim::of(trouble, volume(event.message(), &format!("{kind} {name} does not exist{hint}")));
    let claim = claim.field(event.0, event.pointer()).by_all(absent).needing(need).fix(fix);
    Ok(Some(claim.shared(Ref::new(kind, pod.ns(), name))))
}

fn key_missing<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some((trouble, event)) = scene.trouble(pod).zip(failing(scene, pod)) else { return Ok(None) };
    let Some((key, kind, _)) = start::missing_key(event.message()) else { return Ok(None) };
    let claim = Claim::of(trouble, volume(event.message(), &format!("the {kind} has no key {key}")))
        .field(event.0, event.pointer());
    let asks = |items: &crate::value::Value, list: &str| items.list(list).iter().any(|item| item.text("/key") == key);
    let (source, name) = if kind == "Secret" { ("/secret", "secretName") } else { ("/configMap", "name") };
    let holder = pod.list("/spec/volumes").iter().find(|one| asks(one, &format!("{source}/items")));
    let holder = holder.map(|one| Ref::new(kind, pod.ns(), one.text(&format!("{source}/{name}"))));
    Ok(match holder {
        Some(holder) => super::config::key_of(scene, claim, &holder, key),
        None => Some(claim),
    })
}

fn multi_attach<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = mounts(scene, pod, Mount::MultiAttach, "it is attached to another node")? else {
        return Ok(None);
    };
    let holder = binding::holders(scene.snapshot, pod).next();
    Ok(Some(claim.by_all(holder.map(|holder| Proof::field(holder, "/spec/nodeName")))))
}

/// What drivers and their providers say when they cannot attach: words, what they mean, and what helps.
const REFUSALS: &[(&[&str], &str, &str)] = &[
    (
        &[
            "code = ResourceExhausted",
            "attachment limit",
            "AttachmentLimitExceeded",
            "maximum number of",
            "too many volumes",
        ],
        "its node has as many volumes as it can",
        "let the pod run on another node, or take volumes from this one; a driver that tells its limit in CSINode keeps the scheduler from this",
    ),
    (
        &["InvalidVolume.NotFound", "VolumeNotFound", "DiskNotFound", "volume not found", "disk not found"],
        "the storage does not know it any more",
        "restore the volume where it was kept, or create the claim again and fill it from a backup",
    ),
    (&["desc = "], "its driver cannot attach it", "mend what the driver names; its controller's log tells more"),
];

/// A message without the names of volumes: `volume vol-1 not found` is `volume not found`.
fn unnamed(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let is_a_name = |at: usize| {
        let named = at > 0 && ["volume", "disk"].contains(&words[at - 1]);
        named && words.get(at + 1..at + 3) == Some(&["not", "found"][..])
    };
    let kept = (0..words.len()).filter(|&at| !is_a_name(at)).map(|at| words[at]);
    kept.collect::<Vec<_>>().join(" ")
}

fn attach<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = mounts(scene, pod, Mount::Attach, "it cannot be attached")? else { return Ok(None) };
    let said = claim.proofs.first().map_or("", |proof| proof.saw.as_str());
    let refusal = REFUSALS.iter().find(|(words, ..)| says(&unnamed(said), words));
    let claim = match refusal {
        Some((_, what, help)) => Claim { says: volume(said, what), ..claim.clone() }.fix(Fix::say(*help)),
        None => claim,
    };
    let volumes: Vec<String> = binding::claims(pod)
        .filter_map(|name| {
            Some(scene.snapshot.seen("PersistentVolumeClaim", pod.ns(), &name)?.text("/spec/volumeName").to_owned())
        })
        .collect();
    let mut attachments = scene.snapshot.all("VolumeAttachment");
    let attachment = attachments.find(|one| {
        volumes.iter().any(|name| one.text("/spec/source/persistentVolumeName") == name)
            && !one.holds("/status/attached")
    });
    Ok(Some(claim.by_all(attachment.map(|one| Proof::field(one, "/status/attached")))))
}

fn driver_missing<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = mounts(scene, pod, Mount::DriverMissing, "its CSI driver is not registered on the node")? else {
        return Ok(None);
    };
    let node = scene.snapshot.seen("CSINode", "", pod.text("/spec/nodeName"));
    Ok(Some(claim.by_all(node.map(|node| Proof::field(node, "/spec/drivers")))))
}

fn attributes_missing<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some((trouble, event)) = scene.trouble(pod).zip(failing(scene, pod)) else { return Ok(None) };
    let words = ["failed to fetch token", "serviceaccounts", "kube-root-ca.crt\" not found"];
    let said = says(event.message(), &words) && event.message().contains("kube-api-access");
    Ok(said.then(|| Claim::of(trouble, "its service account's token cannot be had").field(event.0, event.pointer())))
}

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "vol.configmap-missing",
        means: "A pod mounts a ConfigMap that does not exist.",
        proves: "The kubelet did not find it, and it is not there now.",
        refutes: "the ConfigMap in the pod's namespace",
        fix: "create the ConfigMap, or correct its name in the workload",
        judge: |scene, pod| {
            first(manifests::misnamed(scene, pod, Use::Volume, "ConfigMap"), || object_missing(scene, pod, "ConfigMap"))
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.secret-missing",
        means: "A pod mounts a Secret that does not exist.",
        proves: "The kubelet did not find it, and it is not there now.",
        refutes: "the Secret in the pod's namespace",
        fix: "create the Secret, or correct its name in the workload",
        judge: |scene, pod| {
            first(manifests::misnamed(scene, pod, Use::Volume, "Secret"), || object_missing(scene, pod, "Secret"))
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.key-missing",
        means: "A volume picks a key that its ConfigMap or Secret does not have.",
        proves: "The kubelet did not find the key, and it is not there now.",
        refutes: "the key in the object",
        fix: "add the key, or correct it in the volume's items",
        judge: |scene, pod| first(manifests::key(scene, pod, Use::Volume), || key_missing(scene, pod)),
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.object-not-registered",
        weight: 40,
        confidence: Confidence::Likely,
        means: "The kubelet has not heard of an object that the pod mounts: it does not reach the API server, or lags far behind.",
        proves: "The kubelet says so for more than two minutes.",
        refutes: "the pod starting",
        fix: "restart the kubelet of the node; check its way to the API server",
        judge: |scene, pod| mounts(scene, pod, Mount::NotRegistered, "the kubelet does not know it"),
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.multi-attach",
        means: "The volume can be attached to one node only, and another has it.",
        proves: "The controller refuses to attach it twice.",
        refutes: "the volume attached to no other node",
        fix: "delete the pod that holds it; a Deployment with such a volume wants strategy Recreate",
        stance: Stance::Yields,
        judge: multi_attach,
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.attach-failed",
        means: "Nobody attaches the volume: the driver's attacher is not there or fails.",
        proves: "Attaching failed or ran out of time, and the attachment is not attached.",
        refutes: "the VolumeAttachment being attached",
        fix: "install or repair the CSI driver's controller (its external-attacher)",
        judge: attach,
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.csi-not-registered",
        means: "The CSI driver of the volume does not run on this node.",
        proves: "The kubelet has no driver of this name.",
        refutes: "the driver in the node's CSINode",
        fix: "repair the driver's DaemonSet pod on this node, or install the driver",
        judge: driver_missing,
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.mount-helper-missing",
        means: "The node lacks the program that mounts this type of file system.",
        proves: "mount asks for a helper program.",
        refutes: "/sbin/mount.TYPE on the node",
        fix: "install the helper on the nodes: nfs-common, cifs-utils",
        judge: |scene, pod| mounts(scene, pod, Mount::Helper, "the node lacks the program that mounts it"),
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.nfs-unreachable",
        means: "The file server does not answer, or does not let this node in.",
        proves: "mount.nfs failed.",
        refutes: "the same mount by hand on the node",
        fix: "check the server, its export and the way to port 2049 from the node",
        judge: |scene, pod| mounts(scene, pod, Mount::Nfs, "the file server does not answer or refuses"),
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.fs-corrupt",
        means: "The file system on the volume is damaged, or of another type than was said.",
        proves: "mount does not recognize it, or fsck found errors.",
        refutes: "the same mount by hand",
        fix: "check the file system (fsck), or restore the volume; check fsType",
        judge: |scene, pod| mounts(scene, pod, Mount::Corrupt, "its file system cannot be mounted"),
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.hostpath-type",
        means: "The path on the node is not of the type that the volume demands.",
        proves: "The kubelet's check failed.",
        refutes: "the path with this type on the node",
        fix: "create the path on the node, or correct hostPath.type",
        judge: |scene, pod| {
            let what = "the path on the node is of another type";
            let Some(claim) = mounts(scene, pod, Mount::HostPath, what)? else { return Ok(None) };
            let volumes = pod.list("/spec/volumes").iter().enumerate();
            let checks = |volume: &crate::value::Value| !volume.text("/hostPath/type").is_empty();
            let mut checked = volumes.filter(|(_, volume)| checks(volume)).map(|(index, _)| index);
            let Some(index) = checked.next() else { return Ok(None) };
            let at = format!("/spec/volumes/{index}/hostPath/type");
            let words = "demand no type of the path, or create it on the node";
            Ok(Some(claim.fix(Fix::patch(scene, pod, words, &[(at, "".into())]))))
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.subpath",
        means: "A path inside the volume cannot be mounted where it should: a file over a folder, or nothing there.",
        proves: "The kubelet or the runtime could not prepare the subPath.",
        refutes: "the path in the volume with the right type",
        fix: "correct subPath, or the key that it names",
        judge: |scene, pod| {
            let Some(trouble) = scene.trouble(pod) else { return Ok(None) };
            let said = trouble.part.as_ref().and_then(|part| {
                let text = scene.complaint(part).filter(|(text, _)| start::mount(text) == Some(Mount::SubPath));
                let ended = part.end().filter(|(_, end)| start::mount(end.text("/message")) == Some(Mount::SubPath));
                text.map(|(_, proof)| proof)
                    .or_else(|| ended.map(|(at, _)| Proof::field(pod, &format!("{at}/message"))))
            });
            if let Some(proof) = said {
                return Ok(Some(Claim::of(trouble, "a subPath cannot be mounted").by(proof)));
            }
            mounts(scene, pod, Mount::SubPath, "a subPath cannot be mounted")
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.token-projection",
        weight: 82,
        means: "The token of the pod's service account cannot be had: the account was deleted, or the cluster's CA is not published.",
        proves: "The kubelet could not project the token.",
        refutes: "the service account and kube-root-ca.crt in the namespace",
        fix: "create the service account anew; see that the controller manager publishes kube-root-ca.crt",
        judge: attributes_missing,
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.driver-error",
        weight: 50,
        confidence: Confidence::Likely,
        means: "The volume's driver fails on this node.",
        proves: "The driver's own words in a FailedMount event.",
        refutes: "the volume mounted",
        fix: "read the driver's log on the node; its message says what it lacks",
        judge: |scene, pod| {
            let other = failing(scene, pod).is_some_and(|event| {
                start::missing_object(event.message()).is_some() || start::missing_key(event.message()).is_some()
            });
            if other { Ok(None) } else { mounts(scene, pod, Mount::Driver, "its driver fails") }
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.fsgroup-chown-slow",
        weight: 30,
        stance: Stance::Yields,
        confidence: Confidence::Possible,
        means: "The kubelet changes the owner of every file of a large volume before it starts the pod.",
        proves: "The pod is being created for minutes, has an fsGroup and a claim, and nothing failed.",
        refutes: "a volume with few files",
        fix: "set fsGroupChangePolicy: OnRootMismatch",
        judge: |scene, pod| {
            let Some(trouble) = scene.suffers(pod, Effect::NotStarted).filter(|one| one.part.is_none()) else {
                return Ok(None);
            };
            let always = pod.at("/spec/securityContext/fsGroup").is_some()
                && pod.text("/spec/securityContext/fsGroupChangePolicy") != "OnRootMismatch";
            let quiet = !scene.snapshot.events(pod).any(|event| event.warns()) && scene.age(pod) > 300;
            let init = Part::all(pod).iter().any(|part| part.role == Role::Init && part.state("running").is_some());
            let slow = always && quiet && !init && binding::claims(pod).next().is_some();
            Ok(slow.then(|| {
                Claim::of(trouble, "nothing failed, and its volume's owner may still be being changed")
                    .field(pod, "/spec/securityContext/fsGroup")
            }))
        },
        ..Rule::PLAIN
    },
];
