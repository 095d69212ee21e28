//! The stories of a user with a cluster, on a real one: `FATHOM_E2E_KUBECONFIG` names its kubeconfig. Its nodes must
//! have the images `busybox:1.35` and the agent's (`fathom image export`).

mod agentless;
mod support;
