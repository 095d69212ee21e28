//! getifaddrs(3).

use std::ffi::CStr;
use std::io;
use std::net::IpAddr;

use crate::snapshot::Interface;

/// Every address of every interface, in the system's order.
pub(crate) fn interfaces() -> io::Result<Vec<Interface>> {
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: `list` lives through the call, which fills it if it succeeds.
    if unsafe { libc::getifaddrs(&mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = list;
    // SAFETY: entries, names and addresses are those of the list, which is freed below, after everything was copied.
    while let Some(entry) = unsafe { next.as_ref() } {
        // SAFETY: see above.
        let name = unsafe { CStr::from_ptr(entry.ifa_name) }.to_bytes().to_vec();
        // SAFETY: see above; an address is as long as its family says.
        if let Some(address) = unsafe { address(entry.ifa_addr) } {
            // SAFETY: see above.
            let mask = unsafe { self::address(entry.ifa_netmask) };
            found.push(Interface { name, address, mask });
        }
        next = entry.ifa_next;
    }
    // SAFETY: getifaddrs made it, and nothing of it is used any more.
    unsafe { libc::freeifaddrs(list) };
    Ok(found)
}

/// # Safety
/// `from` is null, or what it points to is as long as its family says.
unsafe fn address(from: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: the caller vouches for it; unaligned, because nobody promises that.
    unsafe {
        if from.is_null() {
            return None;
        }
        match i32::from(from.read_unaligned().sa_family) {
            libc::AF_INET => {
                let found = from.cast::<libc::sockaddr_in>().read_unaligned();
                Some(IpAddr::V4(u32::from_be(found.sin_addr.s_addr).into()))
            }
            libc::AF_INET6 => {
                Some(IpAddr::V6(from.cast::<libc::sockaddr_in6>().read_unaligned().sin6_addr.s6_addr.into()))
            }
            _ => None,
        }
    }
}
