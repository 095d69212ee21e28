//! Resource records, and how zone files write them (RFC 1035, 3597, 4034, 9460).

use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::message::Reader;

/// The pseudo-record of EDNS.
pub(super) const OPT: u16 = 41;

/// A record; its data is text already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) kind: u16,
    pub(super) class: u16,
    pub(super) ttl: u32,
    pub(super) data: String,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}\t{}\t{}\t{}", self.name, self.ttl, class_name(self.class), kind_name(self.kind), self.data)
    }
}

const KINDS: [(&str, u16); 34] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("HINFO", 13),
    ("MX", 15),
    ("TXT", 16),
    ("RP", 17),
    ("AFSDB", 18),
    ("AAAA", 28),
    ("LOC", 29),
    ("SRV", 33),
    ("NAPTR", 35),
    ("CERT", 37),
    ("DNAME", 39),
    ("OPT", 41),
    ("DS", 43),
    ("SSHFP", 44),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("NSEC3", 50),
    ("NSEC3PARAM", 51),
    ("TLSA", 52),
    ("CDS", 59),
    ("CDNSKEY", 60),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("SPF", 99),
    ("IXFR", 251),
    ("AXFR", 252),
    ("ANY", 255),
    ("CAA", 257),
];

/// The number of a type's name; `TYPE123` is one too (RFC 3597).
pub(super) fn kind_number(text: &str) -> Option<u16> {
    let text = text.to_ascii_uppercase();
    let known = KINDS.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    known.or_else(|| text.strip_prefix("TYPE")?.parse().ok())
}

/// The name of a type.
pub(super) fn kind_name(number: u16) -> String {
    let known = KINDS.iter().find(|(_, known)| *known == number);
    known.map_or_else(|| format!("TYPE{number}"), |(name, _)| (*name).to_owned())
}

/// The number of a class.
pub(super) fn class_number(text: &str) -> Option<u16> {
    match text.to_ascii_uppercase().as_str() {
        "IN" => Some(1),
        "CH" => Some(3),
        "HS" => Some(4),
        _ => None,
    }
}

/// The name of a class.
pub(super) fn class_name(number: u16) -> String {
    match number {
        1 => "IN".to_owned(),
        3 => "CH".to_owned(),
        4 => "HS".to_owned(),
        255 => "ANY".to_owned(),
        other => format!("CLASS{other}"),
    }
}

/// Adds a label and its dot; what could be misread is escaped.
pub(super) fn push_label(name: &mut String, label: &[u8]) {
    for byte in label {
        match byte {
            b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => name.extend(['\\', char::from(*byte)]),
            b'!'..=b'~' => name.push(char::from(*byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(name, "\\{byte:03}")),
        }
    }
    name.push('.');
}

impl Record {
    /// Reads one; data that breaks the rules of its type is shown as RFC 3597 shows unknown types.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, &'static str> {
        let (name, kind, class, ttl) = (reader.name()?, reader.u16()?, reader.u16()?, reader.u32()?);
        let length = usize::from(reader.u16()?);
        let start = reader.at;
        let raw = reader.take(length)?;
        let mut inner = Reader { all: reader.all, at: start, end: start + length };
        let data = match data(kind, &mut inner) {
            Ok(text) if inner.is_empty() => text,
            Ok(_) | Err(_) => format!("\\# {length} {}", hex(raw)),
        };
        Ok(Record { name, kind, class, ttl, data })
    }
}

fn data(kind: u16, reader: &mut Reader<'_>) -> Result<String, &'static str> {
    Ok(match kind_name(kind).as_str() {
        "A" => Ipv4Addr::from(reader.u32()?).to_string(),
        "AAAA" => {
            let bytes: [u8; 16] = reader.take(16)?.try_into().map_err(|_| "no address")?;
            Ipv6Addr::from(bytes).to_string()
        }
        "NS" | "CNAME" | "PTR" | "DNAME" => reader.name()?,
        "MX" | "AFSDB" => format!("{} {}", reader.u16()?, reader.name()?),
        "RP" => format!("{} {}", reader.name()?, reader.name()?),
        "SOA" => {
            let (first, second) = (reader.name()?, reader.name()?);
            let numbers = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
            format!("{first} {second} {}", numbers.map(|number| number.to_string()).join(" "))
        }
        "TXT" | "SPF" | "HINFO" => {
            let mut parts = Vec::new();
            while !reader.is_empty() {
                parts.push(string(reader)?);
            }
            parts.join(" ")
        }
        "SRV" => format!("{} {} {} {}", reader.u16()?, reader.u16()?, reader.u16()?, reader.name()?),
        "NAPTR" => {
            let (order, preference) = (reader.u16()?, reader.u16()?);
            format!(
                "{order} {preference} {} {} {} {}",
                string(reader)?,
                string(reader)?,
                string(reader)?,
                reader.name()?
            )
        }
        "CAA" => {
            let flags = reader.u8()?;
            let length = usize::from(reader.u8()?);
            let tag = String::from_utf8_lossy(reader.take(length)?).into_owned();
            format!("{flags} {tag} {}", quoted(reader.rest()))
        }
        "DS" | "CDS" => format!("{} {} {} {}", reader.u16()?, reader.u8()?, reader.u8()?, hex(reader.rest())),
        "TLSA" => format!("{} {} {} {}", reader.u8()?, reader.u8()?, reader.u8()?, hex(reader.rest())),
        "SSHFP" => format!("{} {} {}", reader.u8()?, reader.u8()?, hex(reader.rest())),
        "DNSKEY" | "CDNSKEY" => {
            format!("{} {} {} {}", reader.u16()?, reader.u8()?, reader.u8()?, base64(reader.rest()))
        }
        "RRSIG" => {
            let (covered, algorithm, labels, ttl) =
                (kind_name(reader.u16()?), reader.u8()?, reader.u8()?, reader.u32()?);
            let (until, from) = (moment(reader.u32()?), moment(reader.u32()?));
            let (key, signer) = (reader.u16()?, reader.name()?);
            format!("{covered} {algorithm} {labels} {ttl} {until} {from} {key} {signer} {}", base64(reader.rest()))
        }
        "NSEC" => format!("{} {}", reader.name()?, kinds(reader)?),
        "SVCB" | "HTTPS" => {
            let mut text = format!("{} {}", reader.u16()?, reader.name()?);
            while !reader.is_empty() {
                let (key, length) = (reader.u16()?, reader.u16()?);
                text += &format!(" {}", parameter(key, reader.take(usize::from(length))?));
            }
            text
        }
        _ => return Err("a type without a form of its own"),
    })
}

/// A character string: a length and that many bytes.
fn string(reader: &mut Reader<'_>) -> Result<String, &'static str> {
    let length = usize::from(reader.u8()?);
    Ok(quoted(reader.take(length)?))
}

fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(text, "\\{byte:03}")),
        }
    }
    text + "\""
}

/// A set of types: windows of up to 256 bits (RFC 4034 4.1.2).
fn kinds(reader: &mut Reader<'_>) -> Result<String, &'static str> {
    let mut names = Vec::new();
    while !reader.is_empty() {
        let (window, length) = (u16::from(reader.u8()?), usize::from(reader.u8()?));
        for (index, byte) in reader.take(length)?.iter().enumerate() {
            for bit in 0..8u16 {
                if byte >> (7 - bit) & 1 == 1 {
                    names.push(kind_name(window << 8 | (index as u16) << 3 | bit));
                }
            }
        }
    }
    Ok(names.join(" "))
}

/// A parameter of SVCB and HTTPS, RFC 9460 14.3.2.
fn parameter(key: u16, value: &[u8]) -> String {
    let list = |text: Vec<String>| text.join(",");
    match key {
        1 => {
            let (mut rest, mut names) = (value, Vec::new());
            while let Some((length, after)) = rest.split_first() {
                let Some((name, after)) = after.split_at_checked(usize::from(*length)) else { break };
                names.push(String::from_utf8_lossy(name).into_owned());
                rest = after;
            }
            format!("alpn=\"{}\"", list(names))
        }
        2 => "no-default-alpn".to_owned(),
        3 if value.len() == 2 => format!("port={}", u16::from_be_bytes([value[0], value[1]])),
        4 => {
            let addresses =
                value.chunks_exact(4).map(|part| Ipv4Addr::new(part[0], part[1], part[2], part[3]).to_string());
            format!("ipv4hint={}", list(addresses.collect()))
        }
        6 => {
            let addresses = value.chunks_exact(16).filter_map(|part| <[u8; 16]>::try_from(part).ok());
            format!("ipv6hint={}", list(addresses.map(|bytes| Ipv6Addr::from(bytes).to_string()).collect()))
        }
        5 => format!("ech=\"{}\"", base64(value)),
        other => format!("key{other}={}", quoted(value)),
    }
}

/// `YYYYMMDDHHMMSS`, RFC 4034 3.2.
fn moment(seconds: u32) -> String {
    let moment = jiff::Timestamp::from_second(i64::from(seconds)).unwrap_or_default();
    moment.strftime("%Y%m%d%H%M%S").to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 4648 4.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let number = part.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place) & 63) as usize];
            text.push(if place > part.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, bytes: &[u8], expect: &str) {
        let number = kind_number(kind).expect("a type");
        let mut record = vec![0];
        record.extend(number.to_be_bytes());
        record.extend([0, 1, 0, 0, 0, 60]);
        record.extend(u16::try_from(bytes.len()).expect("short").to_be_bytes());
        record.extend(bytes);
        let mut reader = Reader { all: &record, at: 0, end: record.len() };
        let read = Record::read(&mut reader).expect("a record");
        assert_eq!(read.to_string(), format!(".\t60\tIN\t{kind}\t{expect}"));
    }

    #[test]
    fn data_is_written_as_in_zone_files() {
        check("A", &[192, 0, 2, 1], "192.0.2.1");
        check("MX", b"\x00\x0a\x04mail\x00", "10 mail.");
        check("TXT", b"\x03a\"b\x01c", r#""a\"b" "c""#);
        check("SRV", b"\x00\x01\x00\x02\x1f\x90\x01a\x00", "1 2 8080 a.");
        check("CAA", b"\x00\x05issueca.example", r#"0 issue "ca.example""#);
        check("DS", &[0, 1, 8, 2, 0xab, 0xcd], "1 8 2 abcd");
        check("NSEC", b"\x01a\x00\x00\x06\x40\x00\x00\x00\x00\x03", "a. A RRSIG NSEC");
        check("HTTPS", b"\x00\x01\x00\x00\x01\x00\x03\x02h2\x00\x03\x00\x02\x01\xbb", "1 . alpn=\"h2\" port=443");
        // Too short, too long, and of no known type.
        check("A", &[192, 0, 2], "\\# 3 c00002");
        check("AAAA", &[0; 17], "\\# 17 0000000000000000000000000000000000");
        check("TYPE999", &[1], "\\# 1 01");
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, expect) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v")] {
            assert_eq!(base64(bytes), expect);
        }
    }
}
