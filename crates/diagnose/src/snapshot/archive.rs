//! Archives: tar, plain or packed with gzip or zstd, read as a stream and never unpacked to a disk. Names are only
//! compared, links are passed over, and sizes and counts have bounds: whoever sent the archive may mean harm.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// What is read of one archive at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes, unpacked, of all that is in it.
    pub(super) bytes: u64,
    /// Bytes of one file.
    pub(super) file: u64,
    /// Files, folders and links.
    pub(super) entries: usize,
    /// Archives within archives.
    pub(super) layers: usize,
}

/// Enough for the dump of a cluster of 10,000 pods with its logs.
pub(super) const LIMITS: Limits = Limits { bytes: 8 << 30, file: 1 << 30, entries: 2_000_000, layers: 3 };

/// What long names and attributes of one entry may take.
const HEADERS: u64 = 1 << 20;

/// Where a file begins to tell what it is.
const BLOCK: usize = 512;

/// A file of somebody's, as far as its first bytes say what it is.
pub(super) enum Opened<'a> {
    /// An archive of files.
    Tar(Box<dyn Read + 'a>),
    /// Anything else, unpacked.
    Plain(Box<dyn Read + 'a>),
}

/// Unpacks what is packed, and says what is under it.
pub(super) fn open<'a>(source: Box<dyn Read + 'a>, layers: usize) -> io::Result<Opened<'a>> {
    let (first, whole) = peek(source)?;
    let packed = first.starts_with(&[0x1f, 0x8b]) || first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    if packed && layers == 0 {
        return Err(io::Error::other("archives are packed in archives, too deep"));
    }
    if first.starts_with(&[0x1f, 0x8b]) {
        return open(Box::new(MultiGzDecoder::new(BufReader::new(whole))), layers - 1);
    }
    if packed {
        return open(Box::new(Frames { source: BufReader::new(Box::new(whole)), frame: None }), layers - 1);
    }
    Ok(if is_tar(&first) { Opened::Tar(Box::new(whole)) } else { Opened::Plain(Box::new(whole)) })
}

/// Bytes that somebody else has.
type Stream<'a> = Box<dyn Read + 'a>;

/// The same, with its first bytes before it again.
type Whole<'a> = Chain<Cursor<Vec<u8>>, Stream<'a>>;

/// The first bytes of a stream, and all of it.
fn peek<'a>(mut source: Stream<'a>) -> io::Result<(Vec<u8>, Whole<'a>)> {
    let mut first = Vec::with_capacity(BLOCK);
    source.by_ref().take(BLOCK as u64).read_to_end(&mut first)?;
    Ok((first.clone(), Cursor::new(first).chain(source)))
}

/// Whether a block is the header of an entry: its sum, which the oldest archives have too, is right.
fn is_tar(block: &[u8]) -> bool {
    let Some(said) = block.get(148..156).filter(|_| block.len() == BLOCK) else { return false };
    let said = std::str::from_utf8(said).unwrap_or_default().trim_matches(['\0', ' ']);
    let sum = |range: std::ops::Range<usize>| block[range].iter().map(|&byte| u64::from(byte)).sum::<u64>();
    u64::from_str_radix(said, 8).is_ok_and(|said| said == sum(0..148) + 8 * 32 + sum(156..BLOCK))
}

/// Frames of zstd, one after another.
struct Frames<'a> {
    source: BufReader<Stream<'a>>,
    frame: Option<Box<StreamingDecoder<BufReader<Stream<'a>>, FrameDecoder>>>,
}

impl Read for Frames<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(into)?;
                if read > 0 || into.is_empty() {
                    return Ok(read);
                }
            }
            if let Some(frame) = self.frame.take() {
                self.source = frame.into_inner();
            }
            if self.source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let source = std::mem::replace(&mut self.source, BufReader::new(Box::new(io::empty())));
            self.frame = Some(Box::new(StreamingDecoder::new(source).map_err(io::Error::other)?));
        }
    }
}

/// A stream of which only so much may be read; how much is set from outside, before each part.
struct Metered<R> {
    source: R,
    left: Rc<Cell<u64>>,
    total: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get().min(self.total.get());
        if left == 0 && !into.is_empty() {
            return Err(io::Error::other("it holds more than is read of an archive"));
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let read = self.source.read(&mut into[..most])?;
        self.left.set(self.left.get() - read as u64);
        self.total.set(self.total.get() - read as u64);
        Ok(read)
    }
}

/// What comes of an archive.
pub(super) enum Member {
    /// A file: its path with `/`, without what would lead elsewhere, and its bytes.
    File(String, Vec<u8>),
    /// Something that could not be read.
    Damage(String),
}

/// Every file of an archive that somebody wants, in order.
pub(super) fn members(
    source: Box<dyn Read + '_>,
    limits: Limits,
    wanted: impl Fn(&str) -> bool,
    mut take: impl FnMut(Member),
) {
    let (left, total) = (Rc::new(Cell::new(HEADERS)), Rc::new(Cell::new(limits.bytes)));
    let mut archive = tar::Archive::new(Metered { source, left: left.clone(), total });
    let damage = |error: &dyn std::fmt::Display| Member::Damage(format!("the archive ends early: {error}"));
    let mut entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return take(damage(&error)),
    };
    for count in 0.. {
        left.set(HEADERS);
        let mut entry = match entries.next() {
            None => return,
            Some(Ok(entry)) => entry,
            Some(Err(error)) => return take(damage(&error)),
        };
        if count >= limits.entries {
            return take(Member::Damage(format!("the archive has more than {} entries", limits.entries)));
        }
        let name = inside(&entry.path_bytes());
        let size = entry.size();
        // What follows is padded to a whole block.
        left.set(size.saturating_add(BLOCK as u64));
        let file = entry.header().entry_type().is_file() && wanted(&name);
        let mut bytes = Vec::new();
        let kept = if file && size <= limits.file { entry.read_to_end(&mut bytes).map(drop) } else { Ok(()) };
        if file && size > limits.file {
            take(Member::Damage(format!("{name} is left out: it has {} MiB", size >> 20)));
        } else if file {
            take(Member::File(name, bytes));
        }
        // What is left of it goes by in pieces, so that the next header has a bound of its own.
        let rest = kept.and_then(|()| io::copy(&mut entry, &mut io::sink()).map(drop));
        if let Err(error) = rest {
            return take(damage(&error));
        }
    }
}

/// A path without roots, dots and drives.
fn inside(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path).replace('\\', "/");
    let parts = text.split('/').filter(|part| !["", ".", ".."].contains(part));
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const SMALL: Limits = Limits { bytes: 1 << 20, file: 1 << 12, entries: 10, layers: 3 };

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            // What the crate would refuse to write.
            header.as_gnu_mut().expect("a GNU header").name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, *bytes).expect("memory");
        }
        builder.into_inner().expect("memory")
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn read(bytes: &[u8]) -> (Vec<(String, usize)>, Vec<String>) {
        let (mut files, mut damage) = (Vec::new(), Vec::new());
        match open(Box::new(bytes), SMALL.layers) {
            Ok(Opened::Tar(tar)) => members(
                tar,
                SMALL,
                |_| true,
                |member| match member {
                    Member::File(name, bytes) => files.push((name, bytes.len())),
                    Member::Damage(what) => damage.push(what),
                },
            ),
            Ok(Opened::Plain(mut plain)) => {
                let mut bytes = Vec::new();
                plain.read_to_end(&mut bytes).map(drop).unwrap_or_else(|error| damage.push(error.to_string()));
                files.push(("plain".into(), bytes.len()));
            }
            Err(error) => damage.push(error.to_string()),
        }
        (files, damage)
    }

    #[test]
    fn packed_and_plain_archives_are_told_by_their_first_bytes() {
        let tar = archive(&[("a/pods.json", b"{}"), ("b.txt", b"hello")]);
        let expect = vec![("a/pods.json".to_owned(), 2), ("b.txt".to_owned(), 5)];
        let zstd = |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
        let (front, back) = tar.split_at(700);
        let frames = [zstd(front), zstd(back)].concat();
        for bytes in [tar.clone(), packed(&tar), zstd(&tar), packed(&zstd(&tar)), frames] {
            assert_eq!(read(&bytes), (expect.clone(), Vec::new()));
        }
        assert_eq!(read(&packed(b"{\"kind\": \"Pod\"}")), (vec![("plain".to_owned(), 15)], Vec::new()));
    }

    #[test]
    fn names_lead_nowhere_and_links_are_passed_over() {
        let mut tar = archive(&[("../../etc/passwd", b"x"), ("/abs/./x.json", b"y"), ("c:\\d\\e.log", b"z")]);
        tar.truncate(tar.len() - 1024);
        let mut builder = tar::Builder::new(tar);
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "pods.json", "/etc/shadow").expect("memory");
        let (files, damage) = read(&builder.into_inner().expect("memory"));
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, damage), (vec!["etc/passwd", "abs/x.json", "c:/d/e.log"], Vec::new()));
    }

    #[test]
    fn what_is_too_large_is_left_out_and_said() {
        let large = vec![b' '; 5000];
        let (files, damage) = read(&packed(&archive(&[("large.json", &large), ("small.json", b"{}")])));
        assert_eq!(
            (files, damage),
            (vec![("small.json".into(), 2)], vec!["large.json is left out: it has 0 MiB".into()])
        );
        let bomb = vec![b' '; 2 << 20];
        let (files, damage) = read(&packed(&archive(&[("bomb.json", &bomb), ("small.json", b"{}")])));
        assert!(files.is_empty() && damage[1].contains("more than is read"), "{damage:?}");
        let many: Vec<(String, Vec<u8>)> = (0..20).map(|at| (format!("{at}.json"), Vec::new())).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        assert_eq!(read(&archive(&many)).0.len(), SMALL.entries);
        // A name of two megabytes.
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(2 << 20);
        header.set_cksum();
        let long = [header.as_bytes().to_vec(), vec![b'a'; 2 << 20]].concat();
        assert!(read(&packed(&long)).1[0].contains("ends early"), "bounded");
        let deep = (0..5).fold(b"x".to_vec(), |bytes, _| packed(&bytes));
        assert!(read(&deep).1[0].contains("too deep"));
    }

    #[test]
    fn a_cut_archive_gives_what_is_whole_before_the_cut() {
        let tar = archive(&[("a.json", b"{}"), ("b.json", &[b'x'; 3000])]);
        let (files, damage) = read(&tar[..1024 + 512 + 100]);
        assert_eq!(files, [("a.json".to_owned(), 2), ("b.json".to_owned(), 100)]);
        assert_eq!(damage.len(), 1);
        for cut in 0..packed(&tar).len() {
            read(&packed(&tar)[..cut]);
        }
    }
}
