//! Which programs are needed for what, and getting them past the kernel's verifier.

use std::sync::{Mutex, PoisonError};

use aya::programs::{Program, ProgramError};
use aya::{Btf, Ebpf};

use crate::scope::{Besides, Ends, Options, Scope};

/// Every tracepoint that is always attached, in the order in which they are: a task must not be born or die unseen while
/// its calls are looked at.
const TRACEPOINTS: &[(&str, &str)] = &[
    ("process_exit", "sched_process_exit"),
    ("process_fork", "sched_process_fork"),
    ("process_exec", "sched_process_exec"),
    ("signal_deliver", "signal_deliver"),
    ("sys_exit", "sys_exit"),
];
const BEGINNINGS: &[(&str, &str)] = &[("sys_enter", "sys_enter")];
const SWITCHES: &[(&str, &str)] = &[("sched_switch", "sched_switch")];
const FAULTS: &[(&str, &str)] = &[("page_fault_user", "page_fault_user"), ("page_fault_kernel", "page_fault_kernel")];

/// Iterators that mark the tasks which are looked at, and count those that are left.
const ADOPTING: &[(&str, &str)] = &[("adopt", "task")];
const REMAINING: &[(&str, &str)] = &[("remain", "task")];
/// Those that find what there is.
pub(super) const FINDERS: &[(&str, &str)] = &[("find_task", "task"), ("find_file", "task_file")];
/// What the kernel looks at the longest, beginning with the worst.
const HEAVY: &[&str] = &["sys_exit", "process_exec", "find_file", "process_fork", "find_task", "adopt"];

/// Names of programs with what each is for: a tracepoint, or what an iterator goes through.
type Named = Vec<(&'static str, &'static str)>;

/// The tracepoints that `options` need.
pub(super) fn tracepoints(options: &Options) -> Named {
    let besides = options.besides.iter().flat_map(|besides| match besides {
        Besides::Switches => SWITCHES,
        Besides::Faults => FAULTS,
    });
    let beginnings = if options.ends == Ends::Both { BEGINNINGS } else { &[] };
    besides.chain(TRACEPOINTS).chain(beginnings).copied().collect()
}

/// The iterators that they need.
pub(super) fn iterators(options: &Options) -> Named {
    let [trees, some] = [matches!(options.scope, Scope::Trees(_)), options.scope != Scope::Machine];
    let needed = [(ADOPTING, trees), (REMAINING, some)].into_iter().filter(|(_, needed)| *needed);
    needed.flat_map(|(rows, _)| rows).copied().collect()
}

/// Loads programs, and says which the kernel has refused. That takes as long as it looks at them: it looks at two at a
/// time, and at those that take longest first.
pub(super) fn load(ebpf: &mut Ebpf, named: &[(&'static str, &str)], btf: &Btf) -> Vec<(&'static str, ProgramError)> {
    let place = |name: &str| HEAVY.iter().position(|heavy| *heavy == name).map_or(0, |place| HEAVY.len() - place);
    let found = ebpf.programs_mut().filter_map(|(name, program)| {
        let (name, target) = named.iter().find(|row| row.0 == name)?;
        Some((*name, *target, program))
    });
    let mut waiting: Vec<_> = found.collect();
    waiting.sort_by_key(|(name, ..)| place(name));
    let (waiting, failed) = (Mutex::new(waiting), Mutex::new(Vec::new()));
    let work = || {
        while let Some((name, target, program)) = next(&waiting) {
            let loaded = match program {
                Program::BtfTracePoint(program) => program.load(target, btf),
                Program::Iter(program) => program.load(target, btf),
                _ => unreachable!("programs of ours that have a target are of these kinds"),
            };
            if let Err(error) = loaded {
                failed.lock().unwrap_or_else(PoisonError::into_inner).push((name, error));
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the last of those that wait.
fn next<T>(waiting: &Mutex<Vec<T>>) -> Option<T> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).pop()
}
