//! What single calls bring along.

use fathom_kernel::facts::FileFacts;
use fathom_testkit::{Need, Scratch, needs};

use crate::stage::{Is, tell};

#[test]
fn a_file_is_written_opened_and_read() {
    needs!(Need::Root);
    let folder = Scratch::new("kernel");
    let path = folder.path().join("hello");
    let path = path.to_str().expect("the folder's name is text");
    let story = tell(&["sh", "-c", &format!("echo hello > {path}; cat {path}")], |_| {});
    story.assert_ordered();
    assert_eq!(story.loss.total(), 0);

    let opened: Vec<_> = story.exits("openat").into_iter().filter(|(call, _)| call.text(0) == path).collect();
    assert_eq!(opened.len(), 2, "the shell opens it, then cat");
    for (call, returned) in &opened {
        assert!(returned.value >= 0);
        let bytes = call.memory[1].as_ref().expect("an open file has facts");
        let facts = FileFacts::new(bytes).expect("facts are whole");
        let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).expect("it is still there"));
        assert_eq!(facts.inode, inode);
        assert_eq!(facts.mode & 0o170_000, 0o100_000);
    }
    let read: Vec<_> = story.exits("read").into_iter().filter(|(_, returned)| returned.value == 6).collect();
    assert!(read.iter().any(|(call, _)| call.bytes(0) == b"hello\n"));
    let written: Vec<_> = story.exits("write").into_iter().filter(|(_, returned)| returned.value == 6).collect();
    assert_eq!(written.len(), 2, "echo writes it, then cat");
    assert!(written.iter().all(|(call, _)| call.bytes(0) == b"hello\n"));

    let programs: Vec<_> = story
        .events
        .iter()
        .filter_map(|seen| match &seen.kind {
            Is::Exec { file, comm } => Some((file.as_str(), comm.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(programs.len(), 2, "the shell, then cat: {programs:?}");
    assert_eq!(programs[1].1, "cat");
    let executed = story.exits("execve");
    let (call, _) = executed.last().expect("cat was executed");
    assert!(call.text(1).ends_with("/cat"), "{}", call.text(1));
    assert_eq!(call.words(2), ["cat", path]);
    assert!(call.words(3).iter().any(|word| word.starts_with("PATH=")), "the environment comes along");
}
