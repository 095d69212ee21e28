//! Requests that change a network namespace, each answered by one acknowledgement. Formats: netlink(7), rtnetlink(7)
//! and the kernel's `include/uapi/linux/{netlink,rtnetlink,if_link,veth}.h`. Numbers are in the machine's byte order.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netdevice};

/// `VETH_INFO_PEER` of `linux/veth.h`.
pub(super) const VETH_INFO_PEER: u16 = 1;

/// How long an interface may take to come up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Length of a message's own header.
const HEADER: usize = 16;

/// A socket that belongs to the network namespace in which it was opened.
#[derive(Debug)]
pub(super) struct Netlink(OwnedFd);

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        Ok(Netlink(rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?))
    }

    /// Sends `message` and waits for the kernel's answer.
    pub(super) fn ask(&self, message: Message) -> io::Result<()> {
        match acknowledged(&self.exchange(message)?) {
            Some(0) => Ok(()),
            Some(code) => Err(io::Error::from_raw_os_error(-code)),
            None => Err(io::Error::other("the kernel's answer is no acknowledgement")),
        }
    }

    /// Waits until the interface `name` can carry packets. Gives up silently: what depends on it will say so.
    pub(super) fn wait_until_running(&self, name: &str) -> io::Result<()> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let answer = self.exchange(Message::question(name))?;
            match acknowledged(&answer) {
                Some(code) => return Err(io::Error::from_raw_os_error(-code)),
                None if is_running(&answer) => break,
                None => drop(poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 200_000 }))),
            }
        }
        Ok(())
    }

    fn exchange(&self, message: Message) -> io::Result<Vec<u8>> {
        rustix::net::send(&self.0, &message.finish(), SendFlags::empty())?;
        let mut answer = vec![0; 8192];
        let (_, length) = rustix::net::recv(&self.0, &mut answer[..], RecvFlags::empty())?;
        answer.truncate(length);
        Ok(answer)
    }

    /// The number of the interface called `name`.
    pub(super) fn index(&self, name: &str) -> io::Result<u32> {
        Ok(netdevice::name_to_index(&self.0, name)?)
    }
}

/// The code in an `NLMSG_ERROR` message, which is 0 when all went well.
fn acknowledged(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let code = i32::from_ne_bytes(answer.get(HEADER..HEADER + 4)?.try_into().ok()?);
    (i32::from(kind) == libc::NLMSG_ERROR).then_some(code)
}

/// Whether the flags in the `struct ifinfomsg` of an `RTM_NEWLINK` message say that the interface is in use.
fn is_running(answer: &[u8]) -> bool {
    let flags = answer.get(HEADER + 8..HEADER + 12).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    flags.is_some_and(|flags| flags & libc::IFF_RUNNING != 0)
}

/// A request under construction: headers, then attributes.
#[derive(Debug)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// A request for a change, which is acknowledged.
    fn new(kind: u16, flags: libc::c_int) -> Self {
        Message::request(kind, libc::NLM_F_ACK | flags)
    }

    fn request(kind: u16, flags: libc::c_int) -> Self {
        let flags = (libc::NLM_F_REQUEST | flags) as u16;
        // The length is known at the end; with one request at a time, neither sequence number nor port is needed.
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.resize(HEADER, 0);
        Message(bytes)
    }

    /// Makes an interface; which one, its attributes say.
    pub(super) fn new_link(flags: libc::c_int) -> Self {
        let mut message = Message::new(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL);
        message.link_header(flags);
        message
    }

    /// Removes the interface `name`.
    pub(super) fn removed_link(name: &str) -> Self {
        let mut message = Message::new(libc::RTM_DELLINK, 0);
        message.link_header(0);
        message.text(libc::IFLA_IFNAME, name);
        message
    }

    /// Switches the interface `name` on.
    pub(super) fn link_up(name: &str) -> Self {
        let mut message = Message::new(libc::RTM_NEWLINK, 0);
        message.link_header(libc::IFF_UP);
        message.text(libc::IFLA_IFNAME, name);
        message
    }

    /// Asks how the interface `name` is; the answer comes without an acknowledgement.
    fn question(name: &str) -> Self {
        let mut message = Message::request(libc::RTM_GETLINK, 0);
        message.link_header(0);
        message.text(libc::IFLA_IFNAME, name);
        message
    }

    /// Gives `interface` an address.
    pub(super) fn address(interface: u32, address: Ipv4Addr, prefix: u8) -> Self {
        let mut message = Message::new(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL);
        message.0.extend([libc::AF_INET as u8, prefix, 0, libc::RT_SCOPE_UNIVERSE]);
        message.0.extend(interface.to_ne_bytes());
        message.attribute(libc::IFA_LOCAL, &address.octets());
        message.attribute(libc::IFA_ADDRESS, &address.octets());
        message
    }

    /// Sends what is for nobody near through `interface` to `gateway`.
    pub(super) fn default_route(interface: u32, gateway: Ipv4Addr) -> Self {
        let mut message = Message::new(libc::RTM_NEWROUTE, libc::NLM_F_CREATE | libc::NLM_F_EXCL);
        let (table, scope) = (libc::RT_TABLE_MAIN, libc::RT_SCOPE_UNIVERSE);
        message.0.extend([libc::AF_INET as u8, 0, 0, 0, table, libc::RTPROT_BOOT, scope, libc::RTN_UNICAST]);
        message.0.extend([0; 4]);
        message.attribute(libc::RTA_GATEWAY, &gateway.octets());
        message.number(libc::RTA_OIF, interface);
        message
    }

    /// A `struct ifinfomsg` that sets `flags` and leaves the others.
    pub(super) fn link_header(&mut self, flags: libc::c_int) {
        self.0.extend([0; 8]);
        self.0.extend(flags.to_ne_bytes());
        self.0.extend(flags.to_ne_bytes());
    }

    /// An attribute that holds a text with its NUL.
    pub(super) fn text(&mut self, kind: u16, value: &str) {
        self.attribute(kind, &[value.as_bytes(), b"\0"].concat());
    }

    /// An attribute that holds a 32-bit number.
    pub(super) fn number(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_ne_bytes());
    }

    /// An attribute that holds attributes.
    pub(super) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let mut inner = Message(Vec::new());
        fill(&mut inner);
        self.attribute(kind, &inner.0);
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(4 + value.len()).expect("our requests are a few hundred bytes long");
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).expect("our requests are a few hundred bytes long");
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_knows_its_length_and_pads_its_attributes() {
        let bytes = Message::link_up("lo").finish();
        assert_eq!(bytes.len(), 16 + 16 + 8);
        assert_eq!(u32::from_ne_bytes(bytes[..4].try_into().unwrap()), 40);
        assert_eq!(&bytes[36..], b"lo\0\0");
        assert_eq!(u16::from_ne_bytes(bytes[32..34].try_into().unwrap()), 7);
    }

    #[test]
    fn only_an_acknowledgement_is_one() {
        let mut answer = vec![0; 20];
        answer[4..6].copy_from_slice(&(libc::NLMSG_ERROR as u16).to_ne_bytes());
        assert_eq!(acknowledged(&answer), Some(0));
        answer[16..20].copy_from_slice(&(-libc::EPERM).to_ne_bytes());
        assert_eq!(acknowledged(&answer), Some(-libc::EPERM));
        assert_eq!(acknowledged(&answer[..19]), None);
        answer[4] = 3;
        assert_eq!(acknowledged(&answer), None);
    }
}
