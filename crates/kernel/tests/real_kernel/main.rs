//! The real programs in the real kernel, looking at processes that the tests start and at nothing else.

mod actor;
mod calls;
mod counts;
mod network;
mod order;
mod scopes;
mod snapshot;
mod stage;
mod stepping;
mod tally;
