//! The 512 bytes that start every entry. Field places are those of POSIX.1-2008 `pax`, "ustar Interchange Format",
//! and of GNU tar's `struct oldgnu_header`.

use super::{BLOCK, Error, Extent};

/// One header block whose checksum was right.
pub(super) struct Header([u8; BLOCK as usize]);

const NAME: std::ops::Range<usize> = 0..100;
const MODE: std::ops::Range<usize> = 100..108;
const UID: std::ops::Range<usize> = 108..116;
const GID: std::ops::Range<usize> = 116..124;
const SIZE: std::ops::Range<usize> = 124..136;
const MTIME: std::ops::Range<usize> = 136..148;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const TYPE: usize = 156;
const LINK: std::ops::Range<usize> = 157..257;
const MAGIC: std::ops::Range<usize> = 257..265;
const PREFIX: std::ops::Range<usize> = 345..500;
const GNU_SPARSE: usize = 386;
const GNU_EXTENDED: usize = 482;
const GNU_REAL_SIZE: std::ops::Range<usize> = 483..495;

impl Header {
    /// Checks the sum; some old writers added signed bytes, so both are accepted.
    pub(super) fn parse(block: [u8; BLOCK as usize]) -> Result<Header, Error> {
        let claimed = number(&block[CHECKSUM])?;
        let counted = |at: usize, byte: u8| if CHECKSUM.contains(&at) { b' ' } else { byte };
        let unsigned: i64 = block.iter().enumerate().map(|(at, &byte)| i64::from(counted(at, byte))).sum();
        let signed: i64 = block.iter().enumerate().map(|(at, &byte)| i64::from(counted(at, byte) as i8)).sum();
        if claimed != unsigned && claimed != signed {
            return Err(Error::Malformed("a header's checksum is wrong"));
        }
        Ok(Header(block))
    }

    pub(super) fn kind(&self) -> u8 {
        self.0[TYPE]
    }

    /// The name, with ustar's prefix. GNU headers use the prefix's place for other things.
    pub(super) fn name(&self) -> Vec<u8> {
        let prefix = if self.0[MAGIC].starts_with(b"ustar\0") { text(&self.0[PREFIX]) } else { b"" };
        let mut name = prefix.to_vec();
        if !prefix.is_empty() {
            name.push(b'/');
        }
        name.extend_from_slice(text(&self.0[NAME]));
        name
    }

    pub(super) fn link(&self) -> Vec<u8> {
        text(&self.0[LINK]).to_vec()
    }

    pub(super) fn mode(&self) -> Result<u32, Error> {
        Ok((number(&self.0[MODE])? & 0o7777) as u32)
    }

    pub(super) fn uid(&self) -> Result<u32, Error> {
        owner(number(&self.0[UID])?)
    }

    pub(super) fn gid(&self) -> Result<u32, Error> {
        owner(number(&self.0[GID])?)
    }

    pub(super) fn size(&self) -> Result<u64, Error> {
        length(number(&self.0[SIZE])?)
    }

    pub(super) fn mtime(&self) -> Result<i64, Error> {
        number(&self.0[MTIME])
    }

    /// The map's first four rows, the unpacked size, and whether blocks with further rows follow.
    pub(super) fn gnu_sparse(&self) -> Result<(Vec<Extent>, u64, More), Error> {
        let rows = sparse_rows(&self.0[GNU_SPARSE..GNU_SPARSE + 4 * 24])?;
        let real = length(number(&self.0[GNU_REAL_SIZE])?)?;
        Ok((rows, real, More::from_flag(self.0[GNU_EXTENDED])))
    }
}

/// Whether another block of the old GNU sparse map follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    Follows,
    Ends,
}

impl More {
    fn from_flag(flag: u8) -> More {
        if flag == 0 { More::Ends } else { More::Follows }
    }
}

/// One further block of the map: 21 rows and the flag.
pub(super) fn gnu_sparse_block(block: &[u8; BLOCK as usize]) -> Result<(Vec<Extent>, More), Error> {
    Ok((sparse_rows(&block[..21 * 24])?, More::from_flag(block[504])))
}

/// Rows of two 12-byte numbers; the first empty row ends the map.
fn sparse_rows(bytes: &[u8]) -> Result<Vec<Extent>, Error> {
    bytes
        .chunks_exact(24)
        .take_while(|row| row[0] != 0)
        .map(|row| Ok(Extent { offset: length(number(&row[..12])?)?, length: length(number(&row[12..])?)? }))
        .collect()
}

/// Up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Octal digits between blanks, or GNU's base-256: the top bit set, then two's complement.
fn number(field: &[u8]) -> Result<i64, Error> {
    if field[0] & 0x80 != 0 {
        return base_256(field);
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0i64, |sum, &digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8).map(|sum| sum + i64::from(digit - b'0')).ok_or(TOO_LARGE),
        _ => Err(Error::Malformed("a number in a header is not octal")),
    })
}

const TOO_LARGE: Error = Error::Malformed("a number in a header is too large");

fn base_256(field: &[u8]) -> Result<i64, Error> {
    let negative = field[0] & 0x40 != 0;
    let first = if negative { i128::from(field[0] as i8) } else { i128::from(field[0] & 0x7f) };
    // Twelve bytes at most, so 128 bits hold the sum.
    let sum = field[1..].iter().fold(first, |sum, &byte| sum << 8 | i128::from(byte));
    i64::try_from(sum).map_err(|_| TOO_LARGE)
}

fn length(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Malformed("a size in a header is negative"))
}

/// `u32::MAX` means "leave as it is" to the kernel, so it names nobody.
pub(super) fn owner(number: i64) -> Result<u32, Error> {
    u32::try_from(number).ok().filter(|&id| id != u32::MAX).ok_or(Error::Malformed("an owner is out of range"))
}

/// What [`encode`] needs to know; everything that does not fit goes into a pax header before it.
pub(super) struct Fields<'a> {
    pub(super) name: &'a [u8],
    pub(super) link: &'a [u8],
    pub(super) kind: u8,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) size: u64,
    pub(super) mtime: u64,
}

/// The most that an 8-byte and a 12-byte octal field hold.
pub(super) const OCTAL_8: u64 = 0o7777777;
pub(super) const OCTAL_12: u64 = 0o77777777777;
/// Names up to this long need no extension.
pub(super) const NAME_LENGTH: usize = 100;

/// A ustar header. Longer names and larger numbers are cut: the caller has put the truth into a pax header.
pub(super) fn encode(fields: &Fields<'_>) -> [u8; BLOCK as usize] {
    let mut block = [0; BLOCK as usize];
    let mut put = |range: std::ops::Range<usize>, bytes: &[u8]| {
        let count = bytes.len().min(range.len());
        block[range.start..range.start + count].copy_from_slice(&bytes[..count]);
    };
    put(NAME, fields.name);
    put(LINK, fields.link);
    put(MODE, format!("{:07o}\0", u64::from(fields.mode).min(OCTAL_8)).as_bytes());
    put(UID, format!("{:07o}\0", fields.uid.min(OCTAL_8)).as_bytes());
    put(GID, format!("{:07o}\0", fields.gid.min(OCTAL_8)).as_bytes());
    put(SIZE, format!("{:011o}\0", fields.size.min(OCTAL_12)).as_bytes());
    put(MTIME, format!("{:011o}\0", fields.mtime.min(OCTAL_12)).as_bytes());
    put(TYPE..TYPE + 1, &[fields.kind]);
    put(MAGIC, b"ustar\x0000");
    put(CHECKSUM, b"        ");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &[u8], expect: Option<i64>) {
        assert_eq!(number(field).ok(), expect, "{field:?}");
    }

    #[test]
    fn numbers_are_octal_or_base_256() {
        check(b"0000644\0", Some(0o644));
        check(b"   644 \0", Some(0o644));
        check(b"\0\0\0\0\0\0\0\0", Some(0));
        check(b"77777777", Some(0o77777777));
        check(b"\x80\0\0\0\0\0\x01\0", Some(256));
        check(&[0xff; 12], Some(-1));
        check(b"0000 644", None);
        check(b"-0000001", None);
        check(b"0000008\0", None);
        check(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None);
    }

    #[test]
    fn negative_sizes_and_owners_are_refused() {
        assert!(length(-1).is_err());
        assert!(owner(-1).is_err());
        assert!(owner(i64::from(u32::MAX)).is_err());
        assert!(owner(65534).is_ok());
    }

    #[test]
    fn a_written_header_reads_back() {
        let fields =
            Fields { name: b"bin/sh", link: b"dash", kind: b'2', mode: 0o777, uid: 1, gid: 2, size: 3, mtime: 4 };
        let header = Header::parse(encode(&fields)).unwrap();
        assert_eq!((header.name(), header.link(), header.kind()), (b"bin/sh".to_vec(), b"dash".to_vec(), b'2'));
        assert_eq!((header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0o777, 1, 2));
        assert_eq!((header.size().unwrap(), header.mtime().unwrap()), (3, 4));
    }

    #[test]
    fn one_flipped_bit_breaks_the_sum() {
        let mut block =
            encode(&Fields { name: b"a", link: b"", kind: b'0', mode: 0, uid: 0, gid: 0, size: 0, mtime: 0 });
        block[0] ^= 1;
        assert!(Header::parse(block).is_err());
    }
}
