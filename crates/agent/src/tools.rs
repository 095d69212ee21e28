//! Which tools come along, and images that are entered: by name from the store, or brought into it first.

use std::fs::File;

use fathom_enter::failure::refused;
use fathom_enter::options::Toolkit;
use fathom_enter::{Class, Failure, trampoline};
use fathom_model::Hint as _;
use fathom_toolkit::{Entry, Error, Limits, Source, Store, full};

use crate::Listener;

/// A toolkit that is ready to be mounted, with what keeps it there.
pub(crate) struct Chosen {
    pub(crate) toolkit: Toolkit,
    pub(crate) hold: Option<File>,
}

/// The toolkit called `name`; without a name, the full one if there is one, else the one inside this program.
pub(crate) fn choose(store: &Store, name: Option<&str>, listener: &mut dyn Listener) -> Result<Chosen, Failure> {
    let entry = match name {
        Some("mini") => None,
        None => store.find(full::NAME).ok().flatten(),
        Some("full") => Some(store.find(full::NAME).map_err(failure)?.ok_or_else(no_full)?),
        Some(name) => Some(bring(store, name, listener)?),
    };
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
