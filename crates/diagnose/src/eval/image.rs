//! References of images, as runtimes read them (github.com/distribution/reference).

/// What is wrong with a reference; nothing where an image can be called so.
pub fn fault(reference: &str) -> Option<&'static str> {
    if reference.is_empty() {
        return Some("it is empty");
    }
    if reference.chars().any(char::is_whitespace) {
        return Some("it has a space");
    }
    if reference.contains("://") {
        return Some("it has a scheme, and an image is no address of the web");
    }
    let (rest, digest) = match reference.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (reference, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Some("its digest is none: sha256: and 64 hexadecimal digits");
    }
    let after = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest[after..].split_once(':') {
        Some((last, tag)) => (&rest[..after + last.len()], Some(tag)),
        None => (rest, None),
    };
    match tag {
        Some("") => return Some("nothing follows its colon"),
        Some(tag) if !is_tag(tag) => return Some("its tag has what no tag may have"),
        _ => {}
    }
    let (registry, path) = split(name);
    if registry.is_some_and(|registry| !is_registry(registry)) {
        return Some("its registry is no name of a host with a port");
    }
    match path {
        _ if name.len() > 255 => Some("it is longer than 255 letters"),
        path if path.is_empty() || path.split('/').any(str::is_empty) => Some("a part of its name is empty"),
        path if path.chars().any(|letter| letter.is_ascii_uppercase()) => Some("names of images have no capitals"),
        path if !path.split('/').all(is_part) => Some("its name has what no name of an image may have"),
        path if registry.is_none() && path.len() == 64 && is_hex(path) => Some("64 hexadecimal digits are an id"),
        _ => None,
    }
}

/// The registry, where the first part is one, and the rest.
fn split(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first => {
            (Some(first), rest)
        }
        _ => (None, name),
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let label = |part: &str| {
        let inner = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        !part.is_empty() && part.chars().all(inner) && !part.starts_with('-') && !part.ends_with('-')
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let port_fits = port.is_none_or(|port| !port.is_empty() && port.chars().all(|letter| letter.is_ascii_digit()));
    port_fits
        && match address {
            Some(address) => !address.is_empty() && address.chars().all(|at| at.is_ascii_hexdigit() || at == ':'),
            None => host.split('.').all(label),
        }
}

/// `my-app`, `a.b`, `a_b`, `a__b`, `a---b`: letters and digits, and one separator between them.
fn is_part(part: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let separators = part.split(plain).filter(|between| !between.is_empty());
    let fits = |between: &str| ["_", "__", "."].contains(&between) || between.chars().all(|letter| letter == '-');
    part.starts_with(plain) && part.ends_with(plain) && separators.into_iter().all(fits)
}

fn is_tag(tag: &str) -> bool {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    tag.starts_with(word) && tag.len() <= 128 && tag.chars().all(|letter| word(letter) || ['.', '-'].contains(&letter))
}

fn is_digest(digest: &str) -> bool {
    let Some((kind, hex)) = digest.split_once(':') else { return false };
    let length = match kind {
        "sha256" => hex.len() == 64,
        "sha384" => hex.len() == 96,
        "sha512" => hex.len() == 128,
        _ => hex.len() >= 32,
    };
    !kind.is_empty() && length && is_hex(hex)
}

fn is_hex(text: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_hexdigit() && !letter.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_runtimes_read_them() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        for good in [
            "nginx",
            "nginx:1.27-alpine",
            "registry.example:5000/team/app_x:v1.2.3",
            "localhost/app:dev",
            "a/b/c-d---e__f.g:X_9",
            "MyOrg/app:1",
            "[2001:db8::1]:5000/app",
            "quay.io/prometheus/node-exporter:v1.8.2",
            &format!("ghcr.io/a/b:1@{digest}"),
            &format!("app@{digest}"),
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            "",
            "nginx:",
            "nginx::1.27",
            "Nginx",
            "nginx:la test",
            " nginx",
            "registry.example/Team/app:1",
            "https://registry.example/app:1",
            "registry.example//app",
            "app_:1",
            "-app",
            "app:.1",
            "app@sha256:abc",
            "app:1:2",
            "registry.example:port/app",
            "app/",
            &"a1".repeat(32),
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
