//! Layers: whatever the bytes, a sink sees only names inside the tree and no more than the limits allow.
//! `cargo +nightly fuzz run --target x86_64-unknown-linux-gnu tar_layer`

#![no_main]

use std::io::Read;

use fathom_toolkit::layer::{self, Content, Meta, Sink};
use fathom_toolkit::tar::Kind;
use fathom_toolkit::{Budget, Error, Inside, Limits};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    entries: 1000,
    names: 1 << 16,
    path: 4096,
    depth: 64,
    ratio: 100,
    layers: 1,
    document: 1 << 16,
};

/// Checks what it is given and makes nothing.
#[derive(Default)]
struct Judge {
    bytes: u64,
}

fn check(path: &Inside) {
    assert!(path.depth() <= LIMITS.depth && path.as_bytes().len() <= LIMITS.path);
    for part in path.parts() {
        assert!(!part.is_empty() && part != b"." && part != b".." && part.len() <= 255);
        assert!(!part.contains(&0) && !part.contains(&b'/'));
    }
}

impl Sink for Judge {
    fn folder(&mut self, path: &Inside, _meta: &Meta) -> Result<(), Error> {
        check(path);
        Ok(())
    }

    fn file(&mut self, path: &Inside, meta: &Meta, content: Content<'_>) -> Result<(), Error> {
        check(path);
        assert!(path.depth() > 0 && meta.mode <= 0o7777);
        let mut end = 0;
        for extent in content.extents {
            assert!(extent.offset >= end);
            end = extent.offset + extent.length;
        }
        assert!(end <= content.size);
        self.bytes += content.size;
        assert!(self.bytes <= LIMITS.bytes);
        // An archive that is cut off is noticed by whoever reads.
        let mut data = Vec::new();
        let _ = content.data.read_to_end(&mut data);
        assert!(data.len() as u64 <= content.size);
        Ok(())
    }

    fn symlink(&mut self, path: &Inside, to: &[u8], _meta: &Meta) -> Result<(), Error> {
        check(path);
        assert!(path.depth() > 0 && !to.is_empty() && !to.contains(&0));
        Ok(())
    }

    fn hard_link(&mut self, path: &Inside, to: &Inside) -> Result<(), Error> {
        check(path);
        check(to);
        assert!(path.depth() > 0 && to.depth() > 0);
        Ok(())
    }

    fn omitted(&mut self, path: &Inside, _kind: Kind) -> Result<(), Error> {
        check(path);
        Ok(())
    }

    fn whiteout(&mut self, path: &Inside) -> Result<(), Error> {
        check(path);
        assert!(path.depth() > 0);
        Ok(())
    }

    fn opaque(&mut self, path: &Inside) -> Result<(), Error> {
        check(path);
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    // Checksums would keep the fuzzer out; make those of the first headers right.
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512).take(8).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    let mut budget = Budget::new(LIMITS);
    let _ = layer::apply(bytes.as_slice(), &mut Judge::default(), &mut budget);
});
