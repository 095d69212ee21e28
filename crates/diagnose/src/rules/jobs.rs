//! Jobs and schedules.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::rules::manifests::{self, first};
use crate::scene::{Part, Role, Scene};
use crate::snapshot::Judged;

/// A job that failed with this reason, and that no later run has made good.
fn failed<'a>(scene: &Scene<'a>, job: &'a Object, reason: &str, says: &str) -> Judged<Option<Claim>> {
    let found = ["Failed", "FailureTarget"]
        .iter()
        .filter_map(|kind| super::workloads::is_true(job, kind))
        .find(|(_, one)| one.text("/reason") == reason);
    let above = job.controller().map(|owner| owner.text("/uid").to_owned());
    let later = scene.snapshot.within("Job", job.ns()).any(|other| {
        let same = other.controller().map(|owner| owner.text("/uid").to_owned());
        above.is_some()
            && same == above
            && other.created() > job.created()
            && other.int("/status/succeeded").unwrap_or(0) > 0
    });
    let pods = scene
        .snapshot
        .within("Pod", job.ns())
        .filter(|pod| pod.controller().is_some_and(|owner| owner.text("/uid") == job.uid() && !job.uid().is_empty()));
    let claim = found
        .filter(|_| !later && job.deletion().is_none())
        .map(|(at, _)| Claim::new(says).field(job, &format!("{at}/reason")).field(job, &format!("{at}/message")));
    Ok(claim.map(|claim| pods.filter(|pod| scene.trouble(pod).is_some()).fold(claim, Claim::seen)))
}

fn backoff<'a>(scene: &Scene<'a>, job: &'a Object) -> Judged<Option<Claim>> {
    failed(scene, job, "BackoffLimitExceeded", "its pods failed as often as they may")
}

fn sidecar<'a>(scene: &Scene<'a>, job: &'a Object) -> Judged<Option<Claim>> {
    let mut pods = scene.snapshot.within("Pod", job.ns()).filter(|pod| {
        pod.controller().is_some_and(|owner| owner.text("/kind") == "Job" && owner.text("/name") == job.name())
    });
    let found = pods.find_map(|pod| {
        let parts: Vec<Part<'_>> = Part::all(pod).into_iter().filter(|part| part.role == Role::Main).collect();
        let done = parts.iter().find(|part| {
            part.state("terminated").is_some_and(|end| {
                end.int("/exitCode") == Some(0) && end.time("/finishedAt").is_some_and(|at| scene.now().since(at) > 60)
            })
        })?;
        let runs = parts.iter().find(|part| part.state("running").is_some())?;
        Some((
            pod,
            done.saw("/state/terminated/exitCode"),
            runs.saw("/state/running/startedAt"),
            runs.name().to_owned(),
        ))
    });
    Ok(found.map(|(pod, done, runs, name)| {
        Claim::new(format!("its work is done, and container {name} runs on")).seen(pod).by_all(done).by_all(runs)
    }))
}

fn suspended<'a>(scene: &Scene<'a>, job: &'a Object) -> Judged<Option<Claim>> {
    // A schedule that is suspended has no jobs to be missed; a job that somebody made is meant to run.
    let meant = job.holds("/spec/suspend") && job.controller().is_none() && job.deletion().is_none();
    // Who writes it into a manifest means it.
    let queued = job.label("kueue.x-k8s.io/queue-name").is_some() || scene.is_to_be(job);
    let fix =
        Fix::say(format!("kubectl -n {} patch job {} -p '{{\"spec\":{{\"suspend\":false}}}}'", job.ns(), job.name()))
            .set(job, "/spec/suspend", false);
    Ok((meant && !queued)
        .then(|| Claim::new("it is suspended, and nobody has resumed it").field(job, "/spec/suspend").fix(fix)))
}

/// A warning of a schedule that is newer than its last run.
fn schedule<'a>(scene: &Scene<'a>, cron: &'a Object, reasons: &'a [&'a str], says: &str) -> Judged<Option<Claim>> {
    if cron.holds("/spec/suspend") {
        return Ok(None);
    }
    let event =
        scene.warnings(cron, reasons).next().filter(|event| event.last() >= cron.time("/status/lastScheduleTime"));
    Ok(event.map(|event| Claim::new(says).field(event.0, event.pointer()).field(cron, "/spec/schedule")))
}

fn overlap<'a>(scene: &Scene<'a>, cron: &'a Object) -> Judged<Option<Claim>> {
    let mut events = scene.snapshot.events(cron).rev();
    let event = events
        .find(|event| event.reason() == "JobAlreadyActive")
        .filter(|event| event.count() >= 2 && event.last().is_some_and(|at| scene.now().since(at) < 3600));
    let active = !cron.list("/status/active").is_empty();
    Ok(event.filter(|_| active && cron.text("/spec/concurrencyPolicy") == "Forbid").map(|event| {
        Claim::new("its last job still runs, so no new one is made")
            .field(event.0, event.pointer())
            .field(cron, "/spec/concurrencyPolicy")
    }))
}

const JOB: Rule = Rule { on: &["Job"], effect: Effect::Failed, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "wl.job-backoff",
        weight: 12,
        stance: Stance::Symptom,
        confidence: Confidence::Possible,
        means: "The job's pods failed as often as they may.",
        proves: "The condition Failed.",
        refutes: "a later success",
        fix: "see what the last pod says",
        judge: backoff,
        ..JOB
    },
    Rule {
        code: "wl.job-deadline",
        weight: 92,
        means: "The job ran longer than its activeDeadlineSeconds.",
        proves: "The condition Failed with DeadlineExceeded.",
        refutes: "a later success",
        fix: "raise activeDeadlineSeconds, or find out what takes so long",
        judge: |scene, job| failed(scene, job, "DeadlineExceeded", "it ran longer than it may"),
        ..JOB
    },
    Rule {
        code: "wl.pod-failure-policy",
        weight: 92,
        means: "The job's pod failure policy made it fail at once.",
        proves: "The condition Failed with PodFailurePolicy.",
        refutes: "a later success",
        fix: "see the exit status that the rule names; correct the program or podFailurePolicy",
        judge: |scene, job| failed(scene, job, "PodFailurePolicy", "its pod failure policy ended it"),
        ..JOB
    },
    Rule {
        code: "wl.failed-index",
        weight: 92,
        means: "An index of the job failed for good.",
        proves: "The condition Failed with FailedIndexes.",
        refutes: "a later success",
        fix: "see the log of the pod of that index; raise backoffLimitPerIndex",
        judge: |scene, job| {
            let claim = failed(scene, job, "FailedIndexes", "an index of it failed for good")?;
            let many = failed(scene, job, "MaxFailedIndexesExceeded", "more indexes of it failed than may")?;
            Ok(claim.or(many).map(|claim| claim.field(job, "/status/failedIndexes")))
        },
        ..JOB
    },
    Rule {
        code: "wl.job-sidecar-blocks",
        means: "The job's work is done, and another container of its pod runs on, so the pod never ends.",
        proves: "One container ended with 0, another runs.",
        refutes: "the other container ending soon",
        fix: "make it a native sidecar: an init container with restartPolicy Always",
        judge: sidecar,
        ..JOB
    },
    Rule {
        code: "wl.suspended",
        confidence: Confidence::Likely,
        means: "The job is suspended.",
        proves: "spec.suspend is true, and no queue owns it.",
        refutes: "somebody who is to resume it",
        fix: "resume the job",
        judge: suspended,
        ..JOB
    },
    Rule {
        code: "wl.cron-missed",
        on: &["CronJob"],
        means: "The schedule missed so many starts that the controller gave up counting.",
        proves: "The controller's warning, newer than the last run.",
        refutes: "a run after the warning",
        fix: "set startingDeadlineSeconds; see why the controller manager was away",
        judge: |scene, cron| schedule(scene, cron, &["TooManyMissedTimes"], "it missed too many starts"),
        ..JOB
    },
    Rule {
        code: "wl.cron-forbid-overlap",
        on: &["CronJob"],
        confidence: Confidence::Likely,
        stance: Stance::Yields,
        means: "The last job of the schedule still runs, and another may not run beside it.",
        proves: "The controller's words, and concurrencyPolicy Forbid.",
        refutes: "no active job",
        fix: "see why the job does not end",
        judge: overlap,
        ..JOB
    },
    Rule {
        code: "wl.cron-schedule",
        on: &["CronJob"],
        means: "The schedule cannot be read.",
        proves: "The controller's warning.",
        refutes: "a run after the warning",
        fix: "correct spec.schedule",
        judge: |scene, cron| {
            let reasons = &["InvalidSchedule", "UnparseableSchedule"];
            first(manifests::schedule(scene, cron), || schedule(scene, cron, reasons, "its schedule cannot be read"))
        },
        ..JOB
    },
    Rule {
        code: "wl.timezone",
        on: &["CronJob"],
        means: "The schedule's time zone is not known.",
        proves: "The controller's warning.",
        refutes: "a run after the warning",
        fix: "correct spec.timeZone",
        judge: |scene, cron| {
            let running = || schedule(scene, cron, &["UnknownTimeZone"], "its time zone is not known");
            first(manifests::zone(scene, cron), running)
        },
        ..JOB
    },
];
