//! `0/3 nodes are available: 1 Too many pods, 2 node(s) had untolerated taint {a: b}. preemption: …`, from 1.16 on.

/// Why the scheduler passed over some nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocker {
    /// `Insufficient cpu`.
    Resource(String),
    /// `had untolerated taint {key: value}`; newer versions leave the taint out.
    Taint,
    /// `were unschedulable`.
    Cordon,
    /// `didn't match Pod's node affinity/selector`.
    NodeAffinity,
    /// `didn't match pod affinity rules`.
    PodAffinity,
    /// `didn't match pod anti-affinity rules`.
    AntiAffinity,
    /// `didn't satisfy existing pods anti-affinity rules`.
    ExistingAntiAffinity,
    /// `didn't match pod topology spread constraints`.
    Spread,
    /// `didn't have free ports`.
    Ports,
    /// `had volume node affinity conflict`, `didn't match PersistentVolume's node affinity`.
    VolumeAffinity,
    /// `didn't find available persistent volumes to bind`, `did not have enough free storage`.
    NoVolume,
    /// `exceed max volume count`.
    VolumeLimit,
    /// `Too many pods`.
    Pods,
    /// `cannot allocate all claims`, `resourceclaim not found`.
    DeviceClaim,
    /// `pod has unbound immediate PersistentVolumeClaims`.
    Unbound,
    /// `persistentvolumeclaim "x" not found`.
    NoClaim(String),
    /// `no nodes available to schedule pods`.
    NoNodes,
    /// `running PreBind plugin "VolumeBinding": binding volumes: …`.
    BindingFailed,
    /// Something else.
    Other(String),
}

/// Words of a reason, and what they mean. The longer of two that share words comes first.
const WORDS: &[(&str, Blocker)] = &[
    ("untolerated taint", Blocker::Taint),
    ("had taint", Blocker::Taint),
    ("were unschedulable", Blocker::Cordon),
    ("existing pods anti-affinity", Blocker::ExistingAntiAffinity),
    ("pod anti-affinity", Blocker::AntiAffinity),
    ("pod affinity/anti-affinity", Blocker::AntiAffinity),
    ("pod affinity", Blocker::PodAffinity),
    ("PersistentVolume's node affinity", Blocker::VolumeAffinity),
    ("volume node affinity conflict", Blocker::VolumeAffinity),
    ("no available volume zone", Blocker::VolumeAffinity),
    ("node affinity", Blocker::NodeAffinity),
    ("node selector", Blocker::NodeAffinity),
    ("topology spread", Blocker::Spread),
    ("free ports", Blocker::Ports),
    ("available persistent volumes to bind", Blocker::NoVolume),
    ("enough free storage", Blocker::NoVolume),
    ("max volume count", Blocker::VolumeLimit),
    ("Too many pods", Blocker::Pods),
    ("cannot allocate all claims", Blocker::DeviceClaim),
    ("resourceclaim", Blocker::DeviceClaim),
    ("unbound immediate", Blocker::Unbound),
    ("no nodes available", Blocker::NoNodes),
    ("binding volumes", Blocker::BindingFailed),
];

/// The reasons with how many nodes each holds for; none for those that hold for the pod itself.
pub fn blockers(message: &str) -> Vec<(Option<usize>, Blocker)> {
    let text = message.split_once("are available: ").map_or(message, |(_, rest)| rest);
    // What preemption could do about it is another matter.
    let text = text.split("preemption:").next().unwrap_or_default();
    let text = text.split(". ").next().unwrap_or_default().trim().trim_end_matches('.');
    let mut reasons: Vec<String> = Vec::new();
    for piece in text.split(", ") {
        let begins = piece.split(' ').next().is_some_and(|word| word.parse::<usize>().is_ok());
        match reasons.last_mut() {
            Some(last) if !begins => last.push_str(&format!(", {piece}")),
            _ => reasons.push(piece.to_owned()),
        }
    }
    reasons.iter().map(|reason| one(reason)).collect()
}

fn one(reason: &str) -> (Option<usize>, Blocker) {
    let counted = reason.split_once(' ').and_then(|(count, rest)| Some((count.parse().ok()?, rest)));
    let (count, text) = counted.map_or((None, reason), |(count, rest)| (Some(count), rest));
    if let Some(resource) = text.strip_prefix("Insufficient ") {
        return (count, Blocker::Resource(resource.to_owned()));
    }
    if let Some(name) = super::between(text, "persistentvolumeclaim \"", "\" not found") {
        return (count, Blocker::NoClaim(name.to_owned()));
    }
    let known = WORDS.iter().find(|(words, _)| text.contains(words));
    (count, known.map_or_else(|| Blocker::Other(text.to_owned()), |(_, blocker)| blocker.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_many_versions_are_read() {
        let text = "0/5 nodes are available: 1 Too many pods, 2 node(s) had taint {node-role.kubernetes.io/master: }, that the pod \
                    didn't tolerate, 1 Insufficient nvidia.com/gpu, 1 node(s) didn't match pod affinity/anti-affinity rules, 1 \
                    node(s) didn't match pod anti-affinity rules. preemption: 0/5 nodes are available: 5 No preemption victims.";
        let expect = [
            (Some(1), Blocker::Pods),
            (Some(2), Blocker::Taint),
            (Some(1), Blocker::Resource("nvidia.com/gpu".into())),
            (Some(1), Blocker::AntiAffinity),
            (Some(1), Blocker::AntiAffinity),
        ];
        assert_eq!(blockers(text), expect);
        let pairs = [
            ("0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found", Blocker::Unbound),
            ("persistentvolumeclaim \"data\" not found", Blocker::NoClaim("data".into())),
            ("no nodes available to schedule pods", Blocker::NoNodes),
            ("0/1 nodes are available: 1 node(s) had volume node affinity conflict.", Blocker::VolumeAffinity),
            (
                "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
                Blocker::ExistingAntiAffinity,
            ),
            ("", Blocker::Other(String::new())),
        ];
        for (text, expect) in pairs {
            assert_eq!(blockers(text).first().map(|(_, blocker)| blocker.clone()), Some(expect), "{text}");
        }
    }
}
