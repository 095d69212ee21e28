//! Files by which a machine is a node of Kubernetes: the kubelet's settings, static pods, what makes pods' networks.

use fathom_model::{Fact, Facts};

use super::asked;
use crate::Host;

/// Files that are taken as they are.
const FILES: &[&str] = &["var/lib/kubelet/config.yaml", "etc/kubernetes/kubelet/kubelet-config.json", "proc/swaps"];

/// Folders of which the names are taken.
const LISTED: &[&str] = &["etc/cni/net.d", "opt/cni/bin", "etc/kubernetes/manifests"];

/// Folders of which files with these ends are taken too.
const TAKEN: &[(&str, &[&str])] =
    &[("etc/kubernetes/manifests", &[".yaml", ".yml", ".json"]), ("etc/cni/net.d", &[".conf", ".conflist"])];

/// Reads what is there.
pub(super) fn read(host: &Host, facts: &mut Facts) {
    for path in FILES {
        if let Some(text) = asked(host, path, facts) {
            facts.add(Fact::file(format!("/{path}"), text));
        }
    }
    for folder in LISTED {
        let Ok(entries) = std::fs::read_dir(host.path(folder)) else { continue };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        for name in &names {
            let ends = TAKEN.iter().filter(|(own, _)| own == folder).flat_map(|(_, ends)| ends.iter());
            // The kubelet passes over names that begin with a dot, and so do the plug-ins.
            if !name.starts_with('.') && ends.clone().any(|end| name.ends_with(end)) {
                let path = format!("{folder}/{name}");
                if let Some(text) = asked(host, &path, facts) {
                    facts.add(Fact::file(format!("/{path}"), text));
                }
            }
        }
        facts.add(Fact::file(format!("/{folder}"), names));
    }
}
