//! The forms of names and labels (k8s.io/apimachinery/pkg/util/validation).

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Small letters, digits, hyphens and dots, at most 253 (RFC 1123 subdomain).
    Subdomain,
    /// Small letters, digits and hyphens, at most 63 (RFC 1123 label).
    Label,
    /// What can be a part of an address: roles are called so.
    Segment,
    /// The value of a label.
    Value,
    /// The key of a label or an annotation.
    Key,
    /// The name of a port: small letters, digits, hyphens, at least one letter, at most 15.
    Port,
    /// The key of a ConfigMap or Secret.
    File,
    /// Something that must not be empty.
    Some,
}

/// What the API server says of a text that has not this form.
pub(super) fn fault(text: &str, form: Form) -> Option<String> {
    let invalid = |why: &str| Some(format!("Invalid value: \"{}\": {why}", short(text)));
    let long = |most: usize| text.len() > most;
    match form {
        Form::Subdomain if long(253) => invalid("must be no more than 253 characters"),
        Form::Subdomain if !text.split('.').all(is_label) => invalid(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        ),
        Form::Label if long(63) => invalid("must be no more than 63 characters"),
        Form::Label if !is_label(text) => invalid(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
        ),
        Form::Segment if text.contains(['/', '%']) || [".", ".."].contains(&text) => {
            invalid("may not contain '/' or '%'")
        }
        Form::Value if long(63) => invalid("must be no more than 63 characters"),
        Form::Value if !(text.is_empty() || is_word(text)) => invalid(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
        Form::Key => key(text).and_then(invalid),
        Form::Port if long(15) => invalid("must be no more than 15 characters"),
        Form::Port if !is_port(text) => invalid(
            "must contain only alpha-numeric characters (a-z, 0-9) and hyphens (-), and at least one letter (a-z)",
        ),
        Form::File if text.is_empty() || long(253) || !text.chars().all(is_inner) || [".", ".."].contains(&text) => {
            invalid("a valid config key must consist of alphanumeric characters, '-', '_' or '.'")
        }
        Form::Some if text.is_empty() => Some("Required value".to_owned()),
        _ => None,
    }
}

/// The key of a label: perhaps a domain and a slash, and a word.
fn key(text: &str) -> Option<&'static str> {
    let (domain, name) = match text.split_once('/') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, text),
    };
    match () {
        () if domain.is_some_and(|domain| domain.len() > 253 || !domain.split('.').all(is_label)) => Some(
            "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'",
        ),
        () if name.len() > 63 => Some("name part must be no more than 63 characters"),
        () if !is_word(name) => Some(
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
        () => None,
    }
}

fn is_label(text: &str) -> bool {
    let plain = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit();
    text.starts_with(plain) && text.ends_with(plain) && text.chars().all(|one| plain(one) || one == '-')
}

fn is_inner(one: char) -> bool {
    one.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&one)
}

fn is_word(text: &str) -> bool {
    let plain = |one: char| one.is_ascii_alphanumeric();
    text.starts_with(plain) && text.ends_with(plain) && text.chars().all(is_inner)
}

fn is_port(text: &str) -> bool {
    let inner = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-';
    let lettered = text.chars().any(|one| one.is_ascii_lowercase());
    lettered && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-') && !text.contains("--")
}

/// What is quoted of a text.
fn short(text: &str) -> String {
    if text.chars().count() <= 80 {
        text.to_owned()
    } else {
        format!("{}…", text.chars().take(79).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_as_the_api_server_tells_them() {
        for (form, good, bad) in [
            (Form::Subdomain, "web-1.shop", "Web"),
            (Form::Subdomain, "0", "web_1"),
            (Form::Label, "web", "web.shop"),
            (Form::Segment, "system:node", "a/b"),
            (Form::Value, "", "-x"),
            (Form::Value, "v1.2_3", "a b"),
            (Form::Key, "app.kubernetes.io/name", "app kubernetes"),
            (Form::Key, "App_x", "UPPER.example/x"),
            (Form::Port, "http-api", "http_api"),
            (Form::Port, "8080a", "8080"),
            (Form::Port, "abcdefghijklmno", "abcdefghijklmnop"),
            (Form::File, "app.conf", "etc/app.conf"),
            (Form::Some, "x", ""),
        ] {
            assert_eq!(fault(good, form), None, "{good}");
            assert!(fault(bad, form).is_some(), "{bad}");
        }
    }
}
