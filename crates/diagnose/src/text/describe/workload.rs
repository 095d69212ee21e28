//! Deployments, sets, jobs.

use serde_json::{Value, json};

use super::{Told, network, pod};
use crate::text::sketch::{is_none, number};

/// What a description of a workload does not tell.
pub(super) const LEFT: &[&str] = &[
    "/metadata/finalizers",
    "/metadata/uid",
    "/metadata/generation",
    "/spec/progressDeadlineSeconds",
    "/spec/serviceName",
    "/spec/template/spec/affinity",
    "/spec/template/spec/dnsPolicy",
    "/spec/template/spec/hostNetwork",
    "/spec/template/spec/imagePullSecrets",
    "/spec/template/spec/restartPolicy",
    "/spec/template/spec/schedulerName",
    "/spec/template/spec/securityContext",
    "/spec/template/spec/containers/*/securityContext",
    "/spec/jobTemplate",
    "/status/conditions/*/lastTransitionTime",
    "/status/conditions/*/message",
    "/status/observedGeneration",
    "/status/readyReplicas",
    "/spec/podFailurePolicy",
    "/spec/paused",
];

/// `2 desired | 1 total`, `1 current / 1 desired`, `0 Active (0 Ready) / 1 Failed`: the number before a word.
fn before(text: &str, word: &str) -> Option<i64> {
    text.split(['|', '/']).map(str::trim).find_map(|part| {
        let (count, rest) = part.split_once(' ')?;
        (rest == word || rest.starts_with(&format!("{word} "))).then(|| number(count))?
    })
}

impl Told<'_, '_> {
    fn counts(&mut self, key: &str, fields: &[(&str, &str)]) {
        let text = self.text(key);
        for (word, pointer) in fields {
            if let Some(count) = before(text, word) {
                self.sketch.set(pointer, count);
            }
        }
    }

    fn common(&mut self) {
        let selector = self.text("Selector");
        if !is_none(selector) {
            self.sketch.set("/spec/selector", network::selector(selector));
        }
        if let Some(node) = self.roots.iter().find(|node| node.key == "Pod Template") {
            let template = pod::template(self, node);
            self.sketch.set("/spec/template", template);
        }
        self.conditions();
    }
}

pub(super) fn deployment(told: &mut Told<'_, '_>) {
    told.common();
    let fields = [
        ("desired", "/spec/replicas"),
        ("updated", "/status/updatedReplicas"),
        ("total", "/status/replicas"),
        ("available", "/status/availableReplicas"),
        ("unavailable", "/status/unavailableReplicas"),
    ];
    told.counts("Replicas", &fields);
    told.put("StrategyType", "/spec/strategy/type");
    if let Some((most, surge)) = told.text("RollingUpdateStrategy").split_once(" max unavailable, ") {
        told.sketch.set("/spec/strategy/rollingUpdate/maxUnavailable", crate::text::sketch::port(most));
        let surge = surge.trim_end_matches(" max surge");
        told.sketch.set("/spec/strategy/rollingUpdate/maxSurge", crate::text::sketch::port(surge));
    }
    // A deployment that is paused says so in its condition.
    let paused = told.sketch.value.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    if paused.into_iter().any(|one| one["reason"] == "DeploymentPaused") {
        told.sketch.set("/spec/paused", true);
    }
}

pub(super) fn replica_set(told: &mut Told<'_, '_>) {
    told.common();
    told.counts("Replicas", &[("current", "/status/replicas"), ("desired", "/spec/replicas")]);
}

pub(super) fn stateful_set(told: &mut Told<'_, '_>) {
    told.common();
    told.counts("Replicas", &[("total", "/status/replicas"), ("desired", "/spec/replicas")]);
    told.put("Update Strategy", "/spec/updateStrategy/type");
    told.put("Service Name", "/spec/serviceName");
    told.put("Pod Management Policy", "/spec/podManagementPolicy");
    let Some(claims) = told.node("Volume Claims") else { return };
    let mut templates: Vec<Value> = Vec::new();
    for child in &claims.children {
        match (child.key, templates.last_mut()) {
            ("Name", _) => templates.push(json!({"metadata": {"name": child.value}, "spec": {}})),
            ("StorageClass", Some(last)) if !is_none(child.value) => {
                last["spec"]["storageClassName"] = child.value.into()
            }
            ("Capacity", Some(last)) => last["spec"]["resources"] = json!({"requests": {"storage": child.value}}),
            _ => {}
        }
    }
    told.sketch.set("/spec/volumeClaimTemplates", templates);
}

pub(super) fn daemon_set(told: &mut Told<'_, '_>) {
    told.common();
    told.count("Desired Number of Nodes Scheduled", "/status/desiredNumberScheduled");
    told.count("Current Number of Nodes Scheduled", "/status/currentNumberScheduled");
    told.count("Number of Nodes Scheduled with Up-to-date Pods", "/status/updatedNumberScheduled");
    told.count("Number of Nodes Scheduled with Available Pods", "/status/numberAvailable");
    told.count("Number of Nodes Misscheduled", "/status/numberMisscheduled");
    let selector = crate::text::sketch::labels([told.text("Node-Selector")]);
    if !selector.is_empty() {
        told.sketch.set("/spec/template/spec/nodeSelector", selector);
    }
}

pub(super) fn job(told: &mut Told<'_, '_>) {
    told.common();
    told.count("Parallelism", "/spec/parallelism");
    told.count("Completions", "/spec/completions");
    told.count("Backoff Limit", "/spec/backoffLimit");
    told.count("Active Deadline Seconds", "/spec/activeDeadlineSeconds");
    told.put("Completion Mode", "/spec/completionMode");
    told.put("Failed Indexes", "/status/failedIndexes");
    told.put("Completed Indexes", "/status/completedIndexes");
    if told.text("Suspend") == "true" {
        told.sketch.set("/spec/suspend", true);
        told.sketch.set("/status/conditions", json!([{"type": "Suspended", "status": "True"}]));
    }
    told.since("Start Time", "/status/startTime");
    told.since("Start Time", "/metadata/creationTimestamp");
    told.since("Completed At", "/status/completionTime");
    let statuses = [("Active", "/status/active"), ("Succeeded", "/status/succeeded"), ("Failed", "/status/failed")];
    told.counts("Pods Statuses", &statuses);
    if !told.text("Completed At").is_empty() {
        told.sketch.set("/status/conditions", json!([{"type": "Complete", "status": "True"}]));
    }
}

pub(super) fn cron_job(told: &mut Told<'_, '_>) {
    told.put("Schedule", "/spec/schedule");
    told.put("Concurrency Policy", "/spec/concurrencyPolicy");
    told.put("Time Zone", "/spec/timeZone");
    told.count("Starting Deadline Seconds", "/spec/startingDeadlineSeconds");
    told.sketch.set("/spec/suspend", told.text("Suspend") == "True");
    told.since("Last Schedule Time", "/status/lastScheduleTime");
}
