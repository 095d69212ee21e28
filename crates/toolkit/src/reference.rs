//! An image's name in a registry, and how its registry may be spoken to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::error::Error;

/// `registry/repository:tag` or `registry/repository@digest`, with what is left out filled in as docker does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    name: oci_client::Reference,
    transport: Transport,
}

/// What may carry the bytes, and the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// HTTPS; plain HTTP for a registry on this machine, as docker does.
    #[default]
    Secure,
    /// Plain HTTP, because the caller was told so.
    Plain,
}

impl Reference {
    /// The same image over another transport.
    #[must_use]
    pub fn over(self, transport: Transport) -> Reference {
        Reference { transport, ..self }
    }

    pub(crate) fn name(&self) -> &oci_client::Reference {
        &self.name
    }

    /// What will carry the bytes.
    pub(crate) fn transport(&self) -> Transport {
        match self.transport {
            Transport::Secure if is_here(self.name.resolve_registry()) => Transport::Plain,
            transport => transport,
        }
    }
}

/// Whether a registry's `host:port` never leaves this machine.
fn is_here(registry: &str) -> bool {
    let host = match registry.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => registry.rsplit_once(':').map_or(registry, |(host, _)| host),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.parse() {
            Ok(name) => Ok(Reference { name, transport: Transport::default() }),
            Err(error) => {
                Err(Error::NotAnImage { name: text.to_owned(), why: format!("as a name it is wrong: {error}") })
            }
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Transport) {
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.transport(), expect, "{text}");
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_plain() {
        check("localhost:5000/web", Transport::Plain);
        check("127.0.0.1:5000/web:1", Transport::Plain);
        check("127.8.9.1/web", Transport::Plain);
        check("10.0.0.1:5000/web", Transport::Secure);
        check("localhost.test/web", Transport::Secure);
        check("127.0.0.1.test:5000/web", Transport::Secure);
        check("web", Transport::Secure);
        assert!(is_here("[::1]:5000") && !is_here("[::2]:5000") && !is_here("[fe80::1"));
    }

    #[test]
    fn others_only_when_the_caller_says_so() {
        let reference: Reference = "10.0.0.1:5000/web".parse().unwrap();
        assert_eq!(reference.over(Transport::Plain).transport(), Transport::Plain);
    }

    #[test]
    fn names_are_filled_in() {
        let reference: Reference = "registry.test/shop/web".parse().unwrap();
        assert_eq!(reference.to_string(), "registry.test/shop/web:latest");
        assert!("Shop/Web".parse::<Reference>().is_err());
        assert!("a b".parse::<Reference>().is_err());
    }
}
