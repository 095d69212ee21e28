//! The real programs in the real kernel, looking at processes that the tests start and at nothing else.

mod calls;
mod stage;
