//! What there is on this machine, by name, for whoever completes a word.

use fathom_model::State;

use super::node;

/// Names of containers that run here.
pub(crate) fn containers() -> Vec<String> {
    let (directory, _) = node::node().complete();
    let running = directory.containers().iter().filter(|container| container.state == State::Running);
    running.filter_map(|container| container.name.clone()).collect()
}

/// Names of the toolkits that are kept here.
pub(crate) fn toolkits() -> Vec<String> {
    let entries = node::store().list().unwrap_or_default();
    entries.iter().map(|entry| entry.name().to_owned()).collect()
}

/// Ids of the sessions that are on record here.
pub(crate) fn session_ids() -> Vec<String> {
    node::node().registry.ids().unwrap_or_default()
}
