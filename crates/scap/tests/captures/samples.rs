//! Real captures: `../shared/data/scap`, whose SOURCES.md says how many events each holds. They are no part of the
//! repository; where they are absent, the tests say so.

use std::fs;
use std::path::{Path, PathBuf};

use fathom_scap::{Item, Reader, Tolerance};
use fathom_testkit::need::{Need, missing, workspace};

/// The folder of the captures, in one of the folders above the workspace.
pub(crate) fn folder() -> Option<PathBuf> {
    let found = workspace().ancestors().map(|above| above.join("shared/data/scap")).find(|folder| folder.is_dir());
    if found.is_none() {
        missing(&[Need::Path("../shared/data/scap")]);
    }
    found
}

/// Name and number of events of each capture.
pub(crate) fn table(folder: &Path) -> Vec<(String, usize)> {
    let text = fs::read_to_string(folder.join("SOURCES.md")).unwrap();
    let rows = text.lines().filter(|line| line.contains(".scap |"));
    let cell = |row: &str, index: usize| row.split('|').nth(index).unwrap().trim().to_owned();
    rows.map(|row| (cell(row, 1), cell(row, 6).parse().unwrap())).collect()
}

/// How many events there are, and how many of their parameters.
fn count(mut reader: Reader<'_>) -> (usize, usize) {
    let (mut events, mut params) = (0, 0);
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Event(event) => {
                events += 1;
                assert_eq!(event.params().count(), event.count(), "type {}", event.number);
                params += event.count();
            }
            Item::Processes(processes) => assert_eq!(processes.filter(Result::is_err).count(), 0),
            Item::Descriptors(descriptors) => assert_eq!(descriptors.filter(Result::is_err).count(), 0),
            Item::Users(users) => assert_eq!(users.filter(Result::is_err).count(), 0),
            Item::Interfaces(interfaces) => assert_eq!(interfaces.filter(Result::is_err).count(), 0),
            Item::Section { .. } | Item::Machine(_) => {}
            Item::Other(block) => panic!("block of type {:#x} at {}", block.kind, block.offset),
            Item::Gap(gap) => panic!("{gap}"),
        }
    }
    (events, params)
}

#[test]
fn every_capture_is_read_to_its_end() {
    let Some(folder) = folder() else { return };
    let table = table(&folder);
    assert!(!table.is_empty());
    for (name, expected) in table {
        let bytes = fs::read(folder.join(&name)).unwrap();
        let memory = count(Reader::new(&bytes, Tolerance::Strict).unwrap());
        let stream = count(Reader::stream(&bytes[..], Tolerance::Strict).unwrap());
        assert_eq!(memory.0, expected, "{name}");
        assert_eq!(memory, stream, "{name}");
    }
}

/// A pipe gives as much as it likes.
#[test]
fn it_does_not_matter_in_which_pieces_a_capture_comes() {
    struct Drops<'a>(&'a [u8]);
    impl std::io::Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let most = into.len().min(7);
            std::io::Read::read(&mut self.0, &mut into[..most])
        }
    }
    let Some(folder) = folder() else { return };
    for (name, expected) in table(&folder).into_iter().filter(|(_, events)| *events < 2000) {
        let bytes = fs::read(folder.join(&name)).unwrap();
        assert_eq!(count(Reader::stream(Drops(&bytes), Tolerance::Strict).unwrap()).0, expected, "{name}");
    }
}
