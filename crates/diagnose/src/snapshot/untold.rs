//! What texts do not tell: kubectl prints less of an object than there is, of most of it only a line. What is not known
//! for that reason is said together with the command that tells it.

use std::collections::{BTreeMap, BTreeSet};

use super::coverage::{NAMED, several};
use super::{LogName, Need, Run, Snapshot};
use crate::kinds::{self, KINDS};
use crate::object::{Object, Ref, View};
use crate::scene::Part;

/// What is told of on the way, or by itself.
const BESIDE: [&str; 2] = ["Event", "Lease"];

/// Objects of which something is left out: their kinds, and where they are.
#[derive(Default)]
struct Left<'a> {
    kinds: BTreeMap<usize, &'a str>,
    places: BTreeSet<&'a str>,
}

impl<'a> Left<'a> {
    fn add(&mut self, object: &'a Object) {
        let place = KINDS.iter().position(|kind| kind.name == object.id.kind);
        if let Some(place) = place.filter(|_| !BESIDE.contains(&object.id.kind.as_str())) {
            self.kinds.insert(place, &object.id.kind);
            self.places.insert(object.ns());
        }
    }

    /// `describe pods,nodes -A`, of the kinds that matter most.
    fn command(&self, verb: &str, end: &str) -> String {
        let plurals: Vec<&str> = self.kinds.keys().map(|place| KINDS[*place].plural).take(NAMED).collect();
        let mut places = self.places.iter().filter(|place| !place.is_empty());
        let place = match (places.next(), places.next()) {
            (None, _) => String::new(),
            (Some(one), None) => format!(" -n {one}"),
            _ => " -A".to_owned(),
        };
        format!("`kubectl {verb} {}{place}{end}`", plurals.join(","))
    }

    fn names(&self) -> String {
        several(&self.kinds.values().copied().collect::<Vec<_>>())
    }
}

impl Snapshot {
    /// What was left out of the texts that were given, by kinds, with what would tell it.
    pub fn untold(&self) -> Vec<Need> {
        let (mut listed, mut described, mut silent) = (Left::default(), Left::default(), Vec::new());
        for object in self.objects() {
            match object.view() {
                View::Listed => listed.add(object),
                View::Described([]) | View::Whole => continue,
                View::Described(_) => described.add(object),
            }
            silent.extend(self.unheard(object));
        }
        let mut needs = Vec::new();
        if !listed.kinds.is_empty() {
            let reason = format!("a table has only a line of each; {} tells more", listed.command("describe", ""));
            needs.push(Need::new(format!("read what is not in a table: {}", listed.names()), reason));
        }
        if !described.kinds.is_empty() {
            let reason =
                format!("a description leaves some of it out; {} has all", described.command("get", " -o yaml"));
            needs.push(Need::new(format!("read all fields: {}", described.names()), reason));
        }
        if let Some((pod, container)) = silent.first() {
            let reason = format!(
                "nothing was given of {} containers that were started again; `kubectl -n {} logs {} -c {container} --previous` tells why one was",
                silent.len(),
                pod.namespace,
                pod.name
            );
            needs.push(Need::new("read logs of runs that ended", reason));
        }
        needs
    }

    /// The containers of a pod that were started again and whose logs are not here.
    fn unheard(&self, pod: &Object) -> Vec<(Ref, String)> {
        let log = |part: &Part<'_>, run| {
            self.log(&LogName {
                namespace: pod.ns().to_owned(),
                pod: pod.name().to_owned(),
                container: part.name().to_owned(),
                run,
            })
        };
        let parts = if pod.id.kind == "Pod" { Part::all(pod) } else { Vec::new() };
        let restarted = parts.iter().filter(|part| part.restarts() > 0 && !part.name().is_empty());
        let unheard =
            restarted.filter(|part| [Run::Current, Run::Previous].iter().all(|run| log(part, *run).is_none()));
        unheard.map(|part| (pod.id.clone(), part.name().to_owned())).collect()
    }
}

/// The command that shows an object whole.
pub(super) fn whole(id: &Ref) -> String {
    let kind = kinds::of_name(&id.kind).map_or_else(|| id.kind.to_lowercase(), |kind| kind.short.to_owned());
    let place = if id.namespace.is_empty() { String::new() } else { format!(" -n {}", id.namespace) };
    format!("`kubectl get {kind} {}{place} -o yaml`", id.name)
}
