//! What `-w` keeps of what happens now is shown by sysdig line by line as we show it, and tshark finds as many events. What
//! both programs show of recordings that others made, byte for byte, is in the trace crate's tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use fathom_scap::event::STATE_ONLY;
use fathom_scap::{Item, Reader, Tolerance};
use fathom_testkit::need::missing;
use fathom_testkit::{Need, Scratch, needs};
use fathom_trace::views;

use crate::support::{Way, told};

/// A client that asks three times, and a server that answers, both in one.
const TCP: &str = r#"
use IO::Socket::INET;
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1") or die;
my $port = $server->sockport;
if (fork() == 0) {
    for my $round (1 .. 3) {
        my $client = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die;
        $client->syswrite("GET /page/$round HTTP/1.1\r\nHost: shop\r\nUser-Agent: test\r\n\r\n");
        $client->sysread(my $answer, 500);
        $client->shutdown(1);
    }
    IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => 1);
    exit 0;
}
for (1 .. 3) {
    my $client = $server->accept or die;
    $client->sysread(my $question, 500);
    $client->syswrite("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}
wait;
"#;

/// Sockets of the sixth version, of UDP with and without a fixed other end, of Unix with and without connections and names,
/// in pairs.
const SOCKETS: &str = r#"
use IO::Socket::INET; use IO::Socket::UNIX; use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6);
chdir $ARGV[0];
my $there = IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.0.0.1") or die;
my $here = IO::Socket::INET->new(Proto => "udp", PeerAddr => "127.0.0.1", PeerPort => $there->sockport) or die;
$here->send("question"); $there->recv(my $question, 100); $there->send("answer"); $here->recv(my $answer, 100);
socket(my $loose, PF_INET, SOCK_DGRAM, 0) or die;
send($loose, "stray", 0, sockaddr_in($there->sockport, inet_aton("127.0.0.1"))); $there->recv($question, 100);
my $log = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "log") or die;
my $writer = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => "log") or die;
$writer->send("<13>Nov 21 12:00:00 test: a line"); $log->recv(my $line, 100);
my $listener = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => "socket", Listen => 1) or die;
if (fork() == 0) { my $c = IO::Socket::UNIX->new(Peer => "socket"); $c->syswrite("from the child"); exit 0 }
my $peer = $listener->accept; $peer->sysread(my $data, 100); wait;
socketpair(my $one, my $other, AF_UNIX, SOCK_STREAM, PF_UNSPEC); syswrite($one, "pair"); sysread($other, $data, 10);
if (socket(my $six, PF_INET6, SOCK_STREAM, 0)) { connect($six, pack_sockaddr_in6(9, inet_pton(PF_INET6, "::1"))) }
"#;

/// Opens, copies, renames, links, and changes folder and root.
const FILES: &str = r#"
use POSIX;
chdir $ARGV[0]; mkdir "sub", 0700; mkdir "sub", 0700;
my $one = POSIX::open("one", O_CREAT | O_WRONLY, 0600); POSIX::write($one, "opened", 6);
my $copy = POSIX::dup($one); POSIX::close($one);
rename "one", "two"; POSIX::write($copy, "renamed", 7); link "two", "too"; symlink "too", "soft"; chmod 0640, "two";
POSIX::dup2($copy, 77); POSIX::write(77, "copied", 6); POSIX::lseek(77, 2, 0); utime 1, 2, "two"; unlink "too";
opendir(my $folder, "."); my @all = readdir $folder; closedir $folder; my @facts = stat "soft"; my @own = lstat "soft";
open(my $none, "<", "/no/such/file"); truncate "two", 3; my $link = readlink "soft"; rmdir "none";
chdir "sub"; my $three = POSIX::open("../three", O_CREAT | O_RDWR, 0600); POSIX::write($three, "above\nbelow\n", 12);
my ($in, $out) = POSIX::pipe(); POSIX::write($out, "piped", 5); POSIX::read($in, my $data, 5); POSIX::close(99);
if (fork() == 0) { POSIX::write($three, "inherited", 9); POSIX::_exit(4) } wait;
chroot $ARGV[0]; chdir "/"; my $four = POSIX::open("four", O_CREAT | O_WRONLY, 0600); POSIX::write($four, "rooted", 6);
"#;

const SIGNALS: &str = r#"
trap 'echo heard' USR1; kill -USR1 $$; sleep 1000 & kill -TERM $!; wait $!; sleep 0.01; kill -0 1
sh -c 'kill -SEGV $$'; ulimit -c 0; false; exit 0
"#;

const THREADS: &str = r#"
use threads; use threads::shared;
my $sum :shared = 0;
my @all = map { my $number = $_; threads->create(sub { open(my $file, "<", "/etc/hostname"); my $line = <$file>; lock $sum;
    $sum += $number; select(undef, undef, undef, 0.01) }) } 1 .. 4;
$_->join for @all; print "$sum\n"; exec "/bin/echo", "over";
"#;

/// A command, and what it does; `FOLDER` stands for one of its own.
const SCENES: &[(&str, &[&str])] = &[
    (
        "shell",
        &["sh", "-c", "cd FOLDER; seq 300 | sort -r | head -n 3 > out; cat < out | wc -c; cat /no/such; (pwd); true"],
    ),
    ("tcp", &["perl", "-e", TCP]),
    ("sockets", &["perl", "-e", SOCKETS, "FOLDER"]),
    ("files", &["perl", "-e", FILES, "FOLDER"]),
    ("signals", &["sh", "-c", SIGNALS]),
    ("threads", &["perl", "-e", THREADS]),
    (
        "namespace",
        &[
            "unshare",
            "--pid",
            "--fork",
            "--mount-proc",
            "sh",
            "-c",
            "echo $$; /bin/ls /proc/self/fd; (setsid sh -c 'echo $$') & wait",
        ],
    ),
    (
        "user",
        &[
            "setpriv",
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "sh",
            "-c",
            "id; cat /etc/shadow; head -c 200000 /dev/zero | cat | tail -c 1",
        ],
    ),
];

/// Recordings of all scenes, and the folder that they are in.
struct Recordings {
    files: Vec<PathBuf>,
    _scratch: Scratch,
}

impl Recordings {
    fn make() -> Recordings {
        let scratch = Scratch::new("agree");
        let record = |(name, words): &(&str, &[&str])| {
            let (file, folder) = (scratch.join(format!("{name}.scap")), scratch.join(name));
            std::fs::create_dir_all(&folder).unwrap();
            let words = words.iter().map(|word| word.replace("FOLDER", folder.to_str().unwrap()));
            let mut trace = Way::Bpf.trace(["-w", file.to_str().unwrap(), "--"]);
            let told = told(&trace.args(words).output().unwrap());
            assert!(told.status < 2 && told.stdout.is_empty(), "{name}: {told:?}");
            file
        };
        let files = SCENES.iter().map(record).collect();
        Recordings { files, _scratch: scratch }
    }
}

/// Both programs' words for the same recording must give the same.
struct Case {
    words: Vec<String>,
    order: Order,
}

/// How lines may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Not at all.
    Same,
    /// Rows of equal numbers stand in any order in sysdig; at the end of a table it is open which of them are left out.
    Ties,
    /// Rows stand in the order of a hash table of sysdig's.
    Any,
    /// The same of a table that has the number last, and no more than a hundred rows.
    Frequent,
}

fn case<W: AsRef<str>>(order: Order, words: &[W]) -> Case {
    Case { words: words.iter().map(|word| word.as_ref().to_owned()).collect(), order }
}

/// Text without colours, line by line.
fn lines(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split("\x1b[");
    plain.push_str(parts.next().unwrap_or_default());
    parts.for_each(|part| plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest)));
    plain.split('\n').map(str::to_owned).collect()
}

fn ordered(order: Order, mut lines: Vec<String>) -> Vec<String> {
    match order {
        Order::Same => {}
        Order::Any => lines.sort(),
        Order::Frequent => {
            let count = |line: &str| line.rsplit(' ').next().unwrap_or_default().to_owned();
            lines.retain(|line| !line.is_empty());
            if lines.len() > 100 {
                let least = lines.last().map(|line| count(line));
                lines.retain(|line| Some(count(line)) != least);
            }
            lines.sort();
        }
        Order::Ties => {
            let value = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
            lines.retain(|line| !line.is_empty());
            let last = lines.last().map(|line| value(line)).unwrap_or_default();
            let rows = lines.iter_mut().skip(2).filter(|row| value(row) == last);
            rows.for_each(|row| row.clone_from(&last));
            if lines.len() > 2 {
                lines[2..].sort();
            }
        }
    }
    lines
}

/// What Lua says of a field without a value where a view of sysdig's does not think of that; it ends early then.
const LUA: &[&str] = &["a nil value", "invalid call to evt.field()", "got nil)"];

/// The first line that differs; nothing if none does, or if sysdig fails at what it shows.
fn difference(file: &Path, case: &Case) -> Option<String> {
    let run = |program: &str| {
        let mut command = Command::new(program);
        if program != "sysdig" {
            command.arg("trace");
        }
        let command = command.arg("-r").arg(file).args(&case.words).env("TZ", "UTC").env("FATHOM_CONFIG", "/dev/null");
        command.output().unwrap()
    };
    let (theirs, ours) = (run("sysdig"), run(env!("CARGO_BIN_EXE_fathom")));
    let said = String::from_utf8_lossy(&theirs.stderr).into_owned();
    if !theirs.status.success() && LUA.iter().any(|words| said.contains(words)) {
        return None;
    }
    let name = format!("{} {:?}", file.file_name().unwrap().display(), case.words);
    if !(theirs.status.success() && ours.status.success()) {
        return Some(format!("{name}: {said}{}", String::from_utf8_lossy(&ours.stderr)));
    }
    let [theirs, ours] = [theirs, ours].map(|output| ordered(case.order, lines(&output.stdout)));
    let at = (0..theirs.len().max(ours.len())).find(|at| theirs.get(*at) != ours.get(*at))?;
    Some(format!("{name} line {at}\n sysdig {:?}\n ours   {:?}", theirs.get(at), ours.get(at)))
}

fn agree(cases: &[Case]) {
    needs!(
        Need::Root,
        Need::Program("sysdig"),
        Need::Program("perl"),
        Need::Program("unshare"),
        Need::Program("setpriv")
    );
    let recordings = Recordings::make();
    let all = recordings.files.iter().flat_map(|file| cases.iter().filter_map(|case| difference(file, case)));
    let wrong: Vec<_> = all.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_of_every_kind_are_sysdig_s() {
    agree(&[
        case::<&str>(Order::Same, &[]),
        case(Order::Same, &["-pc"]),
        case(Order::Same, &["-j"]),
        case(Order::Same, &["-X"]),
        case(Order::Frequent, &["-S", "-q"]),
        case(
            Order::Same,
            &["-p", "%evt.num %proc.cmdline|%proc.cwd|%proc.ppid|%proc.pname|%proc.exepath|%user.name|%thread.vtid"],
        ),
        case(
            Order::Same,
            &["-p", "%evt.num %fd.num|%fd.type|%fd.name|%fd.cip|%fd.sport|%fd.l4proto|%fd.is_server|%evt.latency"],
        ),
    ]);
}

#[test]
fn filters_let_the_events_pass_that_sysdig_s_do() {
    agree(
        &[
            "evt.type in (open, openat, read) and evt.dir=<",
            "evt.is_io=true and fd.type=file",
            "fd.type=ipv4 or fd.type=ipv6",
            "fd.name contains /etc",
            "fd.sockfamily=unix or fd.l4proto=udp",
            "evt.failed=true",
            "proc.aname=sh or proc.pname=perl",
            "evt.arg.flags contains O_RDONLY",
            "thread.ismain=false or proc.nthreads>1",
            "fd.sip=127.0.0.1 and fd.is_server=true",
            "evt.buffer contains a and evt.rawres>3",
            "user.name!=root or evt.type=signaldeliver or evt.type=procexit",
            "evt.latency>100000 and not fd.name exists",
        ]
        .map(|filter| case(Order::Same, &[filter])),
    );
}

/// What views take that need something, and in which order they show it where that is not one of time.
const VIEWS: &[(&str, &[&str], Order)] = &[
    ("fdbytes_by", &["fd.name"], Order::Ties),
    ("fdtime_by", &["proc.name"], Order::Ties),
    ("fdcount_by", &["proc.name"], Order::Any),
    ("httptop", &["time"], Order::Ties),
    ("lscontainers", &[], Order::Any),
    ("lsof", &[], Order::Any),
    ("netstat", &[], Order::Any),
    ("scallslower", &["1"], Order::Same),
    ("fileslower", &["0"], Order::Same),
    ("netlower", &["0"], Order::Same),
    ("spy_ip", &["127.0.0.1"], Order::Same),
    ("spy_port", &["80"], Order::Same),
    ("table_generator", &["proc.name,evt.type Process,Type evt.count Count evt.dir=< 100 none"], Order::Ties),
];

/// Views that sysdig itself cannot show: two want to see what happens now, one has a filter that sysdig refuses, and one
/// writes the shell that it has seen last as often as it has columns. Another, `spy_users`, takes fields for those of other
/// ancestors from the second folder on that a shell goes to: no scene has two. What `around` keeps is compared where the
/// files are that it writes.
const THEIRS: &[&str] = &["spectrogram", "subsecoffset", "shellshock_detect", "list_login_shells", "around"];

#[test]
fn views_show_what_sysdig_s_chisels_do() {
    let case = |row: &views::Row| {
        let usual = if row.table().is_some() { Order::Ties } else { Order::Same };
        let known = VIEWS.iter().find(|known| known.0 == row.name);
        let (arguments, order) = known.map_or((&[][..], usual), |known| (known.1, known.2));
        case(order, &[&["-c", row.name], arguments].concat())
    };
    agree(&views::rows().filter(|row| !THEIRS.contains(&row.name)).map(case).collect::<Vec<_>>());
}

#[test]
fn tshark_finds_every_event() {
    needs!(Need::Root, Need::Program("perl"), Need::Program("unshare"), Need::Program("setpriv"));
    if missing(&[Need::Program("tshark")]) {
        return;
    }
    for file in Recordings::make().files {
        let mut command = Command::new("tshark");
        let output = command.arg("-r").arg(&file).args(["-T", "fields", "-e", "frame.number"]).output().unwrap();
        let frames = output.stdout.iter().filter(|byte| **byte == b'\n').count();
        let mut reader = Reader::stream(std::fs::File::open(&file).unwrap(), Tolerance::Strict).unwrap();
        let mut events = 0;
        while let Some(item) = reader.next().unwrap() {
            // What is there for the sake of the state alone, no reader shows.
            events += usize::from(matches!(item, Item::Event(event) if event.flags & STATE_ONLY == 0));
        }
        assert!(events > 100 && frames == events, "{}: {frames} of {events}", file.display());
    }
}

/// The numbers of the threads that a recording says were there when it began, as sysdig reads it.
fn listed(file: &Path) -> Vec<String> {
    let output = Command::new("sysdig").arg("-r").arg(file).args(["-c", "ps"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // Where no event passes, it reads no list.
    assert!(output.status.success() || said.contains("no events in file"), "{}: {said}", file.display());
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().skip(1).filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

#[test]
fn processes_that_sysdig_keeps_by_a_filter_are_kept() {
    needs!(Need::Root, Need::Program("sysdig"), Need::Program("perl"));
    let recordings = Recordings::make();
    let kept = recordings.files[0].with_file_name("kept.scap");
    let mut found = 0;
    for file in &recordings.files {
        for filter in ["proc.name=fathom or proc.name=sh", "proc.name!=fathom", "proc.pid>1 and proc.ppid>1"] {
            let [theirs, ours] = ["sysdig", env!("CARGO_BIN_EXE_fathom")].map(|program| {
                let mut command = Command::new(program);
                if program != "sysdig" {
                    command.arg("trace");
                }
                let command = command.arg("-r").arg(file).arg("-w").arg(&kept).args(["--filter-proclist", filter]);
                assert!(command.output().unwrap().status.success(), "{program}");
                listed(&kept)
            });
            found += theirs.len();
            // We keep more: threads, who has started them by name, and those whose events the filter may let pass.
            let lost: Vec<_> = theirs.iter().filter(|thread| !ours.contains(thread)).collect();
            assert!(lost.is_empty(), "{} {filter}: {lost:?}", file.display());
        }
    }
    assert!(found > 20, "only {found} processes");
}

#[test]
fn csysdig_opens_every_recording() {
    needs!(Need::Root, Need::Program("csysdig"), Need::Program("perl"));
    for file in Recordings::make().files {
        let output = Command::new("csysdig").arg("-r").arg(&file).args(["-v", "procs", "-j"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("\"progress\": 100"), "{}: {output:?}", file.display());
        assert!(text.matches("\"k\":").count() > 1, "{}: {text}", file.display());
    }
}
