//! Objects as they come in, without what nobody reads: who last wrote which field, the copies of whole objects in
//! annotations, values of secrets, and large values of configuration. What is left out is never built.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::Resource;

/// Values of configuration that are longer are files of programs, which no rule reads.
const LONGEST: usize = 16 << 10;

/// A copy of the object, with all that was taken out of it.
const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A page of a list.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) items: Vec<Value>,
    /// What to go on with; empty at the end.
    pub(super) more: String,
}

impl Page {
    pub(super) fn read(bytes: &[u8], resource: &Resource) -> Result<Page, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let mut page = reader.deserialize_map(List(Place::of(resource)))?;
        page.items.iter_mut().for_each(|item| name(item, resource));
        Ok(page)
    }
}

/// One object.
pub(super) fn object(bytes: &[u8], resource: &Resource) -> Result<Value, serde_json::Error> {
    let mut object = Lean(Place::of(resource)).deserialize(&mut serde_json::Deserializer::from_slice(bytes))?;
    name(&mut object, resource);
    Ok(object)
}

/// The names of a list's objects.
pub(super) fn names(bytes: &[u8]) -> Vec<String> {
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let items = value["items"].as_array().into_iter().flatten();
    items.filter_map(|item| item["metadata"]["name"].as_str()).map(str::to_owned).collect()
}

/// Items of a list do not say what they are, and where only metadata is sent they say something else.
fn name(item: &mut Value, resource: &Resource) {
    if let Some(map) = item.as_object_mut() {
        map.insert("kind".to_owned(), resource.kind.into());
        let version =
            map.get("apiVersion").and_then(Value::as_str).is_some_and(|version| !version.starts_with("meta."));
        if !version {
            map.remove("apiVersion");
        }
    }
}

/// A list, with the place that its items are.
struct List(Place);

impl<'de> Visitor<'de> for List {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page, A::Error> {
        let mut page = Page::default();
        let mut listed = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "items" => (page.items, listed) = (map.next_value_seed(Items(self.0))?, true),
                "metadata" => {
                    let meta: Value = map.next_value()?;
                    meta["continue"].as_str().unwrap_or_default().clone_into(&mut page.more);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if listed { Ok(page) } else { Err(A::Error::custom("it is no list")) }
    }
}

struct Items(Place);

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Vec<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Value>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("items")
    }

    /// An empty list of some servers.
    fn visit_unit<E>(self) -> Result<Vec<Value>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Value>, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(Lean(self.0))? {
            all.push(item);
        }
        Ok(all)
    }
}

/// Where in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Object,
    Secret,
    Metadata,
    Annotations,
    /// Names with values that are kept only while they are short.
    Data,
    /// Names with values that are left out.
    Emptied,
}

impl Place {
    fn of(resource: &Resource) -> Place {
        if resource.group.is_empty() && resource.plural == "secrets" { Place::Secret } else { Place::Object }
    }
}

/// A value in a place.
struct Lean(Place);

impl<'de> DeserializeSeed<'de> for Lean {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Lean {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element::<Value>()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = match (self.0, key.as_str()) {
                (Place::Metadata, "managedFields") | (Place::Annotations, COPY) => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                (Place::Object | Place::Secret, "metadata") => map.next_value_seed(Lean(Place::Metadata))?,
                (Place::Metadata, "annotations") => map.next_value_seed(Lean(Place::Annotations))?,
                (Place::Object, "data") => map.next_value_seed(Lean(Place::Data))?,
                (Place::Secret, "data" | "stringData") | (Place::Object, "binaryData") => {
                    map.next_value_seed(Lean(Place::Emptied))?
                }
                (Place::Emptied, _) => {
                    map.next_value::<IgnoredAny>()?;
                    "".into()
                }
                (Place::Data, _) => {
                    let value: Value = map.next_value()?;
                    if value.as_str().is_some_and(|text| text.len() > LONGEST) { "".into() } else { value }
                }
                _ => map.next_value()?,
            };
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::super::View;
    use super::*;
    use serde_json::json;

    fn resource(kind: &'static str, plural: &'static str) -> Resource {
        Resource { kind, group: "", versions: &["v1"], plural, namespaced: true, view: View::Whole }
    }

    #[test]
    fn what_nobody_reads_is_never_built() {
        let list = json!({"kind": "SecretList", "metadata": {"continue": "more"}, "items": [{
            "metadata": {"name": "a", "managedFields": [{"x": "hush"}], "annotations": {COPY: "hush", "kept": "1"}},
            "data": {"k": "hush"}, "stringData": {"l": "hush"}, "type": "Opaque",
        }]});
        let page = Page::read(list.to_string().as_bytes(), &resource("Secret", "secrets")).expect("it is a list");
        let expect = json!({
            "kind": "Secret", "metadata": {"name": "a", "annotations": {"kept": "1"}},
            "data": {"k": ""}, "stringData": {"l": ""}, "type": "Opaque",
        });
        assert_eq!((page.more.as_str(), page.items), ("more", vec![expect]));
    }

    #[test]
    fn large_values_of_configuration_go_and_small_ones_stay() {
        let map = json!({"metadata": {"name": "a"}, "data": {"Corefile": ". {}", "app.jar": "x".repeat(LONGEST + 1)}, "binaryData": {"b": "AA=="}});
        let got = object(map.to_string().as_bytes(), &resource("ConfigMap", "configmaps")).expect("it is an object");
        assert_eq!(got["data"], json!({"Corefile": ". {}", "app.jar": ""}));
        assert_eq!(got["binaryData"], json!({"b": ""}));
    }

    #[test]
    fn what_is_no_list_is_said_to_be_none() {
        let read = |text: &str| Page::read(text.as_bytes(), &resource("Pod", "pods")).map(|page| page.items.len());
        assert!(read("<html>").is_err() && read("{\"kind\": \"Status\"}").is_err() && read("{\"items\": [{").is_err());
        assert_eq!(read("{\"items\": null, \"metadata\": {}}").ok(), Some(0));
        assert_eq!(read("{\"items\": [1, \"a\", {\"metadata\": \"odd\", \"data\": []}]}").ok(), Some(3));
    }
}
