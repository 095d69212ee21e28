//! What programs of many languages write when a call fails, with all that stands around it: the service that is broken
//! is the only root.

use fathom_diagnose::value::json;

use crate::world::How::{Crashes, NoImage, Unready, Well};
use crate::world::World;

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
            let broken =
                World::new().dns(Well).runs("db", NoImage, &[]).serves("db", 4, 5432, false).runs("api", how, &lines);
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
