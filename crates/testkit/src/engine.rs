//! Real container engines for tests, each on sockets, roots, state folders and cgroups of its own.
//!
//! A [`Spec`] says what to run; an engine runs it and says its pid. All files lie in one [`Scratch`](crate::Scratch)
//! folder per engine. Dropping an engine, also while a test panics, ends its containers and takes its mounts,
//! processes, cgroups and files away.
//!
//! ```no_run
//! use fathom_testkit::engine::{Runc, Spec};
//!
//! let runc = Runc::new();
//! let web = runc.run(&Spec::scratch("web", ["/app"]).read_only().user(65532).no_capabilities());
//! assert!(web.is_alive());
//! ```

mod account;
mod cable;
mod cgroup;
mod containerd;
mod docker;
mod home;
pub mod image;
mod podman;
pub(crate) mod process;
mod runc;
mod spec;

pub use cable::{CABLE, plug};
pub use containerd::Containerd;
pub use docker::Docker;
pub use podman::Podman;
pub use process::Running;
pub use runc::Runc;
pub use spec::{Access, Capabilities, MAPPED_COUNT, MAPPED_FROM, Network, NewPrivileges, Spec, Users};
