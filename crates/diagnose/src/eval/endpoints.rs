//! From a service to its ready pods: selectors, slices, named ports.

use super::selector;
use crate::object::{Fields as _, Object};
use crate::snapshot::{Judged, Snapshot};
use crate::value::{Map, Value};

/// What stands behind a service.
#[derive(Debug, Default)]
pub struct Behind<'a> {
    /// Its slices, or where the cluster has none its Endpoints.
    pub slices: Vec<&'a Object>,
    /// Addresses that are ready.
    pub ready: usize,
    /// Addresses that are not.
    pub waiting: usize,
}

/// Whose slice it is.
const OWNER: &str = "kubernetes.io/service-name";

/// The endpoints of a service, of whatever made them.
pub fn behind<'a>(snapshot: &'a Snapshot, service: &'a Object) -> Judged<Behind<'a>> {
    let owner: Map = [(OWNER, service.name().into())].into_iter().collect();
    let owned = |slice: &&Object| slice.label(OWNER) == Some(service.name());
    let slices: Vec<&Object> = snapshot.labelled("EndpointSlice", service.ns(), &owner).filter(owned).collect();
    if slices.is_empty()
        && let Some(old) = snapshot.seen("Endpoints", service.ns(), service.name())
        && old.tells("/subsets")
    {
        let count = |which: &str| old.list("/subsets").iter().map(|set| set.list(which).len()).sum();
        return Ok(Behind { slices: vec![old], ready: count("/addresses"), waiting: count("/notReadyAddresses") });
    }
    if slices.is_empty() {
        snapshot.is_told("EndpointSlice", service.ns())?;
    }
    let endpoints = || slices.iter().flat_map(|slice| slice.list("/endpoints"));
    // No condition means ready (discovery/v1).
    let ready = endpoints().filter(|one| one.at("/conditions/ready") != Some(&Value::Bool(false))).count();
    let waiting = endpoints().count() - ready;
    Ok(Behind { slices, ready, waiting })
}

/// The pods that a service selects and that are not over; none where it has no selector.
pub fn selected<'a>(snapshot: &'a Snapshot, service: &'a Object) -> Vec<&'a Object> {
    let Some(wanted) = service.map("/spec/selector").filter(|wanted| !wanted.is_empty()) else { return Vec::new() };
    let over = |pod: &&Object| ["Succeeded", "Failed"].contains(&pod.text("/status/phase"));
    let pods = snapshot.labelled("Pod", service.ns(), wanted);
    pods.filter(|pod| !over(pod) && selector::equal(wanted, pod.labels())).collect()
}

/// The workloads whose pods a service would select.
pub fn feeding<'a>(snapshot: &'a Snapshot, service: &'a Object) -> Vec<&'a Object> {
    let Some(wanted) = service.map("/spec/selector").filter(|wanted| !wanted.is_empty()) else { return Vec::new() };
    let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
    let all = kinds.iter().flat_map(|kind| snapshot.within(kind, service.ns()));
    all.filter(|one| selector::equal(wanted, one.map("/spec/template/metadata/labels"))).collect()
}

/// The containers of a pod that keep running: the regular ones and native sidecars.
pub fn lasting(spec: &Value) -> impl Iterator<Item = &Value> {
    let sidecars = spec.list("/initContainers").iter().filter(|one| one.text("/restartPolicy") == "Always");
    spec.list("/containers").iter().chain(sidecars)
}

/// The declared ports of a pod's spec: number, name, protocol.
pub fn declared(spec: &Value) -> Vec<(i64, &str, &str)> {
    let ports = lasting(spec).flat_map(|container| container.list("/ports"));
    let protocol = |port: &'_ Value| port.at("/protocol").and_then(Value::as_str).map(str::len);
    ports
        .filter_map(|port| {
            let said = if protocol(port).is_some() { port.text("/protocol") } else { "TCP" };
            Some((port.int("/containerPort")?, port.text("/name"), said))
        })
        .collect()
}

/// The protocol of a service's port.
pub fn protocol(port: &Value) -> &str {
    if port.text("/protocol").is_empty() { "TCP" } else { port.text("/protocol") }
}

/// The number that a service's port leads to in a pod: nothing where a named port is not declared.
pub fn target(port: &Value, spec: &Value) -> Option<i64> {
    match port.at("/targetPort") {
        None => port.int("/port"),
        Some(Value::String(name)) => {
            let fits = |(_, named, said): &&(i64, &str, &str)| *named == name.as_str() && *said == protocol(port);
            declared(spec).iter().find(fits).map(|(number, _, _)| *number)
        }
        Some(number) => number.as_i64(),
    }
}
