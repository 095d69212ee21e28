//! What somebody types as a format of lines.
#![no_main]

use fathom_trace::Format;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(mistakes) = Format::parse(text) {
        assert!(!mistakes.to_string().is_empty());
    }
});
