//! Writes entries as pax archives: ustar headers, with records before them for what does not fit. The same entries
//! always give the same bytes.

use std::io::{self, Read, Write};

use super::header::{Fields, NAME_LENGTH, OCTAL_8, OCTAL_12, encode};
use super::{BLOCK, Entry, Kind};

/// Writes a tar stream.
pub struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Writer { out }
    }

    /// One entry; a file's `size` bytes are taken from `data`.
    ///
    /// # Errors
    /// When `out` fails, or `data` fails or ends early.
    pub fn entry(&mut self, entry: &Entry, data: &mut dyn Read) -> io::Result<()> {
        let size = if entry.kind == Kind::File { entry.size } else { 0 };
        let records = records(entry, size);
        if !records.is_empty() {
            let name = b"PaxHeaders/0";
            let size = records.len() as u64;
            let fields = Fields { name, link: b"", kind: b'x', mode: 0o644, uid: 0, gid: 0, size, mtime: 0 };
            self.out.write_all(&encode(&fields))?;
            self.out.write_all(&records)?;
            self.pad(size)?;
        }
        self.out.write_all(&encode(&Fields {
            name: &entry.path,
            link: &entry.link,
            kind: flag(entry.kind),
            mode: entry.mode,
            uid: entry.uid.into(),
            gid: entry.gid.into(),
            size,
            mtime: u64::try_from(entry.mtime.0).unwrap_or(0),
        }))?;
        if io::copy(&mut data.take(size), &mut self.out)? < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.pad(size)
    }

    /// A plain file owned by root and of no age: what a layout is made of.
    ///
    /// # Errors
    /// As [`Writer::entry`].
    pub fn file(&mut self, path: &str, size: u64, data: &mut dyn Read) -> io::Result<()> {
        let entry = Entry {
            path: path.as_bytes().to_vec(),
            link: Vec::new(),
            kind: Kind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: (0, 0),
            size,
            xattrs: Vec::new(),
            extents: Vec::new(),
        };
        self.entry(&entry, data)
    }

    /// Writes the end mark and gives `out` back.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK as usize])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let padding = (size.wrapping_neg() % BLOCK) as usize;
        self.out.write_all(&[0; BLOCK as usize][..padding])
    }
}

fn flag(kind: Kind) -> u8 {
    match kind {
        Kind::File => b'0',
        Kind::HardLink => b'1',
        Kind::Symlink => b'2',
        Kind::Device => b'3',
        Kind::Folder => b'5',
        Kind::Fifo => b'6',
        Kind::Other(flag) => flag,
    }
}

/// What the ustar header has no room for, in a fixed order.
fn records(entry: &Entry, size: u64) -> Vec<u8> {
    let mut records = Vec::new();
    let mut add = |key: &[u8], value: &[u8]| records.extend(record(key, value));
    let fits = |name: &[u8]| name.len() <= NAME_LENGTH && name.is_ascii();
    if !fits(&entry.path) {
        add(b"path", &entry.path);
    }
    if !fits(&entry.link) {
        add(b"linkpath", &entry.link);
    }
    for (key, id) in [("uid", entry.uid), ("gid", entry.gid)] {
        if u64::from(id) > OCTAL_8 {
            add(key.as_bytes(), id.to_string().as_bytes());
        }
    }
    if size > OCTAL_12 {
        add(b"size", size.to_string().as_bytes());
    }
    let (seconds, nanoseconds) = entry.mtime;
    if nanoseconds != 0 || !(0..=OCTAL_12 as i64).contains(&seconds) {
        add(b"mtime", decimal_time(seconds, nanoseconds).as_bytes());
    }
    for (name, value) in &entry.xattrs {
        add(&[b"SCHILY.xattr.", name.as_slice()].concat(), value);
    }
    records
}

fn decimal_time(seconds: i64, nanoseconds: u32) -> String {
    if seconds >= 0 || nanoseconds == 0 {
        return format!("{seconds}.{nanoseconds:09}");
    }
    format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanoseconds)
}

/// `LENGTH KEY=VALUE\n`, where LENGTH counts its own digits too.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tar::{Extent, Reader, Streaming};

    fn entries() -> impl Strategy<Value = (Entry, Vec<u8>)> {
        let name = || prop::collection::vec(1u8..=255, 1..300);
        let xattr = ("user\\.[a-z]{1,8}", prop::collection::vec(any::<u8>(), 0..40));
        let data = prop::collection::vec(any::<u8>(), 0..2000);
        let owner = || prop_oneof![0u32..70000, 0u32..u32::MAX];
        let time = (-9_000_000_000i64..90_000_000_000, prop_oneof![Just(0), 0u32..1_000_000_000]);
        (name(), name(), 0u32..0o7777, owner(), owner(), time, xattr, data).prop_map(
            |(mut path, link, mode, uid, gid, mtime, (key, value), data)| {
                if path.ends_with(b"/") {
                    path.push(b'a');
                }
                let size = data.len() as u64;
                let xattrs = vec![(key.into_bytes(), value)];
                let extents = vec![Extent { offset: 0, length: size }];
                (Entry { path, link, kind: Kind::File, mode, uid, gid, mtime, size, xattrs, extents }, data)
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(list in prop::collection::vec(entries(), 0..4)) {
            let mut writer = Writer::new(Vec::new());
            for (entry, data) in &list {
                writer.entry(entry, &mut data.as_slice()).unwrap();
            }
            let bytes = writer.finish().unwrap();
            let mut reader = Reader::new(Streaming(bytes.as_slice()));
            for (entry, data) in &list {
                let read = reader.next_entry().unwrap().unwrap();
                let mut contents = Vec::new();
                reader.data().read_to_end(&mut contents).unwrap();
                prop_assert_eq!(&read, entry);
                prop_assert_eq!(&contents, data);
            }
            prop_assert!(reader.next_entry().unwrap().is_none());
        }
    }

    #[test]
    fn a_records_length_counts_itself() {
        assert_eq!(record(b"path", b"ab"), b"11 path=ab\n");
        let long = record(b"path", &[b'x'; 91]);
        assert!(long.starts_with(b"101 path=") && long.len() == 101, "{}", long.len());
    }
}
