//! What works in a cluster for whoever asks, before it is needed: the API, the caller's rights, the nodes, a server of
//! ours. Looks, changes nothing.

use fathom_model::Failure;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, PostParams};

use crate::error::{Tried, failure};
use crate::{AgentOptions, Cluster, Presence};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What it is called.
    pub what: String,
    /// How it is.
    pub standing: Standing,
    /// What it is for or like; where it is missing, what is lost.
    pub note: String,
    /// What the API server said.
    pub cause: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There, and it works.
    Works,
    /// Not there, and nothing is lost.
    Absent,
    /// Not there, and something is lost.
    Gap,
    /// Not there, and nothing can be entered.
    Blocks,
}

/// Which way an entry would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Through a server of ours, if there is one.
    Any,
    /// Past it.
    Past,
}

/// Where a right is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the target's namespace.
    Target,
    /// In the agents'.
    Agents,
    /// In the whole cluster.
    Everywhere,
}

/// A right that some way in asks for.
struct Right {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    place: Place,
    /// What its lack means.
    lack: Standing,
    purpose: &'static str,
}

const fn right(
    verb: &'static str,
    (group, resource): (&'static str, &'static str),
    place: Place,
    lack: Standing,
    purpose: &'static str,
) -> Right {
    Right { verb, group, resource, place, lack, purpose }
}

/// Without a server: what finds a target, starts an agent and speaks with it.
const AGENTLESS: &[Right] = &[
    right("get", ("", "pods"), Place::Target, Standing::Blocks, "finding a pod and its node"),
    right("list", ("", "pods"), Place::Target, Standing::Gap, "workloads, services, -l and completion"),
    right(
        "get",
        ("", "nodes"),
        Place::Everywhere,
        Standing::Gap,
        "entering nodes; telling at once that one is not ready",
    ),
    right("list", ("", "pods"), Place::Agents, Standing::Blocks, "finding an agent that is there"),
    right("watch", ("", "pods"), Place::Agents, Standing::Blocks, "waiting for an agent"),
    right("create", ("batch", "jobs"), Place::Agents, Standing::Blocks, "starting an agent"),
    right("create", ("", "pods/exec"), Place::Agents, Standing::Blocks, "speaking with an agent"),
    right(
        "delete",
        ("batch", "jobs"),
        Place::Agents,
        Standing::Gap,
        "sessions cleanup; taking back an agent that cannot start",
    ),
    right(
        "patch",
        ("batch", "jobs"),
        Place::Agents,
        Standing::Gap,
        "letting an agent go within minutes whose client was killed before it could start",
    ),
    right("list", ("", "events"), Place::Agents, Standing::Gap, "telling at once that a namespace refuses the agent"),
];

/// Through a server: the rest is its own right.
const INSTALLED: &[Right] = &[
    right("get", ("", "pods"), Place::Target, Standing::Blocks, "finding a pod"),
    right("list", ("", "pods"), Place::Target, Standing::Gap, "workloads, services, -l and completion"),
    right("create", ("fathom.dev", "pods/enter"), Place::Target, Standing::Blocks, "entering pods"),
];

impl Cluster {
    /// Looks at everything, in the order in which an entry needs it: by the way that an entry would go.
    pub async fn checkup(&self, options: &AgentOptions, way: Way) -> Vec<Look> {
        let mut looks = vec![self.version().await];
        if looks[0].standing != Standing::Works {
            return looks;
        }
        let presence = match way {
            Way::Past => Presence::Absent,
            Way::Any => self.server().await.unwrap_or(Presence::Absent),
        };
        let rights = if presence == Presence::Served { INSTALLED } else { AGENTLESS };
        if way == Way::Any {
            looks.push(of_server(&presence));
        }
        looks.push(self.nodes().await);
        for right in rights {
            looks.push(self.may(right, options).await);
        }
        if presence != Presence::Served {
            looks.push(self.admits(options).await);
        }
        looks
    }

    async fn version(&self) -> Look {
        let tried = Tried { verb: "get", resource: "/version", group: "", namespace: None, name: "" };
        match self.client.apiserver_version().await {
            Ok(version) => works(format!("Kubernetes {}", version.git_version), "the API server answers".to_owned()),
            Err(error) => lacks(
                Standing::Blocks,
                "the API server".to_owned(),
                "does not answer".to_owned(),
                failure(tried, error),
            ),
        }
    }

    async fn nodes(&self) -> Look {
        let tried = Tried { verb: "list", resource: "nodes", group: "", namespace: None, name: "" };
        let nodes = match Api::<Node>::all(self.client.clone()).list(&ListParams::default()).await {
            Ok(nodes) => nodes.items,
            Err(error) => {
                return lacks(
                    Standing::Gap,
                    "nodes".to_owned(),
                    "cannot be looked at".to_owned(),
                    failure(tried, error),
                );
            }
        };
        let is_ready = |node: &Node| {
            let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
            conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
        };
        let lame: Vec<String> = nodes.iter().filter(|node| !is_ready(node)).map(|node| node.name_any()).collect();
        if lame.is_empty() {
            return works("nodes".to_owned(), format!("{} ready", nodes.len()));
        }
        Look {
            standing: Standing::Gap,
            remedy: Some("`kubectl describe node` says why; on the node itself plain `fathom` works".to_owned()),
            ..works("nodes".to_owned(), format!("not ready, so no agent can start there: {}", lame.join(", ")))
        }
    }

    /// Asks whether we may: the one question that everybody may ask.
    async fn may(&self, right: &Right, options: &AgentOptions) -> Look {
        let namespace = match right.place {
            Place::Target => Some(self.namespace.as_str()),
            Place::Agents => Some(options.namespace.as_str()),
            Place::Everywhere => None,
        };
        let (resource, subresource) = right.resource.split_once('/').unwrap_or((right.resource, ""));
        let attributes = ResourceAttributes {
            verb: Some(right.verb.to_owned()),
            group: Some(right.group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource: Some(subresource.to_owned()).filter(|name| !name.is_empty()),
            namespace: namespace.map(str::to_owned),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
        let review = SelfSubjectAccessReview { spec, ..Default::default() };
        let group = "authorization.k8s.io";
        let asking = Tried { verb: "create", resource: "selfsubjectaccessreviews", group, namespace: None, name: "" };
        let reviews = Api::<SelfSubjectAccessReview>::all(self.client.clone());
        let tried = Tried { verb: right.verb, resource: right.resource, group: right.group, namespace, name: "" };
        let what = tried.what();
        match reviews.create(&PostParams::default(), &review).await {
            Err(error) => lacks(Standing::Gap, what, "cannot be asked".to_owned(), failure(asking, error)),
            Ok(review) => {
                let status = review.status.unwrap_or_default();
                if status.allowed {
                    return works(what, right.purpose.to_owned());
                }
                Look {
                    standing: right.lack,
                    cause: status.reason.filter(|reason| !reason.is_empty()),
                    remedy: Some(format!("grant {}", tried.rule().replace('\n', ", "))),
                    ..works(what, format!("not allowed: {}", right.purpose))
                }
            }
        }
    }

    /// Whether the namespace of the agents lets one in. Who may not read a namespace learns it from the agent's fate.
    async fn admits(&self, options: &AgentOptions) -> Look {
        let what = format!("the namespace {}", options.namespace);
        let tried = Tried { verb: "get", resource: "namespaces", group: "", namespace: None, name: &options.namespace };
        let namespace = match Api::<Namespace>::all(self.client.clone()).get(&options.namespace).await {
            Ok(namespace) => namespace,
            Err(error) => {
                let missing = matches!(&error, kube::Error::Api(status) if status.code == 404);
                let (standing, note) = if missing {
                    (Standing::Blocks, "is not there; agents run in it")
                } else {
                    (Standing::Absent, "may not be looked at; agents run in it")
                };
                return lacks(standing, what, note.to_owned(), failure(tried, error));
            }
        };
        match namespace.labels().get("pod-security.kubernetes.io/enforce").map(String::as_str) {
            None | Some("privileged") => works(what, "agents run in it".to_owned()),
            Some(level) => Look {
                standing: Standing::Blocks,
                remedy: Some("--agent-namespace names another, whose Pod Security level is privileged".to_owned()),
                ..works(what, format!("refuses agents: its Pod Security level is {level}"))
            },
        }
    }
}

fn of_server(presence: &Presence) -> Look {
    let what = "a server of fathom".to_owned();
    match presence {
        Presence::Served => works(what, "answers; entries go through it".to_owned()),
        Presence::Absent => Look {
            standing: Standing::Absent,
            ..works(what, "none; entries go by your own rights, through an agent that comes and goes".to_owned())
        },
        Presence::Silent(why) => Look {
            standing: Standing::Gap,
            cause: Some(why.clone()),
            remedy: Some("`kubectl describe apiservice v1alpha1.fathom.dev` says why".to_owned()),
            ..works(what, "is installed and does not answer; entries go past it, by your own rights".to_owned())
        },
    }
}

fn works(what: String, note: String) -> Look {
    Look { what, standing: Standing::Works, note, cause: None, remedy: None }
}

fn lacks(standing: Standing, what: String, note: String, failure: Failure) -> Look {
    Look {
        standing,
        cause: failure.cause,
        remedy: failure.hint.map(|hint| hint.replace('\n', ", ")),
        ..works(what, note)
    }
}
