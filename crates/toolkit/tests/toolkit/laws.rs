//! Laws that hold for any layers: a tree on disk is what a naive model of the specification says, and no mix of links
//! leads out of it.

use std::collections::{BTreeMap, BTreeSet};

use fathom_testkit::Scratch;
use fathom_toolkit::tar::Kind;
use fathom_toolkit::tree::{Owners, Tree};
use fathom_toolkit::{Budget, Limits, layer as layers};
use proptest::prelude::*;

use crate::builder::*;

/// One entry of a layer, in the words of the specification.
#[derive(Debug, Clone)]
enum Change {
    Folder(String),
    File(String, u8),
    Whiteout(String),
    Opaque(String),
    Symlink(String, String),
    HardLink(String, String),
    Device(String),
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof![Just("a"), Just("b"), Just("c")], 1..4).prop_map(|parts| parts.join("/"))
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => path().prop_map(Change::Folder),
        4 => (path(), any::<u8>()).prop_map(|(path, byte)| Change::File(path, byte)),
        2 => path().prop_map(Change::Whiteout),
        1 => path().prop_map(Change::Opaque),
        1 => path().prop_map(Change::Device),
    ]
}

fn wild_change() -> impl Strategy<Value = Change> {
    let target = prop_oneof![
        path(),
        path().prop_map(|path| format!("/{path}")),
        path().prop_map(|path| format!("../{path}")),
        Just("..".to_owned()),
        Just("../../../outside".to_owned()),
        Just("/".to_owned()),
        Just(".".to_owned()),
    ];
    prop_oneof![
        3 => change(),
        3 => (path(), target.clone()).prop_map(|(path, to)| Change::Symlink(path, to)),
        1 => (path(), path()).prop_map(|(path, to)| Change::HardLink(path, to)),
    ]
}

fn written(changes: &[Change]) -> Vec<u8> {
    let hidden = |path: &str| match path.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/.wh.{name}"),
        None => format!(".wh.{path}"),
    };
    let add = |tar: Layer, change: &Change| match change {
        Change::Folder(path) => tar.folder(format!("{path}/")),
        Change::File(path, byte) => tar.file(path, byte.to_string()),
        Change::Whiteout(path) => tar.file(hidden(path), ""),
        Change::Opaque(path) => tar.file(format!("{path}/.wh..wh..opq"), ""),
        Change::Symlink(path, to) => tar.symlink(path, to),
        Change::HardLink(path, to) => tar.hard_link(path, to),
        Change::Device(path) => tar.entry(entry(path, Kind::Device), ""),
    };
    changes.iter().fold(layer(), add).tar()
}

/// The specification as a flat list of names.
#[derive(Default)]
struct Model {
    /// `None` is a folder.
    nodes: BTreeMap<String, Option<u8>>,
    made: BTreeSet<String>,
}

impl Model {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Folder(path) => {
                self.parents(path);
                if self.nodes.get(path) != Some(&None) {
                    self.remove(path);
                }
                self.put(path, None);
            }
            Change::File(path, byte) => {
                self.parents(path);
                self.remove(path);
                self.put(path, Some(*byte));
            }
            // It is not made, but its name is the layer's own.
            Change::Device(path) => {
                self.parents(path);
                self.remove(path);
                self.made.insert(path.clone());
            }
            Change::Whiteout(path) => self.hide(|name| name == path || below(name, path)),
            Change::Opaque(path) => self.hide(|name| below(name, path)),
            Change::Symlink(..) | Change::HardLink(..) => unreachable!("the model knows no links"),
        }
    }

    fn put(&mut self, path: &str, node: Option<u8>) {
        self.nodes.insert(path.to_owned(), node);
        self.made.insert(path.to_owned());
    }

    fn parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            if self.nodes.get(&path[..at]) != Some(&None) {
                self.nodes.insert(path[..at].to_owned(), None);
            }
        }
    }

    fn remove(&mut self, path: &str) {
        self.nodes.retain(|name, _| name != path && !below(name, path));
    }

    fn hide(&mut self, hidden: impl Fn(&str) -> bool) {
        let own: Vec<String> = self.nodes.keys().filter(|name| self.made.contains(*name)).cloned().collect();
        self.nodes.retain(|name, _| !hidden(name) || own.iter().any(|own| own == name || below(own, name)));
    }

    fn shown(&self) -> BTreeMap<String, String> {
        let show = |node: &Option<u8>| node.map_or("folder 755".to_owned(), |byte| format!("644 {byte}"));
        self.nodes.iter().map(|(name, node)| (name.clone(), show(node))).collect()
    }
}

fn below(name: &str, folder: &str) -> bool {
    name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn unpack(root: &std::path::Path, changes: &[Vec<Change>]) -> Result<(), fathom_toolkit::Error> {
    std::fs::create_dir(root).unwrap();
    let limits = Limits::default();
    let mut tree = Tree::at(root, Owners::possible(), limits)?;
    let mut budget = Budget::new(limits);
    for layer in changes {
        layers::apply(written(layer).as_slice(), &mut tree, &mut budget)?;
        tree.next_layer();
    }
    tree.finish().map(drop)
}

/// What comes of it, and what should.
fn both(changes: &[Vec<Change>]) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let scratch = Scratch::new("model");
    let mut model = Model::default();
    for layer in changes {
        model.made.clear();
        layer.iter().for_each(|change| model.apply(change));
    }
    unpack(&scratch.join("root"), changes).unwrap();
    (look(&scratch.join("root")), model.shown())
}

#[test]
fn what_a_layer_hides_is_not_its_own_even_where_that_is_a_device() {
    let (device, within) = (Change::Device("b".to_owned()), Change::Device("b/a".to_owned()));
    let (found, expected) = both(&[vec![device, within, Change::Whiteout("b".to_owned())]]);
    assert_eq!(found, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_is_what_the_model_says(changes in prop::collection::vec(prop::collection::vec(change(), 0..8), 1..4)) {
        let (found, expected) = both(&changes);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_mix_of_links_leads_out(changes in prop::collection::vec(prop::collection::vec(wild_change(), 0..12), 1..3)) {
        let scratch = Scratch::new("wild");
        for name in ["outside", "outside/a", "a", "a/b"] {
            std::fs::create_dir(scratch.join(name)).unwrap();
        }
        std::fs::write(scratch.join("outside/b"), "alive").unwrap();
        std::fs::write(scratch.join("c"), "alive").unwrap();
        let before = look(scratch.path());
        // Some are refused; none may panic or reach out.
        let _ = unpack(&scratch.join("root"), &changes);
        std::fs::remove_dir_all(scratch.join("root")).unwrap();
        prop_assert_eq!(look(scratch.path()), before);
    }
}
