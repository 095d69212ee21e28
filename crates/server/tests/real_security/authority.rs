//! One authority after another: who is believed before, meanwhile and afterwards.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use fathom_protocol::api;
use fathom_protocol::link::AUDIENCE;
use fathom_server::manifest::{AGENT, AUTHORITY};
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::agents::{answer_with, attach, enter};
use crate::support::{HOME, NODE, World, until, with_server};

impl World {
    /// What is kept of the authority, under this key.
    fn kept(&self, key: &str) -> Option<String> {
        let secret = self.kubernetes.get("", "secrets", HOME, AUTHORITY)?;
        let bytes = BASE64.decode(secret["data"][key].as_str()?).expect("it is base64");
        Some(String::from_utf8(bytes).expect("it is text"))
    }

    /// Whom the API server expects.
    fn announced(&self) -> String {
        let name = format!("{}.{}", api::VERSION, api::GROUP);
        let service = self.kubernetes.get("apiregistration.k8s.io", "apiservices", "", &name).unwrap_or_default();
        let bundle = service["spec"]["caBundle"].as_str().unwrap_or_default();
        String::from_utf8(BASE64.decode(bundle).expect("it is base64")).expect("it is PEM")
    }

    fn put_kept(&self, data: Value) {
        self.kubernetes.set(("", "secrets"), HOME, AUTHORITY, "data", data);
    }

    /// What the server says about an agent that shows this certificate.
    async fn meets(&self, (pem, key): &(String, KeyPair)) -> String {
        let answers = answer_with(self.agents, pem, key).await;
        let session = enter(self, &self.uid("target")).await;
        let id = session.body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let answer = attach(self, "jane", &id).await;
        answers.abort();
        let _ = answers.await;
        assert_eq!(answer.status, 500, "{answer:?}");
        answer.body["message"].as_str().unwrap_or_default().to_owned()
    }

    async fn enrolled(&self) -> (String, KeyPair) {
        let key = KeyPair::generate().expect("a key can be made");
        let token = self.token(AGENT, AUDIENCE, Some("agent-1")).await;
        let answer = self.enrol(&token, NODE, &key).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        (answer.body["certificate"].as_str().unwrap_or_default().to_owned(), key)
    }
}

fn count(bundle: &str) -> usize {
    bundle.matches("BEGIN CERTIFICATE").count()
}

#[test]
fn an_authority_is_replaced_without_an_outage() {
    with_server(async |world| {
        until(async || count(&world.announced()) == 1).await;
        let (first, agent) = (world.bundle(), world.enrolled().await);
        let mut data = world.kubernetes.get("", "secrets", HOME, AUTHORITY).expect("it is there")["data"].clone();
        data["rotate"] = json!(BASE64.encode("now"));
        world.put_kept(data);

        // Whoever trusts what is published is served at every moment.
        let served = async || {
            let answer = world.get_plain("/readyz").await;
            assert!(answer.as_ref().is_ok_and(|answer| answer.status == 200), "{answer:?}");
            let answer = world.get_trusting(&world.announced(), "/readyz").await;
            assert!(answer.as_ref().is_ok_and(|answer| answer.status == 200), "{answer:?}");
        };
        let reaches = async |so: &dyn Fn() -> bool| {
            until(async || {
                served().await;
                so()
            })
            .await;
        };
        reaches(&|| count(&world.bundle()) == 2 && world.announced() == world.bundle()).await;
        assert_eq!(world.kept("ca.crt").as_ref(), Some(&first), "it signs before it is trusted");
        assert!(world.get_trusting(&first, "/readyz").await.is_ok());
        let second = world.kept("next.crt").expect("it is kept");

        reaches(&|| world.kept("ca.crt").as_ref() == Some(&second)).await;
        until(async || {
            served().await;
            world.get_trusting(&first, "/readyz").await.is_err()
        })
        .await;
        // What the one before has signed is good until it has to be replaced.
        let said = world.meets(&agent).await;
        assert!(!said.contains("certificate"), "{said}");

        reaches(&|| world.bundle() == second && world.announced() == second).await;
        until(async || world.meets(&agent).await.contains("invalid peer certificate")).await;
        let said = world.meets(&world.enrolled().await).await;
        assert!(!said.contains("certificate"), "{said}");
        assert_eq!(world.kept("old.crt"), None);
        let record = world.record();
        let of = |event: &str| record.iter().filter(|line| line["event"] == event).count();
        assert_eq!((of("authority-changes"), of("authority-succeeds"), of("trouble")), (2, 1, 0), "{record:?}");
    });
}

#[test]
fn an_authority_that_is_taken_away_is_nobody_s() {
    with_server(async |world| {
        let (first, agent) = (world.bundle(), world.enrolled().await);
        world.put_kept(json!({}));
        until(async || world.bundle() != first && world.get_plain("/readyz").await.is_ok()).await;
        assert_eq!(count(&world.bundle()), 1);
        assert!(world.get_trusting(&first, "/readyz").await.is_err(), "it is still shown");
        assert!(world.meets(&agent).await.contains("invalid peer certificate"), "it is still trusted");
        // An agent that starts afresh finds its way.
        let said = world.meets(&world.enrolled().await).await;
        assert!(!said.contains("certificate"), "{said}");
    });
}
