//! Events as captures have them: a type and parameters. So that whoever keeps state, filters and prints need not know
//! whether an event comes from this kernel or from a file.

use std::sync::OnceLock;

use crate::event::{Call, Event, Returned, What};
use crate::flags::FAULT;
use crate::number;
use crate::record::CALLS;
use crate::row::Row;
use crate::table;

#[cfg(test)]
mod widths;

/// Types of events that are no system calls, driver/ppm_events_public.h.
const GENERIC: u16 = 0;
const PROCESS_EXIT: u16 = 186;
const SWITCH: u16 = 152;
const SIGNAL: u16 = 232;
const FAULT_USER: u16 = 290;
/// Calls that have no beginning in captures: close_range and what is newer.
const WITHOUT_BEGINNING: u16 = 450;

/// Parameters of one event, one after the other as captures have them; used again for the next one.
#[derive(Debug, Default)]
pub struct Parameters {
    bytes: Vec<u8>,
    /// Of each, in two bytes. No parameter is longer.
    lengths: Vec<u8>,
}

impl Parameters {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.lengths.len() / 2
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The bytes of parameter `index`; empty if it is not known.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.iter().nth(index)
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..];
        self.lengths.as_chunks().0.iter().filter_map(move |length| {
            let (one, others) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
            rest = others;
            Some(one)
        })
    }

    /// All of them without what stands between.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How long each is, in two bytes that begin with the lower one.
    pub fn lengths(&self) -> &[u8] {
        &self.lengths
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.lengths.clear();
    }

    #[inline]
    fn push(&mut self, append: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        append(&mut self.bytes);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or_else(|_| {
            self.bytes.truncate(start + usize::from(u16::MAX));
            u16::MAX
        });
        self.lengths.extend_from_slice(&length.to_le_bytes());
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        self.push(|to| to.extend_from_slice(bytes));
    }
}

/// The row of a call by its number.
pub fn row_of(number: u16) -> Option<&'static Row> {
    static ROWS: OnceLock<Vec<Option<&'static Row>>> = OnceLock::new();
    let by_number = || (0..CALLS as u16).map(|number| number::name(number).and_then(table::row)).collect();
    ROWS.get_or_init(by_number).get(usize::from(number)).copied().flatten()
}

/// The event's type and, into `to`, its parameters; nothing for what captures do not have. `identity` gives a call its
/// number in captures, which is the same on all machines.
pub fn encode(event: &Event<'_>, identity: fn(&str) -> u16, to: &mut Parameters) -> Option<u16> {
    to.clear();
    let signed = |number: u32| i64::from(number as i32).to_le_bytes();
    match &event.what {
        What::Enter(call) => encode_call(call, None, identity, to),
        What::Exit(call, returned) => encode_call(call, Some(*returned), identity, to),
        What::End { status, .. } => {
            let (signal, code) = (status & 0x7f, status >> 8 & 0xff);
            to.push_bytes(&i64::from(*status).to_le_bytes());
            to.push_bytes(&i64::from(code).to_le_bytes());
            to.push_bytes(&[signal as u8]);
            to.push_bytes(&[u8::from(status & 0x80 != 0)]);
            // Who takes over its children is for whoever knows them.
            to.push_bytes(&[]);
            Some(PROCESS_EXIT)
        }
        What::Signal { number, sender } => {
            to.push_bytes(&signed(*sender));
            to.push_bytes(&signed(event.tid));
            to.push_bytes(&[*number as u8]);
            Some(SIGNAL)
        }
        What::Switch { next, major_faults, minor_faults, memory } => {
            to.push_bytes(&signed(*next));
            to.push_bytes(&major_faults.to_le_bytes());
            to.push_bytes(&minor_faults.to_le_bytes());
            for kib in memory {
                to.push_bytes(&(*kib as u32).to_le_bytes());
            }
            Some(SWITCH)
        }
        What::Fault { address, instruction, code } => {
            to.push_bytes(&address.to_le_bytes());
            to.push_bytes(&instruction.to_le_bytes());
            to.push_bytes(&FAULT.translate(*code).to_le_bytes());
            Some(FAULT_USER)
        }
        What::Fork { .. } | What::Exec(_) | What::Lost(_) => None,
    }
}

fn encode_call(
    call: &Call<'_>,
    returned: Option<Returned>,
    identity: fn(&str) -> u16,
    to: &mut Parameters,
) -> Option<u16> {
    let row = if call.compat { None } else { row_of(call.number) };
    let Some(row) = row else {
        let identity = call.name().map_or(0, identity);
        to.push_bytes(&identity.to_le_bytes());
        to.push_bytes(&call.number.to_le_bytes());
        return Some(GENERIC + u16::from(returned.is_some()));
    };
    if returned.is_none() && row.event >= WITHOUT_BEGINNING {
        return None;
    }
    for value in if returned.is_some() { row.exit } else { row.enter } {
        to.push(|bytes| value.append(call, returned, bytes));
    }
    Some(row.event + u16::from(returned.is_some()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Head, Kind, Record};

    /// A call that returned, with these pieces of memory.
    fn bytes(number: u16, ret: i64, args: [u64; 6], pieces: &[Vec<u8>]) -> Vec<u8> {
        let head = Head { kind: Kind::Call, compat: false, number, tid: 1, pid: 1, time: 2, enter: 1, ret, args };
        head.compose(&pieces.iter().cloned().map(Some).collect::<Vec<_>>())
    }

    fn encoded(bytes: &[u8]) -> Option<(u16, Vec<Vec<u8>>)> {
        let record = Record::new(bytes)?;
        let what = crate::event::what(&record, 0)?;
        let event = Event { time: 0, cpu: 0, tid: 1, pid: 1, what };
        let mut parameters = Parameters::default();
        let kind = encode(&event, |_| 77, &mut parameters)?;
        Some((kind, parameters.iter().map(<[u8]>::to_vec).collect()))
    }

    fn number_of(name: &str) -> u16 {
        number::number(name).expect("every machine has it")
    }

    #[test]
    fn an_opened_file_has_the_parameters_of_its_type() {
        let args = [libc::AT_FDCWD as u64, 0, (libc::O_RDWR | libc::O_CREAT) as u64, 0o644, 0, 0];
        let mut facts = 4711_u64.to_ne_bytes().to_vec();
        facts.extend(((8_u32 << 20) | 1).to_ne_bytes());
        facts.extend([0; 12]);
        let bytes = bytes(number_of("openat"), 3, args, &[b"/tmp/x\0".to_vec(), facts]);
        let (kind, parameters) = encoded(&bytes).expect("captures have it");
        assert_eq!(kind, 307);
        let expected: [&[u8]; 7] = [
            &3_i64.to_le_bytes(),
            &(-100_i64).to_le_bytes(),
            b"/tmp/x\0",
            &7_u32.to_le_bytes(),
            &0o644_u32.to_le_bytes(),
            &0x801_u32.to_le_bytes(),
            &4711_u64.to_le_bytes(),
        ];
        assert_eq!(parameters, expected);
    }

    #[test]
    fn what_has_no_row_is_generic() {
        let bytes = bytes(number_of("sched_yield"), 0, [0; 6], &[]);
        let (kind, parameters) = encoded(&bytes).expect("captures have it");
        assert_eq!(kind, 1);
        assert_eq!(parameters, [77_u16.to_le_bytes(), number_of("sched_yield").to_le_bytes()]);
    }

    #[test]
    fn a_name_has_one_row() {
        let mut names: Vec<&str> = table::rows().map(|row| row.name).collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
        for row in table::rows() {
            assert!(row.copies.len() <= crate::record::OPS, "{}", row.name);
            if cfg!(target_arch = "x86_64") {
                assert!(number::number(row.name).is_some(), "{} is a call", row.name);
            }
        }
    }

    proptest! {
        /// Whatever memory holds, there are as many parameters as the row has.
        #[test]
        fn memory_never_panics(
            number in 0_u16..512,
            ret: i64,
            args: [u64; 6],
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..7),
        ) {
            let pieces = &pieces[..pieces.len().min(crate::record::OPS)];
            let (_, parameters) = encoded(&bytes(number, ret, args, pieces)).expect("ends are always told");
            let expected = row_of(number).map_or(2, |row| row.exit.len());
            prop_assert_eq!(parameters.len(), expected);
        }
    }
}
