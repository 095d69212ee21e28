//! The loader that an ELF file asks for (PT_INTERP), from its first bytes; System V gABI, chapter 5.

/// The loader's path, or nothing for a static program and for what is no 64-bit little-endian ELF file.
pub(super) fn loader(head: &[u8]) -> Option<Vec<u8>> {
    const PT_INTERP: u64 = 3;
    if head.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let number = |at: usize, size: usize| -> Option<u64> {
        let bytes = head.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    let (table, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
    (0..count).find_map(|index| {
        let entry = usize::try_from(table.checked_add(index * size)?).ok()?;
        if number(entry, 4)? != PT_INTERP {
            return None;
        }
        let (start, length) =
            (usize::try_from(number(entry + 8, 8)?).ok()?, usize::try_from(number(entry + 32, 8)?).ok()?);
        let path = head.get(start..start.checked_add(length)?)?;
        Some(path.split(|byte| *byte == 0).next()?.to_vec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_loader_of_a_dynamic_program_is_found() {
        let bash = std::fs::read("/bin/bash").expect("Debian has bash");
        assert_eq!(loader(&bash[..4096]).map(|path| path.starts_with(b"/lib")), Some(true));
        assert_eq!(loader(b"#!/bin/sh\n"), None);
        let own = std::fs::read("/proc/self/exe").expect("we run");
        assert_eq!(loader(&own[..4096]), None, "tests are static");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            loader(&bytes);
            if bytes.len() > 6 {
                bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
                loader(&bytes);
            }
        }
    }
}
