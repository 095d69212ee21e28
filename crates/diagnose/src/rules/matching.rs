//! Claims for volumes that were made by hand: by how much the nearest misses, and whose it is.

use super::storage::{CLAIM, pending, told};
use crate::claim::{Claim, Fix};
use crate::eval::binding::{self, Miss};
use crate::eval::selector;
use crate::object::{Fields as _, Object};
use crate::rule::Rule;
use crate::scene::Scene;
use crate::snapshot::{Judged, Proof};

/// By which of a volume's properties the nearest volume misses a claim of a class without a provisioner.
fn misses<'a>(scene: &Scene<'a>, claim: &'a Object, wanted: Miss) -> Judged<Option<(&'a Object, Claim)>> {
    if !pending(scene, claim) || !claim.text("/spec/volumeName").is_empty() {
        return Ok(None);
    }
    let class = binding::class(claim).unwrap_or_default();
    let provisioner = scene.snapshot.seen("StorageClass", "", class).map_or("", |class| class.text("/provisioner"));
    if !["", "kubernetes.io/no-provisioner"].contains(&provisioner) {
        return Ok(None);
    }
    let volumes = scene.snapshot.every("PersistentVolume", "")?;
    let nearest = binding::nearest(claim, volumes.into_iter().filter(|volume| volume.deletion().is_none()));
    Ok(nearest.filter(|(_, miss)| *miss == Some(wanted)).map(|(volume, _)| {
        let said = Claim::new(format!("the nearest volume is {}, and it does not fit", volume.name()));
        (volume, said.field(claim, "/status/phase"))
    }))
}

fn miss_of<'a>(scene: &Scene<'a>, claim: &'a Object, wanted: Miss, pointers: (&str, &str)) -> Judged<Option<Claim>> {
    let found = misses(scene, claim, wanted)?;
    Ok(found.map(|(volume, said)| {
        let value = claim.at(pointers.0).cloned();
        let fix =
            Fix::say(format!("make {} of the claim and {} of volume {} agree", pointers.0, pointers.1, volume.name()));
        let fix = match value {
            Some(value) => fix.set(volume, pointers.1, value),
            None => fix,
        };
        said.field(claim, pointers.0).field(volume, pointers.1).fix(fix)
    }))
}

fn released<'a>(scene: &Scene<'a>, claim: &'a Object) -> Judged<Option<Claim>> {
    let found = misses(scene, claim, Miss::Released)?;
    Ok(found.map(|(volume, said)| {
        let fix = Fix::say(format!(
            "when its data may be used: kubectl patch pv {} -p '{{\"spec\":{{\"claimRef\":null}}}}'",
            volume.name()
        ));
        let fix =
            fix.set(volume, "/spec/claimRef", crate::value::Value::Null).set(volume, "/status/phase", "Available");
        let says = format!("it is kept for a claim that was deleted, and {} waits for it", claim.name());
        Claim { says, ..said }
            .about(volume.id.clone())
            .seen(claim)
            .field(volume, "/status/phase")
            .field(volume, "/spec/claimRef/name")
            .fix(fix)
    }))
}

fn occupied<'a>(scene: &Scene<'a>, claim: &'a Object) -> Judged<Option<Claim>> {
    let name = claim.text("/spec/volumeName");
    let Some(volume) = scene.snapshot.seen("PersistentVolume", "", name).filter(|_| pending(scene, claim)) else {
        return Ok(None);
    };
    let holder = (volume.text("/spec/claimRef/namespace"), volume.text("/spec/claimRef/name"));
    let other = !holder.1.is_empty() && holder != (claim.ns(), claim.name());
    let event = told(scene, claim, &["FailedBinding"]).map(|event| Proof::field(event.0, event.pointer()));
    Ok(other.then(|| {
        Claim::new(format!("volume {name} belongs to claim {} in {}", holder.1, holder.0))
            .field(claim, "/spec/volumeName")
            .field(volume, "/spec/claimRef/name")
            .by_all(event)
    }))
}

fn volume_missing<'a>(scene: &Scene<'a>, claim: &'a Object) -> Judged<Option<Claim>> {
    let name = claim.text("/spec/volumeName");
    if name.is_empty() || !pending(scene, claim) {
        return Ok(None);
    }
    let absent = scene.snapshot.absent("PersistentVolume", "", name)?;
    Ok(absent.map(|absent| {
        Claim::new(format!("it asks for volume {name}, which does not exist"))
            .field(claim, "/spec/volumeName")
            .by(absent)
    }))
}

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "pvc.no-matching-pv.capacity",
        means: "The nearest volume is too small.",
        proves: "Its capacity is below the request; all else fits.",
        refutes: "a volume that is large enough",
        fix: "lower the claim's request, or create a larger volume",
        judge: |scene, claim| {
            miss_of(scene, claim, Miss::Capacity, ("/spec/resources/requests/storage", "/spec/capacity/storage"))
        },
        ..CLAIM
    },
    Rule {
        code: "pvc.no-matching-pv.access-mode",
        means: "The nearest volume lacks an access mode that the claim asks for.",
        proves: "The modes of both; class and selector fit.",
        refutes: "a volume with all modes",
        fix: "correct accessModes of the claim or of the volume",
        judge: |scene, claim| miss_of(scene, claim, Miss::AccessMode, ("/spec/accessModes", "/spec/accessModes")),
        ..CLAIM
    },
    Rule {
        code: "pvc.no-matching-pv.selector",
        means: "The claim selects volumes by labels that none has.",
        proves: "The selector and the labels of the nearest volume.",
        refutes: "a volume with the labels",
        fix: "label the volume, or correct the claim's selector",
        judge: |scene, claim| {
            let found = misses(scene, claim, Miss::Selector)?;
            Ok(found.map(|(volume, said)| {
                let labels = claim.at("/spec/selector/matchLabels").cloned().unwrap_or_default();
                let fix = Fix::say(format!(
                    "kubectl label pv {} {}",
                    volume.name(),
                    labels.as_object().map(selector::show).unwrap_or_default()
                ));
                said.field(claim, "/spec/selector").field(volume, "/metadata/labels").fix(fix.set(
                    volume,
                    "/metadata/labels",
                    labels,
                ))
            }))
        },
        ..CLAIM
    },
    Rule {
        code: "pvc.no-matching-pv.class",
        means: "There are volumes, and none of the claim's class; nobody makes volumes of that class.",
        proves: "The classes of the claim and of the nearest volume.",
        refutes: "a volume of the class",
        fix: "correct storageClassName of the claim or of the volume",
        judge: |scene, claim| {
            // A class that does not exist at all is the better word for it.
            let class = binding::class(claim).unwrap_or_default();
            let known = class.is_empty() || scene.snapshot.seen("StorageClass", "", class).is_some();
            let unset = binding::class(claim).is_none();
            if known && !unset {
                miss_of(scene, claim, Miss::Class, ("/spec/storageClassName", "/spec/storageClassName"))
            } else {
                Ok(None)
            }
        },
        ..CLAIM
    },
    Rule {
        code: "pvc.pv-occupied",
        means: "The claim asks for a volume that belongs to another claim.",
        proves: "The volume's claimRef names another claim.",
        refutes: "the volume's claimRef naming this claim",
        fix: "use another volume, or free this one",
        judge: occupied,
        ..CLAIM
    },
    Rule {
        code: "pvc.volume-missing",
        means: "The claim asks for a volume that does not exist.",
        proves: "There is no volume of this name.",
        refutes: "the volume",
        fix: "create the volume, or the claim anew without volumeName",
        judge: volume_missing,
        ..CLAIM
    },
    Rule {
        code: "pvc.pv-released",
        means: "The volume that would fit is kept for a claim that was deleted.",
        proves: "Its phase is Released, and its claimRef names a claim that is gone.",
        refutes: "the volume being Available",
        fix: "check the data, then take claimRef away",
        judge: released,
        ..CLAIM
    },
];
