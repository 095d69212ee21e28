//! Counters and limits of a cgroup, of version 1 and 2: killed for memory, throttled, out of processes.

use std::path::{Path, PathBuf};

use fathom_model::{Fact, Facts};
use serde_json::{Map, Value};

use super::kernel::pressure;
use super::{pairs, scalar};
use crate::Host;
use crate::cgroup::Layout;

/// How a counter is written.
#[derive(Clone, Copy)]
enum Shape {
    Scalar,
    Pairs(&'static [&'static str]),
    Pressure,
}

/// One counter: what it is for, its file in version 2, its controller and file in version 1.
struct Row {
    role: &'static str,
    v2: &'static str,
    v1: (&'static str, &'static str),
    shape: Shape,
}

const fn row(role: &'static str, v2: &'static str, v1: (&'static str, &'static str), shape: Shape) -> Row {
    Row { role, v2, v1, shape }
}

/// Documentation/admin-guide/cgroup-v2.rst, and cgroup-v1/ for the older ones.
const ROWS: &[Row] = &[
    row("oom", "memory.events", ("memory", "memory.oom_control"), Shape::Pairs(&["oom", "oom_kill", "max"])),
    row("limit", "memory.max", ("memory", "memory.limit_in_bytes"), Shape::Scalar),
    row("usage", "memory.current", ("memory", "memory.usage_in_bytes"), Shape::Scalar),
    row("memory", "memory.stat", ("memory", "memory.stat"), Shape::Pairs(&["inactive_file", "total_inactive_file"])),
    row("memoryPressure", "memory.pressure", ("memory", ""), Shape::Pressure),
    row("throttle", "cpu.stat", ("cpu", "cpu.stat"), Shape::Pairs(&["nr_periods", "nr_throttled"])),
    row("quota", "cpu.max", ("cpu", "cpu.cfs_quota_us"), Shape::Scalar),
    row("pids", "pids.current", ("pids", "pids.current"), Shape::Scalar),
    row("pidsLimit", "pids.max", ("pids", "pids.max"), Shape::Scalar),
    row("pidsRefused", "pids.events", ("pids", "pids.events"), Shape::Pairs(&["max"])),
];

/// The cgroup of a container, in each hierarchy.
#[derive(Debug, Clone)]
pub struct Place {
    folders: Vec<(String, PathBuf)>,
    v2: Option<PathBuf>,
}

impl Place {
    /// By the file `/proc/PID/cgroup` of a process, or by the one path that is known of what has ended.
    pub fn of(layout: &Layout, cgroup: &str) -> Place {
        let path_of = |controller: &str| {
            let mut lines = cgroup.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
            let own = |controllers: &str| controllers.split(',').any(|one| one == controller);
            let found = lines.find(|(controllers, _)| own(controllers)).map(|(_, path)| path);
            // One line without colons is a path that counts everywhere.
            found.or_else(|| (!cgroup.contains(':')).then_some(cgroup.trim()))
        };
        let below = |mount: &Path, path: &str| mount.join(path.trim_start_matches('/'));
        let folders = ["memory", "cpu", "pids"].iter().filter_map(|controller| {
            Some(((*controller).to_owned(), below(layout.v1_of(controller)?, path_of(controller)?)))
        });
        let v2 = layout.v2.as_ref().and_then(|mount| Some(below(mount, path_of("")?)));
        Place { folders: folders.collect(), v2 }
    }

    /// By folders that an engine wrote down, by controller; version 2 has an empty name.
    pub fn at<'f>(folders: impl IntoIterator<Item = (&'f String, &'f String)>) -> Place {
        let mut place = Place { folders: Vec::new(), v2: None };
        for (controller, folder) in folders {
            match controller.as_str() {
                "" => place.v2 = Some(folder.into()),
                "memory" | "cpu" | "pids" => place.folders.push((controller.clone(), folder.into())),
                _ => {}
            }
        }
        place
    }

    fn file(&self, row: &Row) -> Option<PathBuf> {
        let (controller, name) = row.v1;
        let old = self.folders.iter().find(|(own, _)| own == controller).map(|(_, folder)| folder);
        match (old, &self.v2) {
            (Some(folder), _) => (!name.is_empty()).then(|| folder.join(name)),
            (None, Some(folder)) => Some(folder.join(row.v2)),
            (None, None) => None,
        }
    }
}

/// Adds the counters of a place, and says where each is: role to path.
pub fn read(host: &Host, place: &Place, facts: &mut Facts) -> Map<String, Value> {
    let mut roles = Map::new();
    for row in ROWS {
        let Some(path) = place.file(row) else { continue };
        let Ok(bytes) = host.read(&path) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let value = match row.shape {
            Shape::Scalar => scalar(&text),
            Shape::Pressure => pressure(&text),
            Shape::Pairs(kept) => {
                let mut value = pairs(&text);
                value.as_object_mut().into_iter().for_each(|map| map.retain(|key, _| kept.contains(&key.as_str())));
                value
            }
        };
        let name = path.display().to_string();
        if facts.facts.iter().all(|fact| fact.name != name) {
            facts.add(Fact::file(name.clone(), value));
        }
        roles.insert(row.role.to_owned(), name.into());
    }
    roles
}

/// Whether it is a share of processors that somebody set, of whose holding back it is worth to wait for a second look.
#[must_use]
pub fn is_quota(fact: &Fact) -> bool {
    let set = match fact.body.get("value") {
        Some(Value::String(words)) => !words.starts_with("max"),
        number => number.and_then(Value::as_i64).is_some_and(|quota| quota > 0),
    };
    set && (fact.name.ends_with("/cpu.max") || fact.name.ends_with("/cpu.cfs_quota_us"))
}

/// Reads throttling again and adds how far it rose since it was read, as `rise`.
pub fn read_again(host: &Host, facts: &mut Facts) {
    for fact in facts.facts.iter_mut().filter(|fact| fact.name.ends_with("/cpu.stat")) {
        let Ok(bytes) = host.read(&fact.name) else { continue };
        let now = pairs(&String::from_utf8_lossy(&bytes));
        let before = fact.body.get("value").cloned().unwrap_or_default();
        let rise = ["nr_periods", "nr_throttled"].iter().filter_map(|name| {
            let rise = now.get(*name)?.as_u64()?.checked_sub(before[*name].as_u64()?)?;
            Some(((*name).to_owned(), Value::from(rise)))
        });
        let rise: Map<String, Value> = rise.collect();
        fact.body.insert("rise".to_owned(), Value::Object(rise));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fathom_model::fact::Topic;
    use fathom_testkit::Scratch;

    fn layout(scratch: &Scratch, v1: &[&str], v2: bool) -> Layout {
        let v1 = v1.iter().map(|name| (vec![(*name).to_owned()], scratch.join(name))).collect();
        Layout { v2: v2.then(|| scratch.join("unified")), v1 }
    }

    fn write(scratch: &Scratch, path: &str, text: &str) {
        let path = scratch.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a scratch folder can be written");
        std::fs::write(path, text).expect("a scratch folder can be written");
    }

    #[test]
    fn both_versions_are_told_by_role() {
        let scratch = Scratch::new("counters");
        write(&scratch, "memory/web/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
        write(&scratch, "unified/web/memory.events", "low 0\nhigh 0\nmax 9\noom 4\noom_kill 2\n");
        write(&scratch, "unified/web/memory.max", "max\n");
        let host = Host::local();
        for (layout, kills, file) in [
            (layout(&scratch, &["memory"], true), 3, "memory.oom_control"),
            (layout(&scratch, &[], true), 2, "memory.events"),
        ] {
            for cgroup in ["4:memory:/web\n0::/web\n", "/web"] {
                let mut facts = Facts::default();
                let roles = read(&host, &Place::of(&layout, cgroup), &mut facts);
                let path = roles["oom"].as_str().expect("a path");
                assert!(path.ends_with(file), "{path}");
                let fact = facts.facts.iter().find(|fact| fact.name == path).expect("it was read");
                assert_eq!(fact.body["value"]["oom_kill"], kills);
            }
        }
    }

    #[test]
    fn what_rose_meanwhile_is_added() {
        let scratch = Scratch::new("counters");
        write(&scratch, "cpu/web/cpu.stat", "nr_periods 100\nnr_throttled 90\nthrottled_time 5\n");
        let (host, mut facts) = (Host::local(), Facts::default());
        read(&host, &Place::of(&layout(&scratch, &["cpu"], false), "2:cpu,cpuacct:/web"), &mut facts);
        write(&scratch, "cpu/web/cpu.stat", "nr_periods 110\nnr_throttled 99\nthrottled_time 6\n");
        read_again(&host, &mut facts);
        assert_eq!(facts.facts[0].body["rise"], serde_json::json!({"nr_periods": 10, "nr_throttled": 9}));
        // Without its controller a cgroup counts no periods; others around it may.
        write(&scratch, "cpu/web/cpu.stat", "usage_usec 5\n");
        read_again(&host, &mut facts);
        assert_eq!(facts.facts[0].body["rise"], serde_json::json!({}));
    }

    #[test]
    fn a_share_that_was_set_a_moment_ago_counts() {
        let scratch = Scratch::new("counters");
        let (host, old, new) = (Host::local(), layout(&scratch, &["cpu"], false), layout(&scratch, &[], true));
        for (layout, file, value, is_set) in [
            (&old, "cpu/web/cpu.cfs_quota_us", "-1\n", false),
            (&old, "cpu/web/cpu.cfs_quota_us", "10000\n", true),
            (&new, "unified/web/cpu.max", "max 100000\n", false),
            (&new, "unified/web/cpu.max", "10000 100000\n", true),
        ] {
            write(&scratch, file, value);
            let mut facts = Facts::default();
            facts.add(Fact::of(Topic::Engine, "/run/docker.sock", [("state", "answers".into())]));
            read(&host, &Place::of(layout, "/web"), &mut facts);
            assert_eq!(facts.facts.iter().any(is_quota), is_set, "{file}: {value}");
        }
    }
}
