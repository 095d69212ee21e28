//! `fathom toolkit`: the tools that can come along, made, brought, shown and taken away.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;
use fathom_enter::failure::refused;
use fathom_enter::{Class, Failure};
use fathom_toolkit::full::{self, FullOptions};
use fathom_toolkit::{Source, build_full};

use crate::toolkit::{failure, import, store};
use crate::words::{Toolkit, ToolkitAction};
use crate::{output, printer};

pub(crate) fn run(words: &Toolkit) -> anyhow::Result<i32> {
    let store = store();
    match &words.action {
        None | Some(ToolkitAction::List) => {
            let entries = store.list().map_err(failure)?;
            printer::data(&output::records(output::toolkits::FIELDS, &entries, words.output)?);
        }
        Some(ToolkitAction::Import { source }) => {
            let entry = import(&store, &Source::detect(source).map_err(failure)?)?;
            printer::data(&format!("{}\n", entry.name()));
        }
        Some(ToolkitAction::Export { name, file }) => {
            let entry = store.find(name).map_err(failure)?.ok_or_else(|| unknown(name))?;
            match file {
                Some(path) => write_whole(path, |out| Ok(store.export(&entry, out).map_err(failure)?))?,
                None if std::io::stdout().is_terminal() => {
                    return Err(Failure::new(Class::Usage, "will not write an archive to a terminal")
                        .hinting("name a file, or redirect stdout")
                        .into());
                }
                None => store.export(&entry, &mut std::io::stdout().lock()).map_err(failure)?,
            }
        }
        Some(ToolkitAction::Remove { name }) => {
            let entry = store.find(name).map_err(failure)?.ok_or_else(|| unknown(name))?;
            store.remove(&entry).map_err(failure)?;
        }
        Some(ToolkitAction::Build { file, add }) => build(&store, file.as_deref(), add)?,
    }
    Ok(0)
}

/// Builds the full toolkit and brings it into the store; keeps the archive where a file is named.
fn build(store: &fathom_toolkit::Store, file: Option<&Path>, add: &[String]) -> anyhow::Result<()> {
    let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let options = FullOptions { extra: add.to_vec(), epoch };
    let scratch = std::env::temp_dir().join(format!("fathom-toolkit-{}.tar", std::process::id()));
    let archive = file.unwrap_or(&scratch);
    let mut bar = output::progress::Bar::new();
    let made = write_whole(archive, |out| {
        build_full(store, &options, out, &mut |line| bar.line(line)).map_err(failure)?;
        Ok(())
    });
    drop(bar);
    let entry = made.and_then(|()| Ok(import(store, &Source::Archive(archive.to_owned()))?));
    if file.is_none() {
        let _ = std::fs::remove_file(&scratch);
    }
    entry?;
    printer::data(&format!("{}\n", full::NAME));
    Ok(())
}

/// Writes a file that is there in full or not at all.
fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut half = path.as_os_str().to_owned();
    half.push(".part");
    let mut file = File::create(&half).map_err(|error| refused(format!("write {}", path.display()), error))?;
    let written = write(&mut file).and_then(|()| file.flush().context("cannot finish the file"));
    match written {
        Ok(()) => std::fs::rename(&half, path).with_context(|| format!("cannot put {} in its place", path.display())),
        Err(error) => {
            let _ = std::fs::remove_file(&half);
            Err(error)
        }
    }
}

fn unknown(name: &str) -> Failure {
    Failure::new(Class::NotFound, format!("the store has no toolkit `{name}`"))
        .hinting("`fathom toolkit list` names them")
}
