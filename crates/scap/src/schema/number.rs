//! Event types by name, for whoever has to know one: beside the table itself, nobody else writes their numbers down.
//!
//! A name is that of the beginning; [`end`] is what the call ends with. The names are the format's own. Where a call has
//! had several types, the older ones end with the number of their parameters, or of the call's generation.

/// The type that a call ends with which begins with this one.
pub const fn end(beginning: u16) -> u16 {
    beginning | 1
}

macro_rules! numbers {
    ($($name:ident = $number:literal $called:literal;)*) => {
        $(
            #[doc = concat!("`", $called, "`")]
            pub const $name: u16 = $number;
        )*

        #[cfg(test)]
        const NAMED: &[(u16, &str)] = &[$(($number, $called)),*];
    };
}

numbers! {
    GENERIC = 0 "syscall";
    OPEN = 2 "open";
    CLOSE = 4 "close";
    READ = 6 "read";
    WRITE = 8 "write";
    EXECVE_8 = 12 "execve";
    CLONE_11 = 14 "clone";
    PROCEXIT_0 = 16 "procexit";
    SOCKET = 18 "socket";
    BIND = 20 "bind";
    CONNECT = 22 "connect";
    ACCEPT = 26 "accept";
    SEND = 28 "send";
    SENDTO = 30 "sendto";
    RECV = 32 "recv";
    RECVFROM = 34 "recvfrom";
    SOCKETPAIR = 42 "socketpair";
    GETSOCKOPT = 46 "getsockopt";
    SENDMSG = 48 "sendmsg";
    RECVMSG = 52 "recvmsg";
    ACCEPT4 = 56 "accept";
    CREAT = 58 "creat";
    PIPE = 60 "pipe";
    EVENTFD = 62 "eventfd";
    GETCWD = 92 "getcwd";
    CHDIR = 94 "chdir";
    FCHDIR = 96 "fchdir";
    OPENAT = 102 "openat";
    PREAD = 112 "pread";
    PWRITE = 114 "pwrite";
    READV = 116 "readv";
    WRITEV = 118 "writev";
    PREADV = 120 "preadv";
    PWRITEV = 122 "pwritev";
    DUP = 124 "dup";
    SIGNALFD = 126 "signalfd";
    TIMERFD_CREATE = 136 "timerfd_create";
    INOTIFY_INIT = 138 "inotify_init";
    GETRLIMIT = 140 "getrlimit";
    SETRLIMIT = 142 "setrlimit";
    PRLIMIT = 144 "prlimit";
    SWITCH_1 = 146 "switch";
    FCNTL = 150 "fcntl";
    SWITCH = 152 "switch";
    EXECVE_13 = 154 "execve";
    CLONE_16 = 156 "clone";
    BRK_4 = 158 "brk";
    MMAP = 160 "mmap";
    MMAP2 = 162 "mmap2";
    MUNMAP = 164 "munmap";
    EXECVE_14 = 172 "execve";
    FORK = 182 "fork";
    VFORK = 184 "vfork";
    PROCEXIT = 186 "procexit";
    SETRESUID = 192 "setresuid";
    SETRESGID = 194 "setresgid";
    SETUID = 198 "setuid";
    SETGID = 200 "setgid";
    EXECVE_15 = 214 "execve";
    CLONE_17 = 216 "clone";
    FORK_17 = 218 "fork";
    VFORK_17 = 220 "vfork";
    CLONE_20 = 222 "clone";
    FORK_20 = 224 "fork";
    VFORK_20 = 226 "vfork";
    CONTAINER_OLD = 228 "container";
    EXECVE_16 = 230 "execve";
    PROCESSOR_TIME = 234 "procinfo";
    SETNS = 240 "setns";
    ACCEPT_5 = 246 "accept";
    ACCEPT4_5 = 248 "accept";
    CHROOT = 266 "chroot";
    CONTAINER = 272 "container";
    SETSID = 274 "setsid";
    EXECVE_17 = 282 "execve";
    UNSHARE = 284 "unshare";
    INFRASTRUCTURE = 286 "infra";
    EXECVE_18 = 288 "execve";
    EXECVE_19 = 292 "execve";
    SETPGID = 294 "setpgid";
    OPENAT_2 = 306 "openat";
    PLUGIN = 322 "pluginevent";
    CONTAINER_LONG = 324 "container";
    OPENAT2 = 326 "openat2";
    EXECVEAT = 330 "execveat";
    COPY_FILE_RANGE = 332 "copy_file_range";
    CLONE3 = 334 "clone3";
    OPEN_BY_HANDLE_AT = 336 "open_by_handle_at";
    IO_URING_SETUP = 338 "io_uring_setup";
    CAPSET = 352 "capset";
    USER_ADDED = 354 "useradded";
    GROUP_ADDED = 358 "groupadded";
    GROUP_DELETED = 360 "groupdeleted";
    DUP2 = 362 "dup2";
    DUP3 = 364 "dup3";
    DUP_1 = 366 "dup";
    EPOLL_CREATE = 374 "epoll_create";
    EPOLL_CREATE1 = 376 "epoll_create1";
    ACCEPT4_6 = 388 "accept4";
    PIPE2 = 392 "pipe2";
    INOTIFY_INIT1 = 394 "inotify_init1";
    EVENTFD2 = 396 "eventfd2";
    SIGNALFD4 = 398 "signalfd4";
    ASYNC = 402 "asyncevent";
    MEMFD_CREATE = 404 "memfd_create";
    PIDFD_OPEN = 408 "pidfd_open";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::EVENTS;

    #[test]
    fn names_are_those_of_the_table() {
        for (number, name) in NAMED {
            assert!(number.is_multiple_of(2) && EVENTS[usize::from(*number)].name == *name, "{number} {name}");
        }
    }
}
