//! What manifests call each other. What is not among them may be in the cluster: a name is said to be wrong only where the
//! right one is given.

use crate::claim::{Claim, Confidence, Fix};
use crate::eval::selector;
use crate::eval::template::{self, Template};
use crate::eval::validation::is_placeholder;
use crate::object::{Fields as _, Object};
use crate::rules::ingress;
use crate::scene::{Part, Scene};
use crate::snapshot::Proof;
use crate::value::{Map, Text, Value};

/// What a pod takes from a ConfigMap or a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rules) enum Use {
    /// For variables.
    Env,
    /// For a volume.
    Volume,
}

/// A reference to a ConfigMap or a Secret, and to keys of it.
struct Source<'a> {
    kind: &'static str,
    name: &'a str,
    /// The pointer to the name.
    at: String,
    /// The pointers to keys, and the keys.
    keys: Vec<(String, &'a str)>,
}

/// How variables refer: (field, kind).
const OF_ENV: [(&str, &str); 2] = [("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")];
const OF_ENV_FROM: [(&str, &str); 2] = [("configMapRef", "ConfigMap"), ("secretRef", "Secret")];
/// How volumes do: (field, kind, field of the name). What is projected calls both `name`.
const OF_VOLUMES: [(&str, &str, &str); 2] = [("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")];

/// What variables and volumes of a pod refer to, if they must have it.
fn sources(pod: &Object, wanted: Use) -> Vec<Source<'_>> {
    let mut found = if wanted == Use::Env { of_env(pod) } else { of_volumes(pod) };
    found.retain(|source| !source.name.is_empty() && !is_placeholder(source.name));
    found
}

fn of_env(pod: &Object) -> Vec<Source<'_>> {
    let mut found = Vec::new();
    for part in Part::all(pod) {
        for (index, variable) in part.spec.list("/env").iter().enumerate() {
            for (field, kind) in OF_ENV {
                let Some(from) = variable.at(&format!("/valueFrom/{field}")).filter(|one| !one.holds("/optional"))
                else {
                    continue;
                };
                let at = format!("{}/env/{index}/valueFrom/{field}", part.spec_at);
                let keys = vec![(format!("{at}/key"), from.text("/key"))];
                found.push(Source { kind, name: from.text("/name"), at: format!("{at}/name"), keys });
            }
        }
        for (index, source) in part.spec.list("/envFrom").iter().enumerate() {
            for (field, kind) in OF_ENV_FROM {
                let Some(from) = source.at(&format!("/{field}")).filter(|one| !one.holds("/optional")) else {
                    continue;
                };
                let at = format!("{}/envFrom/{index}/{field}/name", part.spec_at);
                found.push(Source { kind, name: from.text("/name"), at, keys: Vec::new() });
            }
        }
    }
    found
}

fn of_volumes(pod: &Object) -> Vec<Source<'_>> {
    let mut found = Vec::new();
    for (index, volume) in pod.list("/spec/volumes").iter().enumerate() {
        let at = format!("/spec/volumes/{index}");
        found.extend(of_volume(volume, &at, true));
        for (index, source) in volume.list("/projected/sources").iter().enumerate() {
            found.extend(of_volume(source, &format!("{at}/projected/sources/{index}"), false));
        }
    }
    found
}

fn of_volume<'a>(volume: &'a Value, at: &str, whole: bool) -> Vec<Source<'a>> {
    let sources = OF_VOLUMES.into_iter().filter_map(|(field, kind, own)| {
        let from = volume.at(&format!("/{field}")).filter(|one| !one.holds("/optional"))?;
        let name = if whole { own } else { "name" };
        let items = from.list("/items").iter().enumerate();
        let keys = items.map(|(item, one)| (format!("{at}/{field}/items/{item}/key"), one.text("/key"))).collect();
        Some(Source { kind, name: from.text(&format!("/{name}")), at: format!("{at}/{field}/{name}"), keys })
    });
    sources.collect()
}

/// Words of annotations by which somebody else fills an object.
const FILLERS: [&str; 4] = ["generat", "inject", "reflect", "sync"];

/// The keys of an object that is given, if nobody else fills it.
fn keys(holder: &Object) -> Option<Vec<&str>> {
    let annotations = holder.map("/metadata/annotations");
    let filled = annotations.into_iter().flat_map(Map::keys).any(|key| FILLERS.iter().any(|word| key.contains(word)));
    let maps = ["/data", "/binaryData", "/stringData"].iter().filter_map(|at| holder.map(at));
    let keys: Vec<&str> = maps.flat_map(Map::keys).map(Text::as_str).collect();
    (!filled && !keys.is_empty()).then_some(keys)
}

/// A key that an object does not have which is given too.
pub(in crate::rules) fn key(scene: &Scene<'_>, pod: &Object, wanted: Use) -> Option<Claim> {
    let sources = if scene.is_to_be(pod) { sources(pod, wanted) } else { Vec::new() };
    sources.into_iter().find_map(|source| {
        let holder = scene.snapshot.seen(source.kind, pod.ns(), source.name)?;
        let known = keys(holder)?;
        let (at, key) =
            source.keys.into_iter().find(|(_, key)| !key.is_empty() && !is_placeholder(key) && !known.contains(key))?;
        let near = selector::nearest(key, known.iter().copied());
        let hint = near.map_or(String::new(), |near| format!("; there is {near}"));
        let says = format!("{} {} has no key {key}{hint}", source.kind, source.name);
        let missing = format!("/data/{}", key.replace('~', "~0").replace('/', "~1"));
        let fix = match near {
            Some(near) => Fix::patch(scene, pod, &format!("use the key {near}"), &[(at.clone(), near.into())]),
            None => Fix::say(format!("add the key {key} to {} {}", source.kind, source.name)).set(holder, &missing, ""),
        };
        Some(Claim::new(says).field(pod, &at).field(holder, &missing).fix(fix))
    })
}

/// A claim that a name is misspelled, whose right spelling is given.
fn slip(scene: &Scene<'_>, from: &Object, at: &str, kind: &str, name: &str) -> Option<(Claim, String)> {
    let snapshot = scene.snapshot;
    if name.is_empty() || is_placeholder(name) || snapshot.seen(kind, from.ns(), name).is_some() {
        return None;
    }
    let right = selector::misspelled(name, snapshot.within(kind, from.ns()).map(Object::name))?;
    let given = snapshot.seen(kind, from.ns(), right)?;
    let says = format!("{kind} {name} is not among the manifests; {right} is");
    let claim = Claim::new(says).field(from, at).field(given, "/metadata/name").only(Confidence::Likely);
    Some((claim, right.to_owned()))
}

/// A ConfigMap or Secret that is called otherwise.
pub(in crate::rules) fn misnamed(scene: &Scene<'_>, pod: &Object, wanted: Use, kind: &str) -> Option<Claim> {
    let sources = if scene.is_to_be(pod) { sources(pod, wanted) } else { Vec::new() };
    sources.into_iter().filter(|source| source.kind == kind).find_map(|source| {
        let (claim, right) = slip(scene, pod, &source.at, kind, source.name)?;
        let words = format!("use {kind} {right}");
        Some(claim.fix(Fix::patch(scene, pod, &words, &[(source.at, right.into())])))
    })
}

/// A claim that is called otherwise.
pub(in crate::rules) fn misnamed_claim(scene: &Scene<'_>, pod: &Object) -> Option<Claim> {
    let volumes = if scene.is_to_be(pod) { pod.list("/spec/volumes") } else { &[] };
    volumes.iter().enumerate().find_map(|(index, volume)| {
        let at = format!("/spec/volumes/{index}/persistentVolumeClaim/claimName");
        let name = volume.text("/persistentVolumeClaim/claimName");
        let (claim, right) = slip(scene, pod, &at, "PersistentVolumeClaim", name)?;
        Some(claim.fix(Fix::patch(scene, pod, &format!("use claim {right}"), &[(at, right.into())])))
    })
}

/// A service account that is called otherwise.
pub(in crate::rules) fn misnamed_account(scene: &Scene<'_>, maker: &Object) -> Option<Claim> {
    let template = Template::of(maker).filter(|_| scene.is_written(maker))?;
    let at = template.pointer("/spec/serviceAccountName");
    let (claim, right) = slip(scene, maker, &at, "ServiceAccount", maker.text(&at))?;
    let fix = Fix::say(format!("use service account {right}")).set(maker, &at, right);
    Some(claim.fix(fix))
}

/// A service that an ingress leads to and that is called otherwise.
pub(in crate::rules) fn misnamed_backend(scene: &Scene<'_>, ingress: &Object) -> Option<Claim> {
    let backends = if scene.is_written(ingress) { ingress::backends(ingress) } else { Vec::new() };
    backends.into_iter().find_map(|(name, at)| {
        let (claim, right) = slip(scene, ingress, &at, "Service", &name)?;
        let fix = Fix::say(format!("lead to service {right}")).set(ingress, &at, right);
        Some(claim.fix(fix))
    })
}

/// A service whose workload is given, and that selects none of the pods that are given.
pub(in crate::rules) fn selects_nobody(scene: &Scene<'_>, service: &Object) -> Option<Claim> {
    let wanted = service.map("/spec/selector").filter(|wanted| !wanted.is_empty() && scene.is_written(service))?;
    let told = wanted.values().all(|value| value.as_str().is_some_and(|text| !is_placeholder(text)));
    let kinds = || template::makers().chain(["Pod"]).flat_map(|kind| scene.snapshot.within(kind, service.ns()));
    let makers = || kinds().filter(|maker| maker.controller().is_none()).filter_map(Template::of);
    let made = makers().any(|template| selector::equal(wanted, template.labels()));
    if !told || made || service.text("/spec/type") == "ExternalName" {
        return None;
    }
    let (template, keys) = makers().find_map(|template| Some((template, differences(service, wanted, &template)?)))?;
    let pointer = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let label = |key: &str| template.pointer(&format!("/metadata/labels/{}", pointer(key)));
    let found = |key: &str| template.owner.text(&label(key)).to_owned();
    let there = |key: &String| match found(key).as_str() {
        "" => format!("no {key}"),
        value => format!("{key}={value}"),
    };
    let list = |shown: Vec<String>| shown.join(", ");
    let asked = |key: &String| format!("{key}={}", wanted.get(key).and_then(Value::as_str).unwrap_or_default());
    let (asked, there) = (list(keys.iter().map(asked).collect()), list(keys.iter().map(there).collect()));
    let says = format!("it selects {asked}, and the pods of {} have {there}", template.owner.id);
    let shown = selector::show(wanted);
    let claim = keys.iter().fold(Claim::new(says), |claim, key| {
        let proof = Proof::field(template.owner, &label(key));
        claim.field(service, &format!("/spec/selector/{}", pointer(key))).by(proof)
    });
    let fix = Fix::say(format!("let the service select what the pods have instead of {shown}"));
    let fix = keys.iter().fold(fix, |fix, key| {
        let right: Value = Some(found(key)).filter(|found| !found.is_empty()).into();
        fix.set(service, &format!("/spec/selector/{}", pointer(key)), right)
    });
    Some(claim.only(Confidence::Likely).fix(fix))
}

/// Endings of the names of services, which their workloads need not have.
const ENDINGS: [&str; 4] = ["-service", "-svc", "-headless", "-internal"];

/// The labels that keep a service from the pods of its workload: of the one that has its name, or the only one, whose
/// value is a slip.
fn differences(service: &Object, wanted: &Map, template: &Template<'_>) -> Option<Vec<String>> {
    let label = |key: &Text| template.labels().and_then(|labels| labels.get(key));
    let differing: Vec<(&Text, &Value)> = wanted.iter().filter(|(key, value)| label(key) != Some(*value)).collect();
    let slipped = |(key, value): &(&Text, &Value)| {
        let there = label(key).and_then(Value::as_str);
        let value = value.as_str().unwrap_or_default();
        there.is_some_and(|there| selector::misspelled(value, std::iter::once(there)).is_some())
    };
    let bare = |name: &'_ str| ENDINGS.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned();
    let own = bare(service.name()) == bare(template.owner.name());
    let meant = match differing.as_slice() {
        [one] => own || slipped(one),
        many => own && many.len() < wanted.len(),
    };
    meant.then(|| differing.iter().map(|(key, _)| key.as_str().to_owned()).collect())
}
