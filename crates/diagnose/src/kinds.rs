//! The kinds that rules read: what a person calls them, where the API has them, and how near a target they matter.
//!
//! One row a kind. Read by [`crate::target`] (words), by [`crate::wishes`] (what to read for a question), and by whoever
//! lists them.

/// A kind.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// `Deployment`.
    pub name: &'static str,
    /// `deployments`.
    pub plural: &'static str,
    /// `deploy`.
    pub short: &'static str,
    /// `apps`; empty for the oldest one.
    pub group: &'static str,
    /// Versions from 1.20 on that are read alike, the newest first.
    pub versions: &'static [&'static str],
    /// Whether it is in namespaces.
    pub scope: Scope,
    /// How much of it is read.
    pub depth: Depth,
}

/// Where a kind belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// To the cluster.
    Cluster,
    /// To a namespace, and matters there only.
    Namespaced,
    /// To a namespace, and matters to others where it is the system's.
    Shared,
}

/// How much of an object is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All of it.
    Whole,
    /// Its metadata: that it is there, since when, and what holds it.
    Metadata,
}

impl Kind {
    /// Whether it is in namespaces.
    pub fn is_namespaced(&self) -> bool {
        self.scope != Scope::Cluster
    }

    /// As RBAC names it: `deployments.apps`.
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}

const fn kind(
    (name, plural, short): (&'static str, &'static str, &'static str),
    (group, versions): (&'static str, &'static [&'static str]),
    scope: Scope,
) -> Kind {
    Kind { name, plural, short, group, versions, scope, depth: Depth::Whole }
}

const fn metadata(kind: Kind) -> Kind {
    Kind { depth: Depth::Metadata, ..kind }
}

use Scope::{Cluster, Namespaced, Shared};

type Group = (&'static str, &'static [&'static str]);
const CORE: Group = ("", &["v1"]);
const APPS: Group = ("apps", &["v1"]);
const BATCH: Group = ("batch", &["v1", "v1beta1"]);
const NET: Group = ("networking.k8s.io", &["v1", "v1beta1"]);
const STORAGE: Group = ("storage.k8s.io", &["v1", "v1beta1"]);
const RBAC: Group = ("rbac.authorization.k8s.io", &["v1"]);
const ADMISSION: Group = ("admissionregistration.k8s.io", &["v1", "v1beta1"]);
const DRA: Group = ("resource.k8s.io", &["v1", "v1beta2", "v1beta1", "v1alpha3"]);
const GATEWAY: Group = ("gateway.networking.k8s.io", &["v1", "v1beta1", "v1alpha3", "v1alpha2"]);
const CERTS: Group = ("cert-manager.io", &["v1"]);
const EXTERNAL: Group = ("external-secrets.io", &["v1", "v1beta1"]);

/// Every kind that a rule reads. What comes first is read first.
pub const KINDS: &[Kind] = &[
    kind(("Pod", "pods", "po"), CORE, Shared),
    kind(("Node", "nodes", "no"), CORE, Cluster),
    kind(("Event", "events", "ev"), CORE, Shared),
    kind(("Namespace", "namespaces", "ns"), CORE, Cluster),
    kind(("Deployment", "deployments", "deploy"), APPS, Shared),
    kind(("ReplicaSet", "replicasets", "rs"), APPS, Shared),
    kind(("StatefulSet", "statefulsets", "sts"), APPS, Shared),
    kind(("DaemonSet", "daemonsets", "ds"), APPS, Shared),
    kind(("ReplicationController", "replicationcontrollers", "rc"), CORE, Namespaced),
    kind(("Job", "jobs", "job"), ("batch", &["v1"]), Namespaced),
    kind(("CronJob", "cronjobs", "cj"), BATCH, Namespaced),
    kind(("Service", "services", "svc"), CORE, Shared),
    kind(("EndpointSlice", "endpointslices", "eps"), ("discovery.k8s.io", &["v1", "v1beta1"]), Shared),
    kind(("Endpoints", "endpoints", "ep"), CORE, Namespaced),
    kind(("ConfigMap", "configmaps", "cm"), CORE, Shared),
    metadata(kind(("Secret", "secrets", "secret"), CORE, Namespaced)),
    kind(("ServiceAccount", "serviceaccounts", "sa"), CORE, Namespaced),
    kind(("PersistentVolumeClaim", "persistentvolumeclaims", "pvc"), CORE, Namespaced),
    kind(("PersistentVolume", "persistentvolumes", "pv"), CORE, Cluster),
    kind(("StorageClass", "storageclasses", "sc"), STORAGE, Cluster),
    kind(("VolumeAttachment", "volumeattachments", "va"), STORAGE, Cluster),
    kind(("CSINode", "csinodes", "csinode"), STORAGE, Cluster),
    kind(("CSIDriver", "csidrivers", "csidriver"), STORAGE, Cluster),
    kind(("ResourceQuota", "resourcequotas", "quota"), CORE, Namespaced),
    kind(("LimitRange", "limitranges", "limits"), CORE, Namespaced),
    kind(
        ("HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa"),
        ("autoscaling", &["v2", "v2beta2", "v1"]),
        Namespaced,
    ),
    kind(("PodDisruptionBudget", "poddisruptionbudgets", "pdb"), ("policy", &["v1", "v1beta1"]), Namespaced),
    kind(("NetworkPolicy", "networkpolicies", "netpol"), ("networking.k8s.io", &["v1"]), Shared),
    kind(("Ingress", "ingresses", "ing"), NET, Namespaced),
    kind(("IngressClass", "ingressclasses", "ingressclass"), NET, Cluster),
    kind(("Role", "roles", "role"), RBAC, Shared),
    kind(("RoleBinding", "rolebindings", "rolebinding"), RBAC, Shared),
    kind(("ClusterRole", "clusterroles", "clusterrole"), RBAC, Cluster),
    kind(("ClusterRoleBinding", "clusterrolebindings", "clusterrolebinding"), RBAC, Cluster),
    kind(("Lease", "leases", "lease"), ("coordination.k8s.io", &["v1"]), Shared),
    kind(("APIService", "apiservices", "apiservice"), ("apiregistration.k8s.io", &["v1"]), Cluster),
    kind(("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "vwc"), ADMISSION, Cluster),
    kind(("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "mwc"), ADMISSION, Cluster),
    kind(("ValidatingAdmissionPolicy", "validatingadmissionpolicies", "vap"), ADMISSION, Cluster),
    kind(("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", "vapb"), ADMISSION, Cluster),
    kind(("PriorityClass", "priorityclasses", "pc"), ("scheduling.k8s.io", &["v1"]), Cluster),
    kind(("RuntimeClass", "runtimeclasses", "runtimeclass"), ("node.k8s.io", &["v1", "v1beta1"]), Cluster),
    kind(
        ("CertificateSigningRequest", "certificatesigningrequests", "csr"),
        ("certificates.k8s.io", &["v1", "v1beta1"]),
        Cluster,
    ),
    metadata(kind(
        ("CustomResourceDefinition", "customresourcedefinitions", "crd"),
        ("apiextensions.k8s.io", &["v1"]),
        Cluster,
    )),
    kind(("ResourceClaim", "resourceclaims", "resourceclaim"), DRA, Namespaced),
    kind(("ResourceClaimTemplate", "resourceclaimtemplates", "resourceclaimtemplate"), DRA, Namespaced),
    kind(("DeviceClass", "deviceclasses", "deviceclass"), DRA, Cluster),
    kind(("Gateway", "gateways", "gtw"), GATEWAY, Namespaced),
    kind(("GatewayClass", "gatewayclasses", "gc"), GATEWAY, Cluster),
    kind(("HTTPRoute", "httproutes", "httproute"), GATEWAY, Namespaced),
    kind(("GRPCRoute", "grpcroutes", "grpcroute"), GATEWAY, Namespaced),
    kind(("TCPRoute", "tcproutes", "tcproute"), GATEWAY, Namespaced),
    kind(("TLSRoute", "tlsroutes", "tlsroute"), GATEWAY, Namespaced),
    kind(("Certificate", "certificates", "cert"), CERTS, Namespaced),
    kind(("Issuer", "issuers", "issuer"), CERTS, Namespaced),
    kind(("ClusterIssuer", "clusterissuers", "clusterissuer"), CERTS, Cluster),
    kind(("ExternalSecret", "externalsecrets", "es"), EXTERNAL, Namespaced),
    kind(("SecretStore", "secretstores", "ss"), EXTERNAL, Namespaced),
    kind(("Kustomization", "kustomizations", "ks"), ("kustomize.toolkit.fluxcd.io", &["v1", "v1beta2"]), Namespaced),
    kind(("HelmRelease", "helmreleases", "hr"), ("helm.toolkit.fluxcd.io", &["v2", "v2beta2", "v2beta1"]), Namespaced),
    kind(("Application", "applications", "app"), ("argoproj.io", &["v1alpha1"]), Namespaced),
    kind(("Cluster", "clusters", "cl"), ("cluster.x-k8s.io", &["v1beta2", "v1beta1"]), Namespaced),
    kind(("Backup", "backups", "backup"), ("velero.io", &["v1"]), Namespaced),
];

/// The kind that a word means, as kubectl takes it: `deploy`, `deployments`, `Deployment`, `deployments.apps`,
/// `deployment.v1.apps`.
pub fn of_word(word: &str) -> Option<&'static Kind> {
    let small = word.to_lowercase();
    let (name, group) = small.split_once('.').unwrap_or((&small, ""));
    let is = |kind: &&Kind| [kind.short, kind.plural].contains(&name) || kind.name.to_lowercase() == name;
    let kind = KINDS.iter().find(is)?;
    let (version, rest) = group.split_once('.').unwrap_or((group, ""));
    let fits = group == kind.group || is_version(version) && rest == kind.group;
    (group.is_empty() || fits).then_some(kind)
}

/// `v1`, `v2beta2`.
fn is_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// Its name.
pub fn name_of(word: &str) -> Option<&'static str> {
    of_word(word).map(|kind| kind.name)
}

/// The kind of a name such as `Deployment`.
pub fn of_name(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// All words that mean kinds.
pub fn words() -> impl Iterator<Item = &'static str> {
    KINDS.iter().flat_map(|kind| [kind.name, kind.plural, kind.short])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::versions;
    use crate::rules;

    #[test]
    fn every_kind_that_a_rule_judges_is_listed() {
        let judged = rules::all().flat_map(|rule| rule.on);
        let of_cluster = judged.filter(|name| !crate::snapshot::is_fact(name));
        // What only manifests have, of versions that are gone, nobody lists.
        let is_gone = |name: &&str| versions::GONE.iter().any(|gone| gone.kinds.contains(name));
        let missing: Vec<_> = of_cluster.filter(|name| of_name(name).is_none() && !is_gone(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn a_word_means_one_kind() {
        for word in words() {
            let small = word.to_lowercase();
            let meant = KINDS.iter().filter(|kind| {
                [kind.short, kind.plural].contains(&small.as_str()) || kind.name.to_lowercase() == small
            });
            assert_eq!(meant.count(), 1, "{word}");
        }
    }
}
