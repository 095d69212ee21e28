//! What other programs write is read as they meant it: GNU tar in all its formats, and this crate's own archives as
//! others read them.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use fathom_testkit::{Need, needs};

use crate::builder::*;

fn tar(folder: &Path, options: &[&str]) -> Vec<u8> {
    let output = Command::new("tar").args(options).args(["-c", "-C"]).arg(folder).arg(".").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn gnu_tar_in_every_format() {
    needs!(Need::Program("tar"));
    let bench = bench("gnu");
    let folder = bench.scratch.join("tree");
    let long = folder.join("l".repeat(150)).join("m".repeat(150));
    std::fs::create_dir_all(&long).unwrap();
    std::fs::write(long.join("n".repeat(150)), "deep").unwrap();
    std::fs::write(folder.join("näme\n\u{1}"), "odd").unwrap();
    std::os::unix::fs::symlink("t".repeat(300), folder.join("link")).unwrap();
    std::fs::write(folder.join("one"), "linked").unwrap();
    std::fs::hard_link(folder.join("one"), folder.join("two")).unwrap();
    let sparse = std::fs::File::create(folder.join("sparse")).unwrap();
    sparse.set_len(3 << 20).unwrap();
    for at in 0..40 {
        sparse.write_all_at(b"island", at * (70 << 10)).unwrap();
    }
    let expect = look(&folder);
    for options in [
        &["--format=gnu"][..],
        &["--format=pax"],
        &["--format=gnu", "--sparse"],
        &["--format=pax", "--sparse", "--sparse-version=0.0"],
        &["--format=pax", "--sparse", "--sparse-version=0.1"],
        &["--format=pax", "--sparse", "--sparse-version=1.0"],
    ] {
        let image = image_of(vec![tar(&folder, options)], go_architecture());
        let entry = bench.import_bytes(&image.oci_archive()).unwrap_or_else(|error| panic!("{options:?}: {error:?}"));
        assert_eq!(look(&entry.root()), expect, "{options:?}");
        let sparse = std::fs::read(entry.root().join("sparse")).unwrap();
        assert!(sparse == std::fs::read(folder.join("sparse")).unwrap(), "{options:?}");
        bench.store.remove(&entry).unwrap();
    }
}

#[test]
fn the_oldest_format_is_read_too() {
    needs!(Need::Program("tar"));
    let bench = bench("v7");
    let folder = bench.scratch.join("tree");
    std::fs::create_dir_all(folder.join("d/e")).unwrap();
    std::fs::write(folder.join("d/e/f"), "old").unwrap();
    for format in ["v7", "ustar", "oldgnu"] {
        let image = image_of(vec![tar(&folder, &["--format", format])], go_architecture());
        let entry = bench.import_bytes(&image.oci_archive()).unwrap();
        assert_eq!(look(&entry.root()), look(&folder), "{format}");
        bench.store.remove(&entry).unwrap();
    }
}

#[test]
fn an_export_is_the_same_every_time_and_comes_back_the_same() {
    let bench = bench("export");
    let odd = layer()
        .folder("./")
        .file("d/a", "1")
        .hard_link("d/b", "d/a")
        .symlink("l", "d")
        .file(b"n\xff\n", "2")
        .file("x".repeat(200), vec![7; 100_000]);
    let entry = bench.import_bytes(&image(&[odd, layer().file("d/.wh.none", "")]).oci_archive()).unwrap();
    let export = |entry: &fathom_toolkit::Entry| {
        let mut bytes = Vec::new();
        bench.store.export(entry, &mut bytes).unwrap();
        bytes
    };
    let first = export(&entry);
    assert!(first == export(&entry), "twice the same bytes");
    let again = bench.import_bytes(&first).unwrap();
    assert_eq!(look(&again.root()), look(&entry.root()));
    assert_eq!((&again.config, &again.created, &again.names), (&entry.config, &entry.created, &entry.names));
    assert!(first == export(&again), "also after a round through the store");
}

#[test]
fn gnu_tar_reads_an_export() {
    needs!(Need::Program("tar"));
    let bench = bench("read-back");
    let entry = bench.import_bytes(&image(&[layer().file("d/a", "1").symlink("l", "d")]).oci_archive()).unwrap();
    let path = bench.scratch.join("out.tar");
    bench.store.export(&entry, &mut std::fs::File::create(&path).unwrap()).unwrap();
    let outer = bench.scratch.join("outer");
    std::fs::create_dir(&outer).unwrap();
    assert!(Command::new("tar").arg("-xf").arg(&path).arg("-C").arg(&outer).status().unwrap().success());
    let blobs = std::fs::read_dir(outer.join("blobs/sha256")).unwrap();
    let blobs: Vec<_> = blobs.map(|blob| std::fs::read(blob.unwrap().path()).unwrap()).collect();
    let packed = blobs.iter().find(|blob| blob.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])).unwrap();
    let plain = bench.write("layer.tar", &zstd::decode_all(packed.as_slice()).unwrap());
    let inner = bench.scratch.join("inner");
    std::fs::create_dir(&inner).unwrap();
    assert!(Command::new("tar").arg("-xf").arg(&plain).arg("-C").arg(&inner).status().unwrap().success());
    assert_eq!(look(&inner), look(&entry.root()));
}

/// What podman loads, keeps and saves comes back as it was: our own export, and an image in the form of `docker save`
/// (which knows no zstd, so podman cannot turn our export into it).
#[test]
fn images_go_through_podman_and_back() {
    needs!(Need::Root, Need::Program("podman"));
    for format in ["oci-archive", "docker-archive"] {
        let bench = bench("podman");
        let original = image(&[layer().file("d/a", "1")]).saved_by_old_docker();
        let entry = bench.import_bytes(&original).unwrap();
        let path = bench.write("in.tar", &original);
        if format == "oci-archive" {
            bench.store.export(&entry, &mut std::fs::File::create(&path).unwrap()).unwrap();
        }
        let saved = bench.scratch.join("saved.tar");
        let podman = |words: &[&str]| {
            let mut command = Command::new("podman");
            command.arg("--root").arg(bench.scratch.join("graph")).arg("--runroot").arg(bench.scratch.join("run"));
            let output = command.args(["--storage-driver", "vfs"]).args(words).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        podman(&["load", "--input", path.to_str().unwrap()]);
        let looks = "{{.Config.Cmd}} {{.Config.WorkingDir}}";
        assert_eq!(podman(&["image", "inspect", "shop/web:2", "--format", looks]), "[sh] /w");
        podman(&["save", "--format", format, "--output", saved.to_str().unwrap(), "shop/web:2"]);
        let back = bench.import(&fathom_toolkit::Source::Archive(saved)).unwrap();
        assert_eq!(look(&back.root()), look(&entry.root()), "{format}");
    }
}
