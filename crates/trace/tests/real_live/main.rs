//! What happens now, looked at by the real programs in the real kernel: in two ways at once, which have to agree.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod stage;
mod totals;
