//! What a client far away sends: frames, and words in them.
#![no_main]

use fathom_protocol::Decoder;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut whole = Decoder::default();
    whole.feed(bytes);
    let mut pieces = Decoder::default();
    for piece in bytes.chunks(3) {
        pieces.feed(piece);
    }
    // However the bytes come, they say the same.
    loop {
        let (one, other) = (whole.next_frame(), pieces.next_frame());
        assert_eq!(one, other);
        match one {
            Ok(Some(frame)) => assert!(!frame.encode().is_empty()),
            Ok(None) | Err(_) => break,
        }
    }
});
