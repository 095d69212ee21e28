//! Archives that come in pieces.

use fathom_toolkit::{Digest, Error, Limits};

use crate::builder::*;

fn archive() -> Vec<u8> {
    image(&[layer().folder("bin/").file("bin/sh", "shell")]).oci_archive()
}

#[test]
fn an_archive_comes_in_pieces_over_several_tries() {
    let (bench, bytes) = (bench("arrival"), archive());
    let digest = Digest::of(&bytes);
    assert!(bench.store.arrived(digest).is_none());
    let (first, rest) = bytes.split_at(bytes.len() / 3);
    let mut arrival = bench.store.arrival(digest).unwrap().expect("nobody else sends it");
    arrival.add(first).unwrap();
    assert!(bench.store.arrival(digest).unwrap().is_none(), "two write to one file");
    drop(arrival);
    let mut arrival = bench.store.arrival(digest).unwrap().expect("nobody else sends it");
    assert_eq!(arrival.have(), first.len() as u64);
    arrival.add(rest).unwrap();
    let entry = arrival.finish(&Limits::default(), &mut |_| {}).unwrap();
    assert!(entry.root().join("bin/sh").exists());
    assert_eq!(bench.store.arrived(digest), Some(entry.clone()));
    bench.store.remove(&entry).unwrap();
    assert_eq!(bench.store.arrived(digest), None, "what was removed is to be sent again");
}

#[test]
fn what_is_not_what_was_announced_does_not_stay() {
    let (bench, bytes) = (bench("announced"), archive());
    let digest = Digest::of(b"something else");
    for _ in 0..2 {
        let mut arrival = bench.store.arrival(digest).unwrap().expect("nobody else sends it");
        assert_eq!(arrival.have(), 0);
        arrival.add(&bytes).unwrap();
        let failed = arrival.finish(&Limits::default(), &mut |_| {});
        assert!(matches!(failed, Err(Error::WrongDigest { .. })), "{failed:?}");
    }
    assert!(bench.store.list().unwrap().is_empty() && bench.store.arrived(digest).is_none());
}
