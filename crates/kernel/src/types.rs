//! The kernel's description of its own types, cut down to those that our programs know: of a hundred thousand some
//! hundred are left, and fitting the programs takes a moment. Numbers of types stay what they are, because the kernel is
//! told what to attach to by number; to fit programs no numbers are needed, and the others are left out altogether.
//!
//! The format is the kernel's BTF (include/uapi/linux/btf.h): a head, types one after the other, strings.

use std::collections::HashSet;
use std::path::Path;

use aya::Btf;
use aya_obj::btf::BtfError;

/// Where the kernel describes its types.
pub(crate) const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// The types of this kernel that programs can ask for.
#[derive(Debug)]
pub(crate) struct Types {
    /// With the kernel's numbers.
    pub(crate) numbered: Btf,
    /// With numbers of their own, and few.
    pub(crate) few: Btf,
}

/// The types of this kernel that `objects` can ask for.
pub(crate) fn of_kernel(objects: &[&[u8]]) -> Result<Types, BtfError> {
    let whole = std::fs::read(Path::new(TYPES)).map_err(|error| BtfError::FileError { path: TYPES.into(), error })?;
    let names = objects.iter().filter_map(|object| names(object)).flatten().collect();
    // The byte order that is the default is the machine's own.
    let parse = |bytes: &[u8]| Btf::parse(bytes, Default::default());
    let Some([numbered, few]) = excerpts(&whole, &names) else {
        return Ok(Types { numbered: parse(&whole)?, few: parse(&whole)? });
    };
    Ok(Types { numbered: parse(&numbered)?, few: parse(&few)? })
}

/// What a description begins with: a word that also says the byte order, version 1, no flags, and the head's length.
const HEAD: &[u8] = &[0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
const HEAD_BYTES: usize = 24;

/// Kinds of types.
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const POINTER: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const FORWARD: u32 = 7;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNCTION: u32 = 12;
    pub(super) const PROTOTYPE: u32 = 13;
    pub(super) const VARIABLE: u32 = 14;
    pub(super) const SECTION: u32 = 15;
    pub(super) const FLOAT: u32 = 16;
    pub(super) const DECLARATION_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// Bytes of what all types begin with: name, kind with a number of members, size or another type.
const COMMON: usize = 12;

/// A description in parts.
struct Whole<'a> {
    head: &'a [u8],
    types: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Whole<'a> {
    fn new(bytes: &'a [u8]) -> Option<Whole<'a>> {
        let head = bytes.get(..HEAD_BYTES)?;
        if !head.starts_with(HEAD) {
            return None;
        }
        let part = |at: usize| {
            let (offset, length) = (word(head, at)? as usize, word(head, at + 4)? as usize);
            bytes.get(HEAD_BYTES..)?.get(offset..)?.get(..length)
        };
        Some(Whole { head, types: part(8)?, strings: part(16)? })
    }

    /// The same with other types.
    fn with(&self, types: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = self.head.get(..8)?.to_vec();
        let lengths = [0, types.len(), types.len(), self.strings.len()];
        bytes.extend(lengths.into_iter().flat_map(|length| (length as u32).to_ne_bytes()));
        bytes.extend(types);
        bytes.extend_from_slice(self.strings);
        Some(bytes)
    }

    fn name(&self, at: usize) -> &'a [u8] {
        let name = word(self.types, at).and_then(|name| self.strings.get(name as usize..)).unwrap_or_default();
        &name[..name.iter().position(|byte| *byte == 0).unwrap_or(name.len())]
    }

    fn kind(&self, at: usize) -> Option<u32> {
        Some(word(self.types, at + 4)? >> 24 & 0x1f)
    }

    /// How many members it has, or whatever its kind has several of.
    fn count(&self, at: usize) -> Option<usize> {
        Some(word(self.types, at + 4)? as usize & 0xffff)
    }

    /// How long the type at `at` is; nothing for a kind that is newer than we.
    fn length(&self, at: usize) -> Option<usize> {
        let each = match self.kind(at)? {
            kind::INT | kind::VARIABLE | kind::DECLARATION_TAG => return Some(COMMON + 4),
            kind::ARRAY => return Some(COMMON + 12),
            kind::STRUCT | kind::UNION | kind::SECTION | kind::ENUM64 => 12,
            kind::ENUM | kind::PROTOTYPE => 8,
            kind::POINTER | kind::FORWARD | kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT => 0,
            kind::FUNCTION | kind::FLOAT | kind::TYPE_TAG => 0,
            _ => return None,
        };
        Some(COMMON + each * self.count(at)?)
    }

    /// Types that lie within the type at `at`. What a pointer leads to does not.
    fn parts(&self, at: usize, to: &mut Vec<u32>) -> Option<()> {
        match self.kind(at)? {
            kind::STRUCT | kind::UNION => {
                for member in 0..self.count(at)? {
                    to.push(word(self.types, at + COMMON + member * 12 + 4)?);
                }
            }
            kind::ARRAY => to.push(word(self.types, at + COMMON)?),
            kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                to.push(word(self.types, at + 8)?);
            }
            _ => {}
        }
        Some(())
    }
}

/// Where in a type of this kind, with so many members, numbers of other types stand.
fn references(kind: u32, count: usize) -> Vec<usize> {
    let each = |start: usize, step: usize| (0..count).map(|index| COMMON + start + index * step).collect();
    match kind {
        kind::STRUCT | kind::UNION => each(4, 12),
        kind::SECTION => each(0, 12),
        kind::PROTOTYPE => [vec![8], each(4, 8)].concat(),
        kind::ARRAY => vec![COMMON, COMMON + 4],
        kind::POINTER | kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => vec![8],
        kind::FUNCTION | kind::VARIABLE | kind::DECLARATION_TAG => vec![8],
        _ => Vec::new(),
    }
}

/// Names of the types that an object of ours describes, without what follows three underscores.
fn names(object: &[u8]) -> Option<Vec<&[u8]>> {
    let start = object.windows(HEAD.len()).position(|window| window == HEAD)?;
    let strings = Whole::new(&object[start..])?.strings;
    let flavourless = |name: &'_ [u8]| name.windows(3).position(|three| three == b"___").unwrap_or(name.len());
    Some(strings.split(|byte| *byte == 0).map(|name| &name[..flavourless(name)]).collect())
}

/// Whether a type of this name may be asked for: what our programs describe, what they are attached to, and the helper
/// of which it is asked whether there is one.
fn is_wanted(kind: u32, name: &[u8], names: &HashSet<&[u8]>) -> bool {
    match kind {
        kind::STRUCT | kind::UNION => !name.is_empty() && names.contains(name),
        kind::TYPEDEF => name.starts_with(b"btf_trace_") || names.contains(name),
        kind::FUNCTION => name.starts_with(b"bpf_iter_") || name == crate::support::STORAGE.as_bytes(),
        _ => false,
    }
}

/// The description with all types emptied that `names` do not lead to, and the same without them. Nothing if it is not
/// understood.
fn excerpts(whole: &[u8], names: &HashSet<&[u8]>) -> Option<[Vec<u8>; 2]> {
    let whole = Whole::new(whole)?;
    let (mut places, mut wanted, mut at) = (vec![0], Vec::new(), 0);
    while at < whole.types.len() {
        let kind = whole.kind(at)?;
        let named = [kind::STRUCT, kind::UNION, kind::TYPEDEF, kind::FUNCTION].contains(&kind);
        if named && is_wanted(kind, whole.name(at), names) {
            wanted.push(places.len() as u32);
        }
        places.push(at);
        at += whole.length(at)?;
    }
    let mut kept = vec![false; places.len()];
    while let Some(number) = wanted.pop() {
        // Type 0 is `void`, and is not written down.
        let Some(kept) = kept.get_mut(number as usize).filter(|kept| number != 0 && !**kept) else { continue };
        *kept = true;
        whole.parts(places[number as usize], &mut wanted)?;
    }
    let mut types = Vec::with_capacity(places.len() * COMMON);
    for (at, kept) in places.iter().zip(&kept).skip(1) {
        if *kept {
            types.extend_from_slice(whole.types.get(*at..*at + whole.length(*at)?)?);
        } else {
            types.extend_from_slice(&EMPTY);
        }
    }
    Some([whole.with(&types)?, whole.with(&renumbered(&whole, &places, &kept)?)?])
}

/// A type of which nothing is known.
const EMPTY: [u8; COMMON] = {
    let mut bytes = [0; COMMON];
    // In the machine's order of bytes, of which the whole word is made.
    let kind = (kind::FORWARD << 24).to_ne_bytes();
    let mut index = 0;
    while index < 4 {
        bytes[4 + index] = kind[index];
        index += 1;
    }
    bytes
};

/// The types that are kept, numbered one after the other; all others are one more.
fn renumbered(whole: &Whole<'_>, places: &[usize], kept: &[bool]) -> Option<Vec<u8>> {
    let mut numbers = vec![0_u32; kept.len()];
    let mut next = 1;
    for (number, _) in numbers.iter_mut().zip(kept).skip(1).filter(|(_, kept)| **kept) {
        *number = next;
        next += 1;
    }
    let new = |old: u32| match numbers.get(old as usize) {
        Some(0) if old != 0 => next,
        Some(number) => *number,
        None => next,
    };
    let mut types = Vec::new();
    for (at, _) in places.iter().zip(kept).skip(1).filter(|(_, kept)| **kept) {
        let start = types.len();
        types.extend_from_slice(whole.types.get(*at..*at + whole.length(*at)?)?);
        for place in references(whole.kind(*at)?, whole.count(*at)?) {
            let number = new(word(whole.types, at + place)?);
            types.get_mut(start + place..start + place + 4)?.copy_from_slice(&number.to_ne_bytes());
        }
    }
    types.extend_from_slice(&EMPTY);
    Some(types)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A description with these types and strings.
    fn described(types: &[u32], strings: &[u8]) -> Vec<u8> {
        let mut bytes = HEAD.to_vec();
        let length = types.len() as u32 * 4;
        bytes.extend([0, length, length, strings.len() as u32].map(u32::to_ne_bytes).concat());
        bytes.extend(types.iter().flat_map(|word| word.to_ne_bytes()));
        bytes.extend(strings);
        bytes
    }

    /// `int`, a structure that nobody asks for, one with it and a pointer to the first, and that pointer.
    fn example() -> Vec<u8> {
        let strings = b"\0int\0other\0asked\0member\0";
        let structure = |members: u32| kind::STRUCT << 24 | members;
        let types = [
            [1, kind::INT << 24, 4, 32].to_vec(),
            [5, structure(1), 4, 18, 1, 0].to_vec(),
            [11, structure(2), 16, 18, 1, 0, 18, 4, 64].to_vec(),
            [0, kind::POINTER << 24, 2].to_vec(),
        ];
        described(&types.concat(), strings)
    }

    #[test]
    fn what_is_asked_for_keeps_its_number_and_all_within_it() {
        let whole = example();
        let [numbered, few] = excerpts(&whole, &HashSet::from([&b"asked"[..]])).expect("it is whole");
        let [int, pointer, asked, none]: [(u32, &[u8]); 4] =
            [(kind::INT, b"int"), (kind::POINTER, b""), (kind::STRUCT, b"asked"), (kind::FORWARD, b"")];
        assert_eq!(told(&numbered), [int, none, asked, pointer]);
        assert_eq!(told(&few), [int, asked, pointer, none]);
        // Its members are the first and the third; what the pointer leads to is not known.
        let parts = Whole::new(&few).expect("it is whole");
        let at = COMMON + 4;
        let mut members = Vec::new();
        parts.parts(at, &mut members).expect("it is whole");
        assert_eq!(members, [1, 3]);
        assert_eq!(word(parts.types, at + parts.length(at).expect("a length") + 8), Some(4));
    }

    /// Kind and name of each type.
    fn told(bytes: &[u8]) -> Vec<(u32, &[u8])> {
        let parts = Whole::new(bytes).expect("it is whole");
        let (mut kinds, mut at) = (Vec::new(), 0);
        while at < parts.types.len() {
            kinds.push((parts.kind(at).expect("a kind"), parts.name(at)));
            at += parts.length(at).expect("a length");
        }
        kinds
    }

    #[test]
    fn our_programs_find_the_same_in_the_excerpt_as_in_the_whole() {
        let Ok(whole) = Btf::from_sys_fs() else { return };
        let objects = crate::program::objects();
        let excerpt = of_kernel(&objects).expect("the kernel describes itself");
        use aya_obj::btf::BtfKind;
        for (name, kind) in [
            ("task_struct", BtfKind::Struct),
            ("file", BtfKind::Struct),
            ("btf_trace_sys_exit", BtfKind::Typedef),
            ("bpf_iter_task", BtfKind::Func),
            (crate::support::STORAGE, BtfKind::Func),
            (crate::support::URING, BtfKind::Typedef),
        ] {
            let number = |btf: &Btf| btf.id_by_type_name_kind(name, kind).ok();
            assert_eq!(number(&excerpt.numbered), number(&whole), "{name}");
            assert_eq!(number(&excerpt.few).is_some(), number(&whole).is_some(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(change in prop::collection::vec((0..200_usize, any::<u8>()), 0..20), end in 0..200_usize) {
            let mut bytes = example();
            bytes.truncate(end.max(1));
            for (at, byte) in change {
                let length = bytes.len();
                bytes[at % length] = byte;
            }
            let names = HashSet::from([&b"asked"[..], b"other"]);
            let _ = excerpts(&bytes, &names);
            let _ = super::names(&bytes);
        }
    }
}
