//! Labels that tell of a role: who leads, who follows, which version is the live one. They are given at run time, so a
//! service whose role nobody has just now is not wrong.

use crate::eval::owners;
use crate::eval::template::{Template, place};
use crate::object::{Fields as _, Object};
use crate::scene::Scene;
use crate::value::Value;

/// Whether a service is kept by whoever made it, an operator, which would take back what others change of it.
pub(super) fn is_kept(service: &Object) -> bool {
    !service.list("/metadata/ownerReferences").is_empty()
}

/// Whether a pod differs from what a service selects only by a role that it may lose or take.
pub(super) fn differs(scene: &Scene<'_>, service: &Object, pod: &Object, key: &str) -> bool {
    is_given(scene, pod, key) || is_anothers(scene, service, pod, key)
}

/// Whether a pod got a label after it was made, by what its makers wrote of it; or is made by an operator.
fn is_given(scene: &Scene<'_>, pod: &Object, key: &str) -> bool {
    let by_operator = pod.controller().is_some_and(|owner| place(owner.text("/kind")).is_none());
    let makers = owners::chain(scene.snapshot, pod);
    let mut written = makers.iter().filter_map(|maker| Template::of(maker)?.labels()).peekable();
    by_operator || written.peek().is_some() && written.all(|labels| labels.get(key).is_none())
}

/// Whether a sister of a service, which differs from it in this one value, is the one that selects the pod.
fn is_anothers(scene: &Scene<'_>, service: &Object, pod: &Object, key: &str) -> bool {
    let Some(mut wanted) = service.map("/spec/selector").cloned() else { return false };
    let Some(found) = pod.label(key).filter(|_| wanted.len() > 1) else { return false };
    wanted.insert(key.to_owned(), Value::from(found));
    let mut services = scene.snapshot.within("Service", service.ns());
    services.any(|other| other.id != service.id && other.map("/spec/selector") == Some(&wanted))
}
