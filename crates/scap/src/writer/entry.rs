//! Entries of the tables that a capture begins with, in the newest layout; what older readers would choke on is cut.

use std::net::{IpAddr, Ipv4Addr};

use super::Profile;
use crate::descriptor::{Descriptor, Thing, Transport};
use crate::machine::{Interface, Machine};
use crate::process::{Process, Program};
use crate::user::Account;

/// What sysdig 0.29 has room for: a path (of a descriptor; of a process one byte more), a list of texts, a name of a
/// user. It opens no file that has something longer.
const PATH: usize = 1023;
const LIST: usize = 4096;
const NAME: usize = 255;

/// Types of descriptors that it does not know, and what it calls such ones.
const NEWER: std::ops::RangeInclusive<u8> = 17..=21;
const UNSUPPORTED: u8 = 10;

impl Profile {
    /// As much of `text` as readers have room for.
    fn cut(self, text: &[u8], room: usize) -> &[u8] {
        let room = if self == Profile::Legacy { room } else { usize::from(u16::MAX) };
        &text[..text.len().min(room)]
    }
}

/// `u16` length, then so many bytes.
fn short(text: &[u8], to: &mut Vec<u8>) {
    to.extend((text.len() as u16).to_le_bytes());
    to.extend(text);
}

/// An entry that begins with its own length, which counts itself or not.
fn measured(own: u32, to: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.extend([0; 4]);
    fill(to);
    let length = (to.len() - start - 4) as u32 + own;
    to[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

pub(super) fn machine(machine: &Machine<'_>, to: &mut Vec<u8>) {
    to.extend(machine.cpus.to_le_bytes());
    to.extend(machine.memory.to_le_bytes());
    to.extend(machine.max_pid.to_le_bytes());
    let mut hostname = [0; 128];
    let length = machine.hostname.len().min(hostname.len() - 1);
    hostname[..length].copy_from_slice(&machine.hostname[..length]);
    to.extend(hostname);
    to.extend(machine.booted.to_le_bytes());
    to.extend([0; 3 * 8]);
}

pub(super) fn interface(interface: &Interface, to: &mut Vec<u8>) {
    measured(0, to, |to| {
        let (number, name) = match interface {
            Interface::V4 { name, .. } => (1_u16, name),
            Interface::V6 { name, .. } => (2, name),
        };
        to.extend(number.to_le_bytes());
        let name = &name[..name.len().min(PATH)];
        to.extend((name.len() as u16).to_le_bytes());
        match interface {
            Interface::V4 { address, mask, .. } => {
                let broadcast = Ipv4Addr::from_bits(address.to_bits() | !mask.to_bits());
                [address, mask, &broadcast].iter().for_each(|address| to.extend(address.octets()));
            }
            Interface::V6 { address, .. } => {
                to.extend(address.octets());
                to.extend([0; 32]);
            }
        }
        // How fast it is.
        to.extend([0; 8]);
        to.extend(name);
    });
}

pub(super) fn account(account: &Account<'_>, profile: Profile, to: &mut Vec<u8>) {
    measured(4, to, |to| match account {
        Account::User { uid, gid, name, home, shell } => {
            to.push(0);
            [uid, gid].iter().for_each(|number| to.extend(number.to_le_bytes()));
            [name, home, shell].iter().for_each(|text| short(profile.cut(text, NAME), to));
        }
        Account::Group { gid, name } => {
            to.push(1);
            to.extend(gid.to_le_bytes());
            short(profile.cut(name, NAME), to);
        }
    });
}

pub(super) fn process(process: &Process<'_>, profile: Profile, to: &mut Vec<u8>) {
    let p = process;
    measured(4, to, |to| {
        [p.tid, p.pid, p.ptid, p.sid, p.vpgid].iter().for_each(|number| to.extend(number.to_le_bytes()));
        [p.comm, p.exe, p.exepath].iter().for_each(|text| short(profile.cut(text, PATH + 1), to));
        short(profile.cut(p.args, LIST), to);
        short(profile.cut(p.cwd, PATH + 1), to);
        to.extend(p.fdlimit.to_le_bytes());
        [p.flags, p.uid, p.gid, p.vmsize, p.vmrss, p.vmswap].iter().for_each(|number| to.extend(number.to_le_bytes()));
        [p.pfmajor, p.pfminor].iter().for_each(|number| to.extend(number.to_le_bytes()));
        short(profile.cut(p.env, LIST), to);
        [p.vtid, p.vpid].iter().for_each(|number| to.extend(number.to_le_bytes()));
        short(profile.cut(p.cgroups, LIST), to);
        short(profile.cut(p.root, PATH + 1), to);
        if profile == Profile::Modern {
            to.extend(p.namespace_began.to_le_bytes());
            to.extend(p.tty.to_le_bytes());
        }
        to.extend(p.loginuid.to_le_bytes());
        to.push(u8::from(p.exe_writable));
        // Older readers pass over capabilities; with them their tail has its whole length, which tells it from the newer one.
        p.capabilities.iter().for_each(|set| to.extend(set.to_le_bytes()));
        if profile == Profile::Modern {
            let has = |flag: u32| u8::from(p.program.flags & flag != 0);
            to.push(has(Program::UPPER_LAYER));
            [p.program.inode, p.program.ctime, p.program.mtime]
                .iter()
                .for_each(|number| to.extend(number.to_le_bytes()));
            to.extend([has(Program::IN_MEMORY), has(Program::LOWER_LAYER)]);
            to.extend(p.pgid.to_le_bytes());
        }
    });
}

pub(super) fn descriptor(descriptor: &Descriptor<'_>, profile: Profile, to: &mut Vec<u8>) {
    let number = match (profile, descriptor.number) {
        (Profile::Legacy, newer) if NEWER.contains(&newer) => UNSUPPORTED,
        (Profile::Legacy, unknown) if unknown > *NEWER.end() => return,
        (_, number) => number,
    };
    let carrier = |transport: Transport| transport.number();
    measured(4, to, |to| {
        to.extend(descriptor.fd.to_le_bytes());
        to.extend(descriptor.inode.to_le_bytes());
        to.push(number);
        match descriptor.thing {
            Thing::V4 { source, target, sport, dport, transport } => {
                ends([source.into(), target.into()], [sport, dport], to);
                to.push(carrier(transport));
            }
            Thing::V6 { source, target, sport, dport, transport } => {
                ends([source.into(), target.into()], [sport, dport], to);
                to.push(carrier(transport));
            }
            Thing::V4Server { address, port, transport } => {
                to.extend(address.octets());
                to.extend(port.to_le_bytes());
                to.push(carrier(transport));
            }
            Thing::V6Server { address, port, transport } => {
                to.extend(address.octets());
                to.extend(port.to_le_bytes());
                to.push(carrier(transport));
            }
            Thing::Unix { source, target, name } => {
                [source, target].iter().for_each(|address| to.extend(address.to_le_bytes()));
                short(profile.cut(name, PATH), to);
            }
            Thing::File { open_flags, name, device } => {
                to.extend(open_flags.to_le_bytes());
                short(profile.cut(name, PATH), to);
                to.extend(device.to_le_bytes());
            }
            Thing::Named(name) => short(profile.cut(name, PATH), to),
            Thing::Unknown => {}
        }
    });
}

fn ends(addresses: [IpAddr; 2], ports: [u16; 2], to: &mut Vec<u8>) {
    for address in addresses {
        match address {
            IpAddr::V4(address) => to.extend(address.octets()),
            IpAddr::V6(address) => to.extend(address.octets()),
        }
    }
    ports.iter().for_each(|port| to.extend(port.to_le_bytes()));
}
