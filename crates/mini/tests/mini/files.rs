//! Files and text: coreutils, find, sed, grep, archives, and what happens when a stream is closed.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;

use crate::toolbox::{Ran, Toolbox};

#[test]
fn a_reader_that_leaves_ends_the_writer_quietly() {
    let toolbox = Toolbox::new("pipe");
    toolbox.sh("yes | head -n 1").gives("y\n");
    let file = toolbox.file("many", &"a line\n".repeat(100_000));
    for writer in
        ["cat many", "grep line many", "sed p many", "strings many", "xxd many", "find / -maxdepth 2", "seq 1000000"]
    {
        let ran = toolbox.sh(&format!("{writer} | head -n 1"));
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{writer}: {ran:?}");
    }
    drop(file);
}

#[test]
fn a_full_disk_is_told() {
    let toolbox = Toolbox::new("full");
    toolbox.file("text", "text\n");
    for writer in ["cat text", "ls", "grep text text", "ps", "ip link", "echo x"] {
        let words: Vec<&str> = writer.split(' ').collect();
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let output = toolbox.command(words[0], &words[1..]).stdout(full).output().expect("it runs");
        assert_ne!(output.status.code(), Some(0), "{writer}");
        assert!(!output.stderr.is_empty(), "{writer}");
    }
}

#[test]
fn closed_streams_are_survived() {
    let toolbox = Toolbox::new("closed");
    for command in ["ls", "ps", "ip link", "cat", "wc", "grep x", "head", "sh -c pwd"] {
        // The machine's own shell closes them for sure.
        let text = format!("exec {}/{command} <&- >&- 2>&-", toolbox.path("bin").display());
        let status = std::process::Command::new("/bin/sh").args(["-c", &text]).status().expect("it runs");
        assert!(status.code().is_some_and(|status| status < 126), "{command}: {status:?}");
    }
}

#[test]
fn tail_follows_a_growing_file() {
    let toolbox = Toolbox::new("tail");
    let path = toolbox.file("log", "first\n");
    let mut tail = toolbox.start("tail", &["-f", "log"]);
    tail.expect("first\n");
    let mut log = File::options().append(true).open(path).expect("the log");
    log.write_all(b"second\n").expect("room");
    tail.expect("second\n");
    assert!(tail.0.try_wait().expect("a child").is_none(), "tail is still there");
}

#[test]
fn coreutils_do_what_they_are_known_for() {
    let toolbox = Toolbox::new("core");
    toolbox.sh("printf 'b\\na\\nb\\n' | sort | uniq -c | sort -rn | head -n 1 | tr -s ' '").gives(" 2 b\n");
    toolbox
        .sh("mkdir -p d/e && touch d/e/f && cp -r d g && mv g/e/f h && rm -r d && ls && rmdir g/e g")
        .gives("bin\ng\nh\n");
    toolbox
        .sh("echo abc | cut -c 2; echo a b c | wc -w; seq 3 | paste -sd+; echo hi | tee t | cat; cat t")
        .gives("b\n3\n1+2+3\nhi\nhi\n");
    toolbox
        .sh("printf abc | sha256sum | cut -c 1-8; printf abc | md5sum | cut -c 1-8; printf abc | base64")
        .gives("ba7816bf\n90015098\nYWJj\n");
    toolbox
        .sh("ln -s t l; readlink l; stat -c %s t; dd if=t bs=1 count=2 status=none; echo; basename a/b; dirname a/b")
        .gives("t\n3\nhi\nb\na\n");
    toolbox
        .sh("timeout 0.1 sleep 9; echo $?; env -i A=1 env; expr 2 + 3; date -u -d @0 +%Y")
        .gives("124\nA=1\n5\n1970\n");
    let missing = toolbox.run("ls", &["nosuch"]);
    assert_eq!(
        (missing.status, missing.stderr.as_str()),
        (2, "ls: cannot access 'nosuch': No such file or directory\n")
    );
}

#[test]
fn find_and_xargs_work_together() {
    let toolbox = Toolbox::new("find");
    toolbox.sh("mkdir -p a/b; echo one > a/x.log; echo two > a/b/y.log; touch a/z");
    toolbox.sh("find a -name '*.log' -type f | sort | xargs cat").gives("two\none\n");
    toolbox.sh("find a -empty -o -name b -prune").gives("a/b\na/z\n");
    toolbox.sh("find a -name x.log -exec basename {} ';'").gives("x.log\n");
    toolbox.sh("find a -type f -print0 | xargs -0 -n 1 basename | sort | paste -sd,").gives("x.log,y.log,z\n");
}

#[test]
fn sed_edits() {
    let toolbox = Toolbox::new("sed");
    toolbox.file("text", "one\ntwo\nthree\n");
    toolbox.run("sed", &["-n", "2p", "text"]).gives("two\n");
    toolbox.run("sed", &["/two/d;s/t\\(.\\)/<\\1>/", "text"]).gives("one\n<h>ree\n");
    toolbox.run("sed", &["-E", "-e", "s/(o|e)+/X/g", "-e", "1,2s/^/#/", "text"]).gives("#XnX\n#twX\nthrX\n");
    toolbox.run("sed", &["-i", "s/one/ONE/", "text"]).gives("");
    toolbox.run("head", &["-n", "1", "text"]).gives("ONE\n");
}

fn grep(toolbox: &Toolbox, words: &str) -> Ran {
    toolbox.run("grep", &words.split(' ').collect::<Vec<_>>())
}

#[test]
fn grep_finds_and_says_whether() {
    let toolbox = Toolbox::new("grep");
    toolbox.file("a", "one\ntwo\nthree\nfour two\nfive\n");
    toolbox.sh("mkdir -p d; echo two > d/b; printf 'two\\0' > d/bin");
    grep(&toolbox, "two a").gives("two\nfour two\n");
    grep(&toolbox, "-n -B1 -A1 three a").gives("2-two\n3:three\n4-four two\n");
    grep(&toolbox, "-C1 -e one -e five a").gives("one\ntwo\n--\nfour two\nfive\n");
    grep(&toolbox, "-ivc T a").gives("2\n");
    grep(&toolbox, "-wo two a d/b").gives("a:two\na:two\nd/b:two\n");
    grep(&toolbox, "-xh two a d/b").gives("two\ntwo\n");
    grep(&toolbox, "-rl two d").gives("d/b\nd/bin\n");
    grep(&toolbox, "-r two d").gives("d/b:two\nBinary file d/bin matches\n");
    grep(&toolbox, "-rh --include=b two .").gives("two\n");
    grep(&toolbox, "-L two a d/b").status_is(1);
    grep(&toolbox, "-m1 two a").gives("two\n");
    grep(&toolbox, "-E ^(t|f).*e$ a").gives("three\nfive\n");
    grep(&toolbox, "-F t. a").status_is(1);
    grep(&toolbox, "-q two a nosuch").status_is(0);
    grep(&toolbox, "two nosuch").status_is(2);
    grep(&toolbox, "[ a").status_is(2);
    toolbox.feed("grep", &["b"], "a\nb").gives("b\n");
}

#[test]
fn archives_come_back_as_they_were() {
    let toolbox = Toolbox::new("tar");
    toolbox.sh("mkdir -p d/e; echo one > d/a; ln -s a d/l; chmod 750 d/e; echo two > d/e/b");
    toolbox.run("tar", &["czf", "x.tgz", "d"]).gives("");
    toolbox.run("tar", &["-tf", "x.tgz"]).gives("d/\nd/a\nd/e/\nd/e/b\nd/l\n");
    toolbox.sh("mkdir o && tar -xf x.tgz -C o && cat o/d/l o/d/e/b && stat -c %a o/d/e").gives("one\ntwo\n750\n");
    toolbox.sh("tar -cf - d | tar -xOf - d/a").gives("one\n");
    toolbox.sh("mkdir s && tar -xf x.tgz -C s --strip-components 1 && cat s/a").gives("one\n");
    assert_eq!(toolbox.run("tar", &["-xf", "x.tgz", "nosuch"]).status, 2);
    toolbox.file("broken.tar", &"x".repeat(2000));
    assert_eq!(toolbox.run("tar", &["-tf", "broken.tar"]).status, 2);
}

#[test]
fn archives_cannot_write_outside() {
    let toolbox = Toolbox::new("hostile");
    let mut builder = tar::Builder::new(File::create(toolbox.path("evil.tar")).expect("a file"));
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    let name = b"../outside";
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_cksum();
    builder.append(&header, &b"evil\n"[..]).expect("room");
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    builder.append_link(&mut link, "link", toolbox.path("")).expect("room");
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    builder.append_data(&mut header, "link/through", &b"evil\n"[..]).expect("room");
    builder.into_inner().expect("room").sync_all().expect("a disk");
    std::fs::create_dir(toolbox.path("o")).expect("a folder");
    let ran = toolbox.run("tar", &["-xf", "evil.tar", "-C", "o"]);
    assert_ne!(ran.status, 0, "{ran:?}");
    assert!(!toolbox.path("outside").exists() && !toolbox.path("through").exists());
}

#[test]
fn gzip_presses_and_expands() {
    let toolbox = Toolbox::new("gzip");
    toolbox.file("a", "text\n");
    toolbox
        .sh("gzip a && ls a* && zcat a.gz && gunzip a.gz && cat a && gzip -c < a | gunzip")
        .gives("a.gz\ntext\ntext\ntext\n");
    toolbox.file("b.gz", "no gzip");
    let ran = toolbox.run("gunzip", &["b.gz"]);
    assert_eq!((ran.status, toolbox.path("b").exists(), toolbox.path("b.gz").exists()), (1, false, true), "{ran:?}");
}

#[test]
fn bytes_are_shown() {
    let toolbox = Toolbox::new("bytes");
    toolbox.feed("xxd", &[], "hello\n").gives("00000000: 6865 6c6c 6f0a                           hello.\n");
    toolbox.sh("printf 'a\\0b' | xxd -p; printf 'a\\0b' | xxd | xxd -r | xxd -p").gives("610062\n610062\n");
    toolbox
        .feed("hexdump", &["-C"], "hi")
        .gives("00000000  68 69                                             |hi|\n00000002\n");
    toolbox.sh("printf 'a\\0hello\\0b' | strings").gives("hello\n");
}

#[test]
fn stdin_that_is_a_terminal_or_nothing_is_no_trouble() {
    let toolbox = Toolbox::new("stdin");
    let mut command = toolbox.command("cat", &[]);
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success() && output.stdout.is_empty());
}
