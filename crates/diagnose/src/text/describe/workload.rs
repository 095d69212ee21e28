//! Deployments, sets, jobs.

use super::{As, Fields, Told, network, pod};
use crate::text::sketch::{is_none, number};
use crate::value::{Value, json};

/// What a description of a workload does not tell.
pub(super) const LEFT: &[&str] = &[
    "/metadata/deletionTimestamp",
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
    "/status/currentRevision",
    "/status/updateRevision",
    "/spec/podFailurePolicy",
    "/spec/paused",
];

pub(super) const DEPLOYMENT: Fields = &[("StrategyType", "/spec/strategy/type", As::Text)];

pub(super) const STATEFUL_SET: Fields = &[
    ("Update Strategy", "/spec/updateStrategy/type", As::Text),
    ("Service Name", "/spec/serviceName", As::Text),
    ("Pod Management Policy", "/spec/podManagementPolicy", As::Text),
];

pub(super) const DAEMON_SET: Fields = &[
    ("Desired Number of Nodes Scheduled", "/status/desiredNumberScheduled", As::Count),
    ("Current Number of Nodes Scheduled", "/status/currentNumberScheduled", As::Count),
    ("Number of Nodes Scheduled with Up-to-date Pods", "/status/updatedNumberScheduled", As::Count),
    ("Number of Nodes Scheduled with Available Pods", "/status/numberAvailable", As::Count),
    ("Number of Nodes Misscheduled", "/status/numberMisscheduled", As::Count),
];

pub(super) const JOB: Fields = &[
    ("Parallelism", "/spec/parallelism", As::Count),
    ("Completions", "/spec/completions", As::Count),
    ("Backoff Limit", "/spec/backoffLimit", As::Count),
    ("Active Deadline Seconds", "/spec/activeDeadlineSeconds", As::Count),
    ("Completion Mode", "/spec/completionMode", As::Text),
    ("Failed Indexes", "/status/failedIndexes", As::Text),
    ("Completed Indexes", "/status/completedIndexes", As::Text),
    ("Start Time", "/status/startTime", As::Moment),
    ("Start Time", "/metadata/creationTimestamp", As::Moment),
    ("Completed At", "/status/completionTime", As::Moment),
];

pub(super) const CRON_JOB: Fields = &[
    ("Schedule", "/spec/schedule", As::Text),
    ("Concurrency Policy", "/spec/concurrencyPolicy", As::Text),
    ("Time Zone", "/spec/timeZone", As::Text),
    ("Starting Deadline Seconds", "/spec/startingDeadlineSeconds", As::Count),
    ("Last Schedule Time", "/status/lastScheduleTime", As::Moment),
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
    let selector = crate::text::sketch::labels([told.text("Node-Selector")]);
    if !selector.is_empty() {
        told.sketch.set("/spec/template/spec/nodeSelector", selector);
    }
}

pub(super) fn job(told: &mut Told<'_, '_>) {
    told.common();
    if told.text("Suspend") == "true" {
        told.sketch.set("/spec/suspend", true);
        told.sketch.set("/status/conditions", json!([{"type": "Suspended", "status": "True"}]));
    }
    let statuses = [("Active", "/status/active"), ("Succeeded", "/status/succeeded"), ("Failed", "/status/failed")];
    told.counts("Pods Statuses", &statuses);
    if !told.text("Completed At").is_empty() {
        told.sketch.set("/status/conditions", json!([{"type": "Complete", "status": "True"}]));
    }
}

pub(super) fn cron_job(told: &mut Told<'_, '_>) {
    told.sketch.set("/spec/suspend", told.text("Suspend") == "True");
}
