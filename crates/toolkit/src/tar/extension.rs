//! What comes before a header to extend it: pax records and the sparse maps of GNU tar's three pax versions.

use super::header::owner;
use super::{Attributes, Entry, Error, Extent};

/// What the extension headers before one entry said; later ones win.
#[derive(Default)]
pub(super) struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<(i64, u32)>,
    /// Bytes in the archive, where the header's field is too small.
    pub(super) size: Option<u64>,
    xattrs: Attributes,
    sparse_name: Option<Vec<u8>>,
    sparse_size: Option<u64>,
    sparse_map: Vec<Extent>,
    sparse_offset: Option<u64>,
    sparse_major: Option<u64>,
}

impl Extensions {
    /// A GNU `L` entry: the next entry's name.
    pub(super) fn long_name(&mut self, bytes: Vec<u8>) {
        self.path = Some(before_nul(bytes));
    }

    /// A GNU `K` entry: the next entry's link.
    pub(super) fn long_link(&mut self, bytes: Vec<u8>) {
        self.link = Some(before_nul(bytes));
    }

    /// Records of a pax `x` entry: `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record.
    pub(super) fn pax(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let (record, rest) = split_record(bytes).ok_or(Error::Malformed("a pax record has a wrong length"))?;
            let equals = record.iter().position(|&byte| byte == b'=');
            let (key, value) = record.split_at(equals.ok_or(Error::Malformed("a pax record has no value"))?);
            self.record(key, &value[1..])?;
            bytes = rest;
        }
        Ok(())
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        match key {
            b"path" => self.path = name(value)?,
            b"linkpath" => self.link = name(value)?,
            b"size" => self.size = Some(decimal(value)?),
            b"uid" => self.uid = Some(owner(decimal(value)? as i64)?),
            b"gid" => self.gid = Some(owner(decimal(value)? as i64)?),
            b"mtime" => self.mtime = Some(time(value)?),
            b"GNU.sparse.name" => self.sparse_name = name(value)?,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse_size = Some(decimal(value)?),
            b"GNU.sparse.major" => self.sparse_major = Some(decimal(value)?),
            b"GNU.sparse.offset" => self.sparse_offset = Some(decimal(value)?),
            b"GNU.sparse.numbytes" => {
                let offset = self.sparse_offset.take().ok_or(Error::Malformed("a sparse map lacks an offset"))?;
                self.sparse_map.push(Extent { offset, length: decimal(value)? });
            }
            b"GNU.sparse.map" => self.sparse_map = map_0_1(value)?,
            _ => {
                if let Some(attribute) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.xattrs.retain(|(known, _)| known != attribute);
                    self.xattrs.push((attribute.to_vec(), value.to_vec()));
                }
            }
        }
        Ok(())
    }

    /// Whether the map stands at the start of the data (version 1.0).
    pub(super) fn map_in_data(&self) -> bool {
        self.sparse_major == Some(1)
    }

    /// A map found elsewhere than in records.
    pub(super) fn set_map(&mut self, map: Vec<Extent>, real_size: Option<u64>) {
        self.sparse_map = map;
        self.sparse_size = real_size.or(self.sparse_size);
    }

    /// Puts what was said onto `entry`, whose data takes `stored` bytes of the archive.
    pub(super) fn apply(self, entry: &mut Entry, stored: u64) -> Result<(), Error> {
        let path = self.sparse_name.or(self.path);
        entry.path = path.unwrap_or(std::mem::take(&mut entry.path));
        entry.link = self.link.unwrap_or(std::mem::take(&mut entry.link));
        entry.uid = self.uid.unwrap_or(entry.uid);
        entry.gid = self.gid.unwrap_or(entry.gid);
        entry.mtime = self.mtime.unwrap_or(entry.mtime);
        entry.xattrs = self.xattrs;
        entry.size = self.sparse_size.unwrap_or(stored);
        entry.extents = match self.sparse_size {
            Some(size) => checked_map(self.sparse_map, size, stored)?,
            None => vec![Extent { offset: 0, length: stored }],
        };
        Ok(())
    }
}

/// Extents must ascend, stay within the file, and be exactly the bytes that are stored.
fn checked_map(map: Vec<Extent>, size: u64, stored: u64) -> Result<Vec<Extent>, Error> {
    let (mut end, mut sum) = (0u64, 0u64);
    for extent in &map {
        if extent.offset < end {
            return Err(Error::Malformed("a sparse map is out of order"));
        }
        end = extent.offset.checked_add(extent.length).ok_or(Error::Malformed("a sparse map overflows"))?;
        sum = sum.saturating_add(extent.length);
    }
    if end > size || sum != stored {
        return Err(Error::Malformed("a sparse map does not fit its file"));
    }
    Ok(map)
}

/// The map of version 1.0, line by line: how many extents, then offset and length of each.
pub(super) struct MapLines {
    numbers: Vec<u64>,
    wanted: Option<u64>,
    current: Option<u64>,
}

/// More extents than this in one file make the map itself a bomb.
const EXTENTS: u64 = 1 << 20;

impl MapLines {
    pub(super) fn new() -> Self {
        MapLines { numbers: Vec::new(), wanted: None, current: None }
    }

    /// Takes one byte; the map once it is complete.
    pub(super) fn feed(&mut self, byte: u8) -> Result<Option<Vec<Extent>>, Error> {
        if byte != b'\n' {
            self.current = Some(push_digit(self.current.unwrap_or(0), byte)?);
            return Ok(None);
        }
        let number = self.current.take().ok_or(Error::Malformed("a sparse map has an empty line"))?;
        match self.wanted {
            None if number > EXTENTS => return Err(Error::Malformed("a sparse map is too long")),
            None => self.wanted = Some(number * 2),
            Some(_) => self.numbers.push(number),
        }
        let complete = self.wanted == Some(self.numbers.len() as u64);
        Ok(complete.then(|| pairs(&self.numbers)))
    }
}

fn pairs(numbers: &[u64]) -> Vec<Extent> {
    numbers.chunks_exact(2).map(|pair| Extent { offset: pair[0], length: pair[1] }).collect()
}

/// Version 0.1: `offset,length,offset,length`.
fn map_0_1(value: &[u8]) -> Result<Vec<Extent>, Error> {
    if value.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<u64> = value.split(|&byte| byte == b',').map(decimal).collect::<Result<_, _>>()?;
    if !numbers.len().is_multiple_of(2) {
        return Err(Error::Malformed("a sparse map lacks a length"));
    }
    Ok(pairs(&numbers))
}

fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = bytes.iter().take(20).position(|&byte| byte == b' ')?;
    let length = usize::try_from(decimal(&bytes[..blank]).ok()?).ok()?;
    let record = bytes.get(blank + 1..length)?.strip_suffix(b"\n")?;
    Some((record, &bytes[length..]))
}

/// An empty value takes the extension back.
fn name(value: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    if value.contains(&0) {
        return Err(Error::Malformed("a name holds a NUL"));
    }
    Ok((!value.is_empty()).then(|| value.to_vec()))
}

fn before_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

/// Digits only, and within `i64`: what lies beyond is no size of anything.
fn decimal(digits: &[u8]) -> Result<u64, Error> {
    if digits.is_empty() {
        return Err(Error::Malformed("a number is missing"));
    }
    digits.iter().try_fold(0, |sum, &digit| push_digit(sum, digit))
}

fn push_digit(sum: u64, digit: u8) -> Result<u64, Error> {
    if !digit.is_ascii_digit() {
        return Err(Error::Malformed("a number holds something that is no digit"));
    }
    let sum = sum.checked_mul(10).and_then(|sum| sum.checked_add(u64::from(digit - b'0')));
    sum.filter(|&sum| sum <= i64::MAX as u64).ok_or(Error::Malformed("a number is too large"))
}

/// Seconds with an optional fraction, possibly negative.
fn time(value: &[u8]) -> Result<(i64, u32), Error> {
    let (negative, digits) = value.strip_prefix(b"-").map_or((false, value), |rest| (true, rest));
    let mut parts = digits.splitn(2, |&byte| byte == b'.');
    let seconds = decimal(parts.next().unwrap_or_default())? as i64;
    let fraction = parts.next().unwrap_or_default();
    let nine = fraction.iter().chain(std::iter::repeat(&b'0')).take(9);
    let nanoseconds = nine.copied().try_fold(0, push_digit)? as u32;
    Ok(match (negative, nanoseconds) {
        (false, _) => (seconds, nanoseconds),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanoseconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_by_their_length() {
        let mut extensions = Extensions::default();
        extensions.pax(b"15 path=a\nb=c/d\n10 gid=42\n").unwrap_err();
        let mut extensions = Extensions::default();
        extensions.pax(b"16 path=a\nb=c/d\n10 gid=42\n").unwrap();
        assert_eq!(extensions.path.as_deref(), Some(&b"a\nb=c/d"[..]));
        assert_eq!(extensions.gid, Some(42));
    }

    #[test]
    fn broken_records_are_refused() {
        for bytes in [&b"0 \n"[..], b"3 =", b"99999999999999999999 a=b\n", b"5 ab\n", b"7 a=b\n", b"-6 a=b\n", b" "] {
            assert!(Extensions::default().pax(bytes).is_err(), "{}", bytes.escape_ascii());
        }
        assert!(Extensions::default().pax(b"12 path=a\0b\n").is_err());
        assert!(Extensions::default().pax(b"10 size=-1\n").is_err());
    }

    #[test]
    fn times_may_lie_before_1970() {
        assert_eq!(time(b"1.5").unwrap(), (1, 500_000_000));
        assert_eq!(time(b"-1.5").unwrap(), (-2, 500_000_000));
        assert_eq!(time(b"-3").unwrap(), (-3, 0));
        assert_eq!(time(b"1.1234567891").unwrap(), (1, 123_456_789));
        assert!(time(b"1.x").is_err());
    }

    #[test]
    fn sparse_maps_must_fit() {
        let extent = |offset, length| Extent { offset, length };
        assert!(checked_map(vec![extent(0, 5), extent(10, 5)], 20, 10).is_ok());
        assert!(checked_map(vec![extent(0, 5), extent(4, 5)], 20, 10).is_err());
        assert!(checked_map(vec![extent(0, 5)], 4, 5).is_err());
        assert!(checked_map(vec![extent(0, 5)], 20, 6).is_err());
        assert!(checked_map(vec![extent(u64::MAX, 5)], u64::MAX, 5).is_err());
        assert_eq!(map_0_1(b"0,5,10,5").unwrap(), [extent(0, 5), extent(10, 5)]);
        assert!(map_0_1(b"0,5,10").is_err());
    }
}
