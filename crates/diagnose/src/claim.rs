//! What a rule says: this is wrong with that object, by these proofs. Whether it is a root is decided later.

mod patch;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::object::{Object, Ref};
use crate::scene::{Part, Trouble};
use crate::snapshot::{Need, Proof, Snapshot};
use crate::time::Time;
use crate::value::Value;

/// How sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The evidence decides.
    Proven,
    /// One thing speaks against no other cause.
    Likely,
    /// It fits, as other causes would.
    Possible,
}

impl Confidence {
    /// In a word.
    pub fn words(self) -> &'static str {
        match self {
            Confidence::Proven => "proven",
            Confidence::Likely => "likely",
            Confidence::Possible => "possible",
        }
    }
}

/// One step of a mend: an object's field set, an object added, or one taken away.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Sets the value at a pointer.
    Set(Ref, String, Value),
    /// Adds an object.
    Add(Value),
    /// Takes an object away.
    Remove(Ref),
}

impl Change {
    /// The object that it changes.
    pub fn object(&self) -> Option<Ref> {
        match self {
            Change::Set(id, ..) | Change::Remove(id) => Some(id.clone()),
            Change::Add(value) => Object::new(value.clone()).map(|object| object.id),
        }
    }
}

/// How to mend it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fix {
    /// A command, or a sentence.
    pub text: String,
    /// The same as changes of the snapshot, where it can be said so.
    pub changes: Vec<Change>,
}

impl Fix {
    /// In words or as a command.
    pub fn say(text: impl Into<String>) -> Fix {
        Fix { text: text.into(), changes: Vec::new() }
    }

    /// With a change of the snapshot.
    #[must_use]
    pub fn set(mut self, object: &Object, pointer: &str, value: impl Into<Value>) -> Fix {
        self.changes.push(Change::Set(object.id.clone(), pointer.to_owned(), value.into()));
        self
    }

    /// With an object added.
    #[must_use]
    pub fn adding(mut self, object: Value) -> Fix {
        self.changes.push(Change::Add(object));
        self
    }

    /// With an object taken away.
    #[must_use]
    pub fn remove(mut self, object: &Object) -> Fix {
        self.changes.push(Change::Remove(object.id.clone()));
        self
    }

    /// The snapshot after the mend; nothing where the changes do not fit it.
    pub fn applied(&self, snapshot: &Snapshot) -> Option<Snapshot> {
        let mut changes: Vec<(Ref, Option<Object>)> = Vec::new();
        for change in &self.changes {
            let (id, object) = match change {
                Change::Remove(id) => (id.clone(), None),
                Change::Add(value) => {
                    let object = Object::new(value.clone())?;
                    (object.id.clone(), Some(object))
                }
                Change::Set(id, pointer, value) => {
                    let earlier =
                        changes.iter().rev().find(|(other, _)| other == id).and_then(|(_, object)| object.as_ref());
                    let earlier = earlier.or_else(|| snapshot.find(id))?;
                    let mut whole = earlier.value().clone();
                    whole.put(pointer, value.clone())?;
                    (id.clone(), Some(Object::sketched(whole, earlier.view())?))
                }
            };
            changes.retain(|(other, _)| *other != id);
            changes.push((id, object));
        }
        (!changes.is_empty()).then(|| snapshot.with(&changes))
    }
}

/// What a rule says about an object.
#[derive(Debug, Clone)]
pub struct Claim {
    /// What is wrong, where it is not what the rule was asked about.
    pub subject: Option<Ref>,
    /// In one sentence.
    pub says: String,
    /// Why this is believed.
    pub proofs: Vec<Proof>,
    /// How sure, where that is not as sure as the rule.
    pub confidence: Option<Confidence>,
    /// The pods and other objects in which it was seen.
    pub seen: BTreeSet<Ref>,
    /// The container in which it was seen, where it was in one.
    pub part: Option<String>,
    /// Since when.
    pub since: Option<Time>,
    /// How to mend it, where that is more than the rule's own words.
    pub fix: Option<Fix>,
    /// What it shares with claims about others, if it does: a node, a registry.
    pub shared: Option<Ref>,
    /// What would have to be known to be surer.
    pub needs: Vec<Need>,
}

impl Claim {
    /// Says something about the object in question.
    pub fn new(says: impl Into<String>) -> Claim {
        Claim {
            subject: None,
            says: says.into(),
            proofs: Vec::new(),
            confidence: None,
            seen: BTreeSet::new(),
            part: None,
            since: None,
            fix: None,
            shared: None,
            needs: Vec::new(),
        }
    }

    /// Says something about a pod in trouble.
    pub fn of(trouble: &Trouble<'_>, says: impl Into<String>) -> Claim {
        let claim = Claim::new(says);
        Claim { part: trouble.part.as_ref().map(|part| part.name().to_owned()), ..claim }.seen(trouble.pod)
    }

    /// About another object.
    #[must_use]
    pub fn about(mut self, subject: Ref) -> Claim {
        self.subject = Some(subject);
        self
    }

    /// By this proof.
    #[must_use]
    pub fn by(mut self, proof: Proof) -> Claim {
        if !self.proofs.contains(&proof) {
            self.proofs.push(proof);
        }
        self
    }

    /// By these proofs.
    #[must_use]
    pub fn by_all(self, proofs: impl IntoIterator<Item = Proof>) -> Claim {
        proofs.into_iter().fold(self, Claim::by)
    }

    /// By a field of an object.
    #[must_use]
    pub fn field(self, object: &Object, pointer: &str) -> Claim {
        self.by(Proof::field(object, pointer))
    }

    /// In this container.
    #[must_use]
    pub fn part(mut self, part: &Part<'_>) -> Claim {
        self.part = Some(part.name().to_owned());
        self
    }

    /// Seen in this object.
    #[must_use]
    pub fn seen(mut self, object: &Object) -> Claim {
        self.seen.insert(object.id.clone());
        self
    }

    /// Less sure than the rule.
    #[must_use]
    pub fn only(mut self, confidence: Confidence) -> Claim {
        self.confidence = Some(confidence);
        self
    }

    /// To be mended so.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Claim {
        self.fix = Some(fix);
        self
    }

    /// Since this moment.
    #[must_use]
    pub fn since(mut self, since: Option<Time>) -> Claim {
        self.since = since;
        self
    }

    /// Less sure than it were if this was known.
    #[must_use]
    pub fn needing(mut self, need: Option<Need>) -> Claim {
        self.needs.extend(need);
        self
    }

    /// Having this in common with others.
    #[must_use]
    pub fn shared(mut self, shared: Ref) -> Claim {
        self.shared = Some(shared);
        self
    }
}
