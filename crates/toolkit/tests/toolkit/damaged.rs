//! Images that are no whole images: cut, changed, or something else. Each is told, and nothing half made is left.

use std::io::Read;

use fathom_testkit::{Need, needs};
use fathom_toolkit::{Digest, Error, Source};
use serde_json::json;

use crate::builder::*;

#[test]
fn impossible_numbers_in_headers_are_damage() {
    let negative = [0xff; 12];
    let huge = [0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let beyond = [0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    for (what, field, place) in [
        ("a negative size", &negative[..], 124),
        ("a huge size", &huge, 124),
        ("a size beyond 64 bits", &beyond, 124),
        ("letters", b"abcdefghijk\0", 124),
        ("a negative owner", &negative[..8], 108),
        ("nobody as group", &[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], 116),
    ] {
        for kind in *b"0xLS5" {
            let mut tar = raw(kind, "f", b"data");
            tar[place..place + field.len()].copy_from_slice(field);
            seal(&mut tar);
            tar.extend([0; 1024]);
            let bench = bench("numbers");
            // An extension header's owner and a folder's size mean nothing and are not looked at.
            let ignored = (place != 124 && matches!(kind, b'x' | b'L')) || (place == 124 && kind == b'5');
            let result = bench.import_bytes(&image_of(vec![tar], go_architecture()).oci_archive());
            match result {
                Err(Error::Malformed { .. } | Error::TooLarge { .. }) => {}
                Ok(_) | Err(Error::Refused { .. }) if ignored => continue,
                other => panic!("{what} in {}: {other:?}", char::from(kind)),
            }
            bench.assert_empty();
        }
    }
}

#[test]
fn endless_extension_headers_are_damage() {
    let mut chain: Vec<u8> = (0..100).flat_map(|_| raw(b'x', "x", record("path", "y").as_bytes())).collect();
    chain.extend(raw(b'0', "f", b""));
    let long = raw(b'L', "x", &vec![b'a'; 2 << 20]);
    for tar in [chain, long, raw(b'x', "x", b"")] {
        let bench = bench("chain");
        let error = bench.import_bytes(&image_of(vec![tar], go_architecture()).oci_archive()).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
        bench.assert_empty();
    }
}

#[test]
fn an_archive_cut_anywhere_is_damaged_or_whole() {
    let layers = [layer().folder("d/").file("d/f", "1".repeat(3000)), layer().file("g", "2")];
    let image = image(&layers);
    for whole in [image.oci_archive(), image.saved_by_old_docker(), pack(Packing::Gzip, &image.oci_archive())] {
        let bench = bench("cut");
        let full = look(&bench.import_bytes(&whole).unwrap().root());
        let entry = bench.store.list().unwrap().remove(0);
        bench.store.remove(&entry).unwrap();
        for end in (0..whole.len()).step_by(97) {
            match bench.import_bytes(&whole[..end]) {
                // Only the padding at the end is missing.
                Ok(entry) => {
                    assert!(whole.len() - end < 2048, "{end}");
                    assert_eq!(look(&entry.root()), full);
                    bench.store.remove(&entry).unwrap();
                }
                Err(Error::Malformed { .. } | Error::NotAnImage { .. }) => {}
                Err(other) => panic!("{end}: {other:?}"),
            }
            bench.assert_empty();
        }
    }
}

#[test]
fn a_layer_cut_anywhere_is_damaged() {
    let tar = layer().folder("d/").file("d/f", "1".repeat(3000)).tar();
    for end in (0..tar.len()).step_by(131) {
        let mut image = image_of(vec![tar.clone()], go_architecture());
        let (digest, packed) = image.blobs.iter().find(|(_, blob)| blob.starts_with(&[0x1f, 0x8b])).unwrap();
        let (digest, end) = (*digest, end * packed.len() / tar.len());
        image.blobs.get_mut(&digest).unwrap().truncate(end);
        let bench = bench("cut");
        let error = bench.import_bytes(&image.oci_archive()).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. } | Error::WrongDigest { .. }), "{end}: {error:?}");
        bench.assert_empty();
    }
}

#[test]
fn bytes_that_do_not_match_their_digest_are_refused() {
    let layers = [layer().file("f", "1"), layer().file("g", "2"), layer().file("h", "3")];
    for digest in image(&layers).blobs.keys() {
        let mut image = image(&layers);
        let blob = image.blobs.get_mut(digest).unwrap();
        // The plain layer's last byte is padding: it changes nothing but the digest.
        *blob.last_mut().unwrap() ^= 1;
        let bench = bench("digest");
        let error = bench.import_bytes(&image.oci_archive()).unwrap_err();
        assert!(matches!(error, Error::WrongDigest { .. } | Error::Malformed { .. }), "{error:?}");
        bench.assert_empty();
    }
}

#[test]
fn a_config_that_promises_other_layers_is_refused() {
    let (honest, other) = (layer().file("f", "1").tar(), layer().file("f", "2").tar());
    let image = image_from(config(go_architecture(), &[honest]), vec![other.clone()], vec![other]);
    for archive in [image.oci_archive(), image.saved_by_old_docker()] {
        let bench = bench("promise");
        let error = bench.import_bytes(&archive).unwrap_err();
        assert!(matches!(error, Error::WrongDigest { .. }), "{error:?}");
        bench.assert_empty();
    }
    let none = image_from(config(go_architecture(), &[]), vec![layer().tar()], vec![]);
    assert!(matches!(bench("count").import_bytes(&none.oci_archive()), Err(Error::Malformed { .. })));
}

#[test]
fn documents_of_absurd_size_are_not_read() {
    let huge = format!("[{}1]", "0,".repeat(3 << 20));
    for name in ["index.json", "manifest.json"] {
        let error = bench("huge").import_bytes(&layer().file(name, &huge).tar()).unwrap_err();
        assert!(matches!(error, Error::TooLarge { of: "bytes of one document", .. }), "{error:?}");
    }
    let digest = Digest::of(b"");
    let index = json!({"manifests": [{"mediaType": "", "digest": digest, "size": u64::MAX}]}).to_string();
    let error = bench("huge").import_bytes(&layer().file("index.json", index).tar()).unwrap_err();
    assert!(matches!(error, Error::TooLarge { of: "bytes of one document", .. }), "{error:?}");
}

#[test]
fn indexes_that_never_end_are_damage() {
    let mut inner = descriptor(b"none");
    let mut members = Vec::new();
    for _ in 0..20 {
        let index = json!({"manifests": [inner]}).to_string().into_bytes();
        inner = descriptor(&index);
        members.push((format!("blobs/sha256/{}", Digest::of(&index).hex()), index));
    }
    members.push(("index.json".to_owned(), json!({"manifests": [inner]}).to_string().into_bytes()));
    let error = bench("nested").import_bytes(&archive(&members)).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
}

#[test]
fn what_is_no_image_is_said_to_be_none() {
    let bench = bench("none");
    for bytes in
        [&b""[..], b"hello", &[0; 4096], &[0xff; 4096], &layer().file("a", "b").tar(), &pack(Packing::Gzip, b"x")]
    {
        let error = bench.import_bytes(bytes).unwrap_err();
        assert!(matches!(error, Error::NotAnImage { .. }), "{error:?}");
    }
    let error = bench.import_bytes(b"\xfd7zXZ\0\0\0").unwrap_err();
    assert!(error.to_string().contains("xz"), "{error}");
}

#[test]
fn a_pipe_in_a_layout_does_not_hold_anybody_up() {
    needs!(Need::Program("mkfifo"));
    let bench = bench("pipe");
    let folder = bench.scratch.join("layout");
    image(&[layer().file("a", "1")]).write_layout(&folder);
    std::fs::remove_file(folder.join("index.json")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(folder.join("index.json")).status().unwrap().success());
    let error = bench.import(&Source::Layout(folder)).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
}

#[test]
fn a_full_disk_is_said_and_cleaned_up() {
    needs!(Need::Root, Need::Program("mount"));
    let mut noise = vec![0; 3 << 20];
    std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
    let bench = bench("full");
    let archive = image(&[layer().file("a", &noise[..100]).file("noise", &noise)]).oci_archive();
    let place = bench.scratch.join("store");
    std::fs::create_dir(&place).unwrap();
    let small = Mounted::tmpfs(place, "2m");
    for packing in [Packing::Plain, Packing::Gzip] {
        let error = bench.import_bytes(&pack(packing, &archive)).unwrap_err();
        assert!(matches!(error, Error::DiskFull { .. }), "{error:?}");
        assert!(fathom_model::Hint::hint(&error).unwrap().contains("free some space"));
        bench.assert_empty();
    }
    bench.import_bytes(&image(&[layer().file("a", "fits")]).oci_archive()).unwrap();
    drop(small);
}

/// A small file system of its own, gone with the test.
struct Mounted(std::path::PathBuf);

impl Mounted {
    fn tmpfs(place: std::path::PathBuf, size: &str) -> Mounted {
        let options = std::ffi::CString::new(format!("size={size}")).unwrap();
        rustix::mount::mount("none", &place, "tmpfs", rustix::mount::MountFlags::empty(), options.as_c_str()).unwrap();
        Mounted(place)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
    }
}
