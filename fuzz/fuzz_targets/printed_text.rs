//! What kubectl printed, and archives of anything: whatever the bytes, reading ends, and what is said can be read again.
#![no_main]

use fathom_diagnose::{Gathering, Question, diagnose};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut gathering = Gathering::new();
    gathering.stream("pasted", Box::new(bytes));
    let snapshot = gathering.finish();
    let report = diagnose(&snapshot, &Question::Everything);
    for proof in report.findings.iter().flat_map(|finding| &finding.proofs) {
        assert!(snapshot.holds(proof), "{proof:?}");
    }
});
