//! Several at once, and killed at any moment: the store stays whole.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use fathom_testkit::{Need, needs};
use fathom_toolkit::tar::Kind;
use fathom_toolkit::{Error, Progress, Source};

use crate::builder::*;

fn many_layers() -> Vec<Layer> {
    (0..12).map(|at| (0..20).fold(layer(), |tar, file| tar.file(format!("{at}/{file}"), "x"))).collect()
}

/// The example program, which cargo builds along with the tests.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples/store")
}

#[test]
fn killed_imports_leave_only_what_the_next_one_removes() {
    let bench = bench("killed");
    let archive = bench.write("app.tar", &image(&many_layers()).oci_archive());
    let place = bench.scratch.join("store");
    for lines in 1..=12 {
        let mut child =
            Command::new(program()).arg(&place).arg("import").arg(&archive).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        assert_eq!(output.lines().take(lines).filter_map(Result::ok).count(), lines);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(bench.store.list().unwrap().len() <= 1);
        bench.store.sweep().unwrap();
        assert!(look(&place.join("half")).is_empty(), "after {lines} lines");
        if let Some(entry) = bench.store.find("shop/web:1").unwrap() {
            bench.store.remove(&entry).unwrap();
        }
    }
    let entry = bench.import(&Source::Archive(archive)).unwrap();
    assert_eq!(look(&entry.root()).len(), 12 * 21);
}

#[test]
fn imports_at_once_unpack_once() {
    let bench = bench("at-once");
    let source = Source::Archive(bench.write("app.tar", &image(&many_layers()).oci_archive()));
    let unpacked = std::sync::atomic::AtomicUsize::new(0);
    let entries: Vec<_> = std::thread::scope(|scope| {
        let import = || {
            let mut count = |event| {
                if event == Progress::Syncing {
                    unpacked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            };
            bench.store.import(&source, &bench.limits, &mut count).unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(import)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(unpacked.into_inner(), 1);
    assert!(entries.iter().all(|entry| entry.digest == entries[0].digest));
    assert_eq!(look(&entries[0].root()).len(), 12 * 21);
    assert!(look(&bench.scratch.join("store/half")).is_empty());
}

#[test]
fn a_held_tree_is_not_removed_and_a_sweep_spares_it() {
    let bench = bench("held");
    let entry = bench.import_bytes(&image(&many_layers()).oci_archive()).unwrap();
    let hold = entry.hold().unwrap();
    let second = entry.hold().unwrap();
    assert!(matches!(bench.store.remove(&entry), Err(Error::InUse { .. })));
    drop(hold);
    assert!(matches!(bench.store.remove(&entry), Err(Error::InUse { .. })));
    assert_eq!(bench.store.sweep().unwrap(), 0);
    assert!(entry.root().join("0/0").exists());
    drop(second);
    bench.store.remove(&entry).unwrap();
    assert!(entry.hold().is_err());
    assert_eq!(bench.store.list().unwrap(), []);
    bench.assert_empty();
}

#[test]
fn a_name_moves_to_the_image_imported_last() {
    let bench = bench("names");
    let old = bench.import_bytes(&image(&[layer().file("a", "1")]).oci_archive()).unwrap();
    let new = bench.import_bytes(&image(&[layer().file("a", "2")]).oci_archive()).unwrap();
    let find = |name: &str| bench.store.find(name).unwrap().map(|entry| entry.digest);
    assert_eq!(find("shop/web:1"), Some(new.digest));
    assert_eq!(find("shop/web"), None);
    assert_eq!(find(&old.digest.to_string()), Some(old.digest));
    assert_eq!(find(&old.digest.hex()[..8]), Some(old.digest));
    assert_eq!(find("nothing"), None);
    assert_eq!(find("sha256:"), None);
    let list = bench.store.list().unwrap();
    assert_eq!(list.iter().map(|entry| entry.names.len()).sum::<usize>(), 1);
}

#[test]
fn a_broken_entry_hides_no_other_and_is_made_anew() {
    let bench = bench("broken");
    let archive = image(&[layer().file("a", "1")]).oci_archive();
    let entry = bench.import_bytes(&archive).unwrap();
    let other = bench.import_bytes(&image(&[layer().file("b", "1")]).saved_by_old_docker()).unwrap();
    std::fs::write(entry.root().join("../entry.json"), "{").unwrap();
    assert_eq!(bench.store.list().unwrap(), [other]);
    assert_eq!(bench.import_bytes(&archive).unwrap().digest, entry.digest);
    assert_eq!(bench.store.list().unwrap().len(), 2);
}

#[test]
fn a_tree_for_another_machine_is_noticed() {
    let bench = bench("machine");
    let mut elf = std::fs::read(std::env::current_exe().unwrap()).unwrap()[..64].to_vec();
    let ours = bench.import_bytes(&image(&[layer().file("bin/sh", &elf)]).oci_archive()).unwrap();
    ours.check_architecture().unwrap();
    elf[18..20].copy_from_slice(&[22, 0]);
    let link = layer().file("usr/bin/dash", &elf).symlink("bin", "/usr/bin").symlink("usr/bin/sh", "dash");
    let theirs = bench.import_bytes(&image(&[link]).oci_archive()).unwrap();
    assert!(matches!(theirs.check_architecture(), Err(Error::Architecture { found, .. }) if found == ["linux/s390x"]));
    let none = bench.import_bytes(&image(&[layer().file("static", "x")]).oci_archive()).unwrap();
    none.check_architecture().unwrap();
}

/// Without root all files are the caller's, closed folders are no obstacle, and removal works as well.
#[test]
fn a_user_without_rights_has_a_store_too() {
    needs!(Need::Root, Need::Program("setpriv"));
    use std::os::unix::fs::{MetadataExt, chown};
    const NOBODY: u32 = 65534;
    let bench = bench("nobody");
    let closed = |path: &str, mode| fathom_toolkit::tar::Entry { mode, ..entry(path, Kind::Folder) };
    let theirs = fathom_toolkit::tar::Entry { mode: 0o4755, uid: 3, gid: 4, ..entry("d/su", Kind::File) };
    let layers = [
        layer().entry(closed("d/", 0o555), "").entry(theirs, "x").entry(closed("none/", 0), "").file("none/f", "1"),
        layer().file("d/later", "2").file("none/.wh.f", ""),
    ];
    let archive = bench.write("app.tar", &image(&layers).oci_archive());
    let place = bench.scratch.join("store");
    std::fs::create_dir(&place).unwrap();
    chown(&place, Some(NOBODY), Some(NOBODY)).unwrap();
    // The build's own folder may be closed to others.
    let own = bench.scratch.join("program");
    std::fs::copy(program(), &own).unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&own).arg(&place).args(words);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["import", archive.to_str().unwrap()]);
    let entry = bench.store.list().unwrap().remove(0);
    let expect = [("d", "folder 555"), ("d/later", "644 2"), ("d/su", "4755 x"), ("none", "folder 0")];
    assert_eq!(look(&entry.root()), shown(&expect));
    let meta = std::fs::metadata(entry.root().join("d/su")).unwrap();
    assert_eq!((meta.uid(), meta.gid()), (NOBODY, NOBODY));
    assert_eq!(entry.notes.owners, 1);
    run(&["remove", "shop/web:1"]);
    bench.assert_empty();
}
