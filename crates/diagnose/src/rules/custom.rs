//! Kinds that programs want and the cluster does not serve.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::between;
use crate::eval::messages::program::Sign;
use crate::object::{Fields as _, Object};
use crate::rule::Rule;
use crate::scene::Scene;
use crate::snapshot::Judged;

/// The kind that a line misses, and its version: `no matches for kind "Certificate" in version "cert-manager.io/v1"`.
fn wanted(line: &str) -> Option<(String, String)> {
    let line = line.replace('\\', "");
    let text = |mark: &str| between(&line, mark, "\"").map(str::to_owned);
    Some((text("no matches for kind \"")?, text("in version \"").unwrap_or_default()))
}

/// Whether a definition serves it by now.
fn serves(definition: &Object, kind: &str, version: &str) -> bool {
    let (group, version) = version.split_once('/').unwrap_or((version, ""));
    let is_version = |one: &crate::value::Value| {
        (version.is_empty() || one.text("/name") == version)
            && one.at("/served").is_none_or(|served| served.as_bool() == Some(true))
    };
    definition.text("/spec/names/kind") == kind
        && (group.is_empty() || definition.text("/spec/group") == group)
        && definition.list("/spec/versions").iter().any(is_version)
}

fn kind_missing<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = super::programs::signed(scene, pod, Sign::NoKind, "the cluster does not serve a kind") else {
        return Ok(None);
    };
    let line = claim.proofs.first().map_or(String::new(), |proof| proof.saw.clone());
    let Some((kind, version)) = wanted(&line) else { return Ok(Some(claim)) };
    if scene.snapshot.all("CustomResourceDefinition").any(|definition| serves(definition, &kind, &version)) {
        return Ok(None);
    }
    let fix = format!(
        "install the CustomResourceDefinition that serves {kind} of {version}, or the version of the program that fits"
    );
    Ok(Some(claim.fix(Fix::say(fix))))
}

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[Rule {
    code: "crash.app.kind-missing",
    effect: Effect::Crashing,
    weight: 66,
    confidence: Confidence::Likely,
    means: "The program wants a kind that the cluster does not serve: its CustomResourceDefinition is missing, or of another version.",
    proves: "It says so before it ends, and no definition that is here serves the kind.",
    refutes: "the kind in kubectl api-resources",
    fix: "install the CustomResourceDefinitions of the program's version",
    judge: kind_missing,
    ..Rule::PLAIN
}];
