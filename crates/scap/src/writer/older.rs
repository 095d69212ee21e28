//! What sysdig 0.29 and readers of its time do not know, said in the words that they have. They know types up to
//! [`LAST`], pass over others, and have what a call was given only from its beginning.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::event::Event;
use crate::schema::syscalls::SYSCALLS;
use crate::schema::{EventType, Kind, event_type};

/// The last type that they know.
const LAST: u16 = 335;
/// The first call that they have no number for; of such a number, they crash.
const CALLS: usize = 329;
/// A call of which nothing is said but its name.
const CALL: u16 = 0;
/// Ends of calls that make a thread, which return in the new one too: there they never began.
const BIRTHS: &[u16] = &[223, 225, 227, 335];
/// More threads than that are not looked after: a hostile recording could name a new one with every event.
const MOST: usize = 131_072;

/// Newer types, and the older one that says the same; both are those of the call's beginning.
const SAME: &[(u16, u16)] = &[
    (362, 124), // dup2
    (364, 124), // dup3
    (366, 124), // dup
    (386, 258), // umount
    (388, 248), // accept4
    (390, 258), // umount2
    (392, 60),  // pipe2
    (394, 138), // inotify_init1
    (396, 62),  // eventfd2
    (398, 126), // signalfd4
];

/// Events that have more parameters today, nearly all of them ends of calls, and how many they had. Recorders that
/// write more may have left the beginning out, because everything is in the end.
#[rustfmt::skip]
const GREW: &[(u16, u8)] = &[
    (1, 1), (3, 5), (5, 1), (7, 2), (9, 2), (19, 1), (21, 2), (23, 2), (25, 1), (29, 2), (31, 2), (33, 2), (35, 3),
    (37, 1), (43, 5), (49, 2), (51, 0), (53, 4), (55, 0), (59, 4), (63, 1), (65, 1), (71, 1), (79, 1), (81, 2),
    (87, 1), (89, 1), (97, 1), (113, 2), (115, 2), (117, 3), (119, 2), (121, 3), (123, 2), (125, 1), (127, 1),
    (129, 1), (131, 1), (133, 1), (135, 1), (137, 1), (139, 1), (141, 3), (143, 3), (145, 5), (151, 1), (159, 4),
    (161, 4), (163, 4), (165, 4), (167, 1), (169, 3), (171, 1), (186, 4), (189, 2), (191, 14), (193, 1), (195, 1), (199, 1),
    (201, 1), (223, 20), (225, 20), (227, 20), (237, 1), (239, 1), (241, 1), (243, 1), (251, 8), (253, 1), (255, 2),
    (257, 4), (263, 1), (265, 2), (277, 2), (285, 1), (293, 20), (295, 1), (298, 1), (299, 1), (307, 6),
    (327, 6), (329, 1), (331, 20), (333, 3), (335, 20),
];

/// Parameters of older types that are called otherwise today.
const RENAMED: &[(&str, &str)] = &[("fd", "oldfd")];

/// How an event is told.
pub(super) enum Told<'e> {
    /// As it is. What is no call and newer than they are stays too: they pass over it, and newer ones need it.
    Same,
    /// With so many of its parameters.
    First(usize),
    /// As these.
    Otherwise(Vec<Other<'e>>),
}

/// An event in other words.
pub(super) struct Other<'e> {
    pub(super) number: u16,
    pub(super) params: Vec<Cow<'e, [u8]>>,
}

/// What was told so far.
#[derive(Default)]
pub(super) struct Older {
    /// Calls of which only the name was told, or not even that.
    pub(super) bare: u64,
    /// The call that each thread is in.
    entered: HashMap<i64, u16>,
}

impl Older {
    /// Another section begins.
    pub(super) fn forget(&mut self) {
        self.entered.clear();
    }

    pub(super) fn tell<'e>(&mut self, event: &Event<'e>) -> Told<'e> {
        // A type that we do not know they pass over, if they do not know it either.
        let Some(kind) = event_type(event.number) else { return Told::Same };
        if kind.is_enter() {
            self.enter(event.tid, event.number);
        }
        let side = event.number & 1;
        if event.number <= CALL + 1 && event.u16(0).is_some_and(|call| usize::from(call) >= CALLS) {
            self.bare += u64::from(side);
            return Told::Otherwise(vec![Other {
                number: event.number,
                params: vec![Cow::Borrowed(&[0; 2]); 2 - usize::from(side)],
            }]);
        }
        if event.number <= LAST {
            let count = older_count(event.number).unwrap_or(event.count()).min(event.count());
            let missing = self.missing(event, kind);
            // Of a text they read up to a NUL, of a number all bytes, even where there are none.
            let empty =
                event.params().zip(kind.params).take(count).any(|(param, row)| param.is_empty() && reads(row.kind));
            if missing.is_none() && !empty {
                return if count == event.count() { Told::Same } else { Told::First(count) };
            }
            let mut same = other(event, kind, kind);
            same.params.truncate(count);
            return Told::Otherwise(missing.into_iter().chain([same]).collect());
        }
        if let Some((_, older)) = SAME.iter().find(|(newer, _)| *newer == event.number - side) {
            let mut told = Vec::new();
            let orphan = side == 1 && !self.entered(event);
            told.extend(orphan.then(|| event_type(*older).map(|older| other(event, kind, older))).flatten());
            told.extend(event_type(older + side).map(|older| other(event, kind, older)));
            return Told::Otherwise(told);
        }
        let Some(call) = SYSCALLS.iter().position(|(name, _)| *name == kind.name) else { return Told::Same };
        self.bare += u64::from(side);
        // Number 0 is one that nobody has a name for.
        let call = if call < CALLS { call as u16 } else { 0 };
        let call: Cow<'e, [u8]> = Cow::Owned(call.to_le_bytes().to_vec());
        let enter = || Other { number: CALL, params: vec![call.clone(), Cow::Borrowed(&[0; 2])] };
        let mut told = Vec::new();
        if side == 0 || !self.entered(event) {
            told.push(enter());
        }
        if side == 1 {
            told.push(Other { number: CALL + 1, params: vec![call.clone()] });
        }
        Told::Otherwise(told)
    }

    /// The beginning of the call that `event` ends, if nobody has told of it.
    pub(super) fn beginning<'e>(&mut self, event: &Event<'e>) -> Option<Other<'e>> {
        let kind = event_type(event.number)?;
        if kind.is_enter() {
            self.enter(event.tid, event.number);
        }
        self.missing(event, kind)
    }

    /// The beginning that recorders of today leave out.
    fn missing<'e>(&self, event: &Event<'e>, kind: &EventType) -> Option<Other<'e>> {
        let before = older_count(event.number).filter(|_| !kind.is_enter())?;
        let is_born = BIRTHS.contains(&event.number) && event.i64(0) == Some(0);
        if event.count() <= before || is_born || self.entered(event) {
            return None;
        }
        let enter = event_type(event.number - 1)?;
        let there = |name| kind.position(name).is_some_and(|index| index < event.count());
        let all = enter.params.iter().all(|param| there(param.name));
        all.then(|| other(event, kind, enter))
    }

    /// Whether the event's thread was seen to begin the call.
    fn entered(&self, event: &Event<'_>) -> bool {
        self.entered.get(&event.tid).is_some_and(|entered| entered + 1 == event.number)
    }

    fn enter(&mut self, tid: i64, number: u16) {
        if self.entered.len() >= MOST {
            self.entered.clear();
        }
        self.entered.insert(tid, number);
    }
}

/// How many parameters an end had that has more today.
fn older_count(number: u16) -> Option<usize> {
    let row = GREW.binary_search_by_key(&number, |row| row.0).ok()?;
    Some(usize::from(GREW[row].1))
}

/// `event` as one of type `older`: parameters of the same names, nothing where there is none.
fn other<'e>(event: &Event<'e>, kind: &EventType, older: &EventType) -> Other<'e> {
    let count = older_count(older.number).unwrap_or(older.params.len());
    let params = older.params.iter().take(count).map(|param| {
        let width = width(param.kind);
        let today = || RENAMED.iter().find(|row| row.0 == param.name).and_then(|row| kind.position(row.1));
        let known = kind.position(param.name).or_else(today).and_then(|index| event.param(index));
        match (known, width) {
            (None | Some([]), None) if is_text(param.kind) => Cow::Borrowed(&[0][..]),
            (Some(known), None) => Cow::Borrowed(known),
            (Some(known), Some(width)) if known.len() == width => Cow::Borrowed(known),
            (Some(number), Some(width)) => {
                // The same number in more or fewer bytes.
                let mut bytes = number.to_vec();
                bytes.resize(width, 0);
                Cow::Owned(bytes)
            }
            (None, width) => Cow::Owned(vec![0; width.unwrap_or(0)]),
        }
    });
    Other { number: older.number, params: params.collect() }
}

/// Whether they read of a parameter whatever its length says.
fn reads(kind: Kind) -> bool {
    is_text(kind) || width(kind).is_some()
}

fn is_text(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Path | Kind::RelPath)
}

/// How many bytes a number has; older readers read so many, whatever the length says.
fn width(kind: Kind) -> Option<usize> {
    Some(match kind {
        Kind::I8 | Kind::U8 | Kind::Signal | Kind::Flags8 | Kind::Enum8 => 1,
        Kind::I16 | Kind::U16 | Kind::Syscall | Kind::Port | Kind::Flags16 | Kind::Enum16 => 2,
        Kind::I32
        | Kind::U32
        | Kind::Flags32
        | Kind::Enum32
        | Kind::Uid
        | Kind::Gid
        | Kind::SigSet
        | Kind::Mode
        | Kind::Fd32
        | Kind::Pid32
        | Kind::Address4 => 4,
        Kind::I64 | Kind::U64 | Kind::Errno | Kind::Fd | Kind::Pid | Kind::RelTime | Kind::AbsTime => 8,
        Kind::Address6 => 16,
        Kind::Text
        | Kind::Bytes
        | Kind::SockAddr
        | Kind::SockTuple
        | Kind::FdList
        | Kind::Path
        | Kind::Dynamic
        | Kind::Tags
        | Kind::TagPairs
        | Kind::RelPath => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_say_the_truth_about_today() {
        assert!(GREW.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (number, count) in GREW {
            let today = event_type(*number).unwrap();
            assert!(*number <= LAST, "{number}");
            assert!(today.params.len() >= usize::from(*count), "{number} {}", today.name);
        }
    }

    #[test]
    fn the_same_is_the_same_call() {
        for (newer, older) in SAME {
            let [newer, older] = [*newer, *older].map(|number| event_type(number).unwrap());
            assert!(newer.is_enter() && older.is_enter() && newer.number > LAST && older.number <= LAST);
            assert!(newer.name.starts_with(older.name), "{} is no {}", newer.name, older.name);
        }
    }
}
