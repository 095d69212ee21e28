//! Entries of a tar stream, one after the other; each entry's bytes are read through the reader before the next.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::extension::{Extensions, MapLines};
use super::header::{Header, More, gnu_sparse_block};
use super::{BLOCK, Entry, Error, Kind};

/// A stream that can leave bytes out.
pub trait Advance: Read {
    /// Goes `count` bytes ahead.
    ///
    /// # Errors
    /// `UnexpectedEof` when there are fewer.
    fn advance(&mut self, count: u64) -> io::Result<()>;
}

/// Leaves bytes out by reading them: for what comes out of a decoder.
pub struct Streaming<R>(pub R);

/// Leaves bytes out by seeking: for a file, whose length is checked so that a cut-off one is noticed.
pub struct Seeking(pub File);

impl<R: Read> Read for Streaming<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Advance for Streaming<R> {
    fn advance(&mut self, count: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut self.0).take(count), &mut io::sink())?;
        if skipped < count { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl Read for Seeking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Advance for Seeking {
    fn advance(&mut self, count: u64) -> io::Result<()> {
        let (here, length) = (self.0.stream_position()?, self.0.metadata()?.len());
        let there = here.checked_add(count).filter(|&there| there <= length);
        self.0.seek(SeekFrom::Start(there.ok_or(io::ErrorKind::UnexpectedEof)?))?;
        Ok(())
    }
}

/// Reads a tar stream.
pub struct Reader<R> {
    stream: R,
    /// Bytes of the current entry's data not yet read, and the padding behind them.
    left: u64,
    padding: u64,
    /// Bytes taken from the stream.
    position: u64,
}

/// Longest name, link or set of pax records that is read into memory.
const EXTENSION: u64 = 1 << 20;
/// Extension headers before one entry; honest writers need three.
const CHAIN: usize = 16;

impl<R: Advance> Reader<R> {
    /// Starts at the stream's current place.
    pub fn new(stream: R) -> Self {
        Reader { stream, left: 0, padding: 0, position: 0 }
    }

    /// Where the current entry's data starts, counted from where the reader started. Right only before it is read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The stream, wherever it is now.
    pub fn into_inner(self) -> R {
        self.stream
    }

    /// The next entry, after whatever is left of the one before; `None` at the end.
    ///
    /// # Errors
    /// When the stream fails, ends within an entry, or breaks the format.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, Error> {
        let mut extensions = Extensions::default();
        for chain in 0..=CHAIN {
            let Some(header) = self.header()? else {
                return if chain == 0 { Ok(None) } else { Err(Error::Malformed("it ends after an extension header")) };
            };
            match header.kind() {
                b'x' => extensions.pax(&self.extension(&header)?)?,
                // Global records: what Go's reader, and so docker and containerd, leave out as well.
                b'g' => drop(self.extension(&header)?),
                b'L' => extensions.long_name(self.extension(&header)?),
                b'K' => extensions.long_link(self.extension(&header)?),
                _ => return self.entry(&header, extensions).map(Some),
            }
        }
        Err(Error::Malformed("an entry has too many extension headers"))
    }

    /// Skips what is left and reads a header. Two blocks of zeros, or the end of the stream, end the archive.
    fn header(&mut self) -> Result<Option<Header>, Error> {
        let rest = self.left + self.padding;
        self.stream.advance(rest)?;
        self.position += rest;
        (self.left, self.padding) = (0, 0);
        match self.block()? {
            None => Ok(None),
            Some(block) if block.iter().all(|&byte| byte == 0) => match self.block()? {
                None => Ok(None),
                Some(second) if second.iter().all(|&byte| byte == 0) => Ok(None),
                Some(_) => Err(Error::Malformed("a lone block of zeros stands between entries")),
            },
            Some(block) => Header::parse(block).map(Some),
        }
    }

    /// One block, or `None` when the stream ends exactly here.
    fn block(&mut self) -> Result<Option<[u8; BLOCK as usize]>, Error> {
        let mut block = [0; BLOCK as usize];
        let mut filled = 0;
        while filled < block.len() {
            match self.stream.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.position += BLOCK;
        Ok(Some(block))
    }

    /// A block that must be there.
    fn full_block(&mut self) -> Result<[u8; BLOCK as usize], Error> {
        self.block()?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }

    /// The data of an extension header.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>, Error> {
        let size = header.size()?;
        if size > EXTENSION {
            return Err(Error::Malformed("a name or attribute is absurdly long"));
        }
        self.data_follows(size);
        let mut bytes = Vec::with_capacity(size as usize);
        self.data().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn data_follows(&mut self, size: u64) {
        self.left = size;
        self.padding = size.wrapping_neg() % BLOCK;
    }

    fn entry(&mut self, header: &Header, mut extensions: Extensions) -> Result<Entry, Error> {
        let mut entry = Entry {
            path: header.name(),
            link: header.link(),
            kind: kind(header.kind()),
            mode: header.mode()?,
            uid: header.uid()?,
            gid: header.gid()?,
            mtime: (header.mtime()?, 0),
            size: 0,
            xattrs: Vec::new(),
            extents: Vec::new(),
        };
        let carries_data = matches!(entry.kind, Kind::File | Kind::Other(_));
        let mut stored = if carries_data { extensions.size.unwrap_or(header.size()?) } else { 0 };
        if header.kind() == b'S' {
            let (map, real) = self.gnu_map(header)?;
            extensions.set_map(map, Some(real));
        }
        self.data_follows(stored);
        if entry.kind == Kind::File && extensions.map_in_data() {
            let map = self.map_in_data()?;
            extensions.set_map(map, None);
            stored = self.left;
        }
        extensions.apply(&mut entry, stored)?;
        // Before POSIX a folder was a file whose name ends with a slash.
        if entry.kind == Kind::File && entry.path.ends_with(b"/") {
            entry.kind = Kind::Folder;
            entry.size = 0;
        }
        Ok(entry)
    }

    /// The old GNU map: its further blocks come before the data and are not counted in the size.
    fn gnu_map(&mut self, header: &Header) -> Result<(Vec<super::Extent>, u64), Error> {
        const ROWS: usize = 1 << 20;
        let (mut map, real, mut more) = header.gnu_sparse()?;
        while more == More::Follows {
            let (rows, further) = gnu_sparse_block(&self.full_block()?)?;
            map.extend(rows);
            more = further;
            if map.len() > ROWS {
                return Err(Error::Malformed("a sparse map is too long"));
            }
        }
        Ok((map, real))
    }

    /// Version 1.0: the map takes whole blocks at the start of the data.
    fn map_in_data(&mut self) -> Result<Vec<super::Extent>, Error> {
        let mut lines = MapLines::new();
        while self.left >= BLOCK {
            let block = self.full_block()?;
            self.left -= BLOCK;
            for byte in block {
                if let Some(map) = lines.feed(byte)? {
                    return Ok(map);
                }
            }
        }
        Err(Error::Malformed("a sparse map is cut off"))
    }

    /// The current entry's bytes as they are stored; without holes.
    pub fn data(&mut self) -> Data<'_, R> {
        Data(self)
    }
}

fn kind(flag: u8) -> Kind {
    match flag {
        b'0' | 0 | b'7' | b'S' => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::Symlink,
        b'3' | b'4' => Kind::Device,
        b'5' => Kind::Folder,
        b'6' => Kind::Fifo,
        other => Kind::Other(other),
    }
}

/// The bytes of the current entry. An archive that ends within them is an error, never a short file.
pub struct Data<'a, R>(&'a mut Reader<R>);

impl<R: Read> Read for Data<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.0.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.0.stream.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.0.left -= count as u64;
        self.0.position += count as u64;
        Ok(count)
    }
}
