//! Until when the certificates of a node are good.
//!
//! From PEM files and the certificates inside kubeconfig files to [`Topic::Certificate`]. Of a certificate only its two
//! dates are read (RFC 5280, 4.1.2.5); keys that stand beside it are passed over.

use fathom_model::fact::Topic;
use fathom_model::{Fact, Facts};

use super::asked;
use crate::Host;

/// Folders whose `.crt` and `.pem` files are certificates.
const FOLDERS: &[&str] = &[
    "etc/kubernetes/pki",
    "etc/kubernetes/pki/etcd",
    "var/lib/kubelet/pki",
    "var/lib/rancher/k3s/server/tls",
    "var/lib/rancher/k3s/agent",
];

/// Files with a certificate inside.
const KUBECONFIGS: &[&str] = &[
    "etc/kubernetes/admin.conf",
    "etc/kubernetes/super-admin.conf",
    "etc/kubernetes/kubelet.conf",
    "etc/kubernetes/controller-manager.conf",
    "etc/kubernetes/scheduler.conf",
];

pub(super) fn read(host: &Host, facts: &mut Facts) {
    let mut paths: Vec<String> = KUBECONFIGS.iter().map(|path| (*path).to_owned()).collect();
    for folder in FOLDERS {
        let entries = std::fs::read_dir(host.path(folder)).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        // The kubelet keeps those that it has had; the link `…-current.pem` is the one that counts.
        let is_old = |name: &str| name.starts_with("kubelet-") && name.ends_with(".pem") && !name.contains("current");
        let kept = names.filter(|name| (name.ends_with(".crt") || name.ends_with(".pem")) && !is_old(name));
        paths.extend(kept.map(|name| format!("{folder}/{name}")));
    }
    paths.sort();
    for path in paths {
        let Some(text) = asked(host, &path, facts) else { continue };
        match good(&text) {
            Some((from, to)) => facts.add(Fact::of(
                Topic::Certificate,
                format!("/{path}"),
                [("notBefore", from.into()), ("notAfter", to.into())],
            )),
            None if text.contains("certificate") || text.contains("CERTIFICATE") => {
                facts.lack(format!("read the certificate in /{path}"), "it is not one that is known");
            }
            None => {}
        }
    }
}

/// From when to when the first certificate of a file is good, as RFC 3339 writes moments.
pub fn good(text: &str) -> Option<(String, String)> {
    let plain = text.split_once("-----BEGIN CERTIFICATE-----").and_then(|(_, rest)| rest.split_once("-----END"));
    if let Some((body, _)) = plain {
        return dates(&base64(body)?);
    }
    let data = text.lines().find_map(|line| line.trim().strip_prefix("client-certificate-data:"))?;
    let inner = base64(data.trim())?;
    let inner = std::str::from_utf8(&inner).ok()?;
    // One level only: what is inside a kubeconfig is PEM.
    if inner.contains("client-certificate-data") { None } else { good(inner) }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|letter| !letter.is_ascii_whitespace() && *letter != b'=') {
        bits = bits << 6 | ALPHABET.iter().position(|one| *one == letter)? as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The element at the front (X.690, 8.1): its tag, what is in it, what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (inside, after) = rest.split_at_checked(length)?;
    Some((tag, inside, after))
}

/// Certificate → tbsCertificate → version, serial number, algorithm, issuer, validity.
fn dates(der: &[u8]) -> Option<(String, String)> {
    let (_, certificate, _) = element(der).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, mut body, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    // Of all fields only the validity is a sequence that begins with a moment.
    for _ in 0..8 {
        let (tag, inside, after) = element(body)?;
        if tag == SEQUENCE
            && let Some((first, from, rest)) = element(inside)
            && [UTC_TIME, GENERALIZED_TIME].contains(&first)
        {
            let (second, to, _) = element(rest)?;
            return Some((moment(first, from)?, moment(second, to)?));
        }
        body = after;
    }
    None
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn moment(tag: u8, text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let full = match tag {
        UTC_TIME => format!("{}{text}", if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" }),
        _ => text.to_owned(),
    };
    if full.len() != 14 || !full.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (date, time) = full.split_at(8);
    Some(format!("{}-{}-{}T{}:{}:{}Z", &date[..4], &date[4..6], &date[6..], &time[..2], &time[2..4], &time[4..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A certificate's beginning, with these two moments.
    fn certificate(tag: u8, from: &str, to: &str) -> Vec<u8> {
        let wrap = |tag: u8, inside: &[u8]| [&[tag, inside.len() as u8], inside].concat();
        let validity = wrap(SEQUENCE, &[wrap(tag, from.as_bytes()), wrap(tag, to.as_bytes())].concat());
        let body = [wrap(0xa0, &[2, 1, 2]), wrap(2, &[7]), wrap(SEQUENCE, &[6, 1, 1]), wrap(SEQUENCE, &[]), validity];
        wrap(SEQUENCE, &wrap(SEQUENCE, &body.concat()))
    }

    #[test]
    fn both_ways_of_writing_moments() {
        let der = certificate(UTC_TIME, "250301120000Z", "260301120000Z");
        assert_eq!(dates(&der), Some(("2025-03-01T12:00:00Z".into(), "2026-03-01T12:00:00Z".into())));
        let der = certificate(GENERALIZED_TIME, "20250301120000Z", "20560301120000Z");
        assert_eq!(dates(&der).map(|(_, to)| to).as_deref(), Some("2056-03-01T12:00:00Z"));
    }

    #[test]
    fn a_kubeconfig_has_one_inside() {
        let letters = |bytes: &[u8]| {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let group = |part: &[u8]| {
                let bits = part.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
                (0..=part.len())
                    .map(|at| char::from(alphabet[(bits >> (18 - 6 * at)) as usize & 63]))
                    .collect::<String>()
            };
            bytes.chunks(3).map(group).collect::<String>()
        };
        let der = certificate(UTC_TIME, "250301120000Z", "260301120000Z");
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", letters(&der));
        let config = format!("users:\n- user:\n    client-certificate-data: {}\n", letters(pem.as_bytes()));
        assert_eq!(good(&pem).map(|(_, to)| to).as_deref(), Some("2026-03-01T12:00:00Z"));
        assert_eq!(good(&config), good(&pem));
        assert_eq!(good("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,200}") {
            dates(&bytes);
            good(&text);
            good(&format!("-----BEGIN CERTIFICATE-----{text}-----END"));
        }
    }
}
