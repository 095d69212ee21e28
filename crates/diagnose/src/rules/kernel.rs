//! What a machine's kernel logged in the last minutes: disks, stuck tasks, faults of its own.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence};
use crate::eval::messages::{kernel, says};
use crate::object::Object;
use crate::rule::Rule;
use crate::scene::{Logged, Scene};
use crate::snapshot::Judged;

/// Seconds for which a line tells of now.
const RECENT: i64 = 600;

/// The last line of the log that has one of these words and none of those.
fn line<'a>(scene: &Scene<'a>, machine: &Object, words: &[&str], others: &[&str]) -> Option<Logged<'a>> {
    scene.logged(machine.name(), RECENT).find(|line| says(line.text, words) && !says(line.text, others))
}

fn logged<'a>(scene: &Scene<'a>, machine: &'a Object, words: &[&str], what: &str) -> Judged<Option<Claim>> {
    // A container's own limit is not the machine's trouble.
    let line = line(scene, machine, words, &["oom-kill:", "memory cgroup out of memory"]);
    Ok(line.map(|line| {
        let text = line.text.trim();
        Claim::new(format!("{what}: {text}")).since(Some(scene.moment(&line))).by(line.proof)
    }))
}

/// Somebody outside of all containers was killed because the machine had no more memory; of containers their own rule tells.
pub(super) fn starved<'a>(scene: &Scene<'a>, machine: &'a Object) -> Option<Claim> {
    let of_container = |task: &str| {
        let mut containers = scene.snapshot.within("Container", machine.name());
        containers.any(|one| scene.killed_for_memory(one, RECENT).is_some_and(|(kill, _)| kill.task_cgroup == task))
    };
    let mut kills = scene.logged(machine.name(), RECENT).filter_map(|line| Some((kernel::kill(line.text)?, line)));
    let (kill, line) =
        kills.find(|(kill, _)| kill.constraint == "CONSTRAINT_NONE" && !of_container(kill.task_cgroup))?;
    let says = format!("it had no memory left, and its kernel killed {}", kill.task);
    Some(Claim::new(says).since(Some(scene.moment(&line))).by(line.proof))
}

const LOGGED: Rule =
    Rule { on: &["Machine"], effect: Effect::Pressed, weight: 75, confidence: Confidence::Likely, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "node.readonly-fs",
        weight: 85,
        confidence: Confidence::Proven,
        means: "The kernel found a file system damaged and lets nobody write to it any more.",
        proves: "The kernel's own line.",
        refutes: "a write that succeeds",
        fix: "look at the disk's health, unmount it and check it with fsck",
        judge: |scene, machine| {
            let words = ["remounting filesystem read-only", "forced readonly", "shutting down filesystem"];
            logged(scene, machine, &words, "a file system cannot be written to")
        },
        ..LOGGED
    },
    Rule {
        code: "node.io-error",
        weight: 80,
        means: "A disk gives errors.",
        proves: "The kernel's lines of the last ten minutes.",
        refutes: "no more such lines while the disk is used",
        fix: "move what is on the disk, and replace it",
        judge: |scene, machine| logged(scene, machine, &["i/o error", "critical medium error"], "a disk gives errors"),
        ..LOGGED
    },
    Rule {
        code: "node.hung-task",
        means: "A task waits in the kernel and does not come back, mostly for a disk or a server of files.",
        proves: "The kernel's line of the last ten minutes.",
        refutes: "the task going on",
        fix: "find out what it waits for: cat /proc/PID/stack",
        judge: |scene, machine| logged(scene, machine, &["blocked for more than"], "a task hangs in the kernel"),
        ..LOGGED
    },
    Rule {
        code: "node.softlockup",
        means: "A processor was kept busy in the kernel for many seconds.",
        proves: "The kernel's line of the last ten minutes.",
        refutes: "no more such lines",
        fix: "on a virtual machine, look whether its host is overloaded; else update the kernel",
        judge: |scene, machine| {
            logged(
                scene,
                machine,
                &["soft lockup", "rcu_sched self-detected stall", "rcu_preempt self-detected stall"],
                "a processor is stuck",
            )
        },
        ..LOGGED
    },
    Rule {
        code: "node.oops",
        means: "The kernel itself failed; what it does from then on is uncertain.",
        proves: "The kernel's line of the last ten minutes.",
        refutes: "a boot since then",
        fix: "start the machine again, and update its kernel",
        judge: |scene, machine| {
            logged(scene, machine, &["bug: unable to handle", "kernel bug at", "oops: "], "the kernel failed")
        },
        ..LOGGED
    },
    Rule {
        code: "net.neigh-overflow",
        effect: Effect::CallsFail,
        means: "The machine knows no more addresses of its network: the table of neighbours is full.",
        proves: "The kernel's line of the last ten minutes.",
        refutes: "a higher gc_thresh3 and no more such lines",
        fix: "raise net.ipv4.neigh.default.gc_thresh3",
        judge: |scene, machine| {
            let claim = logged(
                scene,
                machine,
                &["neighbor table overflow", "neighbour table overflow"],
                "no neighbour is learnt any more",
            )?;
            let limit = scene.figure(machine.name(), "/proc/sys/net/ipv4/neigh/default/gc_thresh3");
            Ok(claim.map(|claim| claim.by_all(limit.map(|(_, proof)| proof))))
        },
        ..LOGGED
    },
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::kubelets::tests::found;

    #[test]
    fn who_was_killed_for_want_of_memory_of_the_machine_is_told() {
        let log = |text: &str, ago: i64| {
            vec![
                json!({"kind": "File", "metadata": {"name": "/dev/kmsg", "namespace": "n1"}, "value": [{"ago": ago, "text": text}]}),
            ]
        };
        let machine = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/system.slice/ssh.service,task=sshd,pid=9,uid=0";
        let limit = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/web,task_memcg=/web,task=app,pid=9,uid=0";
        assert_eq!(found(log(machine, 30)), ["node.memory-pressure Node//n1"]);
        assert_eq!(found(log(machine, 7200)), [""; 0]);
        assert_eq!(found(log(limit, 30)), [""; 0]);
    }
}
