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

/// Files of runtimes, or folders of such files, and the words of lines that are taken: others may hold passwords of
/// registries.
const PARTS: &[(&str, &[&str])] = &[
    ("etc/containerd/config.toml", CONTAINERD),
    ("etc/containerd/conf.d", CONTAINERD),
    ("etc/crio/crio.conf", CRIO),
    ("etc/crio/crio.conf.d", CRIO),
    ("etc/docker/daemon.json", &["native.cgroupdriver"]),
];
const CONTAINERD: &[&str] = &["[", "version", "imports", "disabled_plugins", "SystemdCgroup"];
const CRIO: &[&str] = &["cgroup_manager"];

/// Reads what is there.
pub(super) fn read(host: &Host, facts: &mut Facts) {
    for path in FILES {
        if let Some(text) = asked(host, path, facts) {
            facts.add(Fact::file(format!("/{path}"), text));
        }
    }
    for (path, words) in PARTS {
        let entries = std::fs::read_dir(host.path(path)).into_iter().flatten().flatten();
        let mut files: Vec<String> =
            entries.map(|entry| format!("{path}/{}", entry.file_name().to_string_lossy())).collect();
        files.sort();
        files.push((*path).to_owned());
        for path in files {
            let text = asked(host, &path, facts).map(|text| part(&text, words)).filter(|text| !text.is_empty());
            text.into_iter().for_each(|text| facts.add(Fact::file(format!("/{path}"), text)));
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

/// The lines that begin with one of these words, or, where that is no setting of its own, have it somewhere.
fn part(text: &str, words: &[&str]) -> String {
    let is_taken = |line: &&str| {
        let line = line.trim_start();
        !line.starts_with('#')
            && words.iter().any(|word| if word.contains('.') { line.contains(word) } else { line.starts_with(word) })
    };
    text.lines().filter(is_taken).map(|line| line.trim().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_runtime_s_settings_nothing_secret_is_taken() {
        let text = "version = 2\n# SystemdCgroup = true\n[plugins.\"io.containerd.grpc.v1.cri\".registry.configs.\"r\".auth]\n  \
                    password = \"hush\"\n[plugins.x.containerd.runtimes.runc.options]\n  SystemdCgroup = false\n";
        let kept = part(text, CONTAINERD);
        assert!(!kept.contains("hush") && !kept.contains('#'), "{kept}");
        assert!(kept.ends_with("[plugins.x.containerd.runtimes.runc.options]\nSystemdCgroup = false\n"), "{kept}");
        let text = "{\n  \"exec-opts\": [\"native.cgroupdriver=systemd\"],\n  \"proxies\": {\"http-proxy\": \"http://u:hush@p\"}\n}";
        assert_eq!(part(text, PARTS[4].1), "\"exec-opts\": [\"native.cgroupdriver=systemd\"],\n");
    }
}
