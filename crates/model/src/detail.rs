//! What only a closer look at one container tells: what it was made of, what it may do, what it was given.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A container from close by. What nobody could say is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// Id of its image, in hexadecimal digits.
    pub image_id: Option<String>,
    /// Digest of the image in its registry, `sha256:…`.
    pub image_digest: Option<String>,
    /// Whether it may do everything.
    pub privileged: Option<bool>,
    /// Its address in its engine's network; a pod's containers have their sandbox's.
    pub address: Option<Ipv4Addr>,
    /// The sandbox that a pod's container is in.
    pub sandbox: Option<String>,
    /// Labels that a list of containers does not have.
    pub labels: BTreeMap<String, String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// What of the machine is mounted into it.
    pub mounts: Vec<Mount>,
    /// Folders of its cgroups, by controller, where they outlive it; version 2 has an empty name.
    pub cgroups: BTreeMap<String, String>,
    /// How its runs went.
    pub runs: Runs,
}

/// How the runs of a container went, as its engine keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runs {
    /// Exit status of the last run that ended.
    pub status: Option<i64>,
    /// Why it ended, in a word of the engine's: `OOMKilled`.
    pub reason: Option<String>,
    /// What the engine says about that run.
    pub message: Option<String>,
    /// When that run ended, in seconds since 1970.
    pub ended: Option<u64>,
    /// How often the engine started it again.
    pub restarts: Option<u64>,
    /// When the engine starts it again: `always`, `on-failure`, …
    pub policy: Option<String>,
    /// Whether somebody told the engine to stop it.
    pub was_stopped: Option<bool>,
    /// The file with what it wrote.
    pub log: Option<String>,
    /// The most memory that it may use, in bytes, where it was given a limit.
    pub memory: Option<u64>,
}

impl Runs {
    fn absorb(&mut self, other: Runs) {
        self.status = self.status.or(other.status);
        self.reason = self.reason.take().or(other.reason);
        self.message = self.message.take().or(other.message);
        self.ended = self.ended.or(other.ended);
        self.restarts = self.restarts.or(other.restarts);
        self.policy = self.policy.take().or(other.policy);
        self.was_stopped = self.was_stopped.or(other.was_stopped);
        self.log = self.log.take().or(other.log);
        self.memory = self.memory.or(other.memory);
    }
}

/// Something of the machine that is mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mount {
    /// Where it is on the machine.
    pub source: String,
    /// Where it is in the container.
    pub target: String,
    /// As the engine writes it, `z` for instance; mostly empty.
    pub mode: String,
    /// Whether it can be written to.
    pub writable: bool,
    /// How mounts within it are shared, `rprivate` for instance.
    pub propagation: String,
}

impl Detail {
    /// Adds what `other` knows beyond this.
    pub fn absorb(&mut self, other: Detail) {
        self.image_id = self.image_id.take().or(other.image_id);
        self.image_digest = self.image_digest.take().or(other.image_digest);
        self.privileged = self.privileged.or(other.privileged);
        self.address = self.address.or(other.address);
        self.sandbox = self.sandbox.take().or(other.sandbox);
        for (key, value) in other.labels {
            self.labels.entry(key).or_insert(value);
        }
        if self.env.is_empty() {
            self.env = other.env;
        }
        if self.mounts.is_empty() {
            self.mounts = other.mounts;
        }
        if self.cgroups.is_empty() {
            self.cgroups = other.cgroups;
        }
        self.runs.absorb(other.runs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_stays_and_gaps_are_filled() {
        let mut near = Detail { privileged: Some(false), env: vec!["A=1".into()], ..Detail::default() };
        near.absorb(Detail {
            privileged: Some(true),
            image_id: Some("77".into()),
            env: vec!["B=2".into()],
            ..Detail::default()
        });
        assert_eq!((near.privileged, near.image_id.as_deref(), near.env.len()), (Some(false), Some("77"), 1));
        assert_eq!(near.env, ["A=1"]);
    }
}
