//! What a node answers: a session as others see it. [`Action::List`](crate::Action::List) is answered with a list of
//! them, as JSON.

use serde::{Deserialize, Serialize};

use crate::Grant;

/// A session. What is on record about it on its own machine is more, and begins with the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// [`Seen::VERSION`] of who says it.
    pub version: u32,
    /// What `attach` and `kill` take.
    pub id: String,
    /// What was entered.
    pub target: String,
    /// The command; empty for a shell.
    pub command: Vec<String>,
    /// Profile name.
    pub profile: String,
    /// Who asked, as a uid of its machine.
    pub owner: u32,
    /// Seconds since 1970.
    pub started: u64,
    /// Process number of the supervisor.
    pub supervisor: u32,
    /// Whether it goes on without a client.
    pub detached: bool,
    /// Whether it has a terminal.
    pub terminal: bool,
    /// For whom a server had it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
}

impl Seen {
    /// Grows when a client of the version before would misunderstand.
    pub const VERSION: u32 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMISED: &str = include_str!("golden/seen-v1.json");
    const GRANTED: &str = include_str!("golden/seen-granted-v1.json");

    fn seen() -> Vec<Seen> {
        vec![Seen {
            version: Seen::VERSION,
            id: "b3ji99fmya".into(),
            target: "web".into(),
            command: vec!["sleep".into(), "1h".into()],
            profile: "general".into(),
            owner: 0,
            started: 1_700_000_000,
            supervisor: 4211,
            detached: true,
            terminal: false,
            grant: None,
        }]
    }

    fn granted() -> Vec<Seen> {
        let grant = Grant {
            server: "fathom".into(),
            session: "4f1c".into(),
            target: "shop/pod/web-0/web".into(),
            user: "jane".into(),
            uid: Some("4211".into()),
            created: "2026-11-21T00:00:00Z".into(),
        };
        seen().into_iter().map(|seen| Seen { grant: Some(grant.clone()), ..seen }).collect()
    }

    /// Other versions of ourselves have to understand it.
    #[test]
    fn a_session_is_told_as_was_promised() {
        assert_eq!(serde_json::to_string(&seen()).expect("it is plain data") + "\n", PROMISED);
        assert_eq!(serde_json::to_string(&granted()).expect("it is plain data") + "\n", GRANTED);
    }

    #[test]
    fn what_later_versions_add_is_passed_over() {
        let more = PROMISED.replace("\"version\"", "\"leaf\":null,\"version\"");
        assert_eq!(serde_json::from_str::<Vec<Seen>>(&more).expect("the rest is known"), seen());
        assert_eq!(serde_json::from_str::<Vec<Seen>>(GRANTED).expect("it was promised"), granted());
    }
}
