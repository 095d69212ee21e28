//! Netlink dumps: one question, many answers. Formats: netlink(7), rtnetlink(7), sock_diag(7), and the kernel's
//! `include/uapi/linux/netlink.h`. All numbers are in the machine's own byte order.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// Length of a message's own header.
const HEADER: usize = 16;
/// The kernel never fills more than this at once for a dump.
const BUFFER: usize = 64 * 1024;

/// A netlink socket.
pub(super) struct Netlink(OwnedFd);

impl Netlink {
    /// Opens a socket of `protocol`, `None` for routes.
    pub(super) fn open(protocol: Option<Protocol>) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        Ok(Netlink(rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?))
    }

    /// Asks `kind` with `body`, and hands each answer's body to `take`.
    pub(super) fn dump(&self, kind: u16, body: &[u8], mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut request = Vec::with_capacity(HEADER + body.len());
        request.extend(u32::try_from(HEADER + body.len()).map_err(|_| io::ErrorKind::InvalidInput)?.to_ne_bytes());
        request.extend(kind.to_ne_bytes());
        request.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
        // One question at a time: neither sequence number nor port is needed to tell answers apart.
        request.extend([0; 8]);
        request.extend(body);
        rustix::net::send(&self.0, &request, SendFlags::empty())?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let (_, length) = rustix::net::recv(&self.0, &mut buffer[..], RecvFlags::empty())?;
            for (kind, body) in messages(&buffer[..length.min(BUFFER)]) {
                match kind {
                    NLMSG_DONE => return Ok(()),
                    NLMSG_ERROR => {
                        let code = number(body, 0).map_or(0, u32::cast_signed);
                        return if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-code)) };
                    }
                    _ => take(body),
                }
            }
        }
    }
}

/// The messages in a datagram: their kinds and bodies.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::try_from(number(bytes, 0)?).ok()?;
        let kind = short(bytes, 4)?;
        let body = bytes.get(HEADER..length)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, body))
    })
}

/// The attributes in `bytes`: their kinds (without the flags in the top bits) and values.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(short(bytes, 0)?);
        let kind = short(bytes, 2)? & 0x3fff;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// The 32-bit number at `offset`.
pub(super) fn number(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(offset..offset + 4)?.try_into().ok()?))
}

/// The 16-bit number at `offset`.
pub(super) fn short(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(offset..offset + 2)?.try_into().ok()?))
}

/// A name that ends at its NUL.
pub(super) fn name(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

/// An address of 4 or 16 bytes.
pub(super) fn address(bytes: &[u8]) -> Option<std::net::IpAddr> {
    match bytes.len() {
        4 => Some(<[u8; 4]>::try_from(bytes).ok()?.into()),
        16 => Some(<[u8; 16]>::try_from(bytes).ok()?.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_end_where_the_bytes_end() {
        let mut bytes = Vec::new();
        for (kind, value) in [(3u16, &b"eth0\0"[..]), (0x8004, b"")] {
            bytes.extend(u16::try_from(4 + value.len()).expect("short").to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        let found: Vec<_> = attributes(&bytes).map(|(kind, value)| (kind, name(value))).collect();
        assert_eq!(found, [(3, "eth0".to_owned()), (4, String::new())]);
        // Lengths that lie: too short for the header, too long for the bytes.
        assert_eq!(attributes(&[1, 0, 3, 0]).count(), 0);
        assert_eq!(attributes(&[0xff, 0xff, 3, 0, 1]).count(), 0);
        assert_eq!(messages(&[16, 0, 0, 0]).count(), 0);
    }
}
