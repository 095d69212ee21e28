//! What the server keeps in the cluster: the texts of one Secret or ConfigMap, changed so that nobody's change is lost.

use std::collections::BTreeMap;
use std::fmt::Debug;

use fathom_model::{Class, Failure};
use k8s_openapi::ByteString;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Resource;
use kube::api::{Api, PostParams};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Cluster;
use crate::error::{Tried, failure};

/// In which kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptIn {
    /// Nobody but its owner reads it.
    Secret,
    /// Others may.
    ConfigMap,
}

/// Where something is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// In what.
    pub kind: KeptIn,
    /// Where.
    pub namespace: String,
    /// Under which name.
    pub name: String,
}

/// How often somebody else may come first.
const TRIES: usize = 8;

impl Cluster {
    /// What is kept there; none when there is no such object.
    pub async fn kept(&self, kept: &Kept) -> Result<Option<BTreeMap<String, String>>, Failure> {
        Ok(match kept.kind {
            KeptIn::Secret => self.fetch::<Secret>(kept).await?.map(|object| object.texts()),
            KeptIn::ConfigMap => self.fetch::<ConfigMap>(kept).await?.map(|object| object.texts()),
        })
    }

    /// Changes what is kept there, and answers what `change` does. Where somebody else comes first, `change` is asked
    /// again with what they have left; it may be asked often, and only its last answer counts.
    ///
    /// # Errors
    /// When there is no such object: it comes with the installation, so that nobody needs the right to create one.
    pub async fn amend<T>(
        &self,
        kept: &Kept,
        change: impl FnMut(&mut BTreeMap<String, String>) -> T,
    ) -> Result<T, Failure> {
        match kept.kind {
            KeptIn::Secret => self.amend_in::<Secret, T>(kept, change).await,
            KeptIn::ConfigMap => self.amend_in::<ConfigMap, T>(kept, change).await,
        }
    }

    async fn amend_in<K: Texts, T>(
        &self,
        kept: &Kept,
        mut change: impl FnMut(&mut BTreeMap<String, String>) -> T,
    ) -> Result<T, Failure> {
        let api: Api<K> = Api::namespaced(self.client.clone(), &kept.namespace);
        for _ in 0..TRIES {
            let Some(mut object) = self.fetch::<K>(kept).await? else {
                return Err(Failure::new(Class::NotFound, format!("there is no {} {}", K::WORD, kept.name))
                    .hinting("`fathom install` prints it; apply its output again"));
            };
            let before = object.texts();
            let mut texts = before.clone();
            let answer = change(&mut texts);
            if texts == before {
                return Ok(answer);
            }
            object.put(texts);
            match api.replace(&kept.name, &PostParams::default(), &object).await {
                Ok(_) => return Ok(answer),
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(failure(kept.tried("update"), error)),
            }
        }
        Err(Failure::new(
            Class::System,
            format!("cannot change the {} {}: others always come first", K::WORD, kept.name),
        ))
    }

    async fn fetch<K: Texts>(&self, kept: &Kept) -> Result<Option<K>, Failure> {
        let api: Api<K> = Api::namespaced(self.client.clone(), &kept.namespace);
        api.get_opt(&kept.name).await.map_err(|error| failure(kept.tried("get"), error))
    }
}

impl Kept {
    fn tried<'a>(&'a self, verb: &'a str) -> Tried<'a> {
        let resource = match self.kind {
            KeptIn::Secret => "secrets",
            KeptIn::ConfigMap => "configmaps",
        };
        Tried { verb, resource, group: "", namespace: Some(&self.namespace), name: &self.name }
    }
}

/// An object that keeps texts.
trait Texts:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned
{
    const WORD: &'static str;
    fn texts(&self) -> BTreeMap<String, String>;
    fn put(&mut self, texts: BTreeMap<String, String>);
}

impl Texts for Secret {
    const WORD: &'static str = "secret";

    fn texts(&self) -> BTreeMap<String, String> {
        let data = self.data.iter().flatten();
        data.map(|(key, bytes)| (key.clone(), String::from_utf8_lossy(&bytes.0).into_owned())).collect()
    }

    fn put(&mut self, texts: BTreeMap<String, String>) {
        self.data = Some(texts.into_iter().map(|(key, text)| (key, ByteString(text.into_bytes()))).collect());
    }
}

impl Texts for ConfigMap {
    const WORD: &'static str = "configmap";

    fn texts(&self) -> BTreeMap<String, String> {
        self.data.clone().unwrap_or_default()
    }

    fn put(&mut self, texts: BTreeMap<String, String>) {
        self.data = Some(texts);
    }
}
