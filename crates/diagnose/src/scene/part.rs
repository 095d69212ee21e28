//! A container of a pod: its spec and its status side by side, with the pointers to both.

use crate::eval::messages::call;
use crate::object::{Fields as _, Object};
use crate::snapshot::Proof;
use crate::time::Time;
use crate::value::Value;

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs before the others and ends.
    Init,
    /// Declared with the init containers, and goes on running.
    Sidecar,
    /// Regular.
    Main,
}

/// A container of a pod.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// Whose it is.
    pub pod: &'a Object,
    /// What it is for.
    pub role: Role,
    /// What was asked for.
    pub spec: &'a Value,
    /// The pointer to that.
    pub spec_at: String,
    status: Option<(String, &'a Value)>,
}

/// The fields of a pod that hold containers and their states.
const LISTS: [(&str, &str, Role); 2] =
    [("initContainers", "initContainerStatuses", Role::Init), ("containers", "containerStatuses", Role::Main)];

impl<'a> Part<'a> {
    /// The containers of a pod, init containers first.
    pub fn all(pod: &'a Object) -> Vec<Part<'a>> {
        let mut parts = Vec::new();
        for (specs, statuses, role) in LISTS {
            let at = format!("/status/{statuses}");
            for (index, spec) in pod.list(&format!("/spec/{specs}")).iter().enumerate() {
                let mut found = pod.list(&at).iter().enumerate();
                let status = found.find(|(_, status)| status.text("/name") == spec.text("/name"));
                let lasting = role == Role::Init && spec.text("/restartPolicy") == "Always";
                parts.push(Part {
                    pod,
                    role: if lasting { Role::Sidecar } else { role },
                    spec,
                    spec_at: format!("/spec/{specs}/{index}"),
                    status: status.map(|(index, status)| (format!("{at}/{index}"), status)),
                });
            }
        }
        parts
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        self.spec.text("/name")
    }

    /// What to call it in a sentence: a table does not tell its name.
    pub fn title(&self) -> String {
        let what = if self.role == Role::Init { "init container" } else { "container" };
        if self.name().is_empty() { format!("one {what}") } else { format!("{what} {}", self.name()) }
    }

    /// Its image.
    pub fn image(&self) -> &'a str {
        self.spec.text("/image")
    }

    /// `waiting`, `running` or `terminated` of its state.
    pub fn state(&self, which: &str) -> Option<&'a Value> {
        self.status.as_ref()?.1.at(&format!("/state/{which}"))
    }

    /// Why it waits.
    pub fn waits(&self) -> &'a str {
        self.state("waiting").map_or("", |state| state.text("/reason"))
    }

    /// How its last run ended, with the pointer.
    pub fn end(&self) -> Option<(String, &'a Value)> {
        let (at, status) = self.status.as_ref()?;
        ["/state/terminated", "/lastState/terminated"]
            .iter()
            .find_map(|pointer| Some((format!("{at}{pointer}"), status.at(pointer)?)))
    }

    /// The exit code of its last run.
    pub fn exit(&self) -> Option<i64> {
        self.end()?.1.int("/exitCode")
    }

    /// How often it was started again.
    pub fn restarts(&self) -> i64 {
        self.status.as_ref().and_then(|(_, status)| status.int("/restartCount")).unwrap_or(0)
    }

    /// Whether it counts as ready.
    pub fn is_ready(&self) -> bool {
        self.status.as_ref().is_some_and(|(_, status)| status.holds("/ready"))
    }

    /// Whether its startup probe has succeeded, or it has none.
    pub fn has_started(&self) -> bool {
        self.status.as_ref().is_none_or(|(_, status)| status.at("/started") != Some(&Value::Bool(false)))
    }

    /// When the run that is there now began.
    pub fn began(&self) -> Option<Time> {
        self.state("running")?.time("/startedAt")
    }

    /// A field of its status, as a proof.
    pub fn saw(&self, pointer: &str) -> Option<Proof> {
        let (at, status) = self.status.as_ref()?;
        status.at(pointer)?;
        Some(Proof::field(self.pod, &format!("{at}{pointer}")))
    }

    /// A field of its status.
    pub fn told(&self, pointer: &str) -> Option<&'a Value> {
        self.status.as_ref()?.1.at(pointer)
    }

    /// A field of its spec, or that it is not set, as a proof.
    pub fn asked(&self, pointer: &str) -> Proof {
        Proof::field(self.pod, &format!("{}{pointer}", self.spec_at))
    }

    /// How its last run ended, as proofs: reason, status, message.
    pub fn ending(&self) -> Vec<Proof> {
        let Some((at, end)) = self.end() else { return Vec::new() };
        let fields = ["/reason", "/exitCode", "/message"].iter().filter(|field| end.at(field).is_some());
        fields.map(|field| Proof::field(self.pod, &format!("{at}{field}"))).collect()
    }

    /// Command, arguments and variables as one text.
    pub fn words(&self) -> String {
        let lists = ["/command", "/args"].iter().flat_map(|list| self.spec.list(list)).filter_map(Value::as_str);
        let variables = self.spec.list("/env").iter().map(|one| one.text("/value"));
        lists.chain(variables).collect::<Vec<_>>().join(" ")
    }

    /// Whom it is told to call: the names and addresses in its command, arguments and variables.
    pub fn told_peers(&self) -> Vec<(call::Peer, Proof)> {
        let mut peers = Vec::new();
        for list in ["/command", "/args"] {
            let words = self.spec.list(list).iter().filter_map(Value::as_str).flat_map(call::peers);
            peers.extend(words.map(|peer| (peer, self.asked(list))));
        }
        for (index, one) in self.spec.list("/env").iter().enumerate() {
            // A variable may be a name and nothing else: `DB_HOST=db`.
            let (value, mut named) = (one.text("/value"), call::peers(one.text("/value")));
            if named.is_empty() && !value.is_empty() && !value.contains(char::is_whitespace) {
                named.push((value.to_owned(), None));
            }
            // Values may be secrets; the name tells where to look.
            peers.extend(named.into_iter().map(|peer| (peer, self.asked(&format!("/env/{index}/name")))));
        }
        peers
    }

    /// Whether it ends and is started again, over and over, at this moment.
    pub fn loops(&self, now: Time) -> bool {
        if self.waits() == "CrashLoopBackOff" {
            return true;
        }
        let policy = self.pod.text("/spec/restartPolicy");
        let always = ["", "Always"].contains(&policy) && self.role != Role::Init;
        let failed = |end: &Value| end.int("/exitCode") != Some(0) || always || end.text("/reason") == "OOMKilled";
        if let Some(end) = self.state("terminated") {
            return policy != "Never" && failed(end);
        }
        // It runs again. Only when it has outlived its last run by far is it known to be well.
        let Some(((_, end), began)) = self.end().zip(self.began()) else { return false };
        let Some((from, to)) = end.time("/startedAt").zip(end.time("/finishedAt")) else { return false };
        // Runs of a loop are short; what lived long and ended once is no loop.
        let recent = now.since(to) < 600 && to.since(from) < 600;
        self.restarts() >= 2 && failed(end) && recent && now.since(began) <= to.since(from).max(1) * 2
    }
}
