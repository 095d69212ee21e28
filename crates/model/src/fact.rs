//! What was read of a machine, as plain data that can be read again: one file, one file system, one engine, one container.
//! `host` and `runtime` write it, a node may send it, `diagnose` judges it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Topic {
    /// The machine itself; its name is the machine's.
    Machine,
    /// A file of the kernel or of somebody's settings, named by its path: `value` is what is in it.
    File,
    /// A mounted file system, named by where it is mounted: what is free on it.
    Disk,
    /// An engine, named by its socket: whether it answers.
    Engine,
    /// A certificate, named by its file: from when to when it is good.
    Certificate,
    /// A container, by name: its state in the words of a pod's status, and where its counters are.
    Container,
    /// Something that was tried from inside a network namespace, by what was tried.
    Probe,
    /// What a program of the machine printed, named by its words: `value` is that, or the part that matters.
    Output,
    /// A service of systemd, by its name: whether it is wanted, and whether it runs.
    Unit,
}

impl Topic {
    /// As it stands in a pointer: `File/n1//proc/swaps`.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Machine => "Machine",
            Topic::File => "File",
            Topic::Disk => "Disk",
            Topic::Engine => "Engine",
            Topic::Certificate => "Certificate",
            Topic::Container => "Container",
            Topic::Probe => "Probe",
            Topic::Output => "Output",
            Topic::Unit => "Unit",
        }
    }

    /// Every one.
    pub const ALL: [Topic; 9] = [
        Topic::Machine,
        Topic::File,
        Topic::Disk,
        Topic::Engine,
        Topic::Certificate,
        Topic::Container,
        Topic::Probe,
        Topic::Output,
        Topic::Unit,
    ];
}

/// One thing that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is about.
    pub topic: Topic,
    /// Which: a path, a name.
    pub name: String,
    /// What was there.
    pub body: Map<String, Value>,
}

impl Fact {
    /// A file with what is in it.
    pub fn file(path: impl Into<String>, value: impl Into<Value>) -> Fact {
        Fact::of(Topic::File, path, [("value", value.into())])
    }

    /// Something with these fields; what is null is left out.
    pub fn of<'k>(topic: Topic, name: impl Into<String>, fields: impl IntoIterator<Item = (&'k str, Value)>) -> Fact {
        let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
        Fact { topic, name: name.into(), body: fields.map(|(key, value)| (key.to_owned(), value)).collect() }
    }
}

/// Something that could not be read, where it would have mattered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lack {
    /// `read /dev/kmsg`.
    pub what: String,
    /// In the kernel's words, or in ours.
    pub reason: String,
}

/// All that was read of one machine at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Its name.
    pub machine: String,
    /// When, in seconds since 1970.
    pub taken: u64,
    /// What was read.
    pub facts: Vec<Fact>,
    /// What could not be.
    pub lacks: Vec<Lack>,
    /// Ends of what containers wrote, by the name of the container's fact.
    pub logs: Vec<(String, String)>,
}

impl Facts {
    /// Adds a fact.
    pub fn add(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// Says that something could not be read.
    pub fn lack(&mut self, what: impl Into<String>, reason: impl ToString) {
        self.lacks.push(Lack { what: what.into(), reason: reason.to_string() });
    }
}
