//! One processor's ring, from the reader's side: shared pages in, bytes of whole records out.
//!
//! The layout is the kernel's (kernel/bpf/ringbuf.c): a page with the reader's position, a page with the writer's, then
//! the data, mapped twice in a row so that a record that wraps around is whole. A record has a head of eight bytes: its
//! length with two flags, and a number that only the kernel needs.

use std::io;
use std::os::fd::AsFd;

use rustix::mm::ProtFlags;

use crate::sys::Shared;

/// The writer is not done with this record.
const BUSY: u32 = 1 << 31;
/// The writer has changed its mind.
const DISCARD: u32 = 1 << 30;
/// Length of a record's head.
pub(crate) const HEAD: usize = 8;

/// A ring that we read.
#[derive(Debug)]
pub(crate) struct Ring {
    reader: Shared,
    /// The writer's position, then the data, twice.
    writer: Shared,
    page: usize,
    mask: u64,
    position: u64,
}

impl Ring {
    pub(crate) fn new(ring: impl AsFd, bytes: u32) -> io::Result<Ring> {
        let page = rustix::param::page_size();
        let reader = Shared::map(&ring, 0, page, ProtFlags::READ | ProtFlags::WRITE)?;
        let writer = Shared::map(&ring, page as u64, page + 2 * bytes as usize, ProtFlags::READ)?;
        let position = reader.load(0);
        Ok(Ring { reader, writer, page, mask: u64::from(bytes) - 1, position })
    }

    /// Appends the records that are complete to `to`, heads included, and frees their room; no more than `most` bytes. Says
    /// how many bytes came.
    pub(crate) fn drain(&mut self, to: &mut Vec<u8>, most: usize) -> usize {
        let end = self.writer.load(0);
        let mut complete = self.position;
        while complete < end {
            let head = self.writer.load_u32(self.page + (complete & self.mask) as usize);
            let next = complete + step(head) as u64;
            if head & BUSY != 0 || next - self.position > most as u64 {
                break;
            }
            complete = next;
        }
        let bytes = (complete - self.position) as usize;
        if bytes > 0 {
            self.writer.append_to(to, self.page + (self.position & self.mask) as usize, bytes);
            self.position = complete;
            self.reader.store(0, complete);
        }
        bytes
    }
}

/// From one record to the next.
fn step(head: u32) -> usize {
    let length = (head & !(BUSY | DISCARD)) as usize;
    (length + HEAD).next_multiple_of(HEAD)
}

/// The record that begins at `at` in what [`Ring::drain`] appended, with the place of the next one; nothing at the end.
pub(crate) fn record_at(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let head = bytes.get(at..)?.first_chunk::<4>()?;
    let head = u32::from_ne_bytes(*head);
    let length = (head & !(BUSY | DISCARD)) as usize;
    let data = bytes.get(at + HEAD..at + HEAD + length)?;
    Some((if head & DISCARD != 0 { &[] } else { data }, at + step(head)))
}
