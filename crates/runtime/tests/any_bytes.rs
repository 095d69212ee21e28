//! Laws of the parsers: no bytes make them panic, and a cut file never gives a record that the whole one does not.

use fathom_model::Engine;
use fathom_runtime::records;
use proptest::prelude::*;

const SEEDS: &[&str] = &[
    r#"{"id":"web","init_process_pid":5821,"created":"2026-11-20T23:50:51.3Z","config":{"a":[1,2]}}"#,
    r#"{"pid":77,"created":"2026-11-20T23:50:51Z","bundle":"/b"}"#,
    r#"{"annotations":{"io.kubernetes.cri.container-name":"app","io.kubernetes.cri.sandbox-name":"w"},"linux":{}}"#,
    r#"[{"id":"507f","names":["web"],"metadata":"{\"image-name\":\"a\",\"pod-name\":\"k8s_POD_a_b_c_0\",\"pod-id\":\"x\",\"namespace\":\"n\"}"}]"#,
    r#"{"ID":"1","Name":"/web","State":{"Running":true,"Pid":5,"StartedAt":"2026-11-20T23:59:41Z"},"Config":{"Labels":{}}}"#,
    "NAME=book\nLEADER=4\nROOT=\"/a\\\"\"\n",
    "graphroot = \"/a\"\nrunroot = '/b'\nroot:x:0:0:root:/root:/bin/sh\n",
];

fn feed(bytes: &[u8]) {
    let _ = records::runc_state("id", bytes);
    let _ = records::crun_status("id", bytes);
    if let Ok(found) = records::annotations(bytes) {
        records::annotate(&mut fathom_model::Container::new("id", Engine::Containerd), &found);
    }
    records::storage_containers(bytes);
    let _ = records::docker_config(bytes);
    records::docker_list(Engine::Docker, bytes);
    let _ = records::docker_pid(bytes);
    let _ = records::machine(bytes);
    let _ = records::demo_state(bytes);
    let text = String::from_utf8_lossy(bytes);
    records::storage_conf(&text);
    records::homes(&text);
    records::seconds(&text);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        feed(&bytes);
    }

    #[test]
    fn no_change_of_a_real_file_panics(seed in 0..SEEDS.len(), at in 0usize..200, byte in any::<u8>(), cut in 0usize..200) {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        let place = at % bytes.len();
        bytes[place] = byte;
        feed(&bytes);
        bytes.truncate(cut);
        feed(&bytes);
    }

    #[test]
    fn no_text_is_a_wrong_time(text in "\\PC{0,30}|[0-9T:Z.+-]{10,30}") {
        if let Some(seconds) = records::seconds(&text) {
            prop_assert!(seconds < 253_402_400_000, "the year 10000 is not four digits: {text}");
        }
    }
}

#[test]
fn deep_nesting_does_not_overflow() {
    for depth in [100, 200, 100_000] {
        feed("[".repeat(depth).as_bytes());
        feed("{\"a\":".repeat(depth).as_bytes());
    }
}
