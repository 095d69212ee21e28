//! The control plane, as far as the API shows it: leases, aggregated APIs, requests that wait.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence};
use crate::eval::messages::says;
use crate::object::{Fields as _, Object, Ref};
use crate::rule::{Rule, Stance};
use crate::scene::Scene;
use crate::snapshot::{Judged, Need};

/// A leader's lease that nobody renews. Where nobody elects leaders there is none, or one that was always old: then
/// something must show that the component is missed.
fn stale<'a>(
    scene: &Scene<'a>,
    lease: &'a Object,
    names: &[&str],
    what: &str,
    missed: impl Fn() -> bool,
) -> Judged<Option<Claim>> {
    if lease.ns() != "kube-system" || !names.contains(&lease.name()) {
        return Ok(None);
    }
    let holds = lease.int("/spec/leaseDurationSeconds").unwrap_or(15);
    // Leases are listed together, and kubelets renew theirs every ten seconds: the newest of them is now, whenever the
    // rest was collected.
    let newest = scene
        .snapshot
        .all("Lease")
        .filter(|other| other.id != lease.id)
        .filter_map(|other| other.time("/spec/renewTime"))
        .max();
    let age = lease.time("/spec/renewTime").zip(newest).map(|(renewed, newest)| newest.since(renewed));
    let believed = age.filter(|age| *age > holds && (*age <= 900 || missed()));
    Ok(believed.map(|age| {
        Claim::new(format!("{what}: nobody has renewed its lease for {age} s"))
            .field(lease, "/spec/renewTime")
            .field(lease, "/spec/leaseDurationSeconds")
    }))
}

/// Pods that no scheduler has looked at.
fn unseen(scene: &Scene<'_>) -> bool {
    scene.troubles().any(|trouble| {
        let default = ["", "default-scheduler"].contains(&trouble.pod.text("/spec/schedulerName"));
        trouble.effect == Effect::Unscheduled
            && default
            && trouble.pod.condition("PodScheduled").is_none()
            && trouble.pod.text("/spec/nodeName").is_empty()
    })
}

/// Workloads that no controller has looked at.
fn unmanaged(scene: &Scene<'_>) -> bool {
    let fresh = |one: &Object| {
        let unseen = one.int("/status/observedGeneration").is_none() && one.tells("/status/observedGeneration");
        unseen && scene.age(one) > 15 && one.deletion().is_none()
    };
    scene.snapshot.all("Deployment").any(fresh)
}

/// No lease at all, but pods that no scheduler has looked at.
fn no_scheduler<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let default = ["", "default-scheduler"].contains(&pod.text("/spec/schedulerName"));
    let silent = scene
        .suffers(pod, Effect::Unscheduled)
        .filter(|_| default && pod.text("/spec/nodeName").is_empty() && pod.condition("PodScheduled").is_none());
    let Some(_) = silent.filter(|_| scene.age(pod) > 30) else { return Ok(None) };
    if !pod.tells("/spec/schedulerName") || !pod.tells("/spec/schedulingGates") {
        let need = format!("read /spec/schedulerName of {}", pod.id);
        let reason = format!("what was given of it does not tell; {} does", crate::snapshot::whole(&pod.id));
        return Err(Need::new(need, reason));
    }
    let absent = scene.snapshot.absent("Lease", "kube-system", "kube-scheduler")?;
    let gates = !pod.list("/spec/schedulingGates").is_empty();
    Ok(absent.filter(|_| !gates).map(|absent| {
        let lease = Ref::new("Lease", "kube-system", "kube-scheduler");
        Claim::new("no scheduler has looked at a pod since it was made")
            .only(Confidence::Likely)
            .about(lease)
            .seen(pod)
            .field(pod, "/status/phase")
            .by(absent)
    }))
}

/// An aggregated API that is not available, by its own condition or by what callers are told.
fn api<'a>(scene: &Scene<'a>, api: &'a Object) -> Judged<Option<Claim>> {
    if api.at("/spec/service").is_none() {
        return Ok(None);
    }
    let condition = api.condition("Available").filter(|(_, one)| one.text("/status") == "False");
    let group = api.text("/spec/group");
    let scaler = scene.snapshot.all("HorizontalPodAutoscaler").find_map(|scaler| {
        let (at, one) = super::autoscaling::inactive(scene, scaler)?;
        let told = says(
            one.text("/message"),
            &["unable to handle the request", "x509", "ServiceUnavailable", "error trying to reach service"],
        );
        (told && one.text("/message").contains(group))
            .then(|| crate::snapshot::Proof::field(scaler, &format!("{at}/message")))
    });
    let deletion = scene.snapshot.all("Namespace").find_map(|namespace| {
        let (at, one) = super::workloads::is_true(namespace, "NamespaceDeletionDiscoveryFailure")?;
        one.text("/message").contains(group).then(|| crate::snapshot::Proof::field(namespace, &format!("{at}/message")))
    });
    let old = condition
        .as_ref()
        .and_then(|(_, one)| one.time("/lastTransitionTime"))
        .is_some_and(|at| scene.now().since(at) > 20);
    Ok(match (condition, scaler.or(deletion)) {
        (Some((at, one)), told) if old || told.is_some() => {
            let message = crate::snapshot::Proof::field(api, &format!("{at}/message"));
            Some(
                Claim::new(format!("it is not available: {}", one.text("/reason")))
                    .field(api, &format!("{at}/status"))
                    .field(api, &format!("{at}/reason"))
                    .by(message)
                    .by_all(told),
            )
        }
        (None, Some(told)) => Some(
            Claim::new("its calls fail, though its condition says that it is available")
                .by(told)
                .field(api, "/spec/service/name"),
        ),
        _ => None,
    })
}

fn requests<'a>(scene: &Scene<'a>, request: &'a Object) -> Judged<Option<Claim>> {
    let kubelet = request.text("/spec/signerName").starts_with("kubernetes.io/kubelet-serving")
        || request.text("/spec/signerName").starts_with("kubernetes.io/kube-apiserver-client-kubelet");
    let open = request.list("/status/conditions").is_empty() && request.text("/status/certificate").is_empty();
    Ok((kubelet && open && scene.age(request) > 300).then(|| {
        Claim::new("nobody approves it").field(request, "/spec/signerName").field(request, "/status/conditions")
    }))
}

fn flaps<'a>(scene: &Scene<'a>, lease: &'a Object) -> Judged<Option<Claim>> {
    let component =
        lease.ns() == "kube-system" && ["kube-scheduler", "kube-controller-manager"].contains(&lease.name());
    let (Some(changes), true) = (lease.int("/spec/leaseTransitions"), component) else { return Ok(None) };
    // Many for its age, and the last one just now.
    let rate = changes * 3600 / scene.age(lease).clamp(1, i64::MAX / 4);
    let recent = lease.time("/spec/acquireTime").is_some_and(|at| scene.now().since(at) < 600);
    Ok((changes >= 10 && rate >= 4 && recent).then(|| {
        Claim::new("its leader changes again and again")
            .field(lease, "/spec/leaseTransitions")
            .field(lease, "/spec/acquireTime")
    }))
}

/// The address list of the API's own service, against what it says of its ports: empty is certain.
fn api_service<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    let own = service.ns() == "default" && service.name() == "kubernetes";
    let none = own && crate::eval::endpoints::behind(scene.snapshot, service)?.ready == 0;
    Ok(none.then(|| Claim::new("it leads to no API server").field(service, "/spec/clusterIP")))
}

const CP: Rule = Rule { on: &["Lease"], effect: Effect::Down, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "cp.scheduler-down",
        on: &["Lease", "Pod"],
        means: "No scheduler runs, so new pods wait without a word.",
        proves: "Its lease is older than it may be; where it has none, a pod that nobody has looked at.",
        refutes: "a lease that is renewed",
        fix: "start the scheduler again; see its static pod and its log",
        judge: |scene, object| match object.id.kind.as_str() {
            "Pod" => no_scheduler(scene, object),
            _ => stale(scene, object, &["kube-scheduler"], "no scheduler runs", || unseen(scene)),
        },
        ..CP
    },
    Rule {
        code: "cp.kcm-down",
        means: "No controller manager runs: nothing is scaled, rolled out, or cleaned up.",
        proves: "Its lease is older than it may be.",
        refutes: "a lease that is renewed",
        fix: "start the controller manager again; see its static pod and its log",
        judge: |scene, lease| {
            stale(scene, lease, &["kube-controller-manager"], "no controller manager runs", || unmanaged(scene))
        },
        ..CP
    },
    Rule {
        code: "cp.ccm-down",
        confidence: Confidence::Likely,
        means: "No cloud controller manager runs: nodes are not set up, load balancers are not made.",
        proves: "Its lease is older than it may be.",
        refutes: "a lease that is renewed",
        fix: "start the cloud controller manager again",
        judge: |scene, lease| {
            stale(scene, lease, &["cloud-controller-manager"], "no cloud controller manager runs", || false)
        },
        ..CP
    },
    Rule {
        code: "cp.leader-flap",
        effect: Effect::Latent,
        confidence: Confidence::Likely,
        means: "The leader changes again and again: etcd or the processor is slow.",
        proves: "The lease's transitions for its age.",
        refutes: "a leader that stays",
        fix: "look at the disk of etcd and at the load of the control plane",
        judge: flaps,
        ..CP
    },
    Rule {
        code: "cp.apiservice-unavailable",
        on: &["APIService"],
        stance: Stance::Stands,
        means: "An aggregated API does not answer, so whoever needs it fails, and namespaces cannot be deleted.",
        proves: "Its condition, or what its callers are told.",
        refutes: "a call to the API that is answered",
        fix: "repair its service, its certificate and caBundle, or delete the APIService",
        judge: api,
        ..CP
    },
    Rule {
        code: "cp.csr-pending",
        on: &["CertificateSigningRequest"],
        effect: Effect::Latent,
        confidence: Confidence::Likely,
        means: "A kubelet waits for a certificate that nobody approves.",
        proves: "The request is open for minutes.",
        refutes: "an approved request of the same node",
        fix: "kubectl certificate approve, or repair the approver",
        judge: requests,
        ..CP
    },
    Rule {
        code: "cp.kubernetes-svc-stale",
        on: &["Service"],
        means: "The service of the API itself leads to no API server.",
        proves: "It has no ready endpoint.",
        refutes: "a ready endpoint",
        fix: "see the API server's endpoint reconciler",
        judge: api_service,
        ..CP
    },
];
