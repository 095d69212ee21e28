//! The machine that a recording is of.

use super::Text;

/// What a recording says of its machine.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Processors.
    pub cpus: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// The highest process id that it gives out.
    pub max_pid: u64,
    /// Its name.
    pub hostname: Text,
    /// When it was started, in nanoseconds since 1970; zero where nobody wrote it.
    pub booted: u64,
}

impl From<fathom_scap::Machine<'_>> for Machine {
    fn from(machine: fathom_scap::Machine<'_>) -> Self {
        let fathom_scap::Machine { cpus, memory, max_pid, hostname, booted } = machine;
        Machine { cpus, memory, max_pid, hostname: hostname.into(), booted }
    }
}
