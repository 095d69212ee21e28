//! DNS messages (RFC 1035): writing a question, reading what comes back.
//!
//! The bytes are foreign: every read is bounded, and a name may not point forwards, so that it ends.

use std::io::Write;

use super::record::{self, Record};
use crate::frame::{Out, Trouble};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name: String,
    pub(super) kind: u16,
    pub(super) class: u16,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) id: u16,
    pub(super) flags: u16,
    pub(super) questions: Vec<Question>,
    pub(super) answers: Vec<Record>,
    pub(super) authority: Vec<Record>,
    pub(super) additional: Vec<Record>,
}

/// The bytes of a question; `edns` is the largest answer wanted, and whether signatures are.
pub(super) fn query(
    question: &Question,
    id: u16,
    recursion: bool,
    edns: Option<(u16, bool)>,
) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    for number in [id, if recursion { 0x100 } else { 0 }, 1, 0, 0, u16::from(edns.is_some())] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(encode(&question.name)?);
    bytes.extend(question.kind.to_be_bytes());
    bytes.extend(question.class.to_be_bytes());
    if let Some((size, signatures)) = edns {
        // The pseudo-record OPT of RFC 6891: no name, the size as class, DO as the top flag of the "time to live".
        bytes.extend([0, 0, 41]);
        bytes.extend(size.to_be_bytes());
        bytes.extend([0, 0, if signatures { 0x80 } else { 0 }, 0, 0, 0]);
    }
    Ok(bytes)
}

/// A name as labels; `\.` and `\ddd` are escapes, as in zone files.
fn encode(name: &str) -> Result<Vec<u8>, Trouble> {
    let wrong = |why: &str| Trouble::Words(format!("not a domain name: `{name}`: {why}"));
    let (mut encoded, mut label) = (Vec::new(), Vec::new());
    let mut bytes = name.bytes().peekable();
    let mut finish = |label: &mut Vec<u8>| match label.len() {
        0 => Err(wrong("an empty label")),
        length @ 1..=63 => {
            encoded.push(length as u8);
            encoded.append(label);
            Ok(())
        }
        _ => Err(wrong("a label of more than 63 bytes")),
    };
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' if name == "." => {}
            b'.' => finish(&mut label)?,
            b'\\' => {
                let digits: Vec<u8> = std::iter::from_fn(|| bytes.next_if(u8::is_ascii_digit)).take(3).collect();
                let text = String::from_utf8_lossy(&digits).into_owned();
                let escaped = if text.is_empty() { bytes.next() } else { text.parse().ok() };
                label.push(escaped.ok_or_else(|| wrong("an escape without its character"))?);
            }
            byte => label.push(byte),
        }
    }
    if !label.is_empty() {
        finish(&mut label)?;
    }
    encoded.push(0);
    if encoded.len() > 255 { Err(wrong("more than 255 bytes")) } else { Ok(encoded) }
}

const CUT: &str = "the message ends too early";

/// A place in a message.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    pub(super) all: &'a [u8],
    pub(super) at: usize,
    /// Where this part ends.
    pub(super) end: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.end).ok_or(CUT)?;
        let bytes = self.all.get(self.at..end).ok_or(CUT)?;
        self.at = end;
        Ok(bytes)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        let bytes = self.all.get(self.at..self.end).unwrap_or_default();
        self.at = self.end;
        bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    pub(super) fn u8(&mut self) -> Result<u8, &'static str> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, &'static str> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn u32(&mut self) -> Result<u32, &'static str> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A name, following pointers (RFC 1035 4.1.4) backwards only.
    pub(super) fn name(&mut self) -> Result<String, &'static str> {
        let mut name = String::new();
        let (mut at, mut after, mut limit) = (self.at, None, self.at);
        loop {
            let length = *self.all.get(at).ok_or(CUT)?;
            match length {
                0 => {
                    at += 1;
                    break;
                }
                1..=63 => {
                    let label = self.all.get(at + 1..at + 1 + usize::from(length)).ok_or(CUT)?;
                    record::push_label(&mut name, label);
                    at += 1 + usize::from(length);
                }
                0xc0.. => {
                    let low = *self.all.get(at + 1).ok_or(CUT)?;
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    after = after.or(Some(at + 2));
                    if target >= limit {
                        return Err("a name points forwards");
                    }
                    (at, limit) = (target, target);
                }
                64..0xc0 => return Err("a label of an unknown kind"),
            }
            if name.len() > 1024 {
                return Err("a name has no end");
            }
        }
        self.at = after.unwrap_or(at);
        if self.at > self.end {
            return Err(CUT);
        }
        Ok(if name.is_empty() { ".".to_owned() } else { name })
    }
}

impl Message {
    /// Reads a message.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut reader = Reader { all: bytes, at: 0, end: bytes.len() };
        let (id, flags) = (reader.u16()?, reader.u16()?);
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        let questions = (0..counts[0])
            .map(|_| Ok::<_, &str>(Question { name: reader.name()?, kind: reader.u16()?, class: reader.u16()? }))
            .collect::<Result<_, _>>()?;
        let mut section = |count: u16| (0..count).map(|_| Record::read(&mut reader)).collect::<Result<Vec<_>, _>>();
        let (answers, authority, additional) = (section(counts[1])?, section(counts[2])?, section(counts[3])?);
        Ok(Message { id, flags, questions, answers, authority, additional })
    }

    /// Prints it as drill does.
    pub(super) fn print(&self, out: &mut Out) -> Result<(), Trouble> {
        let opcode = ["QUERY", "IQUERY", "STATUS", "?", "NOTIFY", "UPDATE"];
        let opcode = opcode.get(usize::from(self.flags >> 11 & 15)).copied().unwrap_or("?");
        writeln!(out, ";; ->>HEADER<<- opcode: {opcode}, rcode: {}, id: {}", self.rcode(), self.id)?;
        let names = [(15, "qr"), (10, "aa"), (9, "tc"), (8, "rd"), (4, "cd"), (7, "ra"), (5, "ad")];
        let flags: String =
            names.iter().filter(|(bit, _)| self.flags >> bit & 1 == 1).map(|(_, name)| format!("{name} ")).collect();
        let counts = [self.questions.len(), self.answers.len(), self.authority.len(), self.additional.len()];
        let [questions, answers, authority, additional] = counts;
        writeln!(
            out,
            ";; flags: {flags}; QUERY: {questions}, ANSWER: {answers}, AUTHORITY: {authority}, ADDITIONAL: {additional} "
        )?;
        writeln!(out, ";; QUESTION SECTION:")?;
        for question in &self.questions {
            let (class, kind) = (record::class_name(question.class), record::kind_name(question.kind));
            writeln!(out, ";; {}\t{class}\t{kind}", question.name)?;
        }
        for (title, records) in
            [("ANSWER", &self.answers), ("AUTHORITY", &self.authority), ("ADDITIONAL", &self.additional)]
        {
            writeln!(out, "\n;; {title} SECTION:")?;
            for record in records.iter().filter(|record| record.kind != record::OPT) {
                writeln!(out, "{record}")?;
            }
        }
        writeln!(out)?;
        for record in self.additional.iter().filter(|record| record.kind == record::OPT) {
            let flags = if record.ttl & 0x8000 == 0 { "" } else { " do" };
            writeln!(out, ";; EDNS: version {}; flags:{flags} ; udp: {}", record.ttl >> 16 & 0xff, record.class)?;
        }
        Ok(())
    }

    /// RFC 1035 4.1.1 and RFC 2136 2.2.
    fn rcode(&self) -> String {
        let names = [
            "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMPL", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
            "NOTAUTH", "NOTZONE",
        ];
        let number = usize::from(self.flags & 15);
        names.get(number).map_or_else(|| number.to_string(), |name| (*name).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str) -> Question {
        Question { name: name.to_owned(), kind: 1, class: 1 }
    }

    #[test]
    fn a_question_reads_back() {
        for (name, expect) in [
            ("example.com", "example.com."),
            ("example.com.", "example.com."),
            (".", "."),
            (r"a\.b.c", r"a\.b.c."),
            (r"a\032b", r"a\032b."),
        ] {
            let bytes = query(&question(name), 7, true, Some((1232, true))).expect("a name");
            let message = Message::read(&bytes).expect("a message");
            assert_eq!((message.id, message.questions[0].name.as_str()), (7, expect));
            assert_eq!(message.additional[0].class, 1232);
        }
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for name in ["a..b", ".a", &"a".repeat(64), &["abcdefg"; 40].join(".")] {
            assert!(query(&question(name), 7, true, None).is_err(), "{name}");
        }
    }

    #[test]
    fn loops_and_forward_pointers_end() {
        let mut bytes = query(&question("a"), 7, true, None).expect("a name");
        bytes[12] = 0xc0;
        bytes[13] = 12;
        assert_eq!(Message::read(&bytes), Err("a name points forwards"));
    }

    proptest::proptest! {
        #[test]
        fn foreign_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = Message::read(&bytes);
            // With a plausible header, more of it is read.
            let mut answer = vec![0, 7, 0x81, 0x80, 0, 0, 0, 3, 0, 0, 0, 0];
            answer.extend(&bytes);
            let _ = Message::read(&answer);
        }
    }
}
