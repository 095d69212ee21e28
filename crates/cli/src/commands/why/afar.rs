//! What only a node can tell, asked of an agent there: tries from a pod's own network, and what a node knows of itself.
//! Both are sessions as `fathom enter` has them, by the same ways and rights, of our own program, which says in JSON what
//! it found; nothing of them stays.

use fathom_cluster::{Cluster, Goal};
use fathom_diagnose::eval::reach::Peer;
use fathom_diagnose::object::{Fields as _, Object};
use fathom_diagnose::probing::{self, MOST, Probing};
use fathom_diagnose::{Question, diagnose, wishes};
use fathom_model::{Class, Ending, Facts, Failure, Profile};
use fathom_protocol::api::Act;
use fathom_protocol::{Action, Entry, Place};
use serde_json::{Map, Value};

use super::live::Reader;
use crate::installed::{self, Way};
use crate::words::Agent;
use crate::{conversation, kubernetes};

/// What is wished beyond what the API knows.
pub(super) struct Further<'w> {
    /// Whether anything is tried, and whether that is one call.
    pub(super) probe: Option<Option<Peer>>,
    /// The pod to try from.
    pub(super) from: Option<&'w str>,
    /// Whether nodes are read.
    pub(super) nodes: bool,
    /// How an agent is had.
    pub(super) agent: &'w Agent,
}

/// A session looks for so long at most.
const PATIENCE: u64 = 60;
/// No answer is longer.
const LONGEST: usize = 64 << 20;
/// Names lead to addresses, and those to no more.
const ROUNDS: usize = 4;

impl Further<'_> {
    /// Adds to what is read what nodes can tell. What they cannot is added as that.
    ///
    /// # Errors
    /// Where the words mean nothing for this question.
    pub(super) async fn read(
        &self,
        cluster: &Cluster,
        reader: &mut Reader,
        question: &Question,
    ) -> Result<(), Failure> {
        if self.probe.is_none() && !self.nodes {
            let snapshot = reader.look();
            if let Some((what, switch)) = probing::offer(question, &diagnose(&snapshot, question)) {
                reader.gathering.lack(what, format!("{switch} looks there, by an agent on the node"));
            }
            return Ok(());
        }
        let way = installed::way(cluster, self.agent).await?;
        let far = Far { cluster, agent: self.agent, way };
        let from = match &self.probe {
            Some(peer) => self.tries(&far, reader, question, peer.as_ref()).await?,
            None => None,
        };
        if self.nodes {
            let nodes = wishes::nodes(&reader.look(), question, from.as_deref());
            if nodes.is_empty() {
                return Err(Failure::new(
                    Class::Usage,
                    "--node-facts reads the nodes of what is asked about; this is on none",
                )
                .hinting("name one: `kubectl fathom why node/NAME --node-facts`, pod/NAME or deploy/NAME"));
            }
            for node in nodes {
                reader.says(&format!("node {node}"));
                match far.facts(&node).await {
                    Ok(facts) => reader.gathering.facts(&facts),
                    Err(failure) => reader.gathering.lack(format!("read the node {node} itself"), told(&failure)),
                }
            }
        }
        Ok(())
    }

    /// Tries what there is to be tried. Gives the node from which it was.
    async fn tries(
        &self,
        far: &Far<'_>,
        reader: &mut Reader,
        question: &Question,
        peer: Option<&Peer>,
    ) -> Result<Option<String>, Failure> {
        if let Some(namespace) = self.from.map(probing::namespace_of).transpose()?.flatten() {
            reader.lists(&wishes::of_callers(namespace)).await;
        }
        let mut node = None;
        for _ in 0..ROUNDS {
            let snapshot = reader.look();
            let probing = match Probing::of(&snapshot, question, self.from, peer.cloned()) {
                Ok(probing) => probing,
                // What is known without is worth an answer.
                Err(failure) if failure.class == Class::NotFound && self.from.is_none() => {
                    reader.gathering.lack("try any connection", told(&failure));
                    return Ok(None);
                }
                Err(failure) => return Err(failure),
            };
            let (pod, mut tries) = (probing.pod, probing.next());
            node = Some(pod.text("/spec/nodeName").to_owned());
            let (id, left) = (pod.id.clone(), tries.len().saturating_sub(MOST));
            tries.truncate(MOST);
            let last = tries.is_empty() || left > 0;
            let missed = if last { probing.untried() } else { Vec::new() };
            if !tries.is_empty() {
                reader.says(&format!("{} tries from {}/{}", tries.len(), id.namespace, id.name));
                match far.probe(pod, &tries).await {
                    Ok(answers) => {
                        answers.into_iter().for_each(|(what, answer)| reader.gathering.probed(&id, &what, answer));
                    }
                    Err(failure) => {
                        let what = format!("try connections from pod {}/{}", id.namespace, id.name);
                        reader.gathering.lack(what, told(&failure));
                        return Ok(node);
                    }
                }
            }
            for what in missed {
                reader.gathering.lack(what, "only TCP and name servers can be tried");
            }
            if left > 0 {
                let what = format!("try {left} more connections");
                reader.gathering.lack(what, "that is more than a diagnosis needs");
            }
            if last {
                break;
            }
        }
        Ok(node)
    }
}

/// A failure in one line, with what to do about it.
fn told(failure: &Failure) -> String {
    let cause = failure.cause.iter().map(|cause| format!(": {cause}"));
    let hint = failure.hint.iter().map(|hint| format!("; {hint}"));
    std::iter::once(failure.message.clone()).chain(cause).chain(hint).collect()
}

/// Agents of a cluster.
struct Far<'c> {
    cluster: &'c Cluster,
    agent: &'c Agent,
    way: Way,
}

impl Far<'_> {
    /// Each try with its answer, from the network of a container that runs. It has the rights of an ordinary user there.
    async fn probe(&self, pod: &Object, tries: &[String]) -> Result<Vec<(String, Map<String, Value>)>, Failure> {
        let (name, id) = probing::container(pod).unwrap_or_default();
        let class = Some(pod.text("/spec/runtimeClassName")).filter(|class| !class.is_empty());
        if let Some(sandbox) = self.cluster.sandbox(class).await? {
            return Err(sandbox.out_of_reach(pod.name()));
        }
        let own = |text: &str| text.to_owned();
        let (namespace, uid) = (own(pod.ns()), own(pod.uid()));
        let goal = Goal::Container { namespace, pod: own(pod.name()), uid: uid.clone(), name: own(name) };
        let place = Place::Container { id: own(id), pod: uid };
        let command = std::iter::once("probe".to_owned()).chain(tries.iter().cloned());
        let entry = Entry { profile: profile(Profile::Restricted), ..entry(command.collect()) };
        let output = self.ask(&goal, place, pod.text("/spec/nodeName"), entry).await?;
        let answers = String::from_utf8_lossy(&output).into_owned();
        let answer = |line: &str| {
            let answer: Map<String, Value> = serde_json::from_str(line).ok()?;
            Some((answer.get("try")?.as_str()?.to_owned(), answer))
        };
        let answers: Vec<_> = answers.lines().filter_map(answer).collect();
        match answers.is_empty() {
            true => Err(Failure::new(Class::System, format!("nothing came back from the tries on {}", pod.name()))),
            false => Ok(answers),
        }
    }

    /// What a node knows of itself: it is asked as whoever stands on it asks, in its own file system.
    async fn facts(&self, node: &str) -> Result<Facts, Failure> {
        let words = ["/.fathom/bin/fathom", "why", "host", "--facts-of", node];
        let command = words.map(str::to_owned).to_vec();
        let entry = Entry { target_root: true, profile: profile(Profile::Host), ..entry(command) };
        let output = self.ask(&Goal::Node(node.to_owned()), Place::Node, node, entry).await?;
        serde_json::from_slice(&output).map_err(|error| {
            let failure = Failure::new(Class::System, format!("what the agent on {node} says cannot be read"));
            Failure { cause: Some(error.to_string()), ..failure }
                .hinting("use the same version of fathom on both sides")
        })
    }

    /// What a session says on its stdout, if it ends well.
    async fn ask(&self, goal: &Goal, place: Place, node: &str, entry: Entry) -> Result<Vec<u8>, Failure> {
        let (speaker, listener) = match self.way {
            Way::Server => self.cluster.begin_session(Act::Enter, goal, entry).await?,
            Way::Exec => {
                self.cluster.check_node(node).await?;
                let options = kubernetes::agent(self.agent, None);
                let entry = Entry { place, ..entry };
                self.cluster.reach(node, &options, Action::Enter(Box::new(entry))).await?
            }
        };
        let heard = conversation::listen(speaker, listener, LONGEST).await?;
        match heard.ending {
            Ending::Exited(0) => Ok(heard.output),
            _ => {
                let failure = Failure::new(Class::System, format!("the agent on {node} could not look"));
                Err(Failure { cause: Some(heard.errors.trim().replace('\n', "; ")), ..failure })
            }
        }
    }
}

fn profile(profile: Profile) -> Option<String> {
    Some(profile.name().to_owned())
}

fn entry(command: Vec<String>) -> Entry {
    Entry { command, toolkit: Some("mini".to_owned()), ttl: Some(PATIENCE), ..Entry::default() }
}
