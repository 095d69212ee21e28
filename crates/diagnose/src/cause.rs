//! What is wrong with what, how it travels from one object to those that depend on it, and which claims are roots.
//!
//! Read [`TABLE`] first: it is all the physics there is. [`graph`] finds who depends on whom, [`roots`] chooses.

pub mod graph;
pub mod lift;
pub mod roots;
pub mod symptoms;

use serde::Serialize;

/// What is wrong with an object. For a controller, what is wrong with its pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Effect {
    /// A pod has no node.
    Unscheduled,
    /// A pod has a node, and a container that does not start.
    NotStarted,
    /// A container ends again and again.
    Crashing,
    /// A pod runs and is not ready.
    NotReady,
    /// A pod or a job is over, and failed.
    Failed,
    /// A pod was evicted.
    Evicted,
    /// A controller may not create its pods.
    NotCreated,
    /// A workload is told to have no pods.
    Idle,
    /// A workload has fewer pods than it should have.
    Short,
    /// A job is not done, though it has had time.
    Undone,
    /// A claim has no volume.
    Unbound,
    /// A service has nobody behind it who is ready.
    NoEndpoints,
    /// A service leads nowhere, though somebody is behind it.
    Unreachable,
    /// A name does not resolve.
    Nameless,
    /// A webhook keeps others from being created.
    Denies,
    /// An ingress leads nowhere.
    Unrouted,
    /// An autoscaler cannot decide.
    NoMetrics,
    /// It is being deleted and does not go.
    Stuck,
    /// A node is not ready.
    Lost,
    /// A node is short of something.
    Pressed,
    /// A node cannot give pods a network.
    NoNetwork,
    /// A node takes no new pods.
    Cordoned,
    /// A component does not work.
    Down,
    /// A program's calls fail.
    CallsFail,
    /// It works, and loses time or helpers.
    Slow,
    /// A service answers with errors.
    Errs,
    /// It does not exist.
    Absent,
    /// Nothing is broken by it yet that can be seen.
    Latent,
}

impl Effect {
    /// In words, after the name of an object.
    pub fn words(self) -> &'static str {
        match self {
            Effect::Unscheduled => "not scheduled",
            Effect::NotStarted => "not started",
            Effect::Crashing => "crashing",
            Effect::NotReady => "not ready",
            Effect::Failed => "failed",
            Effect::Evicted => "evicted",
            Effect::NotCreated => "pods not created",
            Effect::Idle => "scaled to zero",
            Effect::Short => "fewer pods than wanted",
            Effect::Undone => "not done",
            Effect::Unbound => "not bound",
            Effect::NoEndpoints => "no ready endpoints",
            Effect::Unreachable => "leads nowhere",
            Effect::Nameless => "name does not resolve",
            Effect::Denies => "blocks creation",
            Effect::Unrouted => "leads nowhere",
            Effect::NoMetrics => "cannot scale",
            Effect::Stuck => "stuck in deletion",
            Effect::Lost => "not ready",
            Effect::Pressed => "under pressure",
            Effect::NoNetwork => "no pod network",
            Effect::Cordoned => "cordoned",
            Effect::Down => "does not work",
            Effect::CallsFail => "its calls fail",
            Effect::Slow => "held back",
            Effect::Errs => "answers with errors",
            Effect::Absent => "does not exist",
            Effect::Latent => "will fail",
        }
    }

    /// Whether it is about a workload's pods.
    pub fn is_of_pods(self) -> bool {
        PODS.contains(&self)
    }
}

/// In what way one object depends on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edge {
    /// A pod runs on a node.
    RunsOn,
    /// A pod gets its network from a node.
    Plugs,
    /// A node gets its network from an agent.
    Networks,
    /// A pod would fit a node, were there not what the node itself suffers from.
    Wants,
    /// A pod mounts a claim.
    Mounts,
    /// A pod's volume is held on another node.
    Awaits,
    /// A claim waits for a volume or a class.
    Binds,
    /// A service selects pods.
    Selects,
    /// A pod calls a service.
    Calls,
    /// A pod calls another one of its node at the node's own address.
    Beside,
    /// A pod calls a service and is answered with an error.
    Asks,
    /// A service that answers with errors is served by pods.
    ServedBy,
    /// A pod asks for names.
    Resolves,
    /// A webhook or an aggregated API is served by a service.
    Backs,
    /// A controller's pods have to pass a webhook.
    Admits,
    /// An ingress leads to a service.
    Routes,
    /// An autoscaler asks an API for metrics.
    Measures,
    /// An autoscaler scales a workload.
    Scales,
    /// A namespace or an object waits for another to go.
    Holds,
    /// A component of the control plane moves it.
    DrivenBy,
    /// It does not work as a whole while this keeps it from working: a node and its own state.
    Itself,
    /// A node works by what runs on it and by its disks.
    WorksBy,
    /// An object is made by another.
    MadeBy,
    /// A custom resource relies on another: a certificate on its issuer.
    ReliesOn,
}

use Effect::{
    Absent, CallsFail, Cordoned, Crashing, Denies, Down, Errs, Evicted, Failed, Idle, Lost, Nameless, NoEndpoints,
    NoMetrics, NoNetwork, NotCreated, NotReady, NotStarted, Pressed, Short, Stuck, Unbound, Unreachable, Unrouted,
    Unscheduled,
};

const PODS: &[Effect] = &[Unscheduled, NotStarted, Crashing, NotReady, Failed, Evicted, NotCreated, Short];
const CALLERS: &[Effect] = &[Crashing, NotReady, NotStarted, Failed, CallsFail];

/// How effects travel: where X depends on Y in this way, what Y suffers from explains what X suffers from.
pub const TABLE: &[(Edge, &[Effect], &[Effect])] = &[
    (Edge::RunsOn, &[Lost], &[NotReady, NotStarted, Crashing, Stuck, Failed, Evicted]),
    (Edge::RunsOn, &[Pressed], &[Evicted, Failed, Unscheduled, NotStarted]),
    (Edge::Plugs, &[NoNetwork], &[NotStarted]),
    (Edge::Networks, PODS, &[NoNetwork]),
    (Edge::Wants, &[Lost, Pressed, NoNetwork, Cordoned], &[Unscheduled]),
    (Edge::Mounts, &[Unbound, Stuck], &[Unscheduled, NotStarted]),
    (Edge::Awaits, &[Lost], &[NotStarted]),
    (Edge::Binds, &[Unbound, Down, Unscheduled], &[Unbound]),
    (Edge::Selects, PODS, &[NoEndpoints]),
    (Edge::Selects, &[Idle, NoEndpoints], &[NoEndpoints]),
    (Edge::Calls, &[NoEndpoints, Unreachable, Nameless, CallsFail, Down], CALLERS),
    (Edge::Beside, PODS, CALLERS),
    (Edge::ServedBy, &[CallsFail, Crashing, NotReady], &[Errs]),
    (Edge::Asks, &[Errs], CALLERS),
    (Edge::Resolves, &[NoEndpoints, Down], CALLERS),
    (Edge::Backs, &[NoEndpoints, Unreachable], &[Denies, Down]),
    (Edge::Admits, &[Denies], &[NotCreated]),
    (Edge::Routes, &[NoEndpoints], &[Unrouted]),
    (Edge::Measures, &[Down], &[NoMetrics]),
    (Edge::Scales, PODS, &[NoMetrics]),
    (Edge::Holds, &[Stuck, Down, Lost], &[Stuck]),
    (Edge::Itself, &[Lost], &[Lost, NoNetwork]),
    (Edge::WorksBy, &[Lost], &[Lost, NoNetwork]),
    (Edge::WorksBy, &[Pressed], &[Pressed]),
    (Edge::MadeBy, &[Down], &[Absent]),
    (Edge::ReliesOn, &[Down], &[Down]),
    (Edge::DrivenBy, &[Down], &[Unscheduled, NotCreated, Short, NoEndpoints]),
];

/// What X suffers from when Y, on which it depends in this way, suffers from `effect`.
pub fn travels(edge: Edge, effect: Effect) -> impl Iterator<Item = Effect> {
    let rows = TABLE.iter().filter(move |(by, from, _)| *by == edge && from.contains(&effect));
    rows.flat_map(|(_, _, to)| to.iter().copied())
}
