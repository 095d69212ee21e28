//! Quota and LimitRange: would one more of these pods be admitted.

use super::scheduling;
use crate::object::{Fields as _, Object};
use crate::quantity;
use crate::value::Value;

/// What one more pod of a template adds to a quota's resource, in thousandths; nothing where it counts other things.
pub fn adds(template: &Value, resource: &str) -> Option<i128> {
    match resource {
        "pods" | "count/pods" => Some(1000),
        _ => {
            let name = resource.strip_prefix("requests.").unwrap_or(resource);
            if let Some(limit) = resource.strip_prefix("limits.") {
                let of = |one: &Value| quantity::of(one.at(&format!("/resources/limits/{limit}"))).unwrap_or(0);
                return Some(template.list("/spec/containers").iter().map(of).sum());
            }
            let counted = ["cpu", "memory", "ephemeral-storage"].contains(&name) || name.contains('/');
            counted.then(|| scheduling::request(template, name))
        }
    }
}

/// The resource of a quota that one more pod would exceed.
pub fn exceeded<'a>(quota: &'a Object, template: &Value) -> Option<&'a str> {
    let hard = quota.map("/status/hard").or_else(|| quota.map("/spec/hard"))?;
    hard.iter().find_map(|(resource, hard)| {
        let key = resource.replace('~', "~0").replace('/', "~1");
        let used = quantity::of(quota.at(&format!("/status/used/{key}"))).unwrap_or(0);
        (used + adds(template, resource)? > quantity::of(Some(hard))?).then_some(resource.as_str())
    })
}

/// The bound of a LimitRange that a template's containers break, as a pointer into the LimitRange.
pub fn out_of_bounds(range: &Object, template: &Value) -> Option<String> {
    let containers = template.list("/spec/containers");
    range.list("/spec/limits").iter().enumerate().filter(|(_, item)| item.text("/type") == "Container").find_map(
        |(at, item)| {
            let broken = |bound: &str, side: &str, wrong: fn(i128, i128) -> bool| {
                let bounds = item.map(bound)?;
                bounds.iter().find_map(|(resource, value)| {
                    let value = quantity::of(Some(value))?;
                    let beyond = |one: &Value| {
                        quantity::of(one.at(&format!("/resources/{side}/{resource}")))
                            .is_some_and(|asked| wrong(asked, value))
                    };
                    containers.iter().any(beyond).then(|| format!("/spec/limits/{at}{bound}/{resource}"))
                })
            };
            broken("/max", "limits", |asked, max| asked > max)
                .or_else(|| broken("/max", "requests", |asked, max| asked > max))
                .or_else(|| broken("/min", "requests", |asked, min| asked < min))
        },
    )
}

/// Whether a template keeps every bound that is set for containers, in a namespace that has some; bounds of pods are
/// not looked at.
pub fn keeps_all(ranges: &[&Object], template: &Value) -> bool {
    let items = || ranges.iter().flat_map(|range| range.list("/spec/limits"));
    let told = ["/max", "/min"];
    let plain = items().all(|item| item.text("/type") == "Container" && item.at("/maxLimitRequestRatio").is_none());
    let bounded = items().any(|item| told.iter().any(|bound| item.at(bound).is_some()));
    plain && bounded && ranges.iter().all(|range| out_of_bounds(range, template).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    #[test]
    fn one_more_pod_is_counted() {
        let quota = |used: &str| {
            let value = json!({"kind": "ResourceQuota", "metadata": {"name": "q"}, "status":
                {"hard": {"requests.cpu": "1", "services": "1"}, "used": {"requests.cpu": used, "services": "1"}}});
            Object::new(value).expect("a quota")
        };
        let template = json!({"spec": {"containers": [{"resources": {"requests": {"cpu": "300m"}}}]}});
        assert_eq!(exceeded(&quota("800m"), &template), Some("requests.cpu"));
        assert_eq!(exceeded(&quota("700m"), &template), None);
        let range = json!({"kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", "max": {"cpu": "200m"}}]}});
        let range = Object::new(range).expect("a range");
        assert_eq!(out_of_bounds(&range, &template).as_deref(), Some("/spec/limits/0/max/cpu"));
    }
}
