//! Toolkits of the store and images that do not run, in both roots.

use fathom_testkit::engine::image::Content;
use fathom_testkit::engine::{Runc, Spec};
use fathom_testkit::{Need, Scratch, needs};

use crate::support::{Ended, Machine, ended};

/// A store of its own with one image in it, called by its file.
struct Shelf {
    folder: Scratch,
}

impl Shelf {
    fn new() -> Shelf {
        let folder = Scratch::new("store");
        std::fs::write(folder.join("busybox.tar"), Content::busybox().archive())
            .expect("a scratch folder can be written to");
        Shelf { folder }
    }

    fn image(&self) -> String {
        self.folder.join("busybox.tar").to_string_lossy().into_owned()
    }

    fn run(&self, machine: &Machine, words: &[&str]) -> Ended {
        let mut command = machine.fathom(words);
        ended(command.env("FATHOM_STORE", self.folder.join("store")).output().expect("fathom runs"))
    }
}

#[test]
fn an_image_serves_as_toolkit_in_both_roots() {
    needs!(Need::Root, Need::Program("runc"), Need::Path("/bin/busybox"));
    let (machine, runc, shelf) = (Machine::new(), Runc::new(), Shelf::new());
    let web = runc.run(&Spec::scratch("web", ["/app"]).read_only().user(65532).no_capabilities());
    let (target, image) = (format!("pid:{}", web.pid()), shelf.image());
    for (root, shows) in [("tools", "/target/app"), ("target", "/app")] {
        let script = format!("ls -d {shows}; busybox | head -1");
        let got =
            shelf.run(&machine, &["enter", "--toolkit", &image, "--root", root, &target, "--", "sh", "-c", &script]);
        assert!(got.status == 0 && got.stdout.contains(shows) && got.stdout.contains("BusyBox"), "{root}: {got:?}");
    }
    machine.assert_clean();
}

#[test]
fn applets_are_called_without_their_links_too() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::scratch("web", ["/app"]));
    let target = format!("pid:{}", web.pid());
    // A shell without PATH finds itself, also for what it starts in the background.
    let script = "PATH=/nowhere; /proc/self/exe echo one; echo two | /proc/self/exe cat & wait";
    let got = machine.run(["enter", &target, "--", "sh", "-c", script]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "one\ntwo\n"), "{got:?}");
    machine.assert_clean();
}

#[test]
fn an_image_that_does_not_run_is_entered_and_changes_are_discarded() {
    needs!(Need::Root, Need::Path("/bin/busybox"));
    let (machine, shelf) = (Machine::new(), Shelf::new());
    let target = format!("image:{}", shelf.image());
    for (root, place) in [("tools", "/target"), ("target", "")] {
        let script = format!("echo x > {place}/made && cat {place}/made && ls /sys/class/net 2>/dev/null; echo $$");
        let got =
            shelf.run(&machine, &["enter", "--toolkit", "mini", "--root", root, &target, "--", "sh", "-c", &script]);
        assert!(got.status == 0 && got.stdout.starts_with("x\n"), "{root}: {got:?}");
        let again = shelf.run(
            &machine,
            &["enter", "--toolkit", "mini", "--root", root, &target, "--", "ls", &format!("{place}/made")],
        );
        assert_ne!(again.status, 0, "{root}: {again:?}");
    }
    machine.assert_clean();
}

#[test]
fn a_toolkit_is_imported_listed_exported_and_removed() {
    let (machine, shelf) = (Machine::new(), Shelf::new());
    let imported = shelf.run(&machine, &["toolkit", "import", &shelf.image()]);
    assert_eq!(imported.status, 0, "{imported:?}");
    let name = imported.stdout.trim().to_owned();
    let listed = shelf.run(&machine, &["toolkit", "list", "-o", "name"]);
    assert_eq!(listed.stdout.trim(), name);
    let copy = shelf.folder.join("copy.tar").to_string_lossy().into_owned();
    let exported = shelf.run(&machine, &["toolkit", "export", &name, &copy]);
    assert_eq!(exported.status, 0, "{exported:?}");
    let removed = shelf.run(&machine, &["toolkit", "remove", &name]);
    assert_eq!(removed.status, 0, "{removed:?}");
    let again = shelf.run(&machine, &["toolkit", "import", &copy]);
    assert_eq!((again.status, again.stdout.trim()), (0, name.as_str()), "{again:?}");
}

#[test]
fn what_is_no_toolkit_says_so() {
    let (machine, shelf) = (Machine::new(), Shelf::new());
    let damaged = shelf.folder.join("damaged.tar");
    let whole = std::fs::read(shelf.image()).expect("it was written");
    std::fs::write(&damaged, &whole[..whole.len() / 2]).expect("a scratch folder can be written to");
    let damaged = damaged.to_string_lossy().into_owned();
    for (words, status) in [
        (["toolkit", "import", &damaged], 5),
        (["toolkit", "import", "/no/such/file.tar"], 2),
        (["toolkit", "remove", "nothing"], 3),
    ] {
        let got = shelf.run(&machine, &words);
        assert_eq!(got.status, status, "{words:?}: {got:?}");
        assert!(got.stderr.starts_with("fathom: ") && got.stderr.contains("hint: "), "{words:?}: {got:?}");
    }
    let got = shelf.run(&machine, &["enter", "--toolkit", "full", "host", "--", "true"]);
    assert!(got.status == 5 && got.stderr.contains("hint: `fathom toolkit build`"), "{got:?}");
    machine.assert_clean();
}

#[test]
fn a_session_keeps_its_toolkit_in_the_store() {
    needs!(Need::Root, Need::Program("runc"), Need::Path("/bin/busybox"));
    let (machine, runc, shelf) = (Machine::new(), Runc::new(), Shelf::new());
    let web = runc.run(&Spec::scratch("web", ["/app"]));
    let name = shelf.run(&machine, &["toolkit", "import", &shelf.image()]).stdout.trim().to_owned();
    let started = shelf.run(
        &machine,
        &["enter", "--detach", "--toolkit", &name, &format!("pid:{}", web.pid()), "--", "sleep", "1000"],
    );
    assert_eq!(started.status, 0, "{started:?}");
    let refused = shelf.run(&machine, &["toolkit", "remove", &name]);
    assert!(refused.status != 0 && refused.stderr.contains("hint: "), "{refused:?}");
    assert_eq!(machine.run(["sessions", "kill", started.stdout.trim()]).status, 0);
    machine.assert_clean();
    assert_eq!(shelf.run(&machine, &["toolkit", "remove", &name]).status, 0);
}
