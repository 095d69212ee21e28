//! Which tools come along, and images that are entered: by name from the store, or brought into it first.

use std::fs::File;

use fathom_enter::failure::refused;
use fathom_enter::options::Toolkit;
use fathom_enter::{Class, Failure, trampoline};
use fathom_model::Hint as _;
use fathom_protocol::Bounds;
use fathom_toolkit::{Entry, Error, Limits, Source, Store, full};

use crate::Listener;

/// A toolkit that is ready to be mounted, with what keeps it there.
pub(crate) struct Chosen {
    pub(crate) toolkit: Toolkit,
    pub(crate) hold: Option<File>,
}

/// The toolkit called `name`; without a name, the full one if there is one, else the one inside this program.
/// What a server's bounds do not allow is refused, and then nothing is fetched or read that the store does not have.
pub(crate) fn choose(
    store: &Store,
    name: Option<&str>,
    bounds: Option<&Bounds>,
    listener: &mut dyn Listener,
) -> Result<Chosen, Failure> {
    let entry = match name {
        Some("mini") => None,
        None => store.find(full::NAME).ok().flatten().filter(|full| is_allowed(bounds, &full.digest.to_string())),
        Some("full") => Some(store.find(full::NAME).map_err(failure)?.ok_or_else(no_full)?),
        Some(name) if bounds.is_some() => Some(store.find(name).map_err(failure)?.ok_or_else(|| not_here(name))?),
        Some(name) => Some(bring(store, name, listener)?),
    };
    let what = entry.as_ref().map_or_else(|| "mini".to_owned(), |entry| entry.digest.to_string());
    if !is_allowed(bounds, &what) && !entry.as_ref().is_some_and(|entry| came_allowed(store, bounds, entry)) {
        let allowed = bounds.and_then(|bounds| bounds.toolkits.as_deref()).unwrap_or_default().join(", ");
        return Err(Failure::new(
            Class::Denied,
            format!("the policy of the cluster does not allow the toolkit {what}"),
        )
        .hinting(format!("--toolkit takes one of: {allowed}")));
    }
    match entry {
        Some(entry) => unpacked(&entry),
        None => Ok(Chosen {
            toolkit: Toolkit::Mini {
                applets: fathom_mini::APPLETS.iter().map(|applet| applet.name.to_owned()).collect(),
            },
            hold: None,
        }),
    }
}

/// What the store has under `name`, or else the archive, folder or image that `name` means, brought into it.
pub(crate) fn bring(store: &Store, name: &str, listener: &mut dyn Listener) -> Result<Entry, Failure> {
    if let Some(entry) = store.find(name).map_err(failure)? {
        return Ok(entry);
    }
    import(store, &Source::detect(name).map_err(failure)?, listener)
}

/// Unpacks `source` into the store.
pub fn import(store: &Store, source: &Source, listener: &mut dyn Listener) -> Result<Entry, Failure> {
    store.import(source, &Limits::default(), &mut |progress| listener.progress(&progress)).map_err(failure)
}

fn unpacked(entry: &Entry) -> Result<Chosen, Failure> {
    entry.check_architecture().map_err(failure)?;
    let hold = entry.hold().map_err(failure)?;
    let trampolines = entry.root().with_file_name("trampolines");
    trampoline::link(&entry.root(), &trampolines)
        .map_err(|error| refused(format!("link the tools of {}", entry.name()), error))?;
    let hold = hold.file().try_clone().map_err(|error| refused("hold the toolkit", error))?;
    let env = entry
        .config
        .env
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    let toolkit = Toolkit::Tree {
        name: entry.name().to_owned(),
        path: entry.root(),
        trampolines,
        env,
        shell: entry.config.command(),
    };
    Ok(Chosen { toolkit, hold: Some(hold) })
}

fn is_allowed(bounds: Option<&Bounds>, toolkit: &str) -> bool {
    bounds.and_then(|bounds| bounds.toolkits.as_ref()).is_none_or(|allowed| allowed.iter().any(|one| one == toolkit))
}

/// Whether `entry` is what an archive was that is allowed by its own digest.
fn came_allowed(store: &Store, bounds: Option<&Bounds>, entry: &Entry) -> bool {
    let allowed = bounds.and_then(|bounds| bounds.toolkits.as_deref()).unwrap_or_default();
    let mut archives = allowed.iter().filter_map(|one| one.parse().ok());
    archives.any(|archive| store.arrived(archive).is_some_and(|came| came.digest == entry.digest))
}

fn not_here(name: &str) -> Failure {
    Failure::new(Class::NotFound, format!("the node has no toolkit `{name}`"))
        .hinting("through a server only what is in the node's store comes along; --toolkit mini is always there")
}

fn no_full() -> Failure {
    Failure::new(Class::Unsupported, "there is no full toolkit on this machine")
        .hinting("`fathom toolkit build` makes one here, `fathom toolkit import FILE` takes one from elsewhere; --toolkit mini needs none")
}

/// A store's error in the words of everybody.
pub fn failure(error: Error) -> Failure {
    let class = match &error {
        Error::NotAnImage { .. } | Error::Several { .. } => Class::Usage,
        Error::Architecture { .. } => Class::Unsupported,
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Class::NotFound,
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => Class::Denied,
        _ => Class::System,
    };
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    Failure { class, message: error.to_string(), cause, hint: error.hint() }
}
