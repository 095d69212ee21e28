//! One thing is broken and others suffer from it: the cause alone is a root. Two things are broken: both are.

use fathom_diagnose::value::json;

use crate::world::How::{Begins, Crashes, Deaf, Homeless, Killed, NoConfig, NoImage, TooBig, Unready, Waits, Well};
use crate::world::World;

const REFUSED: &str = "dial tcp 10.96.3.4:5432: connect: connection refused";
const TIMEOUT: &str = "dial tcp 10.96.3.4:5432: i/o timeout";
const UNKNOWN: &str = "could not translate host name \"db\" to address: Name or service not known";

/// The name of a situation, the cluster, its roots.
pub(crate) type Row = (&'static str, World, &'static [&'static str]);

pub(crate) fn check(rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for (name, world, expect) in rows {
        let said = world.roots();
        if said != expect {
            wrong.push(format!("{name}\n  expected {expect:?}\n  said     {said:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

fn world() -> World {
    World::new().dns(Well)
}

#[test]
fn a_caller_stands_behind_what_it_calls() {
    let rows: Vec<Row> = vec![
        (
            "image of the database",
            world().runs("db", NoImage, &[]).serves("db", 4, 5432, false).runs("api", Crashes, &["starting", REFUSED]),
            &["img.not-found db"],
        ),
        (
            "image of the database, unready caller",
            world().runs("db", NoImage, &[]).serves("db", 4, 5432, false).runs("api", Unready, &["starting", REFUSED]),
            &["img.not-found db"],
        ),
        (
            "the caller does not listen before it has its database",
            world().runs("db", NoImage, &[]).serves("db", 4, 5432, false).runs("api", Deaf, &["starting", REFUSED]),
            &["img.not-found db"],
        ),
        (
            "the kubelet kills the caller",
            world().runs("db", NoImage, &[]).serves("db", 4, 5432, false).runs("api", Killed, &["starting", REFUSED]),
            &["img.not-found db"],
        ),
        (
            "an init container waits",
            world().runs("db", Homeless, &[]).serves("db", 4, 5432, false).runs("api", Waits, &[REFUSED, REFUSED]),
            &["sched.node-selector-mismatch db"],
        ),
        (
            "an init container fails",
            world().runs("db", NoConfig, &[]).serves("db", 4, 5432, false).runs("api", Begins, &[REFUSED]),
            &["cfg.configmap-missing db"],
        ),
        (
            "a trace after the decisive line",
            world().runs("db", NoImage, &[]).serves("db", 4, 5432, false).runs(
                "api",
                Crashes,
                &["panic: dial tcp 10.96.3.4:5432: connect: connection refused", "", "goroutine 1 [running]:", "main.main()", "\t/src/main.go:42 +0x1d"],
            ),
            &["img.not-found db"],
        ),
        (
            "the database crashes",
            world()
                .runs("db", Crashes, &["FATAL:  could not open file \"pg_hba.conf\": Permission denied"])
                .serves("db", 4, 5432, false)
                .runs("api", Crashes, &[REFUSED]),
            &["crash.app.permission db"],
        ),
        (
            "the database is too big",
            world().runs("db", TooBig, &[]).serves("db", 4, 5432, false).runs("api", Crashes, &[TIMEOUT]),
            &["crash.oom-limit db"],
        ),
        (
            "a chain of three",
            world()
                .runs("c", NoImage, &[])
                .serves("c", 6, 80, false)
                .runs("b", Crashes, &["Get \"http://c:80/\": dial tcp 10.96.3.6:80: connect: connection refused"])
                .serves("b", 5, 80, false)
                .runs("a", Crashes, &["Error: connect ECONNREFUSED 10.96.3.5:80"]),
            &["img.not-found c"],
        ),
        (
            "no such service",
            world().runs("api", Crashes, &[UNKNOWN]),
            &["svc.missing api"],
        ),
        (
            "no such service, unready caller",
            world().runs("api", Unready, &[UNKNOWN]),
            &["svc.missing api"],
        ),
        (
            "the wrong labels",
            world()
                .runs("db", Well, &[])
                .serves("db", 4, 5432, false)
                .set("Service", "db", "/spec/selector", json!({"app": "dbs"}))
                .set("EndpointSlice", "db-slice", "/endpoints", json!([]))
                .runs("api", Crashes, &[REFUSED]),
            &["svc.selector-mismatch db"],
        ),
        (
            "a port that the service does not have",
            world().runs("db", Well, &[]).serves("db", 4, 5433, true).runs("api", Crashes, &[TIMEOUT]),
            &["svc.client-wrong-port api"],
        ),
        (
            "a target port where nobody listens",
            world()
                .runs("db", Well, &["listening on 0.0.0.0:8080"])
                .serves("db", 4, 5432, true)
                .set("Service", "db", "/spec/ports", json!([{"port": 5432, "targetPort": 9999}]))
                .runs("api", Crashes, &[REFUSED]),
            &["svc.targetport-not-listening db"],
        ),
        (
            "a target port by a name that nobody has",
            world()
                .runs("db", Well, &[])
                .serves("db", 4, 5432, true)
                .set("Service", "db", "/spec/ports", json!([{"port": 5432, "targetPort": "pg"}]))
                .set("EndpointSlice", "db-slice", "/endpoints", json!([]))
                .runs("api", Crashes, &[REFUSED]),
            &["svc.named-port-missing db"],
        ),
        (
            "a policy that lets nobody in",
            world().runs("db", Well, &[]).serves("db", 4, 5432, true).with(policy("Ingress")).runs("api", Crashes, &[TIMEOUT]),
            &["net.netpol-ingress-deny deny"],
        ),
        (
            "a policy that lets nobody in, two callers",
            world()
                .runs("db", Well, &[])
                .serves("db", 4, 5432, true)
                .with(policy("Ingress"))
                .runs("api", Crashes, &[TIMEOUT])
                .runs("worker", Unready, &[TIMEOUT]),
            &["net.netpol-ingress-deny deny"],
        ),
        (
            "no DNS",
            World::new().dns(NoImage).runs("db", Well, &[]).serves("db", 4, 5432, true).runs(
                "api",
                Crashes,
                &["dial tcp: lookup db on 10.96.0.10:53: read udp 10.1.0.9:40000->10.96.0.10:53: i/o timeout"],
            ),
            &["img.not-found coredns"],
        ),
        (
            "a policy that keeps names away",
            world()
                .runs("db", Well, &[])
                .serves("db", 4, 5432, true)
                .with(policy("Egress"))
                .runs("api", Crashes, &["psycopg2.OperationalError: could not translate host name \"db\" to address: Temporary failure in name resolution"]),
            &["net.netpol-dns-blocked deny"],
        ),
        (
            "a service scaled to nothing",
            world()
                .runs("db", Well, &[])
                .serves("db", 4, 5432, false)
                .set("EndpointSlice", "db-slice", "/endpoints", json!([]))
                .set("Deployment", "db", "/spec/replicas", 0)
                .without("Pod", "db-1")
                .runs("api", Crashes, &[REFUSED]),
            &["wl.scaled-to-zero db"],
        ),
    ];
    check(rows);
}

fn policy(way: &str) -> fathom_diagnose::value::Value {
    json!({"kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "shop"},
        "spec": {"podSelector": if way == "Ingress" { json!({"matchLabels": {"app": "db"}}) } else { json!({}) }, "policyTypes": [way]}})
}

#[test]
fn who_fails_for_its_own_reason_is_a_root() {
    let broken = || world().runs("db", NoImage, &[]).serves("db", 4, 5432, false);
    let rows: Vec<Row> = vec![
        (
            "a variable is missing",
            broken().runs("api", Crashes, &[REFUSED, "KeyError: 'SESSION_SECRET'"]),
            &["crash.app.missing-env api", "img.not-found db"],
        ),
        ("too big", broken().runs("api", TooBig, &[REFUSED]), &["crash.oom-limit api", "img.not-found db"]),
        ("another image", broken().runs("api", NoImage, &[]), &["img.not-found api", "img.not-found db"]),
        (
            "it calls somebody else",
            broken().runs("cache", Well, &[]).serves("cache", 7, 6379, true).runs(
                "api",
                Crashes,
                &["panic: no such user: 17", "goroutine 1 [running]:"],
            ),
            &["crash.app.panic api", "img.not-found db"],
        ),
        (
            "it calls in vain, and ends much later for something else",
            broken().runs(
                "api",
                Crashes,
                &[
                    REFUSED,
                    "going on without it",
                    "a",
                    "b",
                    "c",
                    "d",
                    "e",
                    "f",
                    "g",
                    "h",
                    "panic: runtime error: index out of range [3] with length 3",
                    "",
                    "goroutine 1 [running]:",
                    "main.main()",
                ],
            ),
            &["crash.app.panic api", "img.not-found db"],
        ),
        (
            "another container of it is too big",
            broken().runs("api", TooBig, &[]).beside("api", "poller", &[REFUSED]),
            &["crash.oom-limit api", "img.not-found db"],
        ),
        (
            "another container of it calls a service that is not there",
            world().runs("api", Crashes, &["KeyError: 'SESSION_SECRET'"]).beside("api", "poller", &[UNKNOWN]),
            &["crash.app.missing-env api", "svc.missing api"],
        ),
        (
            "another container of it calls a service that is not there, and nobody knows why it ends",
            world().runs("api", Crashes, &["it ended"]).beside("api", "poller", &[UNKNOWN]),
            &["svc.missing api", "unexplained api"],
        ),
        (
            "another container of it calls a server without an image, and nobody knows why it ends",
            broken().runs("api", Crashes, &["it ended"]).beside("api", "poller", &[REFUSED]),
            &["img.not-found db", "unexplained api"],
        ),
        (
            "another container of it ends for another call",
            world().runs("api", Crashes, &["connect to payments.example:443: connection refused"]).beside(
                "api",
                "poller",
                &[UNKNOWN],
            ),
            &["crash.app.dependency-refused api", "svc.missing api"],
        ),
        (
            "its probe asks another port than it serves",
            broken().runs("api", Deaf, &["listening on 0.0.0.0:9090", REFUSED]),
            &["img.not-found db", "rdy.port api"],
        ),
        (
            "its probe asks another port, and it has called again and was answered",
            world().runs("db", Well, &[]).serves("db", 4, 5432, true).runs(
                "api",
                Deaf,
                &[REFUSED, "connected to db:5432"],
            ),
            &["rdy.port api"],
        ),
        (
            "what it calls is outside",
            broken().runs("api", Crashes, &["connect to payments.example:443: connection refused"]),
            &["crash.app.dependency-refused api", "img.not-found db"],
        ),
        (
            "a policy keeps others away, and it is not one of them",
            world()
                .runs("db", Well, &[])
                .serves("db", 4, 5432, true)
                .with(policy("Ingress"))
                .runs("worker", Unready, &[TIMEOUT])
                .runs("api", Crashes, &["connect to payments.example:443: connection timed out"]),
            &["crash.app.dependency-timeout api", "net.netpol-ingress-deny deny"],
        ),
        (
            "two missing services",
            world().runs("api", Crashes, &[UNKNOWN]).runs("web", Crashes, &["getaddrinfo ENOTFOUND cart"]),
            &["svc.missing api", "svc.missing web"],
        ),
        (
            "what it calls is well again",
            world().runs("db", Well, &[]).serves("db", 4, 5432, true).runs(
                "api",
                Crashes,
                &[REFUSED, "connected to the database", "password authentication failed for user \"app\""],
            ),
            &["crash.app.auth-failed api"],
        ),
    ];
    check(rows);
}

#[test]
fn who_calls_in_vain_is_said_to_call_in_vain() {
    let world = world().runs("db", Well, &[]).serves("db", 4, 5432, true).with(policy("Ingress"));
    let report = world.runs("api", Well, &[TIMEOUT]).runs("web", Well, &[TIMEOUT]).report();
    let explained = &report.findings[0].explains;
    let pods = explained.iter().filter(|one| one.object.kind == "Pod");
    assert_eq!(pods.map(|one| one.effect.as_str()).collect::<Vec<_>>(), ["its calls fail", "its calls fail"]);
}

#[test]
fn words_that_name_nobody_are_no_calls() {
    for line in [
        "failed to wait for caches to sync: timed out waiting for cache to be synced",
        "error: timed out waiting for the condition",
        "Unable to resolve service for type 'Shop.ICart' while attempting to activate 'Shop.Web'.",
        "Could not resolve placeholder 'shop.url' in value \"${shop.url}\"",
        "Module not found: Error: Can't resolve 'lodash' in '/app/src'",
        "context deadline exceeded while waiting for leader",
    ] {
        let scene = world().runs("api", Unready, &[line]);
        assert_eq!(scene.roots(), ["rdy.5xx api"], "{line}");
        assert!(world().runs("api", Well, &[line]).roots().is_empty(), "{line}");
    }
}
