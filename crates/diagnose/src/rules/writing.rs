//! Volumes that are there, and that the program may not or cannot write.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::between;
use crate::eval::messages::program::Sign;
use crate::object::{Fields as _, Object};
use crate::quantity;
use crate::rule::Rule;
use crate::scene::{Part, Scene};
use crate::snapshot::{Judged, Proof};
use crate::value::Value;

/// A program's own complaint about a path, which a volume of the pod explains.
fn complains<'a>(
    scene: &Scene<'a>,
    pod: &'a Object,
    wanted: Sign,
    mounted: fn(&Part<'_>, &str) -> Option<Proof>,
    mend: fn(&Scene<'a>, &Part<'a>, &str) -> Option<Fix>,
) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.trouble(pod).filter(|one| matches!(one.effect, Effect::Crashing | Effect::Failed)) else {
        return Ok(None);
    };
    let parts = trouble.part.clone().map_or_else(|| Part::all(pod), |part| vec![part]);
    Ok(parts.iter().find_map(|part| {
        let (line, proof) = super::programs::last_sign(scene, part, wanted)?;
        let why = mounted(part, &line)?;
        let claim = Claim::of(trouble, line.trim().to_owned()).part(part).by(proof).by(why);
        Some(Claim { fix: mend(scene, part, &line), ..claim.by_all(part.saw("/restartCount")) })
    }))
}

/// The volume mount that holds a path which a line names.
fn mount_of<'a>(part: &Part<'a>, line: &str) -> Option<(String, &'a Value)> {
    let paths =
        line.split(|c: char| c.is_whitespace() || "'\"`,()".contains(c)).map(|word| word.trim_end_matches([':', '.']));
    let paths: Vec<&str> = paths.filter(|word| word.starts_with('/')).collect();
    let mounts = part.spec.list("/volumeMounts").iter().enumerate();
    mounts
        .filter(|(_, mount)| {
            let at = mount.text("/mountPath").trim_end_matches('/');
            paths.iter().any(|path| *path == at || path.starts_with(&format!("{at}/")))
        })
        .map(|(index, mount)| (format!("{}/volumeMounts/{index}", part.spec_at), mount))
        .max_by_key(|(_, mount)| mount.text("/mountPath").len())
}

/// Whether what is mounted is an emptyDir.
fn scratches(pod: &Object, mount: &Value) -> bool {
    let mut volumes = pod.list("/spec/volumes").iter();
    volumes.any(|volume| volume.text("/name") == mount.text("/name") && volume.at("/emptyDir").is_some())
}

/// An emptyDir where a container has none, for this folder.
fn scratch(scene: &Scene<'_>, part: &Part<'_>, path: &str, medium: Value, words: &str) -> Fix {
    let add = |pointer: &str, one: Value| {
        let mut all = part.pod.list(pointer).to_vec();
        all.push(one);
        (pointer.to_owned(), Value::from(all))
    };
    let name = "scratch";
    let mount = crate::value::json!({"name": name, "mountPath": path});
    let changes = [
        add("/spec/volumes", crate::value::json!({"name": name, "emptyDir": medium})),
        add(&format!("{}/volumeMounts", part.spec_at), mount),
    ];
    Fix::patch(scene, part.pod, words, &changes)
}

/// Lets a container write where it tries to.
fn writable<'a>(scene: &Scene<'a>, part: &Part<'a>, line: &str) -> Option<Fix> {
    if let Some((at, mount)) = mount_of(part, line) {
        let change = (format!("{at}/readOnly"), Value::Null);
        return mount.holds("/readOnly").then(|| Fix::patch(scene, part.pod, "mount it to be written", &[change]));
    }
    let word = line.split(|c: char| c.is_whitespace() || "'\"`,():".contains(c)).find(|word| word.starts_with('/'))?;
    let folder = word.rsplit_once('/').map(|(folder, _)| folder).filter(|folder| !folder.is_empty())?;
    Some(scratch(scene, part, folder, crate::value::json!({}), &format!("mount an emptyDir at {folder}")))
}

fn read_only(part: &Part<'_>, line: &str) -> Option<Proof> {
    if let Some((at, _)) = mount_of(part, line).filter(|(_, mount)| mount.holds("/readOnly")) {
        return Some(Proof::field(part.pod, &format!("{at}/readOnly")));
    }
    if let Some((at, mount)) = mount_of(part, line) {
        // ConfigMaps, secrets and projections are read-only whatever the mount says.
        let mut volumes = part.pod.list("/spec/volumes").iter();
        let volume = volumes.find(|volume| volume.text("/name") == mount.text("/name"))?;
        let fixed =
            ["/configMap", "/secret", "/projected", "/downwardAPI"].iter().any(|kind| volume.at(kind).is_some());
        return fixed.then(|| Proof::field(part.pod, &format!("{at}/name")));
    }
    let root = "/securityContext/readOnlyRootFilesystem";
    if !part.pod.tells(&format!("{}{root}", part.spec_at)) && of_root(line) {
        // Nothing is mounted where it writes, so it is the root, whatever says so.
        return Some(part.asked("/volumeMounts"));
    }
    part.spec.holds(root).then(|| part.asked(root))
}

/// Whether a line names a path of a container's root: the kernel's own file systems may be read-only anyway.
fn of_root(line: &str) -> bool {
    let mut words = line.split(|c: char| c.is_whitespace() || "'\"`,():".contains(c));
    words
        .find(|word| word.starts_with('/'))
        .is_some_and(|path| !["/proc", "/sys", "/dev"].iter().any(|own| path.starts_with(own)))
}

fn emptydir_limit<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.suffers(pod, Effect::Evicted) else { return Ok(None) };
    let message = pod.text("/status/message");
    let over = message.contains("Usage of EmptyDir volume") && message.contains("exceeds the limit");
    let (name, limit) = (between(message, "EmptyDir volume \"", "\""), between(message, "the limit \"", "\""));
    let volume = pod.list("/spec/volumes").iter().position(|one| Some(one.text("/name")) == name);
    let asked = volume.map(|index| format!("/spec/volumes/{index}/emptyDir/sizeLimit"));
    let set = asked.as_ref().and_then(|at| quantity::of(pod.at(at)));
    let raised = limit.and_then(quantity::parse).zip(set).is_some_and(|(told, set)| set > told);
    if !over || raised {
        return Ok(None);
    }
    let fix = asked.zip(set).map(|(at, set)| {
        let more = (set / 1000).saturating_mul(2).to_string();
        Fix::patch(scene, pod, "give the volume more room, by what is written to it", &[(at, more.into())])
    });
    let claim = Claim::of(trouble, message.trim().to_owned()).field(pod, "/status/message");
    Ok(Some(Claim { fix, ..claim }))
}

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "vol.permission-denied",
        effect: Effect::Crashing,
        weight: 75,
        confidence: Confidence::Likely,
        means: "The program may not write to its volume: the files belong to another user.",
        proves: "The program was denied a path below a mount, and ended.",
        refutes: "the program's user being allowed to write there",
        fix: "set securityContext.fsGroup, or run as the user whom the files belong to",
        judge: |scene, pod| {
            complains(
                scene,
                pod,
                Sign::Permission,
                |part, line| {
                    let own = mount_of(part, line)
                        .filter(|(_, mount)| !mount.text("/mountPath").starts_with("/var/run/secrets"));
                    // The kubelet gives an emptyDir to the group that is asked for.
                    let given = |mount: &Value| {
                        scratches(part.pod, mount) && part.pod.int("/spec/securityContext/fsGroup").is_some()
                    };
                    let own = own.filter(|(_, mount)| !given(mount));
                    own.map(|(at, _)| Proof::field(part.pod, &format!("{at}/mountPath")))
                },
                |scene, part, line| {
                    mount_of(part, line).filter(|(_, mount)| scratches(part.pod, mount))?;
                    let of = |context: &Value, id: &str| context.int(&format!("/securityContext/{id}"));
                    let spec = part.pod.at("/spec")?;
                    let ids = ["runAsGroup", "runAsUser"].iter();
                    let group = ids.flat_map(|id| [of(part.spec, id), of(spec, id)]).flatten().next()?;
                    let change = ("/spec/securityContext/fsGroup".to_owned(), group.into());
                    Some(Fix::patch(scene, part.pod, &format!("give its volumes to group {group}"), &[change]))
                },
            )
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.read-only",
        effect: Effect::Crashing,
        weight: 76,
        means: "The program writes where it was told that nothing can be written.",
        proves: "It ended with a read-only file system, and the mount or the root is read-only by the spec.",
        refutes: "a mount and a root that are not read-only",
        fix: "mount a writable emptyDir at the path, or take readOnly away",
        judge: |scene, pod| {
            let claim = complains(scene, pod, Sign::ReadOnly, read_only, writable)?;
            let guessed = |claim: &Claim| claim.proofs.iter().any(|proof| proof.at.ends_with("/volumeMounts"));
            Ok(claim.map(|claim| if guessed(&claim) { claim.only(Confidence::Likely) } else { claim }))
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.shm-64mi",
        effect: Effect::Crashing,
        weight: 78,
        means: "/dev/shm has the runtime's 64 MiB, and the program needs more.",
        proves: "It ended with /dev/shm full, and no volume is mounted there.",
        refutes: "an emptyDir of medium Memory at /dev/shm",
        fix: "mount an emptyDir with medium: Memory at /dev/shm",
        judge: |scene, pod| {
            complains(
                scene,
                pod,
                Sign::Full,
                |part, line| {
                    let mounted = part
                        .spec
                        .list("/volumeMounts")
                        .iter()
                        .any(|mount| mount.text("/mountPath").starts_with("/dev/shm"));
                    (line.contains("/dev/shm") && !mounted).then(|| part.asked("/name"))
                },
                |scene, part, _| {
                    let medium = crate::value::json!({"medium": "Memory"});
                    Some(scratch(
                        scene,
                        part,
                        "/dev/shm",
                        medium,
                        "mount memory at /dev/shm, which counts as the container's",
                    ))
                },
            )
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.full",
        on: &["Pod", "Container", "Disk"],
        effect: Effect::Crashing,
        weight: 74,
        confidence: Confidence::Likely,
        means: "The volume is full.",
        proves: "The program ended because a path below a mount has no space left; on a node, what is free on it.",
        refutes: "free space and free inodes in the volume",
        fix: "make room, or expand the claim",
        judge: |scene, pod| {
            if pod.id.kind == "Disk" {
                return super::machines::volume_full(scene, pod);
            }
            complains(
                scene,
                pod,
                Sign::Full,
                |part, line| mount_of(part, line).map(|(at, _)| Proof::field(part.pod, &format!("{at}/mountPath"))),
                |_, _, _| None,
            )
        },
        ..Rule::PLAIN
    },
    Rule {
        code: "vol.emptydir-limit",
        effect: Effect::Evicted,
        means: "The pod wrote more to an emptyDir than its sizeLimit, and was evicted.",
        proves: "The pod was evicted with these words, and what took its place is too young to tell, or was evicted too.",
        refutes: "a pod of the same owner that outlives the kubelet's next look",
        fix: "raise sizeLimit, or write less",
        judge: emptydir_limit,
        ..Rule::PLAIN
    },
];
