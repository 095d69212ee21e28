//! What kubectl 1.36 printed of recorded states (tests/printed/CODE.*) and what older ones print (older/CODE.*), as it
//! was pasted and as it arrives: the same cause is named from it, what it does not tell is not claimed (open/*, whose
//! first line says what is shown without a cause; quiet/*), and no text makes reading panic or slow.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use fathom_diagnose::object::Fields as _;
use fathom_diagnose::{Gathering, Question, Report, Snapshot, diagnose};
use proptest::prelude::*;

fn files() -> Vec<PathBuf> {
    [".", "older"].iter().flat_map(|folder| files_of(folder)).collect()
}

fn files_of(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/printed").join(folder);
    let entries = fs::read_dir(folder).expect("there are texts");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// The code that a file is named after, and its text.
fn texts() -> Vec<(String, String)> {
    let code = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    files().iter().map(|path| (code(path), fs::read_to_string(path).expect("a text"))).collect()
}

fn snapshot(bytes: &[u8]) -> Snapshot {
    let mut gathering = Gathering::new();
    gathering.stream("pasted", Box::new(bytes));
    gathering.finish()
}

fn report(bytes: &[u8]) -> Report {
    diagnose(&snapshot(bytes), &Question::Everything)
}

fn codes(bytes: &[u8]) -> Vec<&'static str> {
    report(bytes).findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn the_cause_is_named_from_what_was_printed() {
    for (code, text) in texts() {
        let snapshot = snapshot(text.as_bytes());
        let report = diagnose(&snapshot, &Question::Everything);
        let said: Vec<&str> = report.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(said, [code.as_str()], "{}", fathom_diagnose::report::text::render(&report));
        for proof in &report.findings[0].proofs {
            assert!(snapshot.holds(proof), "{proof:?}");
        }
    }
}

#[test]
fn what_names_no_cause_is_shown_and_what_is_well_is_passed_over() {
    for path in files_of("open") {
        let text = fs::read_to_string(&path).expect("a text");
        let (first, text) = text.split_once('\n').expect("what is shown");
        let report = report(text.as_bytes());
        let found = report.findings.iter().map(|one| format!("{} {}", one.code, one.object));
        let open = report.unexplained.iter().map(|one| format!("{} {}", one.object, one.effect));
        let said = found.chain(open).collect::<Vec<_>>().join("; ");
        assert_eq!(format!("# {said}"), first, "{}", path.display());
    }
    for path in files_of("quiet") {
        let report = report(&fs::read(&path).expect("a text"));
        let shown = fathom_diagnose::report::text::render(&report);
        assert!(!report.found_something(), "{}: {shown}", path.display());
    }
}

#[test]
fn how_a_text_was_carried_changes_nothing() {
    let wide = |text: &str| -> Vec<u8> {
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    for (code, text) in texts() {
        let lines = |change: &dyn Fn(&str) -> String| -> Vec<u8> {
            text.lines().map(|line| format!("{}\n", change(line))).collect::<String>().into_bytes()
        };
        let ways = [
            ("Windows", text.replace('\n', "\r\n").into_bytes()),
            ("PowerShell", wide(&text)),
            ("a quotation", lines(&|line| format!("> {line}"))),
            ("code", lines(&|line| format!("    {line}"))),
            ("colours", lines(&|line| line.to_owned())),
        ];
        for (way, bytes) in
            ways.iter().filter(|(way, _)| !text.contains("> ") || !["a quotation", "code"].contains(way))
        {
            assert_eq!(codes(bytes), [code.as_str()], "{code} by {way}");
        }
    }
}

/// What is said where a message ends too early to say more.
const VAGUE: [&str; 3] = ["wl.replica-failure", "pvc.provision-failed", "vol.driver-error"];

#[test]
fn a_text_that_is_cut_off_gives_what_it_can_and_nothing_else() {
    for (code, text) in texts() {
        let step = (text.len() / 40).max(1);
        for cut in (0..text.len()).step_by(step).filter(|cut| text.is_char_boundary(*cut)) {
            let said: BTreeSet<&str> = codes(&text.as_bytes()[..cut]).into_iter().collect();
            // That something is refused may be told before it is told by whom, or for want of what.
            let fits = |one: &&str| **one == code || VAGUE.contains(one);
            assert!(said.iter().all(fits), "{code} cut at {cut}: {said:?}");
        }
    }
}

#[test]
fn tables_alone_show_what_is_wrong_and_claim_no_cause() {
    let table = "\
NAME    READY   STATUS             RESTARTS      AGE
web-0   0/1     CrashLoopBackOff   5 (3m ago)    10m
web-1   1/1     Running            0             10m
web-2   0/1     Pending            0             10m

NAME   TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE
web    ClusterIP   10.96.0.7    <none>        80/TCP    10m
";
    let report = report(table.as_bytes());
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let shown: Vec<String> = report.unexplained.iter().map(|one| format!("{} {}", one.object, one.effect)).collect();
    assert_eq!(shown, ["Pod/default/web-0 crashing", "Pod/default/web-2 not started"]);
    assert!(report.unknown.iter().all(|need| !need.need.is_empty()));
    // Spread by tabs, or squeezed by a chat.
    for (from, to) in [("   ", "\t"), ("  ", " ")] {
        let mut other = table.to_owned();
        while other.contains("  ") {
            other = other
                .replace(from, to)
                .replace("  ", if to == "\t" { "\t" } else { " " })
                .replace("\t\t", "\t")
                .replace("\t ", "\t");
        }
        let again: Vec<String> =
            report_of(&other).unexplained.iter().map(|one| format!("{} {}", one.object, one.effect)).collect();
        assert_eq!(again, shown, "{other}");
    }
}

fn report_of(text: &str) -> Report {
    report(text.as_bytes())
}

#[test]
fn values_of_secrets_are_left_in_the_text() {
    let text = "\
$ kubectl describe secret web -n shop
Name:         web
Namespace:    shop
Type:  Opaque

Data
====
token:     hunter2hunter2
password:  12 bytes

$ kubectl get secret web -n shop -o yaml
apiVersion: v1
kind: Secret
metadata:
  name: other
  namespace: shop
data:
  key: aHVudGVyMg==
stringData:
  plain: hunter2
$ kubectl get secret third -n shop -o json
{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"third\", \"namespace\": \"shop\"}, \"data\": {\"key\": \"aHVudGVyMg==\"}}
";
    let snapshot = snapshot(text.as_bytes());
    assert_eq!(snapshot.all("Secret").count(), 3);
    let all = format!("{snapshot:?}");
    assert!(!all.contains("hunter2") && !all.contains("aHVudGVyMg"), "{all}");
    assert!(all.contains("password"), "names of keys are kept");
}

#[test]
fn what_a_text_leaves_out_is_said_with_what_would_tell_it() {
    let needs = |text: &str| report_of(text).unknown.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let tables = needs(
        "NAMESPACE   NAME    READY   STATUS    RESTARTS   AGE\nshop        web-0   1/1     Running   0          5m\n",
    );
    assert!(tables.contains("`kubectl describe pods -n shop`"), "{tables}");
    let here = needs(include_str!("printed/open/one-namespace.txt"));
    assert!(!here.contains("ConfigMap"), "they were listed where all is: {here}");
    let set = "\
Name:               kv
Namespace:          shop
Replicas:           1 desired | 1 total
Update Strategy:    RollingUpdate
Pods Status:        1 Running / 0 Waiting / 0 Succeeded / 0 Failed
Pod Template:
  Labels:  app=kv
  Containers:
   app:
    Image:      registry.example/kv:1
Events:  <none>
";
    let described = needs(set);
    assert!(described.contains("StatefulSet: a description leaves some of it out"), "{described}");
    assert!(described.contains("`kubectl get statefulsets -n shop -o yaml`"), "{described}");
    let restarted = needs(
        "Name:  web-0\nNamespace:  shop\nNode:  n1/10.0.0.1\nStart Time:  Fri, 20 Nov 2026 22:38:14 +0000\nStatus:  Running\nContainers:\n  app:\n    Image:  x:1\n    State:  Running\n      Started:  Fri, 20 Nov 2026 23:38:14 +0000\n    Ready:  True\n    Restart Count:  4\nConditions:\n  Type   Status\n  Ready  True\nQoS Class:  BestEffort\n",
    );
    assert!(restarted.contains("`kubectl -n shop logs web-0 -c app --previous`"), "{restarted}");
}

#[test]
fn what_kubectl_says_on_the_way_is_no_object() {
    let text = "\
$ kubectl get endpoints -A
Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice
NAMESPACE   NAME   ENDPOINTS       AGE
shop        web    10.0.0.1:8080   5m
Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice
shop        db     10.0.0.2:5432   5m
";
    let snapshot = snapshot(text.as_bytes());
    let names: Vec<String> = snapshot.objects().map(|object| object.id.to_string()).collect();
    assert_eq!(names, ["Endpoints/shop/db", "Endpoints/shop/web"]);
}

#[test]
fn a_binding_is_where_a_table_says_and_nowhere_else() {
    let description = "\
$ kubectl describe rolebinding -A
Name:         reader
Labels:       <none>
Annotations:  <none>
Role:
  Kind:  Role
  Name:  reader-role
Subjects:
  Kind            Name  Namespace
  ----            ----  ---------
  ServiceAccount  app   shop
";
    assert_eq!(snapshot(description.as_bytes()).all("RoleBinding").count(), 0, "nobody says in which namespace");
    let table = "\
$ kubectl get rolebinding -A
NAMESPACE   NAME     ROLE               AGE
shop        reader   Role/reader-role   10s
";
    for text in [format!("{description}{table}"), format!("{table}{description}")] {
        let snapshot = snapshot(text.as_bytes());
        let binding = snapshot.seen("RoleBinding", "shop", "reader").expect("it is there");
        assert_eq!((binding.text("/roleRef/name"), binding.text("/subjects/0/name")), ("reader-role", "app"));
    }
}

#[test]
fn a_message_that_a_table_cuts_off_is_the_one_that_is_told_whole() {
    let description = "\
Name:             web-0
Namespace:        shop
Node:             n1/10.0.0.1
Start Time:       Sat, 21 Nov 2026 17:41:19 +0000
Status:           Pending
Containers:
  app:
    Image:          registry.example/web:1
    State:          Waiting
      Reason:       ContainerCreating
    Ready:          False
    Restart Count:  0
Conditions:
  Type    Status
  Ready   False
QoS Class:  BestEffort
Events:
  Type     Reason       Age               From     Message
  ----     ------       ----              ----     -------
  Warning  FailedMount  6s (x4 over 10s)  kubelet  MountVolume.SetUp failed for volume \"v\" : mount failed: exit status 32
Mounting command: mount
Output: mount: unknown filesystem type 'nfs'.
";
    let table = "
LAST SEEN   TYPE      REASON        OBJECT      MESSAGE
6s          Warning   FailedMount   pod/web-0   MountVolume.SetUp failed for volume \"v\" : mount failed: exit status 32...
";
    for text in [
        format!("{description}{table}"),
        format!("$ kubectl get events -n shop{table}\n$ kubectl describe pod web-0 -n shop\n{description}"),
    ] {
        let snapshot = snapshot(text.replace("\nLAST", "\n\n$ kubectl get events -n shop\nLAST").as_bytes());
        let events: Vec<&str> = snapshot.all("Event").map(|event| event.text("/message")).collect();
        assert!(matches!(events.as_slice(), [one] if one.contains("unknown filesystem type")), "{events:?}");
    }
}

#[test]
fn whoever_was_told_to_stop_was_not_killed_by_somebody() {
    let pod = |stop: &str| {
        format!(
            "\
$ kubectl describe pod job -n shop
Name:             job
Namespace:        shop
Node:             n1/10.0.0.1
Start Time:       Sat, 21 Nov 2026 17:39:43 +0000
Status:           Failed
Containers:
  app:
    Image:          registry.example/job:1
    State:          Terminated
      Reason:       Error
      Exit Code:    137
      Started:      Sat, 21 Nov 2026 17:39:43 +0000
      Finished:     Sat, 21 Nov 2026 17:39:46 +0000
    Ready:          False
    Restart Count:  0
QoS Class:  BestEffort
Events:
  Type     Reason   Age  From     Message
  ----     ------   ---- ----     -------
  Normal   Started  22s  kubelet  Started container app
{stop}"
        )
    };
    let said = |text: &str| codes(text.as_bytes());
    assert_eq!(said(&pod("")), ["crash.sigkill-unexplained"]);
    let stopped = pod("  Normal   Killing  21s  kubelet  Stopping container app\n");
    assert!(said(&stopped).is_empty(), "{:?}", said(&stopped));
    let test = &report_of(&stopped).unexplained[0].test;
    assert_eq!(test, "kubectl -n shop logs job", "it was never started again");
}

#[test]
fn large_and_deep_texts_are_read_in_time() {
    let header = "NAMESPACE   NAME   READY   STATUS    RESTARTS   AGE\n";
    let rows: String =
        (0..20_000).map(|at| format!("n{:<9} p{at:<5} 1/1     Running   0          5m\n", at % 50)).collect();
    let deep: String = (0..2_000).map(|depth| format!("{}Key {depth}:\n", " ".repeat(depth % 500))).collect();
    let long = format!("Name: x\nNamespace: y\nContainers:\n{}", "  Message:  a\nb\n".repeat(50_000));
    let repeated = format!("Name: x\nAPI Version: v1\nKind: Odd\nRules:\n{}", "  A: b\n".repeat(50_000));
    let quoted = "> ".repeat(100_000);
    let commands = "$ kubectl get pods -n x\n".repeat(50_000);
    for text in [format!("{header}{rows}"), format!("Name: x\nQoS Class: y\n{deep}"), long, repeated, quoted, commands]
    {
        let start = Instant::now();
        snapshot(text.as_bytes());
        let took = start.elapsed().as_secs();
        assert!(took < 30, "{took} s for {} bytes: {}", text.len(), &text[..60.min(text.len())]);
    }
}

/// Damages that mail, terminals and people do.
fn damage() -> impl Strategy<Value = (usize, prop::sample::Index, String)> {
    (0..6usize, any::<prop::sample::Index>(), "[ -~\\n\\t\u{e9}\u{1f600}]{0,20}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_makes_it_panic(which in any::<prop::sample::Index>(), damages in prop::collection::vec(damage(), 1..12)) {
        let texts = texts();
        let mut text = texts[which.index(texts.len())].1.clone();
        for (how, at, with) in damages {
            let at = text.char_indices().nth(at.index(text.chars().count().max(1))).map_or(0, |(at, _)| at);
            match how {
                0 => text.insert_str(at, &with),
                1 => text.truncate(at),
                2 => text = text[at..].to_owned(),
                3 => text = format!("{}{}", &text[..at], text[at..].replacen("  ", " ", 5)),
                4 => text = format!("{}{}", &text[..at], text[at..].replacen('\n', &with, 1)),
                _ => text = format!("{}{}{}", &text[..at], &text[..at], &text[at..]),
            }
            text.truncate(text.floor_char_boundary(200_000));
        }
        report(text.as_bytes());
    }

    #[test]
    fn no_letters_make_it_panic(text in "([A-Z][a-z]{0,8}:?[ \\t]{0,4}|[-a-z0-9/.=<>(){}\"']{1,9}|\\n {0,6}|Name:  x\\n|Events:\\n|NAME  READY  STATUS  RESTARTS\\n|\\$ kubectl (get|describe|logs) [a-z]{2,5}\\n){0,60}") {
        report(text.as_bytes());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), begins in prop::sample::select(vec![&b""[..], &[0x1f, 0x8b, 8], &[0x28, 0xb5, 0x2f, 0xfd], &[0xff, 0xfe], b"{", b"==== START logs for container "])) {
        report(&[begins, &bytes].concat());
    }
}
