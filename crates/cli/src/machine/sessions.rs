//! `fathom sessions` on this machine.

use std::io::IsTerminal as _;

use fathom_enter::client::{self, Outcome};
use fathom_enter::sweep;
use fathom_protocol::Input;

use super::node;
use crate::output::sessions::Placed;
use crate::words::{Sessions, SessionsAction};
use crate::{output, printer};

pub(crate) fn sessions(words: &Sessions) -> anyhow::Result<i32> {
    let registry = node::registry();
    match &words.action {
        None | Some(SessionsAction::List) => {
            sweep::sweep(&registry);
            let ids = registry.ids().unwrap_or_default();
            let states = ids.iter().filter_map(|id| registry.state(id).ok());
            let seen: Vec<Placed> = states.map(|state| Placed { node: None, seen: state.seen }).collect();
            printer::data(&output::records(output::sessions::FIELDS, &seen, words.output)?);
            Ok(0)
        }
        Some(SessionsAction::Attach { id }) => {
            let input = if std::io::stdin().is_terminal() { Input::Forwarded } else { Input::Closed };
            match client::attach(&registry, id, input, &mut |text| printer::notice(text))? {
                Outcome::Ended(ending) => Ok(ending.status()),
                Outcome::Detached => Ok(0),
            }
        }
        Some(SessionsAction::Kill { id }) => {
            client::kill(&registry, id)?;
            Ok(0)
        }
        Some(SessionsAction::Release { id }) => {
            client::release(&registry, id)?;
            Ok(0)
        }
        Some(SessionsAction::Cleanup) => {
            let swept = sweep::sweep(&registry);
            printer::data(&format!("{} sessions removed, {} processes ended\n", swept.sessions, swept.processes));
            Ok(0)
        }
    }
}
