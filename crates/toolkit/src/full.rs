//! The full toolkit: what people at a broken container reach for, from Debian's packages, as one OCI archive.
//!
//! `mmdebstrap` makes the root file system from the machine's own package sources, so a site's mirror is used and
//! nothing is named here. Packages keep their copyright files and dpkg's list, so the archive says what it holds.

mod sources;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};

use crate::error::Error;
use crate::layout::{self, Label, Packed};
use crate::manifest::{Execution, Platform};
use crate::store::Store;
use crate::tar;

/// The name that the archive and its entry carry.
pub const NAME: &str = "fathom-toolkit:full";

/// What is in it; their dependencies come along, their recommendations do not.
pub const PACKAGES: [&str; 40] = [
    "bash",
    "bind9-dnsutils",
    "bsdextrautils",
    "ca-certificates",
    "conntrack",
    "coreutils",
    "curl",
    "ethtool",
    "file",
    "gdb-minimal",
    "grep",
    "htop",
    "iftop",
    "iperf3",
    "iproute2",
    "iptables",
    "iputils-ping",
    "iputils-tracepath",
    "jq",
    "ldnsutils",
    "less",
    "lsof",
    "mtr-tiny",
    "ncurses-base",
    "ncurses-term",
    "netcat-openbsd",
    "nftables",
    "nmap",
    "openssl",
    "procps",
    "psmisc",
    "python3-minimal",
    "sed",
    "socat",
    "strace",
    "sysstat",
    "tcpdump",
    "util-linux",
    "vim-tiny",
    "wget",
];

/// Left out of every package: nobody reads manuals in a crash loop, and they are a third of the size.
const WITHOUT: [&str; 7] = [
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/bug/*",
];

/// What differs from build to build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FullOptions {
    /// Further packages, such as `tshark`.
    pub extra: Vec<String>,
    /// Seconds since 1970 that count as now: no file is younger, and the config says it. Two builds of the same
    /// packages with the same value are the same.
    pub epoch: u64,
}

/// What a build made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Bytes of the packed layer.
    pub packed: u64,
    /// Bytes of the root file system.
    pub unpacked: u64,
}

/// Builds the archive into `out`; every line of progress goes to `line`. Takes minutes and about 400 MB in the store's
/// file system and the temporary directory.
///
/// # Errors
/// [`Error::Build`] when `mmdebstrap` is missing or fails, with its own words; as [`Store::import`] for the disk.
pub fn build_full(
    store: &Store,
    options: &FullOptions,
    out: &mut dyn Write,
    line: &mut dyn FnMut(&str),
) -> Result<Built, Error> {
    let sources = sources::of_this_machine()?;
    line(&format!("building from {}", sources.files.join(", ")));
    let mut child = command(&sources, options).spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => failed("the program `mmdebstrap` is not installed"),
        _ => failed(format!("cannot start mmdebstrap: {error}")),
    })?;
    let packed = pack_output(store, &mut child, line);
    // Whatever happened to the packing, the child is not left behind; asked to end, it removes its own scratch folder.
    if packed.is_err() {
        let _ = rustix::process::kill_process(Pid::from_child(&child), Signal::TERM);
    }
    let status = child.wait().map_err(|e| failed(format!("cannot wait for mmdebstrap: {e}")))?;
    let (layer, last_words) = packed?;
    if !status.success() {
        return Err(failed(format!("mmdebstrap ended with {status}: {last_words}")));
    }
    line("writing the archive");
    let built = Built { packed: layer.size(), unpacked: layer.plain_size() };
    let created = rfc_3339(options.epoch);
    let execution = execution(options);
    let label = Label { name: NAME, platform: &Platform::here(), created: Some(&created), execution: &execution };
    layout::write(&label, layer, out)?;
    Ok(built)
}

fn failed(why: impl Into<String>) -> Error {
    Error::Build { why: why.into() }
}

fn command(sources: &sources::Sources, options: &FullOptions) -> Command {
    let mut packages: Vec<&str> = PACKAGES.to_vec();
    packages.extend(options.extra.iter().map(String::as_str));
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--variant=essential", "--mode=auto", "--format=tar"])
        .arg(format!("--include={}", packages.join(",")))
        .args(["--aptopt=Apt::Install-Recommends \"false\""])
        .args(WITHOUT.map(|rule| format!("--dpkgopt={rule}")))
        .arg(&sources.suite)
        .arg("-")
        .args(&sources.files)
        .env("SOURCE_DATE_EPOCH", options.epoch.to_string())
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Packs what the child writes while its messages are passed on; gives the last of them too.
fn pack_output(store: &Store, child: &mut Child, line: &mut dyn FnMut(&str)) -> Result<(Packed, String), Error> {
    let mut tar = child.stdout.take().expect("stdout is a pipe");
    let messages = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
    std::thread::scope(|scope| {
        let packing = scope.spawn(move || layout::pack(store, |layer| copy(&mut tar, layer)));
        let mut last_words = String::new();
        for message in messages.split(b'\n').map_while(Result::ok) {
            last_words = String::from_utf8_lossy(&message).trim().to_owned();
            line(&last_words);
        }
        let packed = packing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((packed, last_words))
    })
}

/// Passes the root file system on, without the devices: a session brings its own.
fn copy(tar: &mut dyn Read, layer: &mut dyn Write) -> Result<(), Error> {
    let mut reader = tar::Reader::new(tar::Streaming(tar));
    let mut writer = tar::Writer::new(layer);
    let mut entries = 0u64;
    let cut_off = |error: tar::Error| failed(format!("mmdebstrap's archive is incomplete: {error}"));
    while let Some(entry) = reader.next_entry().map_err(cut_off)? {
        entries += 1;
        if entry.kind != tar::Kind::Device {
            writer.entry(&entry, &mut reader.data()).map_err(writing)?;
        }
    }
    writer.finish().map_err(writing)?;
    // The padding behind the end: a pipe closed too early would look like a failure to its writer.
    std::io::copy(&mut reader.into_inner(), &mut std::io::sink()).map_err(|e| cut_off(e.into()))?;
    if entries == 0 { Err(failed("mmdebstrap wrote nothing")) } else { Ok(()) }
}

fn writing(error: std::io::Error) -> Error {
    error.downcast().unwrap_or_else(|error| Error::io("write", "the layer", error))
}

fn execution(options: &FullOptions) -> Execution {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let contents: Vec<&str> = PACKAGES.iter().copied().chain(options.extra.iter().map(String::as_str)).collect();
    let labels = [("org.opencontainers.image.title", NAME), ("fathom.toolkit.packages", &contents.join(" "))];
    Execution {
        cmd: words(&["bash"]),
        env: words(&[
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "TERM=xterm-256color",
            "LANG=C.UTF-8",
            "PAGER=less",
            "EDITOR=vi",
        ]),
        labels: labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>(),
        ..Execution::default()
    }
}

/// Seconds since 1970 as RFC 3339 in UTC (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn rfc_3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86400, seconds % 86400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        for (seconds, expect) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc_3339(seconds), expect);
        }
    }

    #[test]
    fn packages_are_listed_once_and_in_order() {
        assert!(PACKAGES.is_sorted_by(|a, b| a < b));
    }
}
