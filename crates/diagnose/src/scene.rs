//! The snapshot as a rule sees it: which pods are in trouble now and in which container, and which calls fail.
//! State comes first: what is well now is not judged, whatever its events and logs say.

mod calls;
mod facts;
mod part;
mod patience;
mod state;

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

pub use calls::Call;
pub use facts::{Logged, Noted, Proxy};
pub use part::{Part, Role};
pub use state::Trouble;
pub(crate) use state::is_lost;

use crate::cause::Effect;
use crate::eval::messages::call::CallFault;
use crate::eval::messages::pull;
use crate::eval::{endpoints, owners, resolver, template, validation};
use crate::object::{Fields as _, Object, Ref};
use crate::snapshot::{Event, Log, LogName, Proof, Run, Snapshot, parted};
use crate::time::Time;
use crate::value::Value;

/// A snapshot with what follows from it at once.
#[derive(Debug)]
pub struct Scene<'a> {
    /// What is known.
    pub snapshot: &'a Snapshot,
    troubles: HashMap<Ref, Trouble<'a>>,
    tops: HashMap<Ref, Ref>,
    calls: Vec<Call<'a>>,
    /// Who has written anything that is here.
    authors: HashSet<(&'a str, &'a str)>,
    images: OnceCell<Images>,
    proxies: OnceCell<Vec<Proxy>>,
}

/// Images that a node has or that run, by what they are called without registry, folder, tag and digest.
type Images = HashMap<String, BTreeSet<String>>;

impl<'a> Scene<'a> {
    fn bare(snapshot: &'a Snapshot) -> Self {
        let authors = snapshot.logs().map(|(name, _)| (name.namespace.as_str(), name.pod.as_str())).collect();
        Scene {
            snapshot,
            troubles: HashMap::new(),
            tops: HashMap::new(),
            calls: Vec::new(),
            authors,
            images: OnceCell::new(),
            proxies: OnceCell::new(),
        }
    }

    /// The images of this name that the cluster is seen to have.
    pub fn images(&self, name: &str) -> impl Iterator<Item = &str> {
        let read = || {
            let mut images = Images::new();
            let stored = self.snapshot.all("Node").flat_map(|node| node.list("/status/images"));
            let stored = stored.flat_map(|one| one.list("/names")).filter_map(Value::as_str);
            let run = self.snapshot.all("Pod").flat_map(|pod| {
                let statuses = pod.list("/status/containerStatuses").iter();
                statuses.filter(|one| one.holds("/ready")).map(|one| one.text("/image"))
            });
            for image in stored.filter(|name| !name.contains('@')).chain(run) {
                images.entry(pull::name(image).to_owned()).or_default().insert(image.to_owned());
            }
            images
        };
        self.images.get_or_init(read).get(name).into_iter().flatten().map(String::as_str)
    }

    /// Whether anything is here that a pod has written.
    pub fn speaks(&self, pod: &Object) -> bool {
        self.authors.contains(&(pod.ns(), pod.name()))
    }

    /// Looks at a snapshot.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let mut scene = Scene::bare(snapshot);
        for pod in snapshot.programs() {
            scene.tops.insert(pod.id.clone(), owners::top(snapshot, pod));
            if let Some(trouble) = state::trouble(&scene, pod) {
                scene.troubles.insert(pod.id.clone(), trouble);
            }
        }
        scene.calls = calls::find(&scene, |_| true);
        scene
    }

    /// Looks at a snapshot that differs from another one in these objects, and only where that can make a difference.
    pub fn after(before: &Scene<'a>, snapshot: &'a Snapshot, changed: &[&Ref]) -> Self {
        let mut scene = Scene::bare(snapshot);
        let touches = |id: &Ref, pod: &Object| match id.kind.as_str() {
            "Node" => pod.text("/spec/nodeName") == id.name,
            "Namespace" => pod.ns() == id.name,
            _ => pod.ns() == id.namespace,
        };
        let is_touched = |pod: &Object| changed.iter().any(|id| touches(id, pod));
        for pod in snapshot.programs() {
            let trouble =
                if is_touched(pod) { state::trouble(&scene, pod) } else { before.troubles.get(&pod.id).cloned() };
            scene.troubles.extend(trouble.map(|trouble| (pod.id.clone(), trouble)));
        }
        // What is called may be what has changed.
        let callers: HashSet<&Ref> = before.calls.iter().map(|call| &call.pod.id).collect();
        scene.calls = calls::find(&scene, |pod| callers.contains(&pod.id) || is_touched(pod));
        scene
    }

    /// When the snapshot was taken.
    pub fn now(&self) -> Time {
        self.snapshot.now()
    }

    /// Seconds since an object was made.
    pub fn age(&self, object: &Object) -> i64 {
        object.created().map_or(i64::MAX, |created| self.now().since(created))
    }

    /// What a pod suffers from.
    pub fn trouble(&self, pod: &Object) -> Option<&Trouble<'a>> {
        self.troubles.get(&pod.id)
    }

    /// Whether an object is only planned: nobody has looked at it yet, so it has no status.
    pub fn is_planned(&self, object: &Object) -> bool {
        object.at("/status").is_none() && object.created().is_none()
    }

    /// Whether an object is a manifest that is to be applied, of a kind and version that is known: then its own words
    /// prove what becomes of it. What a controller would make of it is not meant.
    pub fn is_written(&self, object: &Object) -> bool {
        self.snapshot.coverage().is_of_manifests()
            && self.is_planned(object)
            && object.controller().is_none()
            && validation::is_current(object)
    }

    /// Whether a pod is one that a manifest is, or would make.
    pub fn is_to_be(&self, pod: &Object) -> bool {
        self.snapshot.coverage().is_of_manifests() && self.is_planned(pod)
    }

    /// What a pod suffers from, if it is this.
    pub fn suffers(&self, pod: &Object, effect: Effect) -> Option<&Trouble<'a>> {
        self.trouble(pod).filter(|trouble| trouble.effect == effect)
    }

    /// All pods in trouble.
    pub fn troubles(&self) -> impl Iterator<Item = &Trouble<'a>> {
        let mut all: Vec<_> = self.troubles.values().collect();
        all.sort_by_key(|trouble| &trouble.pod.id);
        all.into_iter()
    }

    /// The last controller above an object; itself where it has none.
    pub fn top(&self, object: &Object) -> Ref {
        self.tops.get(&object.id).cloned().unwrap_or_else(|| owners::top(self.snapshot, object))
    }

    /// The calls that fail now.
    pub fn calls(&self) -> &[Call<'a>] {
        &self.calls
    }

    /// Those of one pod.
    pub fn calls_of(&self, pod: &Object) -> impl Iterator<Item = &Call<'a>> {
        self.calls.iter().filter(move |call| call.pod.id == pod.id)
    }

    /// Those that reach for one service in vain; who was answered did reach it.
    pub fn calls_to(&self, service: &Object) -> impl Iterator<Item = &Call<'a>> {
        let meant = move |call: &&Call<'a>| call.service.is_some_and(|one| one.id == service.id);
        self.calls.iter().filter(meant).filter(|call| call.fault != CallFault::Answered)
    }

    /// The log that tells of the last run that ended, or of the one that runs where none has.
    pub fn last_words(&self, part: &Part<'a>) -> Option<(LogName, &'a Log)> {
        let name = |run| LogName {
            namespace: part.pod.ns().to_owned(),
            pod: part.pod.name().to_owned(),
            container: part.name().to_owned(),
            run,
        };
        let ended = part.state("running").is_none();
        let order = if ended { [Run::Current, Run::Previous] } else { [Run::Previous, Run::Current] };
        order.into_iter().find_map(|run| {
            let log = self.snapshot.log(&name(run)).filter(|log| !log.lines.is_empty())?;
            Some((name(run), log))
        })
    }

    /// The log of the run that is there now.
    pub fn words(&self, part: &Part<'a>) -> Option<(LogName, &'a Log)> {
        let name = LogName {
            namespace: part.pod.ns().to_owned(),
            pod: part.pod.name().to_owned(),
            container: part.name().to_owned(),
            run: Run::Current,
        };
        let log = self.snapshot.log(&name)?;
        Some((name, log))
    }

    /// What the kubelet says of a container that waits, and where: in its state, or where a text does not tell that, in
    /// the last event about it.
    pub fn complaint(&self, part: &Part<'a>) -> Option<(&'a str, Proof)> {
        let state = part.state("waiting")?;
        if let Some(proof) = part.saw("/state/waiting/message") {
            return Some((state.text("/message"), proof));
        }
        if part.pod.tells("/status/containerStatuses/0/state/waiting/message") {
            return None;
        }
        let braced = format!("{{{}}}", part.name());
        let about = |event: &Event<'a>| {
            let path = event.0.text("/involvedObject/fieldPath");
            path.is_empty() || path.ends_with(&braced)
        };
        // A back-off tells of a reason that was said before.
        let says = |event: &Event<'a>| !event.message().contains("BackOff") && !event.message().contains("Back-off");
        let event = self.warnings(part.pod, &["Failed"]).find(|event| about(event) && says(event))?;
        let message = event.message();
        Some((message.strip_prefix("Error: ").unwrap_or(message), Proof::field(event.0, event.pointer())))
    }

    /// Warnings about an object with one of these reasons, the latest first.
    pub fn warnings(&self, object: &'a Object, reasons: &'a [&str]) -> impl Iterator<Item = Event<'a>> {
        let events = self.snapshot.events(object).rev();
        events.filter(move |event| reasons.contains(&event.reason()))
    }

    /// Whether a node starts or goes, so that it need not be ready.
    pub fn is_settling(&self, node: &Object) -> bool {
        patience::starts(self, node) || patience::leaves(self, node)
    }

    /// Whether anything is to be expected of a namespace: what is in one that is being deleted ends as well.
    pub fn lives(&self, namespace: &str) -> bool {
        let ends = |one: &Object| one.deletion().is_some() || one.text("/status/phase") == "Terminating";
        !self.snapshot.seen("Namespace", "", namespace).is_some_and(ends)
    }

    /// A proof as somebody wrote it: of a pod that a manifest would make, the manifest's template.
    pub fn as_written(&self, proof: Proof) -> Proof {
        let maker = || {
            let (id, pointer) = parted(&proof.at).filter(|(id, _)| id.starts_with("Pod/"))?;
            let pod = self.snapshot.find(&Ref::parse(id)?).filter(|pod| self.is_to_be(pod))?;
            let owner = self.snapshot.find(&owners::top(self.snapshot, pod)).filter(|owner| owner.id != pod.id)?;
            let at = format!("{}{pointer}", template::place(&owner.id.kind)?);
            Some(Proof::field(owner, &at)).filter(|found| found.saw == proof.saw)
        };
        maker().unwrap_or(proof)
    }

    /// Whether a service has somebody behind it who is ready; yes where that is unknown.
    pub fn is_served(&self, service: &'a Object) -> bool {
        service.text("/spec/type") == "ExternalName"
            || endpoints::behind(self.snapshot, service).map_or(true, |behind| behind.ready > 0)
    }

    /// The service for the cluster's names, if it is seen to have nobody behind it.
    pub fn dead_dns(&self) -> Option<&'a Object> {
        resolver::cluster_dns(self.snapshot).filter(|service| !self.is_served(service))
    }
}
