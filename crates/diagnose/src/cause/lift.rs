//! Shared causes: three owners that fail in the same way at the same thing have one cause, and it is that thing.

use std::collections::BTreeMap;

use super::roots::Judgement;
use crate::object::Ref;

/// How many owners make a shared cause.
const ENOUGH: usize = 3;

/// Puts claims of one code that share something into one about what they share.
pub fn lift(claims: Vec<Judgement>) -> Vec<Judgement> {
    let mut shared: BTreeMap<(&'static str, Ref), usize> = BTreeMap::new();
    for claim in &claims {
        if let Some(thing) = &claim.claim.shared {
            *shared.entry((claim.rule.code, thing.clone())).or_default() += 1;
        }
    }
    let mut lifted: BTreeMap<(&'static str, Ref), Judgement> = BTreeMap::new();
    let mut rest = Vec::new();
    for claim in claims {
        let key = claim.claim.shared.clone().map(|thing| (claim.rule.code, thing));
        let Some(key) = key.filter(|key| shared.get(key).is_some_and(|&count| count >= ENOUGH)) else {
            rest.push(claim);
            continue;
        };
        let was = claim.subject.clone();
        let whole = lifted.entry(key.clone()).or_insert_with(|| {
            let mut whole = claim.clone();
            whole.subject = key.1.clone();
            whole.members.clear();
            whole.claim.part = None;
            whole
        });
        whole.members.push(was);
        whole.claim.seen.extend(claim.claim.seen.iter().cloned());
        if whole.claim.proofs.len() < 6 {
            whole.claim.proofs.extend(
                claim.claim.proofs.iter().filter(|one| !whole.claim.proofs.contains(one)).cloned().collect::<Vec<_>>(),
            );
        }
    }
    rest.extend(lifted.into_values());
    rest
}
