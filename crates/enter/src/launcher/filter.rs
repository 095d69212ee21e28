//! Seccomp filters: ours, which forbid what changes the machine, or the target's own, copied.
//!
//! Ours are lists of what is denied, with EPERM: a tool that meets a new harmless call must not fail for it.

#![allow(unsafe_code, reason = "the kernel is handed a program by its address")]

use std::collections::BTreeMap;
use std::io;

use fathom_model::{Class, Failure};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, sock_filter};

use crate::failure::Step as _;
use crate::profile::{CopiedFilter, Seccomp};

/// libc for musl does not name it on every architecture; the number is of include/uapi/asm-generic/unistd.h.
#[cfg(not(target_arch = "x86_64"))]
const KEXEC_FILE_LOAD: i64 = 294;
#[cfg(target_arch = "x86_64")]
const KEXEC_FILE_LOAD: i64 = libc::SYS_kexec_file_load;

/// Loading kernels and modules.
const KERNEL_CODE: &[i64] =
    &[libc::SYS_kexec_load, KEXEC_FILE_LOAD, libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module];

/// What else changes the machine or reaches round its walls. Tracing (ptrace, process_vm_*) is not among it.
const MACHINE: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_move_pages,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_perf_event_open,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
];

/// The programs to install, in order.
pub(super) fn programs(kind: Seccomp, copied: &[CopiedFilter]) -> Result<Vec<BpfProgram>, Failure> {
    let denied: Vec<i64> = match kind {
        Seccomp::Unconfined => return Ok(Vec::new()),
        // The kernel lists the last one first.
        Seccomp::Target => return Ok(copied.iter().rev().map(program_of).collect()),
        Seccomp::NoKernelCode => KERNEL_CODE.to_vec(),
        Seccomp::Default => [KERNEL_CODE, MACHINE].concat(),
    };
    let rules: BTreeMap<i64, Vec<_>> = denied.into_iter().map(|call| (call, Vec::new())).collect();
    let arch = std::env::consts::ARCH
        .try_into()
        .map_err(|_| unsupported("seccomp filters are not known for this architecture"))?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32), arch)
        .and_then(TryInto::try_into)
        .map_err(|error| unsupported(&error.to_string()))?;
    Ok(vec![filter])
}

/// Installs `programs`; the last one is asked first.
pub(super) fn install(programs: &[BpfProgram]) -> Result<(), Failure> {
    programs.iter().try_for_each(|program| apply(program).step("install the seccomp filter"))
}

/// seccompiler sets no_new_privs itself, which would take set-uid programs away from a profile that has them.
fn apply(program: &BpfProgram) -> io::Result<()> {
    let raw = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::Error::other("the filter is too long"))?,
        filter: program.as_ptr().cast::<libc::sock_filter>().cast_mut(),
    };
    // SAFETY: `raw` points to `len` instructions of the kernel's layout, which outlive the call.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn program_of(filter: &CopiedFilter) -> BpfProgram {
    filter.0.iter().map(|(code, jt, jf, k)| sock_filter { code: *code, jt: *jt, jf: *jf, k: *k }).collect()
}

fn unsupported(cause: &str) -> Failure {
    Failure { cause: Some(cause.to_owned()), ..Failure::new(Class::Unsupported, "cannot make the seccomp filter") }
        .hinting("--profile host has none")
}
