//! How a layer or an archive is packed: told by its first bytes, not by what its description claims.

use std::io::{self, BufRead, BufReader, Read};

use crate::digest::Hashing;
use crate::error::Error;
use crate::limits::{Bounded, Limits};

/// What a stream's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Plain,
    Gzip,
    Zstd,
}

impl Compression {
    /// # Errors
    /// For the packings that images do not use.
    pub(crate) fn of(start: &[u8]) -> Result<Compression, &'static str> {
        match start {
            [0x1f, 0x8b, ..] => Ok(Compression::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Compression::Zstd),
            // A skippable frame, which zstd:chunked puts first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Compression::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Err("it is packed with xz, which images do not use"),
            [b'B', b'Z', b'h', ..] => Err("it is packed with bzip2, which images do not use"),
            _ => Ok(Compression::Plain),
        }
    }
}

/// How much of its packed side a decoder has read.
type Fed<D> = fn(&D) -> u64;
type Packed<R> = BufReader<Hashing<R>>;
type Gzip<R> = flate2::bufread::MultiGzDecoder<Packed<R>>;
type Zstd<R> = zstd::Decoder<'static, Packed<R>>;

/// A packed stream, unpacked within `limits`, its packed bytes hashed on the way.
pub(crate) enum Unpacked<R: Read> {
    Plain(Packed<R>),
    Gzip(Box<Bounded<Gzip<R>, Fed<Gzip<R>>>>),
    Zstd(Box<Bounded<Zstd<R>, Fed<Zstd<R>>>>),
}

impl<R: Read> Unpacked<R> {
    /// `what` names the stream in errors.
    pub(crate) fn new(packed: R, what: &str, limits: &Limits) -> Result<Self, Error> {
        let mut packed = BufReader::with_capacity(128 << 10, Hashing::new(packed));
        let start = packed.fill_buf().map_err(|e| Error::reading(what, e))?;
        Ok(match Compression::of(start).map_err(|why| Error::malformed(what, why))? {
            Compression::Plain => Unpacked::Plain(packed),
            Compression::Gzip => {
                let decoder = flate2::bufread::MultiGzDecoder::new(packed);
                let fed: Fed<Gzip<R>> = |decoder| decoder.get_ref().get_ref().count();
                Unpacked::Gzip(Box::new(Bounded::new(decoder, fed, limits)))
            }
            Compression::Zstd => {
                let decoder = zstd::Decoder::with_buffer(packed).map_err(|e| Error::reading(what, e))?;
                let fed: Fed<Zstd<R>> = |decoder| decoder.get_ref().get_ref().count();
                Unpacked::Zstd(Box::new(Bounded::new(decoder, fed, limits)))
            }
        })
    }

    /// Reads what is left on both sides, and gives the packed stream with its hash.
    pub(crate) fn finish(mut self, what: &str) -> Result<Hashing<R>, Error> {
        io::copy(&mut self, &mut io::sink()).map_err(|e| Error::reading(what, e))?;
        let mut packed = match self {
            Unpacked::Plain(packed) => packed,
            Unpacked::Gzip(decoder) => decoder.into_inner().into_inner(),
            Unpacked::Zstd(decoder) => decoder.into_inner().finish(),
        };
        io::copy(&mut packed, &mut io::sink()).map_err(|e| Error::reading(what, e))?;
        Ok(packed.into_inner())
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Unpacked::Plain(stream) => stream.read(buffer),
            Unpacked::Gzip(stream) => stream.read(buffer),
            Unpacked::Zstd(stream) => stream.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::digest::Digest;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    fn check(packed: &[u8], expect: &[u8]) {
        let mut stream = Unpacked::new(packed, "it", &Limits::default()).unwrap();
        let mut found = Vec::new();
        stream.read_to_end(&mut found).unwrap();
        assert_eq!(found, expect);
        let (digest, count, _) = stream.finish("it").unwrap().finish();
        assert_eq!((digest, count), (Digest::of(packed), packed.len() as u64));
    }

    #[test]
    fn tells_packings_by_their_first_bytes() {
        check(b"plain", b"plain");
        check(b"", b"");
        check(&gzip(b"abc"), b"abc");
        check(&[gzip(b"abc"), gzip(b"def")].concat(), b"abcdef");
        check(&zstd(b"abc"), b"abc");
        check(&[zstd(b"abc"), zstd(b"def")].concat(), b"abcdef");
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2][..], &zstd(b"abc")].concat();
        check(&skippable, b"abc");
        assert!(Unpacked::new(&b"\xfd7zXZ\0"[..], "it", &Limits::default()).is_err());
        assert!(Unpacked::new(&b"BZh9"[..], "it", &Limits::default()).is_err());
    }

    #[test]
    fn an_unread_rest_is_hashed_too() {
        for packed in [gzip(&[7; 100_000]), zstd(&[7; 100_000]), vec![7; 100_000]] {
            let stream = Unpacked::new(packed.as_slice(), "it", &Limits::default()).unwrap();
            assert_eq!(stream.finish("it").unwrap().finish().0, Digest::of(&packed));
        }
    }

    #[test]
    fn bombs_are_cut_short() {
        let limits = Limits { ratio: 100, ..Limits::default() };
        let zeros = io::repeat(0).take(Limits::GRACE + (1 << 20));
        let mut encoder = flate2::read::GzEncoder::new(zeros, flate2::Compression::fast());
        let mut packed = Vec::new();
        encoder.read_to_end(&mut packed).unwrap();
        let stream = Unpacked::new(packed.as_slice(), "it", &limits).unwrap();
        assert!(matches!(stream.finish("it").map(drop), Err(Error::TooLarge { limit: 100, .. })));
    }

    #[test]
    fn cut_off_streams_are_damaged() {
        for packed in [gzip(b"abcdefgh"), zstd(b"abcdefgh")] {
            for end in 4..packed.len() {
                let finished = Unpacked::new(&packed[..end], "it", &Limits::default()).and_then(|s| s.finish("it"));
                assert!(matches!(finished.map(drop), Err(Error::Malformed { .. })), "{end} of {}", packed.len());
            }
        }
    }
}
