//! The table, row by row.

use std::collections::HashSet;

use fathom_mini::{APPLETS, Group};
use fathom_testkit::{Need, needs};

use crate::toolbox::Toolbox;

/// Those that take `--help` as any other word, as POSIX wants it.
const WITHOUT_HELP: [&str; 3] = ["true", "false", "test"];

#[test]
fn every_applet_starts_and_helps() {
    let toolbox = Toolbox::new("help");
    for applet in APPLETS {
        let words: &[&str] = if applet.name == "[" { &["--help", "]"] } else { &["--help"] };
        let ran = toolbox.run(applet.name, words);
        let expect = i32::from(applet.name == "false");
        assert_eq!(ran.status, expect, "{}: {ran:?}", applet.name);
        if applet.name != "[" && !WITHOUT_HELP.contains(&applet.name) {
            assert!(ran.stdout.len() > 20, "{} --help says too little: {ran:?}", applet.name);
        }
        // uutils prints a message's key when it has no text for it: `ls-about`.
        assert!(!ran.stdout.contains(&format!("{}-about", applet.name)), "{}: {ran:?}", applet.name);
    }
}

#[test]
fn names_stand_in_the_table_once() {
    let names: HashSet<&str> = APPLETS.iter().map(|applet| applet.name).collect();
    assert_eq!(names.len(), APPLETS.len());
    assert!(APPLETS.iter().all(|applet| !applet.doc.is_empty()));
    assert!(fathom_mini::find("/bin/-sh".as_ref()).is_some_and(|applet| applet.name == "sh"));
    assert!(fathom_mini::find("nosuch".as_ref()).is_none());
}

#[test]
fn wrong_words_end_with_2_and_a_hint() {
    let toolbox = Toolbox::new("words");
    for applet in APPLETS.iter().filter(|applet| applet.group != Group::Core && applet.name != "sed") {
        let ran = toolbox.run(applet.name, &["--nosuch-option"]);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{}: {ran:?}", applet.name);
        assert!(ran.stderr.starts_with(&format!("{}: ", applet.name)), "{}: {ran:?}", applet.name);
        assert!(ran.stderr.lines().count() <= 2, "{}: {ran:?}", applet.name);
    }
}

#[test]
fn an_unknown_name_ends_with_127() {
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_fathom-mini")).arg("nosuch").status().expect("it runs");
    assert_eq!(status.code(), Some(127));
}

#[test]
fn the_table_lists_itself() {
    let toolbox = Toolbox::new("list");
    let names: Vec<String> = toolbox.run("applets", &["-1"]).stdout.lines().map(str::to_owned).collect();
    assert_eq!(names, APPLETS.iter().map(|applet| applet.name).collect::<Vec<_>>());
    assert!(toolbox.run("applets", &[]).stdout.contains("\nnetwork:\n  ip "));
}

#[test]
fn a_root_of_links_alone_is_enough() {
    needs!(Need::Root);
    let toolbox = Toolbox::new("root");
    let root = toolbox.path("root");
    std::fs::create_dir_all(root.join("bin")).expect("a root");
    std::fs::copy(env!("CARGO_BIN_EXE_fathom-mini"), root.join("bin/mini")).expect("the program");
    for applet in APPLETS {
        std::os::unix::fs::symlink("mini", root.join("bin").join(applet.name)).expect("a link");
    }
    let text = "cd /; pwd; ls; id -u; whoami || echo nobody; for x in 1 2; do echo $x; done | tac; echo ${HOME-unset}; [ a = a ]";
    let mut command = toolbox.command("chroot", &[root.to_str().expect("text"), "/bin/sh", "-c", text]);
    let output = command.env("PATH", "/bin").output().expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!((output.status.code(), stdout.as_str()), (Some(0), "/\nbin\n0\nnobody\n2\n1\nunset\n"), "{output:?}");
}
