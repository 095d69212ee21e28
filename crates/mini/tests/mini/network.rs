//! The network, on loopback only: real sockets, a name server and a web server made for the test.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use crate::toolbox::Toolbox;

#[test]
fn ip_shows_loopback() {
    let toolbox = Toolbox::new("ip");
    let link = toolbox.run("ip", &["link", "show", "lo"]);
    assert!(link.stdout.starts_with("1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536"), "{link:?}");
    assert!(link.stdout.contains("link/loopback 00:00:00:00:00:00"), "{link:?}");
    let brief = toolbox.run("ip", &["-br", "-4", "addr", "show", "dev", "lo"]);
    assert_eq!(brief.stdout.split_whitespace().collect::<Vec<_>>(), ["lo", "UNKNOWN", "127.0.0.1/8"], "{brief:?}");
    let json: serde_json::Value = serde_json::from_str(&toolbox.run("ip", &["-j", "a"]).stdout).expect("JSON");
    let first = &json[0]["addr_info"][0];
    assert_eq!((json[0]["ifname"].as_str(), first["local"].as_str()), (Some("lo"), Some("127.0.0.1")));
    let routes = toolbox.run("ip", &["route", "show", "table", "local"]);
    assert!(routes.stdout.contains("local 127.0.0.0/8 dev lo proto kernel scope host src 127.0.0.1"), "{routes:?}");
    assert_eq!(toolbox.run("ip", &["neigh"]).status, 0);
    assert_eq!(toolbox.run("ip", &["addr", "show", "nosuch"]).status, 1);
    assert_eq!(toolbox.run("ip", &["link", "set", "lo", "down"]).status, 2);
}

#[test]
fn ss_sees_what_listens_and_who() {
    let toolbox = Toolbox::new("ss");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let path = toolbox.path("socket");
    let unix = UnixListener::bind(&path).expect("a socket");
    let (tcp_port, udp_port) = (tcp.local_addr().expect("ours").port(), udp.local_addr().expect("ours").port());
    let ran = toolbox.run("ss", &["-tulnp"]);
    let row = |port: u16| {
        let wanted = format!("127.0.0.1:{port} ");
        ran.stdout.lines().find(|line| line.contains(&wanted)).unwrap_or_else(|| panic!("{port}: {ran:?}")).to_owned()
    };
    let holder = format!("pid={},fd=", std::process::id());
    assert!(row(tcp_port).starts_with("tcp   LISTEN") && row(tcp_port).contains(&holder), "{ran:?}");
    assert!(row(udp_port).starts_with("udp   UNCONN") && row(udp_port).contains(&holder), "{ran:?}");
    let ran = toolbox.run("ss", &["-xl"]);
    assert!(
        ran.stdout.lines().any(|line| line.contains(path.to_str().expect("text")) && line.contains("LISTEN")),
        "{ran:?}"
    );
    // Connected sockets are listed without -l, listening ones are not.
    let client = TcpStream::connect(("127.0.0.1", tcp_port)).expect("ours");
    let own = format!("127.0.0.1:{}", client.local_addr().expect("ours").port());
    let ran = toolbox.run("ss", &["-tnH"]);
    assert!(ran.stdout.lines().any(|line| line.starts_with("ESTAB") && line.contains(&own)), "{ran:?}");
    assert!(!ran.stdout.contains("LISTEN"), "{ran:?}");
    drop((tcp, udp, unix));
}

#[test]
fn ping_hears_loopback_and_nobody_else() {
    let toolbox = Toolbox::new("ping");
    let ran = toolbox.run("ping", &["-c", "2", "-i", "0.01", "-W", "5", "127.0.0.1"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert!(
        ran.stdout.contains("icmp_seq=2") && ran.stdout.contains("2 packets transmitted, 2 received, 0% packet loss"),
        "{ran:?}"
    );
    // A discarding route answers nothing: 240.0.0.0/4 is nobody's.
    let ran = toolbox.run("ping", &["-c", "1", "-W", "0.1", "240.0.0.1"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stdout.contains("0 received"), "{ran:?}");
    assert_eq!(toolbox.run("ping", &["-c", "1", "no.such.name.invalid"]).status, 2);
}

#[test]
fn nc_carries_both_ways() {
    let toolbox = Toolbox::new("nc");
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("ours").port().to_string();
    let mut server = toolbox.start("nc", &["-l", "127.0.0.1", &port]);
    await_listener(&toolbox, &port);
    toolbox.run("nc", &["-z", "127.0.0.1", "1"]).status_is(1);
    server.0.stdin.take().expect("a pipe").write_all(b"from the server\n").expect("a reader");
    toolbox.feed("nc", &["127.0.0.1", &port], "from the client\n").gives("from the server\n");
    server.expect("from the client\n");
    assert_eq!(server.0.wait().expect("an end").code(), Some(0));
}

/// The server ends first, and long before the client has spoken.
#[test]
fn nc_sends_all_it_was_given_to_a_server_that_has_ended_its_side() {
    let toolbox = Toolbox::new("nc-half");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("ours").port().to_string();
    let mut client = toolbox.start("nc", &["127.0.0.1", &port]);
    let (mut stream, _) = listener.accept().expect("a caller");
    stream.write_all(b"bye\n").expect("a reader");
    stream.shutdown(std::net::Shutdown::Write).expect("an end of one side");
    // The client has printed it, so its next read shows the end.
    client.expect("bye\n");
    client.0.stdin.take().expect("a pipe").write_all(b"late\n").expect("a reader");
    let mut heard = String::new();
    stream.read_to_string(&mut heard).expect("an end");
    assert_eq!(heard, "late\n");
    assert_eq!(client.0.wait().expect("an end").code(), Some(0));
}

/// Asks `ss` until it shows the port.
fn await_listener(toolbox: &Toolbox, port: &str) {
    let start = std::time::Instant::now();
    while !toolbox.run("ss", &["-ltnH"]).stdout.contains(&format!(":{port} ")) {
        assert!(start.elapsed() < crate::toolbox::PATIENCE, "nothing listens on {port}");
    }
}

#[test]
fn nc_speaks_udp_and_unix() {
    let toolbox = Toolbox::new("datagrams");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = udp.local_addr().expect("ours").port().to_string();
    let echo = std::thread::spawn(move || {
        let mut buffer = [0; 64];
        let (length, peer) = udp.recv_from(&mut buffer).expect("a question");
        udp.send_to(&buffer[..length], peer).expect("an answer");
    });
    toolbox.feed("nc", &["-u", "-w", "0.5", "127.0.0.1", &port], "echo\n").gives("echo\n");
    echo.join().expect("an echo");
    let listener = UnixListener::bind(toolbox.path("socket")).expect("a socket");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        stream.write_all(b"by unix\n").expect("a reader");
    });
    toolbox.run("nc", &["-U", "socket"]).gives("by unix\n");
    server.join().expect("a server");
}

/// A name server for one question by UDP, which it cuts when `cut`, and then one by TCP.
fn name_server(cut: bool) -> (String, JoinHandle<()>) {
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = udp.local_addr().expect("ours");
    let tcp = TcpListener::bind(address).expect("the same port");
    let server = std::thread::spawn(move || {
        let mut buffer = [0; 512];
        let (length, peer) = udp.recv_from(&mut buffer).expect("a question");
        udp.send_to(&answer(&buffer[..length], cut), peer).expect("an answer");
        if cut {
            let (mut stream, _) = tcp.accept().expect("a caller");
            let mut length = [0; 2];
            stream.read_exact(&mut length).expect("a length");
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut question).expect("a question");
            let answer = answer(&question, false);
            let length = u16::try_from(answer.len()).expect("short").to_be_bytes();
            stream.write_all(&[&length[..], &answer].concat()).expect("a reader");
        }
    });
    (address.port().to_string(), server)
}

/// The question with an address for an answer, or with the mark that the answer was cut.
fn answer(question: &[u8], cut: bool) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2..4].copy_from_slice(if cut { &[0x83, 0x80] } else { &[0x81, 0x80] });
    if !cut {
        answer[7] = 1;
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
    }
    answer
}

#[test]
fn drill_shows_the_whole_answer() {
    for cut in [false, true] {
        let toolbox = Toolbox::new("drill");
        let (port, server) = name_server(cut);
        let ran = toolbox.run("drill", &["-V", "5", "-p", &port, "shop.example", "@127.0.0.1"]);
        server.join().expect("a server");
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{ran:?}");
        let received = ran.stdout.split_once(";; Received:\n").expect("both messages").1;
        assert!(received.starts_with(";; ->>HEADER<<- opcode: QUERY, rcode: NOERROR, id: "), "{received}");
        assert!(
            received.contains("\n;; flags: qr rd ra ; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0 \n"),
            "{received}"
        );
        assert!(received.contains("\n;; QUESTION SECTION:\n;; shop.example.\tIN\tA\n\n;; ANSWER SECTION:\nshop.example.\t60\tIN\tA\t192.0.2.7\n"), "{received}");
        assert!(received.contains("\n;; SERVER: 127.0.0.1\n"), "{received}");
    }
}

#[test]
fn dns_can_be_brief_and_reversed() {
    let toolbox = Toolbox::new("dns");
    let (port, server) = name_server(false);
    toolbox.run("dns", &["-Q", "-t", "A", "shop.example", "@127.0.0.1", "-p", &port]).gives("192.0.2.7\n");
    server.join().expect("a server");
    let ran = toolbox.run("dns", &["-x", "nonsense"]);
    assert_eq!((ran.status, ran.stderr.lines().next()), (2, Some("dns: not an address: `nonsense`")));
    assert_eq!(toolbox.run("dns", &["shop.example", "@127.0.0.1", "-p", "1"]).status, 1);
}

/// A web server that answers `answers`, one a connection, and gives what it was asked.
fn web_server(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("ours").to_string();
    let server = std::thread::spawn(move || {
        answers
            .into_iter()
            .map(|answer| {
                let (mut stream, _) = listener.accept().expect("a caller");
                let asked = read_request(&mut stream);
                stream.write_all(answer.as_bytes()).expect("a reader");
                asked
            })
            .collect()
    });
    (address, server)
}

fn read_request(stream: &mut impl Read) -> String {
    let (mut asked, mut byte) = (Vec::new(), [0]);
    let length = |head: &str| -> usize {
        let line = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        line.map_or(0, |text| text.parse().expect("a number"))
    };
    while stream.read(&mut byte).expect("a request") == 1 {
        asked.push(byte[0]);
        let text = String::from_utf8_lossy(&asked);
        if text.split_once("\r\n\r\n").is_some_and(|(head, body)| body.len() >= length(head)) {
            break;
        }
    }
    String::from_utf8(asked).expect("text")
}

#[test]
fn http_fetches_posts_and_follows() {
    let toolbox = Toolbox::new("http");
    let (address, server) = web_server(vec![
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.1 302 Found\r\nLocation: /there?x=1\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "HTTP/1.0 200 OK\r\n\r\nby closing".to_owned(),
        "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok".to_owned(),
        "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut".to_owned(),
    ]);
    let url = format!("http://{address}/a");
    toolbox.run("http", &[&url]).gives("abc");
    toolbox.run("http", &["-L", &url]).gives("by closing");
    toolbox
        .run("http", &["-d", "k=v", "-H", "X-Y: z", "-i", &url])
        .gives("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
    toolbox.run("http", &["-f", &url]).status_is(1);
    let ran = toolbox.run("http", &["-o", "file", &url]);
    assert_eq!((ran.status, ran.stderr.as_str()), (1, "http: the answer ends after 3 of 9 bytes\n"));
    let asked = server.join().expect("a server");
    assert!(asked[0].starts_with(&format!("GET /a HTTP/1.1\r\nHost: {address}\r\n")), "{}", asked[0]);
    assert!(asked[2].starts_with("GET /there?x=1 HTTP/1.1\r\n"), "{}", asked[2]);
    assert!(
        asked[3].starts_with("POST /a ") && asked[3].contains("\r\nX-Y: z\r\n") && asked[3].ends_with("\r\n\r\nk=v"),
        "{}",
        asked[3]
    );
}

#[test]
fn http_reaches_unix_sockets() {
    let toolbox = Toolbox::new("unix");
    let listener = UnixListener::bind(toolbox.path("socket")).expect("a socket");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let asked = read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("a reader");
        asked
    });
    toolbox.run("http", &["--unix-socket", "socket", "http://engine/v1/info"]).gives("ok");
    assert!(server.join().expect("a server").starts_with("GET /v1/info HTTP/1.1\r\nHost: engine\r\n"));
}

#[test]
fn https_is_checked_unless_told_otherwise() {
    let toolbox = Toolbox::new("https");
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    toolbox.file("ca.pem", &key.cert.pem());
    let secret = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).expect("a key");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], secret)
        .expect("a certificate");
    let config = std::sync::Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("ours").port();
    let server = std::thread::spawn(move || {
        for _ in 0..3 {
            let (stream, _) = listener.accept().expect("a caller");
            let connection = rustls::ServerConnection::new(std::sync::Arc::clone(&config)).expect("a connection");
            let mut stream = rustls::StreamOwned::new(connection, stream);
            // The caller that does not trust us hangs up in the middle.
            let mut start = [0; 1];
            if stream.read_exact(&mut start).is_ok() {
                read_request(&mut stream);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret").expect("a reader");
                stream.flush().expect("a reader");
            }
        }
    });
    let url = format!("https://localhost:{port}/");
    let ran = toolbox.run("http", &["-4", &url]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("cannot agree on TLS with localhost"), "{ran:?}");
    toolbox.run("http", &["-4", "--cacert", "ca.pem", &url]).gives("secret");
    toolbox.run("http", &["-4", "-k", &url]).gives("secret");
    server.join().expect("a server");
}
