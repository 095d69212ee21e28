//! What programs write before they end: signatures of languages, libraries and servers, and calls that failed.
//!
//! A line is believed only beside a state that is bad: a healthy program may write the word error all day.

mod words;

use super::{hears, says};
use words::{BETWEEN, WORDS};

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
    /// Data that is not what the program wants: a table is missing, or another version wrote it.
    WrongData,
    /// The heap is full: the runtime of the language says so, not the kernel.
    HeapFull,
    /// A shell found no such program.
    NoCommand,
    /// The token of the service account is not there.
    NoToken,
    /// The API server serves no such kind.
    NoKind,
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

/// What one line says.
pub fn sign(line: &str) -> Option<Sign> {
    // What was to run it is missed: that is no command of a script.
    if super::start::is_interpreter(line) {
        return None;
    }
    if let Some(sign) = shell(line) {
        return Some(sign);
    }
    let small = line.to_ascii_lowercase();
    let parted =
        BETWEEN.iter().find(|(_, begin, end)| small.split_once(begin).is_some_and(|(_, rest)| hears(rest, end)));
    let known = || WORDS.iter().find(|(_, words)| words.iter().any(|word| begins(&small, word))).map(|(sign, _)| *sign);
    let sign = parted.map(|(sign, ..)| *sign).or_else(known)?;
    // Where settings or files are named only as the place of a call that failed, the call is what is wrong.
    let aside = matches!(sign, Sign::BadConfig | Sign::PidsLimit | Sign::FileMissing);
    (!aside || !super::call::names_a_failed_call(line)).then_some(sign)
}

/// Whether a word stands in a text, and not in the middle of another: `OpenFile` is no `ENFILE`.
fn begins(small: &str, word: &str) -> bool {
    let inside = |at: usize| small[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    let apart = !word.starts_with(|c: char| c.is_ascii_alphanumeric());
    small.match_indices(word).any(|(at, _)| apart || !inside(at))
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
            "must specify",
            "need to specify",
            "could not resolve placeholder",
        ],
    );
    (named && about).then_some(Sign::MissingEnv)
}

/// The variables that a line names, or where it names none the lines below it, as some print a list.
pub fn variables<'a>(line: &'a str, log: &'a [String]) -> Vec<&'a str> {
    const LEVELS: [&str; 7] = ["ERROR", "FATAL", "WARN", "WARNING", "INFO", "CRITICAL", "SEVERE"];
    let named = |text: &'a str| {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        words.filter(|word| {
            word.len() > 2
                && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
                && word.chars().any(|c| c.is_ascii_uppercase())
                && !LEVELS.contains(word)
        })
    };
    let below = || {
        let at = log.iter().rposition(|one| one == line).map_or(log.len(), |at| at + 1);
        log[at..].iter().take(3).flat_map(|one| named(one)).filter(|word| word.contains('_')).collect()
    };
    let own: Vec<&str> = named(line).collect();
    // The name of a field is that of its variable, in whatever letters.
    if own.is_empty() && is_field(line) {
        return vec![line.trim()];
    }
    if own.is_empty() { below() } else { own }
}

/// Whether a line is the name of a field alone.
fn is_field(line: &str) -> bool {
    let name = line.trim();
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A field of settings that are read from the environment, above the line that says that it is required (pydantic).
fn setting(lines: &[String], at: usize) -> Option<Sign> {
    let below = lines.get(at + 1)?.trim();
    let required = below.get(..14).is_some_and(|begin| begin.eq_ignore_ascii_case("field required"));
    if !required || !is_field(&lines[at]) {
        return None;
    }
    let head = lines[..at].iter().rev().take(LONGEST).find(|line| line.contains("validation error"))?;
    super::says(head.rsplit(" for ").next()?, &["settings", "config", "environment"]).then_some(Sign::MissingEnv)
}

/// How many lines at the end of a log tell why its program ended, and how many are looked at with all traces.
const TOLD: usize = 60;
const LONGEST: usize = 400;

/// The line that decides why a program ended, with its index: the strongest sign, the last of them.
pub fn verdict(lines: &[String]) -> Option<(usize, Sign)> {
    // Traces are long: what a line goes on with counts as that line.
    let mut told = 0;
    let last = lines.iter().enumerate().rev().take(LONGEST).take_while(|(_, line)| {
        told += usize::from(!super::call::continues(line));
        told <= TOLD
    });
    let signs = last.filter_map(|(at, line)| Some((at, sign(line).or_else(|| setting(lines, at))?)));
    // Traces and files that could not be opened are said along the way; what is not weak decides by coming last.
    let weight = |sign: Sign| match sign {
        Sign::Panic => 0,
        Sign::FileMissing => 1,
        // Who aborts itself says before why, if it knows.
        Sign::Abort => 2,
        _ => 3,
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
            ("Failed to configure a DataSource: 'url' attribute is not specified", Some(Sign::BadConfig)),
            ("*** FATAL CONFIG FILE ERROR (Redis 7.0.5) ***", Some(Sign::BadConfig)),
            ("django.core.exceptions.ImproperlyConfigured: The X setting must not be empty.", Some(Sign::BadConfig)),
            ("nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)", Some(Sign::Permission)),
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
            ("Web server failed to start. Port 8080 was already in use.", Some(Sign::PortInUse)),
            ("Error: Database is uninitialized and superuser password is not specified.", Some(Sign::MissingEnv)),
            ("       You must specify POSTGRES_PASSWORD to a non-empty value for the", Some(Sign::MissingEnv)),
            (
                "[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified",
                Some(Sign::MissingEnv),
            ),
            ("Could not resolve placeholder 'DB_URL' in value \"${DB_URL}\"", Some(Sign::MissingEnv)),
            ("Could not resolve placeholder 'shop.url' in value \"${shop.url}\"", Some(Sign::BadConfig)),
            ("failed to load config: open /etc/app/config.yaml: no such file or directory", Some(Sign::FileMissing)),
            ("Error: Config file not found", Some(Sign::FileMissing)),
            ("Error: Cannot find module '/app/server.js'", Some(Sign::FileMissing)),
            ("no main manifest attribute, in app.jar", Some(Sign::FileMissing)),
            ("Error: Unable to access jarfile /app/app.jar", Some(Sign::FileMissing)),
            ("Caused by: java.lang.ClassNotFoundException: shop.Main", Some(Sign::FileMissing)),
            ("/lib/libc.so.6: version `GLIBC_2.34' not found (required by ./app)", Some(Sign::FileMissing)),
            ("/usr/bin/env: 'python': No such file or directory", Some(Sign::NoCommand)),
            (
                "nginx: [emerg] mkdir() \"/var/cache/nginx/client_temp\" failed (13: Permission denied)",
                Some(Sign::Permission),
            ),
            ("nginx: [emerg] invalid number of arguments in \"listen\" directive", Some(Sign::BadConfig)),
            ("Error: ENOSPC: System limit for number of file watchers reached", Some(Sign::FdLimit)),
            ("ERROR: relation \"users\" does not exist (SQLSTATE 42P01)", Some(Sign::WrongData)),
            ("FATAL:  database \"app\" does not exist", Some(Sign::WrongData)),
            ("FATAL:  role \"app\" does not exist", Some(Sign::AuthFailed)),
            ("Table 'app.users' doesn't exist", Some(Sign::WrongData)),
            ("Dirty database version 7. Fix and force version.", Some(Sign::WrongData)),
            ("FATAL:  database files are incompatible with server", Some(Sign::WrongData)),
            ("license has expired on 2026-01-01", Some(Sign::BadConfig)),
            ("PKIX path building failed: unable to find valid certification path", Some(Sign::TlsUntrusted)),
            ("relation \"users\" was made", None),
            ("os.OpenFile({0xc000012345, 0x1}, 0x0)", None),
            ("    at shop.CustomLogger.log(CustomLogger.java:7)", None),
            ("Error: failed to read app.toml at line 3", Some(Sign::BadConfig)),
            ("Error: EMFILE, open '/x'", Some(Sign::FdLimit)),
            (
                "ClientError: An error occurred (AccessDenied) when calling the GetObject operation",
                Some(Sign::AuthFailed),
            ),
            ("UnauthorizedOperation: You are not authorized to perform this operation.", Some(Sign::AuthFailed)),
            ("java.nio.file.AccessDeniedException: /data/x: Access denied", Some(Sign::Permission)),
            ("no matches for kind \"Certificate\" in version \"cert-manager.io/v1\"", Some(Sign::NoKind)),
            ("env: 'bash\\r': No such file or directory", None),
            ("sh: ./run.sh: /bin/bash: bad interpreter: No such file or directory", None),
            ("x509: cannot validate certificate for 10.0.0.1 because it has no IP SANs", Some(Sign::TlsUntrusted)),
        ] {
            assert_eq!(sign(line), expect, "{line}");
        }
    }

    #[test]
    fn variables_are_named_in_the_line_or_below() {
        let log: Vec<String> = [
            "[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified",
            "    You need to specify one of the following as an environment variable:",
            "    - MYSQL_ROOT_PASSWORD",
            "    - MYSQL_ALLOW_EMPTY_PASSWORD",
        ]
        .map(str::to_owned)
        .into();
        assert_eq!(variables(&log[0], &log), ["MYSQL_ROOT_PASSWORD", "MYSQL_ALLOW_EMPTY_PASSWORD"]);
        assert_eq!(variables("FATAL: DB_URL is not set", &log), ["DB_URL"]);
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
        let heap = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0xb7c560 node::Abort() [node]\nAborted (core dumped)";
        assert_eq!(verdict(&lines(heap)), Some((0, Sign::HeapFull)));
        assert_eq!(verdict(&lines("started\nok")), None);
        for (of, expect) in [("Settings", Some((1, Sign::MissingEnv))), ("Order", None)] {
            let text =
                format!("1 validation error for {of}\ndb_host\n  Field required [type=missing, input_value={{}}]");
            assert_eq!(verdict(&lines(&text)), expect, "{of}");
        }
        assert_eq!(variables("db_host", &[]), ["db_host"]);
    }
}
