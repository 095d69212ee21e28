//! A filter that names a container, as something for the kernel to look at: only what leaves out nothing of what the filter
//! asks for.
//!
//! Fields know a container by its cgroup. Whoever comes into it while it runs is in its pid namespace before it is in its
//! cgroup, so that the one stands for the other. Of a pod containers may begin later, in namespaces that are not there yet:
//! it is a cgroup, where there is only version 2 to be in.

use fathom_host::Host;
use fathom_host::cgroup::Layout;
use fathom_kernel::Scope;
use fathom_model::Container;
use fathom_trace::early::Named;

use super::{Watched, ids_of, together};
use crate::Node;

/// What is looked at instead of the machine; nothing if what is named is not exactly one container, or one pod, that runs, or
/// cannot be told from others in the kernel.
pub fn named(node: &Node, asked: &Named) -> Option<Watched> {
    let directory = node.at_once();
    let is_it = |container: &&Container| {
        let fits =
            |wanted: &Option<String>, own: Option<&str>| wanted.as_deref().is_none_or(|wanted| own == Some(wanted));
        let pod = container.pod.as_ref();
        fits(&asked.id, Some(container.short_id()))
            && fits(&asked.name, container.name.as_deref())
            && fits(&asked.pod, pod.map(|pod| pod.name.as_str()))
            && fits(&asked.namespace, pod.map(|pod| pod.namespace.as_str()))
    };
    let found: Vec<&Container> = directory.containers().iter().filter(is_it).collect();
    if asked.id.is_none() && asked.name.is_none() {
        return pod(&node.host, &found, asked);
    }
    let [container] = found[..] else { return None };
    container.pid?;
    let watched = together(&node.host, &directory, std::slice::from_ref(container), container.describe()).ok()?;
    (!matches!(watched.scope, Scope::Trees(_) | Scope::Machine)).then_some(watched)
}

/// The cgroup that all containers of one pod are in, those that have not begun yet too.
fn pod(host: &Host, found: &[&Container], asked: &Named) -> Option<Watched> {
    if !Layout::of(host).ok()?.v1.is_empty() {
        return None;
    }
    let first = found.first()?;
    let uid = first.pod.as_ref()?.uid.as_deref()?;
    let folder = |container: &Container| Some(container.cgroup.as_deref()?.rsplit_once('/')?.0.to_owned());
    let above = folder(first)?;
    // systemd has its own meaning for dashes.
    let is_its_own = above.rsplit('/').next().is_some_and(|last| last.replace('_', "-").contains(uid));
    let is_one = found.iter().all(|other| {
        other.pod.as_ref().and_then(|pod| pod.uid.as_deref()) == Some(uid) && folder(other).as_ref() == Some(&above)
    });
    let ids = ids_of(host, &[&above]).filter(|ids| ids.len() == 1 && is_its_own && is_one)?;
    Some(Watched { title: format!("pod {}", asked.pod.as_deref()?), scope: Scope::Cgroups(ids), blind: None })
}
