//! The front proxy: by which certificates and headers the API server says on whose behalf it comes, and which
//! certificate it is to expect of us.

use std::collections::BTreeMap;

use fathom_model::{Class, Failure};
use fathom_protocol::api::{GROUP, VERSION};
use kube::ResourceExt as _;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::core::GroupVersionKind;
use serde_json::json;

use super::{Kept, KeptIn};
use crate::Cluster;
use crate::error::{Tried, failure};

/// What the API server says of itself in the ConfigMap `kube-system/extension-apiserver-authentication`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FrontProxy {
    /// Whose certificates it shows, PEM.
    pub authority: String,
    /// Common names that it shows; empty for any of that authority.
    pub names: Vec<String>,
    /// Headers that name the user, first one first.
    pub user: Vec<String>,
    /// Headers that name groups.
    pub groups: Vec<String>,
    /// Headers that name the user's uid.
    pub uid: Vec<String>,
    /// How headers with everything else begin.
    pub extra: Vec<String>,
}

impl Cluster {
    /// Reads what the API server says of itself.
    ///
    /// # Errors
    /// When it cannot be read, or names no authority: then nobody can be believed.
    pub async fn front_proxy(&self) -> Result<FrontProxy, Failure> {
        let kept = Kept {
            kind: KeptIn::ConfigMap,
            namespace: "kube-system".to_owned(),
            name: "extension-apiserver-authentication".to_owned(),
        };
        let texts = self.kept(&kept).await?.unwrap_or_default();
        read(&texts)
    }

    /// Has the API server send what is for our group to the service `name`, and expect certificates of `authority`
    /// there.
    pub async fn announce(&self, service: Announced<'_>, authority: &str) -> Result<(), Failure> {
        let Announced { namespace, name, instance } = service;
        let bundle = k8s_openapi::ByteString(authority.as_bytes().to_vec());
        let object = json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {
                "name": api_service(),
                "labels": {"app.kubernetes.io/part-of": "fathom"},
                "annotations": {INSTANCE: instance},
            },
            "spec": {
                "group": GROUP,
                "version": VERSION,
                "groupPriorityMinimum": 1000,
                "versionPriority": 15,
                "service": {"namespace": namespace, "name": name, "port": 443},
                "caBundle": bundle,
            },
        });
        // Applied, and not created: only so can the right to create be limited to this one name.
        let params = PatchParams::apply("fathom-server").force();
        let applied = self.api_services().patch(&api_service(), &params, &Patch::Apply(&object)).await;
        applied.map(drop).map_err(|error| failure(tried("patch"), error))
    }

    /// Has the API server expect certificates of `authority` from now on, where `service` is announced. What somebody
    /// else has announced since, or has taken away, stays as it is.
    pub async fn announce_again(&self, service: Announced<'_>, authority: &str) -> Result<(), Failure> {
        let there = self.api_services().get_opt(&api_service()).await.map_err(|error| failure(tried("get"), error))?;
        let is_own =
            |there: &DynamicObject| there.annotations().get(INSTANCE).is_some_and(|own| own == service.instance);
        if there.as_ref().is_some_and(is_own) { self.announce(service, authority).await } else { Ok(()) }
    }

    /// Takes back what `instance` has announced, if nobody else has announced something since. Whoever deletes a
    /// namespace asks every group that is announced, and waits for those that do not answer.
    pub async fn withdraw(&self, instance: &str) -> Result<(), Failure> {
        loop {
            let there = self.api_services().get_opt(&api_service()).await;
            let there = there.map_err(|error| failure(tried("get"), error))?;
            let is_own = |there: &DynamicObject| there.annotations().get(INSTANCE).is_some_and(|own| own == instance);
            let Some(there) = there.filter(is_own) else { return Ok(()) };
            let as_seen = Preconditions { resource_version: there.resource_version(), uid: there.uid() };
            let deletion = DeleteParams { preconditions: Some(as_seen), ..DeleteParams::default() };
            match self.api_services().delete(&api_service(), &deletion).await {
                // Whoever looks after its status was faster, or somebody who serves now.
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
                result => return result.map(drop).map_err(|error| failure(tried("delete"), error)),
            }
        }
    }

    /// Why the API server finds that whoever serves our group cannot be reached, as far as we may know.
    pub(crate) async fn unavailable(&self) -> Option<String> {
        let there = self.api_services().get_opt(&api_service()).await.ok()??;
        let conditions = there.data["status"]["conditions"].as_array()?;
        let is = |one: &&serde_json::Value| one["type"] == "Available" && one["status"] != "True";
        Some(conditions.iter().find(is)?["message"].as_str()?.to_owned())
    }

    fn api_services(&self) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("apiregistration.k8s.io", "v1", "APIService");
        Api::all_with(self.client.clone(), &ApiResource::from_gvk(&kind))
    }
}

/// Which server of ours has announced itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced<'a> {
    /// The namespace of its service.
    pub namespace: &'a str,
    /// Its service.
    pub name: &'a str,
    /// What tells it from the one before and the one after it.
    pub instance: &'a str,
}

const INSTANCE: &str = "fathom.dev/instance";

/// The name of the object that says who serves our group.
fn api_service() -> String {
    format!("{VERSION}.{GROUP}")
}

fn tried(verb: &str) -> Tried<'_> {
    let group = "apiregistration.k8s.io";
    Tried { verb, resource: "apiservices", group, namespace: None, name: "" }
}

fn read(texts: &BTreeMap<String, String>) -> Result<FrontProxy, Failure> {
    let list = |key: &str| -> Result<Vec<String>, Failure> {
        let text = texts.get(&format!("requestheader-{key}")).map_or("[]", String::as_str);
        serde_json::from_str(text).map_err(|error| Failure {
            cause: Some(error.to_string()),
            ..Failure::new(Class::System, format!("cannot read requestheader-{key} of the API server"))
        })
    };
    let authority = texts.get("requestheader-client-ca-file").filter(|pem| !pem.trim().is_empty());
    let authority = authority.cloned().ok_or_else(|| {
        Failure::new(Class::Unsupported, "the API server does not say how it shows that it is the API server")
            .hinting("start it with --requestheader-client-ca-file and the flags that belong to it")
    })?;
    let or = |names: Vec<String>, usual: &str| if names.is_empty() { vec![usual.to_owned()] } else { names };
    Ok(FrontProxy {
        authority,
        names: list("allowed-names")?,
        user: or(list("username-headers")?, "X-Remote-User"),
        groups: or(list("group-headers")?, "X-Remote-Group"),
        // Clusters before 1.32 do not say; those from then on send this one.
        uid: or(list("uid-headers")?, "X-Remote-Uid"),
        extra: or(list("extra-headers-prefix")?, "X-Remote-Extra-"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, text)| (format!("requestheader-{key}"), (*text).to_owned())).collect()
    }

    #[test]
    fn what_the_api_server_says_of_itself() {
        let said = texts(&[
            ("client-ca-file", "PEM"),
            ("allowed-names", r#"["front-proxy-client"]"#),
            ("username-headers", r#"["X-User"]"#),
            ("group-headers", r#"["X-Group"]"#),
            ("extra-headers-prefix", r#"["X-Extra-"]"#),
        ]);
        let expect = FrontProxy {
            authority: "PEM".into(),
            names: vec!["front-proxy-client".into()],
            user: vec!["X-User".into()],
            groups: vec!["X-Group".into()],
            uid: vec!["X-Remote-Uid".into()],
            extra: vec!["X-Extra-".into()],
        };
        assert_eq!(read(&said), Ok(expect));
    }

    #[test]
    fn without_an_authority_nobody_is_believed() {
        for said in [texts(&[]), texts(&[("client-ca-file", " ")])] {
            assert!(read(&said).is_err());
        }
        assert!(read(&texts(&[("client-ca-file", "PEM"), ("allowed-names", "front")])).is_err());
    }
}
