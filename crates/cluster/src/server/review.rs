//! Who somebody is, and what they may: decided by the cluster, never by us.

use std::collections::BTreeMap;

use fathom_model::Failure;
use fathom_protocol::api::{GROUP, VERSION};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::{Api, PostParams};
use serde::{Deserialize, Serialize};

use crate::Cluster;
use crate::error::{Tried, failure};

/// Somebody whom the cluster has authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Person {
    /// `jane`, `system:serviceaccount:shop:ci`
    pub name: String,
    /// Where the cluster knows one.
    pub uid: Option<String>,
    /// `system:authenticated`, …
    pub groups: Vec<String>,
    /// Whatever else the authenticator said.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// What somebody wants to do, in the words of RBAC; always in our own group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// `create`, `use`
    pub verb: &'a str,
    /// `pods`, `nodes`, `profiles`
    pub resource: &'a str,
    /// `enter`, or nothing.
    pub subresource: &'a str,
    /// None for what is in no namespace.
    pub namespace: Option<&'a str>,
    /// Of the object.
    pub name: &'a str,
}

impl Asked<'_> {
    /// `pods/enter`, as a rule has it.
    pub fn path(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

/// What the cluster decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may be.
    Allowed,
    /// It may not; what the authorizer says about it, if anything.
    Denied(Option<String>),
}

impl Cluster {
    /// Whether `person` may do what is asked.
    ///
    /// # Errors
    /// When the cluster does not decide. Whoever asks has to take that for a no.
    pub async fn review(&self, person: &Person, asked: Asked<'_>) -> Result<Verdict, Failure> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let attributes = ResourceAttributes {
            group: Some(GROUP.to_owned()),
            version: Some(VERSION.to_owned()),
            verb: some(asked.verb),
            resource: some(asked.resource),
            subresource: some(asked.subresource),
            namespace: asked.namespace.map(str::to_owned),
            name: some(asked.name),
            ..ResourceAttributes::default()
        };
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(person.name.clone()),
                uid: person.uid.clone(),
                groups: Some(person.groups.clone()),
                extra: Some(person.extra.clone()),
                resource_attributes: Some(attributes),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let api: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let reviewed = api
            .create(&PostParams::default(), &review)
            .await
            .map_err(|error| failure(tried("subjectaccessreviews", "authorization.k8s.io"), error))?;
        let status = reviewed.status.unwrap_or_default();
        // An authorizer that failed may still have allowed it before; one that denies does so whatever others say.
        if status.allowed && status.denied != Some(true) {
            Ok(Verdict::Allowed)
        } else {
            Ok(Verdict::Denied(status.reason.filter(|reason| !reason.is_empty()).or(status.evaluation_error)))
        }
    }

    /// Whose `token` is, if it is a good one and made out for `audience`.
    pub async fn whose(&self, token: &str, audience: &str) -> Result<Option<Person>, Failure> {
        let review = TokenReview {
            spec: TokenReviewSpec { token: Some(token.to_owned()), audiences: Some(vec![audience.to_owned()]) },
            ..TokenReview::default()
        };
        let api: Api<TokenReview> = Api::all(self.client.clone());
        let reviewed = api
            .create(&PostParams::default(), &review)
            .await
            .map_err(|error| failure(tried("tokenreviews", "authentication.k8s.io"), error))?;
        let status = reviewed.status.unwrap_or_default();
        // A cluster that knows nothing of audiences would not name ours back.
        let for_us = status.audiences.iter().flatten().any(|one| one == audience);
        let user = status.user.filter(|_| status.authenticated == Some(true) && for_us);
        Ok(user.map(|user| Person {
            name: user.username.unwrap_or_default(),
            uid: user.uid,
            groups: user.groups.unwrap_or_default(),
            extra: user.extra.unwrap_or_default(),
        }))
    }
}

fn tried<'a>(resource: &'a str, group: &'a str) -> Tried<'a> {
    Tried { verb: "create", resource, group, namespace: None, name: "" }
}
