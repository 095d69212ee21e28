//! On whose behalf somebody comes: the API server's word for it, if it is the API server that says so.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use fathom_cluster::server::{FrontProxy, Person};
use tokio_rustls::rustls::pki_types::CertificateDer;

/// Who is at the other end of a connection, by the certificate that was verified when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Peer {
    /// The certificate's common name; none without a certificate.
    pub(crate) name: Option<String>,
    /// Which [`Front`] its authority was verified by.
    pub(crate) generation: u64,
}

/// What the API server is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Front {
    pub(crate) proxy: FrontProxy,
    /// Grows with every change, so that a connection is not believed for what was true when it was made.
    pub(crate) generation: u64,
}

/// The common name of a certificate.
pub(crate) fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    certificate.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned)
}

impl Front {
    /// Whom `peer` comes for; none where it is not to be believed, or says nobody.
    pub(crate) fn person(&self, peer: &Peer, headers: &HeaderMap) -> Option<Person> {
        let name = peer.name.as_ref().filter(|_| peer.generation == self.generation)?;
        if !self.proxy.names.is_empty() && !self.proxy.names.contains(name) {
            return None;
        }
        let all = |names: &[String]| -> Vec<String> {
            let values = names.iter().flat_map(|name| headers.get_all(name.as_str()));
            values.filter_map(|value| value.to_str().ok()).filter(|text| !text.is_empty()).map(str::to_owned).collect()
        };
        Some(Person {
            name: all(&self.proxy.user).into_iter().next()?,
            uid: all(&self.proxy.uid).into_iter().next(),
            groups: all(&self.proxy.groups),
            extra: self.extra(headers),
        })
    }

    fn extra(&self, headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
        let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            let prefixes = self.proxy.extra.iter().map(|prefix| prefix.to_ascii_lowercase());
            let key = prefixes.filter_map(|prefix| name.as_str().strip_prefix(&prefix).map(unescaped)).next();
            if let (Some(key), Ok(value)) = (key, value.to_str()) {
                extra.entry(key).or_default().push(value.to_owned());
            }
        }
        extra
    }
}

/// Keys are percent-encoded, as header names hold less than they may.
fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.filter(|_| *first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front() -> Front {
        let list = |name: &str| vec![name.to_owned()];
        let proxy = FrontProxy {
            authority: String::new(),
            names: list("front-proxy-client"),
            user: list("X-Remote-User"),
            groups: list("X-Remote-Group"),
            uid: list("X-Remote-Uid"),
            extra: list("X-Remote-Extra-"),
        };
        Front { proxy, generation: 3 }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("it is text"));
        }
        headers
    }

    #[test]
    fn the_api_server_says_whom_it_comes_for() {
        let peer = Peer { name: Some("front-proxy-client".into()), generation: 3 };
        let said = headers(&[
            ("x-remote-user", "jane"),
            ("x-remote-uid", "4211"),
            ("x-remote-group", "developers"),
            ("x-remote-group", "system:authenticated"),
            ("x-remote-extra-example.com%2fscopes", "a"),
            ("x-remote-extra-example.com%2fscopes", "b"),
            ("x-remote-extra-100%", "c"),
        ]);
        let person = front().person(&peer, &said).expect("it is believed");
        assert_eq!((person.name.as_str(), person.uid.as_deref()), ("jane", Some("4211")));
        assert_eq!(person.groups, ["developers", "system:authenticated"]);
        assert_eq!(person.extra["example.com/scopes"], ["a", "b"]);
        assert_eq!(person.extra["100%"], ["c"]);
        assert_eq!(
            front().person(&peer, &headers(&[("x-remote-group", "system:masters")])),
            None,
            "nobody is somebody"
        );
    }

    #[test]
    fn nobody_else_is_believed() {
        let said = headers(&[("x-remote-user", "jane")]);
        for peer in [
            Peer { name: None, generation: 3 },
            Peer { name: Some("somebody".into()), generation: 3 },
            Peer { name: Some("front-proxy-client".into()), generation: 2 },
        ] {
            assert_eq!(front().person(&peer, &said), None, "{peer:?}");
        }
    }
}
