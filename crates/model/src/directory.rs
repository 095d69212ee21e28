//! The join cgroup → container → pod. `runtime`, `host` and `cluster` write it, features read it, so a feature's
//! test needs neither Docker nor Kubernetes.

use crate::container::{Container, Engine};

/// All containers known on this machine, one record each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    containers: Vec<Container>,
}

/// What a name or an id prefix led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a> {
    /// Exactly one container.
    One(&'a Container),
    /// None; names that look alike, nearest first.
    None(Vec<String>),
    /// Several that are equally meant.
    Several(Vec<&'a Container>),
}

impl Directory {
    /// Adds `container`, or what it knows beyond the record that is already there.
    ///
    /// Records are the same container when [`Container::is`] says so. The process alone is no key: a pod's container has one
    /// pid and one id, but `runc`'s record of a docker container has docker's id as well.
    pub fn add(&mut self, container: Container) {
        let same = |known: &Container| known.is(&container) || is_the_nameless(&container, known);
        match self.containers.iter_mut().find(|known| same(known)) {
            Some(known) => known.absorb(container),
            None => self.containers.push(container),
        }
    }

    /// Every container, in the order of its first mention.
    pub fn containers(&self) -> &[Container] {
        &self.containers
    }

    /// The container whose cgroup is `path` or an ancestor of it.
    pub fn by_cgroup(&self, path: &str) -> Option<&Container> {
        self.containers.iter().find(|container| {
            container
                .cgroup
                .as_deref()
                .is_some_and(|own| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        })
    }

    /// The container called `name`: by full name or id first, then by id prefix, then by `pod/container`.
    ///
    /// `engine` restricts the search. An exact name wins over a prefix, as in docker.
    pub fn find(&self, name: &str, engine: Option<Engine>) -> Found<'_> {
        let meant = || self.containers.iter().filter(move |c| engine.is_none_or(|engine| c.engine == engine));
        let exact: Vec<_> = meant().filter(|c| c.id == name || c.name.as_deref() == Some(name)).collect();
        let found = if !exact.is_empty() {
            exact
        } else {
            meant().filter(|c| !name.is_empty() && c.id.starts_with(name)).collect()
        };
        match found.as_slice() {
            [] => Found::None(self.alike(name, engine)),
            [one] => Found::One(one),
            _ => Found::Several(found),
        }
    }

    fn alike(&self, name: &str, engine: Option<Engine>) -> Vec<String> {
        let mut names: Vec<(usize, &str)> = self
            .containers
            .iter()
            .filter(|c| engine.is_none_or(|engine| c.engine == engine))
            .filter_map(|c| c.name.as_deref())
            .map(|known| (distance(name, known), known))
            .filter(|(distance, known)| *distance <= known.chars().count().div_ceil(3))
            .collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
    }
}

/// A sighting that has no id but its process is whatever record claims that process.
fn is_the_nameless(seen: &Container, known: &Container) -> bool {
    seen.engine == Engine::Unknown && seen.pid.is_some() && seen.pid == known.pid && seen.id.starts_with("pid:")
}

/// Levenshtein's distance: how many letters to change, add or drop.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let mut directory = Directory::default();
        for (id, engine, name) in [
            ("4f1c00aa", Engine::Docker, "web"),
            ("4f1c00bb", Engine::Podman, "web"),
            ("77aa", Engine::Docker, "api"),
            ("api2", Engine::Runc, "api2"),
        ] {
            directory.add(Container { name: Some(name.into()), ..Container::new(id, engine) });
        }
        directory
    }

    #[test]
    fn an_exact_name_wins_over_a_prefix() {
        assert!(matches!(directory().find("api", None), Found::One(c) if c.id == "77aa"));
        assert!(matches!(directory().find("77", None), Found::One(c) if c.id == "77aa"));
    }

    #[test]
    fn doubt_lists_every_candidate_and_a_scheme_settles_it() {
        assert!(matches!(directory().find("web", None), Found::Several(all) if all.len() == 2));
        assert!(matches!(directory().find("4f1c", None), Found::Several(all) if all.len() == 2));
        assert!(matches!(directory().find("web", Some(Engine::Podman)), Found::One(c) if c.id == "4f1c00bb"));
    }

    #[test]
    fn a_miss_names_what_looks_alike() {
        assert_eq!(directory().find("wbe", None), Found::None(vec![]));
        assert_eq!(directory().find("wep", None), Found::None(vec!["web".into()]));
        assert_eq!(directory().find("", None), Found::None(vec![]));
    }

    #[test]
    fn two_sources_make_one_record() {
        let mut directory = directory();
        let seen =
            Container { pid: Some(7), cgroup: Some("/docker/77aa".into()), ..Container::new("77aa", Engine::Unknown) };
        directory.add(seen);
        let found = directory.by_cgroup("/docker/77aa/sub").expect("its cgroup is known now");
        assert_eq!((found.name.as_deref(), found.pid, found.engine), (Some("api"), Some(7), Engine::Docker));
        assert_eq!(directory.by_cgroup("/docker/77aab"), None);
    }
}
