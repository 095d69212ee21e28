//! Where only sums are shown, calls need not be told one by one: whoever makes them adds them up. Decided here, by what
//! the filters and the keys of a table read.

use crate::fields::{Argument, Bound};
use crate::views::Reads;

/// What calls are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apart {
    /// By nothing: it is the same of all of them.
    Nothing,
    /// By which call it is.
    Call,
    /// By that and by the error that it returned.
    Error,
    /// By the thread that makes it and the program that the thread is.
    Task,
}

/// Fields that are the same of all calls that are not told apart; a final `*` stands for any end. With any other, each
/// call counts for itself: those of descriptors are not here, because what a descriptor is called depends on calls too.
pub const FIELDS: &[(&str, Apart)] = &[
    ("evt.count", Apart::Nothing),
    ("evt.count.exit", Apart::Nothing),
    ("evt.dir", Apart::Nothing),
    ("evt.type*", Apart::Call),
    ("syscall.type", Apart::Call),
    ("evt.is_io", Apart::Call),
    ("evt.is_io_read", Apart::Call),
    ("evt.is_io_write", Apart::Call),
    ("evt.io_dir", Apart::Call),
    ("evt.is_wait", Apart::Call),
    ("evt.failed", Apart::Error),
    ("evt.count.error", Apart::Error),
    ("thread.tid", Apart::Task),
    ("thread.vtid", Apart::Task),
    ("proc.pid", Apart::Task),
    ("proc.vpid", Apart::Task),
    ("proc.name", Apart::Task),
    ("proc.exe", Apart::Task),
    ("proc.exepath", Apart::Task),
    ("proc.exeline", Apart::Task),
    ("proc.args", Apart::Task),
    ("proc.cmdline", Apart::Task),
    ("container.id", Apart::Task),
    ("container.name", Apart::Task),
    ("container.type", Apart::Task),
    ("container.image*", Apart::Task),
    ("k8s.*", Apart::Task),
];

/// Calls that never return, and are in no sum of those that did.
const ENDLESS: &[&str] = &["exit", "exit_group"];

/// Whether sums of the call `name` can be had.
pub(super) fn has_total(name: &str) -> bool {
    !ENDLESS.contains(&name)
}

/// What is added up, and what by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// What calls are told apart by.
    pub by: Vec<Apart>,
    /// Whether it is added up how long calls take.
    pub time: Time,
}

/// Whether it is added up how long calls take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// It is.
    Added,
    /// Nobody asks.
    Ignored,
}

impl Totals {
    /// What a view needs of which events pass by what is `asked`; nothing if it needs the events themselves.
    pub(super) fn of(asked: &[&Bound], view: &Reads<'_>) -> Option<Totals> {
        let adds = view.adds?;
        let time = match (view.fields.get(adds)?.row.name, &view.fields[adds].argument) {
            ("evt.latency", _) => Time::Added,
            ("evt.count", _) | ("evt.rawarg", Argument::Param("res", _)) => Time::Ignored,
            _ => return None,
        };
        let filter = view.filter.iter().flat_map(|filter| filter.fields());
        let keys = view.fields.iter().enumerate().filter(|(index, _)| *index != adds).map(|(_, field)| field);
        let mut by = Vec::new();
        for field in asked.iter().copied().chain(filter).chain(keys) {
            let apart = apart(field.row.name)?;
            if !by.contains(&apart) {
                by.push(apart);
            }
        }
        Some(Totals { by, time })
    }

    /// Whether calls are told apart by this.
    pub fn tells(&self, apart: Apart) -> bool {
        self.by.contains(&apart)
    }
}

fn apart(name: &str) -> Option<Apart> {
    let fits = |pattern: &str| pattern.strip_suffix('*').map_or(pattern == name, |begin| name.starts_with(begin));
    FIELDS.iter().find(|row| fits(row.0)).map(|row| row.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::rows;

    #[test]
    fn every_name_in_the_table_is_one() {
        for (pattern, _) in FIELDS {
            assert!(rows().any(|row| row.name.starts_with(pattern.trim_end_matches('*'))), "{pattern}");
        }
    }
}
