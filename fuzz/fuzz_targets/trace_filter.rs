//! What somebody types as a filter: understood, or every mistake shown with its place.
#![no_main]

use fathom_trace::Fields;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(mistakes) = fathom_filter::compile(text, &Fields) {
        assert!(!mistakes.to_string().is_empty());
    }
});
