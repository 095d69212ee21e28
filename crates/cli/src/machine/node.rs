//! Where things are on this machine, with what the environment adds.

use std::path::PathBuf;

use fathom_agent::Node;
use fathom_enter::client;
use fathom_enter::session::Registry;
use fathom_host::Host;
use fathom_runtime::Places;
use fathom_toolkit::Store;

use crate::environment;

/// This machine as the environment describes it.
pub(crate) fn node() -> Node {
    let recordings = environment::value("FATHOM_RECORDINGS");
    let recordings = recordings.map_or_else(|| "/var/lib/fathom/recordings".into(), PathBuf::from);
    Node {
        host: Host::local(),
        places: places(),
        store: store(),
        registry: registry(),
        recordings,
        environment: said(),
        temporary: std::env::temp_dir(),
    }
}

/// Variables that say where things are on this machine.
const WHERE: [&str; 7] = [
    "CONTAINER_RUNTIME_ENDPOINT",
    "DOCKER_HOST",
    "FATHOM_RECORDINGS",
    "FATHOM_ROOT",
    "FATHOM_RUN",
    "FATHOM_STORE",
    "XDG_RUNTIME_DIR",
];

fn said() -> Vec<(String, String)> {
    let temporary = ("TMPDIR".to_owned(), std::env::temp_dir().display().to_string());
    let known = WHERE.iter().filter_map(|name| Some(((*name).to_owned(), environment::text(name)?)));
    known.chain([temporary]).collect()
}

/// Where engines are looked for, with what the environment adds.
pub(crate) fn places() -> Places {
    let mut places = environment::value("FATHOM_ROOT").map_or_else(Places::of_this_machine, Places::rooted);
    let more = environment::text("CONTAINER_RUNTIME_ENDPOINT");
    if let Some(with) = more.and_then(|address| places.clone().with_cri(&address).ok()) {
        places = with;
    }
    if let Some(with) = environment::text("DOCKER_HOST").and_then(|address| places.clone().with_docker(&address).ok()) {
        places = with;
    }
    places
}

/// The store of this user.
pub(crate) fn store() -> Store {
    let place = environment::value("FATHOM_STORE").map(PathBuf::from).unwrap_or_else(|| {
        let home = environment::value("HOME").map(PathBuf::from);
        match home {
            Some(home) if !rustix::process::geteuid().is_root() => home.join(".local/share/fathom/store"),
            _ => "/var/lib/fathom/store".into(),
        }
    });
    Store::at(place)
}

/// Where the user's sessions are on record.
pub(crate) fn registry() -> Registry {
    match environment::value("FATHOM_RUN") {
        Some(folder) => Registry::at(PathBuf::from(folder).join("sessions")),
        None => client::registry(environment::value("XDG_RUNTIME_DIR").map(PathBuf::from)),
    }
}
