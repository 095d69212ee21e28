//! The one table of applets: each name, its sentence, its group and what runs it. Links, listings and tests are all
//! made from it; adding an applet is adding a row.

use std::ffi::{OsStr, OsString};

use crate::{coreutils, net, process, shell, system, text};

/// One tool of the toolkit.
#[derive(Debug, Clone, Copy)]
pub struct Applet {
    /// What it is called by: the last part of `argv[0]`.
    pub name: &'static str,
    /// What it does, in a few words.
    pub doc: &'static str,
    /// Where it stands in listings.
    pub group: Group,
    /// Runs it; `argv` includes `argv[0]`. Gives the exit status.
    pub run: fn(Vec<OsString>) -> i32,
}

/// The chapters of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Shells.
    Shell,
    /// Files, text and the rest of coreutils.
    Core,
    /// Searching, editing and paging text and bytes.
    Text,
    /// Processes.
    Process,
    /// The network.
    Network,
    /// The machine and the terminal.
    System,
}

impl Group {
    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Group::Shell => "shell",
            Group::Core => "coreutils",
            Group::Text => "text",
            Group::Process => "processes",
            Group::Network => "network",
            Group::System => "system",
        }
    }
}

/// The applet that `name` (a path is fine, and the `-` of a login shell) calls, if any.
pub fn find(name: &OsStr) -> Option<&'static Applet> {
    let name = std::path::Path::new(name).file_name()?.to_str()?;
    let name = name.strip_prefix('-').unwrap_or(name);
    APPLETS.iter().find(|applet| applet.name == name)
}

/// The applet that a command line calls: by its first word, or by its second where the first is `/proc/self/exe`, as
/// applets call each other. `argv` is left as the applet wants it.
pub fn called(argv: &mut Vec<OsString>) -> Option<&'static Applet> {
    if argv.first().is_some_and(|first| first == "/proc/self/exe") {
        argv.remove(0);
    }
    find(argv.first()?)
}

macro_rules! own {
    ($group:ident, $name:literal, $run:path, $doc:literal) => {
        Applet { name: $name, doc: $doc, group: Group::$group, run: $run }
    };
}

macro_rules! coreutil {
    ($name:literal, $main:path, $doc:literal) => {
        Applet { name: $name, doc: $doc, group: Group::Core, run: |argv| coreutils::run($name, argv, $main) }
    };
}

/// Every applet.
#[rustfmt::skip]
pub static APPLETS: &[Applet] = &[
    own!(Shell, "sh", shell::main, "the shell, keeping to POSIX"),
    own!(Shell, "bash", shell::main, "the shell, with what bash adds"),

    coreutil!("[", uu_test::uumain, "check files and compare values"),
    coreutil!("arch", uu_arch::uumain, "the machine's architecture"),
    coreutil!("b2sum", uu_b2sum::uumain, "BLAKE2 checksums"),
    coreutil!("base32", uu_base32::uumain, "encode or decode base32"),
    coreutil!("base64", uu_base64::uumain, "encode or decode base64"),
    coreutil!("basename", uu_basename::uumain, "the last part of a path"),
    coreutil!("basenc", uu_basenc::uumain, "encode or decode in several bases"),
    coreutil!("cat", uu_cat::uumain, "print files one after the other"),
    coreutil!("chgrp", uu_chgrp::uumain, "change the group of files"),
    coreutil!("chmod", uu_chmod::uumain, "change the mode of files"),
    coreutil!("chown", uu_chown::uumain, "change the owner of files"),
    coreutil!("chroot", uu_chroot::uumain, "run a command with another root folder"),
    coreutil!("cksum", uu_cksum::uumain, "checksums of several kinds"),
    coreutil!("comm", uu_comm::uumain, "compare two sorted files line by line"),
    coreutil!("cp", uu_cp::uumain, "copy files"),
    coreutil!("csplit", uu_csplit::uumain, "split a file at matching lines"),
    coreutil!("cut", uu_cut::uumain, "print selected parts of lines"),
    coreutil!("date", uu_date::uumain, "print or set the time"),
    coreutil!("dd", uu_dd::uumain, "copy blocks of bytes"),
    coreutil!("df", uu_df::uumain, "free space of file systems"),
    coreutil!("dirname", uu_dirname::uumain, "a path without its last part"),
    coreutil!("du", uu_du::uumain, "space used by files"),
    coreutil!("echo", uu_echo::uumain, "print words"),
    coreutil!("env", uu_env::uumain, "run a command with a changed environment"),
    coreutil!("expand", uu_expand::uumain, "turn tabs into spaces"),
    coreutil!("expr", uu_expr::uumain, "compute an expression"),
    coreutil!("factor", uu_factor::uumain, "prime factors"),
    coreutil!("false", uu_false::uumain, "do nothing, with failure"),
    coreutil!("fmt", uu_fmt::uumain, "fill paragraphs"),
    coreutil!("fold", uu_fold::uumain, "wrap long lines"),
    coreutil!("groups", uu_groups::uumain, "the groups of a user"),
    coreutil!("head", uu_head::uumain, "the first lines of files"),
    coreutil!("hostid", uu_hostid::uumain, "the machine's numeric identifier"),
    coreutil!("hostname", uu_hostname::uumain, "print or set the machine's name"),
    coreutil!("id", uu_id::uumain, "who am I, in numbers"),
    coreutil!("install", uu_install::uumain, "copy files and set their attributes"),
    coreutil!("join", uu_join::uumain, "join lines of two files on a field"),
    coreutil!("kill", uu_kill::uumain, "send signals to processes"),
    coreutil!("link", uu_link::uumain, "make a hard link"),
    coreutil!("ln", uu_ln::uumain, "make links"),
    coreutil!("logname", uu_logname::uumain, "the login name"),
    coreutil!("ls", uu_ls::uumain, "list files"),
    coreutil!("md5sum", uu_md5sum::uumain, "MD5 checksums"),
    coreutil!("mkdir", uu_mkdir::uumain, "make folders"),
    coreutil!("mkfifo", uu_mkfifo::uumain, "make named pipes"),
    coreutil!("mknod", uu_mknod::uumain, "make device files"),
    coreutil!("mktemp", uu_mktemp::uumain, "make a temporary file or folder"),
    coreutil!("mv", uu_mv::uumain, "move files"),
    coreutil!("nice", uu_nice::uumain, "run a command at another priority"),
    coreutil!("nl", uu_nl::uumain, "number lines"),
    coreutil!("nohup", uu_nohup::uumain, "run a command immune to hangups"),
    coreutil!("nproc", uu_nproc::uumain, "the number of processors"),
    coreutil!("numfmt", uu_numfmt::uumain, "write numbers for people or machines"),
    coreutil!("od", uu_od::uumain, "dump bytes in octal or other bases"),
    coreutil!("paste", uu_paste::uumain, "merge lines of files"),
    coreutil!("pathchk", uu_pathchk::uumain, "check that a path is valid"),
    coreutil!("printenv", uu_printenv::uumain, "print the environment"),
    coreutil!("printf", uu_printf::uumain, "print by a format"),
    coreutil!("pwd", uu_pwd::uumain, "the current folder"),
    coreutil!("readlink", uu_readlink::uumain, "where a symbolic link points"),
    coreutil!("realpath", uu_realpath::uumain, "the resolved path"),
    coreutil!("rm", uu_rm::uumain, "remove files"),
    coreutil!("rmdir", uu_rmdir::uumain, "remove empty folders"),
    coreutil!("seq", uu_seq::uumain, "print numbers in sequence"),
    coreutil!("sha1sum", uu_sha1sum::uumain, "SHA-1 checksums"),
    coreutil!("sha224sum", uu_sha224sum::uumain, "SHA-224 checksums"),
    coreutil!("sha256sum", uu_sha256sum::uumain, "SHA-256 checksums"),
    coreutil!("sha384sum", uu_sha384sum::uumain, "SHA-384 checksums"),
    coreutil!("sha512sum", uu_sha512sum::uumain, "SHA-512 checksums"),
    coreutil!("shred", uu_shred::uumain, "overwrite a file, then remove it"),
    coreutil!("shuf", uu_shuf::uumain, "shuffle lines"),
    coreutil!("sleep", uu_sleep::uumain, "wait"),
    coreutil!("sort", uu_sort::uumain, "sort lines"),
    coreutil!("split", uu_split::uumain, "split a file into pieces"),
    coreutil!("stat", uu_stat::uumain, "what the system knows of a file"),
    coreutil!("stty", uu_stty::uumain, "print or change terminal settings"),
    coreutil!("sum", uu_sum::uumain, "old checksums"),
    coreutil!("sync", uu_sync::uumain, "write caches to disk"),
    coreutil!("tac", uu_tac::uumain, "print lines in reverse"),
    coreutil!("tail", uu_tail::uumain, "the last lines of files, and what follows"),
    coreutil!("tee", uu_tee::uumain, "copy stdin to files and stdout"),
    coreutil!("test", uu_test::uumain, "check files and compare values"),
    coreutil!("timeout", uu_timeout::uumain, "run a command with a time limit"),
    coreutil!("touch", uu_touch::uumain, "make files or change their times"),
    coreutil!("tr", uu_tr::uumain, "translate characters"),
    coreutil!("true", uu_true::uumain, "do nothing, with success"),
    coreutil!("truncate", uu_truncate::uumain, "shrink or extend files"),
    coreutil!("tsort", uu_tsort::uumain, "sort topologically"),
    coreutil!("tty", uu_tty::uumain, "the name of the terminal"),
    coreutil!("uname", uu_uname::uumain, "the kernel's name and version"),
    coreutil!("unexpand", uu_unexpand::uumain, "turn spaces into tabs"),
    coreutil!("uniq", uu_uniq::uumain, "drop repeated lines"),
    coreutil!("unlink", uu_unlink::uumain, "remove one name"),
    coreutil!("uptime", uu_uptime::uumain, "how long the machine has run"),
    coreutil!("wc", uu_wc::uumain, "count lines, words and bytes"),
    coreutil!("whoami", uu_whoami::uumain, "the user's name"),
    coreutil!("yes", uu_yes::uumain, "print a word forever"),
    own!(Core, "find", coreutils::find, "search a tree for files"),
    own!(Core, "xargs", coreutils::xargs, "build and run commands from stdin"),
    own!(Text, "sed", text::sed, "edit a stream of lines"),
    own!(Text, "grep", text::grep::main, "search for lines that match"),
    own!(Text, "less", text::less::main, "page through text"),
    own!(Text, "strings", text::bytes::strings, "printable runs in files"),
    own!(Text, "xxd", text::bytes::xxd, "dump bytes in hexadecimal, or back"),
    own!(Text, "hexdump", text::bytes::hexdump, "dump bytes in hexadecimal"),
    own!(Text, "tar", text::archive::tar, "pack and unpack archives"),
    own!(Text, "gzip", text::archive::gzip, "compress files"),
    own!(Text, "gunzip", text::archive::gunzip, "expand files"),
    own!(Text, "zcat", text::archive::zcat, "expand to stdout"),
    own!(Process, "ps", process::ps::main, "list processes"),
    own!(Process, "top", process::top::main, "watch processes"),
    own!(Process, "pgrep", process::pgrep::pgrep, "find processes by name"),
    own!(Process, "pkill", process::pgrep::pkill, "signal processes by name"),
    own!(Process, "lsof", process::lsof::main, "list open files"),
    own!(Process, "setsid", process::setsid::main, "run a command in a session of its own"),
    own!(Network, "ip", net::ip::main, "show addresses, links, routes and neighbours"),
    own!(Network, "ss", net::ss::main, "list sockets"),
    own!(Network, "ping", net::ping::main, "ask a host for echoes"),
    own!(Network, "nc", net::nc::main, "read and write connections"),
    own!(Network, "dns", net::dns::main, "ask a name server"),
    own!(Network, "drill", net::dns::main, "ask a name server"),
    own!(Network, "probe", net::probe::main, "try names and connections, and say in JSON who refused"),
    own!(Network, "http", net::http::main, "fetch a URL"),
    own!(System, "mount", system::mount, "list what is mounted"),
    own!(System, "free", system::free, "memory in use"),
    own!(System, "dmesg", system::dmesg, "the kernel's messages"),
    own!(System, "which", system::which, "where a command is"),
    own!(System, "clear", system::clear, "clear the screen"),
    own!(System, "applets", system::applets, "list these tools"),
];
