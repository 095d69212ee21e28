//! `fathom why -f`: manifests that are to be applied, from a file, a folder or stdin. What cannot be read is named, with the
//! status of wrong words; all else is judged.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fathom_diagnose::{Gathering, parts, snapshot};
use fathom_model::{Class, Failure};

use super::{files_below, missing};
use crate::printer;

/// How a kustomization may be called.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// How files of manifests end, as kubectl takes them from folders.
const ENDS: [&str; 3] = ["yaml", "yml", "json"];

/// Larger than anything that an API server takes.
const LARGEST: u64 = 64 << 20;

/// How many files that cannot be read are named before they are counted.
const NAMED: usize = 8;

/// Reads them all. Says what of a folder was left out, and what came twice.
pub(super) fn read(path: &Path, namespace: Option<&str>) -> anyhow::Result<Gathering> {
    let mut gathering = Gathering::new();
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(LARGEST).read_to_end(&mut bytes).context("cannot read stdin")?;
        gathering.manifest("stdin", &bytes, true);
    } else if fs::metadata(path).map_err(|error| missing(path, &error))?.is_dir() {
        folder(path, &mut gathering);
    } else {
        let bytes = fs::read(path).map_err(|error| missing(path, &error))?;
        gathering.manifest(&path.display().to_string(), &bytes, true);
    }
    for fault in gathering.faults().to_vec() {
        gathering.damaged(shown(&fault));
    }
    let left_out = gathering.left_out();
    if left_out > 0 {
        let files = if left_out == 1 {
            "1 file is no manifest, and is"
        } else {
            &format!("{left_out} files are no manifests, and are")
        };
        printer::notice(&format!("{files} left out"));
    }
    let again: Vec<String> = gathering.again().map(ToString::to_string).collect();
    if let Some(first) = again.first() {
        let more = if again.len() > 1 { format!(", and {} more", again.len() - 1) } else { String::new() };
        printer::notice(&format!("{first} is given more than once, and judged as it came last{more}"));
    }
    gathering.planned(namespace);
    Ok(gathering)
}

/// The failure for manifests that cannot be read, if there are any.
pub(super) fn unreadable(faults: &[snapshot::Fault]) -> Option<Failure> {
    let first = faults.first()?;
    let files: BTreeSet<&str> = faults.iter().map(|fault| fault.file.as_str()).collect();
    let (message, cause) = match files.len() {
        1 => {
            let all: Vec<String> = faults.iter().map(|fault| format!("line {}: {}", fault.line, fault.says)).collect();
            (format!("cannot read `{}`", first.file), all)
        }
        several => (format!("cannot read {several} manifests"), faults.iter().map(shown).collect()),
    };
    let more = if cause.len() > NAMED { format!("; and {} more", cause.len() - NAMED) } else { String::new() };
    let cause = format!("{}{more}", cause.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; "));
    let hint = faults.iter().find_map(|fault| fault.hint).map(str::to_owned);
    Some(Failure { class: Class::Usage, message, cause: Some(cause), hint })
}

fn shown(fault: &snapshot::Fault) -> String {
    format!("{}, line {}: {}", fault.file, fault.line, fault.says)
}

/// All files of a folder and the folders in it, without those that a kustomization has for itself.
fn folder(root: &Path, gathering: &mut Gathering) {
    let files = files_below(root, LARGEST, false, gathering);
    let skipped = of_kustomizations(&files);
    for file in files {
        let is_kustomization = file.file_name().is_some_and(|name| KUSTOMIZATIONS.iter().any(|one| name == *one));
        if is_kustomization || skipped.contains(&file) {
            gathering.of_kustomization();
        } else if file.extension().is_some_and(|end| ENDS.iter().any(|known| end == *known)) {
            let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            match fs::read(&file) {
                Ok(bytes) => gathering.manifest(&name, &bytes, false),
                Err(error) => gathering.damaged(format!("cannot read {}: {error}", file.display())),
            }
        }
    }
}

/// The files that kustomizations name for themselves: patches are parts of objects.
fn of_kustomizations(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let is_one = |file: &&PathBuf| file.file_name().is_some_and(|name| KUSTOMIZATIONS.iter().any(|one| name == *one));
    let mut found = BTreeSet::new();
    for file in files.iter().filter(is_one) {
        let (Ok(bytes), Some(folder)) = (fs::read(file), file.parent()) else { continue };
        found.extend(parts(&bytes).iter().map(|part| inside(folder, part)));
    }
    found
}

/// A path below a folder, without dots.
fn inside(folder: &Path, part: &str) -> PathBuf {
    let mut path = folder.to_owned();
    for step in part.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path
}
