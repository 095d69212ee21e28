//! What programs write before they end: signatures of languages, libraries and servers, and calls that failed.
//!
//! A line is believed only beside a state that is bad: a healthy program may write the word error all day.

use super::{hears, says};

/// What a line says about why a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// A trace without more: weaker than anything else.
    Panic,
    /// `Illegal instruction`, a heap that is full, and so on.
    Abort,
    /// A file is not there.
    FileMissing,
    /// A setting or a file of settings is wrong.
    BadConfig,
    /// A variable is not set.
    MissingEnv,
    /// Not permitted.
    Permission,
    /// The port is taken.
    PortInUse,
    /// Credentials were refused.
    AuthFailed,
    /// A certificate has expired.
    TlsExpired,
    /// A certificate is not trusted.
    TlsUntrusted,
    /// Too many open files.
    FdLimit,
    /// No more processes or threads.
    PidsLimit,
    /// A file system is read-only.
    ReadOnly,
    /// A file system is full.
    Full,
    /// The heap is full: the runtime of the language says so, not the kernel.
    HeapFull,
    /// A shell found no such program.
    NoCommand,
    /// The token of the service account is not there.
    NoToken,
    /// The API server said no.
    Forbidden,
    /// The API server did not believe the token.
    Unauthorized,
    /// IPv6 is off.
    NoIpv6,
    /// CoreDNS met itself.
    DnsLoop,
    /// A Corefile that cannot be read.
    Corefile,
}

/// Words, in the order in which they decide.
const WORDS: &[(Sign, &[&str])] = &[
    (Sign::DnsLoop, &["detected for zone"]),
    (Sign::Corefile, &["error during parsing: "]),
    (Sign::Forbidden, &["is forbidden: user "]),
    (Sign::NoToken, &["serviceaccount/token"]),
    (Sign::TlsExpired, &["certificate has expired", "certificate expired", "is not yet valid", "cert_has_expired"]),
    (
        Sign::TlsUntrusted,
        &[
            "certificate signed by unknown authority",
            "unable to get local issuer",
            "self-signed certificate",
            "self signed certificate",
            "certificate_verify_failed",
            "certificate is valid for",
            "unable to verify the first certificate",
        ],
    ),
    (Sign::NoIpv6, &["address family not supported"]),
    (Sign::ReadOnly, &["read-only file system", "erofs"]),
    (Sign::Full, &["no space left on device", "enospc", "disk quota exceeded"]),
    (Sign::FdLimit, &["too many open files", "emfile", "enfile"]),
    (
        Sign::PidsLimit,
        &[
            "resource temporarily unavailable",
            "can't start new thread",
            "cannot fork",
            "unable to create native thread",
            "unable to create new native thread",
            "pthread_create failed",
            "can't fork",
        ],
    ),
    (Sign::HeapFull, &["heap out of memory", "java.lang.outofmemoryerror", "allowed memory size of", "memoryerror"]),
    (Sign::PortInUse, &["address already in use", "eaddrinuse", "port is already allocated", "address in use"]),
    (
        Sign::AuthFailed,
        &[
            "password authentication failed",
            "authentication failed",
            "access denied for user",
            "noauth",
            "wrongpass",
            "invalid password",
            "invalid username or password",
            "login failed for user",
            "bad credentials",
            "invalid credentials",
            "access_refused",
            "auth failed",
            "invalid api key",
            "sasl authentication",
        ],
    ),
    (
        Sign::MissingEnv,
        &[
            "required environment variable",
            "environment variable not set",
            "missing environment variable",
            "missing required environment",
            "parameter not set",
            "unbound variable",
            "parameter null or not set",
            "environment variable is required",
            "missing env",
        ],
    ),
    (
        Sign::BadConfig,
        &[
            "unknown directive",
            "invalid config",
            "parse error",
            "unknown flag",
            "unrecognized option",
            "unrecognized argument",
            "unknown option",
            "invalid option",
            "flag provided but not defined",
            "syntax error in config",
            "configuration error",
            "config error",
            "failed to parse",
            "cannot parse",
            "could not parse",
            "error parsing",
            "failed to load config",
            "error loading config",
            "invalid configuration",
            "cannot unmarshal",
            "yaml: ",
            "jsondecodeerror",
            "invalid character",
            "unexpected token",
            "unexpected end of json",
            "bad configuration",
            "invalid value for",
            "unknown key",
            "unknown field",
            "unrecognized arguments",
            "invalid argument",
            "[emerg]",
            "mapping values are not allowed",
            "toml",
            "expected property name",
        ],
    ),
    (
        Sign::Permission,
        &["permission denied", "operation not permitted", "eacces", "eperm", "permissionerror", "access denied"],
    ),
    (
        Sign::FileMissing,
        &[
            "no such file or directory",
            "enoent",
            "filenotfounderror",
            "filenotfoundexception",
            "nosuchfileexception",
            "cannot open shared object file",
            "cannot find module",
            "modulenotfounderror",
            "classnotfoundexception",
            "could not find or load main class",
        ],
    ),
    (
        Sign::Abort,
        &[
            "terminate called after throwing",
            "assertion failed",
            "aborted (core dumped)",
            "sigabrt",
            "double free or corruption",
            "malloc(): ",
            "stack smashing detected",
        ],
    ),
    (
        Sign::Panic,
        &[
            "panic: ",
            "panicked at",
            "traceback (most recent call last)",
            "unhandled exception",
            "uncaught exception",
            "exception in thread",
            "unhandledrejection",
            "fatal error: ",
            "unhandledpromiserejection",
            "uncaught ",
            "goroutine 1 [",
            "system.exception",
            "nullpointerexception",
            "segmentation fault",
        ],
    ),
];

/// What one line says.
pub fn sign(line: &str) -> Option<Sign> {
    if let Some(sign) = shell(line) {
        return Some(sign);
    }
    let small = line.to_ascii_lowercase();
    let sign = WORDS.iter().find(|(_, words)| hears(&small, words)).map(|(sign, _)| *sign)?;
    // Where settings or files are named only as the place of a call that failed, the call is what is wrong.
    let aside = matches!(sign, Sign::BadConfig | Sign::PidsLimit | Sign::FileMissing);
    (!aside || !super::call::names_a_failed_call(line)).then_some(sign)
}

/// Shells and languages whose words have holes in them.
fn shell(line: &str) -> Option<Sign> {
    let text = line.trim();
    // `sh: node: not found`, `bash: line 1: x: command not found`, `/run.sh: 3: x: not found`.
    let by_shell =
        text.ends_with(": command not found") || text.ends_with(": not found") && text.matches(": ").count() >= 2;
    if by_shell && !text.contains("http") {
        return Some(Sign::NoCommand);
    }
    // `sh: NAME: what the author wrote` of `${NAME:?what the author wrote}`.
    let mut parts = text.split(": ").skip(1);
    let name = parts.find(|part| part.parse::<u32>().is_err() && !part.starts_with("line ")).unwrap_or_default();
    let variable = name.len() > 2 && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let first = text.split(": ").next().unwrap_or_default();
    if variable && !first.contains(' ') && (first.ends_with("sh") || first.starts_with('/')) {
        return Some(Sign::MissingEnv);
    }
    // `KeyError: 'DATABASE_URL'`, `DATABASE_URL is not set`, `Missing DATABASE_URL`.
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let shouted = |word: &&str| {
        word.len() > 3
            && word.contains('_')
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let named = words.clone().any(|word| shouted(&word)) && !text.contains("ERR_");
    let about = says(
        text,
        &[
            "KeyError",
            "not set",
            "is required",
            "missing",
            "must be set",
            "undefined",
            "not defined",
            "is empty",
            "not provided",
        ],
    );
    (named && about).then_some(Sign::MissingEnv)
}

/// The line that decides why a program ended, with its index: the strongest sign, the last of them.
pub fn verdict(lines: &[String]) -> Option<(usize, Sign)> {
    let from = lines.len().saturating_sub(60);
    let signs = lines.iter().enumerate().skip(from).filter_map(|(at, line)| Some((at, sign(line)?)));
    // Traces and files that could not be opened are said along the way; what is not weak decides by coming last.
    let weight = |sign: Sign| match sign {
        Sign::Panic => 0,
        Sign::FileMissing => 1,
        _ => 2,
    };
    signs.max_by_key(|&(at, sign)| (weight(sign), at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_many_languages_are_read() {
        for (line, expect) in [
            ("KeyError: 'DATABASE_URL'", Some(Sign::MissingEnv)),
            ("sh: QUEUE_URL: environment variable QUEUE_URL is not set", Some(Sign::MissingEnv)),
            ("/run.sh: line 3: API_KEY: unbound variable", Some(Sign::MissingEnv)),
            ("Error: Missing required environment variable PORT", Some(Sign::MissingEnv)),
            ("sh: node: not found", Some(Sign::NoCommand)),
            ("bash: line 1: gunicorn: command not found", Some(Sign::NoCommand)),
            ("nginx: [emerg] unknown directive \"serverr\" in /etc/nginx/nginx.conf:3", Some(Sign::BadConfig)),
            ("unknown flag: --nameserver", Some(Sign::BadConfig)),
            ("FATAL:  password authentication failed for user \"app\"", Some(Sign::AuthFailed)),
            ("listen tcp :8080: bind: address already in use", Some(Sign::PortInUse)),
            ("x509: certificate has expired or is not yet valid: current time", Some(Sign::TlsExpired)),
            ("touch: /data/x: Permission denied", Some(Sign::Permission)),
            ("sh: can't create /data/app.db: Read-only file system", Some(Sign::ReadOnly)),
            ("OSError: [Errno 24] Too many open files: '/etc/hosts'", Some(Sign::FdLimit)),
            ("panic: runtime error: index out of range", Some(Sign::Panic)),
            ("2026-11-20T22:52:54+00:00 listening on :8080", None),
            ("level=info msg=\"errors_total=0 error_rate=0.0\"", None),
        ] {
            assert_eq!(sign(line), expect, "{line}");
        }
    }

    #[test]
    fn what_is_decisive_beats_what_is_said_along_the_way() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let trace = "Traceback (most recent call last):\n  File \"x\"\nKeyError: 'DB_URL'\n";
        assert_eq!(verdict(&lines(trace)), Some((2, Sign::MissingEnv)));
        assert_eq!(
            verdict(&lines(
                "panic: open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory"
            )),
            Some((0, Sign::NoToken))
        );
        assert_eq!(verdict(&lines("started\nok")), None);
    }
}
