//! `fathom ps` and `fathom enter` with the engines that people run: docker, containerd, podman, runc and crun, alive
//! and dead, each on sockets and folders of its own.

#[allow(dead_code, reason = "the other tests of sessions use all of it")]
#[path = "../real_enter/support.rs"]
mod support;

mod causes;
mod doubt;
mod every;
mod listing;
mod place;
mod reaches;
mod recycled;
mod seeds;
mod silence;
mod traced;
