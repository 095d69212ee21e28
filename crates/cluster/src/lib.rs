//! A Kubernetes cluster, with the rights of whoever asks: where a pod runs, an agent on its node, a conversation with
//! it.
//!
//! **Owns** everything that is said to the API server. **Does not** know what an entry is made of (`protocol` and the
//! node do) nor what a terminal is (`cli` does). Nothing here needs Linux.
//!
//! Read in this order: [`access`] (who we are), [`locate`] (a name to a container on a node), [`crowd`] (a selector to
//! many of them), [`agent`] (a pod of ours on that node), [`conversation`] (frames through an exec of it).
//! [`collect`] reads much at once. [`installed`] is the client's side of a server in the cluster, [`server`] what that
//! server asks of the API server.

pub mod access;
pub mod agent;
mod autopsy;
pub mod beside;
pub mod checkup;
pub mod collect;
pub mod conversation;
pub mod crowd;
pub mod ephemeral;
mod error;
pub mod fork;
mod forking;
pub mod incarnation;
pub mod installed;
pub mod locate;
mod names;
mod sandbox;
pub mod server;
mod sharing;

pub use access::{Access, Cluster, contexts};
pub use agent::{Agent, AgentOptions};
pub use beside::Beside;
pub use checkup::Look;
pub use conversation::{Listener, Speaker, cut_off};
pub use crowd::{Crowd, Selection};
pub use error::is_against_pod_security;
pub use forking::{Forked, Original};
pub use incarnation::Next;
pub use installed::{Goal, Presence};
pub use locate::Located;
pub use sandbox::Sandbox;
pub use sharing::Agents;
