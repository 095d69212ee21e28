//! Giving up rights, in the order that the kernel forces: the bounding set while we may change it, groups and ids
//! while we are root, capabilities last.

use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::Power;
use crate::error::{Error, Step as _};
use crate::shop::Rights;

/// What docker leaves its containers: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
/// net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap.
const USUAL: u64 = 0xa804_25fb;

/// Applies `rights` and becomes `user`, where other ids can be had.
pub(super) fn assume(rights: Rights, user: u32, power: Power) -> Result<(), Error> {
    let kept = match rights {
        Rights::Usual => USUAL,
        Rights::Bare => 0,
    };
    shrink_bounding_set(kept)?;
    if power == Power::Root {
        let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
        rustix::thread::set_thread_groups(&[]).step("give up groups")?;
        rustix::thread::set_thread_res_gid(gid, gid, gid).step("change the group")?;
        rustix::thread::set_thread_res_uid(uid, uid, uid).step("change the user")?;
    }
    if rights == Rights::Bare {
        rustix::thread::set_no_new_privs(true).step("forbid gaining rights")?;
    }
    // Whoever is not root any more has lost all already.
    let held = rustix::thread::capabilities(None).step("read the capabilities")?.permitted;
    let left = held & CapabilitySet::from_bits_retain(kept);
    let sets = CapabilitySets { effective: left, permitted: left, inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, sets).step("give up capabilities")
}

fn shrink_bounding_set(kept: u64) -> Result<(), Error> {
    for bit in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        // The kernel answers EINVAL at the first number that it does not know.
        match rustix::thread::capability_is_in_bounding_set(capability) {
            Ok(true) if kept & (1 << bit) == 0 => {
                rustix::thread::remove_capability_from_bounding_set(capability).step("shrink the bounding set")?;
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    Ok(())
}
