//! One authority after another, without a moment in which somebody is not believed who should be.
//!
//! A successor is made and trusted by everybody before it signs anything; its predecessor stays trusted until nothing
//! that it has signed is good any more. What is kept says how far that is, so that any server goes on with it.

use std::collections::BTreeMap;
use std::time::Duration;

use fathom_model::Failure;

use super::{Authority, CERTIFICATE, KEY, broken};

/// The one that comes, and since when it is trusted.
const NEXT: &str = "next.crt";
const NEXT_KEY: &str = "next.key";
const NEXT_SINCE: &str = "next.since";
/// The one that was, and since when it does not sign any more.
const OLD: &str = "old.crt";
const OLD_SINCE: &str = "old.since";

/// Whoever puts this there, with any text, wants a new one.
pub const ASKED: &str = "rotate";

/// How long things last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// An authority's life; a successor is made after two thirds of it.
    pub life: Duration,
    /// How long two of them are trusted, before and after the second one begins to sign: longer than any certificate
    /// that either signs is good, and than anybody takes to hear of it.
    pub overlap: Duration,
}

/// What is next, if it is time: at most one step, and nothing where nothing is to be done.
pub(super) fn advance(texts: &mut BTreeMap<String, String>, terms: Terms, now: i64) -> Result<(), Failure> {
    let overlap = i64::try_from(terms.overlap.as_secs()).unwrap_or(i64::MAX);
    let over = |texts: &BTreeMap<String, String>, since: &str| {
        let since = texts.get(since).and_then(|text| text.parse::<i64>().ok()).unwrap_or(i64::MIN);
        since.saturating_add(overlap) <= now
    };
    let Some(age) = texts.get(CERTIFICATE).filter(|_| texts.contains_key(KEY)).map(|pem| Age::of(pem)).transpose()?
    else {
        // None, or an emptied secret: nobody trusts anything yet, or is meant to any more.
        texts.retain(|_, _| false);
        let (certificate, key) = Authority::fresh(terms.life)?;
        texts.insert(CERTIFICATE.to_owned(), certificate);
        texts.insert(KEY.to_owned(), key);
        return Ok(());
    };
    if texts.contains_key(NEXT) && texts.contains_key(NEXT_KEY) {
        if over(texts, NEXT_SINCE) || age.is_over(now) {
            for (from, to) in [(CERTIFICATE, OLD), (NEXT, CERTIFICATE), (NEXT_KEY, KEY)] {
                let text = texts.remove(from).expect("it was looked for");
                texts.insert(to.to_owned(), text);
            }
            texts.remove(NEXT_SINCE);
            texts.insert(OLD_SINCE.to_owned(), now.to_string());
        }
    } else if texts.contains_key(OLD) {
        if over(texts, OLD_SINCE) {
            texts.remove(OLD);
            texts.remove(OLD_SINCE);
        }
    } else if texts.remove(ASKED).is_some() || age.is_due(now) {
        let (certificate, key) = Authority::fresh(terms.life)?;
        texts.insert(NEXT.to_owned(), certificate);
        texts.insert(NEXT_KEY.to_owned(), key);
        texts.insert(NEXT_SINCE.to_owned(), now.to_string());
    }
    Ok(())
}

/// Everybody who is trusted, PEM: the one that signs first.
pub(super) fn bundle(texts: &BTreeMap<String, String>) -> String {
    [CERTIFICATE, NEXT, OLD].iter().filter_map(|name| texts.get(*name)).map(String::as_str).collect()
}

/// When an authority began and when it ends, in seconds since 1970.
struct Age {
    begins: i64,
    ends: i64,
}

impl Age {
    fn of(pem: &str) -> Result<Self, Failure> {
        let (_, pem) =
            x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|error| broken("read the authority", error))?;
        let certificate = pem.parse_x509().map_err(|error| broken("read the authority", error))?;
        let validity = certificate.validity();
        let skew = i64::try_from(super::SKEW.as_secs()).unwrap_or_default();
        Ok(Age { begins: validity.not_before.timestamp() + skew, ends: validity.not_after.timestamp() })
    }

    /// Two thirds of it are over.
    fn is_due(&self, now: i64) -> bool {
        now - self.begins >= (self.ends - self.begins) / 3 * 2
    }

    fn is_over(&self, now: i64) -> bool {
        now >= self.ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { life: Duration::from_secs(3000), overlap: Duration::from_secs(100) };

    fn certificates(bundle: &str) -> usize {
        bundle.matches("BEGIN CERTIFICATE").count()
    }

    /// Goes through a rotation that begins at `now`, and says when each step was.
    #[track_caller]
    fn rotates(texts: &mut BTreeMap<String, String>, now: i64) {
        let mut at = |now: i64, trusted: usize| {
            advance(texts, TERMS, now).expect("it is well");
            assert_eq!(certificates(&bundle(texts)), trusted, "{:?}", texts.keys());
            texts[CERTIFICATE].clone()
        };
        let first = at(now, 2);
        // The new one is trusted for a while before it signs, and the old one for a while after.
        assert_eq!(at(now + 99, 2), first);
        let second = at(now + 100, 2);
        assert_ne!(second, first);
        assert_eq!(at(now + 199, 2), second);
        assert_eq!(at(now + 200, 1), second);
    }

    #[test]
    fn one_comes_after_the_other() {
        let start = jiff::Timestamp::now().as_second();
        let mut texts = BTreeMap::new();
        advance(&mut texts, TERMS, start).expect("it is made");
        let first = texts.clone();
        for now in [start, start + 1990] {
            advance(&mut texts, TERMS, now).expect("it is well");
            assert_eq!(texts, first, "nothing is to be done");
        }
        texts.insert(ASKED.to_owned(), "now".to_owned());
        rotates(&mut texts, start + 500);
        let second = texts.clone();
        advance(&mut texts, TERMS, start + 701).expect("it is well");
        assert_eq!(texts, second, "it was asked for once");
        // And by its age.
        rotates(&mut texts, start + 2001);
    }

    #[test]
    fn an_emptied_secret_is_a_new_beginning() {
        let start = jiff::Timestamp::now().as_second();
        let mut texts = BTreeMap::new();
        advance(&mut texts, TERMS, start).expect("it is made");
        let first = texts.remove(CERTIFICATE).expect("there is one");
        texts.insert(OLD.to_owned(), first.clone());
        advance(&mut texts, TERMS, start).expect("it is made");
        assert!(certificates(&bundle(&texts)) == 1 && texts[CERTIFICATE] != first, "{:?}", texts.keys());
    }

    #[test]
    fn what_nobody_can_read_is_not_replaced_by_itself() {
        let mut texts: BTreeMap<String, String> =
            [(CERTIFICATE, "no"), (KEY, "no")].map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let before = texts.clone();
        assert!(advance(&mut texts, TERMS, 0).is_err());
        assert_eq!(texts, before);
    }
}
