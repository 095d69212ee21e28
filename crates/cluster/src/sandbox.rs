//! Containers that are no processes of their node: those with a kernel of their own, told by their runtime class.

use fathom_model::{Class, Failure};
use k8s_openapi::api::node::v1::RuntimeClass;
use kube::api::Api;

use crate::Cluster;
use crate::error::{Tried, failure};

/// What handlers are called by convention begins with one of these.
const HANDLERS: &[(&str, &str)] =
    &[("kata", "Kata Containers"), ("runsc", "gVisor"), ("gvisor", "gVisor"), ("firecracker", "Firecracker")];

/// Why an agent on the node cannot enter a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// `Kata Containers`
    pub kind: &'static str,
    /// The pod's runtime class.
    pub class: String,
    /// What that class calls its runtime.
    pub handler: String,
}

impl Sandbox {
    /// What a user should read about `pod`.
    pub fn describe(&self, pod: &str) -> String {
        let Sandbox { kind, class, handler } = self;
        format!("the pod {pod} runs in a sandbox ({kind}: runtime class {class}, handler {handler})")
    }

    /// Why a way that leads over the node ends here.
    pub fn out_of_reach(&self, pod: &str) -> Failure {
        let message = format!("{}, which no agent on its node can enter", self.describe(pod));
        Failure::new(Class::Unsupported, message)
            .hinting("`fathom enter --ephemeral` goes in with your own rights, by a container in the pod itself")
    }
}

impl Cluster {
    /// Whether a pod of this runtime class runs in a sandbox. Where we may not look at runtime classes, the name of the
    /// class is taken for that of its handler.
    pub async fn sandbox(&self, class: Option<&str>) -> Result<Option<Sandbox>, Failure> {
        let Some(class) = class.map(str::to_owned) else { return Ok(None) };
        let classes: Api<RuntimeClass> = Api::all(self.client.clone());
        let handler = match classes.get(&class).await {
            Ok(found) => found.handler,
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => class.clone(),
            Err(error) => {
                let (resource, group) = ("runtimeclasses", "node.k8s.io");
                return Err(failure(Tried { verb: "get", resource, group, namespace: None, name: &class }, error));
            }
        };
        Ok(kind(&handler).map(|kind| Sandbox { kind, class, handler }))
    }
}

fn kind(handler: &str) -> Option<&'static str> {
    let handler = handler.to_ascii_lowercase();
    HANDLERS.iter().find(|(beginning, _)| handler.starts_with(beginning)).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_of_sandboxes_are_known() {
        let check = |handler: &str, expect: Option<&str>| assert_eq!(kind(handler), expect, "{handler}");
        check("kata", Some("Kata Containers"));
        check("kata-qemu", Some("Kata Containers"));
        check("Kata-CLH", Some("Kata Containers"));
        check("runsc", Some("gVisor"));
        check("gvisor", Some("gVisor"));
        check("runc", None);
        check("crun", None);
        check("nvidia", None);
    }
}
