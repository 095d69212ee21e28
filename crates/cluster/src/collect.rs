//! Reading much of a cluster at once: lists page by page, a few at a time, and logs. What may not be read, is not served
//! or does not answer becomes a gap with its reason; everything else goes on.
//!
//! Knows no kinds: whoever asks says which lists, by their place in the API. What comes goes to whoever asked, object by
//! object, so that nothing is here twice.

mod discovery;
mod lean;
mod line;

use std::collections::BTreeMap;
use std::sync::Arc;

use fathom_model::Failure;
use serde_json::Value;
use tokio::sync::{OnceCell, Semaphore, mpsc};

use crate::Cluster;
use discovery::Served;
use lean::Page;
use line::{Line, Refusal};

/// How many requests are under way at once: a person's client, not a controller's.
const AT_ONCE: usize = 8;

/// Objects of a page.
const PAGE: u32 = 500;

/// How often a list is begun anew whose beginning the server has forgotten, before the rest is taken as it is now.
const AGAIN: u32 = 2;

/// How many namespaces are tried one by one where a list of all is forbidden.
const NAMESPACES: usize = 100;

/// How many bytes of a log are read: long lines are cut, not their number.
const LOG: usize = 256 << 10;

/// Where the API has a kind.
#[derive(Debug, Clone, Copy)]
pub struct Resource {
    /// `Deployment`
    pub kind: &'static str,
    /// `apps`; empty for the oldest one.
    pub group: &'static str,
    /// Versions that the caller can read, the best first.
    pub versions: &'static [&'static str],
    /// `deployments`
    pub plural: &'static str,
    /// Whether it is in namespaces.
    pub namespaced: bool,
    /// How much of it is asked for.
    pub view: View,
}

/// How much of objects is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// All of it, less what nobody may see.
    Whole,
    /// Metadata only: the rest is not even sent.
    Metadata,
}

/// A list, or one object of it.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Of what.
    pub resource: Resource,
    /// Of which namespace; of all, or of the cluster, where there is none.
    pub namespace: Option<String>,
    /// One object instead of the list: all of it, whatever the view.
    pub name: Option<String>,
}

/// A log to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogReading {
    /// Of the pod.
    pub namespace: String,
    /// Of the pod.
    pub pod: String,
    /// Of the pod.
    pub container: String,
    /// Whether it is of the run before.
    pub run: LogRun,
    /// How many lines of its end.
    pub lines: usize,
}

/// Which run of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogRun {
    /// The one that runs, or that ended last.
    Current,
    /// The one before.
    Previous,
}

/// What came.
#[derive(Debug)]
pub enum Found {
    /// An object, with its kind.
    Object(Value),
    /// A list is begun again: what came of it may have gone since.
    Anew {
        /// Of what.
        kind: &'static str,
        /// Of which namespace, or of all.
        namespace: Option<String>,
    },
    /// So many objects have come of a list that goes on.
    Page {
        /// Of what.
        kind: &'static str,
        /// So many.
        objects: usize,
    },
    /// A list is whole: of a namespace, or of all.
    Whole {
        /// Of what.
        kind: &'static str,
        /// Of which.
        namespace: Option<String>,
    },
    /// A list, or the rest of it, is not to be had.
    Gap {
        /// Of what.
        kind: &'static str,
        /// Of which namespace, or of any.
        namespace: Option<String>,
        /// Why.
        reason: String,
    },
    /// A log.
    Log(LogReading, Vec<u8>),
    /// A log that is not to be had.
    NoLog(LogReading, String),
}

/// A cluster that is read.
pub struct Collector {
    inner: Arc<Inner>,
}

struct Inner {
    line: Line,
    served: Served,
    /// The namespace of what is named without one.
    namespace: String,
    /// Namespaces that may be read where a list of all may not.
    readable: OnceCell<Vec<String>>,
}

impl Collector {
    /// Asks what is served. Fails where nobody answers, or does not know who we are.
    pub async fn open(cluster: &Cluster) -> Result<Collector, Failure> {
        let line = Line::new(cluster.client.clone());
        let served = discovery::ask(&line).await?;
        let inner = Inner { line, served, namespace: cluster.namespace.clone(), readable: OnceCell::new() };
        Ok(Collector { inner: Arc::new(inner) })
    }

    /// How many requests were made.
    pub fn requests(&self) -> usize {
        self.inner.line.requests()
    }

    /// What time it was at the API server when it last answered, in seconds since 1970.
    pub fn now(&self) -> Option<i64> {
        self.inner.line.now()
    }

    /// Reads lists and objects; `sink` hears of each.
    pub async fn read(&self, readings: Vec<Reading>, sink: &mut dyn FnMut(Found)) {
        let work = |inner: Arc<Inner>, reading: Reading, heard: mpsc::Sender<Found>| async move {
            inner.list(&reading, &heard).await;
        };
        self.all(readings, work, sink).await;
    }

    /// Reads logs; `sink` hears of each.
    pub async fn logs(&self, readings: Vec<LogReading>, sink: &mut dyn FnMut(Found)) {
        let work = |inner: Arc<Inner>, reading: LogReading, heard: mpsc::Sender<Found>| async move {
            let found = inner.log(reading).await;
            let _ = heard.send(found).await;
        };
        self.all(readings, work, sink).await;
    }

    /// Does a few things at a time; what comes is passed on as it comes.
    async fn all<T, F>(
        &self,
        things: Vec<T>,
        work: impl Fn(Arc<Inner>, T, mpsc::Sender<Found>) -> F,
        sink: &mut dyn FnMut(Found),
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, mut heard) = mpsc::channel(256);
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        for thing in things {
            let (turns, doing) = (turns.clone(), work(self.inner.clone(), thing, sender.clone()));
            tokio::spawn(async move {
                let _turn = turns.acquire().await;
                doing.await;
            });
        }
        drop(sender);
        while let Some(found) = heard.recv().await {
            sink(found);
        }
    }
}

/// How far a list came.
enum Reach {
    Whole,
    Stopped(Refusal),
}

impl Inner {
    async fn list(&self, reading: &Reading, heard: &mpsc::Sender<Found>) {
        let (kind, namespace) = (reading.resource.kind, reading.namespace.clone());
        let gap = |namespace, reason| Found::Gap { kind, namespace, reason };
        let versions = match self.served.versions(&reading.resource) {
            Ok(versions) => versions,
            Err(reason) => return drop(heard.send(gap(namespace, reason)).await),
        };
        match self.list_in(reading, &versions, namespace.as_deref(), heard).await {
            Reach::Whole if reading.name.is_some() => {}
            Reach::Whole => drop(heard.send(Found::Whole { kind, namespace }).await),
            Reach::Stopped(refusal @ Refusal::Forbidden(_)) if namespace.is_none() && reading.resource.namespaced => {
                let _ = heard.send(gap(None, refusal.reason())).await;
                for place in self.readable().await {
                    let found = match self.list_in(reading, &versions, Some(place), heard).await {
                        Reach::Whole => Found::Whole { kind, namespace: Some(place.clone()) },
                        Reach::Stopped(refusal) => gap(Some(place.clone()), refusal.reason()),
                    };
                    let _ = heard.send(found).await;
                }
            }
            Reach::Stopped(refusal) => drop(heard.send(gap(namespace, refusal.reason())).await),
        }
    }

    /// A list in the first version that there is. What nobody serves there is none of.
    async fn list_in(
        &self,
        reading: &Reading,
        versions: &[&str],
        namespace: Option<&str>,
        heard: &mpsc::Sender<Found>,
    ) -> Reach {
        for version in versions {
            let path = path(&reading.resource, version, namespace);
            let reach = match &reading.name {
                Some(name) => self.one(&reading.resource, &format!("{path}/{name}"), heard).await,
                None => self.pages(&reading.resource, &path, namespace, heard).await,
            };
            match reach {
                Reach::Stopped(Refusal::Missing) => {}
                reach => return reach,
            }
        }
        Reach::Whole
    }

    /// A list, page by page; no more than a page is held here. Where the server forgets its beginning it is begun again.
    async fn pages(
        &self,
        resource: &Resource,
        path: &str,
        namespace: Option<&str>,
        heard: &mpsc::Sender<Found>,
    ) -> Reach {
        let (mut objects, mut token, mut again) = (0, String::new(), 0);
        loop {
            let mut address = format!("{path}?limit={PAGE}");
            if !token.is_empty() {
                address.push_str(&format!("&continue={}", line::escape(&token)));
            }
            let page = match self.line.get(&address, resource.view).await {
                Ok(bytes) => Page::read(&bytes, resource),
                Err(Refusal::Expired(next)) => {
                    again += 1;
                    if again <= AGAIN {
                        (objects, token) = (0, String::new());
                        let namespace = namespace.map(str::to_owned);
                        let _ = heard.send(Found::Anew { kind: resource.kind, namespace }).await;
                        continue;
                    }
                    match next.filter(|_| again <= AGAIN * 2) {
                        Some(next) => token = next,
                        None => {
                            return Reach::Stopped(Refusal::Other("it changes faster than it can be read".to_owned()));
                        }
                    }
                    continue;
                }
                Err(refusal) => return Reach::Stopped(refusal),
            };
            match page {
                Ok(page) => {
                    objects += page.items.len();
                    for object in page.items {
                        let _ = heard.send(Found::Object(object)).await;
                    }
                    let _ = heard.send(Found::Page { kind: resource.kind, objects }).await;
                    if page.more.is_empty() {
                        return Reach::Whole;
                    }
                    token = page.more;
                }
                Err(error) => {
                    return Reach::Stopped(Refusal::Other(format!("the API server's answer makes no sense: {error}")));
                }
            }
        }
    }

    async fn one(&self, resource: &Resource, path: &str, heard: &mpsc::Sender<Found>) -> Reach {
        match self.line.get(path, View::Whole).await {
            Ok(bytes) => {
                if let Ok(object) = lean::object(&bytes, resource) {
                    let _ = heard.send(Found::Object(object)).await;
                }
                Reach::Whole
            }
            // It has gone since, or its metadata has to do.
            Err(Refusal::Missing | Refusal::Forbidden(_)) => Reach::Whole,
            Err(refusal) => Reach::Stopped(refusal),
        }
    }

    /// The namespaces of which pods may be listed, of those that we know of.
    async fn readable(&self) -> &[String] {
        let find = || async {
            let mut candidates = vec![self.namespace.clone()];
            if let Ok(bytes) = self.line.get(&format!("/api/v1/namespaces?limit={NAMESPACES}"), View::Metadata).await {
                let known: BTreeMap<String, ()> = lean::names(&bytes).into_iter().map(|name| (name, ())).collect();
                candidates.extend(known.into_keys().filter(|name| *name != self.namespace));
            }
            candidates.truncate(NAMESPACES);
            let mut readable = Vec::new();
            for candidate in candidates {
                let path = format!("/api/v1/namespaces/{candidate}/pods?limit=1");
                if self.line.get(&path, View::Metadata).await.is_ok() {
                    readable.push(candidate);
                }
            }
            readable
        };
        self.readable.get_or_init(find).await
    }

    async fn log(&self, reading: LogReading) -> Found {
        let previous = if reading.run == LogRun::Previous { "&previous=true" } else { "" };
        let LogReading { namespace, pod, container, lines, .. } = &reading;
        let address = format!(
            "/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&tailLines={lines}&limitBytes={LOG}{previous}"
        );
        match self.line.get(&address, View::Whole).await {
            Ok(bytes) => Found::Log(reading, bytes.to_vec()),
            Err(refusal) => Found::NoLog(reading, refusal.reason()),
        }
    }
}

/// `/apis/apps/v1/namespaces/shop/deployments`
fn path(resource: &Resource, version: &str, namespace: Option<&str>) -> String {
    let root = if resource.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", resource.group) };
    let place = namespace.map_or_else(String::new, |namespace| format!("/namespaces/{namespace}"));
    format!("{root}/{version}{place}/{}", resource.plural)
}
