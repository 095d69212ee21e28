//! `lsof`: every open descriptor that /proc shows.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use super::table::{Process, System};
use crate::frame::{Manual, Trouble, Word, serve, unknown};

/// Runs `lsof`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let usage = "lsof [-p PID,...] [-c NAME] [FILE...]\n  Open files, of all processes or those chosen; FILE: only descriptors of these.";
    serve(argv, &Manual { usage, failure: 1 }, |mut words, out| {
        let (mut pids, mut names, mut files) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(word) = words.next()? {
            match word {
                Word::Short('p') => {
                    for part in words.text()?.split(',') {
                        pids.push(part.parse().map_err(|_| Trouble::Words(format!("not a process: `{part}`")))?);
                    }
                }
                Word::Short('c') => names.push(words.text()?),
                Word::Short('n' | 'P' | 'l' | 'w') => {}
                Word::Plain(file) => files.push(fs::canonicalize(&file).unwrap_or_else(|_| file.into())),
                other => return Err(unknown(&other)),
            }
        }
        let system = System::read();
        writeln!(out, "{:15} {:>7} {:10} {:>5} {:5} NAME", "COMMAND", "PID", "USER", "FD", "TYPE")?;
        let mut found = false;
        for process in Process::all().map_err(Trouble::doing("cannot read /proc"))? {
            let wanted = (pids.is_empty() || pids.contains(&process.pid))
                && (names.is_empty() || names.iter().any(|name| process.name.starts_with(name)));
            if !wanted {
                continue;
            }
            for (fd, path) in descriptors(process.pid) {
                let target = fs::read_link(&path).unwrap_or_default();
                if !files.is_empty() && !files.contains(&target) {
                    continue;
                }
                found = true;
                let (kind, user) = (kind(&path, &target), system.user(process.uid));
                let (name, pid, target) = (&process.name, process.pid, target.display());
                writeln!(out, "{name:15} {pid:>7} {user:10} {fd:>5} {kind:5} {target}")?;
            }
        }
        Ok(i32::from(!found))
    })
}

/// The links of a process: its folders and program, then its descriptors in order.
fn descriptors(pid: i32) -> Vec<(String, std::path::PathBuf)> {
    let folder = format!("/proc/{pid}");
    let fixed = ["cwd", "root", "exe"].map(|name| (name.replace("exe", "txt").replace("root", "rtd"), name));
    let mut all: Vec<_> = fixed.into_iter().map(|(label, name)| (label, Path::new(&folder).join(name))).collect();
    all.retain(|(_, path)| fs::read_link(path).is_ok());
    let mut numbers: Vec<u32> = fs::read_dir(format!("{folder}/fd"))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    all.extend(numbers.into_iter().map(|number| {
        (format!("{number}{}", access(pid, number)), Path::new(&folder).join("fd").join(number.to_string()))
    }));
    all
}

/// `r`, `w` or `u`, from the flags in fdinfo (octal, the lowest two bits).
fn access(pid: i32, fd: u32) -> &'static str {
    let text = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    match flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).map(|flags| flags & 3) {
        Some(0) => "r",
        Some(1) => "w",
        Some(2) => "u",
        _ => "",
    }
}

fn kind(path: &Path, target: &Path) -> &'static str {
    let target = target.to_string_lossy();
    if target.starts_with("socket:") {
        return "sock";
    }
    if target.starts_with("anon_inode:") {
        return "a_ino";
    }
    match fs::metadata(path).map(|found| found.file_type()) {
        Ok(kind) if kind.is_dir() => "DIR",
        Ok(kind) if kind.is_file() => "REG",
        Ok(kind) if kind.is_char_device() => "CHR",
        Ok(kind) if kind.is_block_device() => "BLK",
        Ok(kind) if kind.is_fifo() => "FIFO",
        Ok(_) | Err(_) => "unkn",
    }
}
