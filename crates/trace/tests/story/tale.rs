//! A recording with all that changes what is known: a shell that forks, a child that becomes another program, files,
//! pipes, copies of descriptors, sockets, folders.

use fathom_testkit::capture::{Capture, Runs};

/// The shell.
pub(crate) const SHELL: i64 = 100;
/// Its child.
pub(crate) const CHILD: i64 = 101;
/// A thread of the child.
pub(crate) const THREAD: i64 = 102;

/// One value of an event.
pub(crate) enum Value<'a> {
    I64(i64),
    U64(u64),
    U32(u32),
    U8(u8),
    Text(&'a str),
    Bytes(&'a [u8]),
}

use Value::{Bytes, I64, Text, U8, U32, U64};

impl Value<'_> {
    fn bytes(&self) -> Vec<u8> {
        match self {
            I64(number) => number.to_le_bytes().to_vec(),
            U64(number) => number.to_le_bytes().to_vec(),
            U32(number) => number.to_le_bytes().to_vec(),
            U8(number) => vec![*number],
            Text(text) => [text.as_bytes(), &[0]].concat(),
            Bytes(bytes) => bytes.to_vec(),
        }
    }
}

/// A recording to which calls are appended.
pub(crate) struct Tale {
    pub(crate) capture: Capture,
    pub(crate) now: u64,
}

impl Tale {
    /// The shell runs in `/home`.
    pub(crate) fn begin() -> Self {
        let threads =
            [Runs { tid: 1, ptid: 0, comm: "init", cwd: "/" }, Runs { tid: SHELL, ptid: 1, comm: "sh", cwd: "/home" }];
        Tale { capture: Capture::default().begin(&threads), now: 0 }
    }

    /// One event of `tid`, a microsecond after the one before.
    pub(crate) fn event(mut self, tid: i64, number: u16, params: &[Value<'_>]) -> Self {
        self.now += 1000;
        let params: Vec<_> = params.iter().map(Value::bytes).collect();
        let slices: Vec<_> = params.iter().map(Vec::as_slice).collect();
        self.capture = self.capture.event_of(tid, self.now, number, &slices);
        self
    }

    pub(crate) fn open(self, tid: i64, path: &str, fd: i64, flags: u32) -> Self {
        self.event(tid, 2, &[Text(path), U32(flags), U32(0)]).event(
            tid,
            3,
            &[I64(fd), Text(path), U32(flags), U32(0), U32(0x801)],
        )
    }

    pub(crate) fn read(self, tid: i64, fd: i64, data: &[u8]) -> Self {
        self.event(tid, 6, &[I64(fd), U32(512)]).event(tid, 7, &[I64(data.len() as i64), Bytes(data)])
    }

    pub(crate) fn write(self, tid: i64, fd: i64, data: &[u8]) -> Self {
        self.event(tid, 8, &[I64(fd), U32(data.len() as u32)]).event(tid, 9, &[I64(data.len() as i64), Bytes(data)])
    }

    pub(crate) fn close(self, tid: i64, fd: i64) -> Self {
        self.event(tid, 4, &[I64(fd)]).event(tid, 5, &[I64(0)])
    }

    pub(crate) fn dup(self, tid: i64, from: i64, to: i64) -> Self {
        self.event(tid, 124, &[I64(from)]).event(tid, 125, &[I64(to)])
    }

    pub(crate) fn chdir(self, tid: i64, path: &str) -> Self {
        self.event(tid, 94, &[]).event(tid, 95, &[I64(0), Text(path)])
    }

    /// Both sides return: the parent with the child's number, the child with nothing.
    pub(crate) fn clone(self, parent: i64, child: (i64, i64), comm: &str, flags: u32) -> Self {
        let side = |res: i64, tid: i64, pid: i64, ptid: i64| {
            let mut params = vec![I64(res), Text(comm), Bytes(b"-i\0"), I64(tid), I64(pid), I64(ptid), Text("/home")];
            params.extend([I64(1024), U64(1), U64(2), U32(4000), U32(300), U32(0), Text(comm), Bytes(b"cpu=/\0")]);
            params.extend([U32(flags), U32(0), U32(0), I64(tid), I64(pid)]);
            params
        };
        let (tid, pid) = child;
        self.event(parent, 222, &[]).event(parent, 223, &side(tid, parent, parent, 1)).event(
            tid,
            223,
            &side(0, tid, pid, parent),
        )
    }

    pub(crate) fn exec(self, tid: i64, path: &str, comm: &str) -> Self {
        self.exec_with(tid, path, comm, b"HOME=/root\0A=b\0")
    }

    pub(crate) fn exec_with(self, tid: i64, path: &str, comm: &str, env: &[u8]) -> Self {
        let mut params = vec![I64(0), Text(path), Bytes(b"-l\0/tmp dir\0"), I64(tid), I64(tid), I64(SHELL), Text("")];
        params.extend([U64(1024), U64(1), U64(2), U32(4000), U32(300), U32(0), Text(comm), Bytes(b"cpu=/\0")]);
        params.extend([Bytes(env), Value::U32(34816)]);
        self.event(tid, 288, &[Text(path)]).event(tid, 289, &params)
    }

    pub(crate) fn socket(self, tid: i64, fd: i64, domain: u32, kind: u32) -> Self {
        self.event(tid, 18, &[U32(domain), U32(kind), U32(0)]).event(tid, 19, &[I64(fd)])
    }

    /// From 10.0.0.1:40000 to 10.0.0.2:80.
    pub(crate) fn connect(self, tid: i64, fd: i64) -> Self {
        let tuple = [2, 10, 0, 0, 1, 0x40, 0x9c, 10, 0, 0, 2, 80, 0];
        self.event(tid, 22, &[I64(fd)]).event(tid, 23, &[I64(0), Bytes(&tuple)])
    }

    /// To 10.0.0.2:80 from 10.0.0.9:50000.
    pub(crate) fn accept(self, tid: i64, fd: i64) -> Self {
        let tuple = [2, 10, 0, 0, 9, 0x50, 0xc3, 10, 0, 0, 2, 80, 0];
        self.event(tid, 246, &[]).event(tid, 247, &[I64(fd), Bytes(&tuple), U8(0), U32(0), U32(5)])
    }

    pub(crate) fn pipe(self, tid: i64, from: i64, to: i64) -> Self {
        self.event(tid, 60, &[]).event(tid, 61, &[I64(0), I64(from), I64(to), U64(5555)])
    }
}

/// `O_RDONLY`, as recorders write it.
pub(crate) const RDONLY: u32 = 1;
/// `O_WRONLY`.
pub(crate) const WRONLY: u32 = 2;
/// `O_CLOEXEC`.
pub(crate) const CLOEXEC: u32 = 1 << 12;
/// `CLONE_FILES`, `CLONE_FS`, `CLONE_SIGHAND`, `CLONE_THREAD` and `CLONE_VM`, as recorders write them.
pub(crate) const SHARING: u32 = 0x1 | 0x2 | 0x800 | 0x2000 | 0x8000;

/// The whole tale. Nobody asks for what was closed on exec, because sysdig keeps it.
pub(crate) fn recording() -> Capture {
    Tale::begin()
        .open(SHELL, "/etc/passwd", 3, RDONLY | CLOEXEC)
        .read(SHELL, 3, b"root:x:0:0\n")
        .open(SHELL, "notes.txt", 4, WRONLY)
        .write(SHELL, 4, &[b'a'; 200])
        .dup(SHELL, 4, 7)
        .close(SHELL, 4)
        .write(SHELL, 7, b"tab\there \xff\x00 \"quoted\"")
        .pipe(SHELL, 5, 6)
        .clone(SHELL, (CHILD, CHILD), "sh", 0)
        .write(CHILD, 6, b"GET / HTTP/1.1\r\n\r\n")
        .chdir(CHILD, "../tmp")
        .open(CHILD, "./a//b/../c", 8, RDONLY)
        .exec(CHILD, "/bin/ls", "ls")
        .read(CHILD, 8, b"kept")
        .clone(CHILD, (THREAD, CHILD), "ls", SHARING)
        .open(THREAD, "/var/log/x", 9, RDONLY)
        .read(CHILD, 9, b"shared")
        .socket(CHILD, 10, 2, 1)
        .connect(CHILD, 10)
        .write(CHILD, 10, b"hello")
        .accept(THREAD, 11)
        .read(THREAD, 11, b"world")
        .open(SHELL, "/nowhere", -2, RDONLY)
        .read(SHELL, 99, b"")
        .close(CHILD, 10)
        .event(THREAD, 186, &[I64(0)])
        .event(CHILD, 186, &[I64(0)])
        .read(SHELL, 5, b"the end")
        .capture
}
