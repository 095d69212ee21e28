//! Honest images: every form they come in, and every way in which layers change each other.

use fathom_testkit::{Need, needs};
use fathom_toolkit::tar::{Entry, Kind};
use fathom_toolkit::{Digest, Error, Source};
use serde_json::json;

use crate::builder::*;

fn small() -> Image {
    let base = layer().folder("./").folder("bin/").file("bin/sh", "shell").file("gone", "x");
    image(&[base, layer().file(".wh.gone", ""), layer().symlink("sh", "bin/sh")])
}

fn check_small(bench: &Bench, source: &Source) -> fathom_toolkit::Entry {
    let entry = bench.import(source).unwrap();
    assert_eq!(look(&entry.root()), shown(&[("bin", "folder 755"), ("bin/sh", "644 shell"), ("sh", "-> bin/sh")]));
    entry
}

#[test]
fn an_oci_archive_in_every_packing() {
    for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
        let bench = bench("oci");
        let file = bench.write("app.tar", &pack(packing, &small().oci_archive()));
        let entry = check_small(&bench, &Source::Archive(file));
        assert_eq!(entry.names, ["shop/web:1"]);
        assert_eq!(entry.digest, Digest::of(&small().config));
        assert_eq!(entry.manifest, Some(Digest::of(&small().manifest)));
        assert_eq!((entry.size, entry.entries), (6, 6));
        assert_eq!(entry.created.as_deref(), Some("2024-01-02T03:04:05Z"));
        assert_eq!(
            (entry.config.command(), entry.config.env.as_slice()),
            (vec!["sh".to_owned()], &["A=b c".to_owned()][..])
        );
        assert_eq!((entry.config.user.as_str(), entry.config.working_dir.as_str()), ("7:8", "/w"));
    }
}

#[test]
fn what_docker_saves_old_and_new() {
    let bench = bench("saved");
    let old = bench.write("old.tar", &small().saved_by_old_docker());
    let entry = check_small(&bench, &Source::Archive(old));
    assert_eq!(entry.names, ["shop/web:2"]);
    let new = bench.write("new.tar.gz", &pack(Packing::Gzip, &small().saved_by_new_docker()));
    let entry = check_small(&bench, &Source::Archive(new));
    assert_eq!(entry.names, ["shop/web:2", "shop/web:1"], "one tree for both, since it is one image");
    assert_eq!(bench.store.list().unwrap(), [entry]);
}

#[test]
fn equal_layers_of_an_old_save_are_links() {
    let twice = layer().file("a", "1");
    let image = image(&[twice.clone(), layer().file(".wh.a", ""), twice]);
    let entry = bench("links").import_bytes(&image.saved_by_old_docker()).map(|entry| entry.size);
    assert_eq!(entry.unwrap(), 2);
}

#[test]
fn a_layout_folder() {
    let bench = bench("layout");
    let folder = bench.scratch.join("app");
    small().write_layout(&folder);
    let source = Source::detect(folder.to_str().unwrap()).unwrap();
    assert_eq!(source, Source::Layout(folder));
    check_small(&bench, &source);
}

#[test]
fn a_root_file_system() {
    let bench = bench("folder");
    let folder = bench.scratch.join("my.root");
    std::fs::create_dir_all(folder.join("bin")).unwrap();
    std::fs::write(folder.join("bin/sh"), "shell").unwrap();
    std::os::unix::fs::symlink("bin/sh", folder.join("sh")).unwrap();
    std::fs::hard_link(folder.join("bin/sh"), folder.join("zsh")).unwrap();
    let source = Source::detect(folder.to_str().unwrap()).unwrap();
    let entry = bench.import(&source).unwrap();
    assert_eq!(entry.name(), "my.root");
    assert_eq!(look(&entry.root()), look(&folder));
    assert_eq!(bench.import(&source).unwrap().digest, entry.digest);
}

#[test]
fn a_whiteout_spares_its_own_layer_in_either_order() {
    let base = || layer().folder("d/").file("d/old", "1").file("f", "1");
    let expect = shown(&[("d", "folder 755"), ("d/new", "644 2"), ("f", "644 2")]);
    let before = layer().file(".wh.d", "").file(".wh.f", "").folder("d/").file("d/new", "2").file("f", "2");
    assert_eq!(bench("before").tree(&[base(), before]), expect);
    let after = layer().folder("d/").file("d/new", "2").file("f", "2").file(".wh.d", "").file(".wh.f", "");
    assert_eq!(bench("after").tree(&[base(), after]), expect);
}

#[test]
fn an_opaque_folder_hides_what_is_below_it_only() {
    let base = || layer().folder("d/").file("d/old", "1").folder("d/sub/").file("d/sub/old", "1").file("e", "1");
    let expect = shown(&[
        ("d", "folder 755"),
        ("d/new", "644 2"),
        ("d/sub", "folder 755"),
        ("d/sub/new", "644 2"),
        ("e", "644 1"),
    ]);
    let first = layer().file("d/.wh..wh..opq", "").file("d/new", "2").file("d/sub/new", "2");
    assert_eq!(bench("opaque").tree(&[base(), first]), expect);
    let last = layer().file("d/new", "2").file("d/sub/new", "2").file("d/.wh..wh..opq", "");
    assert_eq!(bench("opaque").tree(&[base(), last]), expect);
}

#[test]
fn whiteouts_of_whole_folders_and_of_nothing() {
    let base = layer().folder("d/").folder("d/e/").file("d/e/f", "1").symlink("l", "d");
    let upper = layer().file(".wh.d", "").file(".wh.l", "").file(".wh.nothing", "").file("no/such/.wh.x", "");
    assert_eq!(bench("gone").tree(&[base, upper]), shown(&[]));
}

#[test]
fn whiteouts_through_a_link_hide_what_it_leads_to() {
    let base = layer().folder("usr/lib/").file("usr/lib/a", "1").file("usr/lib/b", "1").symlink("lib", "usr/lib");
    let upper = layer().file("lib/.wh.a", "").file("lib/c", "2");
    let expect = shown(&[
        ("lib", "-> usr/lib"),
        ("usr", "folder 755"),
        ("usr/lib", "folder 755"),
        ("usr/lib/b", "644 1"),
        ("usr/lib/c", "644 2"),
    ]);
    assert_eq!(bench("through").tree(&[base, upper]), expect);
}

#[test]
fn files_become_folders_and_back() {
    let base = layer().file("a", "1").folder("b/").file("b/c", "1").symlink("l", "b").file("x", "1");
    let upper = layer().folder("a/").file("a/c", "2").file("b", "2").folder("l/").file("x/y", "2");
    let expect = shown(&[
        ("a", "folder 755"),
        ("a/c", "644 2"),
        ("b", "644 2"),
        ("l", "folder 755"),
        ("x", "folder 755"),
        ("x/y", "644 2"),
    ]);
    assert_eq!(bench("turn").tree(&[base, upper]), expect);
}

#[test]
fn hard_links_reach_into_lower_layers_and_break_on_change() {
    let base = layer().file("a", "1").hard_link("b", "a");
    let upper = layer().hard_link("c", "./a").file("a", "2");
    let expect = shown(&[("a", "644 2"), ("b", "*644 1"), ("c", "*644 1")]);
    assert_eq!(bench("hard").tree(&[base, upper]), expect);
    let itself = [layer().file("a", "1"), layer().hard_link("a", "a").hard_link("./a", "/a")];
    assert_eq!(bench("itself").tree(&itself), shown(&[("a", "644 1")]));
}

#[test]
fn a_later_layer_dresses_a_folder_anew_and_keeps_its_content() {
    let dressed = |mode| Entry { mode, ..entry("d/", Kind::Folder) };
    let base = layer().entry(dressed(0o700), "").file("d/f", "1");
    let bench = bench("dress");
    let entry = bench.import_bytes(&image(&[base, layer().entry(dressed(0o1777), "")]).oci_archive()).unwrap();
    assert_eq!(look(&entry.root()), shown(&[("d", "folder 1777"), ("d/f", "644 1")]));
    let time = std::fs::metadata(entry.root().join("d")).unwrap().modified().unwrap();
    assert_eq!(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 1_700_000_000);
}

#[test]
fn entries_below_a_closed_folder_can_be_made() {
    let closed = Entry { mode: 0o555, ..entry("d/", Kind::Folder) };
    let bench = bench("closed");
    let tree = [layer().entry(closed, "").file("d/f", "1"), layer().file("d/g", "2")];
    let expect = shown(&[("d", "folder 555"), ("d/f", "644 1"), ("d/g", "644 2")]);
    assert_eq!(bench.tree(&tree), expect);
    let entry = bench.store.list().unwrap().remove(0);
    bench.store.remove(&entry).unwrap();
    bench.assert_empty();
}

#[test]
fn owners_set_id_bits_and_capabilities_are_kept_as_root() {
    needs!(Need::Root);
    use std::os::unix::fs::MetadataExt;
    // VFS_CAP_REVISION_2 with CAP_NET_RAW permitted and effective.
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].to_vec();
    let overlay = (b"trusted.overlay.redirect".to_vec(), b"/etc".to_vec());
    let xattrs = vec![(b"security.capability".to_vec(), capability.clone()), overlay];
    let ping = Entry { mode: 0o4755, uid: 3, gid: 4_000_000_000, xattrs, ..entry("ping", Kind::File) };
    let bench = bench("owners");
    let imported = bench.import_bytes(&image(&[layer().entry(ping, "x")]).oci_archive()).unwrap();
    let path = imported.root().join("ping");
    let meta = std::fs::metadata(&path).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.gid()), (0o4755, 3, 4_000_000_000));
    let mut value = [0; 64];
    let length = rustix::fs::getxattr(&path, "security.capability", &mut value[..]).unwrap();
    assert_eq!(&value[..length], capability);
    assert!(rustix::fs::getxattr(&path, "trusted.overlay.redirect", &mut value[..]).is_err());
    assert_eq!((imported.notes.set_id, imported.notes.attributes), (1, 1));
    let closed = std::fs::metadata(bench.scratch.join("store")).unwrap().mode();
    assert_eq!(closed & 0o077, 0, "set-id programs of strangers are nobody else's business");
}

#[test]
fn names_need_not_be_text() {
    let odd = layer().file(b"a b\nc\xff", "1").file("d".repeat(255), "2").symlink("l", b"\xfe\n");
    let tree = bench("names").tree(&[odd]);
    assert_eq!(tree.get("a b\\nc\\xff").map(String::as_str), Some("644 1"));
    assert_eq!(tree.get(&"d".repeat(255)).map(String::as_str), Some("644 2"));
    let long = format!("{}/f", ["e"; 200].join("/"));
    assert_eq!(bench("long").tree(&[layer().file(&long, "3")]).get(&long).map(String::as_str), Some("644 3"));
}

#[test]
fn an_index_offers_this_machines_image_among_others() {
    let ours = small();
    let theirs = image_of(vec![layer().file("a", "1").tar()], "sparc64");
    let platform = |image: &Image, os: &str, architecture: &str| {
        let mut one = descriptor(&image.manifest);
        one["platform"] = json!({"os": os, "architecture": architecture});
        one
    };
    let list =
        |images: Vec<serde_json::Value>| json!({"schemaVersion": 2, "manifests": images}).to_string().into_bytes();
    let both = list(vec![
        platform(&theirs, "linux", "sparc64"),
        platform(&theirs, "unknown", "unknown"),
        platform(&ours, "linux", go_architecture()),
    ]);
    let nested = Image { manifest: both.clone(), ..small() };
    let mut members = nested.members();
    members.extend(theirs.members().split_off(2));
    members.push((format!("blobs/sha256/{}", Digest::of(&both).hex()), both));
    let entry = bench("index").import_bytes(&archive(&members)).unwrap();
    assert_eq!(entry.digest, Digest::of(&ours.config));

    let only_theirs = list(vec![platform(&theirs, "linux", "sparc64")]);
    let mut members = theirs.members();
    members[1].1 = only_theirs;
    let error = bench("index").import_bytes(&archive(&members)).unwrap_err();
    assert!(matches!(error, Error::Architecture { found, .. } if found == ["linux/sparc64"]));
    // The same when only the config says so.
    let error = bench("index").import_bytes(&theirs.oci_archive()).unwrap_err();
    assert!(matches!(error, Error::Architecture { found, .. } if found == ["linux/sparc64"]));
}

#[test]
fn several_images_in_one_archive_are_a_question() {
    let (a, b) = (small(), image(&[layer().file("b", "1")]));
    let named = |image: &Image, name: &str| {
        let mut one = descriptor(&image.manifest);
        one["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        one
    };
    let mut members = a.members();
    members[1].1 = json!({"manifests": [named(&a, "a:1"), named(&b, "b:1")]}).to_string().into_bytes();
    let error = bench("several").import_bytes(&archive(&members)).unwrap_err();
    assert!(matches!(error, Error::Several { found, .. } if found == ["a:1", "b:1"]));
    let saved =
        json!([{"Config": "a", "RepoTags": ["a:1"], "Layers": []}, {"Config": "b", "RepoTags": null, "Layers": []}]);
    let error = bench("several").import_bytes(&layer().file("manifest.json", saved.to_string()).tar()).unwrap_err();
    assert!(matches!(error, Error::Several { found, .. } if found == ["a:1", "b"]));
}
