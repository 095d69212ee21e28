//! A copy of a pod in which one container waits instead of crashing: pure, from a pod to a pod.
//!
//! The container's command becomes our own static program, brought by an init container and a volume, so an image
//! needs no shell. What it would have executed stands behind that command, where `fathom run-entrypoint` reads it;
//! the kubelet expands `$(VARIABLES)` in it as it would have done.

use std::collections::BTreeMap;

use fathom_model::{Class, Command, Failure};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Volume};
use kube::ResourceExt as _;
use serde_json::json;

/// Where our program is in the container that waits.
pub const FOLDER: &str = "/.fathom-hold";
/// Its path.
pub const PROGRAM: &str = "/.fathom-hold/fathom";
/// Label that tells copies from everything else, with the name of the pod.
pub const LABEL: &str = "fathom.dev/fork-of";

const VOLUME: &str = "fathom-hold";
/// The volume that admission gives every pod for its account's token.
const TOKEN: &str = "kube-api-access-";
/// As long as any label's value.
const LONGEST_LABEL: usize = 63;

/// What becomes of init containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// They run before, as in the original.
    Kept,
    /// They are left out.
    Skipped,
}

/// How a copy is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// What its name begins with; the API server adds the rest.
    pub stem: String,
    /// The container that waits.
    pub container: String,
    /// The image that has our program.
    pub image: String,
    /// Names of secrets for its pull, beside the pod's own.
    pub pull_secrets: Vec<String>,
    /// Labels that the copy keeps. Without those a service selects by, no traffic reaches it.
    pub keep_labels: Vec<String>,
    /// Whether init containers run.
    pub init: Init,
    /// After so many seconds the kubelet ends it, whatever goes on.
    pub deadline: u64,
    /// The node that it needs, for the sake of a volume.
    pub node: Option<String>,
    /// What the container would execute, as [`argv`] says.
    pub argv: Vec<String>,
}

/// What `container` executes: by its own words where they say it all, else by what its engine or its image knows.
/// `command` replaces ENTRYPOINT, `args` replaces CMD; the kubelet expands variables in both of them and nowhere else.
pub fn argv(container: &Container, known: &Command) -> Option<Vec<String>> {
    let own = |words: &Option<Vec<String>>| words.clone().filter(|words| !words.is_empty());
    let literal = |words: &[String]| words.iter().map(|word| word.replace('$', "$$")).collect::<Vec<_>>();
    if let Some(command) = own(&container.command) {
        return Some([command, own(&container.args).unwrap_or_default()].concat());
    }
    if let Some(argv) = &known.argv {
        return Some(literal(argv));
    }
    let entrypoint = literal(known.entrypoint.as_ref()?);
    let args = own(&container.args).unwrap_or_else(|| literal(known.cmd.as_deref().unwrap_or_default()));
    Some([entrypoint, args].concat()).filter(|argv| !argv.is_empty())
}

/// Makes the copy.
pub fn copy(pod: &Pod, options: &Options) -> Result<Pod, Failure> {
    let mut spec = pod.spec.clone().unwrap_or_default();
    let target = spec.containers.iter_mut().find(|container| container.name == options.container);
    let Some(target) = target else {
        let names: Vec<&str> = spec.containers.iter().map(|container| container.name.as_str()).collect();
        return Err(Failure::new(
            Class::NotFound,
            format!("the pod {} has no container `{}` that a copy could hold", pod.name_any(), options.container),
        )
        .hinting(format!("its containers: {}; --hold waits for an init container itself", names.join(", "))));
    };
    let bringer = bringer(target, &options.image);
    hold(target, &options.argv);
    if options.init == Init::Skipped {
        spec.init_containers = None;
    }
    let host_network = spec.host_network == Some(true);
    for container in spec.init_containers.iter_mut().flatten().chain(&mut spec.containers) {
        strip(container, host_network);
    }
    spec.init_containers.get_or_insert_default().insert(0, bringer);
    strip_pod(&mut spec, options);
    let mut copy = Pod { spec: Some(spec), ..Pod::default() };
    copy.metadata.generate_name = Some(options.stem.clone());
    copy.metadata.namespace.clone_from(&pod.metadata.namespace);
    copy.metadata.labels = Some(labels(pod, options));
    copy.metadata.annotations = Some(annotations(pod));
    Ok(copy)
}

/// The beginning of a name that says whose copy it is.
pub fn stem(pod: &str) -> String {
    // What the API server adds has to fit, and the whole to be a host's name.
    let stem = pod.get(..50).unwrap_or(pod).trim_end_matches(['-', '.']);
    format!("{stem}-fork-")
}

fn labels(pod: &Pod, options: &Options) -> BTreeMap<String, String> {
    let kept = pod.labels().iter().filter(|(key, _)| options.keep_labels.contains(key));
    let mut labels: BTreeMap<String, String> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    let name = pod.name_any();
    let name = name.get(..LONGEST_LABEL).unwrap_or(&name).trim_end_matches(['-', '.']);
    labels.insert("app.kubernetes.io/managed-by".to_owned(), "fathom".to_owned());
    labels.insert(LABEL.to_owned(), name.to_owned());
    labels
}

/// Those that configure networks, system call filters or injected sidecars are part of how the original runs.
fn annotations(pod: &Pod) -> BTreeMap<String, String> {
    let mut annotations = pod.annotations().clone();
    annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    annotations.insert(LABEL.to_owned(), format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any()));
    annotations
}

/// Runs first: copies our program to the volume. Allowed where Pod Security is `restricted`.
fn bringer(target: &Container, image: &str) -> Container {
    serde_json::from_value(json!({
        "name": VOLUME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/fathom", "hold", "--install", FOLDER],
        "resources": target.resources,
        "volumeMounts": [{"name": VOLUME, "mountPath": FOLDER}],
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65534,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }))
    .expect("it is a container")
}

/// Makes it wait, with what it would have executed behind the command.
fn hold(target: &mut Container, argv: &[String]) {
    target.command = Some([PROGRAM, "hold", "--"].map(str::to_owned).to_vec());
    target.args = Some(argv.to_vec());
    (target.stdin, target.stdin_once, target.tty) = (None, None, None);
    let mount = json!({"name": VOLUME, "mountPath": FOLDER, "readOnly": true});
    let mount = serde_json::from_value(mount).expect("it is a mount");
    target.volume_mounts.get_or_insert_default().push(mount);
}

/// What would kill a copy that waits, act for the original, or keep two from one node.
fn strip(container: &mut Container, host_network: bool) {
    container.liveness_probe = None;
    container.readiness_probe = None;
    container.startup_probe = None;
    container.lifecycle = None;
    // Restarts of containers that are resized are refused where nothing restarts.
    container.resize_policy = None;
    if host_network {
        // There, each port is the node's.
        container.ports = None;
    }
    for port in container.ports.iter_mut().flatten() {
        (port.host_port, port.host_ip) = (None, None);
    }
    for mounts in container.volume_mounts.iter_mut() {
        mounts.retain(|mount| !mount.name.starts_with(TOKEN));
    }
}

fn strip_pod(spec: &mut PodSpec, options: &Options) {
    spec.restart_policy = Some("Never".to_owned());
    spec.active_deadline_seconds = i64::try_from(options.deadline).ok();
    spec.ephemeral_containers = None;
    spec.scheduling_gates = None;
    spec.readiness_gates = None;
    // The one that waits is the first process of its namespace, where `run-entrypoint` looks for it.
    spec.share_process_namespace = None;
    spec.node_name = None;
    if let Some(node) = &options.node {
        need_node(spec, node);
    }
    let volumes = spec.volumes.get_or_insert_default();
    volumes.retain(|volume| !is_token(volume));
    volumes.push(serde_json::from_value(json!({"name": VOLUME, "emptyDir": {}})).expect("it is a volume"));
    let secrets = options.pull_secrets.iter().map(|name| json!({"name": name}));
    let secrets = secrets.map(|secret| serde_json::from_value(secret).expect("it is a reference"));
    spec.image_pull_secrets.get_or_insert_default().extend(secrets);
}

/// Admission adds it anew, for the copy's own uid.
fn is_token(volume: &Volume) -> bool {
    volume.projected.is_some() && volume.name.starts_with(TOKEN)
}

/// As a DaemonSet binds its pods: the scheduler still says whether there is room.
fn need_node(spec: &mut PodSpec, node: &str) {
    let wanted = json!({"key": "metadata.name", "operator": "In", "values": [node]});
    let wanted = || serde_json::from_value(wanted.clone()).expect("it is a requirement");
    let affinity = spec.affinity.get_or_insert_default().node_affinity.get_or_insert_default();
    let terms =
        &mut affinity.required_during_scheduling_ignored_during_execution.get_or_insert_default().node_selector_terms;
    if terms.is_empty() {
        terms.push(k8s_openapi::api::core::v1::NodeSelectorTerm::default());
    }
    for term in terms {
        term.match_fields.get_or_insert_default().push(wanted());
    }
}

#[cfg(test)]
mod tests;
