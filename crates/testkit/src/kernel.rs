//! Older kernels: a seccomp filter answers one system call as a kernel does that has never heard of it.
//!
//! The filter holds for one thread and for the processes that it starts; the rest of the test goes on as before.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// What a kernel may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the kernel's own")]
pub enum Call {
    Bpf,
    /// Maps of bpf(2) of a kind that the kernel does not know, as ring buffers were before 5.8.
    BpfMaps,
    Clone3,
    CloseRange,
    Fsopen,
    MountSetattr,
    MoveMount,
    OpenTree,
    Openat2,
    PidfdOpen,
    /// setns of several namespaces at once, which takes a pidfd (5.8).
    SetnsPidfd,
}

/// Does `what` on a kernel without `call`. Processes that it starts lack it too; they cannot gain rights by set-uid
/// programs.
///
/// # Panics
/// Where the machine has no seccomp filters, and where `what` panics.
pub fn without<T: Send>(call: Call, what: impl FnOnce() -> T + Send) -> T {
    let filter = filter(call);
    let filtered = || {
        seccompiler::apply_filter(&filter).expect("a filter can be installed");
        what()
    };
    std::thread::scope(|scope| scope.spawn(filtered).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

fn filter(call: Call) -> BpfProgram {
    let number = match call {
        Call::Bpf | Call::BpfMaps => libc::SYS_bpf,
        Call::Clone3 => libc::SYS_clone3,
        Call::CloseRange => libc::SYS_close_range,
        Call::Fsopen => libc::SYS_fsopen,
        Call::MountSetattr => libc::SYS_mount_setattr,
        Call::MoveMount => libc::SYS_move_mount,
        Call::OpenTree => libc::SYS_open_tree,
        Call::Openat2 => libc::SYS_openat2,
        Call::PidfdOpen => libc::SYS_pidfd_open,
        Call::SetnsPidfd => libc::SYS_setns,
    };
    let (rules, error) = match call {
        Call::SetnsPidfd => (vec![several_kinds()], libc::ENOSYS),
        Call::BpfMaps => (vec![makes_a_map()], libc::EINVAL),
        _ => (Vec::new(), libc::ENOSYS),
    };
    let arch = std::env::consts::ARCH.try_into().expect("seccomp filters are known for this architecture");
    let answer = SeccompAction::Errno(error as u32);
    let filter = SeccompFilter::new(BTreeMap::from([(number, rules)]), SeccompAction::Allow, answer, arch);
    filter.and_then(TryInto::try_into).expect("the filter is well-formed")
}

/// Neither no kind nor exactly one.
fn several_kinds() -> SeccompRule {
    let kinds = [
        0,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ];
    let differs = |kind: i32| {
        SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, kind as u64).expect("an argument's index")
    };
    SeccompRule::new(kinds.into_iter().map(differs).collect()).expect("there are conditions")
}

/// `BPF_MAP_CREATE`, include/uapi/linux/bpf.h.
const MAP_CREATE: u64 = 0;

fn makes_a_map() -> SeccompRule {
    let is = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, MAP_CREATE);
    SeccompRule::new(vec![is.expect("an argument's index")]).expect("there is a condition")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;
    use rustix::process::{PidfdFlags, getpid, pidfd_open};

    #[test]
    fn only_the_named_call_is_gone_and_only_there() {
        let open = || pidfd_open(getpid(), PidfdFlags::empty()).map(drop);
        assert_eq!(without(Call::PidfdOpen, open), Err(Errno::NOSYS));
        assert_eq!(without(Call::Clone3, open), Ok(()));
        assert_eq!(open(), Ok(()));
    }
}
