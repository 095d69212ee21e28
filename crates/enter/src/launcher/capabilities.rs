//! Becoming the user the plan names, with the rights it names and no others.
//!
//! The order is forced by the kernel: the bounding set needs SETPCAP, ids go before capabilities (with keepcaps, or
//! they would take them along), the filter needs either SYS_ADMIN or no_new_privs, and must come last but for the
//! final capset, because it may forbid everything before.

use std::path::Path;

use fathom_host::process::Capabilities;
use fathom_model::Failure;
use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::filter;
use crate::failure::{Step, refused};
use crate::profile::Credentials;

/// Applies `credentials` to this process, whose next step is exec.
pub(super) fn assume(credentials: &Credentials) -> Result<(), Failure> {
    let capabilities = &credentials.capabilities;
    if let Some(label) = &credentials.label {
        label.take_on(Path::new("/proc")).map_err(|error| refused(format!("take on the target's {label}"), error))?;
    }
    shrink_bounding_set(capabilities.bounding)?;
    rustix::thread::set_keep_capabilities(true).step("keep capabilities over the change of user")?;
    let groups: Vec<Gid> = credentials.groups.iter().map(|group| Gid::from_raw(*group)).collect();
    set_groups(&groups)?;
    let (uid, gid) = (Uid::from_raw(credentials.uid), Gid::from_raw(credentials.gid));
    rustix::thread::set_thread_res_gid(gid, gid, gid).step("change the group")?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).step("change the user")?;
    if credentials.no_new_privs {
        rustix::thread::set_no_new_privs(true).step("forbid gaining rights")?;
    }
    let filters = filter::programs(credentials.seccomp, &credentials.filters)?;
    if !filters.is_empty() {
        let admin = CapabilitySet::SYS_ADMIN.bits();
        let until_filtered =
            Capabilities { permitted: capabilities.permitted | admin, effective: admin, ..*capabilities };
        set(&until_filtered)?;
        filter::install(&filters)?;
    }
    set(capabilities)?;
    raise_ambient(capabilities)
}

/// Becomes the user that `credentials` name, if it is another, with what rights that leaves.
pub(super) fn change_user(credentials: &Credentials) -> Result<(), Failure> {
    let (uid, gid) = (Uid::from_raw(credentials.uid), Gid::from_raw(credentials.gid));
    if (rustix::process::geteuid(), rustix::process::getegid()) == (uid, gid) {
        return Ok(());
    }
    let groups: Vec<Gid> = credentials.groups.iter().map(|group| Gid::from_raw(*group)).collect();
    set_groups(&groups)?;
    rustix::thread::set_thread_res_gid(gid, gid, gid).step("change the group")?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).step("change the user")
}

/// Drops everything: what init keeps of its rights while the command runs.
pub(super) fn drop_all() -> Result<(), Failure> {
    set(&Capabilities::default())
}

fn set(capabilities: &Capabilities) -> Result<(), Failure> {
    let known = known();
    let bits = |mask: u64| CapabilitySet::from_bits_retain(mask & known);
    let sets = CapabilitySets {
        effective: bits(capabilities.effective),
        permitted: bits(capabilities.permitted),
        inheritable: bits(capabilities.inheritable),
    };
    rustix::thread::set_capabilities(None, sets).step("set the capabilities")
}

/// What we may have at all: asking for more is an error, and a machine may withhold some from its own root.
fn known() -> u64 {
    rustix::thread::capabilities(None).map_or(0, |sets| sets.permitted.bits())
}

fn shrink_bounding_set(keep: u64) -> Result<(), Failure> {
    for bit in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        // The kernel answers EINVAL at the first number that it does not know.
        match rustix::thread::capability_is_in_bounding_set(capability) {
            Ok(true) if keep & (1 << bit) == 0 => {
                rustix::thread::remove_capability_from_bounding_set(capability).step("shrink the bounding set")?;
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    Ok(())
}

fn raise_ambient(capabilities: &Capabilities) -> Result<(), Failure> {
    let wanted = capabilities.ambient & capabilities.permitted & capabilities.inheritable & known();
    for bit in (0..64).filter(|bit| wanted & (1 << bit) != 0) {
        rustix::thread::configure_capability_in_ambient_set(CapabilitySet::from_bits_retain(1 << bit), true)
            .step("raise an ambient capability")?;
    }
    Ok(())
}

/// A user namespace may forbid setgroups (rootless engines do); no groups is what there is then.
fn set_groups(groups: &[Gid]) -> Result<(), Failure> {
    match rustix::thread::set_thread_groups(groups) {
        Err(rustix::io::Errno::PERM) if groups.is_empty() => Ok(()),
        other => other.step("set the groups"),
    }
}
