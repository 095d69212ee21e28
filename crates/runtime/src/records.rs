//! What engines write and answer, as pure functions: bytes in, records out, and never a panic whatever the bytes.
//!
//! Keys that are missing are unknown facts, not errors; keys that nobody asked for are skipped. The shapes come from
//! the engines' own sources and from what their versions in Debian 12 write.

mod bundle;
mod demo;
mod detail;
mod docker;
mod json;
mod machine;
mod output;
mod pod;
mod podman;
mod runc;
mod settings;
mod storage;
mod timestamp;

use fathom_model::Container;

pub use bundle::{annotate, annotations};
pub use demo::demo_state;
pub(crate) use detail::digits;
pub use detail::{docker_detail, docker_digest, inspected, runc_bundle, runc_cgroups, spec_detail};
pub use docker::{docker_config, docker_list, docker_pid};
pub use json::Garbled;
pub use machine::machine;
pub use output::{Output, output};
pub(crate) use pod::{of_labels, of_sandbox};
pub use podman::podman_events;
pub use runc::{crun_status, runc_state};
pub use settings::{Storage, homes, storage_conf};
pub use storage::{of_storage, storage_containers};
pub use timestamp::seconds;

/// A list of records in which some may be garbled: the good ones stand.
#[derive(Debug, Default)]
pub struct Records {
    /// The good ones.
    pub containers: Vec<Container>,
    /// Where the others are.
    pub garbled: Vec<Garbled>,
}
