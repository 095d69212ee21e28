//! What is known of threads and descriptors at every moment of a recording that is made here, event by event; and that
//! no recording, however damaged, makes a panic.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod containers;
mod damage;
mod early;
mod hostile;
mod known;
mod newer;
mod own;
mod tale;
