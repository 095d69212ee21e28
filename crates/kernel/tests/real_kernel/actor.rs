//! The other side of the tests: this very program, started again to make the calls that a test wants to see.
#![allow(unsafe_code, reason = "system calls are made as C makes them, with pointers to what lives through the call")]

use std::ffi::CString;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

/// Names the act; its words follow, divided by spaces.
pub(crate) const VARIABLE: &str = "FATHOM_KERNEL_ACT";

/// The words of a command that acts.
pub(crate) fn act(words: &str) -> Vec<String> {
    let program = std::env::current_exe().expect("a test knows its own file");
    let program = program.to_str().expect("its name is text").to_owned();
    let mut command = vec!["env".to_owned(), format!("{VARIABLE}={words}"), program];
    command.extend(["--exact", "actor::acts_if_asked_to", "--nocapture", "--test-threads=1"].map(str::to_owned));
    command
}

#[test]
fn acts_if_asked_to() {
    let Ok(words) = std::env::var(VARIABLE) else { return };
    let words: Vec<&str> = words.split(' ').collect();
    match words.as_slice() {
        ["vectors", path] => vectors(path),
        ["tcp"] => tcp("127.0.0.1:0"),
        ["tcp6"] => tcp("[::1]:0"),
        ["udp"] => udp(),
        ["unix", path] => unix(path),
        ["message"] => message(),
        ["fail"] => fail(),
        ["threads", count, calls] => threads(count, calls),
        ["long", bytes, path] => long(bytes, path),
        ["change"] => change(),
        ["exec-from-thread"] => exec_from_thread(),
        ["poll"] => poll(),
        ["signal"] => signal(),
        ["compat"] => compat(),
        ["block"] => block(),
        ["uring"] => uring(),
        ["open", folder] => open(folder),
        ["refused"] => refused(),
        _ => panic!("no such act: {words:?}"),
    }
}

fn vectors(path: &str) {
    let mut file = std::fs::File::create(path).expect("the folder is there");
    let parts = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two "), IoSlice::new(b"three")];
    assert_eq!(file.write_vectored(&parts).expect("there is room"), 13);
    let mut file = std::fs::File::open(path).expect("it was made");
    let (mut first, mut second) = ([0; 5], [0; 100]);
    let mut parts = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(file.read_vectored(&mut parts).expect("it can be read"), 13);
}

fn tcp(address: &str) {
    let listener = TcpListener::bind(address).expect("loopback is there");
    let address = listener.local_addr().expect("it is bound");
    let mut client = TcpStream::connect(address).expect("somebody listens");
    let (mut server, _) = listener.accept().expect("somebody connects");
    client.write_all(b"ping").expect("it is connected");
    let mut bytes = [0; 4];
    server.read_exact(&mut bytes).expect("bytes were sent");
}

fn udp() {
    let one = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
    let two = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
    one.send_to(b"datagram", two.local_addr().expect("it is bound")).expect("it can be sent");
    two.recv_from(&mut [0; 100]).expect("it was sent");
}

fn unix(path: &str) {
    let listener = UnixListener::bind(path).expect("the folder is there");
    let mut client = UnixStream::connect(path).expect("somebody listens");
    let (mut server, _) = listener.accept().expect("somebody connects");
    client.write_all(b"unix").expect("it is connected");
    server.read_exact(&mut [0; 4]).expect("bytes were sent");
}

fn message() {
    let (one, two) = UnixDatagram::pair().expect("sockets can be made");
    let (head, tail) = (*b"head-", *b"tail");
    let mut parts = [
        libc::iovec { iov_base: head.as_ptr() as *mut _, iov_len: head.len() },
        libc::iovec { iov_base: tail.as_ptr() as *mut _, iov_len: tail.len() },
    ];
    // SAFETY: an all-zero msghdr is a valid one; the parts live through the calls.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = parts.as_mut_ptr();
        message.msg_iovlen = parts.len() as _;
        assert_eq!(libc::sendmsg(one.as_raw_fd(), &message, 0), 9);
    }
    let mut buffer = [0_u8; 64];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: as above.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        assert_eq!(libc::recvmsg(two.as_raw_fd(), &mut message, 0), 9);
    }
}

fn fail() {
    for _ in 0..10 {
        assert!(std::fs::File::open("/no/such/file/here").is_err());
        assert!(std::fs::File::open("/etc/hostname").is_ok() || std::fs::File::open("/etc/passwd").is_ok());
    }
}

/// Threads that each write so often, one byte each.
fn threads(count: &str, calls: &str) {
    let (count, calls): (usize, usize) = (count.parse().expect("a number"), calls.parse().expect("a number"));
    let write = move || {
        let mut null = std::fs::OpenOptions::new().write(true).open("/dev/null").expect("every machine has it");
        for _ in 0..calls {
            null.write_all(b"x").expect("it takes everything");
        }
    };
    let threads: Vec<_> = (0..count).map(|_| std::thread::spawn(write)).collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends well"));
}

/// Writes bytes that count up, in one call.
fn long(bytes: &str, path: &str) {
    let bytes: usize = bytes.parse().expect("a number");
    let data: Vec<u8> = (0..bytes).map(|index| (index % 251) as u8).collect();
    let mut file = std::fs::File::create(path).expect("the folder is there");
    assert_eq!(file.write(&data).expect("there is room"), bytes);
}

/// Renames, duplicates, changes folders and the root.
fn change() {
    let folder = std::env::temp_dir().join(format!("fathom-change-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("the folder can be made");
    std::fs::write(folder.join("old"), b"x").expect("there is room");
    std::env::set_current_dir(&folder).expect("it is there");
    std::fs::rename("old", "new").expect("it is there");
    let file = std::fs::File::open("new").expect("it is there");
    let copy = file.try_clone().expect("it can be duplicated");
    // SAFETY: descriptors that are ours.
    assert_eq!(unsafe { libc::dup2(copy.as_raw_fd(), 99) }, 99);
    std::fs::remove_file("new").expect("it is there");
    std::env::set_current_dir("/").expect("every machine has it");
    let root = CString::new(folder.to_str().expect("its name is text")).expect("without NUL");
    std::fs::remove_dir(&folder).expect("it is empty");
    std::fs::create_dir(&folder).expect("the folder can be made");
    let keep = std::fs::File::open("/").expect("every machine has it");
    // SAFETY: the path lives through the call, and we go back by the descriptor.
    unsafe {
        assert_eq!(libc::chroot(root.as_ptr()), 0);
        assert_eq!(libc::fchdir(keep.as_raw_fd()), 0);
        assert_eq!(libc::chroot(c".".as_ptr()), 0);
    }
    std::fs::remove_dir(&folder).expect("it is empty");
}

fn exec_from_thread() {
    let thread = std::thread::spawn(|| {
        let words = [c"echo".as_ptr(), c"from a thread".as_ptr(), std::ptr::null()];
        // SAFETY: the vector ends with NULL and lives through the call.
        unsafe { libc::execv(c"/bin/echo".as_ptr(), words.as_ptr()) };
    });
    thread.join().expect("it never returns");
}

fn poll() {
    let (one, two) = UnixDatagram::pair().expect("sockets can be made");
    one.send(b"x").expect("it is connected");
    let mut fds = [
        libc::pollfd { fd: one.as_raw_fd(), events: libc::POLLIN, revents: 0 },
        libc::pollfd { fd: two.as_raw_fd(), events: libc::POLLIN, revents: 0 },
    ];
    // SAFETY: as many as are said.
    assert_eq!(unsafe { libc::poll(fds.as_mut_ptr(), 2, 1234) }, 1);
}

fn signal() {
    // SAFETY: a handler that does nothing, and a signal to ourselves.
    unsafe {
        extern "C" fn nothing(_: libc::c_int) {}
        libc::signal(libc::SIGUSR1, nothing as *const () as libc::sighandler_t);
        libc::kill(libc::getpid(), libc::SIGUSR1);
    }
}

/// A call by the number that 32-bit programs use for getpid.
#[cfg(target_arch = "x86_64")]
fn compat() {
    let result: i64;
    // SAFETY: getpid changes nothing but the register that holds what it returns.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") 20_i64 => result, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    assert_eq!(result, i64::from(std::process::id()));
}

#[cfg(not(target_arch = "x86_64"))]
fn compat() {}

/// Sleeps in one thread while another is busy, then dies without waking up.
fn block() {
    std::thread::spawn(|| {
        // SAFETY: descriptors of our own; nobody ever writes, so that this does not return.
        unsafe {
            let mut ends = [0; 2];
            libc::pipe(ends.as_mut_ptr());
            libc::read(ends[0], [0_u8; 77].as_mut_ptr().cast(), 77);
        }
    });
    let begin = std::time::Instant::now();
    while begin.elapsed() < std::time::Duration::from_millis(400) {
        std::thread::yield_now();
    }
    // SAFETY: ends the process, whatever its threads do.
    unsafe { libc::_exit(7) };
}

/// Three requests to io_uring that do nothing.
fn uring() {
    // SAFETY: the rings are mapped as the kernel says where they are, and hold what is written.
    unsafe {
        let mut parameters = [0_u32; 30];
        let ring = libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr()) as libc::c_int;
        assert!(ring >= 0, "io_uring can be used");
        let map = |offset: libc::off_t| {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(std::ptr::null_mut(), 4096, access, libc::MAP_SHARED, ring, offset).cast::<u8>()
        };
        let (queue, entries) = (map(0), map(0x1000_0000));
        std::ptr::write_bytes(entries, 0, 64 * 4);
        // struct io_sqring_offsets: head, tail, mask, entries, flags, dropped, array.
        let (tail, array) = (parameters[11] as usize, parameters[16] as usize);
        for index in 0..3_u32 {
            queue.add(array).cast::<u32>().add(index as usize).write(index);
        }
        queue.add(tail).cast::<u32>().write_volatile(3);
        assert_eq!(libc::syscall(libc::SYS_io_uring_enter, ring, 3, 0, 0, 0, 0), 3);
    }
}

/// Has one of everything open, says so, and waits.
fn open(folder: &str) {
    let path = |name: &str| format!("{folder}/{name}");
    let file = std::fs::File::create(path("a file")).expect("there is room");
    let deleted = std::fs::File::create(path("deleted")).expect("there is room");
    std::fs::remove_file(path("deleted")).expect("it was made");
    let inside = std::fs::File::open(folder).expect("it is there");
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    let client = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("somebody listens");
    let six = TcpListener::bind("[::1]:0").expect("loopback is there");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
    let unix = UnixListener::bind(path("socket")).expect("the folder is there");
    let pair = UnixStream::pair().expect("sockets can be made");
    // SAFETY: descriptors of our own, which live until the end.
    let made = unsafe {
        let mut ends = [0; 2];
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK), 0);
        [
            libc::eventfd(0, 0),
            libc::epoll_create1(libc::EPOLL_CLOEXEC),
            libc::memfd_create(c"memory".as_ptr(), 0),
            libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, 0),
        ]
    };
    assert!(made.iter().all(|fd| *fd >= 0), "{made:?}");
    let thread = std::thread::spawn(|| {
        std::io::stdout().write_all(b"\nready\n").expect("it is a pipe");
        std::io::stdin().read_to_end(&mut Vec::new()).expect("it is a pipe");
    });
    thread.join().expect("it ends well");
    drop((file, deleted, inside, listener, client, six, udp, unix, pair));
}

/// Without rights, BPF is refused with the reason, and stepping works.
fn refused() {
    let lacks = fathom_kernel::support().lacks;
    assert!(lacks.contains(&fathom_kernel::support::Lack::Rights), "{lacks:?}");
    let options = fathom_kernel::Options::of(fathom_kernel::Scope::Machine);
    let error = fathom_kernel::Source::attach(&options).expect_err("we have no rights");
    let failure = fathom_model::Failure::from(error);
    assert_eq!(failure.class, fathom_model::Class::Denied);
    assert!(failure.cause.is_some_and(|cause| cause.contains("CAP_BPF")));
    assert!(failure.hint.is_some_and(|hint| hint.contains("root")));
    let mut events = 0;
    let command = std::process::Command::new("true");
    let mut stepper = fathom_kernel::Stepper::start(command, &options).expect("it can be started");
    while stepper.step(&mut |_| events += 1).is_some() {}
    assert_eq!(stepper.ending(), Some(0));
    assert!(events > 10, "{events}");
}
