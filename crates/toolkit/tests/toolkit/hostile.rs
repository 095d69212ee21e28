//! Images that mean harm. Each must be stopped with an error that says why, or be rendered harmless; in both cases
//! nothing outside the tree is touched and nothing half made is left.

use fathom_toolkit::tar::{Entry, Kind};
use fathom_toolkit::{Error, Limits};
use serde_json::json;

use crate::builder::*;

fn check_refused(layers: &[Layer], why: &str) {
    match bench("refused").refusal(layers) {
        Error::Refused { why: found, .. } => assert_eq!(found, why),
        other => panic!("{other:?}"),
    }
}

fn check_too_large(limits: Limits, layers: &[Layer], what: &str) {
    let bench = Bench { limits, ..bench("large") };
    match bench.refusal(layers) {
        Error::TooLarge { of, .. } => assert_eq!(of, what),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_that_climb_are_refused() {
    for name in ["../evil", "a/../../evil", "/../evil", "a/..", ".."] {
        check_refused(&[layer().file(name, "x")], "leads out of its folder");
        check_refused(&[layer().folder(format!("{name}/"))], "leads out of its folder");
        check_refused(&[layer().symlink(name, "x")], "leads out of its folder");
        check_refused(&[layer().file("f", "x").hard_link("h", name)], "leads out of its folder");
    }
    check_refused(&[layer().file("a/.wh...", "")], "hides nothing that can be named");
    check_refused(&[layer().file("a/.wh..", "")], "hides nothing that can be named");
    check_refused(&[layer().file(".wh.", "")], "hides nothing that can be named");
    check_refused(&[layer().file("../.wh.a", "")], "leads out of its folder");
}

#[test]
fn absolute_names_start_at_the_images_root() {
    let bench = bench("absolute");
    let outside = bench.scratch.join("evil");
    let name = outside.to_str().unwrap();
    let tree = bench.tree(&[layer().file(name, "x").file("//etc//./passwd", "y")]);
    assert_eq!(tree.get(&name[1..]).map(String::as_str), Some("644 x"));
    assert_eq!(tree.get("etc/passwd").map(String::as_str), Some("644 y"));
    assert!(!outside.exists());
}

/// However the link is laid, what goes through it stays inside, and the folder outside is as it was.
#[test]
fn nothing_goes_out_through_links() {
    type Attempt = fn(&str) -> Vec<Layer>;
    let attempts: [(&str, Attempt); 6] = [
        ("a file through an absolute link", |out| vec![layer().symlink("l", out).file("l/evil", "x")]),
        ("in a later layer", |out| vec![layer().symlink("l", out), layer().file("l/evil", "x")]),
        ("through a chain", |out| {
            vec![layer().symlink("a", out).symlink("b", "a").symlink("c", "/b").file("c/evil", "x")]
        }),
        ("by climbing", |out| {
            let up = format!("{}{out}", "../".repeat(60));
            vec![layer().symlink("l", up).file("l/evil", "x")]
        }),
        ("a folder's looks", |out| {
            let open = Entry { mode: 0o777, ..entry("l/", Kind::Folder) };
            vec![layer().symlink("l", out), layer().entry(open, "")]
        }),
        ("a whiteout", |out| {
            vec![layer().symlink("l", out), layer().file("l/.wh.canary", "").file("l/.wh..wh..opq", "")]
        }),
    ];
    for (what, layers) in attempts {
        let bench = bench("through");
        let outside = bench.scratch.join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("canary"), "alive").unwrap();
        let before = look(&bench.scratch.path().join("outside"));
        bench.tree(&layers(outside.to_str().unwrap()));
        assert_eq!(look(&outside), before, "{what}");
    }
}

#[test]
fn a_file_replaces_a_link_and_is_not_written_through_it() {
    let bench = bench("replace");
    let canary = bench.write("canary", b"alive");
    let link = canary.to_str().unwrap();
    let tree = bench.tree(&[layer().symlink("a", link).file("a", "1").symlink("b", link), layer().file("b", "2")]);
    assert_eq!(tree, shown(&[("a", "644 1"), ("b", "644 2")]));
    assert_eq!(std::fs::read(canary).unwrap(), b"alive");
}

#[test]
fn hard_links_reach_nothing_outside() {
    const MISSING: &str = "is a hard link to a file that is not in the image";
    check_refused(&[layer().hard_link("h", "/etc/passwd")], MISSING);
    check_refused(&[layer().symlink("l", "/etc").hard_link("h", "l/passwd")], MISSING);
    check_refused(&[layer().symlink("l", "/proc/self/root").hard_link("h", "l/etc/passwd")], MISSING);
    check_refused(&[layer().folder("d/").hard_link("h", "d")], "is a hard link to a folder");
    check_refused(&[layer().hard_link("h", "/")], "is a hard link to a folder");
    check_refused(&[layer().folder("d/").file("d/f", "1").hard_link("d", "d/f")], MISSING);
    // A link itself may have two names; what it leads to is not touched.
    let tree = bench("hard").tree(&[layer().symlink("l", "/etc/passwd").hard_link("h", "l")]);
    assert_eq!(tree, shown(&[("h", "-> /etc/passwd"), ("l", "-> /etc/passwd")]));
}

#[test]
fn the_root_stays_a_folder() {
    check_refused(&[layer().symlink("./", "/etc")], "would replace the image's root");
    check_refused(&[layer().entry(entry(".", Kind::File), "x")], "would replace the image's root");
    check_refused(&[layer().entry(entry("/", Kind::Device), "")], "would replace the image's root");
}

#[test]
fn loops_of_links_end() {
    check_refused(&[layer().symlink("a", "b").symlink("b", "a").file("a/f", "x")], "goes through a loop of links");
    check_refused(&[layer().symlink("a", "a/a").file("a/f", "x")], "goes through a loop of links");
    let saved = json!([{"Config": "a", "RepoTags": null, "Layers": []}]).to_string();
    let outer = layer().file("manifest.json", saved).symlink("a", "b").symlink("b", "./a").tar();
    assert!(matches!(bench("outer").import_bytes(&outer), Err(Error::Refused { .. })));
}

#[test]
fn links_that_cannot_be_made_are_refused() {
    check_refused(&[layer().symlink("l", "")], "is a link to nowhere");
    check_refused(&[layer().symlink("l", "x".repeat(5000))], "is a link that cannot be made");
}

#[test]
fn devices_and_pipes_are_counted_not_made() {
    let bench = bench("devices");
    let base = layer().file("dev/null", "a file below").file("keep", "1");
    let upper = layer()
        .entry(entry("dev/null", Kind::Device), "")
        .entry(entry("dev/sda", Kind::Device), "")
        .entry(entry("pipe", Kind::Fifo), "")
        .entry(entry("label", Kind::Other(b'V')), "");
    let imported = bench.import_bytes(&image(&[base, upper]).oci_archive()).unwrap();
    assert_eq!(look(&imported.root()), shown(&[("dev", "folder 755"), ("keep", "644 1")]));
    assert_eq!((imported.notes.devices, imported.notes.fifos, imported.notes.unknown), (2, 1, 1));
}

#[test]
fn every_limit_holds() {
    let limits = Limits::default();
    let many = (0..50).fold(layer(), |tar, at| tar.file(format!("f{at}"), "1234567890"));
    let half = (0..25).fold(layer(), |tar, at| tar.file(format!("f{at}"), "1234567890"));
    check_too_large(Limits { entries: 40, ..limits }, std::slice::from_ref(&many), "entries");
    check_too_large(Limits { entries: 40, ..limits }, &[half.clone(), half.clone()], "entries");
    check_too_large(Limits { bytes: 400, ..limits }, std::slice::from_ref(&many), "bytes");
    check_too_large(Limits { bytes: 400, ..limits }, &[half.clone(), half], "bytes");
    check_too_large(Limits { names: 90, ..limits }, std::slice::from_ref(&many), "bytes of names");
    check_too_large(Limits { path: 10, ..limits }, &[layer().file("12345678901", "")], "bytes of one path");
    check_too_large(Limits { depth: 5, ..limits }, &[layer().folder("1/2/3/4/5/6")], "nested folders");
    check_too_large(Limits { layers: 1, ..limits }, &[many.clone(), many.clone()], "layers");
    check_too_large(Limits { document: 100, ..limits }, &[many], "bytes of one document");
}

#[test]
fn links_do_not_nest_deeper_than_names_may() {
    let deep = ["d"; 200].join("/");
    let bomb = layer().folder(format!("{deep}/")).symlink("l", &deep).file(format!("l/{deep}/f"), "x");
    check_too_large(Limits::default(), &[bomb], "nested folders");
}

#[test]
fn a_short_name_behind_a_link_is_charged_for_what_it_stands_for() {
    let deep = ["d".repeat(100).as_str(); 30].join("/");
    let start = layer().folder(format!("{deep}/")).symlink("l", &deep);
    let bomb = (0..100).fold(start, |tar, at| tar.folder(format!("l/{at}/")));
    check_too_large(Limits { names: 200_000, ..Limits::default() }, &[bomb], "bytes of names");
}

#[test]
fn a_bomb_of_zeros_is_cut_short() {
    let bench = Bench { limits: Limits { ratio: 100, ..Limits::default() }, ..bench("zeros") };
    let zeros = vec![0; (Limits::GRACE as usize) + (8 << 20)];
    let tar = layer().file("zeros", &zeros).tar();
    drop(zeros);
    for packing in [Packing::Gzip, Packing::Zstd] {
        let packed = pack(packing, &tar);
        let image = image_from(config(go_architecture(), std::slice::from_ref(&tar)), vec![packed], vec![]);
        let error = bench.import_bytes(&image.oci_archive()).unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 100, .. }), "{error:?}");
        bench.assert_empty();
        // The same around the archive instead of in it.
        let error = bench.import_bytes(&pack(packing, &tar)).unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 100, .. }), "{error:?}");
    }
}

#[test]
fn holes_count_as_bytes() {
    let sparse = |size: u64| {
        let map = "1\n0\n0\n";
        let records =
            format!("{}{}", record("GNU.sparse.major", "1"), record("GNU.sparse.realsize", &size.to_string()));
        raw(b'x', "x", records.as_bytes())
            .into_iter()
            .chain(raw(b'0', "sparse", &[map.as_bytes(), &[0; 506]].concat()))
            .chain([0; 1024])
            .collect::<Vec<u8>>()
    };
    let bench = Bench { limits: Limits { bytes: 1 << 30, ..Limits::default() }, ..bench("holes") };
    let imported = bench.import_bytes(&image_of(vec![sparse(1 << 29)], go_architecture()).oci_archive()).unwrap();
    assert_eq!(look(&imported.root()), shown(&[("sparse", &format!("644 {} bytes", 1 << 29))]));
    for size in [1 << 31, i64::MAX as u64] {
        let error = bench.import_bytes(&image_of(vec![sparse(size)], go_architecture()).oci_archive()).unwrap_err();
        assert!(matches!(error, Error::TooLarge { of: "bytes", .. }), "{error:?}");
    }
}
