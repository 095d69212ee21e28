//! Facts of a machine as objects of a snapshot. Their kind is their topic, their namespace the machine, their name what
//! was read: `File/n1//proc/sys/kernel/pid_max#/value` is a pointer as any other, and can be read again on the machine.

use fathom_model::Facts;
use fathom_model::fact::Topic;
use serde_json::{Map, Value, json};

use super::{Gathering, LogName, Need, Run};
use crate::object::Ref;
use crate::time::Time;

impl Gathering {
    /// Takes what was read of a machine.
    pub fn facts(&mut self, facts: &Facts) {
        self.taken_at(Time(i64::try_from(facts.taken).unwrap_or(i64::MAX)));
        for fact in &facts.facts {
            let mut object = fact.body.clone();
            let place = if fact.topic == Topic::Machine { "" } else { facts.machine.as_str() };
            object.insert("kind".to_owned(), fact.topic.name().into());
            object.insert("metadata".to_owned(), serde_json::json!({"name": fact.name, "namespace": place}));
            self.value(serde_json::Value::Object(object));
        }
        for (container, text) in &facts.logs {
            let name = LogName {
                namespace: facts.machine.clone(),
                pod: container.clone(),
                container: container.clone(),
                run: Run::Current,
            };
            self.log(name, text.as_bytes());
        }
        let lacks = facts.lacks.iter();
        let lacks = lacks.map(|lack| Need::new(format!("{} on {}", lack.what, facts.machine), &lack.reason));
        self.lacks.extend(lacks);
    }

    /// Takes the answer to one try that was made from a pod.
    pub fn probed(&mut self, pod: &Ref, what: &str, mut answer: Map<String, Value>) {
        answer.insert("kind".to_owned(), Topic::Probe.name().into());
        answer
            .insert("metadata".to_owned(), json!({"name": format!("{} {what}", pod.name), "namespace": pod.namespace}));
        self.value(Value::Object(answer));
    }

    /// Says what could not be looked at.
    pub fn lack(&mut self, what: impl Into<String>, reason: impl Into<String>) {
        self.lacks.push(Need::new(what, reason));
    }
}

/// Whether a kind of object is a fact of a machine, and no object of a cluster.
pub fn is_fact(kind: &str) -> bool {
    Topic::ALL.iter().any(|topic| topic.name() == kind)
}
