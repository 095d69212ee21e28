//! What nobody sane would write: objects with values of other types, half of them missing, texts of any letters. Nothing
//! may panic, and what is still said must still be proven.

use fathom_diagnose::eval::messages::{admission, call, journal, program, pull, schedule, start};
use fathom_diagnose::eval::{cron, image, probes, proxy, resolver, selector};
use fathom_diagnose::snapshot::Gathering;
use fathom_diagnose::value::{Value, json};
use fathom_diagnose::{Question, diagnose, quantity, rules, time};
use proptest::prelude::*;

use crate::fixture::Fixture;
use crate::written::GOOD;

/// Replaces the value that is met at `steps`, going down by the remainders of each.
fn spoil(value: &mut Value, steps: &[usize], with: &Value) {
    let Some((step, rest)) = steps.split_first() else {
        *value = with.clone();
        return;
    };
    let below = match value {
        Value::Object(map) if !map.is_empty() => {
            let at = step % map.len();
            map.values_mut().nth(at)
        }
        Value::Array(list) if !list.is_empty() => {
            let at = step % list.len();
            list.get_mut(at)
        }
        _ => None,
    };
    match below {
        Some(below) => spoil(below, rest, with),
        None => *value = with.clone(),
    }
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{"type": "Ready", "status": "False"}, null, 7])),
        Just(json!("2999-01-01T00:00:00Z")),
        Just(json!("-9223372036854775808")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_object_makes_it_panic(rule in any::<prop::sample::Index>(), spoils in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(0..40usize, 1..6), anything()), 1..5)) {
        let codes: Vec<&str> = rules::all().map(|rule| rule.code).collect();
        let mut fixture = Fixture::read(codes[rule.index(codes.len())], "broken");
        for (document, steps, with) in &spoils {
            let at = document.index(fixture.documents.len());
            spoil(&mut fixture.documents[at], steps, with);
        }
        let snapshot = fixture.snapshot();
        let report = diagnose(&snapshot, &Question::Everything);
        for proof in report.findings.iter().flat_map(|finding| &finding.proofs) {
            prop_assert!(snapshot.holds(proof), "{proof:?}");
        }
    }

    #[test]
    fn no_text_makes_a_grammar_panic(text in "\\PC{0,200}", other in "\\PC{0,40}") {
        schedule::blockers(&text);
        pull::read(&text, &other);
        pull::registry(&text);
        start::missing_object(&text);
        start::missing_key(&text);
        start::exec(&text);
        start::network(&text);
        start::mount(&text);
        admission::read(&text);
        program::sign(&text);
        journal::sign(journal::Speaker::Kubelet, &text);
        journal::is_cut_off(&text);
        journal::told(&text);
        call::failed_call(&text);
        call::complains(&text);
        probes::listening(std::slice::from_ref(&text));
        probes::fault(&text, &json!({"exec": {}}));
        resolver::expand(&resolver::parse(&text), &other);
        proxy::iptables(&text);
        proxy::nftables(&text);
        proxy::ipvs(&text);
        selector::nearest(&text, std::iter::once(other.as_str()));
        selector::field_selects(&text, &json!({}));
        quantity::parse(&text);
        image::fault(&text);
        cron::fault(&text);
        cron::zone_fault(&text);
        selector::misspelled(&text, std::iter::once(other.as_str()));
        time::Time::parse(&text);
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), name in "(objects\\.json|a\\.yaml|logs/n/p/c\\.log|x)") {
        let mut gathering = Gathering::new();
        gathering.file(&name, &bytes);
        gathering.json("x", &bytes);
        gathering.manifest(&name, &bytes, bytes.len() % 2 == 0);
        diagnose(&gathering.finish(), &Question::Everything);
    }
}

proptest! {
    // Each case is a whole set of manifests.
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_manifest_makes_it_panic(spoils in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(0..40usize, 1..9), anything()), 1..6)) {
        let mut documents = Fixture::parse(GOOD).documents;
        for (document, steps, with) in &spoils {
            let at = document.index(documents.len());
            spoil(&mut documents[at], steps, with);
        }
        let mut gathering = Gathering::new();
        documents.into_iter().for_each(|document| gathering.value(document));
        gathering.planned(Some("shop"));
        let snapshot = gathering.finish();
        let report = diagnose(&snapshot, &Question::Everything);
        for proof in report.findings.iter().flat_map(|finding| &finding.proofs) {
            prop_assert!(snapshot.holds(proof), "{proof:?}");
        }
    }
}
