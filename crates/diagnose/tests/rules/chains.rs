//! One thing is broken and others suffer from it: the cause alone is a root. Two things are broken: both are.

use fathom_diagnose::value::json;

use crate::world::How::{Begins, Crashes, Deaf, Homeless, Killed, NoConfig, NoImage, TooBig, Unready, Waits, Well};
use crate::world::World;

const REFUSED: &str = "dial tcp 10.96.3.4:5432: connect: connection refused";
const TIMEOUT: &str = "dial tcp 10.96.3.4:5432: i/o timeout";
const UNKNOWN: &str = "could not translate host name \"db\" to address: Name or service not known";

/// The name of a situation, the cluster, its roots.
type Row = (&'static str, World, &'static [&'static str]);

fn check(rows: Vec<Row>) {
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
                &["panic: no such table: users", "goroutine 1 [running]:"],
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

/// What a program that ends, or does not become ready, has written last.
const LOGS: &[(&str, &str)] = &[
    (
        "java, PostgreSQL",
        "HikariPool-1 - Starting...
HikariPool-1 - Exception during pool initialization.
org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.
\tat org.postgresql.core.v3.ConnectionFactoryImpl.openConnectionImpl(ConnectionFactoryImpl.java:342) ~[postgresql-42.6.0.jar!/:42.6.0]
@60
Caused by: java.net.ConnectException: Connection refused
\tat java.base/sun.nio.ch.Net.pollConnect(Native Method) ~[na:na]
\t... 15 common frames omitted
Application run failed",
    ),
    (
        "java, Spring, an unknown host",
        "org.springframework.beans.factory.BeanCreationException: Error creating bean with name 'entityManagerFactory'
@40
Caused by: java.net.UnknownHostException: db
\tat java.base/java.net.InetAddress$CachedAddresses.get(InetAddress.java:801)
@20",
    ),
    ("java, netty", "io.netty.channel.AbstractChannel$AnnotatedConnectException: Connection refused: db/10.96.3.4:5432
@30"),
    (
        "java, MySQL: nobody is named",
        "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure
@30
Caused by: java.net.ConnectException: Connection refused
@12",
    ),
    (
        "node",
        "Error: connect ECONNREFUSED 10.96.3.4:5432
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1595:16) {
  errno: -111,
  code: 'ECONNREFUSED',
  syscall: 'connect',
  address: '10.96.3.4',
  port: 5432
}

Node.js v20.11.1",
    ),
    ("node, a name", "Error: getaddrinfo EAI_AGAIN db
    at GetAddrInfoReqWrap.onlookup [as oncomplete] (node:dns:107:26)"),
    (
        "python, psycopg2",
        "Traceback (most recent call last):
  File \"/app/main.py\", line 3, in <module>
psycopg2.OperationalError: could not connect to server: Connection refused
\tIs the server running on host \"db\" (10.96.3.4) and accepting
\tTCP/IP connections on port 5432?",
    ),
    (
        "python, sqlalchemy",
        "psycopg2.OperationalError: connection to server at \"db\" (10.96.3.4), port 5432 failed: Connection refused

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File \"/app/main.py\", line 3, in <module>
@12
sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) see above
(Background on this error at: https://sqlalche.me/e/20/e3q8)",
    ),
    (
        "python, requests",
        "requests.exceptions.ConnectionError: HTTPConnectionPool(host='db', port=5432): Max retries exceeded with url: / (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f2>: Failed to establish a new connection: [Errno 111] Connection refused'))",
    ),
    ("python, redis", "redis.exceptions.ConnectionError: Error 111 connecting to db:5432. Connection refused."),
    (
        "go",
        "panic: failed to connect to `host=db user=app database=app`: dial error (dial tcp 10.96.3.4:5432: connect: connection refused)

goroutine 1 [running]:
@24
exit status 2",
    ),
    ("rust", "Error: error sending request for url (http://db:5432/): tcp connect error: Connection refused (os error 111)"),
    (
        "kafka",
        "[Producer clientId=producer-1] Connection to node -1 (db/10.96.3.4:5432) could not be established. Broker may not be available.
[Producer clientId=producer-1] Bootstrap broker db:5432 (id: -1 rack: null) disconnected",
    ),
    (
        ".NET",
        "Unhandled exception. Npgsql.NpgsqlException (0x80004005): Failed to connect to 10.96.3.4:5432
 ---> System.Net.Sockets.SocketException (111): Connection refused
   at Npgsql.Internal.NpgsqlConnector.Connect(NpgsqlTimeout timeout)",
    ),
    ("PHP: nobody is named", "PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000] [2002] Connection refused in /app/index.php:3
Stack trace:
#0 /app/index.php(3): PDO->__construct()
#1 {main}
  thrown in /app/index.php on line 3"),
    ("ruby", "/usr/lib/ruby/socket.rb:61:in `connect_internal': Connection refused - connect(2) for \"10.96.3.4\" port 5432 (Errno::ECONNREFUSED)
\tfrom /app/main.rb:3:in `<main>'"),
    ("nginx", "nginx: [emerg] host not found in upstream \"db\" in /etc/nginx/conf.d/default.conf:3"),
    (
        "gRPC",
        "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial tcp 10.96.3.4:5432: connect: connection refused\"",
    ),
    ("MongoDB", "MongoServerSelectionError: getaddrinfo ENOTFOUND db
    at Timeout._onTimeout (/app/node_modules/mongodb/lib/sdam/topology.js:292:38) {
  reason: TopologyDescription {
@9"),
    ("AMQP", "consumer: Cannot connect to amqp://guest:**@db:5432//: [Errno 111] Connection refused."),
    (
        "an access log below",
        "dial tcp 10.96.3.4:5432: connect: connection refused
@access",
    ),
];

/// A log with so many frames, or lines of an access log, where a mark stands.
fn written(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        match line.strip_prefix('@') {
            Some("access") => {
                let asked =
                    "10.1.0.1 - - [01/Mar/2026:11:59:59 +0000] \"GET /ready HTTP/1.1\" 503 2 \"-\" \"kube-probe/1.30\"";
                lines.extend((0..15).map(|_| asked.to_owned()));
            }
            Some(count) => {
                let frame = |at: usize| format!("\tat shop.app.Part{at}.call(Part{at}.java:{at}7)");
                lines.extend((0..count.parse().expect("a number")).map(frame));
            }
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

#[test]
fn callers_are_understood_in_many_languages() {
    let mut wrong = Vec::new();
    for (name, text) in LOGS {
        let lines = written(text);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let unnamed = name.contains("nobody is named");
        for how in [Crashes, Unready] {
            let broken = world().runs("db", NoImage, &[]).serves("db", 4, 5432, false).runs("api", how, &lines);
            let told = json!([{"name": "DB_HOST", "value": "db"}]);
            let broken = if unnamed { broken.set("Pod", "api-1", "/spec/containers/0/env", told) } else { broken };
            let said = broken.roots();
            if said != ["img.not-found db"] {
                wrong.push(format!("{name}: {said:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
