//! The stories of a user with a cluster. `FATHOM_E2E_KUBECONFIG` names the kubeconfig of a real one, whose nodes must
//! have the images `busybox:1.35` and the agent's (`fathom image export`); otherwise each test starts one of its own.

mod agentless;
mod completion;
mod crashing;
mod crowd;
mod ephemeral;
mod faults;
mod forks;
mod habits;
mod installation;
mod installed;
mod networks;
mod nodes;
mod reached;
mod renewals;
mod support;
mod through_server;
mod traces;
mod walks;
