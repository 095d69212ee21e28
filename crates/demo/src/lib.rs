//! A small shop of four sandboxes to try everything on, with nothing installed.
//!
//! **Owns** the shop: who is in it, how its sandboxes are made out of this program's own file, its network, its
//! keeper, and how all of it goes away again. **Does not** print, and knows nothing of entering or tracing: to the
//! rest of `fathom` the shop is four containers like any others.
//!
//! ```text
//! up ── starts ──▶ keeper            holds the lock, the bridge's network namespace and the logs; restarts who ends
//!                   ├ customer       asks web for its page once a second
//!                   ├ web  10.231.0.2   read-only root, uid 65532, no capabilities
//!                   ├ api  10.231.0.3   uid 1000, a writable /tmp; fails now and then, is slow now and then
//!                   ├ db   10.231.0.4   root, a volume at /data
//!                   └ crash 10.231.0.5  ends every few seconds
//! ```
//!
//! Everybody below the keeper dies with it: nothing of the shop is held by anything but processes, except files and
//! cgroups, which the next [`up`] or [`down`] clears.
//!
//! Read [`shop`] first, then `verbs`, `keeper` and `sandbox`.
//!
//! ```no_run
//! let place = fathom_demo::Place::of_user(0, None);
//! let report = fathom_demo::up(&place, None)?;
//! assert_eq!(report.sandboxes.len(), 4);
//! fathom_demo::down(&place)?;
//! # Ok::<(), fathom_demo::Error>(())
//! ```

mod error;
mod place;
mod record;
mod report;
pub mod shop;
mod verbs;

mod keeper;
mod network;
mod roles;
mod sandbox;
mod sweep;

pub use error::Error;
pub use place::Place;
pub use report::{Gone, Outcome, Report, SandboxStatus, State, Status};
pub use roles::{main, role};
pub use verbs::{down, status, up};
