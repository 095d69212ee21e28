//! The JSON documents of an image: any bytes are read or refused, and what is read fits together.
//! `cargo +nightly fuzz run --target x86_64-unknown-linux-gnu oci_manifest`

#![no_main]

use fathom_toolkit::manifest::{self, Document, Platform};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Document::Index(list)) = manifest::parse(bytes) {
        assert!(manifest::fitting(&list, &Platform::here()).len() <= list.len());
    }
    if let Ok(config) = manifest::parse_config(bytes) {
        let _ = config.config.command();
    }
    let _ = manifest::parse_saved(bytes);
});
