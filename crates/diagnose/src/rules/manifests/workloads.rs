//! Workloads, and what scales, guards, starts and bounds them.

use crate::claim::{Claim, Confidence, Fix};
use crate::eval::admission;
use crate::eval::cron;
use crate::eval::selector;
use crate::eval::template::Template;
use crate::eval::validation::is_placeholder;
use crate::object::{Fields as _, Object};
use crate::quantity;
use crate::scene::Scene;
use crate::value::Value;

/// A schedule that cannot be read.
pub(in crate::rules) fn schedule(scene: &Scene<'_>, cron: &Object) -> Option<Claim> {
    let text = cron.at("/spec/schedule").and_then(Value::as_str).filter(|text| !is_placeholder(text))?;
    let why = cron::fault(text).filter(|_| scene.is_written(cron))?;
    let fix = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")).and_then(|rest| rest.split_once(' '));
    let fix = match fix {
        Some((zone, rest)) => {
            let words = format!("write schedule: \"{}\" and timeZone: {zone}", rest.trim());
            Fix::say(words).set(cron, "/spec/schedule", rest.trim()).set(cron, "/spec/timeZone", zone)
        }
        None => Fix::say("write five fields: minute, hour, day of the month, month, day of the week (0 is Sunday)"),
    };
    Some(Claim::new(format!("its schedule cannot be read: {why}")).field(cron, "/spec/schedule").fix(fix))
}

/// A time zone that nobody calls so.
pub(in crate::rules) fn zone(scene: &Scene<'_>, cron: &Object) -> Option<Claim> {
    let zone = cron.at("/spec/timeZone").and_then(Value::as_str).filter(|zone| !is_placeholder(zone))?;
    let why = cron::zone_fault(zone).filter(|_| scene.is_written(cron))?;
    Some(Claim::new(format!("its time zone is not known: {why}")).field(cron, "/spec/timeZone"))
}

/// The kinds that an autoscaler can scale.
const SCALED: [&str; 4] = ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"];

/// An autoscaler whose workload is given under another name or kind.
pub(in crate::rules) fn no_target(scene: &Scene<'_>, scaler: &Object) -> Option<Claim> {
    let (kind, name) = (scaler.text("/spec/scaleTargetRef/kind"), scaler.text("/spec/scaleTargetRef/name"));
    let known = SCALED.contains(&kind) && !name.is_empty() && !is_placeholder(name) && scene.is_written(scaler);
    let within = |kind: &'static str| scene.snapshot.within(kind, scaler.ns());
    if !known || scene.snapshot.seen(kind, scaler.ns(), name).is_some() {
        return None;
    }
    let other = SCALED.into_iter().flat_map(within).find(|other| other.name() == name);
    let own = || {
        let bare = scaler.name().trim_end_matches("-hpa").trim_end_matches("-autoscaler");
        let names = || SCALED.into_iter().filter(|one| *one == kind).flat_map(within);
        let right = selector::misspelled(name, names().map(Object::name));
        names().find(|one| Some(one.name()) == right || one.name() == bare && name.contains(bare))
    };
    let meant = other.or_else(own)?;
    let says = format!("{kind} {name} is not among the manifests; {} {} is", meant.id.kind, meant.name());
    let fix = Fix::say(format!("let scaleTargetRef be {} {}", meant.id.kind, meant.name()))
        .set(scaler, "/spec/scaleTargetRef/kind", meant.id.kind.as_str())
        .set(scaler, "/spec/scaleTargetRef/name", meant.name());
    let claim = Claim::new(says).field(scaler, "/spec/scaleTargetRef/name").field(scaler, "/spec/scaleTargetRef/kind");
    Some(claim.field(meant, "/metadata/name").only(Confidence::Likely).fix(fix))
}

/// The resources of which an autoscaler wants a share, with the pointer to each, and the container where it is of one.
fn shares(scaler: &Object) -> Vec<(String, String, String)> {
    let metrics = scaler.list("/spec/metrics").iter().enumerate().filter_map(|(index, metric)| {
        let field = match metric.text("/type") {
            "Resource" => "resource",
            "ContainerResource" => "containerResource",
            _ => return None,
        };
        let at = format!("/spec/metrics/{index}/{field}");
        let share = scaler.at(&format!("{at}/target/averageUtilization")).is_some();
        let text = |field: &str| scaler.text(&format!("{at}/{field}")).to_owned();
        share.then(|| (text("name"), format!("{at}/name"), text("container")))
    });
    let old = "/spec/targetCPUUtilizationPercentage";
    let old = scaler.at(old).map(|_| ("cpu".to_owned(), old.to_owned(), String::new()));
    metrics.chain(old).collect()
}

/// Whether a LimitRange of the namespace gives containers this of a resource that they do not say themselves.
fn is_default(scene: &Scene<'_>, namespace: &str, sides: &[&str], resource: &str) -> bool {
    let items = scene.snapshot.within("LimitRange", namespace).flat_map(|range| range.list("/spec/limits"));
    items
        .into_iter()
        .filter(|item| item.text("/type") == "Container")
        .any(|item| sides.iter().any(|side| item.at(&format!("/{side}/{resource}")).is_some()))
}

/// An autoscaler by shares of what containers do not ask for.
pub(in crate::rules) fn no_request(scene: &Scene<'_>, scaler: &Object) -> Option<Claim> {
    let (kind, name) = (scaler.text("/spec/scaleTargetRef/kind"), scaler.text("/spec/scaleTargetRef/name"));
    let target = scene.snapshot.seen(kind, scaler.ns(), name).filter(|_| scene.is_written(scaler))?;
    let template = Template::of(target).filter(|_| scene.is_written(target))?;
    shares(scaler).into_iter().find_map(|(resource, pointer, only)| {
        let lacks = |side: &str, spec: &Value| spec.at(&format!("/resources/{side}/{resource}")).is_none();
        let counts = |spec: &Value| only.is_empty() || spec.text("/name") == only;
        let container = template
            .containers()
            .find(|one| !one.init && counts(one.spec) && lacks("requests", one.spec) && lacks("limits", one.spec))?;
        if is_default(scene, scaler.ns(), &["defaultRequest", "default", "min"], &resource) {
            return None;
        }
        let says = format!(
            "it scales by a share of {resource}, and container {} of {} asks for none",
            container.spec.text("/name"),
            target.id
        );
        let at = format!("{}/resources/requests/{resource}", container.at);
        let fix = Fix::say(format!("let every container of {} ask for {resource}, by what it uses", target.id));
        let amount = if resource == "memory" { "128Mi" } else { "100m" };
        let silent = template
            .containers()
            .filter(|one| !one.init && counts(one.spec) && lacks("requests", one.spec) && lacks("limits", one.spec));
        let fix =
            silent.fold(fix, |fix, one| fix.set(target, &format!("{}/resources/requests/{resource}", one.at), amount));
        Some(Claim::new(says).field(scaler, &pointer).field(target, &at).only(Confidence::Likely).fix(fix))
    })
}

/// A budget that wants more pods than its workload has, ever.
pub(in crate::rules) fn budget(scene: &Scene<'_>, budget: &Object) -> Option<Claim> {
    let wanted = budget.int("/spec/minAvailable").filter(|_| scene.is_written(budget))?;
    let selector =
        budget.at("/spec/selector").filter(|one| one.map("/matchLabels").is_some_and(|map| !map.is_empty()))?;
    let makers = || ["Deployment", "StatefulSet"].into_iter().flat_map(|kind| scene.snapshot.within(kind, budget.ns()));
    let guarded =
        || makers().filter(|maker| Template::of(maker).is_some_and(|one| selector::selects(selector, one.labels())));
    let maker = guarded().next().filter(|maker| guarded().count() == 1 && maker.int("/spec/replicas") > Some(0))?;
    let mut scalers = scene.snapshot.within("HorizontalPodAutoscaler", budget.ns());
    let scaled = scalers.any(|scaler| scaler.text("/spec/scaleTargetRef/name") == maker.name());
    let replicas = maker.int("/spec/replicas")?;
    (!scaled && wanted > replicas).then(|| {
        let says = format!("it wants {wanted} pods to stay, and {} has {replicas}: none can ever be evicted", maker.id);
        let fix =
            Fix::say(format!("set minAvailable below {replicas}")).set(budget, "/spec/minAvailable", replicas - 1);
        let claim = Claim::new(says).field(budget, "/spec/minAvailable").field(maker, "/spec/replicas");
        claim.only(Confidence::Likely).fix(fix)
    })
}

/// A quota that has less of a resource than the pods of a workload ask for, were nobody else in the namespace.
pub(in crate::rules) fn quota_exceeded(scene: &Scene<'_>, maker: &Object, family: &[&str]) -> Option<Claim> {
    let counted =
        ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"].contains(&maker.id.kind.as_str());
    let template = Template::of(maker).filter(|_| counted && scene.is_written(maker))?.value()?;
    let replicas = i128::from(maker.at("/spec/replicas").map_or(Some(1), Value::as_i64)?);
    let plain = |quota: &&Object| quota.list("/spec/scopes").is_empty() && quota.at("/spec/scopeSelector").is_none();
    scene.snapshot.within("ResourceQuota", maker.ns()).filter(plain).find_map(|quota| {
        let hard = quota.map("/spec/hard")?;
        let mut fitting = hard.iter().filter(|(resource, _)| {
            let bare = ["requests.", "limits.", "count/"]
                .iter()
                .fold(resource.as_str(), |name, begin| name.trim_start_matches(begin));
            family.contains(&bare)
        });
        fitting.find_map(|(resource, most)| {
            let wanted = admission::adds(template, resource)?.saturating_mul(replicas);
            let exceeded = wanted > quantity::of(Some(most))?;
            exceeded.then(|| {
                let most = most.as_str().map_or_else(|| most.to_string(), str::to_owned);
                let says =
                    format!("quota {} has {most} of {resource}, and its {replicas} pods want more", quota.name());
                let at = format!("/spec/hard/{}", resource.replace('~', "~0").replace('/', "~1"));
                let fix =
                    Fix::say(format!("ask for less, run fewer pods, or raise {resource} in quota {}", quota.name()));
                Claim::new(says).field(quota, &at).field(maker, "/spec/replicas").fix(fix)
            })
        })
    })
}

/// What a quota counts, and what containers have to say for it.
const COUNTED: [(&str, &str, &str); 6] = [
    ("cpu", "requests", "cpu"),
    ("memory", "requests", "memory"),
    ("requests.cpu", "requests", "cpu"),
    ("requests.memory", "requests", "memory"),
    ("limits.cpu", "limits", "cpu"),
    ("limits.memory", "limits", "memory"),
];

/// A quota that counts what containers do not say.
pub(in crate::rules) fn quota_wants(scene: &Scene<'_>, maker: &Object) -> Option<Claim> {
    let template = Template::of(maker).filter(|_| scene.is_written(maker))?;
    let plain = |quota: &&Object| quota.list("/spec/scopes").is_empty() && quota.at("/spec/scopeSelector").is_none();
    scene.snapshot.within("ResourceQuota", maker.ns()).filter(plain).find_map(|quota| {
        COUNTED.iter().find_map(|(key, side, resource)| {
            quota.at(&format!("/spec/hard/{key}"))?;
            // A request that is not said is as high as the limit.
            let sides: &[&str] = if *side == "requests" { &["requests", "limits"] } else { &["limits"] };
            let says =
                |spec: &Value| sides.iter().any(|side| spec.at(&format!("/resources/{side}/{resource}")).is_some());
            let container = template.containers().find(|one| !says(one.spec))?;
            let defaults: &[&str] =
                if *side == "requests" { &["defaultRequest", "default", "max", "min"] } else { &["default", "max"] };
            if is_default(scene, maker.ns(), defaults, resource) {
                return None;
            }
            let at = format!("{}/resources/{side}/{resource}", container.at);
            let name = container.spec.text("/name");
            let says = format!(
                "quota {} wants {side}.{resource} of every container, and {name} does not say it",
                quota.name()
            );
            let claim = Claim::new(says).field(quota, &format!("/spec/hard/{key}")).field(maker, &at);
            Some(claim.only(Confidence::Likely))
        })
    })
}
