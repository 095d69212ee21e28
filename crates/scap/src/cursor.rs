//! Little-endian numbers and texts off the front of bytes that may end too early.

/// The bytes that are left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

macro_rules! numbers {
    ($($name:ident)*) => {
        $(pub(crate) fn $name(&mut self) -> Option<$name> {
            self.array().map($name::from_le_bytes)
        })*
    };
}

impl<'a> Cursor<'a> {
    numbers!(u16 u32 u64 i64);

    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// `u16` length, then so many bytes.
    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// The same, of which only what comes before a NUL counts.
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        self.bytes().map(until_nul)
    }
}

/// What comes before the first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.iter().position(|byte| *byte == 0).map_or(bytes, |end| &bytes[..end])
}
