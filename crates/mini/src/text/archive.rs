//! `tar`, `gzip`, `gunzip` and `zcat`.
//!
//! Archives are foreign: members are written below the folder asked for and nowhere else (the crate `tar` sees to
//! that), and are read as a stream, whatever their size.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::frame::{Manual, Out, Outcome, Trouble, Word, Words, complain, serve, unknown};

/// `gzip`
pub(crate) fn gzip(argv: Vec<OsString>) -> i32 {
    serve(argv, &GZIP, |words, out| press(words, false, false, out))
}

/// `gunzip`
pub(crate) fn gunzip(argv: Vec<OsString>) -> i32 {
    serve(argv, &GZIP, |words, out| press(words, true, false, out))
}

/// `zcat`
pub(crate) fn zcat(argv: Vec<OsString>) -> i32 {
    serve(argv, &GZIP, |words, out| press(words, true, true, out))
}

const GZIP: Manual = Manual {
    usage: "gzip | gunzip | zcat [-c] [-d] [-k] [-f] [-1…-9] [FILE...]
  -c: to stdout; -d: expand; -k: keep FILE; -f: also over a file that is there.",
    failure: 1,
};

fn press(mut words: Words, mut expand: bool, mut to_stdout: bool, out: &mut Out) -> Outcome {
    let (mut keep, mut force, mut level, mut files) = (false, false, Compression::default(), Vec::new());
    while let Some(word) = words.next()? {
        match word {
            Word::Short('c') => to_stdout = true,
            Word::Short('d') => expand = true,
            Word::Short('k') => keep = true,
            Word::Short('f') => force = true,
            Word::Short(digit @ '1'..='9') => level = Compression::new(digit.to_digit(10).unwrap_or(6)),
            Word::Short('n' | 'q' | 'v') => {}
            Word::Plain(file) => files.push(file),
            other => return Err(unknown(&other)),
        }
    }
    if files.is_empty() {
        files.push("-".into());
    }
    for file in files {
        let mut source = super::open(&file)?;
        if to_stdout || file == "-" {
            convert(&mut source, out, expand, level, &file)?;
            continue;
        }
        let path = PathBuf::from(&file);
        let target = if expand {
            expanded(&path)?
        } else {
            PathBuf::from([file.as_os_str(), OsStr::new(".gz")].join(OsStr::new("")))
        };
        let failed = || Trouble::doing(format!("cannot write {}", target.display()));
        let mut options = File::options();
        options.write(true).create(true).truncate(force).create_new(!force);
        let mut result = options.open(&target).map_err(failed())?;
        if let Err(trouble) = convert(&mut source, &mut result, expand, level, &file) {
            // Half a file is worse than none; when it cannot be removed, the first trouble is still the one to tell.
            let _ = fs::remove_file(&target);
            return Err(trouble);
        }
        fs::set_permissions(&target, fs::metadata(&path)?.permissions()).map_err(failed())?;
        if !keep {
            fs::remove_file(&path).map_err(Trouble::doing(format_args!("cannot remove {}", path.display())))?;
        }
    }
    Ok(0)
}

fn expanded(path: &Path) -> Result<PathBuf, Trouble> {
    match path.extension().and_then(OsStr::to_str) {
        Some("gz") => Ok(path.with_extension("")),
        Some("tgz") => Ok(path.with_extension("tar")),
        _ => Err(Trouble::Failed(format!("{}: its name does not end in .gz", path.display()))),
    }
}

fn convert(
    source: &mut dyn Read,
    target: &mut dyn Write,
    expand: bool,
    level: Compression,
    name: &OsStr,
) -> Result<(), Trouble> {
    let failed = Trouble::doing(name.display());
    if expand {
        return io::copy(&mut MultiGzDecoder::new(BufReader::new(source)), target).map(drop).map_err(failed);
    }
    let mut encoder = GzEncoder::new(target, level);
    io::copy(source, &mut encoder).and_then(|_| encoder.finish()).map(drop).map_err(failed)
}

/// What `tar` is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Create,
    List,
    Extract,
}

struct Wanted {
    task: Task,
    archive: OsString,
    folder: Option<PathBuf>,
    gzip: bool,
    verbose: bool,
    to_stdout: bool,
    strip: usize,
    names: Vec<OsString>,
}

/// `tar`
pub(crate) fn tar(argv: Vec<OsString>) -> i32 {
    let usage = "tar c|t|x[zvO] [-f FILE] [-C FOLDER] [--strip-components N] [NAME...]
  c: create, t: list, x: extract; z: with gzip (found out when reading); v: tell names; O: extract to stdout.";
    serve(argv, &Manual { usage, failure: 2 }, |mut words, out| {
        let wanted = read(words.rest()?)?;
        match wanted.task {
            Task::Create => create(&wanted, out),
            Task::List | Task::Extract => open(&wanted, out),
        }
    })
}

fn read(words: Vec<OsString>) -> Result<Wanted, Trouble> {
    let mut words: Vec<OsString> = words;
    // The first word may be letters without a dash: `tar xzf FILE`.
    if let Some(first) = words.first_mut()
        && !first.as_encoded_bytes().starts_with(b"-")
    {
        let mut dashed = OsString::from("-");
        dashed.push(&*first);
        // In this style values follow as words of their own, which is what flags in one word mean only for the last.
        let letters = dashed.to_string_lossy().into_owned();
        if let Some(place) = letters.find('f')
            && place + 1 < letters.len()
        {
            dashed = letters.replacen('f', "", 1).into();
            dashed.push("f");
        }
        *first = dashed;
    }
    let mut words = Words::of(words);
    let (mut task, mut wanted) = (
        None,
        Wanted {
            task: Task::List,
            archive: "-".into(),
            folder: None,
            gzip: false,
            verbose: false,
            to_stdout: false,
            strip: 0,
            names: Vec::new(),
        },
    );
    while let Some(word) = words.next()? {
        match word {
            Word::Short('c') => task = Some(Task::Create),
            Word::Short('t') => task = Some(Task::List),
            Word::Short('x') => task = Some(Task::Extract),
            Word::Short('f') => wanted.archive = words.value()?,
            Word::Short('C') => wanted.folder = Some(words.value()?.into()),
            Word::Short('z') => wanted.gzip = true,
            Word::Short('v') => wanted.verbose = true,
            Word::Short('O') => wanted.to_stdout = true,
            Word::Short('p' | 'm' | 'o') => {}
            Word::Long(name) => match name.as_str() {
                "strip-components" => wanted.strip = words.number()?,
                "numeric-owner" | "no-same-owner" | "same-owner" => {}
                _ => return Err(unknown(&Word::Long(name))),
            },
            Word::Plain(name) => wanted.names.push(name),
            other => return Err(unknown(&other)),
        }
    }
    wanted.task = task.ok_or_else(|| Trouble::Words("create, list or extract? (c, t or x)".to_owned()))?;
    Ok(wanted)
}

fn create(wanted: &Wanted, out: &mut Out) -> Outcome {
    if wanted.names.is_empty() {
        return Err(Trouble::Words("an archive of what?".to_owned()));
    }
    if wanted.archive == "-" {
        return pack(wanted, out).map(|()| 0);
    }
    let doing = format!("cannot write {}", wanted.archive.display());
    let mut file = File::create(&wanted.archive).map_err(Trouble::doing(doing))?;
    pack(wanted, &mut file).map(|()| 0)
}

fn pack(wanted: &Wanted, target: &mut dyn Write) -> Result<(), Trouble> {
    if wanted.gzip {
        let mut encoder = GzEncoder::new(target, Compression::default());
        members(wanted, &mut encoder)?;
        encoder.finish()?.flush()?;
    } else {
        members(wanted, target)?;
        target.flush()?;
    }
    Ok(())
}

fn members(wanted: &Wanted, target: &mut dyn Write) -> Result<(), Trouble> {
    let mut builder = tar::Builder::new(target);
    builder.follow_symlinks(false);
    let base = wanted.folder.clone().unwrap_or_default();
    for name in &wanted.names {
        // Names in an archive are relative, so that it can be unpacked anywhere.
        let inside = Path::new(name).strip_prefix("/").unwrap_or(Path::new(name));
        let inside = if inside.as_os_str().is_empty() { Path::new(".") } else { inside };
        add(&mut builder, &base.join(name), inside, wanted.verbose)?;
    }
    builder.finish()?;
    Ok(())
}

fn add(builder: &mut tar::Builder<&mut dyn Write>, path: &Path, inside: &Path, verbose: bool) -> Result<(), Trouble> {
    let failed = || Trouble::doing(format!("cannot pack {}", path.display()));
    if verbose {
        crate::frame::note(&inside.display().to_string());
    }
    let found = path.symlink_metadata().map_err(failed())?;
    if std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) {
        complain("tar", &format!("{}: a socket cannot be packed", path.display()));
        return Ok(());
    }
    // A folder's name ends in a slash.
    let name = if found.is_dir() { inside.join("") } else { inside.to_owned() };
    builder.append_path_with_name(path, name).map_err(failed())?;
    if found.is_dir() {
        let mut names: Vec<OsString> =
            fs::read_dir(path).map_err(failed())?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
        names.sort();
        for name in names {
            add(builder, &path.join(&name), &inside.join(&name), verbose)?;
        }
    }
    Ok(())
}

fn open(wanted: &Wanted, out: &mut Out) -> Outcome {
    let mut source = BufReader::new(super::open(&wanted.archive)?);
    let magic = io::BufRead::fill_buf(&mut source)?;
    if magic.starts_with(&[0x1f, 0x8b]) {
        unpack(wanted, &mut MultiGzDecoder::new(source), out)
    } else {
        unpack(wanted, &mut source, out)
    }
}

fn unpack(wanted: &Wanted, source: &mut dyn Read, out: &mut Out) -> Outcome {
    let mut archive = tar::Archive::new(source);
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(rustix::process::geteuid().is_root());
    let folder = wanted.folder.clone().unwrap_or_else(|| PathBuf::from("."));
    let mut missing: Vec<&OsString> = wanted.names.iter().collect();
    let mut status = 0;
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.into_owned();
        let chosen = wanted.names.iter().find(|name| path.starts_with(Path::new(name)));
        if !wanted.names.is_empty() && chosen.is_none() {
            continue;
        }
        missing.retain(|name| Some(*name) != chosen);
        match wanted.task {
            Task::List if wanted.verbose => list(&entry, &path, out)?,
            Task::List => writeln!(out, "{}", path.display())?,
            Task::Extract if wanted.to_stdout => drop(io::copy(&mut entry, out)?),
            Task::Extract | Task::Create => {
                if wanted.verbose {
                    writeln!(out, "{}", path.display())?;
                }
                status |= extract(&mut entry, &path, &folder, wanted.strip)?;
            }
        }
    }
    for name in missing {
        complain("tar", &format!("{}: not in the archive", name.display()));
        status = 2;
    }
    Ok(status)
}

fn unreadable(cause: io::Error) -> Trouble {
    Trouble::doing("the archive cannot be read")(cause)
}

fn extract(entry: &mut tar::Entry<'_, &mut dyn Read>, path: &Path, folder: &Path, strip: usize) -> Outcome {
    let failed = || Trouble::doing(format!("cannot extract {}", path.display()));
    let inside = if strip == 0 {
        entry.unpack_in(folder).map_err(failed())?
    } else {
        let rest: PathBuf = path.components().skip(strip).collect();
        if rest.as_os_str().is_empty() {
            return Ok(0);
        }
        // The crate guards members' own names; a shortened one needs the same guard.
        let plain = rest.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let target = folder.join(&rest);
        let parent = target.parent().unwrap_or(folder);
        if plain {
            fs::create_dir_all(parent).map_err(failed())?;
        }
        let below = parent.canonicalize().and_then(|parent| Ok(parent.starts_with(folder.canonicalize()?)));
        if plain && below.map_err(failed())? {
            entry.unpack(&target).map_err(failed())?;
            true
        } else {
            false
        }
    };
    if !inside {
        complain("tar", &format!("{}: left out, it leads outside", path.display()));
    }
    Ok(if inside { 0 } else { 2 })
}

fn list(entry: &tar::Entry<'_, &mut dyn Read>, path: &Path, out: &mut Out) -> Result<(), Trouble> {
    let header = entry.header();
    let kind = match header.entry_type() {
        tar::EntryType::Directory => 'd',
        tar::EntryType::Symlink => 'l',
        tar::EntryType::Link => 'h',
        tar::EntryType::Char => 'c',
        tar::EntryType::Block => 'b',
        tar::EntryType::Fifo => 'p',
        _ => '-',
    };
    let mode = header.mode().unwrap_or(0);
    let bits: String =
        (0..9).map(|bit| if mode >> (8 - bit) & 1 == 1 { ['r', 'w', 'x'][bit % 3] } else { '-' }).collect();
    let (uid, gid) = (header.uid().unwrap_or(0), header.gid().unwrap_or(0));
    let moment = jiff::Timestamp::from_second(header.mtime().unwrap_or(0).cast_signed()).unwrap_or_default();
    let time = moment.strftime("%Y-%m-%d %H:%M");
    let target = entry.link_name().ok().flatten();
    let target = target.map_or_else(String::new, |target| format!(" -> {}", target.display()));
    writeln!(out, "{kind}{bits} {uid}/{gid} {:>9} {time} {}{target}", entry.size(), path.display())?;
    Ok(())
}
