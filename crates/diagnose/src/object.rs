//! Objects of the cluster as they came: a reference, and JSON that is read by pointer. No type per kind, so that any
//! version from 1.20 on, a custom resource and half an object of a damaged dump are read by the same code.

use std::fmt;
use std::ops::Deref;

use serde::Serialize;

use crate::time::Time;
use crate::value::{Map, Value};

/// Which object, present or missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ref {
    /// `Pod`.
    pub kind: String,
    /// Empty for what belongs to the cluster.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Ref {
    /// A reference of its three parts.
    pub fn new(kind: impl Into<String>, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Ref { kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    /// Reads `Kind/namespace/name`.
    pub fn parse(text: &str) -> Option<Ref> {
        let mut parts = text.splitn(3, '/');
        Some(Ref::new(parts.next()?, parts.next()?, parts.next()?))
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

impl Serialize for Ref {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reading JSON by pointer, with an answer for what is not there.
pub trait Fields {
    /// The value at a pointer such as `/spec/nodeName`.
    fn at(&self, pointer: &str) -> Option<&Value>;

    /// Text; empty where there is none.
    fn text(&self, pointer: &str) -> &str {
        self.at(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The elements of an array; none where there is no array.
    fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// A whole number.
    fn int(&self, pointer: &str) -> Option<i64> {
        self.at(pointer).and_then(Value::as_i64)
    }

    /// Whether it is `true`.
    fn holds(&self, pointer: &str) -> bool {
        self.at(pointer) == Some(&Value::Bool(true))
    }

    /// A moment.
    fn time(&self, pointer: &str) -> Option<Time> {
        Time::parse(self.text(pointer))
    }

    /// A map.
    fn map(&self, pointer: &str) -> Option<&Map> {
        self.at(pointer).and_then(Value::as_object)
    }
}

impl Fields for Value {
    fn at(&self, pointer: &str) -> Option<&Value> {
        self.pointer(pointer).filter(|value| !value.is_null())
    }
}

/// How much is known of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// What events about it say, which is no more than that it was so when they were recorded.
    Heard,
    /// What stands in a line of a table, and no more.
    Listed,
    /// What a description tells: all but what these pointers lead to, in which `*` is any part.
    Described(&'static [&'static str]),
    /// All of it.
    Whole,
}

/// One object, under its reference.
#[derive(Debug, Clone)]
pub struct Object {
    /// What it is called.
    pub id: Ref,
    value: Value,
    view: View,
}

impl Object {
    /// Of what an API server or a person wrote; nothing where there is no kind or no name, or where these are none that
    /// an API takes: what is said of it could not be found again.
    pub fn new(value: Value) -> Option<Object> {
        let (kind, name) = (value.text("/kind"), value.text("/metadata/name"));
        let namespace = value.text("/metadata/namespace");
        let odd = name.contains('#') || [kind, namespace].iter().any(|part| part.contains(['/', '#']));
        if kind.is_empty() || name.is_empty() || odd {
            return None;
        }
        Some(Object { id: Ref::new(kind, namespace, name), value, view: View::Whole })
    }

    /// Of what was printed of it.
    pub fn sketched(value: Value, view: View) -> Option<Object> {
        Object::new(value).map(|object| Object { view, ..object })
    }

    /// How much of it is known.
    pub fn view(&self) -> View {
        self.view
    }

    /// Whether it is known what stands at a pointer, if only that nothing does.
    pub fn tells(&self, pointer: &str) -> bool {
        match self.view {
            View::Whole => true,
            View::Heard | View::Listed => self.at(pointer).is_some(),
            View::Described(left) => self.at(pointer).is_some() || !left.iter().any(|one| leads(one, pointer)),
        }
    }

    /// Its namespace.
    pub fn ns(&self) -> &str {
        &self.id.namespace
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.id.name
    }

    /// Its uid; empty in a manifest.
    pub fn uid(&self) -> &str {
        self.value.text("/metadata/uid")
    }

    /// One label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.value.map("/metadata/labels")?.get(key)?.as_str()
    }

    /// One annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.value.map("/metadata/annotations")?.get(key)?.as_str()
    }

    /// All labels.
    pub fn labels(&self) -> Option<&Map> {
        self.value.map("/metadata/labels")
    }

    /// When it was made.
    pub fn created(&self) -> Option<Time> {
        self.value.time("/metadata/creationTimestamp")
    }

    /// When it is to be gone: for a pod this is after its grace period.
    pub fn deletion(&self) -> Option<Time> {
        self.value.time("/metadata/deletionTimestamp")
    }

    /// The reference to its controller.
    pub fn controller(&self) -> Option<&Value> {
        self.value.list("/metadata/ownerReferences").iter().find(|owner| owner.holds("/controller"))
    }

    /// A condition of its status, with the pointer to it.
    pub fn condition(&self, kind: &str) -> Option<(String, &Value)> {
        let conditions = self.value.list("/status/conditions").iter().enumerate();
        let (at, found) = conditions.into_iter().find(|(_, condition)| condition.text("/type") == kind)?;
        Some((format!("/status/conditions/{at}"), found))
    }

    /// The whole of it.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

/// Whether a pattern leads to a pointer, or to something above it.
fn leads(pattern: &str, pointer: &str) -> bool {
    let mut parts = pointer.split('/');
    pattern.split('/').all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
}

impl Deref for Object {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    #[test]
    fn what_has_no_name_that_can_be_written_down_is_no_object() {
        for (kind, namespace, name, is_one) in [
            ("Pod", "shop", "web-0", true),
            ("Disk", "node1", "/var/lib", true),
            ("Pod", "", "", false),
            ("Pod", "/", "web-0", false),
            ("Po/d", "shop", "web-0", false),
            ("Pod", "shop", "web#0", false),
        ] {
            let value = json!({"kind": kind, "metadata": {"namespace": namespace, "name": name}});
            let object = Object::new(value);
            assert_eq!(object.is_some(), is_one, "{kind} {namespace} {name}");
            assert_eq!(object.map(|one| one.id), Ref::parse(&format!("{kind}/{namespace}/{name}")).filter(|_| is_one));
        }
    }
}
