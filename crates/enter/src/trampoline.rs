//! Dynamic tools of a toolkit under somebody else's `/`: `/.fathom/bin/tcpdump` is a link to this program, which runs
//! `/.fathom/root/usr/bin/tcpdump` with the toolkit's own loader and libraries.
//!
//! From the name we were called by to an exec. A static program runs as it is, a script by its interpreter from the
//! toolkit, everything else by the loader that its ELF header names.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use fathom_host::sys;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

mod elf;

/// The toolkit's tree in a session whose `/` is the target's.
pub const ROOT: &str = "/.fathom/root";
/// What every trampoline is a link to.
const PROGRAM: &str = "/.fathom/fathom";
/// Where a tree keeps programs, in the order of PATH.
const FOLDERS: &[&str] = &["usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"];
/// A script whose interpreter is a script whose interpreter… stops here, as in the kernel.
const DEEPEST: usize = 4;

/// Variables by which tools find their data, which lies in the toolkit and not where they were built for.
const DATA: &[(&str, &str, &str)] = &[
    ("", "TERMINFO_DIRS", "/.fathom/root/etc/terminfo:/.fathom/root/lib/terminfo:/.fathom/root/usr/share/terminfo"),
    ("", "MAGIC", "/.fathom/root/usr/share/misc/magic.mgc"),
    ("python3", "PYTHONHOME", "/.fathom/root/usr"),
    ("nmap", "NMAPDIR", "/.fathom/root/usr/share/nmap"),
    ("gdb", "PYTHONHOME", "/.fathom/root/usr"),
    ("vi", "VIMRUNTIME", "/.fathom/root/usr/share/vim/vim90"),
    ("curl", "CURL_CA_BUNDLE", "/.fathom/root/etc/ssl/certs/ca-certificates.crt"),
    ("openssl", "SSL_CERT_DIR", "/.fathom/root/etc/ssl/certs"),
    ("wget", "SSL_CERT_FILE", "/.fathom/root/etc/ssl/certs/ca-certificates.crt"),
    (
        "iptables",
        "XTABLES_LIBDIR",
        "/.fathom/root/usr/lib/x86_64-linux-gnu/xtables:/.fathom/root/usr/lib/aarch64-linux-gnu/xtables",
    ),
];

/// Whether this session has a toolkit to jump into.
pub fn is_here() -> bool {
    Path::new(ROOT).is_dir()
}

/// Runs the toolkit's program of the name in `arguments[0]`. Returns only where there is none, or the kernel refuses.
pub fn run(arguments: &[OsString]) -> io::Error {
    let Some(name) = arguments.first().and_then(|path| Path::new(path).file_name()) else {
        return io::ErrorKind::NotFound.into();
    };
    let Some(program) = find(name) else { return io::ErrorKind::NotFound.into() };
    match command(name, &program, arguments.get(1..).unwrap_or_default(), 0) {
        Ok((file, words)) => execute(name, &file, &words),
        Err(error) => error,
    }
}

/// Makes the folder of links for the toolkit at `tree`, once; afterwards it is shared as the tree is.
pub fn link(tree: &Path, folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        // One that an older version made has no link to ourselves.
        return link_ourselves(folder);
    }
    let half = folder.with_extension(std::process::id().to_string());
    let _ = std::fs::remove_dir_all(&half);
    std::fs::create_dir(&half)?;
    for entry in FOLDERS.iter().filter_map(|place| std::fs::read_dir(tree.join(place)).ok()).flatten().flatten() {
        match std::os::unix::fs::symlink(PROGRAM, half.join(entry.file_name())) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    link_ourselves(&half)?;
    match std::fs::rename(&half, folder) {
        // Somebody else was faster, with the same links.
        Err(_) if folder.is_dir() => std::fs::remove_dir_all(&half),
        other => other,
    }
}

fn link_ourselves(folder: &Path) -> io::Result<()> {
    match std::os::unix::fs::symlink(PROGRAM, folder.join("fathom")) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn find(name: &OsStr) -> Option<PathBuf> {
    FOLDERS.iter().find_map(|folder| resolve(&Path::new(folder).join(name)).ok())
}

/// The path, as this process sees it, of what `path` means inside the toolkit: absolute links (`/etc/alternatives`)
/// lead inside.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let root: OwnedFd =
        rustix::fs::openat(CWD, ROOT, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let inside = path.strip_prefix("/").unwrap_or(path);
    let file =
        rustix::fs::openat2(&root, inside, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&file.as_fd());
    std::fs::read_link(format!("/proc/self/fd/{number}"))
}

/// What to execute, and its words, to run `program` as `name`.
fn command(name: &OsStr, program: &Path, arguments: &[OsString], depth: usize) -> io::Result<(PathBuf, Vec<OsString>)> {
    let mut head = Vec::new();
    File::open(program)?.take(4096).read_to_end(&mut head)?;
    if let Some(line) = head.strip_prefix(b"#!") {
        if depth == DEEPEST {
            return Err(io::Error::from_raw_os_error(libc::ELOOP));
        }
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let mut parts = line.trim_ascii().splitn(2, |byte| byte.is_ascii_whitespace());
        let interpreter = PathBuf::from(OsStr::from_bytes(parts.next().unwrap_or_default()));
        let option = parts.next().map(|option| OsString::from_vec(option.trim_ascii().to_vec()));
        let words: Vec<OsString> =
            option.into_iter().chain([program.into()]).chain(arguments.iter().cloned()).collect();
        let name = interpreter.file_name().unwrap_or(name).to_owned();
        return command(&name, &resolve(&interpreter)?, &words, depth + 1);
    }
    let Some(loader) = elf::loader(&head) else {
        return Ok((program.into(), [&[name.to_owned()], arguments].concat()));
    };
    let loader = resolve(Path::new(OsStr::from_bytes(&loader)))?;
    let options = ["--library-path", &libraries(), "--argv0"].map(OsString::from);
    let words = [loader.clone().into_os_string()].into_iter().chain(options).chain([name.to_owned(), program.into()]);
    Ok((loader, words.chain(arguments.iter().cloned()).collect()))
}

/// The folders of the toolkit's libraries: the usual ones, what its ld.so.conf names, and where its alternatives
/// really lie (their links are absolute, and the loader would follow them into the target).
fn libraries() -> String {
    const USUAL: &[&str] = &[
        "/usr/local/lib",
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu",
        "/lib/aarch64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/lib64",
        "/usr/lib64",
        "/lib",
        "/usr/lib",
    ];
    let configured = std::fs::read_dir(format!("{ROOT}/etc/ld.so.conf.d")).into_iter().flatten().flatten();
    let configured: String = configured.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect();
    let named = configured.lines().map(str::trim).filter(|line| line.starts_with('/'));
    let usual = USUAL.iter().copied().chain(named).map(|folder| format!("{ROOT}{folder}"));
    let mut folders: Vec<String> = Vec::new();
    for folder in usual.chain(alternatives()).filter(|folder| Path::new(folder).is_dir()) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders.join(":")
}

fn alternatives() -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(format!("{ROOT}/etc/alternatives")).into_iter().flatten().flatten();
    let libraries = entries.filter(|entry| entry.file_name().to_string_lossy().contains(".so"));
    libraries.filter_map(|entry| {
        let library = resolve(&Path::new("etc/alternatives").join(entry.file_name())).ok()?;
        Some(library.parent()?.to_string_lossy().into_owned())
    })
}

fn execute(name: &OsStr, file: &Path, words: &[OsString]) -> io::Error {
    let text = |text: &OsStr| CString::new(text.as_bytes());
    let name = name.to_string_lossy();
    let has = |variable: &str| std::env::var_os(variable).is_some();
    let data = DATA.iter().filter(|(tool, variable, _)| name.starts_with(tool) && !has(variable));
    let data = data.map(|(_, variable, value)| format!("{variable}={value}").into());
    let own = std::env::vars_os().map(|(name, value)| [name.as_os_str(), OsStr::new("="), &value].concat_os());
    let strings = |all: Vec<OsString>| all.iter().map(|word| text(word)).collect::<Result<Vec<_>, _>>();
    let (Ok(file), Ok(words), Ok(env)) =
        (text(file.as_os_str()), strings(words.to_vec()), strings(own.chain(data).collect()))
    else {
        return io::ErrorKind::InvalidInput.into();
    };
    let words: Vec<_> = words.iter().map(CString::as_c_str).collect();
    let env: Vec<_> = env.iter().map(CString::as_c_str).collect();
    sys::exec(&file, &words, &env)
}

/// Joining pieces of text that need not be UTF-8.
trait ConcatOs {
    fn concat_os(self) -> OsString;
}

impl ConcatOs for [&OsStr; 3] {
    fn concat_os(self) -> OsString {
        self.into_iter().fold(OsString::new(), |mut all, piece| {
            all.push(piece);
            all
        })
    }
}
