//! Filters of every kind: the same events pass.

use fathom_trace::format;

use crate::reference::{ours, recordings, same, theirs, without_garbage};

/// Operators, kinds of fields and arguments, each at least once.
const FILTERS: &[&str] = &[
    "evt.type=open",
    "evt.type in (open,openat,read)",
    "evt.dir=< and evt.type=read",
    "fd.name contains /etc",
    "fd.name startswith /proc or fd.name endswith .so",
    "evt.is_io=true and fd.type=file",
    "(fd.type=ipv4 or fd.type=ipv6) and evt.is_io=true",
    "fd.port=80",
    "fd.sport!=80",
    "fd.ip=192.168.0.2",
    "fd.sip=127.0.0.1",
    "fd.net=192.168.0.0/16",
    "fd.cnet=10.0.0.0/8",
    "proc.name!=httpd and evt.type=accept",
    "not proc.name contains sh",
    "proc.aname=bash",
    "proc.apid=1",
    "evt.failed=true",
    "evt.res!=SUCCESS",
    "evt.rawres<0",
    "evt.latency>1000000",
    "evt.buffer contains HTTP",
    "evt.arg.flags contains O_RDONLY",
    "evt.rawarg.res>100",
    "container.id!=host",
    "container.name exists",
    "thread.ismain=false",
    "proc.cmdline contains python",
    "user.name=root",
    "evt.type=open and fd.name exists",
    "syscall.type exists",
    "evt.category=net",
    "evt.cpu=1",
    "evt.num<2000",
    "proc.vpid=1",
    "fd.l4proto=tcp",
    "fd.lport<1024",
    "fd.rip exists",
    "fd.directory=/etc",
    "fd.filename=passwd",
    "evt.type!=switch",
    "evt.args contains AT_FDCWD",
    "proc.nthreads>3",
    "fd.name pmatch (/usr,/lib)",
    "fd.name glob /lib*",
    "proc.exe icontains BIN",
    "evt.reltime.s>=1",
    "fd.num in (0,1,2)",
    "evt.wait_latency>1000000",
    "evt.count.error=1",
    "thread.cgroup.memory contains docker",
    "fd.is_server=true",
    "fd.connected=true",
    "evt.dir=>",
    "evt.is_wait=true",
    "proc.ppid=1",
    "fd.typechar=f",
    "evt.info contains SIG",
    "fd.sockfamily=unix",
    "evt.buflen>100",
    "fd.uid startswith 1",
    "proc.args contains -",
    "evt.io_dir=read",
    "evt.type.is.open=1",
    "evt.abspath contains /",
    "fdlist.nums contains 3",
];

#[test]
fn the_same_events_pass() {
    let Some(recordings) = recordings() else { return };
    for file in &recordings.files {
        for filter in FILTERS {
            let theirs = without_garbage(file, theirs(file, &[filter]));
            let ours = without_garbage(file, ours(file, format::DEFAULT, filter, |_| {}));
            same(file, filter, &theirs, &ours);
        }
    }
}
