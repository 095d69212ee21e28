//! URLs, as far as fetching needs them (RFC 3986).

use std::fmt;

/// How the host is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// A URL taken apart; the path includes the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) scheme: Scheme,
    /// IPv6 addresses without their brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

impl Url {
    /// Reads a URL; without a scheme it is plain HTTP.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some((other, _)) => return Err(format!("cannot fetch by `{other}`: only http and https")),
            None => (Scheme::Http, text),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = path.split('#').next().unwrap_or_default();
        if authority.contains('@') {
            return Err("a name and password in the URL are not sent: use -H 'Authorization: …'".to_owned());
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| format!("not a port: `{port}`"))?)
            }
            Some(_) | None => (authority, scheme.port()),
        };
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() || path.contains(|letter: char| letter.is_control() || letter == ' ') {
            return Err(format!("not a URL: `{text}`"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Url { scheme, host: host.to_owned(), port, path })
    }

    /// What `Location: TARGET` means here.
    pub(super) fn join(&self, target: &str) -> Result<Self, String> {
        if target.contains("://") {
            return Url::read(target);
        }
        if let Some(rest) = target.strip_prefix("//") {
            let scheme = if self.scheme == Scheme::Https { "https" } else { "http" };
            return Url::read(&format!("{scheme}://{rest}"));
        }
        let target = target.split('#').next().unwrap_or_default();
        let path = if target.starts_with('/') {
            target.to_owned()
        } else {
            let own = self.path.split('?').next().unwrap_or_default();
            let folder = own.rfind('/').map_or("/", |slash| &own[..=slash]);
            format!("{folder}{target}")
        };
        Ok(Url { path, ..self.clone() })
    }

    /// The host and, where it is not the usual one, the port: the value of `Host`.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.port() { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.scheme == Scheme::Https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (text, expect) in [
            ("example.com", "http://example.com/"),
            ("http://a:8080?x=1#y", "http://a:8080/?x=1"),
            ("https://[::1]:443/a", "https://[::1]/a"),
            ("http://[::1]/a", "http://[::1]/a"),
            ("localhost:80/a", "http://localhost/a"),
        ] {
            assert_eq!(Url::read(text).expect("a URL").to_string(), expect);
        }
        for text in ["ftp://a", "http://", "http://a:b", "http://u:p@a", "http://a/x y"] {
            assert!(Url::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn redirects_are_followed_from_where_we_are() {
        let url = Url::read("https://a/b/c?d").expect("a URL");
        for (target, expect) in
            [("e", "https://a/b/e"), ("/e", "https://a/e"), ("//f/e", "https://f/e"), ("http://f/#x", "http://f/")]
        {
            assert_eq!(url.join(target).expect("a URL").to_string(), expect);
        }
    }
}
