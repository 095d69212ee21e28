//! What was built from `bpf/`, with what to look at written into it and its maps made.

use aya::{Btf, Ebpf, EbpfLoader};

use super::{SLOTS, processors};
use crate::record::CALLS;
use crate::row::{self, ROW_BYTES};
use crate::scope::{Ends, Follow, Options, Scope};
use crate::tally::Tally;
use crate::{Error, capture};

#[cfg(target_arch = "x86_64")]
pub(super) static WITH_STORAGE: &[u8] = aya::include_bytes_aligned!("../../../../bpf/trace-x86_64.o");
#[cfg(target_arch = "x86_64")]
pub(super) static WITHOUT_STORAGE: &[u8] = aya::include_bytes_aligned!("../../../../bpf/trace-x86_64-5.8.o");
#[cfg(target_arch = "aarch64")]
pub(super) static WITH_STORAGE: &[u8] = aya::include_bytes_aligned!("../../../../bpf/trace-aarch64.o");
#[cfg(target_arch = "aarch64")]
pub(super) static WITHOUT_STORAGE: &[u8] = aya::include_bytes_aligned!("../../../../bpf/trace-aarch64-5.8.o");

/// What was built from `bpf/`.
pub(crate) fn objects() -> [&'static [u8]; 2] {
    [WITH_STORAGE, WITHOUT_STORAGE]
}

/// A loader that has been told nothing.
pub(super) fn blank_loader() -> EbpfLoader<'static> {
    let mut loader = EbpfLoader::new();
    loader.btf(None);
    loader
}

/// The object with what `options` say written into it, its maps made.
pub(super) fn fit(loader: EbpfLoader<'static>, object: &[u8], options: &Options, btf: &Btf) -> Result<Ebpf, Error> {
    let mut rows = vec![0_u8; CALLS * ROW_BYTES];
    for (number, to) in rows.chunks_exact_mut(ROW_BYTES).enumerate() {
        let copies = u16::try_from(number).ok().and_then(capture::row_of).map_or(&[][..], |row| row.copies);
        let counted = options.tally.as_ref().map_or([0; 2], |tally| tally.of(number));
        to.copy_from_slice(&row::encode(copies, options.calls.mode(number), counted));
    }
    let scope: u32 = match &options.scope {
        Scope::Trees(_) => 0,
        Scope::Cgroups(_) => 1,
        Scope::PidNamespaces(_) => 2,
        Scope::Machine => 3,
    };
    let follow = u32::from(options.follow == Follow::Forks);
    let snaplen = options.snaplen.min(65000);
    let own = std::process::id();
    let begins = u32::from(options.ends == Ends::Both);
    let counting = options.tally.as_ref().map_or(0, Tally::word);
    let room = options.tally.as_ref().map_or(1, |tally| tally.room.max(1));
    // Lives no longer than what it borrows.
    let mut loader: EbpfLoader<'_> = loader;
    loader
        .btf(Some(btf))
        .allow_unsupported_maps()
        .override_global("scope", &scope, true)
        .override_global("follow", &follow, true)
        .override_global("snaplen", &snaplen, true)
        .override_global("self", &own, true)
        .override_global("counting", &counting, true)
        .override_global("begins", &begins, true)
        .override_global("rows", rows.as_slice(), true)
        .map_max_entries("sums_even", room)
        .map_max_entries("sums_odd", room)
        .map_max_entries("slots", SLOTS)
        .map_max_entries("free_slots", SLOTS)
        .map_max_entries("rings", processors())
        .map_max_entries("tallies", processors())
        .map_max_entries("scratches", processors())
        .load(object)
        .map_err(|error| Error::Fit(Box::new(error)))
}
