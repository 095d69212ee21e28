//! Why an image could not be pulled: what containerd, CRI-O and dockershim pass on from registries.

use super::says;

/// The reason, as far as the text decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// The registry knows no such image.
    NotFound,
    /// The registry wants other credentials, or hides the image.
    Auth,
    /// The registry's name does not resolve on the node.
    RegistryDns,
    /// The registry cannot be reached.
    Unreachable,
    /// TLS or plain HTTP.
    Tls,
    /// Too many requests.
    RateLimit,
    /// Not for this architecture.
    Platform,
    /// No image can be called so.
    InvalidName,
    /// Pulling was forbidden.
    Never,
    /// The node's disk is full.
    NoSpace,
    /// It arrived damaged.
    Corrupt,
    /// The kubelet's own limit.
    Qps,
    /// A signature is missing or wrong.
    Signature,
}

/// Words, in the order in which they decide: a text often quotes several.
const WORDS: &[(Pull, &[&str])] = &[
    (Pull::InvalidName, &["invalid reference format", "InvalidImageName", "couldn't parse image"]),
    (Pull::Never, &["ErrImageNeverPull", "pull policy of Never"]),
    (Pull::Signature, &["SignatureValidationFailed", "signature validation", "signature was required"]),
    (Pull::Qps, &["pull QPS exceeded"]),
    (Pull::RateLimit, &["toomanyrequests", "429 Too Many Requests", "rate limit"]),
    (Pull::NoSpace, &["no space left on device", "disk quota exceeded"]),
    (
        Pull::Platform,
        &[
            "no match for platform",
            "no matching manifest for",
            "no image found in manifest list",
            "no image found in image index",
        ],
    ),
    (
        Pull::Corrupt,
        &[
            "failed size validation",
            "digest mismatch",
            "unexpected commit digest",
            "unexpected EOF",
            "invalid tar header",
        ],
    ),
    (
        Pull::RegistryDns,
        &["no such host", "dial tcp: lookup ", "server misbehaving", "name resolution", "Name or service not known"],
    ),
    (Pull::Unreachable, &["TLS handshake timeout"]),
    (Pull::Tls, &["x509:", "HTTP response to HTTPS client", "tls:", "certificate signed by"]),
    (
        Pull::Unreachable,
        &[
            "i/o timeout",
            "connection refused",
            "no route to host",
            "network is unreachable",
            "connection reset",
            "context deadline exceeded",
            "request canceled",
            "proxyconnect",
            ": EOF",
            "500 Internal",
            "502 Bad",
            "503 Service",
            "504 Gateway",
        ],
    ),
    (
        Pull::Auth,
        &[
            "401",
            "403",
            "unauthorized",
            "denied",
            "insufficient_scope",
            "no basic auth credentials",
            "authorization failed",
            "authentication required",
        ],
    ),
    (Pull::NotFound, &["not found", "manifest unknown", "MANIFEST_UNKNOWN", "NAME_UNKNOWN", "name unknown", "404"]),
];

/// What a text about `image` says. The image's own name decides nothing.
pub fn read(text: &str, image: &str) -> Option<Pull> {
    let text = if image.is_empty() { text.to_owned() } else { text.replace(image, "") };
    // Registries answer with their words after a status that may be another's: `pull access denied … not found`.
    WORDS.iter().find(|(_, words)| says(&text, words)).map(|(pull, _)| *pull)
}

/// The registry of an image: its first part where that is a host, else the default one (empty).
pub fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "",
    }
}

/// What an image is called without its registry, folder, tag and digest.
pub fn name(image: &str) -> &str {
    let name = image.rsplit('/').next().unwrap_or_default();
    name.split(['@', ':']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_runtimes_are_told_apart() {
        for (text, expect) in [
            (
                "rpc error: code = NotFound desc = failed to pull and unpack image \"r:5000/a:1\": r:5000/a:1: not found",
                Pull::NotFound,
            ),
            ("manifest for r/a:1 not found: manifest unknown: manifest unknown", Pull::NotFound),
            ("pulling from host r failed with status code [manifests 1]: 401 Unauthorized", Pull::Auth),
            (
                "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope",
                Pull::Auth,
            ),
            (
                "Head \"https://r.example/v2/\": dial tcp: lookup r.example on 10.0.0.1:53: no such host",
                Pull::RegistryDns,
            ),
            ("Head \"https://r.example/v2/\": dial tcp 10.0.0.9:443: i/o timeout", Pull::Unreachable),
            ("net/http: TLS handshake timeout", Pull::Unreachable),
            ("http: server gave HTTP response to HTTPS client", Pull::Tls),
            ("tls: failed to verify certificate: x509: certificate signed by unknown authority", Pull::Tls),
            ("toomanyrequests: You have reached your pull rate limit", Pull::RateLimit),
            ("no match for platform in manifest: not found", Pull::Platform),
            ("failed to register layer: write /x: no space left on device", Pull::NoSpace),
        ] {
            assert_eq!(read(text, ""), Some(expect), "{text}");
        }
        assert_eq!(read("cannot pull x/denied-401:1", "x/denied-401:1"), None);
        assert_eq!(
            (registry("localhost:5000/a/b:1"), registry("a/b:1"), registry("busybox")),
            ("localhost:5000", "", "")
        );
    }
}
