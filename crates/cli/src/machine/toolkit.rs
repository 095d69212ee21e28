//! `fathom toolkit`: the tools that can come along, made, brought, shown and taken away.

use std::path::Path;
use std::time::SystemTime;

use fathom_agent::tools::{failure, import};
use fathom_model::{Class, Failure};
use fathom_toolkit::full::{self, FullOptions};
use fathom_toolkit::{Source, build_full};

use super::listening::Listening;
use super::output::progress::Bar;
use super::output::toolkits;
use super::words::{Toolkit, ToolkitAction};
use super::{archive, node};
use crate::whole::{self, Readers};
use crate::{output, printer};

pub(crate) fn run(words: &Toolkit) -> anyhow::Result<i32> {
    let store = node::store();
    match &words.action {
        None | Some(ToolkitAction::List) => {
            let entries = store.list().map_err(failure)?;
            printer::data(&output::records(toolkits::FIELDS, &entries, words.output)?);
        }
        Some(ToolkitAction::Import { source }) => {
            let entry = import(&store, &Source::detect(source).map_err(failure)?, &mut Listening::default())?;
            printer::data(&format!("{}\n", entry.name()));
        }
        Some(ToolkitAction::Export { name, file }) => {
            let entry = store.find(name).map_err(failure)?.ok_or_else(|| unknown(name))?;
            archive::to(file.as_deref(), |out| store.export(&entry, out).map_err(failure))?;
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
    let packed = file.unwrap_or(&scratch);
    let mut bar = Bar::new();
    let made = whole::write(packed, Readers::Usual, |out| {
        build_full(store, &options, out, &mut |line| bar.line(line)).map_err(failure)?;
        Ok(())
    });
    drop(bar);
    let entry = made.and_then(|()| Ok(import(store, &Source::Archive(packed.to_owned()), &mut Listening::default())?));
    if file.is_none() {
        let _ = std::fs::remove_file(&scratch);
    }
    entry?;
    printer::data(&format!("{}\n", full::NAME));
    Ok(())
}

fn unknown(name: &str) -> Failure {
    Failure::new(Class::NotFound, format!("the store has no toolkit `{name}`"))
        .hinting("`fathom toolkit list` names them")
}
