//! `ss`: the sockets of this network namespace, by sock_diag(7); TCP and UDP from /proc/net where the kernel has no
//! sock_diag for them. Which process holds a socket is found through /proc/PID/fd.

mod diag;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::io::Write;

use crate::frame::{Manual, Out, Outcome, Trouble, Word, Words, serve, unknown};
use crate::process::table::{Process, System};

/// Runs `ss`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let usage = "ss [-tuwx] [-l | -a] [-p] [-e] [-n] [-4 | -6] [-H] [-s]
  -t TCP  -u UDP  -w raw  -x unix; -l: listening, -a: all, else connected; -p: processes; -e: user and inode; -s: sums.
  Ports are always numbers.";
    serve(argv, &Manual { usage, failure: 1 }, run)
}

/// A kind of socket, in the order they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Unix,
    Raw,
    Udp,
    Tcp,
}

/// A socket.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Socket {
    kind: Kind,
    /// What unix sockets are besides: `u_str`, `u_dgr`, `u_seq`.
    label: &'static str,
    /// The kernel's TCP state, which other kinds share as far as it goes.
    state: u8,
    received: u32,
    sent: u32,
    local: String,
    peer: String,
    v6: bool,
    uid: u32,
    inode: u32,
}

const LISTEN: u8 = 10;
const CLOSED: u8 = 7;

impl Socket {
    fn is_listening(&self) -> bool {
        self.state == LISTEN || (self.kind != Kind::Tcp && self.state == CLOSED)
    }

    /// net/tcp_states.h, in the words of `ss`.
    fn state_name(&self) -> &'static str {
        let names = [
            "UNKNOWN",
            "ESTAB",
            "SYN-SENT",
            "SYN-RECV",
            "FIN-WAIT-1",
            "FIN-WAIT-2",
            "TIME-WAIT",
            "UNCONN",
            "CLOSE-WAIT",
            "LAST-ACK",
            "LISTEN",
            "CLOSING",
            "SYN-RECV",
        ];
        names.get(usize::from(self.state)).copied().unwrap_or("UNKNOWN")
    }
}

#[derive(Default)]
struct Wanted {
    kinds: Vec<Kind>,
    listening: bool,
    all: bool,
    processes: bool,
    extended: bool,
    no_header: bool,
    summary: bool,
    v4: bool,
    v6: bool,
}

impl Wanted {
    fn has(&self, socket: &Socket) -> bool {
        let family =
            !(self.v4 || self.v6) || (socket.kind != Kind::Unix && ((self.v6 && socket.v6) || (self.v4 && !socket.v6)));
        let state = match (self.all, self.listening) {
            (true, _) => true,
            (false, true) => socket.is_listening(),
            // Connections, as far as they still are: what `ss` calls "connected" leaves out time-wait's likes not.
            (false, false) => !socket.is_listening(),
        };
        family && state
    }
}

fn run(mut words: Words, out: &mut Out) -> Outcome {
    let mut wanted = Wanted::default();
    while let Some(word) = words.next()? {
        match word {
            Word::Short('t') => wanted.kinds.push(Kind::Tcp),
            Word::Short('u') => wanted.kinds.push(Kind::Udp),
            Word::Short('w') => wanted.kinds.push(Kind::Raw),
            Word::Short('x') => wanted.kinds.push(Kind::Unix),
            Word::Short('l') => wanted.listening = true,
            Word::Short('a') => wanted.all = true,
            Word::Short('p') => wanted.processes = true,
            Word::Short('e') => wanted.extended = true,
            Word::Short('4') => wanted.v4 = true,
            Word::Short('6') => wanted.v6 = true,
            Word::Short('H') => wanted.no_header = true,
            Word::Short('s') => wanted.summary = true,
            Word::Short('n' | 'o' | 'i' | 'm' | 'r') => {}
            Word::Long(name) if name == "no-header" => wanted.no_header = true,
            other => return Err(unknown(&other)),
        }
    }
    if wanted.kinds.is_empty() {
        wanted.kinds = vec![Kind::Tcp, Kind::Udp, Kind::Raw];
        if !(wanted.v4 || wanted.v6) {
            wanted.kinds.push(Kind::Unix);
        }
    }
    let mut sockets = Vec::new();
    for kind in &wanted.kinds {
        sockets.extend(diag::sockets(*kind).map_err(Trouble::doing("cannot list sockets"))?);
    }
    if wanted.summary {
        return sum(&sockets, out);
    }
    sockets.retain(|socket| wanted.has(socket));
    sockets.sort_by(|left, right| (left.kind, left.state, &left.local).cmp(&(right.kind, right.state, &right.local)));
    let holders = if wanted.processes { holders() } else { HashMap::new() };
    print(&sockets, &wanted, &holders, out)?;
    Ok(0)
}

fn sum(sockets: &[Socket], out: &mut Out) -> Outcome {
    let mut counts: BTreeMap<(Kind, &str), usize> = BTreeMap::new();
    for socket in sockets {
        *counts.entry((socket.kind, socket.state_name())).or_default() += 1;
    }
    for ((kind, state), count) in counts {
        writeln!(out, "{:5} {state:12} {count}", format!("{kind:?}").to_lowercase())?;
    }
    Ok(0)
}

fn print(sockets: &[Socket], wanted: &Wanted, holders: &HashMap<u32, String>, out: &mut Out) -> Result<(), Trouble> {
    let system = wanted.extended.then(System::read);
    let width = |title: &str, get: fn(&Socket) -> &str| {
        sockets.iter().map(|socket| get(socket).len()).chain([title.len()]).max().unwrap_or(0)
    };
    let (local_title, peer_title) = ("Local Address:Port", "Peer Address:Port");
    let (local, peer) = (width(local_title, |socket| &socket.local), width(peer_title, |socket| &socket.peer));
    // As `ss` does: no column for what is the same in all rows.
    let mixed = wanted.kinds.len() > 1 || wanted.kinds == [Kind::Unix];
    let netid = |text: &str| if mixed { format!("{text:6}") } else { String::new() };
    if !wanted.no_header {
        let (id, process) = (netid("Netid"), if wanted.processes { " Process" } else { "" });
        writeln!(
            out,
            "{id}{:10} {:>6} {:>6} {local_title:>local$} {peer_title:>peer$}{process}",
            "State", "Recv-Q", "Send-Q"
        )?;
    }
    for socket in sockets {
        let (id, state) = (netid(socket.label), socket.state_name());
        write!(
            out,
            "{id}{state:10} {:>6} {:>6} {:>local$} {:>peer$}",
            socket.received, socket.sent, socket.local, socket.peer
        )?;
        if let Some(holder) = holders.get(&socket.inode) {
            write!(out, " users:({holder})")?;
        }
        if let Some(system) = &system {
            write!(out, " uid:{} ino:{}", system.user(socket.uid), socket.inode)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Who holds which socket: `("nginx",pid=7,fd=6)` by inode. Only our own processes, unless we are root.
fn holders() -> HashMap<u32, String> {
    let mut holders: HashMap<u32, String> = HashMap::new();
    for process in Process::all().unwrap_or_default() {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{}/fd", process.pid)) else { continue };
        for descriptor in descriptors.filter_map(Result::ok) {
            let Ok(target) = fs::read_link(descriptor.path()) else { continue };
            let target = target.to_string_lossy();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            let Some(inode) = inode.and_then(|text| text.parse().ok()) else { continue };
            let fd = descriptor.file_name();
            let entry = holders.entry(inode).or_default();
            if !entry.is_empty() {
                entry.push(',');
            }
            *entry += &format!("(\"{}\",pid={},fd={})", process.name, process.pid, fd.to_string_lossy());
        }
    }
    holders
}
