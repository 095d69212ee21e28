//! Only the API server says who somebody is.

use fathom_protocol::api;

use crate::support::{stranger, with_server};

#[test]
fn headers_are_believed_of_the_api_server_alone() {
    with_server(async |world| {
        let list = format!("GET {} HTTP/1.1", api::sessions_path());
        let genuine = world.front_proxy();
        let answer = world.ask_as(Some(&genuine), "jane", &list, &[], None).await.expect("it answers");
        assert_eq!((answer.status, &answer.body["kind"]), (200, &"SessionList".into()), "{answer:?}");

        // Without a certificate, and with one of the same authority that is not the front proxy's.
        let other = world.kubernetes.front_proxy().sign("somebody", &[]);
        for identity in [None, Some(&other)] {
            for line in [&list, "GET /apis HTTP/1.1", "GET /apis/fathom.dev/v1alpha1 HTTP/1.1", "GET /nowhere HTTP/1.1"]
            {
                let answer = world.ask_as(identity, "jane", line, &[], None).await.expect("it answers");
                assert_eq!(
                    (answer.status, &answer.body["reason"]),
                    (401, &"Unauthorized".into()),
                    "{line}: {answer:?}"
                );
            }
        }
        // One of another authority does not get as far as a request.
        let strange = stranger("front-proxy-client");
        let refused = world.ask_as(Some(&strange), "jane", &list, &[], None).await;
        assert!(refused.is_err(), "{refused:?}");

        // Who says nobody is nobody; and what keeps a pod alive needs no name.
        let answer = world.ask_as(Some(&genuine), "", &list, &[], None).await.expect("it answers");
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(world.get_plain("/healthz").await.expect("it answers").status, 200);
    });
}
