//! Lines of workloads, and of what scales them.

use super::{Row, Sketch, counted, is_none, moment, number, share, told};
use crate::value::json;

/// `READY 1/3`; old versions have a column for each number.
pub(super) fn replicas(sketch: &mut Sketch, row: &Row<'_>) {
    if let Some((ready, wanted)) = row.cell("READY").and_then(share) {
        sketch.set("/spec/replicas", wanted);
        sketch.set("/status/readyReplicas", ready);
    }
    let fields = [("UP-TO-DATE", "/status/updatedReplicas"), ("AVAILABLE", "/status/availableReplicas")];
    counted(sketch, row, &fields);
}

pub(super) fn replica_set(sketch: &mut Sketch, row: &Row<'_>) {
    let fields = [("DESIRED", "/spec/replicas"), ("CURRENT", "/status/replicas"), ("READY", "/status/readyReplicas")];
    counted(sketch, row, &fields);
}

pub(super) fn daemon_set(sketch: &mut Sketch, row: &Row<'_>) {
    let fields = [
        ("DESIRED", "/status/desiredNumberScheduled"),
        ("CURRENT", "/status/currentNumberScheduled"),
        ("READY", "/status/numberReady"),
        ("UP-TO-DATE", "/status/updatedNumberScheduled"),
        ("AVAILABLE", "/status/numberAvailable"),
    ];
    counted(sketch, row, &fields);
}

/// `STATUS Failed` since 1.31, and how many have completed.
pub(super) fn job(sketch: &mut Sketch, row: &Row<'_>) {
    if let Some((done, wanted)) = row.cell("COMPLETIONS").and_then(share) {
        sketch.set("/spec/completions", wanted);
        sketch.set("/status/succeeded", done);
    }
    let status = row.text("STATUS");
    if ["Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"].contains(&status) {
        sketch.set("/status/conditions", json!([{"type": status, "status": "True"}]));
    }
    if status == "Suspended" {
        sketch.set("/spec/suspend", true);
    }
}

pub(super) fn cron_job(sketch: &mut Sketch, row: &Row<'_>) {
    told(sketch, row, &[("SCHEDULE", "/spec/schedule"), ("TIMEZONE", "/spec/timeZone")]);
    match row.text("SUSPEND") {
        "True" => sketch.set("/spec/suspend", true),
        "False" => sketch.set("/spec/suspend", false),
        _ => {}
    }
    sketch.aged("/status/lastScheduleTime", row.cell("LAST SCHEDULE").and_then(moment::age));
}

/// `Deployment/api`, and how far what is measured is from what is wanted.
pub(super) fn autoscaler(sketch: &mut Sketch, row: &Row<'_>) {
    if let Some((kind, name)) = row.text("REFERENCE").split_once('/') {
        sketch.set("/spec/scaleTargetRef", json!({"kind": kind, "name": name}));
    }
    let fields =
        [("MINPODS", "/spec/minReplicas"), ("MAXPODS", "/spec/maxReplicas"), ("REPLICAS", "/status/currentReplicas")];
    for (column, pointer) in fields {
        if let Some(count) = row.cell(column).filter(|text| !is_none(text)).and_then(number) {
            sketch.set(pointer, count);
        }
    }
}
