//! What kernels log when they kill for memory (mm/oom_kill.c, `dump_oom_summary`; since 4.19).

/// A process that was killed for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill<'a> {
    /// `CONSTRAINT_MEMCG` where a limit was reached, `CONSTRAINT_NONE` where the machine had no more.
    pub constraint: &'a str,
    /// The cgroup whose limit was reached; empty where it was the machine's.
    pub limit_of: &'a str,
    /// The cgroup of who was killed.
    pub task_cgroup: &'a str,
    /// The name of who was killed.
    pub task: &'a str,
}

impl Kill<'_> {
    /// Whether the machine itself was out of memory.
    pub fn is_of_machine(&self) -> bool {
        self.constraint != "CONSTRAINT_MEMCG"
    }
}

/// Reads `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),…,oom_memcg=/web,task_memcg=/web,task=app,pid=7,uid=0`.
pub fn kill(line: &str) -> Option<Kill<'_>> {
    let rest = line.split_once("oom-kill:")?.1;
    // Lists of processors have commas too, so that words are found by their names.
    let word = |name: &str| {
        let (_, rest) = rest.split_once(name)?;
        rest.split(',').next()
    };
    Some(Kill {
        constraint: word("constraint=")?,
        limit_of: word(",oom_memcg=").unwrap_or_default(),
        task_cgroup: word(",task_memcg=")?,
        task: word(",task=")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_killed_and_by_whose_limit() {
        let line = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=web,mems_allowed=0,oom_memcg=/lab/web,task_memcg=/lab/web,task=app,pid=4211,uid=0";
        let known = Kill { constraint: "CONSTRAINT_MEMCG", limit_of: "/lab/web", task_cgroup: "/lab/web", task: "app" };
        assert_eq!(kill(line), Some(known));
        let line = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0-1,global_oom,task_memcg=/db,task=postgres,pid=9,uid=70";
        assert!(kill(line).is_some_and(|kill| kill.is_of_machine() && kill.limit_of.is_empty()));
        assert_eq!(kill("Memory cgroup out of memory: Killed process 7"), None);
    }
}
