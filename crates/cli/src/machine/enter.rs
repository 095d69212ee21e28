//! `fathom enter` of a target on this machine: from an entry to a status.

use std::fs::File;

use fathom_agent::entry::{self, Prepared, Sought};
use fathom_enter::client::Outcome;
use fathom_enter::failure::refused;
use fathom_model::{Class, Failure};
use fathom_protocol::{Entry, Input};

use super::listening::Listening;
use super::node;
use super::output::plan;
use super::words::Here;
use crate::printer;
use crate::words::Enter;

impl Here {
    /// Whether a target of a cluster can do without this machine.
    pub(crate) fn fit_a_cluster(&self) -> Result<(), Failure> {
        if self.dry_run {
            return Err(Failure::new(Class::Usage, "--dry-run is for targets on this machine").hinting("leave it out"));
        }
        Ok(())
    }

    /// Words that do not go together.
    fn check(&self, entry: &Entry) -> Result<(), Failure> {
        if self.dry_run && entry.await_next.is_some() {
            return Err(Failure::new(Class::Usage, "--wait and --hold do not go with --dry-run")
                .hinting("leave one of them out"));
        }
        Ok(())
    }
}

pub(crate) fn enter(words: &Enter, target: &str, entry: &Entry, input: Input) -> anyhow::Result<i32> {
    words.here.check(entry)?;
    let sought = Sought::Named(target);
    let prepared = entry::prepare(&node::node(), sought, entry, &mut Listening::default())?;
    if words.here.dry_run {
        printer::data(&plan::show(&prepared.plan));
        return Ok(0);
    }
    carry(words, prepared, input)
}

fn carry(words: &Enter, prepared: Prepared, input: Input) -> anyhow::Result<i32> {
    let recording = match &words.record {
        Some(path) => {
            Some(File::create(path).map_err(|error| refused(format!("record to {}", path.display()), error))?)
        }
        None => None,
    };
    let session = prepared.start(recording)?;
    let id = session.id().to_owned();
    match session.carry(input, &mut |text| printer::notice(text))? {
        Outcome::Ended(ending) => Ok(ending.status()),
        Outcome::Detached => {
            printer::data(&format!("{id}\n"));
            Ok(0)
        }
    }
}
