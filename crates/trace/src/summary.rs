//! How often each call was made, as `-S` shows it.

use std::io::Write;

use fathom_scap::schema::EVENTS;
use fathom_scap::schema::syscalls::SYSCALLS;

use crate::moment::Moment;

/// No more rows than these.
const ROWS: usize = 100;
/// How wide names are.
const WIDTH: usize = 16;
const RULE: &[u8] = b"----------------------\n";

/// Counts of calls on their way in and out.
pub struct Summary {
    types: Vec<u64>,
    /// Of calls of which no more is known than their number.
    calls: Vec<[u64; 2]>,
}

impl Default for Summary {
    fn default() -> Self {
        Summary { types: vec![0; EVENTS.len()], calls: vec![[0; 2]; SYSCALLS.len()] }
    }
}

impl Summary {
    pub(crate) fn count(&mut self, moment: &Moment<'_>) {
        let number = usize::from(moment.event.number);
        let count = match number {
            0 | 1 => {
                moment.event.u16(0).and_then(|call| self.calls.get_mut(usize::from(call))).map(|pair| &mut pair[number])
            }
            _ => self.types.get_mut(number),
        };
        if let Some(count) = count {
            *count += 1;
        }
    }

    /// Writes the table, the most frequent first.
    pub fn write(&self, into: &mut Vec<u8>) {
        let types = self.types.iter().enumerate().map(|(number, count)| (*count, EVENTS[number].name, number & 1));
        let calls = self.calls.iter().zip(SYSCALLS);
        let calls = calls.flat_map(|(pair, row)| [(pair[0], row.0, 0), (pair[1], row.0, 1)]);
        let mut rows: Vec<_> = types.chain(calls).filter(|row| row.0 > 0).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.0));
        into.extend_from_slice(RULE);
        let _ = writeln!(into, "{:WIDTH$}#Calls", "Event");
        into.extend_from_slice(RULE);
        for (count, name, exit) in rows.into_iter().take(ROWS) {
            let direction = if exit == 0 { '>' } else { '<' };
            let _ = writeln!(into, "{direction} {:WIDTH$}{count}", &name[..name.len().min(WIDTH)]);
        }
    }
}
