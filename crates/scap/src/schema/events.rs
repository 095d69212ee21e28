//! Every event type, in the order of its number: name, category, traits, parameters.
//!
//! `NAME: KIND [hex|oct] [= names(TABLE)|within(PARAMETER)|one_of(ALTERNATIVES)]`. A new
//! type of the format is a new row at the end; a new parameter is appended to its row.

use super::names::*;
use super::{Base, Category, EventType, Kind, Meaning, Param, Traits};

/// What a socket option's value can be.
const SOCKET_OPTION: &[(Kind, Base)] = &[
    (Kind::Bytes, Base::Hex),
    (Kind::Errno, Base::Decimal),
    (Kind::U32, Base::Decimal),
    (Kind::U64, Base::Decimal),
    (Kind::RelTime, Base::Decimal),
];
/// What ptrace's address and data can be.
const PTRACE: &[(Kind, Base)] = &[(Kind::U64, Base::Hex), (Kind::Signal, Base::Decimal)];
/// What bpf returns.
const BPF: &[(Kind, Base)] = &[(Kind::Fd, Base::Decimal), (Kind::Errno, Base::Decimal)];
/// What keyctl takes.
const KEYCTL: &[(Kind, Base)] = &[(Kind::I64, Base::Decimal), (Kind::Text, Base::Decimal)];

macro_rules! base {
    () => {
        Base::Decimal
    };
    (hex) => {
        Base::Hex
    };
    (oct) => {
        Base::Octal
    };
}

macro_rules! meaning {
    () => {
        Meaning::Plain
    };
    (names $table:ident) => {
        Meaning::Names($table)
    };
    (within $index:literal) => {
        Meaning::Within($index)
    };
    (one_of $table:ident) => {
        Meaning::OneOf($table)
    };
}

macro_rules! events {
    ($(
        $number:literal $name:ident $category:ident [$($mark:ident)*]
        ($($param:ident: $kind:ident $($base:ident)? $(= $meaning:ident($what:tt))?),*);
    )*) => {
        /// Every event type; the index is the number.
        pub static EVENTS: &[EventType] = &[$(EventType {
            number: $number,
            name: stringify!($name),
            category: Category::$category,
            traits: Traits(0 $(| Traits::$mark.0)*),
            params: &[$(Param {
                name: stringify!($param),
                kind: Kind::$kind,
                base: base!($($base)?),
                meaning: meaning!($($meaning $what)?),
            }),*],
        }),*];
    };
}

events! {
    0 syscall Other [] (ID: Syscall, nativeID: U16);
    1 syscall Other [] (ID: Syscall, nativeID: U16);
    2 open File [CREATES_FD STATE] (name: Path, flags: Flags32 hex = names(FILE_FLAGS), mode: U32 oct);
    3 open File [CREATES_FD STATE] (fd: Fd, name: Path, flags: Flags32 hex = names(FILE_FLAGS), mode: U32 oct, dev: U32 hex, ino: U64);
    4 close Io [DESTROYS_FD USES_FD STATE] (fd: Fd);
    5 close Io [DESTROYS_FD USES_FD STATE] (res: Errno, fd: Fd);
    6 read Read [USES_FD READS] (fd: Fd, size: U32);
    7 read Read [USES_FD READS] (res: Errno, data: Bytes, fd: Fd, size: U32);
    8 write Write [USES_FD WRITES] (fd: Fd, size: U32);
    9 write Write [USES_FD WRITES] (res: Errno, data: Bytes, fd: Fd, size: U32);
    10 brk Memory [OLD] (size: U32);
    11 brk Memory [OLD] (res: U64 hex);
    12 execve Process [STATE OLD] ();
    13 execve Process [STATE OLD] (res: Errno, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: U64);
    14 clone Process [STATE OLD] ();
    15 clone Process [STATE OLD] (res: Pid, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: I64, flags: Flags32 hex = names(CLONE_FLAGS), uid: U32, gid: U32);
    16 procexit Process [STATE OLD] ();
    17 NA1 Process [UNUSED] ();
    18 socket Net [CREATES_FD STATE] (domain: Flags32 = names(SOCKET_FAMILIES), type: U32, proto: U32);
    19 socket Net [CREATES_FD STATE] (fd: Fd, domain: Enum32 = names(SOCKET_FAMILIES), type: U32, proto: U32, flags: Flags32 hex = names(FILE_FLAGS));
    20 bind Net [USES_FD STATE] (fd: Fd);
    21 bind Net [USES_FD STATE] (res: Errno, addr: SockAddr, fd: Fd);
    22 connect Net [USES_FD STATE] (fd: Fd, addr: SockAddr);
    23 connect Net [USES_FD STATE] (res: Errno, tuple: SockTuple, fd: Fd, addr: SockAddr);
    24 listen Net [USES_FD] (fd: Fd, backlog: U32);
    25 listen Net [USES_FD] (res: Errno, fd: Fd, backlog: I32);
    26 accept Net [CREATES_FD STATE OLD] ();
    27 accept Net [CREATES_FD STATE OLD] (fd: Fd, tuple: SockTuple, queuepct: U8);
    28 send Write [USES_FD WRITES] (fd: Fd, size: U32);
    29 send Write [USES_FD WRITES] (res: Errno, data: Bytes, fd: Fd, size: U32, tuple: SockTuple);
    30 sendto Write [USES_FD WRITES STATE] (fd: Fd, size: U32, tuple: SockTuple);
    31 sendto Write [USES_FD WRITES STATE] (res: Errno, data: Bytes, fd: Fd, size: U32, tuple: SockTuple);
    32 recv Read [USES_FD READS] (fd: Fd, size: U32);
    33 recv Read [USES_FD READS] (res: Errno, data: Bytes, fd: Fd, size: U32, tuple: SockTuple);
    34 recvfrom Read [USES_FD READS STATE] (fd: Fd, size: U32);
    35 recvfrom Read [USES_FD READS STATE] (res: Errno, data: Bytes, tuple: SockTuple, fd: Fd, size: U32);
    36 shutdown Net [USES_FD STATE] (fd: Fd, how: Flags8 hex = names(SHUTDOWN_HOW));
    37 shutdown Net [USES_FD STATE] (res: Errno, fd: Fd, how: Enum8 hex = names(SHUTDOWN_HOW));
    38 getsockname Net [] ();
    39 getsockname Net [] ();
    40 getpeername Net [] ();
    41 getpeername Net [] ();
    42 socketpair Ipc [CREATES_FD STATE] (domain: Flags32 = names(SOCKET_FAMILIES), type: U32, proto: U32);
    43 socketpair Ipc [CREATES_FD STATE] (res: Errno, fd1: Fd, fd2: Fd, source: U64 hex, peer: U64 hex, domain: Enum32 = names(SOCKET_FAMILIES), type: U32, proto: U32);
    44 setsockopt Net [] ();
    45 setsockopt Net [USES_FD] (res: Errno, fd: Fd, level: Flags8 = names(SOCKOPT_LEVELS), optname: Flags8 = names(SOCKOPT_OPTIONS), val: Dynamic = one_of(SOCKET_OPTION), optlen: U32);
    46 getsockopt Net [STATE] ();
    47 getsockopt Net [USES_FD STATE] (res: Errno, fd: Fd, level: Flags8 = names(SOCKOPT_LEVELS), optname: Flags8 = names(SOCKOPT_OPTIONS), val: Dynamic = one_of(SOCKET_OPTION), optlen: U32);
    48 sendmsg Write [USES_FD WRITES STATE] (fd: Fd, size: U32, tuple: SockTuple);
    49 sendmsg Write [USES_FD WRITES STATE] (res: Errno, data: Bytes, fd: Fd, size: U32, tuple: SockTuple);
    50 sendmmsg Write [] ();
    51 sendmmsg Write [] (res: Errno, fd: Fd, size: U32, data: Bytes, tuple: SockTuple);
    52 recvmsg Read [USES_FD READS STATE] (fd: Fd);
    53 recvmsg Read [USES_FD READS STATE] (res: Errno, size: U32, data: Bytes, tuple: SockTuple, msgcontrol: Bytes, fd: Fd);
    54 recvmmsg Read [] ();
    55 recvmmsg Read [] (res: Errno, fd: Fd, size: U32, data: Bytes, tuple: SockTuple, msgcontrol: Bytes);
    56 accept Net [CREATES_FD STATE OLD] (flags: I32 hex);
    57 accept Net [CREATES_FD STATE OLD] (fd: Fd, tuple: SockTuple, queuepct: U8);
    58 creat File [CREATES_FD STATE] (name: Path, mode: U32 oct);
    59 creat File [CREATES_FD STATE] (fd: Fd, name: Path, mode: U32 oct, dev: U32 hex, ino: U64, creat_flags: Flags16 hex = names(CREAT_FLAGS));
    60 pipe Ipc [CREATES_FD STATE] ();
    61 pipe Ipc [CREATES_FD STATE] (res: Errno, fd1: Fd, fd2: Fd, ino: U64);
    62 eventfd Ipc [CREATES_FD STATE] (initval: U64, flags: Flags32 hex);
    63 eventfd Ipc [CREATES_FD STATE] (res: Fd, initval: U64, flags: U32 hex);
    64 futex Ipc [] (addr: U64 hex, op: Flags16 hex = names(FUTEX_OPERATIONS), val: U64);
    65 futex Ipc [] (res: Errno, addr: U64 hex, op: Flags16 hex = names(FUTEX_OPERATIONS), val: U64);
    66 stat File [] ();
    67 stat File [] (res: Errno, path: Path);
    68 lstat File [] ();
    69 lstat File [] (res: Errno, path: Path);
    70 fstat File [USES_FD] (fd: Fd);
    71 fstat File [USES_FD] (res: Errno, fd: Fd);
    72 stat64 File [] ();
    73 stat64 File [] (res: Errno, path: Path);
    74 lstat64 File [] ();
    75 lstat64 File [] (res: Errno, path: Path);
    76 fstat64 File [USES_FD] (fd: Fd);
    77 fstat64 File [USES_FD] (res: Errno);
    78 epoll_wait Wait [WAITS] (maxevents: Errno);
    79 epoll_wait Wait [WAITS] (res: Errno, maxevents: Errno);
    80 poll Wait [WAITS] (fds: FdList, timeout: I64);
    81 poll Wait [WAITS] (res: Errno, fds: FdList, timeout: I64);
    82 select Wait [WAITS] ();
    83 select Wait [WAITS] (res: Errno);
    84 select Wait [WAITS] ();
    85 select Wait [WAITS] (res: Errno);
    86 lseek File [USES_FD] (fd: Fd, offset: U64, whence: Flags8 = names(LSEEK_WHENCE));
    87 lseek File [USES_FD] (res: Errno, fd: Fd, offset: U64, whence: Enum8 = names(LSEEK_WHENCE));
    88 llseek File [USES_FD] (fd: Fd, offset: U64, whence: Flags8 = names(LSEEK_WHENCE));
    89 llseek File [USES_FD] (res: Errno, fd: Fd, offset: U64, whence: Enum8 = names(LSEEK_WHENCE));
    90 ioctl Io [USES_FD OLD] (fd: Fd, request: U64 hex);
    91 ioctl Io [USES_FD OLD] (res: Errno);
    92 getcwd File [] ();
    93 getcwd File [] (res: Errno, path: Text);
    94 chdir File [STATE] ();
    95 chdir File [STATE] (res: Errno, path: Text);
    96 fchdir File [USES_FD STATE] (fd: Fd);
    97 fchdir File [USES_FD STATE] (res: Errno, fd: Fd);
    98 mkdir File [] (path: Path, mode: U32 hex);
    99 mkdir File [] (res: Errno);
    100 rmdir File [] (path: Path);
    101 rmdir File [] (res: Errno);
    102 openat File [CREATES_FD STATE OLD] (dirfd: Fd, name: Text, flags: Flags32 hex = names(FILE_FLAGS), mode: U32 oct);
    103 openat File [CREATES_FD STATE OLD] (fd: Fd);
    104 link File [OLD] (oldpath: Path, newpath: Path);
    105 link File [OLD] (res: Errno);
    106 linkat File [OLD] (olddir: Fd, oldpath: Text, newdir: Fd, newpath: Text);
    107 linkat File [OLD] (res: Errno);
    108 unlink File [OLD] (path: Path);
    109 unlink File [OLD] (res: Errno);
    110 unlinkat File [OLD] (dirfd: Fd, name: Text);
    111 unlinkat File [OLD] (res: Errno);
    112 pread Read [USES_FD READS] (fd: Fd, size: U32, pos: U64);
    113 pread Read [USES_FD READS] (res: Errno, data: Bytes, fd: Fd, size: U32, pos: U64);
    114 pwrite Write [USES_FD WRITES] (fd: Fd, size: U32, pos: U64);
    115 pwrite Write [USES_FD WRITES] (res: Errno, data: Bytes, fd: Fd, size: U32, pos: U64);
    116 readv Read [USES_FD READS] (fd: Fd);
    117 readv Read [USES_FD READS] (res: Errno, size: U32, data: Bytes, fd: Fd);
    118 writev Write [USES_FD WRITES] (fd: Fd, size: U32);
    119 writev Write [USES_FD WRITES] (res: Errno, data: Bytes, fd: Fd, size: U32);
    120 preadv Read [USES_FD READS] (fd: Fd, pos: U64);
    121 preadv Read [USES_FD READS] (res: Errno, size: U32, data: Bytes, fd: Fd, pos: U64);
    122 pwritev Write [USES_FD WRITES] (fd: Fd, size: U32, pos: U64);
    123 pwritev Write [USES_FD WRITES] (res: Errno, data: Bytes, fd: Fd, size: U32, pos: U64);
    124 dup Io [CREATES_FD USES_FD STATE] (fd: Fd);
    125 dup Io [CREATES_FD USES_FD STATE] (res: Fd);
    126 signalfd Signal [CREATES_FD STATE] (fd: Fd, mask: U32 hex, flags: Flags8 hex);
    127 signalfd Signal [CREATES_FD STATE] (res: Fd, fd: Fd, mask: U32 hex, flags: U8 hex);
    128 kill Signal [] (pid: Pid, sig: Signal);
    129 kill Signal [] (res: Errno, pid: Pid, sig: Signal);
    130 tkill Signal [] (tid: Pid, sig: Signal);
    131 tkill Signal [] (res: Errno, tid: Pid, sig: Signal);
    132 tgkill Signal [] (pid: Pid, tid: Pid, sig: Signal);
    133 tgkill Signal [] (res: Errno, pid: Pid, tid: Pid, sig: Signal);
    134 nanosleep Sleep [WAITS] (interval: RelTime);
    135 nanosleep Sleep [WAITS] (res: Errno, interval: RelTime);
    136 timerfd_create Time [CREATES_FD STATE] (clockid: U8, flags: Flags8 hex);
    137 timerfd_create Time [CREATES_FD STATE] (res: Fd, clockid: U8, flags: U8 hex);
    138 inotify_init Ipc [CREATES_FD STATE] (flags: Flags8 hex);
    139 inotify_init Ipc [CREATES_FD STATE] (res: Fd, flags: U8 hex);
    140 getrlimit Process [] (resource: Flags8 = names(RLIMIT_RESOURCES));
    141 getrlimit Process [] (res: Errno, cur: I64, max: I64, resource: Enum8 = names(RLIMIT_RESOURCES));
    142 setrlimit Process [] (resource: Flags8 = names(RLIMIT_RESOURCES));
    143 setrlimit Process [] (res: Errno, cur: I64, max: I64, resource: Enum8 = names(RLIMIT_RESOURCES));
    144 prlimit Process [] (pid: Pid, resource: Flags8 = names(RLIMIT_RESOURCES));
    145 prlimit Process [] (res: Errno, newcur: I64, newmax: I64, oldcur: I64, oldmax: I64, pid: I64, resource: Enum8 = names(RLIMIT_RESOURCES));
    146 switch Scheduler [ASIDE OLD] (next: Pid);
    147 NA2 Scheduler [UNUSED ASIDE OLD] ();
    148 drop Internal [ASIDE] (ratio: U32);
    149 drop Internal [ASIDE] (ratio: U32);
    150 fcntl Io [USES_FD STATE] (fd: Fd, cmd: Flags8 = names(FCNTL_COMMANDS));
    151 fcntl Io [USES_FD STATE] (res: Fd, fd: Fd, cmd: Enum8 = names(FCNTL_COMMANDS), arg: U64 hex);
    152 switch Scheduler [] (next: Pid, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32);
    153 NA2 Scheduler [UNUSED] ();
    154 execve Process [STATE OLD] ();
    155 execve Process [STATE OLD] (res: Errno, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: U64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32);
    156 clone Process [STATE OLD] ();
    157 clone Process [STATE OLD] (res: Pid, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: I64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, flags: Flags32 hex = names(CLONE_FLAGS), uid: U32, gid: U32);
    158 brk Memory [] (addr: U64 hex);
    159 brk Memory [] (res: U64 hex, vm_size: U32, vm_rss: U32, vm_swap: U32, addr: U64 hex);
    160 mmap Memory [] (addr: U64 hex, length: U64, prot: Flags32 hex = names(PROT_FLAGS), flags: Flags32 hex = names(MMAP_FLAGS), fd: Fd, offset: U64);
    161 mmap Memory [] (res: U64 hex, vm_size: U32, vm_rss: U32, vm_swap: U32, addr: U64 hex, length: U64, prot: Flags32 hex = names(PROT_FLAGS), flags: Flags32 hex = names(MMAP_FLAGS), fd: Fd, offset: U64);
    162 mmap2 Memory [] (addr: U64 hex, length: U64, prot: Flags32 hex = names(PROT_FLAGS), flags: Flags32 hex = names(MMAP_FLAGS), fd: Fd, pgoffset: U64);
    163 mmap2 Memory [] (res: U64 hex, vm_size: U32, vm_rss: U32, vm_swap: U32, addr: U64 hex, length: U64, prot: Flags32 hex = names(PROT_FLAGS), flags: Flags32 hex = names(MMAP_FLAGS), fd: Fd, pgoffset: U64);
    164 munmap Memory [] (addr: U64 hex, length: U64);
    165 munmap Memory [] (res: Errno, vm_size: U32, vm_rss: U32, vm_swap: U32, addr: U64 hex, length: U64);
    166 splice Io [USES_FD] (fd_in: Fd, fd_out: Fd, size: U64, flags: Flags32 hex = names(SPLICE_FLAGS));
    167 splice Io [USES_FD] (res: Errno, fd_in: Fd, fd_out: Fd, size: U64, flags: Flags32 hex = names(SPLICE_FLAGS));
    168 ptrace Process [] (request: Flags16 = names(PTRACE_REQUESTS), pid: Pid);
    169 ptrace Process [] (res: Errno, addr: Dynamic hex = one_of(PTRACE), data: Dynamic hex = one_of(PTRACE), request: Enum16 = names(PTRACE_REQUESTS), pid: Pid);
    170 ioctl Io [USES_FD] (fd: Fd, request: U64 hex, argument: U64 hex);
    171 ioctl Io [USES_FD] (res: Errno, fd: Fd, request: U64 hex, argument: U64 hex);
    172 execve Process [STATE OLD] ();
    173 execve Process [STATE OLD] (res: Errno, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: U64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, env: Bytes);
    174 rename File [] ();
    175 rename File [] (res: Errno, oldpath: Path, newpath: Path);
    176 renameat File [] ();
    177 renameat File [] (res: Errno, olddirfd: Fd, oldpath: RelPath = within(1), newdirfd: Fd, newpath: RelPath = within(3));
    178 symlink File [] ();
    179 symlink File [] (res: Errno, target: Text, linkpath: Path);
    180 symlinkat File [] ();
    181 symlinkat File [] (res: Errno, target: Text, linkdirfd: Fd, linkpath: RelPath = within(2));
    182 fork Process [STATE OLD] ();
    183 fork Process [STATE OLD] (res: Pid, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: I64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, flags: Flags32 hex = names(CLONE_FLAGS), uid: U32, gid: U32);
    184 vfork Process [STATE OLD] ();
    185 vfork Process [STATE OLD] (res: Pid, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: I64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, flags: Flags32 hex = names(CLONE_FLAGS), uid: U32, gid: U32);
    186 procexit Process [STATE] (status: Errno, ret: Errno, sig: Signal, core: U8, reaper_tid: Pid);
    187 NA1 Process [UNUSED] ();
    188 sendfile Write [USES_FD] (out_fd: Fd, in_fd: Fd, offset: U64, size: U64);
    189 sendfile Write [USES_FD] (res: Errno, offset: U64, out_fd: Fd, in_fd: Fd, size: U64);
    190 quotactl User [] (cmd: Flags16 = names(QUOTACTL_CMDS), type: Flags8 = names(QUOTACTL_TYPES), id: U32, quota_fmt: Flags8 = names(QUOTACTL_QUOTA_FMTS));
    191 quotactl User [] (res: Errno, special: Text, quotafilepath: Text, dqb_bhardlimit: U64, dqb_bsoftlimit: U64, dqb_curspace: U64, dqb_ihardlimit: U64, dqb_isoftlimit: U64, dqb_btime: RelTime, dqb_itime: RelTime, dqi_bgrace: RelTime, dqi_igrace: RelTime, dqi_flags: Flags8 = names(QUOTACTL_DQI_FLAGS), quota_fmt_out: Flags8 = names(QUOTACTL_QUOTA_FMTS), cmd: Flags16 = names(QUOTACTL_CMDS), type: Flags8 = names(QUOTACTL_TYPES), id: U32, quota_fmt: Flags8 = names(QUOTACTL_QUOTA_FMTS));
    192 setresuid User [STATE] (ruid: Uid, euid: Uid, suid: Uid);
    193 setresuid User [STATE] (res: Errno, ruid: Uid, euid: Uid, suid: Uid);
    194 setresgid User [STATE] (rgid: Gid, egid: Gid, sgid: Gid);
    195 setresgid User [STATE] (res: Errno, rgid: Gid, egid: Gid, sgid: Gid);
    196 sysdigevent Internal [ASIDE] (event_type: U32, event_data: U64);
    197 sysdigevent Internal [UNUSED] ();
    198 setuid User [STATE] (uid: Uid);
    199 setuid User [STATE] (res: Errno, uid: Uid);
    200 setgid User [STATE] (gid: Gid);
    201 setgid User [STATE] (res: Errno, gid: Gid);
    202 getuid User [] ();
    203 getuid User [] (uid: Uid);
    204 geteuid User [] ();
    205 geteuid User [] (euid: Uid);
    206 getgid User [] ();
    207 getgid User [] (gid: Gid);
    208 getegid User [] ();
    209 getegid User [] (egid: Gid);
    210 getresuid User [] ();
    211 getresuid User [] (res: Errno, ruid: Uid, euid: Uid, suid: Uid);
    212 getresgid User [] ();
    213 getresgid User [] (res: Errno, rgid: Gid, egid: Gid, sgid: Gid);
    214 execve Process [STATE OLD] ();
    215 execve Process [STATE OLD] (res: Errno, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: U64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, env: Bytes);
    216 clone Process [STATE OLD] ();
    217 clone Process [STATE OLD] (res: Pid, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: I64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, flags: Flags32 hex = names(CLONE_FLAGS), uid: U32, gid: U32);
    218 fork Process [STATE OLD] ();
    219 fork Process [STATE OLD] (res: Pid, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: I64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, flags: Flags32 hex = names(CLONE_FLAGS), uid: U32, gid: U32);
    220 vfork Process [STATE OLD] ();
    221 vfork Process [STATE OLD] (res: Pid, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: I64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, flags: Flags32 hex = names(CLONE_FLAGS), uid: U32, gid: U32);
    222 clone Process [STATE] ();
    223 clone Process [STATE] (res: Pid, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: I64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, cgroups: Bytes, flags: Flags32 hex = names(CLONE_FLAGS), uid: U32, gid: U32, vtid: Pid, vpid: Pid, pidns_init_start_ts: U64);
    224 fork Process [STATE] ();
    225 fork Process [STATE] (res: Pid, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: I64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, cgroups: Bytes, flags: Flags32 hex = names(CLONE_FLAGS), uid: U32, gid: U32, vtid: Pid, vpid: Pid, pidns_init_start_ts: U64);
    226 vfork Process [STATE] ();
    227 vfork Process [STATE] (res: Pid, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: I64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, cgroups: Bytes, flags: Flags32 hex = names(CLONE_FLAGS), uid: U32, gid: U32, vtid: Pid, vpid: Pid, pidns_init_start_ts: U64);
    228 container Internal [STATE ASIDE OLD] (id: Text, type: U32, name: Text, image: Text);
    229 container Internal [UNUSED OLD] ();
    230 execve Process [STATE] ();
    231 execve Process [STATE] (res: Errno, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: U64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, cgroups: Bytes, env: Bytes);
    232 signaldeliver Signal [] (spid: Pid, dpid: Pid, sig: Signal);
    233 signaldeliver Signal [UNUSED] ();
    234 procinfo Internal [ASIDE] (cpu_usr: U64, cpu_sys: U64);
    235 NA2 Internal [UNUSED] ();
    236 getdents File [USES_FD] (fd: Fd);
    237 getdents File [USES_FD] (res: Errno, fd: Fd);
    238 getdents64 File [USES_FD] (fd: Fd);
    239 getdents64 File [USES_FD] (res: Errno, fd: Fd);
    240 setns Process [USES_FD] (fd: Fd, nstype: Flags32 hex = names(CLONE_FLAGS));
    241 setns Process [USES_FD] (res: Errno, fd: Fd, nstype: Flags32 hex = names(CLONE_FLAGS));
    242 flock File [USES_FD] (fd: Fd, operation: Flags32 hex = names(FLOCK_FLAGS));
    243 flock File [USES_FD] (res: Errno, fd: Fd, operation: Flags32 hex = names(FLOCK_FLAGS));
    244 cpu_hotplug System [STATE ASIDE] (cpu: U32, action: U32);
    245 NA2 System [UNUSED] ();
    246 accept Net [CREATES_FD STATE] ();
    247 accept Net [CREATES_FD STATE] (fd: Fd, tuple: SockTuple, queuepct: U8, queuelen: U32, queuemax: U32);
    248 accept Net [CREATES_FD STATE] (flags: I32 hex);
    249 accept Net [CREATES_FD STATE] (fd: Fd, tuple: SockTuple, queuepct: U8, queuelen: U32, queuemax: U32);
    250 semop Process [] (semid: I32);
    251 semop Process [] (res: Errno, nsops: U32, sem_num_0: U16, sem_op_0: I16, sem_flg_0: Flags16 hex = names(SEMOP_FLAGS), sem_num_1: U16, sem_op_1: I16, sem_flg_1: Flags16 hex = names(SEMOP_FLAGS), semid: I32);
    252 semctl Process [] (semid: I32, semnum: I32, cmd: Flags16 hex = names(SEMCTL_COMMANDS), val: I32);
    253 semctl Process [] (res: Errno, semid: I32, semnum: I32, cmd: Flags16 hex = names(SEMCTL_COMMANDS), val: I32);
    254 ppoll Wait [WAITS] (fds: FdList, timeout: RelTime, sigmask: SigSet);
    255 ppoll Wait [WAITS] (res: Errno, fds: FdList, timeout: RelTime, sigmask: SigSet);
    256 mount File [STATE] (flags: Flags32 hex = names(MOUNT_FLAGS));
    257 mount File [STATE] (res: Errno, dev: Text, dir: Path, type: Text, flags: Flags32 hex = names(MOUNT_FLAGS));
    258 umount File [STATE] (flags: Flags32 hex = names(UMOUNT_FLAGS));
    259 umount File [STATE] (res: Errno, name: Path);
    260 k8s Internal [STATE ASIDE] (json: Text);
    261 NA3 System [UNUSED] ();
    262 semget Process [] (key: I32 hex, nsems: I32, semflg: Flags32 hex = names(SEMGET_FLAGS));
    263 semget Process [] (res: Errno, key: I32 hex, nsems: I32, semflg: Flags32 hex = names(SEMGET_FLAGS));
    264 access File [] (mode: Flags32 hex = names(ACCESS_FLAGS));
    265 access File [] (res: Errno, name: Path, mode: Flags32 hex = names(ACCESS_FLAGS));
    266 chroot Process [STATE] ();
    267 chroot Process [STATE] (res: Errno, path: Path);
    268 tracer Other [] (id: I64, tags: Tags, args: TagPairs);
    269 tracer Other [] (id: I64, tags: Tags, args: TagPairs);
    270 mesos Internal [STATE ASIDE] (json: Text);
    271 NA4 System [UNUSED] ();
    272 container Process [STATE] (json: Text);
    273 container Process [UNUSED] ();
    274 setsid Process [STATE] ();
    275 setsid Process [STATE] (res: Pid);
    276 mkdir File [] (mode: U32 hex);
    277 mkdir File [] (res: Errno, path: Path, mode: U32 hex);
    278 rmdir File [] ();
    279 rmdir File [] (res: Errno, path: Path);
    280 notification Other [ASIDE] (id: Text, desc: Text);
    281 NA4 System [UNUSED] ();
    282 execve Process [STATE OLD] ();
    283 execve Process [STATE OLD] (res: Errno, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: U64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, cgroups: Bytes, env: Bytes, tty: I32);
    284 unshare Process [] (flags: Flags32 hex = names(CLONE_FLAGS));
    285 unshare Process [] (res: Errno, flags: Flags32 hex = names(CLONE_FLAGS));
    286 infra Internal [ASIDE] (source: Text, name: Text, description: Text, scope: Text);
    287 NA4 System [UNUSED] ();
    288 execve Process [STATE OLD] (filename: Path);
    289 execve Process [STATE OLD] (res: Errno, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: U64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, cgroups: Bytes, env: Bytes, tty: I32);
    290 page_fault Other [ASIDE] (addr: U64 hex, ip: U64 hex, error: Flags32 hex = names(PF_FLAGS));
    291 NA5 Other [UNUSED] ();
    292 execve Process [STATE] (filename: Path);
    293 execve Process [STATE] (res: Errno, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: U64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, cgroups: Bytes, env: Bytes, tty: I32, pgid: Pid, loginuid: I32, flags: Flags32 hex = names(EXECVE_FLAGS), cap_inheritable: U64 hex, cap_permitted: U64 hex, cap_effective: U64 hex, exe_ino: U64, exe_ino_ctime: AbsTime, exe_ino_mtime: AbsTime, uid: Uid, trusted_exepath: Path, pgid: Pid, gid: Gid, filename: Path);
    294 setpgid Process [STATE] (pid: Pid, pgid: Pid);
    295 setpgid Process [STATE] (res: Pid, pid: Pid, pgid: Pid);
    296 bpf Other [CREATES_FD] (cmd: I64);
    297 bpf Other [CREATES_FD] (res_or_fd: Dynamic = one_of(BPF));
    298 seccomp Other [] (op: U64, flags: U64 hex);
    299 seccomp Other [] (res: Errno, op: U64, flags: U64 hex);
    300 unlink File [] ();
    301 unlink File [] (res: Errno, path: Path);
    302 unlinkat File [] ();
    303 unlinkat File [] (res: Errno, dirfd: Fd, name: RelPath = within(1), flags: Flags32 hex = names(UNLINKAT_FLAGS));
    304 mkdirat File [] ();
    305 mkdirat File [] (res: Errno, dirfd: Fd, path: RelPath = within(1), mode: U32 hex);
    306 openat File [CREATES_FD STATE] (dirfd: Fd, name: RelPath = within(0), flags: Flags32 hex = names(FILE_FLAGS), mode: U32 oct);
    307 openat File [CREATES_FD STATE] (fd: Fd, dirfd: Fd, name: RelPath = within(1), flags: Flags32 hex = names(FILE_FLAGS), mode: U32 oct, dev: U32 hex, ino: U64);
    308 link File [] ();
    309 link File [] (res: Errno, oldpath: Path, newpath: Path);
    310 linkat File [] ();
    311 linkat File [] (res: Errno, olddir: Fd, oldpath: RelPath = within(1), newdir: Fd, newpath: RelPath = within(3), flags: Flags32 hex = names(LINKAT_FLAGS));
    312 fchmodat File [] ();
    313 fchmodat File [] (res: Errno, dirfd: Fd, filename: RelPath = within(1), mode: Mode oct = names(CHMOD_MODE));
    314 chmod File [] ();
    315 chmod File [] (res: Errno, filename: Path, mode: Mode oct = names(CHMOD_MODE));
    316 fchmod File [] ();
    317 fchmod File [] (res: Errno, fd: Fd, mode: Mode oct = names(CHMOD_MODE));
    318 renameat2 File [] ();
    319 renameat2 File [] (res: Errno, olddirfd: Fd, oldpath: RelPath = within(1), newdirfd: Fd, newpath: RelPath = within(3), flags: Flags32 hex = names(RENAMEAT2_FLAGS));
    320 userfaultfd File [CREATES_FD STATE] ();
    321 userfaultfd File [CREATES_FD STATE] (res: Errno, flags: Flags32 hex = names(FILE_FLAGS));
    322 pluginevent Other [LARGE] (plugin_ID: U32, event_data: Bytes);
    323 pluginevent Other [UNUSED] ();
    324 container Process [STATE LARGE] (json: Text);
    325 container Process [UNUSED] ();
    326 openat2 File [CREATES_FD STATE] (dirfd: Fd, name: RelPath = within(1), flags: Flags32 hex = names(FILE_FLAGS), mode: U32 oct, resolve: Flags32 hex = names(OPENAT2_FLAGS));
    327 openat2 File [CREATES_FD STATE] (fd: Fd, dirfd: Fd, name: RelPath = within(1), flags: Flags32 hex = names(FILE_FLAGS), mode: U32 oct, resolve: Flags32 hex = names(OPENAT2_FLAGS), dev: U32 hex, ino: U64);
    328 mprotect Memory [] (addr: U64 hex, length: U64, prot: Flags32 hex = names(PROT_FLAGS));
    329 mprotect Memory [] (res: Errno, addr: U64 hex, length: U64, prot: Flags32 hex = names(PROT_FLAGS));
    330 execveat Process [STATE] (dirfd: Fd, pathname: RelPath = within(0), flags: Flags32 hex = names(EXECVEAT_FLAGS));
    331 execveat Process [STATE] (res: Errno, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: U64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, cgroups: Bytes, env: Bytes, tty: I32, pgid: Pid, loginuid: I32, flags: Flags32 hex = names(EXECVE_FLAGS), cap_inheritable: U64 hex, cap_permitted: U64 hex, cap_effective: U64 hex, exe_ino: U64, exe_ino_ctime: AbsTime, exe_ino_mtime: AbsTime, uid: Uid, trusted_exepath: Path, pgid: Pid, gid: Gid);
    332 copy_file_range File [USES_FD READS WRITES] (fdin: Fd, offin: U64, len: U64);
    333 copy_file_range File [USES_FD READS WRITES] (res: Errno, fdout: Fd, offout: U64, fdin: Fd, offin: U64, len: U64);
    334 clone3 Process [STATE] ();
    335 clone3 Process [STATE] (res: Pid, exe: Text, args: Bytes, tid: Pid, pid: Pid, ptid: Pid, cwd: Text, fdlimit: I64, pgft_maj: U64, pgft_min: U64, vm_size: U32, vm_rss: U32, vm_swap: U32, comm: Text, cgroups: Bytes, flags: Flags32 hex = names(CLONE_FLAGS), uid: U32, gid: U32, vtid: Pid, vpid: Pid, pidns_init_start_ts: U64);
    336 open_by_handle_at File [CREATES_FD STATE OLD] ();
    337 open_by_handle_at File [CREATES_FD STATE] (fd: Fd, mountfd: Fd, flags: Flags32 hex = names(FILE_FLAGS), path: Path, dev: U32 hex, ino: U64);
    338 io_uring_setup Io [CREATES_FD STATE OLD] ();
    339 io_uring_setup Io [CREATES_FD STATE] (res: Errno, entries: U32, sq_entries: U32, cq_entries: U32, flags: Flags32 hex = names(IO_URING_SETUP_FLAGS), sq_thread_cpu: U32, sq_thread_idle: U32, features: Flags32 hex = names(IO_URING_SETUP_FEATS));
    340 io_uring_enter Io [OLD] ();
    341 io_uring_enter Io [USES_FD] (res: Errno, fd: Fd, to_submit: U32, min_complete: U32, flags: Flags32 hex = names(IO_URING_ENTER_FLAGS), sig: SigSet);
    342 io_uring_register Io [OLD] ();
    343 io_uring_register Io [USES_FD] (res: Errno, fd: Fd, opcode: Enum16 = names(IO_URING_REGISTER_OPCODES), arg: U64 hex, nr_args: U32);
    344 mlock Memory [OLD] ();
    345 mlock Memory [] (res: Errno, addr: U64 hex, len: U64);
    346 munlock Memory [OLD] ();
    347 munlock Memory [] (res: Errno, addr: U64 hex, len: U64);
    348 mlockall Memory [OLD] ();
    349 mlockall Memory [] (res: Errno, flags: Flags32 hex = names(MLOCKALL_FLAGS));
    350 munlockall Memory [OLD] ();
    351 munlockall Memory [] (res: Errno);
    352 capset Process [STATE OLD] ();
    353 capset Process [STATE] (res: Errno, cap_inheritable: U64 hex, cap_permitted: U64 hex, cap_effective: U64 hex);
    354 useradded Process [STATE] (uid: U32, gid: U32, name: Text, home: Text, shell: Text, container_id: Text);
    355 NA Unknown [UNUSED] ();
    356 userdeleted Process [STATE] (uid: U32, gid: U32, name: Text, home: Text, shell: Text, container_id: Text);
    357 NA Unknown [UNUSED] ();
    358 groupadded Process [STATE] (gid: U32, name: Text, container_id: Text);
    359 NA Unknown [UNUSED] ();
    360 groupdeleted Process [STATE] (gid: U32, name: Text, container_id: Text);
    361 NA Unknown [UNUSED] ();
    362 dup2 Io [CREATES_FD USES_FD STATE OLD] (fd: Fd);
    363 dup2 Io [CREATES_FD USES_FD STATE] (res: Fd, oldfd: Fd, newfd: Fd);
    364 dup3 Io [CREATES_FD USES_FD STATE OLD] (fd: Fd);
    365 dup3 Io [CREATES_FD USES_FD STATE] (res: Fd, oldfd: Fd, newfd: Fd, flags: Flags32 hex = names(FILE_FLAGS));
    366 dup Io [CREATES_FD USES_FD STATE OLD] (fd: Fd);
    367 dup Io [CREATES_FD USES_FD STATE] (res: Fd, oldfd: Fd);
    368 bpf Other [CREATES_FD OLD] (cmd: I64);
    369 bpf Other [CREATES_FD] (fd: Fd, cmd: Enum32 = names(BPF_COMMANDS));
    370 mlock2 Memory [OLD] ();
    371 mlock2 Memory [] (res: Errno, addr: U64 hex, len: U64, flags: Flags32 hex = names(MLOCK2_FLAGS));
    372 fsconfig System [OLD] ();
    373 fsconfig System [USES_FD] (res: Errno, fd: Fd, cmd: Enum32 = names(FSCONFIG_CMDS), key: Text, value_bytebuf: Bytes, value_charbuf: Text, aux: I32);
    374 epoll_create Wait [CREATES_FD STATE OLD] (size: I32);
    375 epoll_create Wait [CREATES_FD STATE] (res: Errno, size: I32);
    376 epoll_create1 Wait [CREATES_FD STATE OLD] (flags: Flags32 hex = names(EPOLL_CREATE1_FLAGS));
    377 epoll_create1 Wait [CREATES_FD STATE] (res: Errno, flags: Flags32 hex = names(EPOLL_CREATE1_FLAGS));
    378 chown File [OLD] ();
    379 chown File [] (res: Errno, path: Path, uid: U32, gid: U32);
    380 lchown File [OLD] ();
    381 lchown File [] (res: Errno, path: Path, uid: U32, gid: U32);
    382 fchown File [OLD] ();
    383 fchown File [USES_FD] (res: Errno, fd: Fd, uid: U32, gid: U32);
    384 fchownat File [OLD] ();
    385 fchownat File [USES_FD] (res: Errno, dirfd: Fd, pathname: RelPath = within(1), uid: U32, gid: U32, flags: Flags32 hex = names(FCHOWNAT_FLAGS));
    386 umount File [STATE OLD] ();
    387 umount File [STATE] (res: Errno, name: Path);
    388 accept4 Net [CREATES_FD STATE OLD] (flags: I32 hex);
    389 accept4 Net [CREATES_FD STATE] (fd: Fd, tuple: SockTuple, queuepct: U8, queuelen: U32, queuemax: U32, flags: I32 hex);
    390 umount2 File [STATE OLD] (flags: Flags32 hex = names(UMOUNT_FLAGS));
    391 umount2 File [STATE] (res: Errno, name: Path, flags: Flags32 hex = names(UMOUNT_FLAGS));
    392 pipe2 Ipc [CREATES_FD STATE OLD] ();
    393 pipe2 Ipc [CREATES_FD STATE] (res: Errno, fd1: Fd, fd2: Fd, ino: U64, flags: Flags32 hex = names(FILE_FLAGS));
    394 inotify_init1 Ipc [CREATES_FD STATE OLD] ();
    395 inotify_init1 Ipc [CREATES_FD STATE] (res: Fd, flags: Flags16 hex = names(FILE_FLAGS));
    396 eventfd2 Ipc [CREATES_FD STATE OLD] (initval: U64);
    397 eventfd2 Ipc [CREATES_FD STATE] (res: Fd, flags: Flags16 hex = names(FILE_FLAGS), initval: U64);
    398 signalfd4 Signal [CREATES_FD STATE OLD] (fd: Fd, mask: U32 hex);
    399 signalfd4 Signal [CREATES_FD STATE] (res: Fd, flags: Flags16 hex = names(FILE_FLAGS), fd: Fd, mask: U32 hex);
    400 prctl Process [STATE OLD] ();
    401 prctl Process [STATE] (res: Errno, option: Enum32 = names(PRCTL_OPTIONS), arg2_str: Text, arg2_int: I64);
    402 asyncevent Other [LARGE] (plugin_id: U32, name: Text, data: Bytes);
    403 NA Unknown [UNUSED] ();
    404 memfd_create Memory [CREATES_FD STATE OLD] ();
    405 memfd_create Memory [CREATES_FD STATE] (fd: Fd, name: Text, flags: Flags32 hex = names(MEMFD_CREATE_FLAGS));
    406 pidfd_getfd Process [CREATES_FD STATE OLD] ();
    407 pidfd_getfd Process [CREATES_FD STATE] (fd: Fd, pid_fd: Fd, target_fd: Fd, flags: U32 hex);
    408 pidfd_open Process [CREATES_FD STATE OLD] ();
    409 pidfd_open Process [CREATES_FD STATE] (fd: Fd, pid: Pid, flags: Flags32 hex = names(PIDFD_OPEN_FLAGS));
    410 init_module Other [OLD] ();
    411 init_module Other [] (res: Errno, img: Bytes, length: U64, uargs: Text);
    412 finit_module Other [OLD] ();
    413 finit_module Other [USES_FD READS] (res: Errno, fd: Fd, uargs: Text, flags: Flags32 hex = names(FINIT_MODULE_FLAGS));
    414 mknod Other [OLD] ();
    415 mknod Other [] (res: Errno, path: Path, mode: Mode oct = names(MKNOD_MODE), dev: U32);
    416 mknodat Other [OLD] ();
    417 mknodat Other [USES_FD] (res: Errno, dirfd: Fd, path: RelPath = within(1), mode: Mode oct = names(MKNOD_MODE), dev: U32);
    418 newfstatat File [OLD] ();
    419 newfstatat File [USES_FD] (res: Errno, dirfd: Fd, path: RelPath = within(1), flags: Flags32 hex = names(NEWFSTATAT_FLAGS));
    420 process_vm_readv Ipc [OLD] ();
    421 process_vm_readv Ipc [] (res: I64, pid: Pid, data: Bytes);
    422 process_vm_writev Ipc [OLD] ();
    423 process_vm_writev Ipc [] (res: I64, pid: Pid, data: Bytes);
    424 delete_module Other [OLD] ();
    425 delete_module Other [] (res: Errno, name: Text, flags: Flags32 hex = names(DELETE_MODULE_FLAGS));
    426 setreuid User [STATE OLD] ();
    427 setreuid User [STATE] (res: Errno, ruid: Uid, euid: Uid);
    428 setregid User [OLD] ();
    429 setregid User [STATE] (res: Errno, rgid: Uid, egid: Uid);
    430 task Process [STATE] (ppid: Pid32, pgid: Pid32, vpgid: Pid32, sid: Pid32, comm: Text, argv: Tags, exepath: Path, flags: Flags32 hex = names(EXECVE_FLAGS), env: Tags, cwd: Text, fdlimit: U64, euid: Uid, egid: Gid, cap_permitted: U64 hex, cap_effective: U64 hex, cap_inheritable: U64 hex, exe_ino_num: U64, exe_ino_ctime: AbsTime, exe_ino_mtime: AbsTime, vm_size: U32, vm_rss: U32, vm_swap: U32, pgft_maj: U64, pgft_min: U64, vtgid: Pid32, vpid: Pid32, pidns_init_start_ts: U64, cgroups: Tags, root: Path, start_time: AbsTime, tty: U32, loginuid: Uid);
    431 NA Unknown [UNUSED] ();
    432 task_file_pipe File [STATE] (fd: Fd32, path: Path, ino_num: U64);
    433 NA Unknown [UNUSED] ();
    434 task_file_memfd File [STATE] (fd: Fd32, path: Path, ino_num: U64);
    435 NA Unknown [UNUSED] ();
    436 task_file_regular File [STATE] (fd: Fd32, path: Path, flags: Flags32 hex = names(FILE_FLAGS), mnt_id: U32, ino_num: U64);
    437 NA Unknown [UNUSED] ();
    438 task_file_directory File [STATE] (fd: Fd32, path: Path, ino_num: U64);
    439 NA Unknown [UNUSED] ();
    440 task_file_socket_inet File [STATE] (fd: Fd32, sk_type: U16, sk_proto: U16, local_ip: Address4 hex, local_port: Port hex, remote_ip: Address4 hex, remote_port: Port hex, ino_num: U64);
    441 NA Unknown [UNUSED] ();
    442 task_file_socket_inet6 File [STATE] (fd: Fd32, sk_type: U16, sk_proto: U16, local_ip: Address6 hex, local_port: Port hex, remote_ip: Address6 hex, remote_port: Port hex, ino_num: U64);
    443 NA Unknown [UNUSED] ();
    444 task_file_socket_unix File [STATE] (fd: Fd32, sk_type: U16, sk_proto: U16, sk_pointer: U64, sun_path: Path, ino_num: U64);
    445 NA Unknown [UNUSED] ();
    446 task_file_socket_netlink File [STATE] (fd: Fd32, sk_type: U16, sk_proto: U16, ino_num: U64);
    447 NA Unknown [UNUSED] ();
    448 task_file_anon_inode File [STATE] (fd: Fd32, fd_type: Flags8 = names(ANON_INODE_FD_TYPES), path: Path, ino_num: U64);
    449 NA Unknown [UNUSED] ();
    450 NA Unknown [UNUSED] ();
    451 close_range Io [STATE] (res: Errno, first: U32, last: U32, flags: Flags32 hex = names(CLOSE_RANGE_FLAGS));
    452 NA Unknown [UNUSED] ();
    453 keyctl Other [] (res: Errno, operation: Enum32 = names(KEYCTL_OPERATIONS), arg2: Dynamic = one_of(KEYCTL), arg3: Dynamic = one_of(KEYCTL), arg4: Dynamic = one_of(KEYCTL), arg5: Dynamic = one_of(KEYCTL));
}
