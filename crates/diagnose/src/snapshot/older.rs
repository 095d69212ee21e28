//! What older versions of the API keep elsewhere, put where newer ones have it, for the rules that read one place.

use serde_json::from_str;

use crate::object::Fields as _;
use crate::value::Value;

/// Where autoscaling/v1 keeps the conditions of an autoscaler: as text.
const CONDITIONS: &str = "/metadata/annotations/autoscaling.alpha.kubernetes.io~1conditions";

/// Gives an object of an older version the fields of a newer one.
pub(super) fn renew(object: &mut Value) {
    if object.text("/kind") == "HorizontalPodAutoscaler" && object.at("/status/conditions").is_none() {
        let told = from_str::<Value>(object.text(CONDITIONS)).ok().filter(|told| told.as_array().is_some());
        if let Some(told) = told {
            object.put("/status/conditions", told);
        }
    }
}
