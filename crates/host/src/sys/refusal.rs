//! Errors of sockets with their senders: a port where nobody listens is told from a firewall that refuses.

use std::io;
use std::mem::{size_of, size_of_val};
use std::os::fd::{AsFd, AsRawFd as _};

/// An error that a socket got, and who sent it (ip(7), `IP_RECVERR`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// `ECONNREFUSED`, `EHOSTUNREACH`, …
    pub errno: i32,
    /// Type and code of the ICMP message, where it came by one: a router or a firewall, not the one that was called.
    pub icmp: Option<(u8, u8)>,
    /// What that message has beside: the largest packet that fits, where one was too large.
    pub info: u32,
    /// Who sent that message.
    pub from: Option<std::net::Ipv4Addr>,
}

/// Has a socket keep the errors that it gets, with their senders.
pub fn keep_refusals(socket: impl AsFd) -> io::Result<()> {
    set(socket, libc::IP_RECVERR, 1)
}

/// Has packets of a socket go as they are or not at all, whatever is known of the way.
pub fn forbid_fragments(socket: impl AsFd) -> io::Result<()> {
    set(socket, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)
}

fn set(socket: impl AsFd, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option is a number, and its size is that of one.
    let answer = unsafe {
        let number = socket.as_fd().as_raw_fd();
        libc::setsockopt(number, libc::IPPROTO_IP, option, (&raw const value).cast(), size)
    };
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The next error that a socket has kept.
pub fn refusal(socket: impl AsFd) -> Option<Refusal> {
    const ICMP: u8 = 2;
    // SAFETY: all pointers are to memory of ours that lives as long as the call, with its size; what the kernel wrote is
    // read within the bounds that its headers give, which the macros check against the whole.
    unsafe {
        let (mut data, mut control) = ([0_u8; 64], [0_u64; 64]);
        let mut part = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() };
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        let number = socket.as_fd().as_raw_fd();
        if libc::recvmsg(number, &raw mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT) == -1 {
            return None;
        }
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while let Some(found) = header.as_ref() {
            let length = found.cmsg_len as usize;
            let enough = size_of::<libc::sock_extended_err>() + size_of::<libc::sockaddr_in>();
            if found.cmsg_level == libc::IPPROTO_IP
                && found.cmsg_type == libc::IP_RECVERR
                && length >= libc::CMSG_LEN(enough as u32) as usize
            {
                let at = libc::CMSG_DATA(header);
                let error: libc::sock_extended_err = std::ptr::read_unaligned(at.cast());
                let sender: libc::sockaddr_in =
                    std::ptr::read_unaligned(at.add(size_of::<libc::sock_extended_err>()).cast());
                let is_known = i32::from(sender.sin_family) == libc::AF_INET;
                return Some(Refusal {
                    errno: error.ee_errno as i32,
                    icmp: (error.ee_origin == ICMP).then_some((error.ee_type, error.ee_code)),
                    info: error.ee_info,
                    from: is_known.then(|| u32::from_be(sender.sin_addr.s_addr).into()),
                });
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
        None
    }
}
