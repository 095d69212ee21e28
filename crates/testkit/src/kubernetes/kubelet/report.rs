//! The status of a pod, from the states of its containers.

use serde_json::{Value, json};

use super::super::store;

/// Which of a pod's lists a container stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Init,
    Main,
    Ephemeral,
}

impl Role {
    /// Its list in the spec.
    pub(super) fn list(self) -> &'static str {
        match self {
            Role::Init => "initContainers",
            Role::Main => "containers",
            Role::Ephemeral => "ephemeralContainers",
        }
    }

    fn statuses(self) -> &'static str {
        match self {
            Role::Init => "initContainerStatuses",
            Role::Main => "containerStatuses",
            Role::Ephemeral => "ephemeralContainerStatuses",
        }
    }
}

/// What a container does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Waiting { reason: &'static str, message: String },
    Running { since: String },
    Ended { code: i32, since: String, at: String },
}

/// What a status tells of a container.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) role: Role,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) id: Option<String>,
    pub(super) state: State,
    /// Of the incarnation before, with its id.
    pub(super) last: Option<(State, String)>,
    pub(super) restarts: u32,
}

impl Told {
    fn status(&self) -> Value {
        let runs = matches!(self.state, State::Running { .. });
        let done = self.role == Role::Init && matches!(self.state, State::Ended { code: 0, .. });
        let address = |id: &String| format!("containerd://{id}");
        json!({
            "name": self.name,
            "image": self.image,
            "imageID": self.image,
            "containerID": self.id.as_ref().map(address).unwrap_or_default(),
            "ready": runs || done,
            "started": runs,
            "restartCount": self.restarts,
            "state": written(&self.state, self.id.as_deref()),
            "lastState": self.last.as_ref().map_or_else(|| json!({}), |(state, id)| written(state, Some(id))),
        })
    }
}

fn written(state: &State, id: Option<&str>) -> Value {
    match state {
        State::Waiting { reason, message } if message.is_empty() => json!({"waiting": {"reason": reason}}),
        State::Waiting { reason, message } => json!({"waiting": {"reason": reason, "message": message}}),
        State::Running { since } => json!({"running": {"startedAt": since}}),
        State::Ended { code, since, at } => {
            let reason = if *code == 0 { "Completed" } else { "Error" };
            let id = format!("containerd://{}", id.unwrap_or_default());
            json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": since, "finishedAt": at, "containerID": id}})
        }
    }
}

/// The whole of it. What was true before keeps its time.
pub(super) fn status(old: &Value, told: &[Told], address: &str, started: &str, restarts: bool) -> Value {
    let of = |role: Role| told.iter().filter(move |one| one.role == role);
    let runs = |one: &Told| matches!(one.state, State::Running { .. });
    let ended = |one: &Told| matches!(one.state, State::Ended { .. });
    let failed = |one: &Told| matches!(one.state, State::Ended { code, .. } if code != 0);
    let over = !restarts && (of(Role::Main).all(ended) || of(Role::Init).any(failed));
    let phase = match () {
        () if over && (of(Role::Main).any(failed) || of(Role::Init).any(failed)) => "Failed",
        () if over => "Succeeded",
        () if of(Role::Main).any(|one| runs(one) || one.restarts > 0) => "Running",
        () => "Pending",
    };
    let ready = phase == "Running" && of(Role::Main).all(runs);
    let condition = |kind: &str, holds: bool| {
        let status = if holds { "True" } else { "False" };
        let before = old["conditions"].as_array().into_iter().flatten();
        let same = before.into_iter().find(|one| one["type"] == json!(kind) && one["status"] == json!(status));
        same.cloned().unwrap_or_else(|| json!({"type": kind, "status": status, "lastTransitionTime": store::now()}))
    };
    let mut status = json!({
        "phase": phase,
        "conditions": [
            condition("PodScheduled", true), condition("Initialized", of(Role::Main).any(|one| one.id.is_some())),
            condition("ContainersReady", ready), condition("Ready", ready),
        ],
        "hostIP": super::sandbox::GATEWAY,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": started,
        "qosClass": "BestEffort",
    });
    for role in [Role::Init, Role::Main, Role::Ephemeral] {
        let statuses: Vec<Value> = of(role).map(Told::status).collect();
        if !statuses.is_empty() {
            status[role.statuses()] = json!(statuses);
        }
    }
    status
}
