//! What happened to an object, told where `kubectl describe` shows it.

use fathom_model::Failure;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, PostParams};

use crate::Cluster;
use crate::error::{Tried, failure};

/// What happened, to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The pod's namespace; none for a node.
    pub namespace: Option<String>,
    /// The pod or the node.
    pub name: String,
    /// Its uid, where it is known.
    pub uid: Option<String>,
    /// One word: `Entered`.
    pub reason: String,
    /// One sentence.
    pub message: String,
}

impl Cluster {
    /// Tells it.
    pub async fn tell(&self, told: Told) -> Result<(), Failure> {
        // What is in no namespace has its events in this one.
        let namespace = told.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let now = Timestamp::now();
        let event = Event {
            metadata: ObjectMeta {
                generate_name: Some(format!("{}.fathom-", told.name)),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            involved_object: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some(if told.namespace.is_some() { "Pod" } else { "Node" }.to_owned()),
                // A node's events carry its name in the place of its uid: so do the kubelet's.
                uid: told.uid.or_else(|| Some(told.name.clone())),
                name: Some(told.name),
                namespace: told.namespace,
                ..ObjectReference::default()
            },
            reason: Some(told.reason),
            message: Some(told.message),
            type_: Some("Normal".to_owned()),
            source: Some(EventSource { component: Some("fathom".to_owned()), ..EventSource::default() }),
            reporting_component: Some("fathom.dev/server".to_owned()),
            reporting_instance: Some("fathom-server".to_owned()),
            action: Some("Enter".to_owned()),
            first_timestamp: Some(Time(now)),
            last_timestamp: Some(Time(now)),
            event_time: Some(MicroTime(now)),
            count: Some(1),
            ..Event::default()
        };
        let tried = Tried { verb: "create", resource: "events", group: "", namespace: Some(&namespace), name: "" };
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        api.create(&PostParams::default(), &event).await.map(drop).map_err(|error| failure(tried, error))
    }
}
