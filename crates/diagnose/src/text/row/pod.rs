//! A line of a pod: one word for whatever is most to be said of it.

use super::{Row, Sketch, moment, number, share, told};
use crate::value::{Value, json};

/// Reasons of pods that are over, or never began: of kubelets that refused or evicted them, and of controllers.
const OVER: [&str; 20] = [
    "Evicted",
    "NodeLost",
    "DeadlineExceeded",
    "NodeAffinity",
    "NodeName",
    "NodePorts",
    "NodeShutdown",
    "Shutdown",
    "Terminated",
    "Preempting",
    "TaintToleration",
    "PodOSNotSupported",
    "PodOSSelectorNodeLabelDoesNotMatch",
    "UnexpectedAdmissionError",
    "TopologyAffinityError",
    "SMTAlignmentError",
    "SysctlForbidden",
    "AppArmor",
    "Seccomp",
    "ContainerStatusUnknown",
];

/// A kubelet starts a container again sooner than this, if it means to at all.
const RESTART: i64 = 120;

/// What a status says of the container that it is about.
fn state(status: &str) -> Option<Value> {
    let running = ["Running", "Pending", "Unknown", "Terminating", "NotReady", "SchedulingGated"].contains(&status);
    let code = status.strip_prefix("ExitCode:").and_then(number);
    let signal = status.strip_prefix("Signal:").and_then(number);
    match status {
        // `0/2` of its init containers are done: the next one runs.
        _ if status.contains('/') => Some(json!({"running": {}})),
        _ if running => None,
        "Completed" => Some(json!({"terminated": {"reason": status, "exitCode": 0}})),
        "Error" | "OOMKilled" => Some(json!({"terminated": {"reason": status}})),
        _ if code.is_some() => Some(json!({"terminated": {"exitCode": code}})),
        _ if signal.is_some() => Some(json!({"terminated": {"exitCode": signal.map(|signal| 128 + signal)}})),
        _ => Some(json!({"waiting": {"reason": status}})),
    }
}

pub(super) fn pod(sketch: &mut Sketch, row: &Row<'_>) {
    told(sketch, row, &[("NODE", "/spec/nodeName"), ("IP", "/status/podIP")]);
    if row.cell("NODE") == Some("<none>") {
        sketch.set("/spec/nodeName", "");
    }
    let status = row.text("STATUS");
    let (init, status) = status.strip_prefix("Init:").map_or((false, status), |status| (true, status));
    let state = state(status);
    let restarts = row.cell("RESTARTS").and_then(number).unwrap_or(0);
    let settled = row.cell("AGE").and_then(moment::age).is_some_and(|age| age > RESTART);
    // What ended long ago and was never started again is not to be.
    let ended = state.as_ref().is_some_and(|state| state.get("terminated").is_some()) && restarts == 0 && settled;
    let over = OVER.contains(&status) || status.starts_with("OutOf");
    let phase = match status {
        "Running" | "Pending" | "Failed" | "Unknown" => status,
        // What is left of a pod's life is not told.
        "" | "Terminating" => return,
        "Completed" | "Succeeded" if !init => "Succeeded",
        _ if over || ended && !init => "Failed",
        "CrashLoopBackOff" | "RunContainerError" | "Error" | "OOMKilled" | "NotReady" if !init => "Running",
        _ if status.starts_with("ExitCode:") || status.starts_with("Signal:") => "Running",
        _ => "Pending",
    };
    sketch.set("/status/phase", phase);
    if over {
        return sketch.set("/status/reason", status);
    }
    if status == "SchedulingGated" {
        sketch.set("/spec/nodeName", "");
        sketch.set("/status/conditions", json!([{"type": "PodScheduled", "status": "False", "reason": status}]));
    } else if let Some((ready, of)) = row.cell("READY").and_then(share).filter(|_| phase != "Unknown") {
        let is = if ready == of { "True" } else { "False" };
        sketch.set("/status/conditions", json!([{"type": "Ready", "status": is}]));
    }
    // Which of several containers it is about is not told, nor its name.
    if let Some(state) = state {
        let (specs, statuses) = if init {
            ("/spec/initContainers", "/status/initContainerStatuses")
        } else {
            ("/spec/containers", "/status/containerStatuses")
        };
        sketch.set(specs, json!([{"name": ""}]));
        sketch.set(statuses, json!([{"name": "", "ready": false, "restartCount": restarts, "state": state}]));
    }
}
