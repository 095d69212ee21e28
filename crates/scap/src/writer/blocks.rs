//! Where a capture's blocks are held until there are some: only whole ones go on, and it is known up to where what
//! arrived is sound.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::block::{Content, content};

/// So much is held at most; what a crash can take.
const HELD: usize = 64 * 1024;

/// Whether what goes on is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Packing {
    /// As it is.
    #[default]
    Plain,
    /// By gzip, in pieces that can be unpacked as far as they arrived.
    Gzip,
}

/// Takes blocks, one with each call of [`Write::write_all`], and hands them on.
pub struct Blocks<W> {
    out: W,
    packer: Option<GzEncoder<Vec<u8>>>,
    held: Vec<u8>,
    /// Where the blocks end that are held, and whether each is an event.
    ends: Vec<(usize, bool)>,
    arrived: u64,
    sound: u64,
    lost: u64,
}

impl<W: Write> Blocks<W> {
    /// Hands on to `out`.
    pub fn new(out: W, packing: Packing) -> Self {
        let packer = (packing == Packing::Gzip).then(|| GzEncoder::new(Vec::new(), Compression::default()));
        Blocks { out, packer, held: Vec::new(), ends: Vec::new(), arrived: 0, sound: 0, lost: 0 }
    }

    /// How many bytes there are or will be, as far as one knows before they are packed.
    pub fn size(&self) -> u64 {
        self.arrived + if self.packer.is_some() { 0 } else { self.held.len() as u64 }
    }

    /// After an error: so many bytes of what arrived are whole blocks, which can be read.
    pub fn sound(&self) -> u64 {
        self.sound
    }

    /// After an error: so many events were taken, and did not arrive.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Where they go.
    pub fn out(&self) -> &W {
        &self.out
    }

    /// Hands on what is held, and ends what is packed.
    ///
    /// # Errors
    /// What whoever takes the bytes says.
    pub fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(packer) = self.packer.take() {
            let rest = packer.finish()?;
            self.send(&rest).map_err(|(error, _)| error)?;
            self.out.flush()?;
        }
        Ok(())
    }

    fn hand_on(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        let sent = match self.packer.take() {
            None => self.send(&held),
            Some(mut packer) => {
                let packed = packer.write_all(&held).and_then(|()| packer.flush());
                let bytes = std::mem::take(packer.get_mut());
                self.packer = Some(packer);
                packed.map_err(|error| (error, 0)).and_then(|()| self.send(&bytes))
            }
        };
        let done = sent.map_err(|(error, arrived)| {
            // Of packed bytes nobody knows where a block ends.
            let arrived = if self.packer.is_some() { 0 } else { arrived };
            let whole = self.ends.iter().take_while(|(end, _)| *end <= arrived);
            self.sound += whole.last().map_or(0, |(end, _)| *end as u64);
            self.lost += self.ends.iter().filter(|(end, event)| *end > arrived && *event).count() as u64;
            error
        });
        if done.is_ok() {
            self.sound = self.arrived;
        }
        self.ends.clear();
        // The memory is used again.
        self.held = held;
        self.held.clear();
        done
    }

    /// Writes all of it; with an error, how much of it had arrived.
    fn send(&mut self, bytes: &[u8]) -> Result<(), (io::Error, usize)> {
        let mut at = 0;
        while at < bytes.len() {
            match self.out.write(&bytes[at..]) {
                Ok(0) => return Err((io::ErrorKind::WriteZero.into(), at)),
                Ok(count) => {
                    at += count;
                    self.arrived += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((error, at)),
            }
        }
        Ok(())
    }
}

impl<W: Write> Write for Blocks<W> {
    fn write(&mut self, block: &[u8]) -> io::Result<usize> {
        let kind = block.first_chunk().and_then(|kind| content(u32::from_le_bytes(*kind)));
        self.held.extend_from_slice(block);
        self.ends.push((self.held.len(), matches!(kind, Some(Content::Event(_)))));
        if self.held.len() >= HELD {
            self.hand_on()?;
        }
        Ok(block.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::SECTION;
    use crate::{Profile, Reader, Tolerance, Writer};

    /// A disk with room for so many bytes.
    struct Small(Vec<u8>, usize);

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.1 - self.0.len());
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Writes 5000 blocks, of which the first is none of an event, onto a disk with so much room: how many events were
    /// taken, how many of them are lost, and what of the disk is sound.
    fn fill(room: usize, packing: Packing) -> (u64, u64, Vec<u8>) {
        let mut writer = Writer::new(Blocks::new(Small(Vec::new(), room), packing), Profile::Modern);
        let event =
            crate::Event::parse(&[0; 28], crate::block::Framing { counted: true, flagged: false, large: false })
                .expect("an event without parameters");
        let mut taken = 0;
        let mut result = writer.section();
        while result.is_ok() && taken < 5000 {
            taken += 1;
            result = writer.event(&event);
        }
        let result = result.and_then(|()| writer.out().finish());
        let blocks = writer.out();
        let sound = if result.is_ok() { blocks.out().0.len() } else { blocks.sound() as usize };
        (taken, blocks.lost(), blocks.out().0[..sound].to_vec())
    }

    #[test]
    fn what_is_sound_on_a_full_disk_is_read_to_its_end_and_the_rest_is_counted() {
        for packing in [Packing::Plain, Packing::Gzip] {
            for room in [28, 29, 67, 68, 69, 300, 70_000, 150_000, 1 << 20] {
                let (taken, lost, disk) = fill(room, packing);
                if disk.is_empty() {
                    assert_eq!(taken, lost, "{packing:?} {room}");
                    continue;
                }
                let mut reader = Reader::new(&disk, Tolerance::Salvage).expect("it begins with a section");
                let mut events = 0;
                while let Some(item) = reader.next().expect("it can be read") {
                    events += u64::from(matches!(item, crate::Item::Event(_)));
                    if let crate::Item::Gap(gap) = item {
                        // Every block is whole; the packing has no end.
                        assert_eq!((gap.damage, packing), (crate::Damage::Endless, Packing::Gzip), "{room}");
                    }
                }
                assert_eq!(events + lost, taken, "{packing:?} {room}");
                assert!(room < 1 << 20 || (lost == 0 && taken == 5000));
            }
        }
        assert_eq!(content(SECTION), Some(Content::Section));
    }
}
