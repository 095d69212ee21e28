//! Who depends on whom: edges from what suffers to what it needs. Pods stand for their topmost controller.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Edge, Effect, travels};
use crate::claim::Claim;
use crate::eval::messages::admission::{self, Refusal};
use crate::eval::messages::call::{self, CallFault};
use crate::eval::{binding, endpoints, resolver, scheduling};
use crate::object::{Fields as _, Object, Ref};
use crate::rules::network;
use crate::scene::{Call, Part, Scene, is_lost};

/// Which kinds make objects of which kind, and where the name stands if it is not the maker's own.
const MAKERS: &[(&str, &str, &str)] =
    &[("Certificate", "/spec/secretName", "Secret"), ("ExternalSecret", "/spec/target/name", "Secret")];

/// Where custom resources name another that they rely on, and its kind if none is said.
const RELIES: &[(&str, &str, &str)] = &[
    ("Certificate", "/spec/issuerRef", "Issuer"),
    ("ExternalSecret", "/spec/secretStoreRef", "SecretStore"),
    ("Kustomization", "/spec/sourceRef", "GitRepository"),
    ("HelmRelease", "/spec/chart/spec/sourceRef", "HelmRepository"),
];

/// The groups that serve the metrics of an autoscaler, by the metric's type.
const METRICS: &[(&str, &str)] = &[
    ("Resource", "metrics.k8s.io"),
    ("ContainerResource", "metrics.k8s.io"),
    ("Pods", "custom.metrics.k8s.io"),
    ("Object", "custom.metrics.k8s.io"),
    ("External", "external.metrics.k8s.io"),
];

/// Edges, by what is depended on.
#[derive(Debug, Default)]
pub struct Graph {
    dependents: HashMap<Ref, BTreeSet<(Edge, Ref)>>,
    /// The topmost controllers of pods in trouble, with the container that is, and of those whose calls fail.
    tops: HashMap<Ref, (Ref, Option<String>)>,
}

impl Graph {
    /// All edges that matter in a scene.
    pub fn of(scene: &Scene<'_>) -> Graph {
        let mut graph = Graph::default();
        graph.pods(scene);
        graph.calls(scene);
        graph.neighbours(scene);
        graph.services(scene);
        graph.storage(scene);
        graph.control(scene);
        graph.machines(scene);
        graph.makers(scene);
        graph.rest(scene);
        graph
    }

    fn add(&mut self, from: Ref, edge: Edge, to: Ref) {
        self.dependents.entry(to).or_default().insert((edge, from));
    }

    /// What an effect at an object explains: wherever it travels.
    pub fn reach(&self, from: &Ref, effect: Effect) -> Vec<(Ref, Effect)> {
        self.follow(Vec::new(), (from.clone(), effect))
    }

    /// The same of what is claimed. A call that it makes fail is felt by the pods in which that was seen, whatever stands
    /// between them.
    pub fn reach_of(&self, from: &Ref, effect: Effect, claim: &Claim) -> Vec<(Ref, Effect)> {
        // What one container calls in vain is no reason for what another one of the same pod suffers.
        let apart = |part: &Option<String>| part.is_some() && claim.part.is_some() && *part != claim.part;
        let felt = claim.seen.iter().filter_map(|pod| self.tops.get(pod)).filter(|(_, part)| !apart(part));
        let felt = felt.flat_map(|(top, _)| travels(Edge::Calls, effect).map(move |next| (top.clone(), next)));
        self.follow(felt.collect(), (from.clone(), effect))
    }

    /// Goes on from what is explained already, and from where it begins.
    fn follow(&self, felt: Vec<(Ref, Effect)>, begin: (Ref, Effect)) -> Vec<(Ref, Effect)> {
        let mut seen: HashSet<(Ref, Effect)> = felt.iter().cloned().collect();
        let mut order = felt.clone();
        let mut open = felt;
        open.push(begin);
        while let Some((at, effect)) = open.pop() {
            for (edge, dependent) in self.dependents.get(&at).into_iter().flatten() {
                for next in travels(*edge, effect) {
                    let step = (dependent.clone(), next);
                    if seen.insert(step.clone()) {
                        order.push(step.clone());
                        open.push(step);
                    }
                }
            }
        }
        order
    }

    /// Nodes, volumes and the scheduler, of pods in trouble.
    fn pods(&mut self, scene: &Scene<'_>) {
        let scheduler = Ref::new("Lease", "kube-system", "kube-scheduler");
        for trouble in scene.troubles() {
            let (pod, top) = (trouble.pod, scene.top(trouble.pod));
            let part = trouble.part.as_ref().map(|part| part.name().to_owned());
            self.tops.insert(pod.id.clone(), (top.clone(), part));
            let node = pod.text("/spec/nodeName");
            if !node.is_empty() {
                let node = Ref::new("Node", "", node);
                self.add(top.clone(), Edge::RunsOn, node.clone());
                if !pod.holds("/spec/hostNetwork") {
                    self.add(top.clone(), Edge::Plugs, node.clone());
                }
                if network::is_agent(pod) {
                    self.add(node, Edge::Networks, top.clone());
                }
            }
            for holder in binding::holders(scene.snapshot, pod) {
                self.add(top.clone(), Edge::Awaits, Ref::new("Node", "", holder.text("/spec/nodeName")));
            }
            for claim in binding::claims(pod) {
                self.add(top.clone(), Edge::Mounts, Ref::new("PersistentVolumeClaim", pod.ns(), claim));
            }
            if trouble.effect == Effect::Unscheduled {
                if pod.condition("PodScheduled").is_none() {
                    self.add(top.clone(), Edge::DrivenBy, scheduler.clone());
                }
                for node in scene.snapshot.all("Node").filter(|node| scheduling::would_fit(scene.snapshot, pod, node)) {
                    self.add(top.clone(), Edge::Wants, node.id.clone());
                }
            }
        }
        let going = |pod: &&Object| pod.deletion().is_some();
        for pod in scene.snapshot.all("Pod").filter(going) {
            self.add(pod.id.clone(), Edge::RunsOn, Ref::new("Node", "", pod.text("/spec/nodeName")));
        }
    }

    fn calls(&mut self, scene: &Scene<'_>) {
        for call in scene.calls() {
            let top = scene.top(call.pod);
            let (_, part) = self.tops.entry(call.pod.id.clone()).or_insert((top.clone(), None));
            if part.as_ref().is_some_and(|part| *part != call.container) {
                continue;
            }
            if let Some(service) = call.service {
                let answered = call.fault == CallFault::Answered;
                let edge = if answered { Edge::Asks } else { Edge::Calls };
                self.add(top.clone(), edge, service.id.clone());
                for pod in endpoints::selected(scene.snapshot, service).into_iter().filter(|_| answered) {
                    self.add(service.id.clone(), Edge::ServedBy, scene.top(pod));
                }
            }
            if let Some((name, namespace)) = &call.missing {
                self.add(top.clone(), Edge::Calls, Ref::new("Service", namespace, name));
            }
            if let Some(name) = &call.ungoverned {
                let governed = |set: &&Object| set.text("/spec/serviceName") == name;
                for set in scene.snapshot.all("StatefulSet").filter(governed) {
                    self.add(top.clone(), Edge::Calls, set.id.clone());
                }
            }
            let unnamed = matches!(call.fault, CallFault::NoName | CallFault::NoResolver);
            if unnamed && let Some(service) = resolver::cluster_dns(scene.snapshot) {
                self.add(top, Edge::Resolves, service.id.clone());
            }
        }
    }

    /// Who is on the network of a node calls at its own address what else is there, and should listen on the port.
    fn neighbours(&mut self, scene: &Scene<'_>) {
        let on_node = |pod: &Object| pod.holds("/spec/hostNetwork");
        let inward = |call: &&Call<'_>| call::is_loopback(&call.host) && on_node(call.pod);
        for call in scene.calls().iter().filter(inward) {
            let Some(port) = call.port else { continue };
            let calls_too = |pod: &Object| scene.calls_of(pod).any(|other| inward(&other) && other.port == Some(port));
            let near = |pod: &Object| pod.text("/spec/nodeName") == call.pod.text("/spec/nodeName");
            let others = scene.troubles().map(|trouble| trouble.pod).filter(|pod| on_node(pod) && near(pod));
            for other in others.filter(|pod| names_port(pod, port) && !calls_too(pod)) {
                self.add(scene.top(call.pod), Edge::Beside, scene.top(other));
            }
        }
    }

    /// Services and who feeds them, where nobody behind them is ready; and who leads to services.
    fn services(&mut self, scene: &Scene<'_>) {
        for service in scene.snapshot.all("Service").filter(|service| !scene.is_served(service)) {
            let pods = endpoints::selected(scene.snapshot, service);
            let tops: BTreeSet<Ref> = pods.iter().map(|pod| scene.top(pod)).collect();
            let feeding = endpoints::feeding(scene.snapshot, service).into_iter().map(|one| one.id.clone());
            for top in tops.into_iter().chain(feeding) {
                self.add(service.id.clone(), Edge::Selects, top);
            }
        }
        for ingress in scene.snapshot.all("Ingress") {
            for (name, _) in crate::rules::ingress::backends(ingress) {
                self.add(ingress.id.clone(), Edge::Routes, Ref::new("Service", ingress.ns(), name));
            }
        }
        for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
            for config in scene.snapshot.all(kind) {
                for hook in config.list("/webhooks") {
                    let service = hook.text("/clientConfig/service/name");
                    let namespace = hook.text("/clientConfig/service/namespace");
                    self.add(config.id.clone(), Edge::Backs, Ref::new("Service", namespace, service));
                }
            }
        }
        for api in scene.snapshot.all("APIService").filter(|api| api.at("/spec/service").is_some()) {
            let service = Ref::new("Service", api.text("/spec/service/namespace"), api.text("/spec/service/name"));
            self.add(api.id.clone(), Edge::Backs, service);
        }
    }

    fn storage(&mut self, scene: &Scene<'_>) {
        for claim in scene.snapshot.all("PersistentVolumeClaim").filter(|claim| claim.text("/status/phase") != "Bound")
        {
            if let Some(class) = binding::class(claim) {
                self.add(claim.id.clone(), Edge::Binds, Ref::new("StorageClass", "", class));
            }
            for volume in scene.snapshot.all("PersistentVolume") {
                self.add(claim.id.clone(), Edge::Binds, volume.id.clone());
            }
            // A class that binds late waits for the pod, not the pod for the claim.
            if crate::rules::storage::binds_late(scene, claim) {
                let users = scene
                    .snapshot
                    .within("Pod", claim.ns())
                    .filter(|pod| binding::claims(pod).any(|name| name == claim.name()));
                for pod in users {
                    self.add(claim.id.clone(), Edge::Binds, scene.top(pod));
                }
            }
        }
    }

    /// Controllers whose pods are refused, and what moves them at all.
    fn control(&mut self, scene: &Scene<'_>) {
        let manager = Ref::new("Lease", "kube-system", "kube-controller-manager");
        for kind in ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Service"] {
            for object in scene.snapshot.all(kind) {
                self.add(scene.top(object), Edge::DrivenBy, manager.clone());
                let Some((message, _)) = crate::rules::admission::refused(scene, object) else { continue };
                let Some(Refusal::WebhookFailed { webhook, .. }) = admission::read(message) else { continue };
                for config in crate::rules::webhooks::owners_of(scene.snapshot, webhook) {
                    self.add(scene.top(object), Edge::Admits, config.id.clone());
                }
            }
        }
    }

    /// Nodes that are not as they should be, and what was read on them.
    fn machines(&mut self, scene: &Scene<'_>) {
        for node in scene.snapshot.all("Node") {
            if is_lost(node) {
                self.add(node.id.clone(), Edge::Itself, node.id.clone());
            }
            for kind in ["Unit", "Engine", "Disk"] {
                for fact in scene.snapshot.within(kind, node.name()) {
                    self.add(node.id.clone(), Edge::WorksBy, fact.id.clone());
                }
            }
        }
    }

    /// What operators make, and what their resources rely on.
    fn makers(&mut self, scene: &Scene<'_>) {
        for (kind, named, made) in MAKERS {
            for maker in scene.snapshot.all(kind) {
                let name = Some(maker.text(named)).filter(|name| !name.is_empty()).unwrap_or(maker.name());
                self.add(Ref::new(*made, maker.ns(), name), Edge::MadeBy, maker.id.clone());
            }
        }
        for (kind, at, usual) in RELIES {
            for object in scene.snapshot.all(kind) {
                let said = |field: &str, or: &str| {
                    let said = object.text(&format!("{at}/{field}"));
                    if said.is_empty() { or.to_owned() } else { said.to_owned() }
                };
                let kind = said("kind", usual);
                let namespace =
                    if kind.starts_with("Cluster") { String::new() } else { said("namespace", object.ns()) };
                let other = Ref::new(&kind, &namespace, said("name", ""));
                self.add(object.id.clone(), Edge::ReliesOn, other);
            }
        }
    }

    fn rest(&mut self, scene: &Scene<'_>) {
        for scaler in scene.snapshot.all("HorizontalPodAutoscaler") {
            let target = Ref::new(
                scaler.text("/spec/scaleTargetRef/kind"),
                scaler.ns(),
                scaler.text("/spec/scaleTargetRef/name"),
            );
            self.add(scaler.id.clone(), Edge::Scales, target);
            for (_, group) in METRICS.iter().filter(|(kind, _)| crate::rules::autoscaling::measures(scaler, kind)) {
                let serves = |api: &&Object| api.text("/spec/group") == *group;
                for api in scene.snapshot.all("APIService").filter(serves) {
                    self.add(scaler.id.clone(), Edge::Measures, api.id.clone());
                }
            }
        }
        for namespace in scene.snapshot.all("Namespace").filter(|one| one.deletion().is_some()) {
            for object in
                scene.snapshot.objects().filter(|object| object.deletion().is_some() && object.ns() == namespace.name())
            {
                self.add(namespace.id.clone(), Edge::Holds, object.id.clone());
            }
            for api in scene.snapshot.all("APIService") {
                self.add(namespace.id.clone(), Edge::Holds, api.id.clone());
            }
        }
    }
}

/// Whether a pod declares a port, or is told of it by its command and variables.
fn names_port(pod: &Object, port: u16) -> bool {
    Part::all(pod).iter().any(|part| {
        let mut declared = part.spec.list("/ports").iter();
        let words = part.words();
        declared.any(|one| one.int("/containerPort") == Some(i64::from(port)))
            || words.split(|c: char| !c.is_ascii_digit()).any(|word| word.parse() == Ok(port))
    })
}
