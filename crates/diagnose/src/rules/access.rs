//! Rights: what programs were refused by the API server, decided again by the rules that are there.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::between;
use crate::eval::messages::program::{self, Sign};
use crate::eval::rbac::{self, Opinion, Wish};
use crate::object::{Fields as _, Object};
use crate::rule::Rule;
use crate::scene::{Part, Scene};
use crate::snapshot::{Judged, Proof};

/// What a pod was refused at the end of its log, and where it says so.
fn refused<'a>(scene: &Scene<'a>, pod: &'a Object) -> Option<(Wish, Proof)> {
    // What the cluster's DNS may not read is a finding of its own.
    if !scene.speaks(pod)
        || pod.deletion().is_some()
        || super::names::answers(scene, pod)
        || ["Succeeded", "Failed"].contains(&pod.text("/status/phase"))
    {
        return None;
    }
    Part::all(pod).iter().find_map(|part| {
        let words = if part.state("running").is_some() { scene.words(part) } else { scene.last_words(part) };
        let (name, log) = words?;
        // Answers of the API are printed over several lines. What a program that is well was refused before that, it can
        // do without.
        let reach = if scene.trouble(pod).is_some() { 20 } else { 8 };
        let from = log.lines.len().saturating_sub(reach);
        let (at, line) = log
            .lines
            .iter()
            .enumerate()
            .skip(from)
            .rev()
            .find(|(_, line)| program::sign(line) == Some(Sign::Forbidden))?;
        Some((Wish::parse(line)?, Proof::line(&name, at + 1, line)))
    })
}

/// A wish that the rules refuse now too, with their opinion.
fn opinion<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<(Wish, Opinion<'a>, Proof)>> {
    let Some((wish, proof)) = refused(scene, pod) else { return Ok(None) };
    let opinion = rbac::opinion(scene.snapshot, &wish)?;
    Ok((!opinion.allowed).then_some((wish, opinion, proof)))
}

fn says(wish: &Wish) -> String {
    let place =
        if wish.namespace.is_empty() { " in all namespaces".to_owned() } else { format!(" in {}", wish.namespace) };
    format!("{} may not {} {}{place}", wish.user, wish.verb, wish.resource)
}

/// The role that a refusal says is missing: `RBAC: role.rbac.authorization.k8s.io "reader" not found`.
fn missing_role(line: &str) -> Option<&str> {
    let name = between(line, "role.rbac.authorization.k8s.io ", " not found")?;
    Some(name.trim_matches(['"', '\\', '\''])).filter(|name| !name.is_empty())
}

fn verb_missing<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some((wish, opinion, proof)) = opinion(scene, pod)? else { return Ok(None) };
    if !opinion.dangling.is_empty()
        || missing_role(&proof.saw).is_some()
        || scope(&wish, &opinion, scene).is_some()
        || foreign(scene, &wish, &opinion).is_some()
    {
        return Ok(None);
    }
    let claim = Claim::new(says(&wish)).seen(pod).by(proof);
    // What is in no namespace, or in all, no Role can allow.
    let kind = match wish.namespace.as_str() {
        "" => "create clusterrole".to_owned(),
        namespace => format!("-n {namespace} create role"),
    };
    let name = wish.user.rsplit(':').next().unwrap_or_default();
    let rule = format!("kubectl {kind} {name} --verb={} --resource={}", wish.verb, wish.resource);
    let Some(role) = opinion.near.or(opinion.role) else {
        return Ok(Some(claim.fix(Fix::say(format!("{rule}, and bind it to {}", wish.user)))));
    };
    let mut rules = role.at("/rules").cloned().unwrap_or_else(|| crate::value::json!([]));
    if let Some(list) = rules.as_array_mut() {
        list.push(crate::value::json!({"apiGroups": [wish.group], "resources": [wish.resource], "verbs": [wish.verb]}));
    }
    let fix = Fix::say(format!("add the verb {} on {} to {} {}", wish.verb, wish.resource, role.id.kind, role.name()));
    Ok(Some(claim.field(role, "/rules").fix(fix.set(role, "/rules", rules))))
}

fn dangling<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let known = opinion(scene, pod);
    let told = refused(scene, pod).and_then(|(wish, proof)| Some((missing_role(&proof.saw)?.to_owned(), wish, proof)));
    // The API server says so itself, where the bindings are not here.
    if let Some((role, wish, proof)) = told
        && known.as_ref().map_or(true, |one| one.as_ref().is_some_and(|(_, opinion, _)| opinion.dangling.is_empty()))
        && scene.snapshot.seen("Role", &wish.namespace, &role).is_none()
        && scene.snapshot.seen("ClusterRole", "", &role).is_none()
    {
        let says = format!("a binding refers to the role {role}, which does not exist; so {}", says(&wish));
        return Ok(Some(Claim::new(says).seen(pod).by(proof).only(Confidence::Likely)));
    }
    let Some((wish, opinion, proof)) = known? else { return Ok(None) };
    Ok(opinion.dangling.first().map(|binding| {
        let role = binding.text("/roleRef/name");
        let near = crate::eval::selector::nearest(role, scene.snapshot.within("Role", binding.ns()).map(Object::name));
        let hint = near.map_or(String::new(), |near| format!("; there is {near}"));
        let absent = scene.snapshot.absent("Role", binding.ns(), role).ok().flatten();
        let claim = Claim::new(format!("it refers to Role {role}, which does not exist{hint}; so {}", says(&wish)));
        let rule = crate::value::json!({"apiGroups": [wish.group], "resources": [wish.resource], "verbs": [wish.verb]});
        let fix = Fix::say(format!(
            "kubectl -n {} create role {role} --verb={} --resource={}",
            binding.ns(),
            wish.verb,
            wish.resource
        ));
        let fix = fix.adding(crate::value::json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": role, "namespace": binding.ns()}, "rules": [rule]}));
        let claim = claim.about(binding.id.clone()).seen(pod).field(binding, "/roleRef/name");
        let claim = if absent.is_some() { claim.fix(fix) } else { claim };
        claim.by_all(absent).by(proof)
    }))
}

/// A binding of one namespace, for a wish in another or in all.
fn scope<'a>(wish: &Wish, opinion: &Opinion<'a>, scene: &Scene<'a>) -> Option<&'a Object> {
    let elsewhere = scene.snapshot.all("RoleBinding").find(|binding| {
        binding.ns() != wish.namespace && rbac::binds(binding, wish) && grants_there(scene, binding, wish)
    });
    elsewhere.filter(|_| opinion.near.is_none())
}

fn grants_there(scene: &Scene<'_>, binding: &Object, wish: &Wish) -> bool {
    let there = Wish { namespace: binding.ns().to_owned(), ..wish.clone() };
    rbac::opinion(scene.snapshot, &there).is_ok_and(|opinion| opinion.allowed)
}

fn scoped<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some((wish, opinion, proof)) = opinion(scene, pod)? else { return Ok(None) };
    Ok(scope(&wish, &opinion, scene).map(|binding| {
        let claim = Claim::new(format!("its rights hold in {} only; so {}", binding.ns(), says(&wish)));
        claim.about(binding.id.clone()).seen(pod).field(binding, "/roleRef/name").by(proof)
    }))
}

/// A binding that would grant it, to a subject that is not the pod's account but looks like it.
fn foreign<'a>(scene: &Scene<'a>, wish: &Wish, opinion: &Opinion<'a>) -> Option<&'a Object> {
    let (namespace, name) = wish.account()?;
    if !opinion.bindings.is_empty() {
        return None;
    }
    let near = |subject: &crate::value::Value| {
        let place = subject.text("/namespace");
        let misplaced = subject.text("/name") == name && !place.is_empty() && place != namespace;
        let misspelt = crate::eval::selector::nearest(name, std::iter::once(subject.text("/name"))).is_some();
        let other_kind = subject.text("/kind") != "ServiceAccount" && subject.text("/name") == name;
        misplaced || misspelt || other_kind || name == "default" && subject.text("/kind") == "ServiceAccount"
    };
    let all = scene
        .snapshot
        .all("RoleBinding")
        .filter(|one| one.ns() == wish.namespace)
        .chain(scene.snapshot.all("ClusterRoleBinding"));
    let mut all = all.filter(|binding| binding.list("/subjects").iter().any(near));
    all.find(|binding| {
        let subject = &binding.list("/subjects")[0];
        let place = if subject.text("/namespace").is_empty() { binding.ns() } else { subject.text("/namespace") };
        let user = format!("system:serviceaccount:{place}:{}", subject.text("/name"));
        let theirs = Wish { user, ..wish.clone() };
        rbac::opinion(scene.snapshot, &theirs).is_ok_and(|opinion| opinion.allowed)
    })
}

fn wrong_subject<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some((wish, opinion, proof)) = opinion(scene, pod)? else { return Ok(None) };
    Ok(foreign(scene, &wish, &opinion).map(|binding| {
        let claim = Claim::new(format!("it binds somebody else; so {}", says(&wish)));
        claim.about(binding.id.clone()).seen(pod).field(binding, "/subjects").by(proof)
    }))
}

fn unauthorized<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.trouble(pod) else { return Ok(None) };
    let Some(part) = trouble.part.as_ref() else { return Ok(None) };
    let Some((name, log)) = scene.last_words(part) else { return Ok(None) };
    let from = log.lines.len().saturating_sub(10);
    let said = |line: &String| {
        crate::eval::messages::says(
            line,
            &[
                "the server has asked for the client to provide credentials",
                "\"Unauthorized\"",
                "Unauthorized: token",
                "invalid bearer token",
                "connection is unauthorized",
            ],
        )
    };
    let at = log.lines[from..].iter().rposition(said).map(|at| from + at);
    Ok(at.map(|at| {
        Claim::of(trouble, "the API server does not believe its token").by(Proof::line(&name, at + 1, &log.lines[at]))
    }))
}

const RBAC: Rule = Rule { effect: Effect::CallsFail, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "rbac.verb-missing",
        means: "The program's service account lacks a right that it uses.",
        proves: "The API server's refusal in its log, and no rule that grants it.",
        refutes: "kubectl auth can-i as the account saying yes",
        fix: "add the verb to the account's role",
        judge: verb_missing,
        ..RBAC
    },
    Rule {
        code: "rbac.roleref-missing",
        means: "A binding refers to a role that does not exist, so it grants nothing.",
        proves: "There is no such role, and a program is refused.",
        refutes: "the role",
        fix: "create the role, or the binding anew with the right name: roleRef cannot be changed",
        judge: dangling,
        ..RBAC
    },
    Rule {
        code: "rbac.scope",
        confidence: Confidence::Likely,
        means: "The account has the right in one namespace, and uses it in another or in all.",
        proves: "A binding that grants it elsewhere, and a program that is refused.",
        refutes: "a ClusterRoleBinding, or a binding in that namespace",
        fix: "bind the role in that namespace too, or by a ClusterRoleBinding",
        judge: scoped,
        ..RBAC
    },
    Rule {
        code: "rbac.binding-wrong-subject",
        confidence: Confidence::Likely,
        means: "A binding grants the right to another account than the program's.",
        proves: "A binding with a near name or another namespace, and a program that is refused.",
        refutes: "the account among the subjects",
        fix: "correct the binding's subjects",
        judge: wrong_subject,
        ..RBAC
    },
    Rule {
        code: "rbac.expired",
        effect: Effect::Crashing,
        weight: 72,
        confidence: Confidence::Likely,
        means: "The API server does not believe the program's token: it is old, or its account was made anew.",
        proves: "401 in its log.",
        refutes: "the same token accepted",
        fix: "restart the pod; let the program read the token's file again each time",
        judge: unauthorized,
        ..RBAC
    },
];
