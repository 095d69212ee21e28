//! Who gets a certificate, and who does not.

use fathom_protocol::link::AUDIENCE;
use fathom_server::manifest::AGENT;
use rcgen::KeyPair;

use crate::support::{HOME, NODE, pod, with_server};

fn key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}

#[test]
fn a_token_is_good_for_one_key_and_one_node() {
    with_server(async |world| {
        let (own, other) = (key(), key());
        let token = world.token(AGENT, AUDIENCE, Some("agent-1")).await;
        let answer = world.enrol(&token, NODE, &own).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body["certificate"].as_str().is_some_and(|pem| pem.contains("BEGIN CERTIFICATE")), "{answer:?}");
        // An agent whose answer was lost asks again.
        assert_eq!(world.enrol(&token, NODE, &own).await.status, 200);

        let refused = async |token: &str, node: &str, key: &KeyPair, why: &str| {
            let answer = world.enrol(token, node, key).await;
            assert_eq!(answer.status, 403, "{why}: {answer:?}");
            let record = world.record();
            let last = record.last().expect("it is on record");
            assert_eq!(last["event"], "enrolment-refused", "{why}: {last}");
            assert!(last["reason"].as_str().is_some_and(|reason| reason.contains(why)), "{why}: {last}");
        };
        refused(&token, NODE, &other, "replays").await;
        refused(&token, "node8", &own, "runs on node7").await;
        let strange = world.token(AGENT, "https://kubernetes.default.svc", Some("agent-1")).await;
        refused(&strange, NODE, &other, "none that the cluster gave out for us").await;
        let unbound = world.token(AGENT, AUDIENCE, None).await;
        refused(&unbound, NODE, &other, "bound to no pod").await;
        let account = world.token("other", AUDIENCE, Some("target")).await;
        refused(&account, NODE, &other, "is no agent").await;
        // A pod of the agents' account elsewhere.
        pod(&world.kubernetes, "agent-2", "node8", AGENT);
        let elsewhere = world.token(AGENT, AUDIENCE, Some("agent-2")).await;
        refused(&elsewhere, NODE, &other, "runs on node8").await;
        // A pod of another account cannot lend its place to a token of the agents'.
        let borrowed = world.token(AGENT, AUDIENCE, Some("target")).await;
        refused(&borrowed, NODE, &other, "is no agent on node7").await;
        // A pod that is about to go.
        let ends = serde_json::json!({"phase": "Failed"});
        world.kubernetes.set(("", "pods"), HOME, "agent-1", "status", ends);
        refused(&world.token(AGENT, AUDIENCE, Some("agent-1")).await, NODE, &other, "is gone").await;
        refused("nonsense", NODE, &other, "none that the cluster gave out").await;
        refused("", NODE, &other, "no token").await;
    });
}

#[test]
fn nothing_in_a_request_is_believed_but_its_key() {
    with_server(async |world| {
        use rcgen::{CertificateParams, DnType, IsCa};
        let own = key();
        let mut params =
            CertificateParams::new(vec!["server.fathom.dev".to_owned(), "node8.agent.fathom.dev".to_owned()])
                .expect("they are names");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "server.fathom.dev");
        let request = params.serialize_request(&own).and_then(|request| request.pem()).expect("it can be written");
        let token = world.token(AGENT, AUDIENCE, Some("agent-1")).await;
        let answer = world.enrol_with(&token, NODE, &request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let pem = answer.body["certificate"].as_str().unwrap_or_default();
        let (_, parsed) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).expect("it is PEM");
        let certificate = parsed.parse_x509().expect("it is a certificate");
        let names = certificate.subject_alternative_name().expect("it is well formed").expect("it has names");
        let names: Vec<String> = names.value.general_names.iter().map(ToString::to_string).collect();
        assert_eq!(names, [format!("DNSName({NODE}.agent.fathom.dev)")]);
        assert!(!certificate.is_ca());
        let usage = certificate.extended_key_usage().expect("it is well formed").expect("it says so");
        assert!(usage.value.server_auth && !usage.value.client_auth, "an agent's certificate could speak to agents");
    });
}
