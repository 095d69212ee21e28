//! A map that takes no more room than its entries, in the order of its keys.

use super::{Text, Value};

/// So many keys are looked through faster one by one.
const FEW: usize = 24;

/// Keys and values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Map(Box<[(Text, Value)]>);

impl Map {
    /// Nothing yet.
    pub fn new() -> Map {
        Map::default()
    }

    /// Of entries in any order. Of two with the same key the later one is believed.
    pub(super) fn of(mut entries: Vec<(Text, Value)>) -> Map {
        if !entries.is_sorted_by(|(one, _), (other, _)| one < other) {
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            entries.dedup_by(|later, kept| {
                let same = later.0 == kept.0;
                if same {
                    std::mem::swap(later, kept);
                }
                same
            });
        }
        Map(entries.into_boxed_slice())
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(key))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        // Most keys differ in their length, which is here and not where the word is.
        if self.0.len() <= FEW {
            return self.0.iter().find(|(known, _)| known.as_str() == key).map(|(_, value)| value);
        }
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.find(key).ok().map(|at| &mut self.0[at].1)
    }

    /// Whether a key has a value.
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// Where the value of a key is, or would be: there is one then.
    pub(super) fn place(&mut self, key: &str) -> &mut Value {
        let at = self.find(key).unwrap_or_else(|at| {
            let mut all = std::mem::take(&mut self.0).into_vec();
            all.insert(at, (key.into(), Value::Null));
            self.0 = all.into_boxed_slice();
            at
        });
        &mut self.0[at].1
    }

    /// Sets the value of a key, and gives the one before.
    pub fn insert(&mut self, key: impl Into<Text>, value: Value) -> Option<Value> {
        let key = key.into();
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                let mut all = std::mem::take(&mut self.0).into_vec();
                all.insert(at, (key, value));
                self.0 = all.into_boxed_slice();
                None
            }
        }
    }

    /// Takes a key out, and gives its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.find(key).ok()?;
        let mut all = std::mem::take(&mut self.0).into_vec();
        let (_, value) = all.remove(at);
        self.0 = all.into_boxed_slice();
        Some(value)
    }

    /// How many keys it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All entries, in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Text, &Value)> + Clone {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// All keys.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Text> + Clone {
        self.0.iter().map(|(key, _)| key)
    }

    /// All values.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Value> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

impl<K: Into<Text>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(all: I) -> Map {
        Map::of(all.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

impl<K: Into<Text>> Extend<(K, Value)> for Map {
    fn extend<I: IntoIterator<Item = (K, Value)>>(&mut self, more: I) {
        let mut all = std::mem::take(&mut self.0).into_vec();
        all.extend(more.into_iter().map(|(key, value)| (key.into(), value)));
        *self = Map::of(all);
    }
}

impl IntoIterator for Map {
    type Item = (Text, Value);
    type IntoIter = std::vec::IntoIter<(Text, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_vec().into_iter()
    }
}

type Entry<'a> = fn(&'a (Text, Value)) -> (&'a Text, &'a Value);

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Text, &'a Value);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (Text, Value)>, Entry<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        let entry: Entry<'a> = |(key, value)| (key, value);
        self.0.iter().map(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order_and_the_last_word_counts() {
        let mut map: Map = [("b", 1), ("a", 2), ("b", 3), ("c", 4), ("a", 5)]
            .map(|(key, value)| (key, value.into()))
            .into_iter()
            .collect();
        let shown = |map: &Map| map.iter().map(|(key, value)| format!("{key}{value}")).collect::<Vec<_>>().join(" ");
        assert_eq!(shown(&map), "a5 b3 c4");
        map.extend([("d", 6.into()), ("b", 7.into())]);
        assert_eq!((map.insert("a", 8.into()), map.insert("aa", 9.into())), (Some(5.into()), None));
        assert_eq!((map.remove("c"), map.remove("c")), (Some(4.into()), None));
        assert_eq!(shown(&map), "a8 aa9 b7 d6");
        assert!(map.contains_key("aa") && map.get("z").is_none() && map.len() == 4);
    }
}
