//! All rules, by group. A rule is a row: metadata and one pure function that judges one object.
//!
//! To add one, add a row to the table of its group; nothing else has to be told.

mod access;
pub(crate) mod admission;
mod advice;
pub(crate) mod autoscaling;
mod callers;
mod config;
mod control;
mod crashes;
mod custom;
mod daemons;
mod files;
mod flows;
mod images;
pub(crate) mod ingress;
mod jobs;
mod journals;
mod kernel;
mod kills;
mod kubelets;
mod limits;
mod machines;
mod manifests;
mod matching;
mod names;
pub(crate) mod network;
mod nodes;
mod placement;
mod probes;
mod programs;
mod readiness;
mod roles;
mod scheduling;
mod services;
mod signals;
pub(crate) mod storage;
pub(crate) mod termination;
mod volumes;
mod waiting;
pub(crate) mod webhooks;
mod workloads;
mod writing;

use crate::rule::Rule;

/// The groups, in reading order: from the control plane down to programs, and from there to who calls them.
pub const GROUPS: &[(&str, &[Rule])] = &[
    ("Control plane", control::RULES),
    ("Nodes and evictions", nodes::RULES),
    ("Machines", machines::RULES),
    ("What kernels log", kernel::RULES),
    ("Files of nodes", files::RULES),
    ("What kubelets are told", kubelets::RULES),
    ("Journals of nodes", journals::RULES),
    ("Limits of containers", limits::RULES),
    ("Connections that were tried", probes::RULES),
    ("Ways to services", flows::RULES),
    ("Network of pods", network::RULES),
    ("Scheduling", scheduling::RULES),
    ("Placement", placement::RULES),
    ("Pods that wait", waiting::RULES),
    ("Storage", storage::RULES),
    ("Volumes made by hand", matching::RULES),
    ("Volumes", volumes::RULES),
    ("Writing to volumes", writing::RULES),
    ("Images", images::RULES),
    ("Container configuration", config::RULES),
    ("Crashes", crashes::RULES),
    ("Signals", signals::RULES),
    ("Kills by probes", kills::RULES),
    ("What programs say", programs::RULES),
    ("Kinds that programs want", custom::RULES),
    ("Readiness", readiness::RULES),
    ("Termination", termination::RULES),
    ("Workloads", workloads::RULES),
    ("Daemons and what overlaps", daemons::RULES),
    ("Jobs", jobs::RULES),
    ("Autoscaling and disruption", autoscaling::RULES),
    ("Admission", admission::RULES),
    ("Manifests", manifests::RULES),
    ("Webhooks", webhooks::RULES),
    ("Access", access::RULES),
    ("Services", services::RULES),
    ("Callers of services", callers::RULES),
    ("Names", names::RULES),
    ("Ingress and gateways", ingress::RULES),
];

/// Every rule.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    GROUPS.iter().flat_map(|(_, rules)| rules.iter())
}

/// The rule of a code.
pub fn find(code: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.code == code)
}
